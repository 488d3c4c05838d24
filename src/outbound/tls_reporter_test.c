/* SPDX-License-Identifier: ISC */
/* Reports about TLS from end to end of this role: sessions are counted, kept by a
 * real store, and reported to where a scripted DNS says, once. */
#include "outbound/tls_reporter.h"

#include <stdio.h>
#include <zlib.h>

#include "codec/base64.h"
#include "intake/calls.h"
#include "lookup/lookup_testing.h"
#include "outbound/tls_report.h"
#include "store/core.h"
#include "store/outgoing_test_helper.h"
#include "store/tls_report_calls.h"

#define DAY INT64_C(86400)
#define TODAY (NOW / DAY)

/* ---- lookup and intake ---- */

#define POSTS_MAX 8u

static struct {
	pthread_mutex_t lock;
	const char *txt; /* of _smtp._tls.example.org; NULL: no such name */
	uint64_t outcome, status;
	struct text body; /* of the last POST, owned */
	char url[100];
	unsigned posts, mails, calls;
	uint64_t ops[POSTS_MAX];
	char *to, *message;
	enum status refuses; /* of intake */
} outside = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void
answer_dns(struct call_in *in, const void *request, void *context)
{
	const struct lookup_dns_request *q = request;
	struct lookup_dns_reply reply = { .outcome = LOOKUP_NXDOMAIN };
	char wire[256];
	struct text record;

	(void)context;
	if (text_equal(q->name, TEXT("_smtp._tls.example.org")) && q->type == 16 &&
	    outside.txt != NULL) {
		reply.outcome = outside.outcome;
		wire[0] = (char)strlen(outside.txt);
		memcpy(wire + 1, outside.txt, strlen(outside.txt));
		record = (struct text){ wire, strlen(outside.txt) + 1 };
		reply.records = (struct texts){ &record, outside.outcome == LOOKUP_OK };
	}
	call_reply(in, &reply);
}

static void
answer_https(struct call_in *in, const void *request, void *context)
{
	const struct lookup_https_request *q = request;
	struct lookup_https_reply reply = { .outcome = LOOKUP_HTTPS_ANSWERED };

	(void)context;
	assert_text(q->method, "POST");
	assert_text(q->type, "application/tlsrpt+gzip");
	if (outside.body.len > 0)
		text_disown(outside.body);
	outside.body = text_own(q->body.bytes);
	assert_ok(text_to_string(q->url, outside.url, sizeof(outside.url)));
	outside.posts++;
	reply.status = outside.status;
	call_reply(in, &reply);
}

static void
take_mail(struct call_in *in, const void *request, void *context)
{
	const struct intake_notice_request *q = request;
	bool known = false;

	(void)context;
	outside.calls++;
	if (outside.refuses != STATUS_OK) {
		call_refuse(in, outside.refuses, "Not now.", "refused by the test");
		return;
	}
	for (unsigned i = 0; i < outside.mails; i++)
		known |= outside.ops[i] == q->op;
	if (!known) {
		assert_true(outside.mails < POSTS_MAX);
		outside.ops[outside.mails++] = q->op;
		mem_free(outside.to);
		mem_free(outside.message);
		outside.to = mem_string(q->recipient);
		outside.message = mem_string(q->message.bytes);
	}
	call_reply(in, &(struct intake_notice_reply){ 0 });
}

/* ---- the rig ---- */

static struct tls_results *results;
static struct tls_reporter *reporter;

static void
join(struct rig *r)
{
	static const struct call_row lookups[] = { { &lookup_dns_call, answer_dns },
		{ &lookup_https_call, answer_https } };
	static const struct call_row intakes[] = { { &intake_notice_call, take_mail } };
	static const struct call_server_config lookup = {
		.rows = lookups, .row_count = 2, .threads = 1
	};
	static const struct call_server_config intake = {
		.rows = intakes, .row_count = 1, .threads = 1
	};

	(void)call_pair_add(r->w->pair[4], &lookup, ROLE_LOOKUP);
	(void)call_pair_add(r->w->pair[4], &intake, ROLE_INTAKE);
	reporter = tls_reporter_new(r->w->outbound, results, TEXT("mail.here.test"));
}

static int
setup_reporter(void **state)
{
	(void)setup(state);
	results = tls_results_new();
	outside.txt = "v=TLSRPTv1; rua=mailto:reports@example.net";
	outside.outcome = LOOKUP_OK;
	outside.status = 201;
	join(*state);
	return 0;
}

static int
teardown_reporter(void **state)
{
	tls_reporter_free(reporter);
	tls_results_free(results);
	mem_free(outside.to);
	mem_free(outside.message);
	outside.to = outside.message = NULL;
	if (outside.body.len > 0)
		text_disown(outside.body);
	outside.body = TEXT_EMPTY;
	outside.posts = outside.mails = outside.calls = 0;
	outside.refuses = STATUS_OK;
	assert_ok(setting_apply(SET_TLSRPT_SEND, TEXT_EMPTY));
	assert_ok(setting_apply(SET_TLSRPT_CONTACT, TEXT_EMPTY));
	return teardown(state);
}

/* As after kill -9 of both. */
static void
crash_both(struct rig *r)
{
	tls_reporter_free(reporter);
	crash(r);
	join(r);
}

static void
session(enum tls_policy_type type, enum tls_result result)
{
	struct tls_session s = { .domain = TEXT("example.org"),
		.type = type,
		.policy = type == TLS_POLICY_STS
			      ? TEXT("version: STSv1\nmode: enforce\nmx: *.example.org\n")
			      : TEXT_EMPTY,
		.result = result,
		.mx = TEXT("mx.example.org"),
		.local = TEXT("192.0.2.1"),
		.remote = TEXT("192.0.2.2"),
		.reason = result == TLS_RESULT_GOOD ? TEXT_EMPTY : TEXT("it has expired") };

	tls_results_add(results, &s);
}

static void
flush(void)
{
	while (tls_reporter_flush(reporter) != STATUS_OK)
		continue; /* the engine of the strict suite is away at times */
}

static void
after_the_day(void)
{
	at((TODAY + 1) * DAY + TLS_REPORT_DELAY);
}

/* How many were due. */
static unsigned
send_all(void)
{
	unsigned n = 0;
	int64_t due;
	enum status s;

	while ((s = tls_reporter_one(reporter, &due)) == STATUS_OK)
		n++;
	assert_int_equal(s, STATUS_NOT_FOUND);
	return n;
}

static void
has(struct text t, const char *what)
{
	if (text_find(t, text_of(what), 0) == t.len)
		fail_msg("no \"%s\" in:\n%.*s", what, TEXT_ARG(t));
}

static struct text
inflated(struct text gz, struct rig *r)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)gz.ptr, .avail_in = (uInt)gz.len };
	char *out = arena_alloc(&r->w->arena, 64 << 10);

	assert_int_equal(inflateInit2(&z, 31), Z_OK);
	z.next_out = (Bytef *)out;
	z.avail_out = 64 << 10;
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	(void)inflateEnd(&z);
	return (struct text){ out, z.total_out };
}

/* What the attachment of the mail holds. */
static struct text
attached(struct rig *r)
{
	struct text m = text_of(outside.message);
	size_t from = text_find(m, TEXT(".json.gz\"\r\n\r\n"), 0);
	size_t end = text_find(m, TEXT("\r\n\r\n--="), from + 13);
	struct base64_decoder d = { 0 };
	struct buffer b = BUFFER_INIT;
	struct text json;

	assert_true(end < m.len);
	base64_feed(&d, text_part(m, from + 12, end), &b);
	json = inflated(buffer_text(&b), r);
	buffer_done(&b);
	return json;
}

/* ---- tests ---- */

/* RFC 8460 4.4 */
static void
a_report_has_what_was_counted(void **state)
{
	struct text json;

	session(TLS_POLICY_STS, TLS_RESULT_GOOD);
	session(TLS_POLICY_STS, TLS_RESULT_GOOD);
	flush();
	session(TLS_POLICY_STS, TLS_RESULT_CERTIFICATE_EXPIRED);
	flush();
	assert_int_equal(send_all(), 0);
	after_the_day();
	assert_int_equal(send_all(), 1);
	assert_int_equal(outside.mails, 1);
	assert_string_equal(outside.to, "reports@example.net");
	json = attached(*state);
	has(json, "{\"organization-name\":\"mail.here.test\",\"date-range\":{\"start-datetime\":"
		  "\"2023-11-14T00:00:00Z\",\"end-datetime\":\"2023-11-14T23:59:59Z\"},"
		  "\"contact-info\":\"postmaster@mail.here.test\",\"report-id\":\"");
	has(json, "\"policies\":[{\"policy\":{\"policy-type\":\"sts\",\"policy-string\":["
		  "\"version: STSv1\",\"mode: enforce\",\"mx: *.example.org\"],"
		  "\"policy-domain\":\"example.org\",\"mx-host\":[\"*.example.org\"]},"
		  "\"summary\":{\"total-successful-session-count\":2,"
		  "\"total-failure-session-count\":1},\"failure-details\":[{\"result-type\":"
		  "\"certificate-expired\",\"sending-mta-ip\":\"192.0.2.1\","
		  "\"receiving-mx-hostname\":\"mx.example.org\",\"receiving-ip\":\"192.0.2.2\","
		  "\"failed-session-count\":1,\"failure-reason-code\":\"it has expired\"}]}]}");
}

/* RFC 8460 5.3 */
static void
a_mail_says_whose_report_it_is(void **state)
{
	struct text m;

	(void)state;
	assert_ok(setting_apply(SET_TLSRPT_CONTACT, TEXT("tls@here.test")));
	session(TLS_POLICY_NONE, TLS_RESULT_GOOD);
	flush();
	after_the_day();
	assert_int_equal(send_all(), 1);
	m = text_of(outside.message);
	has(m, "\r\nFrom: TLS reports <tls@here.test>\r\nTo: <reports@example.net>\r\n");
	has(m, "\r\nTLS-Report-Domain: example.org\r\nTLS-Report-Submitter: here.test\r\n");
	has(m, "\r\nSubject: Report Domain: example.org\r\n Submitter: here.test\r\n Report-ID: <");
	has(m, "\r\nTLS-Required: No\r\n");
	has(m, "\r\nContent-Type: multipart/report; report-type=\"tlsrpt\";\r\n");
	has(m, "\r\nContent-Type: application/tlsrpt+gzip\r\n");
	has(m, "\r\n filename=\"here.test!example.org!1699920000!1700006399.json.gz\"\r\n");
}

/* RFC 8460 5.4 */
static void
a_report_goes_over_https(void **state)
{
	outside.txt = "v=TLSRPTv1; rua=https://reports.example.net/v1";
	session(TLS_POLICY_TLSA, TLS_RESULT_GOOD);
	flush();
	after_the_day();
	assert_int_equal(send_all(), 1);
	assert_int_equal(outside.posts, 1);
	assert_string_equal(outside.url, "https://reports.example.net/v1");
	has(inflated(outside.body, *state), "\"policy-type\":\"tlsa\"");
	assert_int_equal(send_all(), 0);
}

static void
nobody_gets_what_he_did_not_ask_for(void **state)
{
	static const char *const txts[] = { NULL, "v=TLSRPTv1; rua=", "hello" };

	for (size_t i = 0; i < ARRAY_LEN(txts); i++) {
		outside.txt = txts[i];
		session(TLS_POLICY_NONE, TLS_RESULT_GOOD);
		flush();
		after_the_day();
		assert_int_equal(send_all(), 1);
		at(NOW);
	}
	assert_int_equal(outside.mails + outside.posts, 0);
	assert_int_equal(rows(*state), 0);
}

static void
nothing_is_sent_if_it_is_off(void **state)
{
	assert_ok(setting_apply(SET_TLSRPT_SEND, TEXT("off")));
	session(TLS_POLICY_NONE, TLS_RESULT_GOOD);
	flush();
	after_the_day();
	assert_int_equal(send_all(), 1);
	assert_int_equal(outside.calls, 0);
	assert_int_equal(rows(*state), 0);
}

/* RFC 8460 3: it is delivered when one of the places took it. */
static void
one_place_is_enough(void **state)
{
	outside.txt = "v=TLSRPTv1; rua=https://reports.example.net/v1,mailto:r@example.net";
	outside.status = 503;
	session(TLS_POLICY_NONE, TLS_RESULT_GOOD);
	flush();
	after_the_day();
	assert_int_equal(send_all(), 1);
	assert_int_equal(outside.posts, 1);
	assert_int_equal(outside.mails, 1);
	assert_int_equal(rows(*state), 0);
}

static uint64_t
want(enum outbound_tls_want what)
{
	struct arena a = ARENA_INIT;
	struct failure f;
	uint64_t reports = 0;
	enum status s;

	do
		s = tls_reporter_want(reporter, what, TEXT_EMPTY, &a, &reports, &f);
	while (s == STATUS_UNAVAILABLE);
	assert_ok(s);
	arena_done(&a);
	return reports;
}

/* What was counted so far is one report, with its times; the rest another. */
static void
the_operator_wants_it_now(void **state)
{
	uint64_t first;

	session(TLS_POLICY_NONE, TLS_RESULT_GOOD);
	assert_int_equal(want(OUTBOUND_TLS_COUNTED), 0);
	assert_int_equal(want(OUTBOUND_TLS_SEND), 0);
	assert_int_equal(send_all(), 0);
	assert_int_equal(want(OUTBOUND_TLS_TODAY), 1);
	assert_int_equal(send_all(), 1);
	has(attached(*state), "\"start-datetime\":\"2023-11-14T00:00:00Z\",\"end-datetime\":"
			      "\"2023-11-14T22:13:20Z\"}");
	has(text_of(outside.message), "!1699920000!1700000000.json.gz\"");
	first = outside.ops[0];
	session(TLS_POLICY_NONE, TLS_RESULT_GOOD);
	flush();
	after_the_day();
	assert_int_equal(send_all(), 1);
	has(attached(*state), "\"start-datetime\":\"2023-11-14T22:13:20Z\",\"end-datetime\":"
			      "\"2023-11-14T23:59:59Z\"}");
	assert_int_equal(outside.mails, 2);
	assert_true(outside.ops[1] != first);
}

/* Nobody is told of reports that never go, and what was counted stays. */
static void
nobody_can_want_what_is_off(void **state)
{
	struct arena a = ARENA_INIT;
	struct failure f;
	uint64_t reports = 7;

	assert_ok(setting_apply(SET_TLSRPT_SEND, TEXT("off")));
	session(TLS_POLICY_NONE, TLS_RESULT_GOOD);
	assert_int_equal(want(OUTBOUND_TLS_COUNTED), 0);
	for (int i = OUTBOUND_TLS_SEND; i <= OUTBOUND_TLS_TODAY; i++) {
		assert_int_equal(tls_reporter_want(reporter, (enum outbound_tls_want)i, TEXT_EMPTY,
				     &a, &reports, &f),
		    STATUS_DENIED);
		has(text_of(f.client), "tlsrpt.send");
	}
	assert_int_equal(reports, 7);
	assert_int_equal(rows(*state), 1);
	arena_done(&a);
}

/* Nothing was counted after a report that was asked for: no second one. */
static void
an_empty_rest_is_not_sent(void **state)
{
	session(TLS_POLICY_NONE, TLS_RESULT_GOOD);
	assert_int_equal(want(OUTBOUND_TLS_TODAY), 1);
	assert_int_equal(send_all(), 1);
	after_the_day();
	assert_int_equal(send_all(), 1);
	assert_int_equal(outside.mails, 1);
	assert_int_equal(rows(*state), 0);
}

/* What may go the second time goes. */
static void
what_fails_is_tried_again(void **state)
{
	outside.txt = "v=TLSRPTv1; rua=https://reports.example.net/v1";
	outside.status = 503;
	session(TLS_POLICY_NONE, TLS_RESULT_GOOD);
	flush();
	after_the_day();
	assert_int_equal(send_all(), 1);
	assert_int_equal(outside.posts, 1);
	outside.status = 200;
	assert_int_equal(send_all(), 0);
	at(clock_wall() / CLOCK_SECOND + 3601);
	assert_int_equal(send_all(), 1);
	assert_int_equal(outside.posts, 2);
	assert_int_equal(rows(*state), 0);
}

static void
a_dns_that_is_away_is_asked_again(void **state)
{
	outside.outcome = LOOKUP_TEMPORARY;
	session(TLS_POLICY_NONE, TLS_RESULT_GOOD);
	flush();
	after_the_day();
	assert_int_equal(send_all(), 1);
	assert_int_equal(outside.calls, 0);
	outside.outcome = LOOKUP_OK;
	at(clock_wall() / CLOCK_SECOND + 3601);
	assert_int_equal(send_all(), 1);
	assert_int_equal(outside.mails, 1);
	/* and not for ever */
	outside.outcome = LOOKUP_TEMPORARY;
	session(TLS_POLICY_NONE, TLS_RESULT_GOOD);
	flush();
	at(clock_wall() / CLOCK_SECOND + 4 * DAY);
	assert_int_equal(send_all(), 1);
	assert_int_equal(rows(*state), 0);
}

/* The end of an attempt is not known: one mail, and no second POST. */
static void
a_report_is_sent_once(void **state)
{
	struct tls_report_step_reply reply;

	outside.txt = "v=TLSRPTv1; rua=https://reports.example.net/v1,mailto:r@example.net";
	session(TLS_POLICY_NONE, TLS_RESULT_GOOD);
	flush();
	crash_both(*state);
	after_the_day();
	assert_ok(
	    ASK(((struct rig *)*state)->w, outbound, tls_report_step, &reply, .op = random_u64(),
		.day = TODAY, .domain = TEXT("example.org"), .step = TLS_REPORT_SENDING));
	crash_both(*state);
	assert_int_equal(send_all(), 1);
	assert_int_equal(outside.posts, 0);
	assert_int_equal(outside.mails, 1);
	assert_int_equal(rows(*state), 0);
}

/* Sessions count for the day in which they were. */
static void
midnight_parts_days(void **state)
{
	(void)state;
	session(TLS_POLICY_NONE, TLS_RESULT_GOOD);
	at((TODAY + 1) * DAY + 10);
	flush();
	session(TLS_POLICY_NONE, TLS_RESULT_GOOD);
	flush();
	after_the_day();
	assert_int_equal(send_all(), 1);
	at((TODAY + 3) * DAY);
	assert_int_equal(send_all(), 1);
	assert_int_equal(outside.mails, 2);
}

/* The last minute is not lost when the process ends as it should. */
static void
an_end_keeps_what_was_counted(void **state)
{
	(void)state;
	assert_ok(tls_reporter_start(reporter));
	session(TLS_POLICY_NONE, TLS_RESULT_GOOD);
	assert_true(tls_reporter_stop(reporter, INT64_MAX));
	after_the_day();
	assert_int_equal(send_all(), 1);
	assert_int_equal(outside.mails, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_reporter, teardown_reporter)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_report_has_what_was_counted),
		TEST(a_mail_says_whose_report_it_is),
		TEST(a_report_goes_over_https),
		TEST(nobody_gets_what_he_did_not_ask_for),
		TEST(nothing_is_sent_if_it_is_off),
		TEST(nobody_can_want_what_is_off),
		TEST(one_place_is_enough),
		TEST(the_operator_wants_it_now),
		TEST(an_empty_rest_is_not_sent),
		TEST(what_fails_is_tried_again),
		TEST(a_dns_that_is_away_is_asked_again),
		TEST(a_report_is_sent_once),
		TEST(midnight_parts_days),
		TEST(an_end_keeps_what_was_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
