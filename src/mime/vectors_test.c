/* SPDX-License-Identifier: ISC */
/*
 * The parser against messages that others collected. Every file of the
 * corpora keeps the promises of a summary and comes back from its packed
 * form, as it is and with CRLF line ends. For mail-parser's messages the
 * subject, addresses, tree with all offsets, texts and attachments are
 * compared with what that project expects.
 */
#include "mime/vectors.h"

#include <ftw.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "codec/charset.h"
#include "codec/date.h"
#include "codec/mimewords.h"
#include "mime/bodies.h"
#include "mime/decode.h"
#include "mime/params.h"
#include "mime/summary_check.h"

static char current[1024]; /* the file in work */
static unsigned files;

static void
say_where(int signal_number)
{
	(void)!write(STDERR_FILENO, current, strlen(current));
	(void)!write(STDERR_FILENO, "\n", 1);
}

static void
read_file(const char *path, struct buffer *out)
{
	FILE *f = fopen(path, "rb");
	char piece[8192];
	size_t n;

	buffer_clear(out);
	assert_non_null(f);
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buffer_add(out, piece, n);
	(void)fclose(f);
}

static void
with_crlf(struct text in, struct buffer *out)
{
	buffer_clear(out);
	for (size_t i = 0; i < in.len; i++) {
		if (in.ptr[i] == '\n' && (i == 0 || in.ptr[i - 1] != '\r'))
			buffer_add_byte(out, '\r');
		buffer_add_byte(out, in.ptr[i]);
	}
}

static void
without_cr(struct text in, struct buffer *out)
{
	buffer_clear(out);
	for (size_t i = 0; i < in.len; i++)
		if (in.ptr[i] != '\r' || i + 1 == in.len || in.ptr[i + 1] != '\n')
			buffer_add_byte(out, in.ptr[i]);
}

static void
check_message(struct text message)
{
	struct buffer packed = BUFFER_INIT;
	struct arena a = ARENA_INIT;
	struct mime_summary s;

	mime_parse(message, NULL, &a, &s);
	check_summary(message, &s, &packed);
	/* Headers of real mail always give something. */
	assert_true(packed.len < message.len + 1000);
	arena_done(&a);
	buffer_done(&packed);
}

static int
visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	struct buffer message = BUFFER_INIT, crlf = BUFFER_INIT;

	if (type != FTW_F || st->st_size > 4 << 20)
		return 0;
	(void)snprintf(current, sizeof(current), "%s", path);
	read_file(path, &message);
	check_message(buffer_text(&message));
	with_crlf(buffer_text(&message), &crlf);
	check_message(buffer_text(&crlf));
	files++;
	buffer_done(&message);
	buffer_done(&crlf);
	return 0;
}

static void
corpora(void **state)
{
	static const char *const marks[] = { "mail-parser/address.json", "cpython/msg_01.txt",
		"mikel-mail/MIT-LICENSE", "james/mail.eml", "../spam/sa-corpus/NOTICE" };

	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		const char *path = vector_path(marks[i]);
		char folder[1024];

		if (path == NULL)
			continue;
		(void)snprintf(folder, sizeof(folder), "%s", path);
		*strrchr(folder, '/') = '\0';
		files = 0;
		assert_int_equal(nftw(folder, visit, 20, FTW_PHYS), 0);
		assert_true(files > 40);
	}
	current[0] = '\0';
}

/* What of a message we read otherwise than mail-parser, on purpose. */
enum { TREE = 1 << 0, TEXTS = 1 << 1, LISTS = 1 << 2, SUBJECT = 1 << 3, ADDRESSES = 1 << 4 };

static const struct {
	const char *file;
	int differs;
	const char *why;
} differences[] = {
	{ "rfc/000.eml", TEXTS | LISTS,
	    "base64 that is none is decoded leniently, not shown as text" },
	{ "rfc/002.eml", LISTS, "RFC 8621 4.1.4 does not list media shown inline as attachments" },
	{ "thirdparty/013.eml", LISTS, "the same" },
	{ "legacy/035.eml", LISTS, "the same" },
	{ "malformed/002.eml", TREE, "a multipart stays one, with its body as its only part" },
	{ "malformed/004.eml", TREE, "a line that begins with a boundary and goes on is text" },
	{ "malformed/008.eml", TREE, "the same" },
	{ "thirdparty/005.eml", TREE, "a boundary stands at the start of a line" },
	{ "malformed/011.eml", TREE, "the boundary of an outer multipart ends the inner one" },
	{ "malformed/012.eml", TREE, "the same" },
	{ "thirdparty/015.eml", TREE, "a boundary ends a header that has no empty line" },
	{ "malformed/019.eml", TREE, "a part whose first line is no field has no header" },
	{ "malformed/022.eml", TREE, "message/rfc822 is a message whatever is in it" },
	{ "legacy/010.eml", SUBJECT | ADDRESSES,
	    "raw octets in a header: windows-1252 rather than U+FFFD" },
	{ "legacy/020.eml", SUBJECT | ADDRESSES, "the same" },
	{ "legacy/022.eml", SUBJECT | ADDRESSES, "the same" },
	{ "legacy/049.eml", TREE, "a CR at the end of the file is part of the body" },
};

struct pair {
	const char *name;
	struct text message;
	struct mime_summary s;
	struct arena arena;
	int differs;
	/* Parts of one message in preorder, as their indices count them. */
	const struct mime_part *parts[200];
	size_t count;
};

static void
collect(struct pair *p, const struct mime_part *part)
{
	for (; part != NULL; part = part->next) {
		assert_true(p->count < ARRAY_LEN(p->parts));
		p->parts[p->count++] = part;
		if (part->envelope == NULL)
			collect(p, part->child);
	}
}

static void
complain(const struct pair *p, const char *what, size_t i, struct text got, struct text want)
{
	fail_msg("%s: %s %zu: got \"%.*s\", want \"%.*s\"", p->name, what, i, TEXT_ARG(got),
	    TEXT_ARG(want));
}

static void
compare_offset(
    const struct pair *p, const char *what, size_t i, uint64_t ours, const json_t *theirs)
{
	if ((json_int_t)ours != json_integer_value(theirs))
		fail_msg("%s: %s of part %zu: %llu, theirs %lld", p->name, what, i,
		    (unsigned long long)ours, (long long)json_integer_value(theirs));
}

static void
compare_text(const struct pair *p, size_t i, const struct mime_part *part, struct text want)
{
	struct buffer octets = BUFFER_INIT, text = BUFFER_INIT;
	struct buffer ours = BUFFER_INIT, theirs = BUFFER_INIT;
	struct text charset = TEXT_EMPTY;

	(void)mime_param_get(&part->params, TEXT("charset"), &charset);
	mime_decode_body(part->encoding,
	    text_part(p->message, part->body_at, part->body_at + part->body_len), SIZE_MAX,
	    &octets);
	charset_to_utf8(charset, buffer_text(&octets), SIZE_MAX, &text);
	without_cr(buffer_text(&text), &ours);
	without_cr(want, &theirs);
	if (!text_equal(buffer_text(&ours), buffer_text(&theirs)))
		complain(p, "text", i, buffer_text(&ours), buffer_text(&theirs));
	buffer_done(&ours);
	buffer_done(&theirs);
	buffer_done(&octets);
	buffer_done(&text);
}

static void compare_parts(const struct pair *p, const json_t *theirs);

static void
compare_part(const struct pair *p, size_t i, const json_t *theirs)
{
	const struct mime_part *part = p->parts[i];
	const json_t *body = json_object_get(theirs, "body"), *content;
	bool leaf = part->child == NULL;

	compare_offset(p, "header", i, part->header_at, json_object_get(theirs, "offset_header"));
	compare_offset(p, "body", i, part->body_at, json_object_get(theirs, "offset_body"));
	if (leaf)
		compare_offset(p, "end", i, part->body_at + part->body_len,
		    json_object_get(theirs, "offset_end"));
	if ((json_object_get(body, "Multipart") != NULL) !=
	    text_equal(part->type, TEXT("multipart")))
		complain(p, "multipart", i, part->type, TEXT(""));
	content = json_object_get(body, "Message");
	if ((content != NULL) != (part->envelope != NULL))
		complain(p, "message", i, part->type, TEXT(""));
	if (content != NULL) {
		struct pair inner = {
			.name = p->name, .message = p->message, .differs = p->differs
		};

		collect(&inner, part->child);
		compare_parts(&inner, content);
	}
	content = json_object_get(body, "Text");
	if (content == NULL)
		content = json_object_get(body, "Html");
	if (content != NULL && (p->differs & TEXTS) == 0)
		compare_text(p, i, part, json_view(content));
}

static void
compare_list(
    const struct pair *p, const char *what, const struct mime_part_list *ours, const json_t *theirs)
{
	if (ours->count != json_array_size(theirs))
		fail_msg("%s: %s: %u parts, theirs %zu", p->name, what, ours->count,
		    json_array_size(theirs));
	for (uint32_t i = 0; i < ours->count; i++)
		if (p->parts[json_integer_value(json_array_get(theirs, i))] != ours->at[i])
			fail_msg("%s: %s: another part at %u", p->name, what, i);
}

static void
compare_parts(const struct pair *p, const json_t *theirs)
{
	const json_t *parts = json_object_get(theirs, "parts");
	struct arena a = ARENA_INIT;
	struct mime_bodies bodies;

	if ((p->differs & TREE) != 0)
		return;
	if (p->count != json_array_size(parts))
		fail_msg("%s: %zu parts, theirs %zu", p->name, p->count, json_array_size(parts));
	for (size_t i = 0; i < p->count; i++)
		compare_part(p, i, json_array_get(parts, i));
	if ((p->differs & LISTS) != 0)
		return;
	mime_bodies_find(p->parts[0], &a, &bodies);
	compare_list(p, "text", &bodies.text, json_object_get(theirs, "text_body"));
	compare_list(p, "html", &bodies.html, json_object_get(theirs, "html_body"));
	compare_list(p, "attachments", &bodies.attachments, json_object_get(theirs, "attachments"));
	arena_done(&a);
}

/* The value of their first header of a name, or NULL. */
static const json_t *
header(const json_t *theirs, const char *name)
{
	const json_t *headers =
	    json_object_get(json_array_get(json_object_get(theirs, "parts"), 0), "headers");
	size_t i;
	json_t *x;

	json_array_foreach(headers, i, x)
	{
		const char *found = json_string_value(json_object_get(x, "name"));

		if (found != NULL && strcmp(found, name) == 0)
			return json_object_get(x, "value");
	}
	return NULL;
}

static void
print_their_list(struct buffer *b, const json_t *list)
{
	size_t i;
	json_t *x;

	json_array_foreach(list, i, x)
	{
		buffer_add_text(b, json_view(json_object_get(x, "name")));
		buffer_add_byte(b, '<');
		buffer_add_text(b, json_view(json_object_get(x, "address")));
		buffer_add_byte(b, '>');
	}
}

static void
compare_addresses(
    const struct pair *p, const char *name, const struct mime_addresses *ours, const json_t *theirs)
{
	const json_t *value = json_object_get(header(theirs, name), "Address");
	struct buffer got = BUFFER_INIT, want = BUFFER_INIT;
	const json_t *groups = json_object_get(value, "Group");
	size_t k;
	json_t *x;

	print_their_list(&want, json_object_get(value, "List"));
	json_array_foreach(groups, k, x) print_their_list(&want, json_object_get(x, "addresses"));
	for (uint32_t i = 0; i < ours->count; i++) {
		const struct mime_address *address = &ours->at[i];

		if (address->group_start || address->group_end)
			continue;
		mimewords_decode(address->name, 1000, &got);
		buffer_addf(&got, "<%.*s%s%.*s>", TEXT_ARG(address->mailbox),
		    address->host.len > 0 ? "@" : "", TEXT_ARG(address->host));
	}
	if (!text_equal(buffer_text(&got), buffer_text(&want)))
		complain(p, name, 0, buffer_text(&got), buffer_text(&want));
	buffer_done(&got);
	buffer_done(&want);
}

static void
compare_message(struct pair *p, const json_t *theirs)
{
	struct text subject = json_view(json_object_get(header(theirs, "subject"), "Text"));

	if ((p->differs & SUBJECT) == 0 && !text_equal(p->s.subject, subject))
		complain(p, "subject", 0, p->s.subject, subject);
	if ((p->differs & ADDRESSES) == 0) {
		compare_addresses(p, "from", &p->s.envelope.from, theirs);
		compare_addresses(p, "to", &p->s.envelope.to, theirs);
		compare_addresses(p, "cc", &p->s.envelope.cc, theirs);
	}
	collect(p, &p->s.root);
	compare_parts(p, theirs);
}

static int
visit_pair(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	struct buffer message = BUFFER_INIT, lf = BUFFER_INIT;
	struct pair p = { .name = path };
	char json_path[1024];
	json_t *theirs;

	if (type != FTW_F || !text_ends(text_of(path), TEXT(".eml")))
		return 0;
	(void)snprintf(json_path, sizeof(json_path), "%.*s.json", (int)strlen(path) - 4, path);
	theirs = json_load_file(json_path, JSON_ALLOW_NUL, NULL);
	assert_non_null(theirs);
	for (size_t i = 0; i < ARRAY_LEN(differences); i++)
		if (differences[i].file[0] != '\0' &&
		    text_ends(text_of(path), text_of(differences[i].file)))
			p.differs = differences[i].differs;
	read_file(path, &message);
	p.message = buffer_text(&message);
	/* Some were read with LF line ends when the offsets were written down. */
	if (json_integer_value(json_object_get(json_array_get(json_object_get(theirs, "parts"), 0),
		"offset_end")) < (json_int_t)p.message.len) {
		without_cr(p.message, &lf);
		p.message = buffer_text(&lf);
	}
	mime_parse(p.message, NULL, &p.arena, &p.s);
	compare_message(&p, theirs);
	files++;
	json_decref(theirs);
	arena_done(&p.arena);
	buffer_done(&message);
	buffer_done(&lf);
	return 0;
}

static void
mail_parser(void **state)
{
	const char *path = vector_path("mail-parser/eml/rfc/000.eml");
	char folder[1024];

	if (path == NULL)
		return;
	(void)snprintf(
	    folder, sizeof(folder), "%.*s", (int)(strlen(path) - strlen("/rfc/000.eml")), path);
	files = 0;
	assert_int_equal(nftw(folder, visit_pair, 20, FTW_PHYS), 0);
	assert_true(files > 50);
}

/* Dates that they read without their zone or century, or cut, by a piece of
 * the field; ours were worked out by hand. */
static const struct {
	const char *piece;
	int64_t at;
	int zone;
} dates[] = {
	{ "Fri Feb 07 10:18:12 2003 -0800", 1044641892, -480 },
	{ "12 Feb 2003 14:22:21 PST", 1045088541, -480 },
	{ "26 Mar 03 20:43:24 -0600", 1048733004, -360 },
	{ "27 Feb 04 14:16:56 -0800", 1077920216, -480 },
	{ "Nov 13 14:50:12 2005", 1131893412, 0 },
	{ "Nov 13 15:38:52 2005", 1131896332, 0 },
	{ "20 Mar 03 10:06:43 +0100", 1048151203, 60 },
	{ "02 Apr 2020 07:53:55.516 +0000", 1585814035, 0 },
	{ "Sep 14 14:36:56 EDT 2018", 1536950216, -240 },
	{ "02 Jun 2006 08:15:21 PDT", 1149261321, -420 },
};

/* The date behind the last semicolon of each Received field. */
static void
received_dates(void **state)
{
	json_t *cases = vector_json("mail-parser/received.json"), *c;
	size_t i;

	json_array_foreach(cases, i, c)
	{
		struct text value = json_view(json_object_get(c, "header"));
		const json_t *want = json_object_get(json_object_get(c, "expected"), "date");
		size_t semicolon = text_find_last(value, ';');
		struct tm tm = { 0 };
		int64_t at, zone;
		struct date d;

		if (!json_is_object(want) || semicolon == value.len)
			continue;
#define NUMBER(key) ((int)json_integer_value(json_object_get(want, key)))
		tm.tm_year = NUMBER("year") - 1900;
		tm.tm_mon = NUMBER("month") - 1;
		tm.tm_mday = NUMBER("day");
		tm.tm_hour = NUMBER("hour");
		tm.tm_min = NUMBER("minute");
		tm.tm_sec = NUMBER("second");
		zone = NUMBER("tz_hour") * 60 + NUMBER("tz_minute");
		if (json_is_true(json_object_get(want, "tz_before_gmt")))
			zone = -zone;
		if (date_parse_mail(text_part(value, semicolon + 1, value.len), &d) != STATUS_OK)
			fail_msg("refused: %s", value.ptr);
		at = timegm(&tm) - zone * 60;
		for (size_t k = 0; k < ARRAY_LEN(dates); k++) {
			if (text_find(value, text_of(dates[k].piece), 0) == value.len)
				continue;
			at = dates[k].at;
			zone = dates[k].zone;
		}
		if (d.at != at || d.zone != zone)
			fail_msg("%s: %lld %d", value.ptr, (long long)d.at, d.zone);
	}
	json_decref(cases);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(corpora),
		cmocka_unit_test(mail_parser),
		cmocka_unit_test(received_dates),
	};

	(void)signal(SIGABRT, say_where);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
