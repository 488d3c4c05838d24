/* SPDX-License-Identifier: ISC */
/* Queue records of both versions, what an account remembers of its copies, and
 * what stands in the way of sending (limits, rules, the suppression list), of any
 * bytes: what is read is written as it was. */
#include "store/core.h"
#include "store/sent.h"
#include "store/suppression.h"

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

/* As of the newest slot of an hour; what is older than a window is left out. */
static void
counts(struct text value)
{
	struct sending_counts c, again, twice = { .at = { { { 0 } } } };
	struct buffer b = BUFFER_INIT;
	int64_t now = 0;

	if (sending_counts_unpack(value, &c) != STATUS_OK)
		return;
	for (unsigned i = 0; i < SENDING_SLOTS_MAX; i++)
		if (c.at[SENDING_HOUR][i].number > now)
			now = c.at[SENDING_HOUR][i].number;
	now = now < INT64_MAX / 300 ? now * 300 : INT64_MAX;
	sending_counts_pack(&b, &c, now);
	CHECK(sending_counts_unpack(buffer_text(&b), &again) == STATUS_OK);
	sending_counts_merge(&twice, &again);
	sending_counts_merge(&twice, &c);
	for (unsigned i = 0; i < SENDING_LIMITS; i++) {
		enum sending_span span = i % SENDING_SPANS;
		unsigned what = i / SENDING_SPANS;
		uint64_t sum = sending_counts_sum(&c, span, what, now);
		int64_t opens = sending_counts_opens(&c, span, what, sum, 1, now);

		CHECK(sum == sending_counts_sum(&again, span, what, now));
		CHECK(sum == 0 || opens == 0 || opens > now);
	}
	buffer_done(&b);
}

static void
rule(struct text value)
{
	struct sending_rule r, again;
	struct buffer b = BUFFER_INIT;

	if (sending_rule_unpack(value, &r) == STATUS_OK) {
		sending_rule_pack(&b, &r);
		CHECK(sending_rule_unpack(buffer_text(&b), &again) == STATUS_OK);
		CHECK(r.since == again.since && r.todo == again.todo &&
		      r.by_operator == again.by_operator && text_equal(r.why, again.why));
		for (unsigned i = 0; i < SENDING_LIMITS; i++) {
			CHECK(r.limit[i] == again.limit[i]);
			CHECK(r.limit[i] == 0 || sending_limit(&r, i) == r.limit[i] - 1);
		}
	}
	buffer_done(&b);
}

static void
suppression(struct text value)
{
	struct suppressed s, again;
	struct buffer b = BUFFER_INIT;

	(void)suppression_is_hard(value);
	if (suppressed_unpack(value, &s) == STATUS_OK) {
		suppressed_pack(&b, &s);
		CHECK(suppressed_unpack(buffer_text(&b), &again) == STATUS_OK);
		CHECK(s.at == again.at && s.by_operator == again.by_operator &&
		      text_equal(s.words, again.words));
	}
	buffer_done(&b);
}

/* Counts, and hashes of who is known. */
static void
sender(struct text value)
{
	for (int i = 0; i < 3; i++) {
		struct key key = key_of(i == 0 ? KEY_Q_SENT : KEY_Q_KNOWN);

		key_add(&key, SENDING_ACCOUNT, 1);
		key_add(&key, 7, 8);
		if (i == 2)
			key_add(&key, 3, 1);
		(void)sending_row_check(key_text(&key), value);
	}
	for (size_t n = 0; n < 16 && n <= value.len; n++)
		(void)sending_row_check(text_part(value, 0, n), text_part(value, n, value.len));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text value = { (const char *)data, size };

	record(value);
	notes(value);
	counts(value);
	rule(value);
	suppression(value);
	sender(value);
	return 0;
}
