/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes whole dialogues: the first octet chooses SMTP or LMTP, AUTH, the
 * message; the rest is what the server says, a piece up to each 0x1e each time
 * the client waits. Whatever that is: every recipient that was tried has a fate
 * that fits its code, an open session is usable, and what the client said is
 * lines, and the message a whole one or none.
 */
#include "codec/utf8.h"
#include "smtp/client_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct script {
	struct text rest;
	int64_t now;
};

static enum status
next_piece(struct stream *s, void *arg)
{
	struct script *script = arg;

	if (!text_split(&script->rest, 0x1e, &s->memory_in))
		s->memory_wait = NULL;
	script->now += CLOCK_SECOND;
	clock_set_for_test(script->now, script->now);
	return STATUS_OK;
}

static void
check_fate(const struct smtp_fate *f)
{
	unsigned class = f->answer.code / 100;

	CHECK(f->outcome == SMTP_UNTRIED || f->stage != SMTP_AT_NONE);
	CHECK(f->outcome != SMTP_PERMANENT || class == 5);
	CHECK(f->outcome != SMTP_DELIVERED || class == 2);
	CHECK(f->outcome != SMTP_PASSED_ON || class == 2);
	CHECK(f->outcome != SMTP_RELAYED || class == 2);
	CHECK(!f->perhaps || (f->outcome == SMTP_TEMPORARY && f->answer.code == 0));
	CHECK(utf8_valid(text_of(f->answer.text)));
}

/* The message stands in what was said, if at all, behind a command. */
static void
check_said(const struct play *p)
{
	struct text out = buffer_text(&p->out), line;
	bool taken = false;

	for (size_t i = 0; i < p->count; i++) {
		enum smtp_outcome o = p->recipients[i].fate.outcome;

		check_fate(&p->recipients[i].fate);
		taken = taken || o == SMTP_DELIVERED || o == SMTP_PASSED_ON || o == SMTP_RELAYED;
	}
	CHECK(!taken || text_find(out, p->message, 0) < out.len);
	CHECK(out.len == 0 || text_ends(out, TEXT("\r\n")));
	while (text_split(&out, '\n', &line))
		CHECK(text_ends(line, TEXT("\r")) && text_find_byte(line, '\r', 0) == line.len - 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script script = { { (const char *)data, size }, PLAY_EPOCH };
	enum status st = STATUS_CLOSED;
	struct play p;

	if (size == 0)
		return 0;
	script.rest = text_part(script.rest, 1, size);
	play_init(&p, NULL);
	stream_init_acted(&p.stream, next_piece, &script, &p.out);
	p.config.lmtp = data[0] & 1;
	if (data[0] & 2) {
		p.config.user = TEXT("user");
		p.config.password = TEXT("password");
		p.config.plain_allowed = true;
	}
	p.envelope.body = data[0] & 4 ? SMTP_CONTENT_8BIT : SMTP_CONTENT_7BIT;
	p.envelope.require_tls = (data[0] & 24) == 24;
	play_recipient(&p, "b@x.example");
	play_recipient(&p, "c@x.example");
	play_recipient(&p, "d\xc3\xbc@y.example");
	if (smtp_client_open(&p.client) == STATUS_OK) {
		CHECK(p.client.usable && p.client.fate.stage == SMTP_AT_NONE);
		st = play_send(&p);
	}
	CHECK(p.client.usable == (st == STATUS_OK));
	CHECK(p.client.usable || st == STATUS_LIMIT || p.client.fate.outcome != SMTP_UNTRIED);
	check_fate(&p.client.fate);
	check_said(&p);
	smtp_client_quit(&p.client);
	play_done(&p);
	return 0;
}
