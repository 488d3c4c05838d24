/* SPDX-License-Identifier: ISC */
/*
 * The parser and the packed form: trees of parts written out as text, for
 * both kinds of line ends; envelopes, facts, references, limits, section
 * numbers, damaged stored bytes. mime/vectors_test.c has the corpora.
 */
#include "codec/test_support.h"
#include "mime/summary_check.h"

#include <string.h>

static void
print_parts(struct buffer *b, struct text message, const struct mime_part *part)
{
	for (; part != NULL; part = part->next) {
		buffer_addf(b, "%.*s/%.*s", TEXT_ARG(part->type), TEXT_ARG(part->subtype));
		if (part->envelope != NULL)
			buffer_addf(b, "{%.*s}", TEXT_ARG(part->envelope->subject));
		if (part->child != NULL) {
			buffer_add_byte(b, '(');
			print_parts(b, message, part->child);
			buffer_add_byte(b, ')');
		} else {
			buffer_addf(b, "[%.*s]", (int)part->body_len, message.ptr + part->body_at);
		}
		if (part->next != NULL)
			buffer_add_byte(b, ' ');
	}
}

/* "|" in the tables is a line end. */
static void
with_line_ends(struct buffer *b, const char *s, const char *line_end)
{
	for (; *s != '\0'; s++) {
		if (*s == '|')
			buffer_add_string(b, line_end);
		else
			buffer_add_byte(b, *s);
	}
}

#define MIXED "Content-Type: multipart/mixed; boundary=b||"
static const struct {
	const char *message;
	const char *tree;
} trees[] = {
	{ "", "text/plain[]" },
	{ "|", "text/plain[]" },
	{ "Subject: only a header", "text/plain[]" },
	{ "Subject: only a header|", "text/plain[]" },
	{ "Subject: x||body|", "text/plain[body|]" },
	{ "Subject: x|broken line|X: y||body|", "text/plain[body|]" },
	{ "From mbox line|Subject: x||body|", "text/plain[body|]" },
	{ "no header at all|really: none||x", "text/plain[no header at all|really: none||x]" },
	{ "Content-Type: text/html||x", "text/html[x]" },
	{ "Content-Type: nonsense||x", "text/plain[x]" },
	{ "Content-Type: image||x", "text/plain[x]" },
	{ "Content-Type: application||x", "application/octet-stream[x]" },
	{ "Content-Type: text/pl ain||x", "text/pl[x]" },
	{ "Content-Type: te<xt/plain||x", "text/plain[x]" },
	{ "Content-Type : text/html|Content-Type: image/png||x", "text/html[x]" },
	{ MIXED "--b||one|--b||two|--b--|", "multipart/mixed(text/plain[one] text/plain[two])" },
	{ MIXED "preamble|--b||one|--b--|epilogue|--b||no|", "multipart/mixed(text/plain[one])" },
	{ MIXED "--b||one||--b--", "multipart/mixed(text/plain[one|])" },
	{ MIXED "--b||one|--b", "multipart/mixed(text/plain[one])" },
	{ MIXED "--b||one|--b|", "multipart/mixed(text/plain[one])" },
	{ MIXED "--b|", "multipart/mixed(text/plain[--b|])" },
	{ MIXED "--b||no end|", "multipart/mixed(text/plain[no end|])" },
	{ MIXED "--b  \t||one|--b-- |", "multipart/mixed(text/plain[one])" },
	{ MIXED "nothing here|", "multipart/mixed(text/plain[nothing here|])" },
	{ MIXED "", "multipart/mixed(text/plain[])" },
	{ MIXED "--b--|", "multipart/mixed(text/plain[--b--|])" },
	{ "Content-Type: multipart/mixed||--b||x", "multipart/mixed(text/plain[--b||x])" },
	{ "Content-Type: multipart/mixed; boundary=\"\"||--||x",
	    "multipart/mixed(text/plain[--||x])" },
	{ "Content-Type: multipart||x", "multipart/mixed(text/plain[x])" },
	/* Empty parts. */
	{ MIXED "--b|--b|--b--|", "multipart/mixed(text/plain[] text/plain[])" },
	{ MIXED "--b||--b||--b--|", "multipart/mixed(text/plain[] text/plain[])" },
	{ MIXED "--b|||--b--|", "multipart/mixed(text/plain[])" },
	{ MIXED "--b|Content-Type: text/html|--b--|", "multipart/mixed(text/html[])" },
	{ MIXED "--b|Content-Type: text/html||--b--|", "multipart/mixed(text/html[])" },
	{ MIXED "--b|text without an empty line|--b--|",
	    "multipart/mixed(text/plain[text without an empty line])" },
	/* Lines that only look like a boundary. */
	{ MIXED "--b||--bb|--b -|--B|--|---|--b-|--b--x|--b--|",
	    "multipart/mixed(text/plain[--bb|--b -|--B|--|---|--b-|--b--x])" },
	/* Boundaries that are prefixes of each other. */
	{ "Content-Type: multipart/mixed; boundary=a||--a|Content-Type: multipart/related; "
	  "boundary=ab||--ab||1|--ab||2|--ab--|--a||3|--a--|",
	    "multipart/mixed(multipart/related(text/plain[1] text/plain[2]) text/plain[3])" },
	{ "Content-Type: multipart/mixed; boundary=ab||--ab|Content-Type: multipart/related; "
	  "boundary=a||--a||1|--ab||2|--ab--|",
	    "multipart/mixed(multipart/related(text/plain[1]) text/plain[2])" },
	{ "Content-Type: multipart/mixed; boundary=a||--a|Content-Type: multipart/related; "
	  "boundary=a--||--a--||1|--a----|--a--|",
	    "multipart/mixed(multipart/related(text/plain[1]))" },
	/* An outer boundary ends what is inside. */
	{ MIXED "--b|Content-Type: multipart/related; boundary=c||--c||1|--b||2|--c||3|--b--|",
	    "multipart/mixed(multipart/related(text/plain[1]) text/plain[2|--c||3])" },
	{ MIXED "--b|Content-Type: multipart/related; boundary=c||preamble|--b--|",
	    "multipart/mixed(multipart/related(text/plain[preamble]))" },
	/* The same boundary inside: the inner one takes it. */
	{ MIXED "--b|" MIXED "--b||1|--b--|--b||2|--b--|",
	    "multipart/mixed(multipart/mixed(text/plain[1]) text/plain[2])" },
	/* Messages. */
	{ "Content-Type: message/rfc822||Subject: in||text",
	    "message/rfc822{in}(text/plain[text])" },
	{ "Content-Type: message/rfc822||", "message/rfc822{}(text/plain[])" },
	{ "Content-Type: message/rfc822||no header", "message/rfc822{}(text/plain[no header])" },
	{ "Content-Type: message/rfc822|Content-Transfer-Encoding: base64||U3Vi",
	    "message/rfc822{}(text/plain[U3Vi])" },
	{ MIXED "--b|Content-Type: message/rfc822||Subject: in|Content-Type: multipart/related; "
		"boundary=c||--c||1|--c--|--b||2|--b--|",
	    "multipart/mixed(message/rfc822{in}(multipart/related(text/plain[1])) text/plain[2])" },
	{ MIXED "--b|Content-Type: message/rfc822||Subject: in|--b--|",
	    "multipart/mixed(message/rfc822{in}(text/plain[]))" },
	{ MIXED "--b|Content-Type: message/rfc822||--b--|",
	    "multipart/mixed(message/rfc822{}(text/plain[]))" },
	{ "Content-Type: message/rfc822||Content-Type: message/rfc822|Subject: 1||Subject: 2||x",
	    "message/rfc822{1}(message/rfc822{2}(text/plain[x]))" },
	{ "Content-Type: multipart/digest; boundary=b||--b||Subject: 1||x|--b|Content-Type: "
	  "text/plain||y|--b--|",
	    "multipart/digest(message/rfc822{1}(text/plain[x]) text/plain[y])" },
};

static void
trees_read(void **state)
{
	static const char *const line_ends[] = { "\r\n", "\n" };
	struct buffer message = BUFFER_INIT, want = BUFFER_INIT, tree = BUFFER_INIT;
	struct buffer packed = BUFFER_INIT;

	for (size_t i = 0; i < 2 * ARRAY_LEN(trees); i++) {
		struct arena a = ARENA_INIT;
		struct mime_summary s;

		with_line_ends(&message, trees[i / 2].message, line_ends[i % 2]);
		with_line_ends(&want, trees[i / 2].tree, line_ends[i % 2]);
		mime_parse(buffer_text(&message), NULL, &a, &s);
		print_parts(&tree, buffer_text(&message), &s.root);
		check_text(buffer_text(&tree), buffer_text(&want), trees[i / 2].message, __LINE__);
		check_summary(buffer_text(&message), &s, &packed);
		arena_done(&a);
		buffer_clear(&message);
		buffer_clear(&want);
		buffer_clear(&tree);
	}
	buffer_done(&message);
	buffer_done(&want);
	buffer_done(&tree);
	buffer_done(&packed);
}

struct parsed {
	struct arena arena;
	struct mime_summary s;
};

static const struct mime_summary *
parse(struct parsed *p, const char *message, const struct mime_limits *limits)
{
	struct buffer packed = BUFFER_INIT;

	arena_init(&p->arena, 0, 0);
	mime_parse(text_of(message), limits, &p->arena, &p->s);
	check_summary(text_of(message), &p->s, &packed);
	buffer_done(&packed);
	return &p->s;
}

static void
envelope(void **state)
{
	static const char message[] =
	    "Received: x\r\nDate: Fri, 21 Nov 1997 09:55:06 -0600\r\n"
	    "From: John <jdoe@m.example>\r\nFrom: second <not@used>\r\n"
	    "To: a@b,\r\n c@d\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\n  Re: folded\r\n"
	    "Cc:\r\nMessage-ID: <1@m.example>\r\n"
	    "In-Reply-To: <0@x> (your mail)\r\nReferences: <a@x>\r\n <b@x> <a@x>\r\n"
	    "\r\nHello,\r\nworld\r\n";
	struct parsed p;
	const struct mime_summary *s = parse(&p, message, NULL);

	ASSERT_TEXT(s->envelope.date, TEXT("Fri, 21 Nov 1997 09:55:06 -0600"));
	assert_int_equal(s->sent_at, 880127706);
	assert_int_equal(s->sent_zone, -360);
	ASSERT_TEXT(s->envelope.subject, TEXT("=?utf-8?q?caf=C3=A9?=  Re: folded"));
	ASSERT_TEXT(s->subject, TEXT("caf\xc3\xa9  Re: folded"));
	ASSERT_TEXT(s->base_subject, TEXT("caf\xc3\xa9 Re: folded"));
	assert_int_equal(s->envelope.from.count, 1);
	ASSERT_TEXT(s->envelope.from.at[0].mailbox, TEXT("jdoe"));
	assert_int_equal(s->envelope.to.count, 2);
	assert_int_equal(s->envelope.cc.count, 0);
	assert_int_equal(s->envelope.sender.count, 0);
	ASSERT_TEXT(s->envelope.message_id, TEXT("<1@m.example>"));
	ASSERT_TEXT(s->message_id, TEXT("1@m.example"));
	ASSERT_TEXT(s->envelope.in_reply_to, TEXT("<0@x> (your mail)"));
	assert_true(s->envelope.has_in_reply_to && s->envelope.has_subject);
	assert_int_equal(s->reference_count, 3);
	ASSERT_TEXT(s->references[0], TEXT("a@x"));
	ASSERT_TEXT(s->references[1], TEXT("b@x"));
	ASSERT_TEXT(s->references[2], TEXT("0@x"));
	ASSERT_TEXT(s->preview, TEXT("Hello, world"));
	assert_int_equal(s->field_count, 10);
	ASSERT_TEXT(s->fields[4].name, TEXT("To"));
	ASSERT_TEXT(text_part(text_of(message), s->fields[4].at, s->fields[4].end),
	    TEXT("To: a@b,\r\n c@d\r\n"));
	ASSERT_TEXT(text_part(text_of(message), s->fields[4].value, s->fields[4].end),
	    TEXT(" a@b,\r\n c@d\r\n"));
	assert_int_equal(s->root.lines, 2);
	arena_done(&p.arena);
}

static void
absent_and_empty(void **state)
{
	struct parsed p;
	const struct mime_summary *s = parse(&p, "Subject:\r\nX: y\r\n\r\n", NULL);

	assert_true(s->envelope.has_subject);
	assert_int_equal(s->envelope.subject.len, 0);
	assert_false(
	    s->envelope.has_date || s->envelope.has_message_id || s->envelope.has_in_reply_to);
	assert_int_equal(s->sent_at, 0);
	assert_int_equal(s->facts, MIME_HAS_TEXT);
	arena_done(&p.arena);
}

/* RFC 5322 4.5.3: destinations add up, what is open ends with its field. */
static void
destinations_repeated(void **state)
{
	static const char message[] =
	    "To: a@x, \"open\nCc: G: d@x\nFrom: f@x\nto: b@x\nBcc: h@x\nCc: e@x\nFrom: g@x\n"
	    "TO: c@x\nContent-Type: message/rfc822\n\nTo: i@x\nTo: j@x\n\n";
	struct mime_limits limits = { .max_addresses = 2 };
	const struct mime_envelope *e;
	struct parsed p;

	e = &parse(&p, message, NULL)->envelope;
	assert_int_equal(e->to.count, 4);
	ASSERT_TEXT(e->to.at[0].mailbox, TEXT("a"));
	ASSERT_TEXT(e->to.at[1].mailbox, TEXT("\"open"));
	ASSERT_TEXT(e->to.at[2].mailbox, TEXT("b"));
	ASSERT_TEXT(e->to.at[3].mailbox, TEXT("c"));
	assert_int_equal(e->cc.count, 4);
	assert_true(e->cc.at[2].group_end);
	ASSERT_TEXT(e->cc.at[3].mailbox, TEXT("e"));
	assert_int_equal(e->bcc.count, 1);
	assert_int_equal(e->from.count, 1);
	ASSERT_TEXT(e->from.at[0].mailbox, TEXT("f"));
	assert_int_equal(p.s.root.envelope->to.count, 2);
	arena_done(&p.arena);
	e = &parse(&p, message, &limits)->envelope;
	assert_true(e->to.count == 2 && e->to.cut);
	arena_done(&p.arena);
}

/* A client knows the five names only: what was understood is told by them. */
static void
encoding_names(void **state)
{
	static const struct {
		const char *message, *name;
	} cases[] = {
		{ "A: b\n\n", "7bit" },
		{ "Content-Transfer-Encoding:\n\n", "7bit" },
		{ "Content-Transfer-Encoding: BASE64\n\n", "BASE64" },
		{ "Content-Transfer-Encoding: quoted-printable;\n\n", "quoted-printable" },
		{ "Content-Transfer-Encoding: quoted printable\n\n", "quoted-printable" },
		{ "Content-Transfer-Encoding: \"base64\" (x)\n\n", "base64" },
		{ "Content-Transfer-Encoding: 8 bit\n\n", "8bit" },
		{ "Content-Transfer-Encoding: x-own\n\n", "x-own" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct parsed p;

		parse(&p, cases[i].message, NULL);
		ASSERT_TEXT(p.s.root.encoding_name, text_of(cases[i].name));
		arena_done(&p.arena);
	}
}

static void
references_bounded(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct parsed p;
	const struct mime_summary *s;

	buffer_add_string(&b, "In-Reply-To: <299@x>\r\nReferences:");
	for (int i = 0; i < 300; i++)
		buffer_addf(&b, "\r\n <%d@x>", i);
	buffer_add_string(&b, "\r\n\r\n");
	s = parse(&p, buffer_string(&b), NULL);
	assert_int_equal(s->reference_count, 100);
	ASSERT_TEXT(s->references[0], TEXT("200@x"));
	ASSERT_TEXT(s->references[99], TEXT("299@x"));
	arena_done(&p.arena);
	buffer_done(&b);
}

static const struct {
	const char *message;
	uint32_t facts;
} facts[] = {
	{ "A: b||plain|", MIME_HAS_TEXT },
	{ "A: b||caf\xc3\xa9|", MIME_HAS_TEXT | MIME_HAS_8BIT },
	{ "A: \xc3\xa9||plain|", MIME_HAS_TEXT | MIME_HEADER_UTF8 },
	{ "A: \xe9||plain|", MIME_HAS_TEXT | MIME_HAS_8BIT },
	{ "Content-Transfer-Encoding: binary|Content-Type: image/png||\xff|", MIME_HAS_8BIT },
	{ "A: b||bare\rcr|", MIME_HAS_TEXT | MIME_HAS_BINARY },
	{ "A: b||bare\nlf|", MIME_HAS_TEXT | MIME_HAS_BINARY },
	{ "List-Id: <x.y>||x", MIME_HAS_TEXT | MIME_LIST },
	{ "Content-Type: text/html||<p>x", MIME_HAS_HTML },
	{ "Content-Type: application/pdf||x", MIME_HAS_ATTACHMENT },
	{ "Content-Type: text/calendar||x", MIME_CALENDAR },
	{ "Content-Type: application/pkcs7-mime; smime-type=signed-data||x", MIME_SIGNED },
	{ "Content-Type: application/pkcs7-mime||x", MIME_ENCRYPTED },
	{ "Content-Type: multipart/signed; boundary=b||--b||text|--b|Content-Type: "
	  "application/pgp-signature; name=s.asc|Content-Disposition: attachment||x|--b--|",
	    MIME_HAS_TEXT | MIME_SIGNED },
	{ MIXED "--b||text|--b|Content-Type: text/plain; name=a.txt||x|--b--|",
	    MIME_HAS_TEXT | MIME_HAS_ATTACHMENT },
	{ MIXED "--b||text|--b||more|--b--|", MIME_HAS_TEXT },
	{ MIXED "--b||text|--b|Content-Disposition: attachment||x|--b--|",
	    MIME_HAS_TEXT | MIME_HAS_ATTACHMENT },
	{ MIXED "--b||text|--b|Content-Type: message/rfc822||Content-Type: text/html||x|--b--|",
	    MIME_HAS_TEXT | MIME_HAS_ATTACHMENT },
	{ "Content-Type: multipart/related; boundary=b||--b|Content-Type: text/html||<img>|--b|"
	  "Content-Type: image/png|Content-ID: <x>||x|--b--|",
	    MIME_HAS_HTML },
	{ "Content-Type: multipart/alternative; boundary=b||--b||x|--b|Content-Type: "
	  "text/calendar||x|--b--|",
	    MIME_HAS_TEXT | MIME_CALENDAR },
};

static void
facts_found(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
		struct buffer b = BUFFER_INIT;
		struct parsed p;
		const struct mime_summary *s;

		with_line_ends(&b, facts[i].message, "\r\n");
		s = parse(&p, buffer_string(&b), NULL);
		if (s->facts != facts[i].facts)
			fail_msg("%s: 0x%x, want 0x%x", facts[i].message, s->facts, facts[i].facts);
		arena_done(&p.arena);
		buffer_done(&b);
	}
}

static void
long_line(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct parsed p;

	buffer_add_string(&b, "A: b\r\n\r\n");
	for (int i = 0; i < 998; i++)
		buffer_add_byte(&b, 'x');
	buffer_add_string(&b, "\r\n");
	assert_int_equal(parse(&p, buffer_string(&b), NULL)->facts, MIME_HAS_TEXT);
	arena_done(&p.arena);
	buffer_cut(&b, b.len - 2);
	buffer_add_string(&b, "x\r\n");
	assert_int_equal(
	    parse(&p, buffer_string(&b), NULL)->facts, MIME_HAS_TEXT | MIME_HAS_BINARY);
	arena_done(&p.arena);
	buffer_done(&b);
}

static void
limits_hold(void **state)
{
	struct mime_limits limits = { .max_depth = 2, .max_parts = 3 };
	struct buffer tree = BUFFER_INIT;
	struct parsed p;
	static const char deep[] =
	    "Content-Type: message/rfc822\n\nContent-Type: message/rfc822\n\n"
	    "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n";
	static const char wide[] =
	    "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n1\n--b\n\n2\n"
	    "--b\n\n3\n--b--\n";

	parse(&p, deep, &limits);
	print_parts(&tree, text_of(deep), &p.s.root);
	ASSERT_BUFFER(&tree,
	    TEXT("message/rfc822{}(message/rfc822{}(application/octet-stream[--b\n\nx\n]))"));
	assert_true((p.s.facts & MIME_CUT) != 0);
	arena_done(&p.arena);
	parse(&p, wide, &limits);
	print_parts(&tree, text_of(wide), &p.s.root);
	ASSERT_BUFFER(&tree, TEXT("multipart/mixed(text/plain[1] text/plain[2\n--b\n\n3])"));
	assert_true((p.s.facts & MIME_CUT) != 0);
	arena_done(&p.arena);
	limits = (struct mime_limits){ .max_fields = 1 };
	parse(&p, "A: b\nSubject: x\n\nbody", &limits);
	assert_int_equal(p.s.field_count, 1);
	assert_int_equal(p.s.subject.len, 0);
	assert_int_equal(p.s.header_len, 17);
	assert_true((p.s.facts & MIME_CUT) != 0);
	arena_done(&p.arena);
	limits = (struct mime_limits){ .max_header = 5 };
	parse(&p, "A: b\nSubject: x\n\nbody", &limits);
	assert_int_equal(p.s.field_count, 1);
	assert_int_equal(p.s.header_len, 17);
	arena_done(&p.arena);
	buffer_done(&tree);
}

/* A megabyte of each thing that could make a parser go back or nest. */
static void
hostile(void **state)
{
	static const char *const starts[] = { "", "Subject: ", "Content-Type: ", "To: ",
		"References: ", "Content-Type: multipart/mixed; boundary=b\n\n", "X: y\n\n",
		"Content-Type: text/html\n\n" };
	static const char *const pieces[] = { "Content-Type: message/rfc822\n\n", "--b\n",
		"--b\n\n", "--b\nContent-Type: multipart/mixed; boundary=b\n\n", "a=b;", "((", "\"",
		"<", "=?a?q?", "[", "re: ", "[a]", "\n ", ": ", "&#", "<!--", "<a '", "a*0=b;" };
	struct buffer b = BUFFER_INIT, packed = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_LEN(starts) * ARRAY_LEN(pieces); i++) {
		struct arena a = ARENA_INIT;
		struct mime_summary s;

		buffer_add_string(&b, starts[i / ARRAY_LEN(pieces)]);
		while (b.len < 200000)
			buffer_add_string(&b, pieces[i % ARRAY_LEN(pieces)]);
		mime_parse(buffer_text(&b), NULL, &a, &s);
		check_summary(buffer_text(&b), &s, &packed);
		buffer_clear(&b);
		arena_done(&a);
	}
	buffer_done(&b);
	buffer_done(&packed);
}

static void
opaque(void **state)
{
	static const char message[] =
	    "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n";
	struct buffer packed = BUFFER_INIT;
	struct mime_summary s;
	struct arena a = ARENA_INIT;

	mime_opaque(text_of(message), &a, &s);
	check_summary(text_of(message), &s, &packed);
	assert_int_equal(s.facts, MIME_OPAQUE);
	assert_int_equal(s.header_len, sizeof(message) - 1 - 5);
	ASSERT_TEXT(s.root.type, TEXT("text"));
	assert_int_equal(s.root.lines, 1);
	buffer_done(&packed);
	arena_done(&a);
}

/* The message of RFC 3501 6.4.5, whose sections it names. */
static void
sections(void **state)
{
	static const char message[] =
	    "Content-Type: multipart/mixed; boundary=a\n\n"
	    "--a\nContent-Type: text/plain\n\n1\n"
	    "--a\nContent-Type: application/octet-stream\n\n2\n"
	    "--a\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=b\n\n"
	    "--b\nContent-Type: text/plain\n\n3.1\n--b\nContent-Type: "
	    "application/octet-stream\n\n3.2\n--b--\n"
	    "--a\nContent-Type: multipart/mixed; boundary=c\n\n"
	    "--c\nContent-Type: image/gif\n\n4.1\n"
	    "--c\nContent-Type: message/rfc822\n\nSubject: plain\n\n4.2.1\n--c--\n--a--\n";
	static const struct {
		uint32_t number[4];
		uint32_t depth;
		const char *type; /* NULL: none */
		const char *body; /* of leaves */
	} cases[] = {
		{ { 0 }, 0, "multipart", NULL },
		{ { 1 }, 1, "text", "1" },
		{ { 1, 1 }, 2, NULL, NULL },
		{ { 2 }, 1, "application", "2" },
		{ { 3 }, 1, "message", NULL },
		{ { 3, 1 }, 2, "text", "3.1" },
		{ { 3, 2 }, 2, "application", "3.2" },
		{ { 3, 3 }, 2, NULL, NULL },
		{ { 4 }, 1, "multipart", NULL },
		{ { 4, 1 }, 2, "image", "4.1" },
		{ { 4, 2 }, 2, "message", NULL },
		{ { 4, 2, 1 }, 3, "text", "4.2.1" },
		{ { 4, 2, 2 }, 3, NULL, NULL },
		{ { 4, 2, 1, 1 }, 4, NULL, NULL },
		{ { 5 }, 1, NULL, NULL },
		{ { 0 }, 1, NULL, NULL },
	};
	struct parsed p;

	parse(&p, message, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct mime_part *part =
		    mime_part_find(&p.s, cases[i].number, cases[i].depth);

		if ((part != NULL) != (cases[i].type != NULL))
			fail_msg("case %zu", i);
		if (part == NULL)
			continue;
		ASSERT_TEXT(part->type, text_of(cases[i].type));
		if (cases[i].body != NULL)
			ASSERT_TEXT(text_part(text_of(message), part->body_at,
					part->body_at + part->body_len),
			    text_of(cases[i].body));
	}
	arena_done(&p.arena);
	parse(&p, "Subject: x\n\nplain\n", NULL);
	assert_ptr_equal(mime_part_find(&p.s, (uint32_t[]){ 1 }, 1), &p.s.root);
	assert_null(mime_part_find(&p.s, (uint32_t[]){ 2 }, 1));
	arena_done(&p.arena);
}

/* Every cut and every changed byte of a packed summary is refused, or gives
 * one that keeps its promises. */
static void
damage(void **state)
{
	static const char message[] =
	    "From: a <b@c>\nMessage-ID: <x@y>\nIn-Reply-To: <w@y>\nContent-Type: multipart/mixed;\n"
	    " boundary=b\n\n--b\n\ntext\n--b\nContent-Type: message/rfc822\n\nSubject: "
	    "in\n\nx\n--b--\n";
	struct buffer packed = BUFFER_INIT, again = BUFFER_INIT;
	struct arena a = ARENA_INIT;
	struct mime_summary s;

	mime_parse(text_of(message), NULL, &a, &s);
	mime_summary_pack(&s, &packed);
	for (size_t i = 0; i < packed.len; i++)
		assert_int_equal(mime_summary_unpack(text_part(buffer_text(&packed), 0, i), &a, &s),
		    STATUS_CORRUPT);
	for (size_t i = 0; i < packed.len * 255; i++) {
		char *byte = &packed.ptr[i / 255], kept = *byte;

		*byte = (char)(kept ^ (char)(i % 255 + 1));
		if (mime_summary_unpack(buffer_text(&packed), &a, &s) == STATUS_OK)
			mime_summary_pack(&s, &again);
		buffer_clear(&again);
		*byte = kept;
		if (i % 1000 == 0)
			arena_reset(&a);
	}
	packed.ptr[0] = 3;
	assert_int_equal(mime_summary_unpack(buffer_text(&packed), &a, &s), STATUS_CORRUPT);
	assert_int_equal(mime_summary_peek(buffer_text(&packed), &s), STATUS_CORRUPT);
	buffer_done(&packed);
	buffer_done(&again);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trees_read),
		cmocka_unit_test(envelope),
		cmocka_unit_test(absent_and_empty),
		cmocka_unit_test(destinations_repeated),
		cmocka_unit_test(encoding_names),
		cmocka_unit_test(references_bounded),
		cmocka_unit_test(facts_found),
		cmocka_unit_test(long_line),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(hostile),
		cmocka_unit_test(opaque),
		cmocka_unit_test(sections),
		cmocka_unit_test(damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
