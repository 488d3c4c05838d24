/* SPDX-License-Identifier: ISC */
/*
 * The SMTP and LMTP client against our own server, in every way in which they
 * can talk: what the client was given is what intake gets, and each recipient
 * has the server's verdict.
 */
#include "smtp/test_house.h"

#include "smtp/client_testing.h"

struct guest {
	struct house *house;
	struct smtp_session *session; /* NULL before the first wait */
	enum test_class class;
	struct buffer out, heard;
	size_t seen;
};

static enum status
guest_wait(struct stream *s, void *arg)
{
	struct guest *g = arg;
	enum wake why = WAKE_INPUT;
	enum next next;

	if (g->session == NULL) {
		g->session = house_socket_session(g->house, g->class, "127.0.0.1");
		why = WAKE_START;
	} else {
		assert_true(g->out.len > g->seen);
		house_say(
		    g->house, g->session, text_part(buffer_text(&g->out), g->seen, g->out.len));
		g->seen = g->out.len;
	}
	next = house_wake(g->house, g->session, why);
	buffer_clear(&g->heard);
	buffer_add_text(&g->heard, house_heard(g->house, g->session));
	assert_true(g->heard.len > 0);
	s->memory_in = buffer_text(&g->heard);
	if (next == NEXT_CLOSE)
		s->memory_wait = NULL;
	return STATUS_OK;
}

/* How they talk. */
struct manner {
	enum test_class class;
	bool no_pipelining, no_chunking;
	enum smtp_content body;
};

static const struct manner manners[] = {
	{ TEST_MX, false, false, SMTP_CONTENT_8BIT },
	{ TEST_MX, true, false, SMTP_CONTENT_8BIT },
	{ TEST_MX, false, true, SMTP_CONTENT_8BIT },
	{ TEST_MX, true, true, SMTP_CONTENT_7BIT },
	{ TEST_MX, false, false, SMTP_CONTENT_BINARY },
	{ TEST_LMTP, false, false, SMTP_CONTENT_8BIT },
	{ TEST_LMTP, true, true, SMTP_CONTENT_8BIT },
};

static void
guest_begin(struct guest *g, struct house *h, const struct manner *m, struct play *p)
{
	memset(g, 0, sizeof(*g));
	g->house = h;
	g->class = m->class;
	play_init(p, NULL);
	clock_set_for_test(-1, -1);
	stream_init_acted(&p->stream, guest_wait, g, &g->out);
	p->config.lmtp = m->class == TEST_LMTP;
	p->config.no_pipelining = m->no_pipelining;
	p->config.no_chunking = m->no_chunking;
	p->envelope.body = m->body;
}

static void
guest_end(struct guest *g, struct play *p)
{
	smtp_client_quit(&p->client);
	play_done(p);
	house_end(g->house, g->session);
	buffer_done(&g->out);
	buffer_done(&g->heard);
}

static void
assert_fate(const struct play *p, size_t i, enum smtp_outcome outcome, unsigned code)
{
	const struct smtp_fate *f = &p->recipients[i].fate;

	if (f->outcome != outcome || f->answer.code != code)
		fail_msg("recipient %zu: outcome %d at %s, %u %s", i, f->outcome,
		    smtp_stage_word(f->stage), f->answer.code, f->answer.text);
}

/* Two messages on one connection. */
static void
messages(void **state)
{
	static const char text[] = "Subject: x\r\n\r\n.\r\n..dots\r\n.\r\n\xc3\xbc\r\nend\r\n";
	static const char binary[] = "Subject: x\r\n\r\n.\r\n\n\r.bare";

	for (size_t i = 0; i < ARRAY_LEN(manners); i++) {
		const struct manner *m = &manners[i];
		struct guest g;
		struct play p;

		guest_begin(&g, *state, m, &p);
		play_message(&p, m->body == SMTP_CONTENT_BINARY ? binary : text);
		p.piece = 7;
		play_recipient(&p, "alice@demo.test");
		play_recipient(&p, "nobody@demo.test");
		play_recipient(&p, "full@demo.test");
		play_recipient(&p, "x@elsewhere.test");
		assert_ok(smtp_client_open(&p.client));
		assert_string_equal(p.client.server, "mail.demo.test");
		for (int round = 0; round < 2; round++) {
			for (size_t r = 0; r < p.count; r++)
				memset(&p.recipients[r].fate, 0, sizeof(p.recipients[r].fate));
			buffer_clear(&g.house->last.message);
			assert_ok(play_send(&p));
			assert_true(text_equal(buffer_text(&g.house->last.message), p.message));
			assert_text(buffer_text(&g.house->last.sender), "from@a.example");
			assert_int_equal(g.house->last.recipient_count, 1);
			assert_fate(
			    &p, 0, m->class == TEST_LMTP ? SMTP_DELIVERED : SMTP_PASSED_ON, 250);
			assert_fate(&p, 1, SMTP_PERMANENT, 550);
			assert_fate(&p, 2, SMTP_TEMPORARY, 452);
			assert_fate(&p, 3, SMTP_PERMANENT, 550);
		}
		guest_end(&g, &p);
	}
}

/* RFC 2033 4.2: what is only known behind the data. */
static void
lmtp_verdicts(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(manners); i++) {
		struct guest g;
		struct play p;

		if (manners[i].class != TEST_LMTP)
			continue;
		guest_begin(&g, *state, &manners[i], &p);
		play_recipient(&p, "alice@demo.test");
		play_recipient(&p, "late-full@demo.test");
		play_recipient(&p, "late-denied@demo.test");
		play_recipient(&p, "late-down@demo.test");
		play_recipient(&p, "bob@demo.test");
		assert_ok(smtp_client_open(&p.client));
		assert_ok(play_send(&p));
		assert_fate(&p, 0, SMTP_DELIVERED, 250);
		assert_int_equal(p.recipients[1].fate.outcome, SMTP_TEMPORARY);
		assert_int_equal(p.recipients[2].fate.outcome, SMTP_PERMANENT);
		assert_int_equal(p.recipients[3].fate.outcome, SMTP_TEMPORARY);
		assert_fate(&p, 4, SMTP_DELIVERED, 250);
		assert_int_equal(p.recipients[2].fate.stage, SMTP_AT_DOT);
		guest_end(&g, &p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(lmtp_verdicts),
	};

	return cmocka_run_group_tests(tests, house_setup, house_teardown);
}
