/* SPDX-License-Identifier: ISC */
/* Address lists: forms of RFC 5322 A.1 and A.6, groups as IMAP wants them,
 * what is no address, limits; then mail-parser's vectors. */
#include "mime/address.h"

#include "codec/mimewords.h"
#include "mime/vectors.h"

/* A list as one line: name|adl|mailbox|host, separated by "; ", groups as
 * "{name" and "}". */
static void
print_list(struct buffer *b, struct mime_addresses list)
{
	for (uint32_t i = 0; i < list.count; i++) {
		struct mime_address x = list.at[i];

		if (i > 0)
			buffer_add_string(b, "; ");
		if (x.group_start)
			buffer_addf(b, "{%.*s", TEXT_ARG(x.mailbox));
		else if (x.group_end)
			buffer_add_byte(b, '}');
		else
			buffer_addf(b, "%.*s|%.*s|%.*s|%.*s", TEXT_ARG(x.name), TEXT_ARG(x.adl),
			    TEXT_ARG(x.mailbox), TEXT_ARG(x.host));
	}
}

static const struct {
	const char *value;
	const char *list;
} lists[] = {
	{ "", "" },
	{ " , ,\r\n ,", "" },
	{ "a@b", "||a|b" },
	{ " John Doe <jdoe@machine.example>\r\n", "John Doe||jdoe|machine.example" },
	{ "\"Joe Q. Public\" <john.q.public@example.com>",
	    "Joe Q. Public||john.q.public|example.com" },
	{ "Mary <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
	    "Mary||mary|x.test; ||jdoe|example.org; Who?||one|y.test" },
	{ "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <s@example.net>",
	    "||boss|nil.test; Giant; \"Big\" Box||s|example.net" },
	{ "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
	    "{A Group; Ed Jones||c|a.test; ||joe|where.test; John||jdoe|one.test; }" },
	{ "Undisclosed recipients:;", "{Undisclosed recipients; }" },
	{ "(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
	    "{Hidden recipients; }" },
	{ "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
	    "Pete||pete|silly.test" },
	{ "Joe Q. Public <john.q.public@example.com>", "Joe Q. Public||john.q.public|example.com" },
	{ "Mary Smith <@node.test,@b.test:mary@example.net>, , jdoe@test  . example",
	    "Mary Smith|@node.test,@b.test|mary|example.net; ||jdoe|test.example" },
	{ "Mary\r\n\t Smith  \r\n <mary @ example.net>", "Mary Smith||mary|example.net" },
	{ "jdoe@example.org (John (the) Doe)", "John (the) Doe||jdoe|example.org" },
	{ "(John) <jdoe@example.org>", "John||jdoe|example.org" },
	{ "<jdoe@example.org> John", "John||jdoe|example.org" },
	{ "\"john doe\"@example.org", "||john doe|example.org" },
	{ "\"a@b\"@c", "||a@b|c" },
	{ "a@b@c", "||a@b|c" },
	/* A bracket that nobody closed takes no other address with it. */
	{ "A <a@b, B <c@d>, e@f", "A||a|b; B||c|d; ||e|f" },
	{ "A <a@b, c@d", "A||a|b; ||c|d" },
	{ "A <a,x@b>, <\"a,<x\"@b>, C <c@d", "A||a,x|b; ||a,<x|b; C||c|d" },
	{ "<@r,@s:u@v>, <@r, x <y@z>", "|@r,@s|u|v; ||@r,x<y|z" },
	{ "x@[IPv6:::1], y@[1.2.3.4]", "||x|[IPv6:::1]; ||y|[1.2.3.4]" },
	{ "root", "||root|" },
	{ "Joe   Blow", "||Joe Blow|" },
	{ "NO (not allowed)", "not allowed||NO|" },
	{ "<>", "" },
	{ "Nobody <>", "Nobody|||" },
	{ "<a@b", "||a|b" },
	{ "a <b@c> <d@e>", "a||b|c; ||d|e" },
	{ "x@y <x@y>", "x@y||x|y" },
	{ "Foo (unclosed <a@b>, c@d", "Foo (unclosed||a|b; ||c|d" },
	{ "\"unclosed <a@b>, c@d", "\"unclosed||a|b; ||c|d" },
	{ "One: a@b; Two: c@d; e@f", "{One; ||a|b; }; {Two; ||c|d; }; ||e|f" },
	{ "One: a@b", "{One; ||a|b; }" },
	{ "One: a@b: c, d@e;", "{One; ||a|b:c; ||d|e; }" },
	{ "\"O'Hara, P\" \"\" x <p@h>", "O'Hara, P x||p|h" },
	{ "=?utf-8?q?a?=\r\n =?utf-8?q?b?= <a@b>", "=?utf-8?q?a?= =?utf-8?q?b?=||a|b" },
};

static void
lists_read(void **state)
{
	struct buffer b = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct arena a = ARENA_INIT;
		struct mime_addresses list;

		mime_addresses_parse(&a, text_of(lists[i].value), 100, &list);
		print_list(&b, list);
		check_text(buffer_text(&b), text_of(lists[i].list), lists[i].value, __LINE__);
		buffer_clear(&b);
		assert_false(list.cut);
		arena_done(&a);
	}
	buffer_done(&b);
}

static void
limited(void **state)
{
	struct arena a = ARENA_INIT;
	struct mime_addresses list;

	mime_addresses_parse(&a, TEXT("a@b, c@d, e@f"), 2, &list);
	assert_int_equal(list.count, 2);
	assert_true(list.cut);
	mime_addresses_parse(&a, TEXT("a@b, c@d"), 2, &list);
	assert_int_equal(list.count, 2);
	assert_false(list.cut);
	arena_done(&a);
}

/* Half a megabyte of what is opened and never closed. */
static void
linear(void **state)
{
	static const char *const pieces[] = { "(", "\"", "[", "<", "(\"[", "((a)", "\\\"(", ":",
		"x:", "<,", "<,\"" };
	struct buffer b = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		struct arena a = ARENA_INIT;
		struct mime_addresses list;

		while (b.len < 500000)
			buffer_add_string(&b, pieces[i]);
		mime_addresses_parse(&a, buffer_text(&b), 1000, &list);
		assert_true(list.count <= 1000);
		buffer_clear(&b);
		arena_done(&a);
	}
	buffer_done(&b);
}

/* Vectors that we read otherwise, with reason. We keep a comment only where
 * there is no other name, leave out blanks and comments inside an address,
 * and the empty address. */
static const struct {
	const char *start;
	const char *ours; /* name <address>, ... */
} differences[] = {
	{ "Pete(A nice", "Pete <pete@silly.test>" },
	/* The backslash quotes the line end, not the parenthesis after it. */
	{ "Pete(A nice \n", "Pete chap) <pete@silly.test>" },
	{ "A Group(Some people)",
	    "{A Group} Chris Jones <c@public.example>, <joe@example.org>, John <jdoe@one.test>" },
	{ "(Empty list)(start)", "{Hidden recipients}" },
	{ "Mary Smith <@node.test:",
	    "Mary Smith <@node.test:mary@example.net>, <jdoe@test.example>" },
	{ "John Doe <jdoe@machine(comment)", "John Doe <jdoe@machine.example>" },
	{ "Nathaniel Borenstein <nsb", "Nathaniel Borenstein <nsb@thumper.bellcore.com>" },
	{ "Name (comment)", "Name Doe <a@b.com>" },
};

static void
print_one(struct buffer *b, struct text name, struct text address)
{
	if (b->len > 0 && b->ptr[b->len - 1] != '}')
		buffer_add_byte(b, ',');
	if (b->len > 0)
		buffer_add_byte(b, ' ');
	buffer_add_text(b, name);
	buffer_addf(b, "%s<%.*s>", name.len > 0 ? " " : "", TEXT_ARG(address));
}

static void
print_open(struct buffer *b, struct text name)
{
	if (b->len > 0)
		buffer_add_string(b, ", ");
	buffer_add_byte(b, '{');
	buffer_add_text(b, name);
	buffer_add_byte(b, '}');
}

static void
print_ours(struct buffer *b, struct mime_addresses list)
{
	for (uint32_t i = 0; i < list.count; i++) {
		struct mime_address x = list.at[i];
		struct buffer name = BUFFER_INIT, address = BUFFER_INIT;

		mimewords_decode(x.group_start ? x.mailbox : x.name, 1000, &name);
		/* Blanks at the ends of a quoted name stay in theirs. */
		if (text_find(x.name, TEXT("=?"), 0) == x.name.len && !x.group_start) {
			buffer_clear(&name);
			buffer_add_text(&name, x.name);
		}
		if (x.group_start) {
			print_open(b, buffer_text(&name));
		} else if (x.group_end) {
			if (i + 1 < list.count && !list.at[i + 1].group_start)
				print_open(b, TEXT_EMPTY);
		} else {
			if (x.adl.len > 0)
				buffer_addf(&address, "%.*s:", TEXT_ARG(x.adl));
			buffer_add_text(&address, x.mailbox);
			if (x.host.len > 0)
				buffer_addf(&address, "@%.*s", TEXT_ARG(x.host));
			print_one(b, buffer_text(&name), buffer_text(&address));
		}
		buffer_done(&name);
		buffer_done(&address);
	}
}

static void
print_json_list(struct buffer *b, const json_t *list)
{
	size_t i;
	json_t *x;

	json_array_foreach(list, i, x) print_one(
	    b, json_view(json_object_get(x, "name")), json_view(json_object_get(x, "address")));
}

static void
print_theirs(struct buffer *b, const json_t *expected)
{
	const json_t *list = json_object_get(expected, "List");
	const json_t *groups = json_object_get(expected, "Group");
	size_t i;
	json_t *x;

	print_json_list(b, list);
	json_array_foreach(groups, i, x)
	{
		const json_t *name = json_object_get(x, "name");

		/* Addresses before the first group. */
		if (i > 0 || json_is_string(name))
			print_open(b, json_view(name));
		print_json_list(b, json_object_get(x, "addresses"));
	}
}

static void
vectors(void **state)
{
	json_t *cases = vector_json("mail-parser/address.json"), *c;
	struct buffer ours = BUFFER_INIT, theirs = BUFFER_INIT;
	size_t i;

	json_array_foreach(cases, i, c)
	{
		struct text header = json_view(json_object_get(c, "header"));
		struct arena a = ARENA_INIT;
		struct mime_addresses list;

		mime_addresses_parse(&a, vector_value(header), 100, &list);
		print_ours(&ours, list);
		print_theirs(&theirs, json_object_get(c, "expected"));
		for (size_t k = 0; k < ARRAY_LEN(differences); k++) {
			if (!text_starts(header, text_of(differences[k].start)))
				continue;
			buffer_clear(&theirs);
			buffer_add_string(&theirs, differences[k].ours);
		}
		check_text(buffer_text(&ours), buffer_text(&theirs), header.ptr, __LINE__);
		buffer_clear(&ours);
		buffer_clear(&theirs);
		arena_done(&a);
	}
	json_decref(cases);
	buffer_done(&ours);
	buffer_done(&theirs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_read),
		cmocka_unit_test(limited),
		cmocka_unit_test(linear),
		cmocka_unit_test(vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
