/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes stream_line: the pieces it gives, with their ends, are the input
 * again, no line holds a CR or LF, and an end that comes later never changes
 * what was said of a line before.
 */
#include <string.h>

#include "runtime/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_line(struct text line, struct text in, enum status st)
{
	CHECK(text_starts(in, line));
	CHECK(text_find_byte(line, '\n', 0) == line.len);
	CHECK(text_find_byte(line, '\r', 0) == line.len);
	if (st == STATUS_OK)
		CHECK(memcmp(in.ptr + line.len, "\r\n", 2) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t limit = size > 0 ? data[0] : 0, eaten = 0;
	struct buffer out = BUFFER_INIT;
	struct stream s;
	enum status st, fill = STATUS_OK;
	struct text line;

	stream_init_memory(&s, (struct text){ (const char *)data, size }, &out);
	while (fill == STATUS_OK) {
		st = stream_line(&s, limit, &line);
		if (st == STATUS_OK || st == STATUS_INVALID) {
			check_line(line, stream_buffered(&s), st);
			CHECK(line.len <= limit);
			stream_consume(&s, line.len + (st == STATUS_OK ? 2 : 1));
			eaten += line.len + (st == STATUS_OK ? 2 : 1);
		} else if (st == STATUS_LIMIT) {
			CHECK(stream_buffered(&s).len > limit);
			stream_consume(&s, 1);
			eaten++;
		} else {
			CHECK(stream_buffered(&s).len <= limit + 1);
			fill = stream_fill(&s);
		}
		CHECK(eaten + stream_buffered(&s).len + s.memory_in.len == size);
	}
	stream_done(&s);
	buffer_done(&out);
	return 0;
}
