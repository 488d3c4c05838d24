/* SPDX-License-Identifier: ISC */
/* Queue records of both versions, and what an account remembers of its copies,
 * of any bytes: what is read is written as it was. */
#include "store/core.h"
#include "store/sent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
record(struct text value)
{
	struct record r = { .id = 0 }, again = { .id = 0 };
	struct buffer b = BUFFER_INIT;

	if (record_unpack(value, &r) == STATUS_OK) {
		record_pack(&b, &r);
		CHECK(record_unpack(buffer_text(&b), &again) == STATUS_OK);
		CHECK(r.count == again.count && r.due == again.due && r.message == again.message);
		CHECK(text_equal(r.prefix, again.prefix) && text_equal(r.sent, again.sent));
		for (uint32_t i = 0; i < r.count; i++)
			CHECK(r.place[i].account == again.place[i].account &&
			      r.place[i].what == again.place[i].what);
	}
	buffer_done(&b);
	arena_done(&r.arena);
	arena_done(&again.arena);
}

static void
notes(struct text value)
{
	struct sent_notes n, again;
	struct buffer b = BUFFER_INIT;

	if (sent_notes_unpack(value, &n) == STATUS_OK) {
		sent_notes_pack(&b, &n);
		CHECK(sent_notes_unpack(buffer_text(&b), &again) == STATUS_OK);
		CHECK(n.count == again.count);
		for (uint32_t i = 0; i < n.count; i++)
			CHECK(n.at[i].hash == again.at[i].hash &&
			      n.at[i].at.uid == again.at[i].at.uid &&
			      n.at[i].ours == again.at[i].ours);
	}
	buffer_done(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text value = { (const char *)data, size };

	record(value);
	notes(value);
	return 0;
}
