/* SPDX-License-Identifier: ISC */
/*
 * The formal syntax of extensions: forms that their grammars have are understood, and forms
 * that look alike and are none are BAD. What each form does is in the tests of its command.
 */
#include "imap/session_testing.h"

struct form {
	const char *command;
	const char *want; /* the word of the tagged reply */
};

/* In this order, in a mailbox of three messages. */
static void
each(const struct form *forms, size_t count)
{
	struct talk t;

	begin_with(&t, "Forms", 3);
	for (size_t i = 0; i < count; i++) {
		struct buffer say = BUFFER_INIT, want = BUFFER_INIT;

		buffer_addf(&say, "g%zu %s\r\n", i, forms[i].command);
		buffer_addf(&want, "g%zu %s", i, forms[i].want);
		HAS(&t, buffer_string(&say), buffer_string(&want));
		buffer_done(&say);
		buffer_done(&want);
	}
	HAS(&t, "z CLOSE\r\n", "z OK");
	HAS(&t, "z DELETE Forms\r\n", "z OK");
	talk_end(&t);
}

#define EACH(forms) each((forms), ARRAY_LEN(forms))

/* RFC 3516 7: section-binary is numbers alone, partial has two, BINARY.SIZE none. */
static void
binary(void **state)
{
	static const struct form forms[] = {
		{ "FETCH 1 BINARY[]", "OK" },
		{ "FETCH 1 (BINARY.PEEK[1]<0.5> BINARY.SIZE[1])", "OK" },
		{ "FETCH 1 BINARY.SIZE[]", "OK" },
		{ "FETCH 1 binary.peek[1.2]", "OK" },
		{ "FETCH 1 BINARY[TEXT]", "BAD" },
		{ "FETCH 1 BINARY[1.MIME]", "BAD" },
		{ "FETCH 1 BINARY[0]", "BAD" },
		{ "FETCH 1 BINARY[1.]", "BAD" },
		{ "FETCH 1 BINARY", "BAD" },
		{ "FETCH 1 BINARY[1]<5>", "BAD" },
		{ "FETCH 1 BINARY[1]<0.0>", "BAD" },
		{ "FETCH 1 BINARY.SIZE[1]<0.5>", "BAD" },
		{ "FETCH 1 BINARY.SIZE.PEEK[1]", "BAD" },
	};

	EACH(forms);
}

/* RFC 4315 4: uid-expunge has a set. RFC 6851 5: move has a set and a mailbox. */
static void
uids_and_moves(void **state)
{
	static const struct form forms[] = {
		{ "UID EXPUNGE 1:2,*", "OK" },
		{ "UID EXPUNGE 4294967295", "OK" },
		{ "UID EXPUNGE", "BAD" },
		{ "UID EXPUNGE 1 2", "BAD" },
		{ "UID EXPUNGE 0", "BAD" },
		{ "UID EXPUNGE 4294967296", "BAD" },
		{ "EXPUNGE 1", "BAD" },
		{ "MOVE 1", "BAD" },
		{ "MOVE Forms", "BAD" },
		{ "MOVE 1 Forms Forms", "BAD" },
		{ "UID MOVE 1,", "BAD" },
		{ "MOVE 1:2 \"Forms\"", "OK" },
		{ "UID MOVE 4294967295 {5+}\r\nForms", "OK" },
	};

	EACH(forms);
}

/* RFC 4731 4: names in parentheses, in any order, none as well. RFC 5182 3: "$" stands alone
 * where a set may, also behind UID. */
static void
searches(void **state)
{
	static const struct form forms[] = {
		{ "SEARCH RETURN () ALL", "OK" },
		{ "SEARCH RETURN (COUNT ALL MAX MIN SAVE) ALL", "OK" },
		{ "SEARCH return (min) CHARSET UTF-8 all", "OK" },
		{ "SEARCH RETURN(MIN) ALL", "BAD" },
		{ "SEARCH RETURN MIN ALL", "BAD" },
		{ "SEARCH RETURN ( MIN) ALL", "BAD" },
		{ "SEARCH RETURN (MIN )  ALL", "BAD" },
		{ "SEARCH RETURN (MINIMUM) ALL", "BAD" },
		{ "SEARCH RETURN (MIN)", "BAD" },
		{ "SEARCH CHARSET UTF-8 RETURN (MIN) ALL", "BAD" },
		{ "SEARCH $", "OK" },
		{ "SEARCH NOT $ OR UID $ (1 $)", "OK" },
		{ "FETCH $ UID", "OK" },
		{ "UID STORE $ +FLAGS (\\Seen)", "OK" },
		{ "SEARCH $,1", "BAD" },
		{ "SEARCH 1,$", "BAD" },
		{ "FETCH $:* UID", "BAD" },
		{ "FETCH $$ UID", "BAD" },
	};

	EACH(forms);
}

/* RFC 7888 8: digits, then "+" or not. RFC 7888 5: "{n-}" is no form of a literal, since
 * LITERAL- is the name of a capability. RFC 8438 3: SIZE is an item. RFC 3348 5: CHILDREN is
 * told without being asked for. */
static void
others(void **state)
{
	static const struct form forms[] = {
		{ "STATUS {5+}\r\nForms (SIZE)", "OK" },
		{ "STATUS {005+}\r\nForms (SIZE MESSAGES)", "OK" },
		{ "STATUS {5-} (SIZE)", "BAD" },
		{ "STATUS {+} (SIZE)", "BAD" },
		{ "STATUS {5+ } (SIZE)", "BAD" },
		{ "STATUS Forms (SIZE.1)", "BAD" },
		{ "STATUS Forms (SIZES)", "BAD" },
		{ "STATUS Forms SIZE", "BAD" },
		{ "LIST \"\" Forms", "OK" },
	};
	struct talk t;

	EACH(forms);
	sign_in(&t);
	HAS(&t, "a LIST \"\" Sent\r\n", "* LIST (\\HasNoChildren \\Sent) \"/\" Sent\r\n");
	talk_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(binary),
		cmocka_unit_test(uids_and_moves),
		cmocka_unit_test(searches),
		cmocka_unit_test(others),
	};

	return cmocka_run_group_tests(tests, open_house, close_house);
}
