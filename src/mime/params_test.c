/* SPDX-License-Identifier: ISC */
/* Content-Type and its like: encodings, own cases, then mail-parser's vectors
 * of the type field and of message-ids. */
#include "mime/params.h"

#include "mime/vectors.h"

static void
encodings(void **state)
{
	static const struct {
		const char *value;
		enum mime_encoding encoding;
	} cases[] = {
		{ "", MIME_7BIT },
		{ " 7bit\r\n", MIME_7BIT },
		{ "7-bit", MIME_7BIT },
		{ "7bits", MIME_7BIT },
		{ "8 bit", MIME_8BIT },
		{ "8BIT", MIME_8BIT },
		{ "binary", MIME_BINARY },
		{ " Base64 (of course)", MIME_BASE64 },
		{ "base64;", MIME_BASE64 },
		{ "\"quoted-printable\"", MIME_QP },
		{ "Quoted-Printable", MIME_QP },
		{ "quoted printable", MIME_QP },
		{ "6bit", MIME_UNKNOWN_ENCODING },
		{ "x-uuencode", MIME_UNKNOWN_ENCODING },
		{ "quoted-printable-and-then-some", MIME_UNKNOWN_ENCODING },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (mime_encoding_parse(text_of(cases[i].value)) != cases[i].encoding)
			fail_msg("%s", cases[i].value);
}

/* type "/" subtype, and each parameter as " name=value", sorted by name. */
static void
print_type(struct buffer *b, struct text type, struct text subtype)
{
	buffer_addf(b, "%.*s/%.*s", TEXT_ARG(type), TEXT_ARG(subtype));
}

static int
by_name(const void *va, const void *vb)
{
	const struct mime_param *a = va, *b = vb;

	return text_compare(a->name, b->name);
}

static void
print_params(struct buffer *b, struct mime_param *at, size_t count)
{
	if (count > 0)
		qsort(at, count, sizeof(*at), by_name);
	for (size_t i = 0; i < count; i++) {
		buffer_add_byte(b, ' ');
		buffer_add_text(b, at[i].name);
		buffer_add_byte(b, '=');
		buffer_add_text(b, at[i].value);
	}
}

static const struct {
	const char *value;
	const char *printed;
} types[] = {
	{ "text/plain; charset=utf-8", "text/plain charset=utf-8" },
	{ "TEXT/Plain;CHARSET=UTF-8", "text/plain charset=UTF-8" },
	{ "a/b; filename=two words.txt; x=y", "a/b filename=two words.txt x=y" },
	{ "a/b; filename=foo(1).pdf (a comment); x=y", "a/b filename=foo(1).pdf x=y" },
	{ "a/b; filename=\"foo\\\"bar\\\\.txt\"", "a/b filename=foo\"bar\\.txt" },
	{ "a/b; name=\"x\"\r\n name2=y", "a/b name=x name2=y" },
	{ "a/b; name=x; name=y", "a/b name=x" },
	{ "a/b; name=plain; name*=utf-8''%c3%a9", "a/b name=\xc3\xa9" },
	{ "a/b; name*1=c; name*0*=iso-8859-1''%E9%; name*2*=%41", "a/b name=\xc3\xa9%cA" },
	{ "a/b; name=caf\xe9", "a/b name=caf\xc3\xa9" },
	{ "a/b; name=\"=?utf-8?q?caf=C3=A9?=.txt\"", "a/b name=caf\xc3\xa9.txt" },
	{ "a/b; name*=utf-8''a%00%0d%0ab", "a/b name=ab" },
	{ "attachment", "attachment/" },
	{ "attachment; filename=", "attachment/" },
	{ "attachment; filename=\"\"", "attachment/ filename=" },
};

static void
own_cases(void **state)
{
	struct buffer b = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct arena a = ARENA_INIT;
		struct mime_type type;

		mime_type_parse(text_of(types[i].value), &a, &type);
		print_type(&b, type.type, type.subtype);
		print_params(&b, type.params.at, type.params.count);
		check_text(buffer_text(&b), text_of(types[i].printed), types[i].value, __LINE__);
		buffer_clear(&b);
		arena_done(&a);
	}
	buffer_done(&b);
}

static void
boundaries(void **state)
{
	static const struct {
		const char *value;
		const char *boundary;
	} cases[] = {
		{ "multipart/mixed; boundary=\"----=_Part 1 \"", "----=_Part 1" },
		{ "multipart/mixed; boundary=----=_Part_1_2.3; x=y", "----=_Part_1_2.3" },
		{ "multipart/mixed; boundary=\"=?utf-8?q?raw?=\"", "=?utf-8?q?raw?=" },
		{ "multipart/mixed; boundary*=us-ascii''a%20b", "a b" },
		{ "multipart/mixed; boundary*0=a; boundary*1=b", "ab" },
		{ "multipart/mixed", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena a = ARENA_INIT;
		struct mime_type type;

		mime_type_parse(text_of(cases[i].value), &a, &type);
		ASSERT_TEXT(type.boundary, text_of(cases[i].boundary));
		arena_done(&a);
	}
}

/* Vectors that we read otherwise. */
static const struct {
	const char *start;
	const char *ours;
	const char *why;
} differences[] = {
	{ "application/pdf\n   filename*0*=iso-8859-1'es'",
	    "application/pdf filename=\xc3\x91"
	    "and\xc3\xbaiso-8859-1' r\xc3\xa1pidoiso-8859-1' "
	    "(versi\xc3\xb3n '99 \"oficial\").pdf",
	    "only the first piece names a charset (RFC 2231 4.1)" },
	{ "image/jpeg;\n   name=\"=?iso-8859-1?B?4Q==?= =?utf-8?B?w6k=?=",
	    "image/jpeg name=\xc3\xa1\xc3\xa9\xc3\xad.jpeg",
	    "blanks between encoded words go (RFC 2047 6.2), quoted or not" },
	{ "test/encoded; key4*=us-ascii",
	    "test/encoded key=foobazba% key2=ab% key3=xyzplop% key4=foo", "NUL is left out" },
	{ "malicious/attempt; 1*2*=a;", "malicious/attempt 1=a 15===g 3=b 4=c 9=f",
	    "junk after a star" },
};

static void
print_expected(struct buffer *b, const json_t *expected)
{
	const json_t *attributes = json_object_get(expected, "attributes");
	struct mime_param params[20];
	size_t n = 0, i;
	json_t *x;

	print_type(b, json_view(json_object_get(expected, "c_type")),
	    json_view(json_object_get(expected, "c_subtype")));
	json_array_foreach(attributes, i, x)
	{
		params[n].name = json_view(json_array_get(x, 0));
		params[n].value = json_view(json_array_get(x, 1));
		/* We keep no languages of parameters. */
		if (!text_ends(params[n].name, TEXT("-language")))
			n++;
	}
	print_params(b, params, n);
}

static void
type_vectors(void **state)
{
	json_t *cases = vector_json("mail-parser/content_type.json"), *c;
	struct buffer ours = BUFFER_INIT, theirs = BUFFER_INIT;
	size_t i;

	json_array_foreach(cases, i, c)
	{
		struct text header = json_view(json_object_get(c, "header"));
		const json_t *expected = json_object_get(c, "expected");
		struct arena a = ARENA_INIT;
		struct mime_type type;

		mime_type_parse(vector_value(header), &a, &type);
		print_type(&ours, type.type, type.subtype);
		print_params(&ours, type.params.at, type.params.count);
		print_expected(&theirs, expected);
		for (size_t k = 0; k < ARRAY_LEN(differences); k++) {
			if (!text_starts(text_trim(header), text_of(differences[k].start)))
				continue;
			buffer_clear(&theirs);
			buffer_add_string(&theirs, differences[k].ours);
		}
		/* They give nothing where the type is missing; we still read on. */
		if (!json_is_null(expected))
			check_text(buffer_text(&ours), buffer_text(&theirs), header.ptr, __LINE__);
		else
			assert_int_equal(type.type.len, 0);
		buffer_clear(&ours);
		buffer_clear(&theirs);
		arena_done(&a);
	}
	json_decref(cases);
	buffer_done(&ours);
	buffer_done(&theirs);
}

static void
id_vectors(void **state)
{
	json_t *cases = vector_json("mail-parser/id.json"), *c;
	struct buffer message = BUFFER_INIT;
	size_t i;

	json_array_foreach(cases, i, c)
	{
		const json_t *expected = json_object_get(c, "expected");
		struct arena a = ARENA_INIT;
		struct mime_summary s;

		buffer_add_string(&message, "References:");
		buffer_add_text(&message, json_view(json_object_get(c, "header")));
		mime_parse(buffer_text(&message), NULL, &a, &s);
		assert_int_equal(s.reference_count, json_array_size(expected));
		for (uint32_t k = 0; k < s.reference_count; k++)
			ASSERT_TEXT(s.references[k], json_view(json_array_get(expected, k)));
		buffer_clear(&message);
		arena_done(&a);
	}
	json_decref(cases);
	buffer_done(&message);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodings),
		cmocka_unit_test(own_cases),
		cmocka_unit_test(boundaries),
		cmocka_unit_test(type_vectors),
		cmocka_unit_test(id_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
