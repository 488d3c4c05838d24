/* SPDX-License-Identifier: ISC */
/* How a program of the tests is asked and answers, on standard input and output: a
 * frame is four octets of length (big-endian) and the octets. */
#ifndef MAILAUTH_TESTING_FRAMES_H
#define MAILAUTH_TESTING_FRAMES_H

#include <stdio.h>

#include "base/buffer.h"

#define FRAME_MAX (64U << 20)

/* False at the end. */
static inline bool
frame_read(struct buffer *to)
{
	uint8_t length[4];
	size_t n;

	buffer_clear(to);
	if (fread(length, 1, 4, stdin) != 4)
		return false;
	n = (size_t)length[0] << 24 | (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];
	CHECK(n < FRAME_MAX);
	CHECK(fread(buffer_room(to, n), 1, n, stdin) == n);
	buffer_added(to, n);
	return true;
}

static inline void
frame_write(struct text t)
{
	const uint8_t length[] = { (uint8_t)(t.len >> 24), (uint8_t)(t.len >> 16),
		(uint8_t)(t.len >> 8), (uint8_t)t.len };

	CHECK(fwrite(length, 1, 4, stdout) == 4 && fwrite(t.ptr, 1, t.len, stdout) == t.len);
	CHECK(fflush(stdout) == 0);
}

#endif
