/* SPDX-License-Identifier: ISC */
/* Base subjects by the steps of RFC 5256 2.1. */
#include "codec/test_support.h"
#include "mime/parse.h"

static const struct {
	const char *subject;
	const char *base;
} subjects[] = {
	{ "", "" },
	{ "Hello", "Hello" },
	{ "  Hello   big \t world ", "Hello big world" },
	{ "Re: Hello", "Hello" },
	{ "RE:Hello", "Hello" },
	{ "re : Hello", "Hello" },
	{ "Re[2]: Hello", "Hello" },
	{ "Fw: Hello", "Hello" },
	{ "Fwd: Hello", "Hello" },
	{ "FWD: re: Fw: Hello", "Hello" },
	{ "[list] Re: Hello", "Hello" },
	{ "[list] Hello", "Hello" },
	{ "Re: [list] [other] Re: Hello", "Hello" },
	{ "[a][b] Hello", "Hello" },
	{ "[list]", "[list]" },
	{ "Re: [list]", "[list]" },
	{ "Hello (fwd)", "Hello" },
	{ "Hello (fwd) (FWD) ", "Hello" },
	{ "[fwd: Hello]", "Hello" },
	{ "[Fwd: Re: Hello (fwd)]", "Hello" },
	{ "[fwd: [fwd: Hello]]", "Hello" },
	{ "Re:", "" },
	{ "Reply: x", "Reply: x" },
	{ "Regarding", "Regarding" },
	{ "Fwd", "Fwd" },
	{ "[unclosed Re: x", "[unclosed Re: x" },
	{ "[a[b] x", "[a[b] x" },
	{ "caf\xc3\xa9", "caf\xc3\xa9" },
};

static void
base_subjects(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
		struct arena a = ARENA_INIT;

		check_text(mime_base_subject(text_of(subjects[i].subject), &a),
		    text_of(subjects[i].base), subjects[i].subject, __LINE__);
		arena_done(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base_subjects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
