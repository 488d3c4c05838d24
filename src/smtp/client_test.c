/* SPDX-License-Identifier: ISC */
/*
 * Dialogues of the SMTP and LMTP client with servers that behave: what it says,
 * in which groups, and what becomes of each recipient.
 */
#include "base/testing.h"

#include <stdio.h>

#include "codec/base64.h"
#include "smtp/client_testing.h"

#define HELLO "EHLO client.example\r\n"
#define MAIL "MAIL FROM:<from@a.example>"

static void
assert_said(struct play *p, const char *all)
{
	if (strcmp(buffer_string(&p->out), all) != 0)
		fail_msg("said:\n%s\ninstead of:\n%s", buffer_string(&p->out), all);
}

static void
assert_fate(
    const struct play *p, size_t i, enum smtp_outcome outcome, enum smtp_stage stage, unsigned code)
{
	const struct smtp_fate *f = &p->recipients[i].fate;

	if (f->outcome != outcome || f->stage != stage || f->answer.code != code)
		fail_msg("recipient %zu: outcome %d at %s, %u %s", i, f->outcome,
		    smtp_stage_word(f->stage), f->answer.code, f->answer.text);
}

/* Opens, and sends to b, c and so on. */
static enum status
play(struct play *p, const char *const *script, size_t recipients)
{
	static const char *const names[] = { "b@x.example", "c@x.example", "d@y.example" };

	play_init(p, script);
	for (size_t i = 0; i < recipients; i++)
		play_recipient(p, names[i]);
	assert_ok(smtp_client_open(&p->client));
	return play_send(p);
}

static void
one_by_one(void **state)
{
	static const char *const script[] = { "220 mx.example ESMTP\r\n",
		"250-mx.example\r\n250 SIZE 1000\r\n", "250 ok\r\n", "250 ok\r\n",
		"550 5.1.1 who?\r\n", "354 go\r\n", "250 2.6.0 thanks\r\n", "221 bye\r\n", NULL };
	struct play p;

	assert_ok(play(&p, script, 2));
	smtp_client_quit(&p.client);
	assert_said(&p, HELLO MAIL " SIZE=21\r\nRCPT TO:<b@x.example>\r\n"
				   "RCPT TO:<c@x.example>\r\nDATA\r\n"
				   "Subject: x\r\n\r\nHello\r\n.\r\nQUIT\r\n");
	assert_string_equal(p.client.server, "mx.example");
	assert_fate(&p, 0, SMTP_RELAYED, SMTP_AT_DOT, 250);
	assert_string_equal(p.recipients[0].fate.answer.text, "2.6.0 thanks");
	assert_fate(&p, 1, SMTP_PERMANENT, SMTP_AT_RCPT, 550);
	assert_int_equal(p.recipients[1].fate.answer.enhanced[1], 1);
	play_done(&p);
}

/* RFC 2920 3.1: MAIL, RCPT and DATA in one group. */
static void
pipelined(void **state)
{
	static const char *const script[] = { "220 mx\r\n",
		"250-mx\r\n250-PIPELINING\r\n250-DSN\r\n250 8BITMIME\r\n",
		"250 a\r\n250 b\r\n452 later\r\n354 go\r\n", "250 got it\r\n",
		"250 a\r\n450 no\r\n503 no\r\n", NULL };
	struct play p;

	assert_ok(play(&p, script, 2));
	assert_int_equal(p.waits, 5);
	assert_fate(&p, 0, SMTP_PASSED_ON, SMTP_AT_DOT, 250);
	/* Too many after one was taken: another transaction (RFC 5321 4.5.3.1.10). */
	assert_fate(&p, 1, SMTP_TEMPORARY, SMTP_AT_RCPT, 450);
	assert_true(p.client.usable);
	play_done(&p);
}

/* RFC 2920 3.1: the server took nobody, and DATA was said already. */
static void
nobody_taken(void **state)
{
	static const char *const script[] = { "220 mx\r\n", "250-mx\r\n250 PIPELINING\r\n",
		"250 a\r\n550 b\r\n551 c\r\n354 go\r\n", "250 or what\r\n", "250 reset\r\n",
		"250 a\r\n250 b\r\n354 go\r\n", "250 got it\r\n", NULL };
	struct play p;

	assert_ok(play(&p, script, 2));
	assert_fate(&p, 0, SMTP_PERMANENT, SMTP_AT_RCPT, 550);
	assert_fate(&p, 1, SMTP_PERMANENT, SMTP_AT_RCPT, 551);
	assert_true(p.client.usable);
	p.count = 0;
	play_recipient(&p, "d@y.example");
	assert_ok(play_send(&p));
	assert_said(&p, HELLO MAIL "\r\nRCPT TO:<b@x.example>\r\nRCPT TO:<c@x.example>\r\nDATA\r\n"
				   ".\r\nRSET\r\n" MAIL "\r\nRCPT TO:<d@y.example>\r\nDATA\r\n"
				   "Subject: x\r\n\r\nHello\r\n.\r\n");
	assert_fate(&p, 0, SMTP_RELAYED, SMTP_AT_DOT, 250);
	play_done(&p);
}

static void
nobody_taken_one_by_one(void **state)
{
	static const char *const script[] = { "220 mx\r\n", "250 mx\r\n", "250 a\r\n", "450 b\r\n",
		NULL };
	struct play p;

	assert_ok(play(&p, script, 1));
	assert_fate(&p, 0, SMTP_TEMPORARY, SMTP_AT_RCPT, 450);
	assert_true(p.client.usable && p.client.started);
	play_done(&p);
}

/* What MAIL met is everybody's, whatever RCPT says afterwards. */
static void
mail_refused(void **state)
{
	static const char *const script[] = { "220 mx\r\n", "250-mx\r\n250 PIPELINING\r\n",
		"552 5.3.4 too big\r\n250 b\r\n503 c\r\n503 d\r\n", NULL };
	struct play p;

	assert_ok(play(&p, script, 2));
	assert_fate(&p, 0, SMTP_PERMANENT, SMTP_AT_MAIL, 552);
	assert_fate(&p, 1, SMTP_PERMANENT, SMTP_AT_MAIL, 552);
	assert_true(p.client.usable && !p.client.started);
	play_done(&p);
}

static void
data_refused(void **state)
{
	static const char *const script[] = { "220 mx\r\n", "250 mx\r\n", "250 a\r\n",
		"552 full\r\n", "250 c\r\n", "451 4.3.0 not now\r\n", "250 reset\r\n", NULL };
	struct play p;

	assert_ok(play(&p, script, 2));
	/* RFC 5321 4.5.3.1.10: 552 to RCPT is a mistake for 452. */
	assert_fate(&p, 0, SMTP_TEMPORARY, SMTP_AT_RCPT, 552);
	assert_fate(&p, 1, SMTP_TEMPORARY, SMTP_AT_DATA, 451);
	assert_ok(smtp_client_reset(&p.client));
	assert_false(p.client.started);
	play_done(&p);
}

static void
message_refused(void **state)
{
	static const char *const script[] = { "220 mx\r\n", "250 mx\r\n", "250 a\r\n", "250 b\r\n",
		"354 go\r\n", "554-5.7.1 spam\r\n554 5.7.1 really\r\n", NULL };
	struct play p;

	assert_ok(play(&p, script, 1));
	assert_fate(&p, 0, SMTP_PERMANENT, SMTP_AT_DOT, 554);
	assert_string_equal(p.recipients[0].fate.answer.text, "5.7.1 spam\n5.7.1 really");
	assert_false(p.recipients[0].fate.perhaps);
	play_done(&p);
}

/* RFC 5321 4.5.2, in every cut of the message. */
static void
dots(void **state)
{
	static const char *const script[] = { "220 mx\r\n", "250 mx\r\n", "250 a\r\n", "250 b\r\n",
		"354 go\r\n", "250 ok\r\n", NULL };
	static const char in[] = ".\r\n..\r\na.\r\n\r\n.x\r\rb\n.c\r\n\r.d\r";
	static const char out[] = "..\r\n...\r\na.\r\n\r\n..x\r\n\r\nb\r\n..c\r\n\r\n..d\r\n.\r\n";

	for (size_t piece = 0; piece < sizeof(in); piece++) {
		struct play p;

		play_init(&p, script);
		play_recipient(&p, "b@x.example");
		play_message(&p, in);
		p.piece = piece;
		assert_ok(smtp_client_open(&p.client));
		assert_ok(play_send(&p));
		if (!text_ends(buffer_text(&p.out), text_of(out)) ||
		    !text_ends(text_part(buffer_text(&p.out), 0, p.out.len - sizeof(out) + 1),
			TEXT("DATA\r\n")))
			fail_msg("pieces of %zu: %s", piece, buffer_string(&p.out));
		play_done(&p);
	}
}

static void
add_line(struct buffer *b, const char *before, char octet, size_t count)
{
	buffer_add_string(b, before);
	for (size_t i = 0; i < count; i++)
		buffer_add_byte(b, octet);
	buffer_add_string(b, "\r\n");
}

static void
add_times(struct buffer *b, const char *word, size_t count)
{
	while (count-- > 0)
		buffer_add_string(b, word);
}

/* Lines with blanks and characters (RFC 5322 2.2.3, RFC 3629 3) as they are, and as
 * they go out: no octet more where there is a blank. */
static void
add_blanks(struct buffer *b, bool broken)
{
	const char *end = broken ? "\r\n" : "";

	add_times(b, "e", 300);
	add_times(b, " ", 1);
	add_times(b, "e", 300);
	add_times(b, end, 1);
	add_line(b, "\t", 'f', 950);
	add_times(b, "x", 1);
	add_times(b, "\xc3\xbc", 498);
	add_times(b, broken ? "\r\n " : "", 1);
	add_times(b, "\xc3\xbc", 102);
	add_times(b, "\r\n", 1);
	add_times(b, "\xbc", 998);
	add_times(b, broken ? "\r\n " : "", 1);
	add_times(b, "\xbc", 2);
	add_times(b, "\r\n", 1);
	add_times(b, " ", 998);
	add_times(b, end, 1);
	add_line(b, "  ", 'i', 3);
}

/* RFC 5321 4.5.3.1.6: of what may have longer lines none has more than 998 octets on the
 * wire, in every cut; a chunk could not be counted before. */
static void
long_lines(void **state)
{
	static const char *const script[] = { "220 mx\r\n", "250-mx\r\n250 CHUNKING\r\n",
		"250 a\r\n", "250 b\r\n", "354 go\r\n", "250 ok\r\n", NULL };
	static const size_t pieces[] = { 0, 1, 7, 996, 997, 998, 999, 1000, 1001, 1997, 2001 };
	struct buffer in = BUFFER_INIT, out = BUFFER_INIT;

	add_line(&in, "", 'a', 998);
	add_line(&in, "", 'b', 999);
	add_line(&in, ".", 'c', 2100);
	add_line(&in, "", 'd', 1996);
	add_blanks(&in, false);
	add_line(&out, "DATA\r\n", 'a', 998);
	add_line(&out, "", 'b', 998);
	add_line(&out, " ", 'b', 1);
	add_line(&out, "..", 'c', 997);
	add_line(&out, " ", 'c', 997);
	add_line(&out, " ", 'c', 106);
	add_line(&out, "", 'd', 998);
	add_line(&out, " ", 'd', 997);
	add_line(&out, " ", 'd', 1);
	add_blanks(&out, true);
	buffer_add_string(&out, ".\r\n");
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		struct play p;

		play_init(&p, script);
		play_recipient(&p, "b@x.example");
		play_message(&p, buffer_string(&in));
		p.envelope.rough = true;
		p.piece = pieces[i];
		assert_ok(smtp_client_open(&p.client));
		assert_ok(play_send(&p));
		if (!text_ends(buffer_text(&p.out), buffer_text(&out)))
			fail_msg("pieces of %zu: %s", pieces[i], buffer_string(&p.out));
		play_done(&p);
	}
	buffer_done(&in);
	buffer_done(&out);
}

/* RFC 3030 2: one chunk, without waiting for its command's answer. */
static void
chunk(void **state)
{
	static const char *const script[] = { "220 mx\r\n",
		"250-mx\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 BINARYMIME\r\n",
		"250 a\r\n250 b\r\n", "250 ok\r\n", NULL };
	struct play p;

	play_init(&p, script);
	play_recipient(&p, "b@x.example");
	play_message(&p, ".\r\n.\n\rno end");
	p.envelope.body = SMTP_CONTENT_BINARY;
	assert_ok(smtp_client_open(&p.client));
	assert_ok(play_send(&p));
	assert_said(&p, HELLO MAIL " BODY=BINARYMIME\r\nRCPT TO:<b@x.example>\r\n"
				   "BDAT 12 LAST\r\n.\r\n.\n\rno end");
	assert_fate(&p, 0, SMTP_RELAYED, SMTP_AT_DOT, 250);
	play_done(&p);
}

/* RFC 2033 4.2: each recipient that was taken has its own answer. */
static void
lmtp(void **state)
{
	static const char *const script[] = { "220 mx\r\n",
		"250-mx\r\n250-PIPELINING\r\n250 DSN\r\n",
		"250 a\r\n250 b\r\n550 c\r\n250 d\r\n354 go\r\n", "250 2.1.5 in\r\n",
		"452 4.2.2 full\r\n", NULL };
	struct play p;

	play_init(&p, script);
	p.config.lmtp = true;
	play_recipient(&p, "b@x.example");
	play_recipient(&p, "c@x.example");
	play_recipient(&p, "d@x.example");
	assert_ok(smtp_client_open(&p.client));
	assert_ok(play_send(&p));
	assert_true(text_starts(buffer_text(&p.out), TEXT("LHLO client.example\r\n")));
	assert_fate(&p, 0, SMTP_DELIVERED, SMTP_AT_DOT, 250);
	assert_fate(&p, 1, SMTP_PERMANENT, SMTP_AT_RCPT, 550);
	assert_fate(&p, 2, SMTP_TEMPORARY, SMTP_AT_DOT, 452);
	play_done(&p);
}

/* RFC 5321 3.2: HELO where EHLO is not known. */
static void
helo(void **state)
{
	static const char *const script[] = { "220-mx\r\n220 old\r\n", "502 what\r\n",
		"250-mx\r\n250 PIPELINING\r\n", NULL };
	struct play p;

	play_init(&p, script);
	assert_ok(smtp_client_open(&p.client));
	assert_said(&p, HELLO "HELO client.example\r\n");
	assert_int_equal(p.client.offers.set, 0);
	play_done(&p);
}

/* RFC 9422 4: recipients, their domains, and messages. */
static void
limits(void **state)
{
	static const char *const script[] = { "220 mx\r\n",
		"250-mx\r\n250-PIPELINING\r\n250 LIMITS RCPTMAX=2 MAILMAX=2 RCPTDOMAINMAX=1 "
		"X=Y\r\n",
		"250 a\r\n250 b\r\n250 c\r\n354 go\r\n", "250 ok\r\n",
		"250 a\r\n250 d\r\n354 go\r\n", "250 ok\r\n", NULL };
	struct play p;

	assert_ok(play(&p, script, 3));
	for (size_t i = 0; i < 3; i++)
		assert_fate(&p, i, SMTP_RELAYED, SMTP_AT_DOT, 250);
	assert_int_equal(p.client.mails, 2);
	p.count = 0;
	play_recipient(&p, "e@x.example");
	assert_int_equal(play_send(&p), STATUS_LIMIT);
	assert_fate(&p, 0, SMTP_UNTRIED, SMTP_AT_NONE, 0);
	assert_false(p.client.usable);
	play_done(&p);
}

/* A server that answers each command of a group, whatever they are. */
struct answerer {
	struct buffer out, answers;
	size_t seen, largest;
};

static enum status
answer_all(struct stream *s, void *arg)
{
	struct answerer *a = arg;
	struct text rest = text_part(buffer_text(&a->out), a->seen, a->out.len), line;

	buffer_clear(&a->answers);
	if (a->seen == 0 && rest.len == 0)
		buffer_add_string(&a->answers, "220 mx\r\n");
	if (rest.len > a->largest)
		a->largest = rest.len;
	a->seen = a->out.len;
	while (text_split(&rest, '\n', &line)) {
		if (text_starts(line, TEXT("EHLO")))
			buffer_add_string(&a->answers, "250-mx\r\n250 PIPELINING\r\n");
		else if (text_starts(line, TEXT("DATA")))
			buffer_add_string(&a->answers, "354 go\r\n");
		else if (text_starts(line, TEXT("RCPT TO:<r7@")))
			buffer_add_string(&a->answers, "550 not you\r\n");
		else if (text_find_byte(line, ':', 0) < line.len || text_starts(line, TEXT(".\r")))
			buffer_add_string(&a->answers, "250 ok\r\n");
		if (text_starts(line, TEXT("DATA")))
			break;
	}
	s->memory_in = buffer_text(&a->answers);
	return STATUS_OK;
}

/* Many recipients: no group is so large that both sides would wait for each other. */
static void
groups(void **state)
{
	static struct smtp_recipient many[1000];
	static char names[1000][20];
	struct answerer a = { 0 };
	struct play p;

	for (size_t i = 0; i < 1000; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "r%zu@x.example", i);
		many[i] = (struct smtp_recipient){ .address = text_of(names[i]) };
	}
	play_init(&p, NULL);
	stream_init_acted(&p.stream, answer_all, &a, &a.out);
	assert_ok(smtp_client_open(&p.client));
	assert_ok(smtp_client_send(&p.client, &p.envelope, many, 1000));
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(many[i].fate.outcome, i == 7 ? SMTP_PERMANENT : SMTP_RELAYED);
	assert_in_range(a.largest, 1000, 8400);
	play_done(&p);
	buffer_done(&a.out);
	buffer_done(&a.answers);
}

/* ---- AUTH ---- */

static void
auth(void **state)
{
	static const char *const plain[] = { "220 mx\r\n", "250-mx\r\n250 AUTH LOGIN PLAIN\r\n",
		"235 in\r\n", NULL };
	static const char *const login[] = { "220 mx\r\n", "250-mx\r\n250 AUTH=LOGIN\r\n",
		"334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n", "535 5.7.8 no\r\n", NULL };
	struct play p;

	for (int round = 0; round < 3; round++) {
		play_init(&p, round == 1 ? login : plain);
		p.config.user = TEXT("u");
		p.config.password = TEXT("p");
		p.config.plain_allowed = round < 2;
		assert_int_equal(
		    smtp_client_open(&p.client), round == 0 ? STATUS_OK : STATUS_DENIED);
		assert_int_equal(p.client.signed_in, round == 0);
		if (round == 0)
			assert_said(&p, HELLO "AUTH PLAIN AHUAcA==\r\n");
		else if (round == 1)
			assert_said(&p, HELLO "AUTH LOGIN\r\ndQ==\r\ncA==\r\n");
		else /* nothing in clear that was not allowed */
			assert_said(&p, HELLO);
		assert_int_equal(p.client.fate.stage, round == 0 ? SMTP_AT_NONE : SMTP_AT_AUTH);
		play_done(&p);
	}
}

/* ---- what a message needs ---- */

/* RFC 3461 4, RFC 2852 4, RFC 4865 4, RFC 6531 3.4: each where it is offered. */
static void
parameters(void **state)
{
	static const char *const script[] = { "220 mx\r\n",
		"250-mx\r\n250-DSN\r\n250-SIZE\r\n250-8bitmime\r\n250-SMTPUTF8\r\n"
		"250-MT-PRIORITY MIXER\r\n250-DELIVERBY 60\r\n250 FUTURERELEASE 1000 x\r\n",
		"250 a\r\n", "250 b\r\n", "354 go\r\n", "250 ok\r\n", NULL };
	struct play p;

	play_init(&p, script);
	play_recipient(&p, "b\xc3\xbc@b\xc3\xbc"
			   "cher.example");
	p.recipients[0].notify = SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_DELAY;
	p.recipients[0].orcpt = TEXT("rfc822;b+2Bx@y.example");
	p.envelope.header_utf8 = true; /* which is why BODY is said */
	p.envelope.ret = SMTP_RET_HDRS;
	p.envelope.envid = TEXT("id+2B1");
	p.envelope.has_priority = true;
	p.envelope.priority = -3;
	p.envelope.by_mode = 'R';
	p.envelope.by_trace = true;
	p.envelope.by_seconds = 120;
	p.envelope.hold_seconds = 999;
	assert_ok(smtp_client_open(&p.client));
	assert_ok(play_send(&p));
	assert_non_null(strstr(buffer_string(&p.out),
	    MAIL " SIZE=21 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=id+2B1 MT-PRIORITY=-3 "
		 "BY=120;RT HOLDFOR=999\r\n"
		 "RCPT TO:<b\xc3\xbc@b\xc3\xbc"
		 "cher.example> NOTIFY=SUCCESS,DELAY "
		 "ORCPT=rfc822;b+2Bx@y.example\r\n"));
	play_done(&p);
}

/* RFC 6531 3.5: an international domain alone needs no SMTPUTF8. */
static void
labels(void **state)
{
	static const char *const script[] = { "220 mx\r\n",
		"250-mx\r\n250-DSN\r\n250 PIPELINING\r\n", "250 a\r\n250 b\r\n354 go\r\n",
		"250 ok\r\n", NULL };
	struct play p;

	play_init(&p, script);
	p.envelope.sender = TEXT("");
	play_recipient(&p, "b@b\xc3\xbc"
			   "cher.example");
	p.recipients[0].orcpt = TEXT("utf-8;\xc3\xbc@x.example");
	play_recipient(&p, "\xc3\xbc@x.example");
	play_recipient(&p, "evil\r\nDATA@x.example");
	assert_ok(smtp_client_open(&p.client));
	assert_ok(play_send(&p));
	assert_non_null(strstr(buffer_string(&p.out),
	    "MAIL FROM:<>\r\nRCPT TO:<b@xn--bcher-kva.example> ORCPT=utf-8;\\x{FC}@x.example\r\n"
	    "DATA\r\n"));
	assert_fate(&p, 0, SMTP_PASSED_ON, SMTP_AT_DOT, 250);
	assert_fate(&p, 1, SMTP_PERMANENT, SMTP_AT_NEEDS, 553);
	assert_fate(&p, 2, SMTP_PERMANENT, SMTP_AT_NEEDS, 553);
	play_done(&p);
}

static void
lacks(void **state)
{
	static const char *const script[] = { "220 mx\r\n", "250-mx\r\n250 SIZE 100\r\n", NULL };
	static const struct {
		struct smtp_envelope e;
		enum smtp_lack lack;
		const char *enhanced;
	} rows[] = {
		{ { .body = SMTP_CONTENT_8BIT }, SMTP_LACKS_8BITMIME, "5.6.3" },
		{ { .body = SMTP_CONTENT_BINARY }, SMTP_LACKS_BINARYMIME, "5.6.3" },
		{ { .header_utf8 = true }, SMTP_LACKS_HEADER_UTF8, "5.6.9" },
		{ { .sender = { "\xc3\xbc@x", 4 } }, SMTP_LACKS_SENDER_UTF8, "5.6.7" },
		{ { .sender = { "a\n@x", 4 } }, SMTP_LACKS_ADDRESS, "5.1.3" },
		{ { .size = 101 }, SMTP_LACKS_SIZE, "5.3.4" },
		{ { .sender = { "a@x", 3 }, .require_tls = true }, SMTP_LACKS_REQUIRETLS,
		    "5.7.30" },
		{ { .require_tls = true }, SMTP_LACKS_NONE, "" }, /* RFC 8689 5 */
		{ { .by_mode = 'R', .by_seconds = 100 }, SMTP_LACKS_DELIVERBY, "5.3.3" },
		{ { .hold_seconds = 1 }, SMTP_LACKS_HOLDFOR, "5.3.3" },
		{ { .size = 100, .by_mode = 'N' }, SMTP_LACKS_NONE, "" },
	};
	struct play p;

	play_init(&p, script);
	play_recipient(&p, "b@x.example");
	assert_ok(smtp_client_open(&p.client));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char word[16];

		assert_int_equal(smtp_client_lacks(&p.client, &rows[i].e), rows[i].lack);
		if (rows[i].lack == SMTP_LACKS_NONE)
			continue;
		memset(&p.recipients[0].fate, 0, sizeof(p.recipients[0].fate));
		p.envelope = rows[i].e;
		assert_ok(play_send(&p));
		assert_int_equal(p.recipients[0].fate.outcome, SMTP_PERMANENT);
		assert_int_equal(p.recipients[0].fate.stage, SMTP_AT_NEEDS);
		assert_string_equal(
		    smtp_answer_enhanced(&p.recipients[0].fate.answer, word), rows[i].enhanced);
	}
	assert_said(&p, HELLO);
	play_done(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_by_one),
		cmocka_unit_test(pipelined),
		cmocka_unit_test(nobody_taken),
		cmocka_unit_test(nobody_taken_one_by_one),
		cmocka_unit_test(mail_refused),
		cmocka_unit_test(data_refused),
		cmocka_unit_test(message_refused),
		cmocka_unit_test(dots),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(chunk),
		cmocka_unit_test(lmtp),
		cmocka_unit_test(helo),
		cmocka_unit_test(limits),
		cmocka_unit_test(groups),
		cmocka_unit_test(auth),
		cmocka_unit_test(parameters),
		cmocka_unit_test(labels),
		cmocka_unit_test(lacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
