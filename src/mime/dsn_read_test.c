/* SPDX-License-Identifier: ISC */
/* Reading DSNs of others: what RFC 3464 shows, what is sloppy, what is too
 * much, and real bounces. */
#include "base/testing.h"

#include <stdio.h>

#include "mime/dsn.h"

static struct arena arena;

static void
two_recipients(void **state)
{
	struct dsn_found f;

	assert_ok(dsn_read_fields(
	    TEXT("Reporting-MTA: dns; cs.utk.edu\r\n\r\n"
		 "Original-Recipient: rfc822;arathib@vnet.ibm.com\r\n"
		 "Final-Recipient: rfc822;arathib@vnet.ibm.com\r\n"
		 "Action: failed\r\nStatus: 5.0.0 (permanent failure)\r\n"
		 "Diagnostic-Code: smtp;\r\n 550 'arathib@vnet.IBM.COM' is not a\r\n"
		 "  registered gateway user\r\nRemote-MTA: dns; vnet.ibm.com\r\n\r\n\r\n"
		 "Final-Recipient: rfc822; johnh@hpnjld.njd.hp.com\r\n"
		 "Action: delayed (still trying)\r\nStatus: 4.0.0\r\n"
		 "Diagnostic-Code: x-local; disk full\r\n"
		 "Will-Retry-Until: Thu, 7 Jul 1994 17:15:49 -0400\r\n"),
	    &arena, &f));
	assert_text(f.reporting_mta, "cs.utk.edu");
	assert_int_equal(f.count, 2);
	assert_text(f.recipients[0].status, "5.0.0");
	assert_text(f.recipients[0].diagnostic,
	    "550 'arathib@vnet.IBM.COM' is not a registered gateway user");
	assert_text(f.recipients[0].remote, "vnet.ibm.com");
	assert_text(f.recipients[0].original_type, "rfc822");
	assert_int_equal(f.recipients[1].action, DSN_DELAYED);
	assert_text(f.recipients[1].words, "disk full");
	assert_int_equal(f.recipients[1].retry_until, 773615749);
	assert_int_equal(f.recipients[1].original.len, 0);
	arena_done(&arena);
}

static void
sloppy(void **state)
{
	struct dsn_found f;

	/* No empty lines, bare LF, no types, brackets, unknown words. */
	assert_ok(
	    dsn_read_fields(TEXT("reporting-mta:mx\nfinal-recipient: <a@b>\nACTION: Failed\n"
				 "X-Other: y\nnot a field\nFinal-Recipient: c@d\nAction: lost\n"),
		&arena, &f));
	assert_int_equal(f.count, 2);
	assert_text(f.reporting_mta, "mx");
	assert_text(f.recipients[0].final, "a@b");
	assert_int_equal(f.recipients[0].action, DSN_FAILED);
	assert_text(f.recipients[1].final, "c@d");
	assert_int_equal(f.recipients[1].action, DSN_UNKNOWN);
	assert_int_equal(dsn_read_fields(TEXT("Action: failed\n"), &arena, &f), STATUS_INVALID);
	assert_int_equal(dsn_read_fields(TEXT(""), &arena, &f), STATUS_INVALID);
	assert_int_equal(dsn_read(TEXT("From: a\r\n\r\nx"), &arena, &f), STATUS_NOT_FOUND);
	assert_int_equal(f.count, 2);
	arena_done(&arena);
}

/* RFC 3464 2.3.2: Final-Recipient must be there, but is not always; and the
 * address in brackets is the same however many they are. */
static void
addresses(void **state)
{
	struct dsn_found f;

	assert_ok(dsn_read_fields(TEXT("Final-Recipient: utf-8;\\x{F6}@b\nAction: failed\n\n"
				       "Original-Recipient: r\n 550 no\nRemote-MTA: dns; v\n\n"
				       "Final-Recipient: rfc822; < <c@d> >\n\n"
				       "Final-Recipient: <<>>\n"),
	    &arena, &f));
	assert_int_equal(f.count, 3);
	assert_text(f.recipients[0].final, "\xc3\xb6@b");
	assert_int_equal(f.recipients[1].final.len, 0);
	assert_text(f.recipients[1].original, "r 550 no");
	assert_text(f.recipients[2].final, "c@d");
	arena_done(&arena);
}

static void
bounded(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct dsn_found f;

	for (int i = 0; i < DSN_RECIPIENTS_MAX + 5; i++)
		buffer_addf(&b, "Final-Recipient: rfc822; u%d@x\r\n\r\n", i);
	assert_ok(dsn_read_fields(buffer_text(&b), &arena, &f));
	assert_int_equal(f.count, DSN_RECIPIENTS_MAX);
	assert_true(f.cut);
	buffer_clear(&b);
	buffer_add_string(&b, "Final-Recipient: rfc822; a@x\r\nDiagnostic-Code: smtp; ");
	for (int i = 0; i < 5000; i++)
		buffer_add_string(&b, "\xc3\xa9");
	assert_ok(dsn_read_fields(buffer_text(&b), &arena, &f));
	assert_true(f.recipients[0].diagnostic.len <= REPORT_VALUE_MAX);
	buffer_done(&b);
	arena_done(&arena);
}

/* Of the vectors beside the sources, which may be missing. */
static void
real_bounces(void **state)
{
	static const struct {
		const char *name, *final, *status;
		uint32_t count;
	} files[] = {
		{ "report_422.eml", "fraser@oooooooo.com.au", "4.2.2", 1 },
		{ "report_530.eml", "edwin@zzzzzzz.com", "5.3.0", 1 },
		{ "multi_address_bounce1.eml", "bbbbvhvbbvkjbhfbvbvjhb@gmail.com", "5.1.1", 5 },
	};
	const char *shared = getenv("MAILSTEAD_SHARED");

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char path[1024];
		static char octets[1 << 20];
		struct dsn_found f;
		size_t n;
		FILE *in;

		(void)snprintf(path, sizeof(path),
		    "%s/vectors/mime/mikel-mail/multipart_report_emails/%s",
		    shared == NULL ? "../shared" : shared, files[i].name);
		in = fopen(path, "rb");
		if (in == NULL) {
			print_message("no vectors at %s: passed over\n", path);
			continue;
		}
		n = fread(octets, 1, sizeof(octets), in);
		(void)fclose(in);
		assert_ok(dsn_read((struct text){ octets, n }, &arena, &f));
		if (!text_equal(f.recipients[0].final, text_of(files[i].final)) ||
		    !text_equal(f.recipients[0].status, text_of(files[i].status)) ||
		    f.count != files[i].count)
			fail_msg("%s: %u, %.*s, %.*s", files[i].name, f.count,
			    TEXT_ARG(f.recipients[0].final), TEXT_ARG(f.recipients[0].status));
	}
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_recipients),
		cmocka_unit_test(sloppy),
		cmocka_unit_test(addresses),
		cmocka_unit_test(bounded),
		cmocka_unit_test(real_bounces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
