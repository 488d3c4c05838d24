/* SPDX-License-Identifier: ISC */
/*
 * Parameters of MAIL and RCPT in submission, each by the grammar of its RFC:
 * what is taken, what intake is told of it, and what is refused in which words.
 */
#include "smtp/test_house.h"

#include "base/clock.h"

#define NOW INT64_C(1795315080) /* 2026-11-22T02:38:00Z */

static int
desk_setup(void **state)
{
	struct house *h;

	(void)house_setup(state);
	h = *state;
	h->listener.plain_auth = true;
	clock_set_for_test(NOW * CLOCK_SECOND, -1);
	return 0;
}

static int
desk_teardown(void **state)
{
	clock_set_for_test(-1, -1);
	return house_teardown(state);
}

/* The parameters as they stand in the commands, and what intake is told; or
 * the codes of MAIL and RCPT. */
struct row {
	const char *mail, *rcpt, *wanted;
};

#define AUTH "AUTH PLAIN AGFsaWNlQGRlbW8udGVzdABkZW1v\r\n"

static void
check(void **state, const struct row *rows, size_t count)
{
	struct house *h = *state;

	for (size_t i = 0; i < count; i++) {
		const struct row *r = &rows[i];
		bool told = strchr(r->wanted, '=') != NULL || r->wanted[0] == '\0';
		struct buffer script = BUFFER_INIT;
		struct text got;

		buffer_addf(&script, HELO AUTH "MAIL FROM:<>%s\r\nRCPT TO:<x@far.test>%s\r\n",
		    r->mail, r->rcpt);
		if (told)
			buffer_add_string(&script, "BDAT 2 LAST\r\n\r\n");
		got = text_of(house_codes(h, TEST_SUBMISSION, buffer_text(&script)));
		assert_true(text_starts(got, TEXT("250 235:2.7.0 ")));
		got = text_part(got, 14, got.len);
		if (told) {
			if (!text_equal(got, TEXT("250:2.1.0 250:2.1.5 250:2.0.0")))
				fail_msg("%s %s: got %.*s", r->mail, r->rcpt, TEXT_ARG(got));
			got = buffer_text(&h->desk.fields);
			got = text_part(got, 0, got.len - strlen("copy=1 "));
		}
		if (!text_equal(got, text_of(r->wanted)))
			fail_msg("%s %s: wanted %s, got %.*s", r->mail, r->rcpt, r->wanted,
			    TEXT_ARG(got));
		buffer_done(&script);
	}
}

#define FAR "to=x@far.test "
#define BAD_MAIL "501:5.5.4 503:5.5.1"
#define BAD_RCPT "250:2.1.0 501:5.5.4"
#define TWENTY "12345678901234567890"
#define HUNDRED TWENTY TWENTY TWENTY TWENTY TWENTY

static void
bodies_and_letters(void **state)
{
	static const struct row rows[] = {
		{ "", "", FAR },
		{ " SIZE=100 BODY=7BIT", "", FAR },
		{ " body=8bitmime", "", "body=1 " FAR },
		{ " BODY=BINARYMIME SMTPUTF8", "", "body=2 needs=1 " FAR },
		{ " BODY=8BITMIME BODY=8BITMIME", "", BAD_MAIL },
		{ " NONSENSE", "", "555:5.5.4 503:5.5.1" },
		{ " NOTIFY=NEVER", "", "555:5.5.4 503:5.5.1" },
		{ "", " RET=FULL", "250:2.1.0 555:5.5.4" },
		{ "", " =", "250:2.1.0 501:5.5.4" },
	};

	check(state, rows, ARRAY_LEN(rows));
}

/* RFC 3461 4, 4.3, 4.4 */
static void
dsn_of_mail(void **state)
{
	static const struct row rows[] = {
		{ " RET=FULL", "", "ret=1 " FAR },
		{ " ret=hdrs ENVID=QQ314159", "", "ret=2 envid=QQ314159 " FAR },
		{ " ENVID=a+2Bb+20c+3D", "", "envid=a+b c= " FAR },
		{ " ENVID=" HUNDRED, "", "envid=" HUNDRED " " FAR },
		{ " ENVID=" HUNDRED "1", "", BAD_MAIL },
		{ " RET", "", BAD_MAIL },
		{ " RET=BOTH", "", BAD_MAIL },
		{ " RET=FULL RET=FULL", "", BAD_MAIL },
		{ " ENVID", "", BAD_MAIL },
		{ " ENVID=a+2bb", "", BAD_MAIL }, /* hexchars are upper case */
		{ " ENVID=a+2", "", BAD_MAIL },
		{ " ENVID=a+0D+0Ab", "", BAD_MAIL }, /* no field is to be made of it */
		{ " ENVID=+C3+A4", "", BAD_MAIL },
		{ " ENVID=\xc3\xa4", "", BAD_MAIL },
	};

	check(state, rows, ARRAY_LEN(rows));
}

/* RFC 3461 4.1, 4.2, RFC 6533 3 */
static void
dsn_of_rcpt(void **state)
{
	static const struct row rows[] = {
		{ "", " NOTIFY=NEVER", FAR "notify=1 " },
		{ "", " notify=success", FAR "notify=2 " },
		{ "", " NOTIFY=SUCCESS,FAILURE,DELAY", FAR "notify=14 " },
		{ "", " NOTIFY=DELAY ORCPT=rfc822;a+2Bb@y.test",
		    FAR "orcpt=rfc822;a+b@y.test notify=8 " },
		{ "", " ORCPT=X400;/C=de", BAD_RCPT }, /* "=" must be coded */
		{ "", " ORCPT=X400;/C+3Dde", FAR "orcpt=X400;/C=de " },
		{ "", " ORCPT=utf-8;a\\x{E4}@y.test", FAR "orcpt=utf-8;a\xc3\xa4@y.test " },
		{ " SMTPUTF8", " ORCPT=utf-8;a\xc3\xa4@y.test",
		    "needs=1 " FAR "orcpt=utf-8;a\xc3\xa4@y.test " },
		{ "", " ORCPT=utf-8;a\xc3\xa4@y.test", BAD_RCPT },
		{ " SMTPUTF8", " ORCPT=rfc822;a\xc3\xa4@y.test", BAD_RCPT },
		{ "", " ORCPT=utf-8;a\\x{0D}b", BAD_RCPT },
		{ "", " NOTIFY", BAD_RCPT },
		{ "", " NOTIFY=NEVER,SUCCESS", BAD_RCPT },
		{ "", " NOTIFY=SUCCESS,", BAD_RCPT },
		{ "", " NOTIFY=,SUCCESS", BAD_RCPT },
		{ "", " NOTIFY=ALWAYS", BAD_RCPT },
		{ "", " NOTIFY=NEVER NOTIFY=NEVER", BAD_RCPT },
		{ "", " ORCPT=a@y.test", BAD_RCPT },
		{ "", " ORCPT=;a@y.test", BAD_RCPT },
		{ "", " ORCPT=rfc822;", BAD_RCPT },
		{ "", " ORCPT=rfc822;a+0Ab", BAD_RCPT },
		{ "", " ORCPT=rf(c;a@y.test", BAD_RCPT },
		{ "", " ORCPT=rfc822;" HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED, BAD_RCPT },
	};

	check(state, rows, ARRAY_LEN(rows));
}

/* RFC 4954 5: read, and not believed. */
static void
authors_of_other_servers(void **state)
{
	static const struct row rows[] = {
		{ " AUTH=<>", "", FAR },
		{ " AUTH=e+3Dmc2@example.com", "", FAR },
		{ " AUTH", "", BAD_MAIL },
		{ " AUTH=a+zz", "", BAD_MAIL },
	};

	check(state, rows, ARRAY_LEN(rows));
}

/* RFC 4865 3: one of two, to come, and not beyond what EHLO says. */
static void
future_release(void **state)
{
	static const struct row rows[] = {
		{ " HOLDFOR=1", "", "not_before=1795315081 " FAR },
		{ " HOLDFOR=31536000", "", "not_before=1826851080 " FAR },
		{ " HOLDUNTIL=2026-11-22T02:39:00Z", "", "not_before=1795315140 " FAR },
		{ " HOLDUNTIL=2026-11-22T02:39:00.5Z", "", "not_before=1795315140 " FAR },
		{ " HOLDUNTIL=2026-11-22T03:39:00+01:00", "", "not_before=1795315140 " FAR },
		{ " HOLDUNTIL=2027-11-22T02:38:00Z", "", "not_before=1826851080 " FAR },
		{ " HOLDUNTIL=2027-11-22T02:38:01Z", "", BAD_MAIL },
		{ " HOLDUNTIL=2026-11-22T02:38:00Z", "", BAD_MAIL },
		{ " HOLDUNTIL=2026-11-22", "", BAD_MAIL },
		{ " HOLDFOR=0", "", BAD_MAIL },
		{ " HOLDFOR=31536001", "", BAD_MAIL },
		{ " HOLDFOR=0000000001", "", BAD_MAIL }, /* ten digits */
		{ " HOLDFOR=-1", "", BAD_MAIL },
		{ " HOLDFOR=60x", "", BAD_MAIL },
		{ " HOLDFOR", "", BAD_MAIL },
		{ " HOLDFOR=1 HOLDFOR=1", "", BAD_MAIL },
		{ " HOLDFOR=60 HOLDUNTIL=2026-11-22T02:39:00Z", "", BAD_MAIL },
	};

	check(state, rows, ARRAY_LEN(rows));
}

/* RFC 2852 4: counted from when the message may go out. */
static void
deliver_by(void **state)
{
	static const struct row rows[] = {
		{ " BY=120;R", "", "by=1 by_time=1795315200 " FAR },
		{ " BY=120;n", "", "by=2 by_time=1795315200 " FAR },
		{ " BY=120;RT", "", "by=5 by_time=1795315200 " FAR },
		{ " BY=120;NT", "", "by=6 by_time=1795315200 " FAR },
		{ " BY=-60;N", "", "by=2 by_time=1795315020 " FAR },
		{ " BY=120;R HOLDFOR=1000", "",
		    "by=1 by_time=1795316200 not_before=1795316080 " FAR },
		{ " BY=59;R", "", BAD_MAIL },
		{ " BY=60;R", "", "by=1 by_time=1795315140 " FAR },
		{ " BY=0;R", "", BAD_MAIL },
		{ " BY=-60;R", "", BAD_MAIL },
		{ " BY=0;N", "", "by=2 by_time=1795315080 " FAR },
		{ " BY=120", "", BAD_MAIL },
		{ " BY=120;", "", BAD_MAIL },
		{ " BY=120;X", "", BAD_MAIL },
		{ " BY=120;RN", "", BAD_MAIL },
		{ " BY=1234567890;R", "", BAD_MAIL },
		{ " BY", "", BAD_MAIL },
	};

	check(state, rows, ARRAY_LEN(rows));
}

/* RFC 6710 3 */
static void
priorities(void **state)
{
	static const struct row rows[] = {
		{ " MT-PRIORITY=0", "", FAR },
		{ " MT-PRIORITY=9", "", "priority=9 " FAR },
		{ " mt-priority=-9", "", "priority=-9 " FAR },
		{ " MT-PRIORITY=-0", "", BAD_MAIL },
		{ " MT-PRIORITY=10", "", BAD_MAIL },
		{ " MT-PRIORITY=+1", "", BAD_MAIL },
		{ " MT-PRIORITY=", "", BAD_MAIL },
		{ " MT-PRIORITY", "", BAD_MAIL },
	};

	check(state, rows, ARRAY_LEN(rows));
}

/* RFC 8689 2: it is for sessions with TLS. */
static void
requiretls(void **state)
{
	static const struct row without[] = {
		{ " REQUIRETLS", "", "555:5.5.4 503:5.5.1" },
	}, with[] = {
		{ " REQUIRETLS", "", "needs=2 " FAR },
		{ " REQUIRETLS SMTPUTF8", "", "needs=3 " FAR },
		{ " REQUIRETLS=YES", "", BAD_MAIL },
		{ " REQUIRETLS REQUIRETLS", "", BAD_MAIL },
	};
	struct house *h = *state;

	check(state, without, ARRAY_LEN(without));
	h->tls = true;
	check(state, with, ARRAY_LEN(with));
	h->tls = false;
}

static void
words_name_the_parameter(void **state)
{
	static const struct {
		const char *parameter, *words;
	} rows[] = {
		{ "RET=X", "501 5.5.4 The value of RET makes no sense\r\n" },
		{ "RET=FULL ret=FULL", "501 5.5.4 The parameter ret stands there twice\r\n" },
		{ "FOO=1", "555 5.5.4 The parameter FOO is not known here\r\n" },
		{ "HOLDFOR=99999999",
		    "501 5.5.4 HOLDFOR must name a time to come, within a year\r\n" },
		{ "REQUIRETLS", "555 5.5.4 The parameter REQUIRETLS is known only over TLS; "
				"STARTTLS first\r\n" },
	};
	struct house *h = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buffer script = BUFFER_INIT;

		buffer_addf(&script, HELO AUTH "MAIL FROM:<> %s\r\n", rows[i].parameter);
		assert_true(text_ends(
		    house_talk(h, TEST_SUBMISSION, buffer_text(&script)), text_of(rows[i].words)));
		buffer_done(&script);
	}
}

/* RFC 5321 4.1.1.11: parameters are ESMTP's; and HELP tells which there are. */
static void
they_belong_to_esmtp(void **state)
{
	struct text out;

	assert_string_equal(
	    house_codes(*state, TEST_SUBMISSION,
		TEXT("HELO client.test\r\n" AUTH "MAIL FROM:<> RET=FULL\r\nMAIL FROM:<>\r\n"
		     "RCPT TO:<x@far.test> NOTIFY=NEVER\r\n")),
	    "250 235:2.7.0 555:5.5.4 250:2.1.0 555:5.5.4");
	out = house_talk(*state, TEST_SUBMISSION, TEXT("HELP MAIL\r\nHELP RCPT\r\n"));
	assert_true(text_find(out, TEXT("[MT-PRIORITY=-9..9] [AUTH=address]\r\n"), 0) < out.len);
	assert_true(text_find(out, TEXT("[ORCPT=type;address]\r\n"), 0) < out.len);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_and_letters),
		cmocka_unit_test(dsn_of_mail),
		cmocka_unit_test(dsn_of_rcpt),
		cmocka_unit_test(authors_of_other_servers),
		cmocka_unit_test(future_release),
		cmocka_unit_test(deliver_by),
		cmocka_unit_test(priorities),
		cmocka_unit_test(requiretls),
		cmocka_unit_test(words_name_the_parameter),
		cmocka_unit_test(they_belong_to_esmtp),
	};

	return cmocka_run_group_tests(tests, desk_setup, desk_teardown);
}
