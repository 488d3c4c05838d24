/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the byte encoding: sets of runs that decode are packed again and
 * must give the same bytes, and a walk of mixed fields stays in bounds.
 */
#include "base/runs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
walk_fields(struct text in)
{
	struct unpack u = unpack_of(in);

	while (!unpack_end(&u) && unpack_ok(&u)) {
		(void)unpack_text(&u);
		(void)unpack_signed(&u);
		(void)unpack_be32(&u);
		(void)unpack_varint_max(&u, 1000);
		(void)unpack_be64(&u);
		(void)unpack_u8(&u);
	}
	CHECK(cursor_left(&u.in) <= in.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text in = { (const char *)data, size };
	struct unpack u = unpack_of(in);
	struct runs r = RUNS_INIT;
	struct buffer b = BUFFER_INIT;

	walk_fields(in);
	if (runs_unpack(&u, 1000, &r) == STATUS_OK) {
		runs_pack(&b, &r);
		CHECK(text_starts(in, buffer_text(&b)));
		CHECK(b.len == size - cursor_left(&u.in));
		if (!runs_empty(&r))
			CHECK(runs_at(&r, runs_total(&r)) == runs_last(&r));
	}
	buffer_done(&b);
	runs_done(&r);
	return 0;
}
