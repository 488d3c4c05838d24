/* SPDX-License-Identifier: ISC */
/* Rows of the trace of any bytes: what is read is written as it was. */
#include "store/trace_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Numbers may have been written longer than they are, so twice. */
static void
row(struct text value, struct arena *a)
{
	struct buffer once = BUFFER_INIT, twice = BUFFER_INIT;
	struct trace_mark marks[TRACE_MARKS_MAX];
	struct trace_row r, again;

	if (trace_row_unpack(value, a, &r) != STATUS_OK)
		return;
	CHECK(trace_marks(&r, marks) <= TRACE_MARKS_MAX);
	trace_row_pack(&once, &r);
	CHECK(trace_row_unpack(buffer_text(&once), a, &again) == STATUS_OK);
	trace_row_pack(&twice, &again);
	CHECK(text_equal(buffer_text(&once), buffer_text(&twice)));
	buffer_done(&once);
	buffer_done(&twice);
}

static void
noted(struct text value, struct arena *a)
{
	struct unpack u = unpack_of(value), v;
	struct buffer b = BUFFER_INIT;
	struct trace_noted n, again;

	if (trace_noted_unpack(&u, 0, a, &n) != STATUS_OK)
		return;
	trace_noted_pack(&b, 0, &n);
	v = unpack_of(buffer_text(&b));
	CHECK(trace_noted_unpack(&v, 0, a, &again) == STATUS_OK && unpack_end(&v));
	CHECK(text_equal(n.id, again.id) && n.at == again.at && n.marks == again.marks);
	buffer_done(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text value = { (const char *)data, size };
	struct arena a = ARENA_INIT;

	row(value, &a);
	noted(value, &a);
	arena_done(&a);
	return 0;
}
