/* SPDX-License-Identifier: ISC */
/* Rows of outgoing mail of any bytes: what is read is written as it was. */
#include "store/outgoing_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Numbers may have been written longer than they are, so twice. */
static void
run(struct text value, struct arena *a)
{
	struct buffer once = BUFFER_INIT, twice = BUFFER_INIT;
	struct outgoing_run r, again;

	if (outgoing_run_unpack(value, a, &r) != STATUS_OK)
		return;
	outgoing_run_pack(&once, &r);
	CHECK(outgoing_run_unpack(buffer_text(&once), a, &again) == STATUS_OK);
	outgoing_run_pack(&twice, &again);
	CHECK(text_equal(buffer_text(&once), buffer_text(&twice)));
	buffer_done(&once);
	buffer_done(&twice);
}

static void
message(struct text value)
{
	struct buffer b = BUFFER_INIT;
	struct outgoing_message m, again;

	if (outgoing_message_unpack(value, &m) != STATUS_OK)
		return;
	outgoing_message_pack(&b, &m);
	CHECK(outgoing_message_unpack(buffer_text(&b), &again) == STATUS_OK);
	CHECK(m.open == again.open && m.owed == again.owed && m.expires == again.expires);
	CHECK(m.whole == outgoing_is_whole(value) && m.whole == again.whole);
	CHECK(text_equal(m.envelope, again.envelope) && text_equal(m.run, again.run));
	buffer_done(&b);
}

static void
envelope(struct text value)
{
	struct buffer b = BUFFER_INIT;
	struct outgoing_envelope e, again;

	if (outgoing_envelope_unpack(value, &e) != STATUS_OK)
		return;
	outgoing_envelope_pack(&b, &e);
	CHECK(outgoing_envelope_unpack(buffer_text(&b), &again) == STATUS_OK);
	CHECK(text_equal(e.sender, again.sender) && text_equal(e.summary, again.summary));
	buffer_done(&b);
}

static void
notice(struct text value)
{
	struct buffer once = BUFFER_INIT, twice = BUFFER_INIT;
	struct outgoing_notice n, again;

	if (outgoing_notice_unpack(value, &n) != STATUS_OK)
		return;
	outgoing_notice_pack(&once, &n);
	CHECK(outgoing_notice_unpack(buffer_text(&once), &again) == STATUS_OK);
	outgoing_notice_pack(&twice, &again);
	CHECK(n.op == again.op && n.kind == again.kind && n.late == again.late);
	CHECK(runs_total(&n.numbers) == runs_total(&again.numbers));
	CHECK(text_equal(buffer_text(&once), buffer_text(&twice)));
	buffer_done(&once);
	buffer_done(&twice);
	runs_done(&n.numbers);
	runs_done(&again.numbers);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text value = { (const char *)data, size };
	struct arena a = ARENA_INIT;

	run(value, &a);
	message(value);
	envelope(value);
	notice(value);
	arena_done(&a);
	return 0;
}
