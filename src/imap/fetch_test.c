/* SPDX-License-Identifier: ISC */
/*
 * FETCH section by section (RFC 3501 6.4.5, 7.4.2, RFC 9051 6.4.5, 7.5.2):
 * the numbering of parts with the RFC's own example, what a partial is, what is
 * not there, what counts as reading, macros, dates and limits.
 */
#include "imap/fetch_items.h"
#include "imap/session_testing.h"
#include "runtime/metrics.h"
#include "store/cold.h"
#include "store/keys.h"

/* The example of RFC 3501 6.4.5 (RFC 9051 6.4.5.1): a text, a stream of
 * octets, a message of two parts, and a multipart of a picture and a message
 * that has an alternative in it. */
#define EXAMPLE                                                                       \
	"Subject: example\r\nContent-Type: multipart/mixed; boundary=A\r\n\r\n"       \
	"--A\r\nContent-Type: TEXT/PLAIN\r\n\r\none\r\n"                              \
	"--A\r\nContent-Type: APPLICATION/OCTET-STREAM\r\n\r\ntwo\r\n"                \
	"--A\r\nContent-Type: MESSAGE/RFC822\r\n\r\n"                                 \
	"Subject: three\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n"         \
	"--B\r\nContent-Type: TEXT/PLAIN\r\n\r\nthree one\r\n"                        \
	"--B\r\nContent-Type: APPLICATION/OCTET-STREAM\r\n\r\nthree two\r\n--B--\r\n" \
	"--A\r\nContent-Type: MULTIPART/MIXED; boundary=C\r\n\r\n"                    \
	"--C\r\nContent-Type: IMAGE/GIF\r\nX: 4.1\r\n\r\nfour one\r\n"                \
	"--C\r\nContent-Type: MESSAGE/RFC822\r\nX: 4.2\r\n\r\n"                       \
	"Subject: four two\r\nContent-Type: multipart/mixed; boundary=D\r\n\r\n"      \
	"--D\r\nContent-Type: TEXT/PLAIN\r\n\r\n4.2.1\r\n"                            \
	"--D\r\nContent-Type: MULTIPART/ALTERNATIVE; boundary=E\r\n\r\n"              \
	"--E\r\nContent-Type: TEXT/PLAIN\r\n\r\n4.2.2.1\r\n"                          \
	"--E\r\nContent-Type: TEXT/RICHTEXT\r\n\r\n4.2.2.2\r\n"                       \
	"--E--\r\n--D--\r\n--C--\r\n--A--\r\n"

static void
open_mailbox(struct talk *t, const char *mailbox, const char *flags, const char *mail)
{
	struct buffer b = BUFFER_INIT;

	sign_in(t);
	buffer_addf(&b, "c CREATE %s\r\n", mailbox);
	HAS(t, buffer_string(&b), "c OK");
	append_to(t, mailbox, flags, mail);
	buffer_clear(&b);
	buffer_addf(&b, "s SELECT %s\r\n", mailbox);
	HAS(t, buffer_string(&b), "s OK");
	buffer_done(&b);
}

/* BODY.PEEK[section] is this; NULL: NIL. */
static void
section_is(struct talk *t, const char *section, const char *want)
{
	struct buffer say = BUFFER_INIT, answer = BUFFER_INIT;

	buffer_addf(&say, "a FETCH 1 BODY.PEEK[%s]\r\n", section);
	buffer_addf(&answer, "* 1 FETCH (BODY[%s] ", section);
	if (want == NULL)
		buffer_add_string(&answer, "NIL");
	else
		buffer_addf(&answer, "{%zu}\r\n%s", strlen(want), want);
	buffer_add_string(&answer, ")\r\na OK FETCH done\r\n");
	SAYS(t, buffer_string(&say), buffer_string(&answer));
	buffer_done(&say);
	buffer_done(&answer);
}

/* RFC 3501 6.4.5: "Here is an example of a complex message with some of its
 * part specifiers". */
static void
part_specifiers(void **state)
{
	static const struct {
		const char *section, *want;
	} table[] = {
		{ "HEADER",
		    "Subject: example\r\nContent-Type: multipart/mixed; boundary=A\r\n\r\n" },
		{ "1", "one" },
		{ "2", "two" },
		{ "3.HEADER",
		    "Subject: three\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n" },
		{ "3.TEXT", "--B\r\nContent-Type: TEXT/PLAIN\r\n\r\nthree one\r\n"
			    "--B\r\nContent-Type: APPLICATION/OCTET-STREAM\r\n\r\nthree two\r\n"
			    "--B--" },
		{ "3.1", "three one" },
		{ "3.2", "three two" },
		{ "4.1", "four one" },
		{ "4.1.MIME", "Content-Type: IMAGE/GIF\r\nX: 4.1\r\n\r\n" },
		{ "4.2.HEADER",
		    "Subject: four two\r\nContent-Type: multipart/mixed; boundary=D\r\n\r\n" },
		{ "4.2.MIME", "Content-Type: MESSAGE/RFC822\r\nX: 4.2\r\n\r\n" },
		{ "4.2.HEADER.FIELDS (SUBJECT X)", "Subject: four two\r\n\r\n" },
		{ "4.2.HEADER.FIELDS.NOT (SUBJECT)",
		    "Content-Type: multipart/mixed; boundary=D\r\n\r\n" },
		{ "4.2.1", "4.2.1" },
		{ "4.2.2", "--E\r\nContent-Type: TEXT/PLAIN\r\n\r\n4.2.2.1\r\n"
			   "--E\r\nContent-Type: TEXT/RICHTEXT\r\n\r\n4.2.2.2\r\n--E--" },
		{ "4.2.2.1", "4.2.2.1" },
		{ "4.2.2.2", "4.2.2.2" },
		{ "4.2.2.2.MIME", "Content-Type: TEXT/RICHTEXT\r\n\r\n" },
		/* There is no such part, or nothing of the kind in it. */
		{ "5", NULL },
		{ "1.1", NULL },
		{ "1.HEADER", NULL },
		{ "2.TEXT", NULL },
		{ "4.HEADER", NULL },
		{ "4.2.2.3", NULL },
	};
	struct talk t;

	open_mailbox(&t, "Parts", "", EXAMPLE);
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		section_is(&t, table[i].section, table[i].want);
	section_is(&t, "", EXAMPLE);
	talk_end(&t);
}

/* "Every message has at least one part number": the body of one without parts. */
static void
a_message_of_one_part(void **state)
{
	struct talk t;

	open_mailbox(&t, "Single", "", MAIL_A);
	section_is(&t, "1", "Hello Alice.\r\n");
	section_is(&t, "TEXT", "Hello Alice.\r\n");
	section_is(&t, "1.1", NULL);
	section_is(&t, "2", NULL);
	section_is(&t, "HEADER.FIELDS (X-None)", "\r\n");
	section_is(&t, "HEADER.FIELDS (SUBJECT From)",
	    "From: Ann <ann@example.org>\r\nSubject: first\r\n\r\n");
	talk_end(&t);
}

static void
partials(void **state)
{
	struct talk t;

	open_mailbox(&t, "Partials", "", MAIL_A);
	SAYS(&t, "a1 FETCH 1 BODY.PEEK[TEXT]<6.5>\r\n",
	    "* 1 FETCH (BODY[TEXT]<6> {5}\r\nAlice)\r\na1 OK FETCH done\r\n");
	/* RFC 3501 6.4.5: cut to what there is, and empty behind the end. */
	SAYS(&t, "a2 FETCH 1 BODY.PEEK[TEXT]<12.1000>\r\n",
	    "* 1 FETCH (BODY[TEXT]<12> {2}\r\n\r\n)\r\na2 OK FETCH done\r\n");
	SAYS(&t, "a3 FETCH 1 BODY.PEEK[TEXT]<14.1>\r\n",
	    "* 1 FETCH (BODY[TEXT]<14> {0}\r\n)\r\na3 OK FETCH done\r\n");
	SAYS(&t, "a4 FETCH 1 BODY.PEEK[HEADER.FIELDS (Subject)]<9.5>\r\n",
	    "* 1 FETCH (BODY[HEADER.FIELDS (Subject)]<9> {5}\r\nfirst)\r\na4 OK FETCH done\r\n");
	/* RFC 9051 9 partial: 64 bits */
	SAYS(&t, "a5 FETCH 1 BODY.PEEK[]<4294967296.4294967296>\r\n",
	    "* 1 FETCH (BODY[]<4294967296> {0}\r\n)\r\na5 OK FETCH done\r\n");
	HAS(&t, "a6 FETCH 1 BODY.PEEK[]<0.0>\r\n", "a6 BAD");
	HAS(&t, "a7 FETCH 1 BODY.PEEK[]<5>\r\n", "a7 BAD");
	talk_end(&t);
}

/* RFC 3501 6.4.5: BODY[], RFC822 and RFC822.TEXT set \Seen, others do not. */
static void
what_is_reading(void **state)
{
	static const struct {
		const char *item;
		bool reads;
	} table[] = { { "BODY[]", true }, { "BODY[HEADER]", true }, { "BODY[9]<0.1>", true },
		{ "RFC822", true }, { "RFC822.TEXT", true }, { "BINARY[1]", true },
		{ "BODY.PEEK[]", false }, { "RFC822.HEADER", false }, { "RFC822.SIZE", false },
		{ "BODY", false }, { "BODYSTRUCTURE", false }, { "ENVELOPE", false },
		{ "BINARY.PEEK[1]", false }, { "BINARY.SIZE[1]", false }, { "ALL", false },
		{ "FULL", false } };
	struct talk t;

	open_mailbox(&t, "Reading", "", MAIL_A);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct buffer b = BUFFER_INIT;

		HAS(&t, "r STORE 1 -FLAGS.SILENT (\\Seen)\r\n", "r OK");
		buffer_addf(&b, "a FETCH 1 %s\r\n", table[i].item);
		HAS(&t, buffer_string(&b), "a OK");
		HAS(&t, "b SEARCH SEEN\r\n", table[i].reads ? "* SEARCH 1\r\n" : "* SEARCH\r\n");
		buffer_done(&b);
	}
	talk_end(&t);
}

/* RFC 3501 6.4.5: the macros stand alone. INTERNALDATE is told in UTC, the same
 * moment as was given. */
static void
macros_and_dates(void **state)
{
	struct talk t;

	open_mailbox(&t, "Macros", "(\\Seen) \"17-Jul-1996 02:44:25 -0700\" ", MAIL_B);
	SAYS(&t, "a1 FETCH 1 FAST\r\n",
	    "* 1 FETCH (FLAGS (\\Seen \\Recent) INTERNALDATE \"17-Jul-1996 09:44:25 +0000\" "
	    "RFC822.SIZE 67)\r\na1 OK FETCH done\r\n");
	SAYS(&t, "a2 FETCH 1 (FLAGS UID)\r\n",
	    "* 1 FETCH (FLAGS (\\Seen \\Recent) UID 1)\r\na2 OK FETCH done\r\n");
	HAS(&t, "a3 FETCH 1 (FAST)\r\n", "a3 BAD");
	HAS(&t, "a4 FETCH 1 (FLAGS UID\r\n", "a4 BAD");
	HAS(&t, "a5 FETCH 1 ()\r\n", "a5 BAD");
	HAS(&t, "a6 FETCH 2 FLAGS\r\n", "a6 BAD"); /* there is no such number */
	SAYS(&t, "a7 UID FETCH 2 FLAGS\r\n", "a7 OK UID FETCH done\r\n");
	SAYS(&t, "a8 UID FETCH * FLAGS\r\n",
	    "* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))\r\na8 OK UID FETCH done\r\n");
	talk_end(&t);
}

static void
limits(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct talk t;

	open_mailbox(&t, "Limits", "", MAIL_A);
	buffer_add_string(&b, "a FETCH 1 (UID");
	for (int i = 0; i < FETCH_ITEMS_MAX; i++)
		buffer_add_string(&b, " UID");
	buffer_add_string(&b, ")\r\n");
	HAS(&t, buffer_string(&b), "a NO [LIMIT] Too many items");
	buffer_clear(&b);
	buffer_add_string(&b, "a FETCH 1 BODY[1");
	for (int i = 0; i < SECTION_DEPTH_MAX; i++)
		buffer_add_string(&b, ".1");
	buffer_add_string(&b, "]\r\n");
	HAS(&t, buffer_string(&b), "a NO [LIMIT] ");
	talk_end(&t);
	buffer_done(&b);
}

/* Of a header that is larger than what is looked through, what was found comes
 * with a word about the rest. */
static void
an_endless_header(void **state)
{
	struct buffer mail = BUFFER_INIT;
	struct talk t;

	buffer_add_string(&mail, "Subject: first\r\n");
	while (mail.len < 1200000)
		buffer_add_string(&mail, "X-Filler: 0123456789 0123456789 0123456789\r\n");
	buffer_add_string(&mail, "To: last\r\n\r\nbody\r\n");
	open_mailbox(&t, "Endless", "", buffer_string(&mail));
	SAYS(&t, "a FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT TO)]\r\n",
	    "* 1 FETCH (BODY[HEADER.FIELDS (SUBJECT TO)] {18}\r\nSubject: first\r\n\r\n)\r\n"
	    "a NO [LIMIT] Fields beyond 1 MiB of a header were left out\r\n");
	SAYS(&t, "b FETCH 1 BODY.PEEK[TEXT]\r\n",
	    "* 1 FETCH (BODY[TEXT] {6}\r\nbody\r\n)\r\nb OK FETCH done\r\n");
	talk_end(&t);
	buffer_done(&mail);
}

/* The last summary of the account becomes what nobody can read. */
static void
damage_last_summary(uint64_t account)
{
	struct entity e = { ENTITY_ACCOUNT, account };
	struct key key = key_of(KEY_SUMMARY), until = key_behind(key), last = key;
	struct arena a = ARENA_INIT;
	struct buffer row = BUFFER_INIT;
	struct summary_row cold;
	struct engine_batch batch;
	struct engine_scan *scan;
	struct text at, value;

	assert_ok(engine_scan_open(house.engine, e, key_text(&key), key_text(&until), &scan));
	for (; engine_scan_next(scan, &at, &value) == STATUS_OK; last.len = at.len)
		memcpy(last.byte, at.ptr, at.len);
	engine_scan_close(scan);
	assert_ok(engine_get(house.engine, e, key_text(&last), &a, &value));
	assert_ok(summary_row_unpack(value, &cold));
	cold.summary = TEXT("\2\1nonsense");
	summary_row_pack(&row, &cold);
	engine_batch_init(&batch, e, 0);
	assert_ok(engine_version(house.engine, e, &batch.guard));
	engine_put(&batch, key_text(&last), buffer_text(&row));
	assert_ok(engine_commit_wait(house.engine, &batch));
	engine_batch_done(&batch);
	buffer_done(&row);
	arena_done(&a);
}

/* Its message is one text, whose octets are all there. */
static void
a_damaged_summary(void **state)
{
	struct talk t;

	open_mailbox(&t, "Damaged", "", EXAMPLE);
	damage_last_summary(((struct imap *)t.s)->account);
	SAYS(&t, "a FETCH 1 ENVELOPE\r\n",
	    "* 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL))\r\na OK FETCH "
	    "done\r\n");
	SAYS(&t, "b FETCH 1 BODYSTRUCTURE\r\n",
	    "* 1 FETCH (BODYSTRUCTURE (\"text\" \"plain\" NIL NIL NIL \"8bit\" 717 0"
	    " NIL NIL NIL NIL))\r\nb OK FETCH done\r\n");
	HAS(&t, "c FETCH 1 (BODY BODY.PEEK[1]<0.5>)\r\n",
	    "\"8bit\" 717 0) BODY[1]<0> {5}\r\n--A\r\n");
	HAS(&t, "d UID SEARCH SUBJECT example\r\n", "d OK");
	talk_end(&t);
}

/* Each message once and in order, also where they are asked for in two calls; and
 * no call more than these. */
static void
assert_all_told(struct talk *t, const char *command, uint32_t messages, int64_t calls)
{
	int64_t before = metric_get(METRIC_CALLS_SENT);
	const char *at = talk_say(t, command);
	struct imap *im = (struct imap *)t->s;
	struct buffer line = BUFFER_INIT;

	assert_int_equal(metric_get(METRIC_CALLS_SENT) - before, calls);
	for (uint32_t seq = 1; seq <= messages; seq++) {
		buffer_clear(&line);
		buffer_addf(&line, "* %u FETCH (UID %u)\r\n", seq, uidset_at(&im->view->uids, seq));
		if (strncmp(at, buffer_string(&line), line.len) != 0)
			fail_msg("not %s%.60s", buffer_string(&line), at);
		at += line.len;
	}
	assert_string_equal(at, "a OK FETCH done\r\n");
	buffer_done(&line);
}

static void
many_messages(void **state)
{
	struct talk t;

	begin_with(&t, "many", 128);
	ok(&t, "COPY 1:* many");
	assert_all_told(&t, "a FETCH 1:* UID\r\n", 256, 1);
	ok(&t, "COPY 1:* many");
	assert_all_told(&t, "a FETCH 1:* UID\r\n", 512, 1);
	ok(&t, "COPY 1:128 many");
	assert_all_told(&t, "a FETCH 1:* UID\r\n", 640, 2);
	ok(&t, "STORE 2,4:5,250:300,513 +FLAGS.SILENT (\\Deleted)");
	ok(&t, "EXPUNGE");
	assert_all_told(&t, "a FETCH 1:* UID\r\n", 585, 2);
	/* Reading sets \Seen of all that is read, and says so. */
	HAS(&t, "b FETCH 1:* (BODY[HEADER.FIELDS (SUBJECT)])\r\n", "* 585 FETCH (BODY[");
	HAS(&t, "b SEARCH RETURN (COUNT) UNSEEN\r\n", "COUNT 0\r\n");
	talk_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(part_specifiers),
		cmocka_unit_test(a_message_of_one_part),
		cmocka_unit_test(partials),
		cmocka_unit_test(what_is_reading),
		cmocka_unit_test(macros_and_dates),
		cmocka_unit_test(limits),
		cmocka_unit_test(an_endless_header),
		cmocka_unit_test(a_damaged_summary),
		cmocka_unit_test(many_messages),
	};

	return cmocka_run_group_tests(tests, open_house, close_house);
}
