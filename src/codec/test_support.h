/* SPDX-License-Identifier: ISC */
/* What the unit tests of codec and mime share: cmocka with what it needs
 * before it, and comparing of texts. */
#ifndef CODEC_TEST_SUPPORT_H
#define CODEC_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buffer.h"

/* Wants the four first above, and its fail() must not meet ours. */
#include <cmocka.h>

static inline void
check_text(struct text got, struct text want, const char *what, int line)
{
	if (text_equal(got, want))
		return;
	fail_msg("line %d, %s: got \"%.*s\" (%zu), want \"%.*s\" (%zu)", line, what, TEXT_ARG(got),
	    got.len, TEXT_ARG(want), want.len);
}

/* The text, or what the buffer holds; the buffer is emptied. */
#define ASSERT_TEXT(got, want) check_text((got), (want), #got, __LINE__)
#define ASSERT_BUFFER(b, want)                                    \
	do {                                                      \
		check_text(buffer_text(b), (want), #b, __LINE__); \
		buffer_clear(b);                                  \
	} while (0)

#endif
