/* SPDX-License-Identifier: ISC */
/*
 * TLS with other servers as their records and policies want it, with
 * certificates made on the spot.
 */
#include "outbound/policy.h"

#include "runtime/tls_testing.h" /* before names of one letter */

#include "mailauth/mta_sts.h"
#include "outbound/scene_testing.h"
#include "runtime/metrics.h"

#define TXT 16
#define TLSA 52
#define STS_PAGE(mode, patterns)                                                               \
	{                                                                                      \
		.status = 200, .content = { "text/plain", 10 }, .body = {                      \
			"version: STSv1\nmode: " mode "\n" patterns "max_age: 600",            \
			sizeof("version: STSv1\nmode: " mode "\n" patterns "max_age: 600") - 1 \
		}                                                                              \
	}

static struct authority ca;
static struct tls_context *context; /* mx.one.test */
static char tlsa_name[64];
static char right[35] = "\3\1\1", wrong[35] = "\3\1\1";

static struct script_record secure[] = {
	{ "dane.test", MX, .rdata = SCRIPT_MX("\12", "\2mx\3one\4test"), .secure = true },
	{ "sts.test", MX, .rdata = SCRIPT_MX("\12", "\2mx\3one\4test") },
	{ "_mta-sts.sts.test", TXT, .rdata = { "\15v=STSv1; id=1", 14 } },
	{ "false.test", MX, .rdata = SCRIPT_MX("\12", "\2mx\3one\4test") },
	{ "_mta-sts.false.test", TXT, .rdata = { "\15v=STSv1; id=1", 14 } },
	{ "name.test", MX, .rdata = SCRIPT_MX("\12", "\2mx\5other\4test") },
	{ "_mta-sts.name.test", TXT, .rdata = { "\15v=STSv1; id=1", 14 } },
	{ "testing.test", MX, .rdata = SCRIPT_MX("\12", "\2mx\5other\4test") },
	{ "_mta-sts.testing.test", TXT, .rdata = { "\15v=STSv1; id=1", 14 } },
	{ "plain.test", MX, .rdata = SCRIPT_MX("\12", "\2mx\3one\4test") },
	{ "mx.one.test", A, .rdata = ADDRESS("\x0b"), .secure = true },
	{ "mx.one.test", 28, .outcome = LOOKUP_NODATA, .secure = true },
	{ "mx.other.test", A, .rdata = ADDRESS("\x0c") },
	{ tlsa_name, TLSA, .rdata = { right, 35 }, .secure = true },
};
static const struct script_page pages[] = {
	{ .url = "https://mta-sts.sts.test/.well-known/mta-sts.txt",
	    .answer = STS_PAGE("enforce", "mx: mx.one.test\n") },
	{ .url = "https://mta-sts.false.test/.well-known/mta-sts.txt",
	    .answer = STS_PAGE("enforce", "mx: *.elsewhere.test\n") },
	{ .url = "https://mta-sts.name.test/.well-known/mta-sts.txt",
	    .answer = STS_PAGE("enforce", "mx: mx.other.test\n") },
	{ .url = "https://mta-sts.testing.test/.well-known/mta-sts.txt",
	    .answer = STS_PAGE("testing", "mx: mx.other.test\n") },
};

static int
group_setup(void **state)
{
	struct choice choice;
	unsigned char *der = NULL, digest[32];
	unsigned int size;
	int n;

	authority_init(&ca);
	choice = (struct choice){ authority_issue(&ca, "P-256", "mx.one.test"), "mx.one.test" };
	context = authority_context(&ca, &choice, 1, TEXT_EMPTY);
	n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(ca.issued[0].leaf), &der);
	assert_true(n > 0);
	assert_int_equal(EVP_Digest(der, (size_t)n, digest, &size, EVP_sha256(), NULL), 1);
	memcpy(right + 3, digest, 32);
	memcpy(wrong + 3, digest, 32);
	wrong[10] ^= 1;
	OPENSSL_free(der);
	return 0;
}

static int
group_teardown(void **state)
{
	tls_context_unref(context);
	authority_done(&ca);
	return 0;
}

static int
tls_setup(void **state)
{
	struct scene *s = MEM_NEW(struct scene);
	struct tls_trust *trust;
	struct buffer pem = BUFFER_INIT;

	pem_of(&pem, ca.certificate, NULL);
	assert_ok(tls_trust_new(buffer_text(&pem), TEXT_EMPTY, &trust, NULL));
	buffer_done(&pem);
	s->rig = rig_new(secure, ARRAY_LEN(secure), trust);
	s->rig->script.pages = pages;
	s->rig->script.page_count = ARRAY_LEN(pages);
	s->one.tls = s->other.tls = context;
	s->one.offers = s->other.offers = "REQUIRETLS";
	*state = s;
	return 0;
}

static void
tls_begin(struct scene *s, char *tlsa)
{
	begin(s);
	(void)snprintf(tlsa_name, sizeof(tlsa_name), "_%u._tcp.mx.one.test", s->one.port);
	secure[ARRAY_LEN(secure) - 1].rdata.ptr = tlsa;
}

/* What a message to the domain came to. */
static struct outgoing_recipient
sent_to(struct scene *s, const char *address)
{
	uint64_t message = rig_submit(s->rig, address);

	rig_run(s->rig);
	return rig_recipient(s->rig, message, 0, 0);
}

/* The one policy that was counted. */
static struct tls_count
counted(struct scene *s)
{
	struct tls_count *at;
	size_t n;

	tls_results_take(outbound_tls_results(s->rig->o), &s->rig->w->arena, &at, &n);
	assert_int_equal(n, 1);
	return at[0];
}

/* ---- DANE (RFC 7672) ---- */

static void
dane_with_the_right_key(void **state)
{
	struct scene *s = *state;
	struct tls_count c;

	tls_begin(s, right);
	assert_int_equal(sent_to(s, "bob@dane.test").state, OUTGOING_STATES);
	assert_true(sink_heard(&s->one, "STARTTLS\n"));
	c = counted(s);
	assert_int_equal(c.type, TLS_POLICY_TLSA);
	assert_text(c.domain, "dane.test");
	assert_int_equal(c.good, 1);
	assert_int_equal(c.failed, 0);
}

/* RFC 7672 2.2: no message without TLS, nor to another. */
static void
dane_with_a_wrong_key(void **state)
{
	struct scene *s = *state;
	struct outgoing_recipient r;
	struct tls_count c;

	tls_begin(s, wrong);
	r = sent_to(s, "bob@dane.test");
	assert_int_equal(r.state, OUTGOING_WAITING);
	assert_starts(r.reply, "4.7.5 ");
	assert_int_equal(s->one.connections, 1);
	assert_int_equal(s->one.mails, 0);
	c = counted(s);
	assert_int_equal(c.failed, 1);
	assert_int_equal(c.failures[0].result, TLS_RESULT_VALIDATION_FAILURE);
	assert_text(c.failures[0].mx, "mx.one.test");
	assert_text(c.failures[0].remote, "127.0.0.11");
}

static void
dane_without_starttls(void **state)
{
	struct scene *s = *state;
	struct outgoing_recipient r;

	s->one.tls = NULL;
	tls_begin(s, right);
	r = sent_to(s, "bob@dane.test");
	assert_int_equal(r.state, OUTGOING_WAITING);
	assert_starts(r.reply, "4.7.5 ");
	assert_int_equal(s->one.mails, 0);
	assert_int_equal(counted(s).failures[0].result, TLS_RESULT_STARTTLS_NOT_SUPPORTED);
}

/* ---- MTA-STS (RFC 8461) ---- */

static void
sts_enforced(void **state)
{
	struct scene *s = *state;
	struct tls_count c;

	tls_begin(s, right);
	tlsa_name[0] = 'x'; /* without DANE */
	assert_int_equal(sent_to(s, "bob@sts.test").state, OUTGOING_STATES);
	c = counted(s);
	assert_int_equal(c.type, TLS_POLICY_STS);
	assert_int_equal(c.good, 1);
	assert_starts(c.policy, "version: STSv1\nmode: enforce\nmx: mx.one.test\n");
}

/* RFC 8461 4.1, 4.2: a host that is not named, and a certificate for another. */
static void
sts_forbids(void **state)
{
	struct scene *s = *state;
	struct outgoing_recipient r;

	tls_begin(s, right);
	tlsa_name[0] = 'x';
	r = sent_to(s, "bob@false.test");
	assert_int_equal(r.state, OUTGOING_WAITING);
	assert_starts(r.reply, "4.7.5 The domain's MTA-STS policy");
	assert_int_equal(s->one.connections, 0);
	assert_int_equal(counted(s).failures[0].result, TLS_RESULT_VALIDATION_FAILURE);
	r = sent_to(s, "bob@name.test");
	assert_int_equal(r.state, OUTGOING_WAITING);
	assert_starts(r.reply, "4.7.5 ");
	assert_int_equal(s->other.mails, 0);
	assert_int_equal(counted(s).failures[0].result, TLS_RESULT_CERTIFICATE_HOST_MISMATCH);
}

/* ---- without a policy (RFC 7435) ---- */

static void
whatever_there_is(void **state)
{
	struct scene *s = *state;
	struct tls_count c;

	s->one.tls_fails = true;
	tls_begin(s, right);
	tlsa_name[0] = 'x';
	assert_int_equal(sent_to(s, "bob@plain.test").state, OUTGOING_STATES);
	assert_int_equal(s->one.connections, 2);
	assert_int_equal(s->one.messages, 1);
	c = counted(s);
	assert_int_equal(c.type, TLS_POLICY_NONE);
	assert_int_equal(c.failed, 1);
}

/* ---- REQUIRETLS (RFC 8689 4.2.1) ---- */

static void
required_and_had(void **state)
{
	struct scene *s = *state;

	s->rig->needs = QUEUE_REQUIRETLS;
	tls_begin(s, right);
	assert_int_equal(sent_to(s, "bob@dane.test").state, OUTGOING_STATES);
	assert_true(sink_heard(&s->one, " REQUIRETLS\n"));
}

static void
required_and_not_to_be_had(void **state)
{
	struct scene *s = *state;
	struct outgoing_recipient r;

	s->rig->needs = QUEUE_REQUIRETLS;
	s->one.offers = "";
	tls_begin(s, right);
	r = sent_to(s, "bob@dane.test");
	assert_int_equal(r.state, OUTGOING_FAILED);
	assert_starts(r.reply, "5.7.30 ");
	tlsa_name[0] = 'x';
	r = sent_to(s, "bob@plain.test");
	assert_int_equal(r.state, OUTGOING_FAILED);
	assert_starts(r.reply, "5.7.30 ");
	assert_int_equal(s->one.mails, 0);
}

/* RFC 8689 5: a bounce says it where it is understood, and goes out where not. */
static void
a_bounce_is_not_lost(void **state)
{
	struct scene *s = *state;

	s->rig->needs = QUEUE_REQUIRETLS;
	s->rig->sender = "";
	tls_begin(s, right);
	assert_int_equal(sent_to(s, "bob@dane.test").state, OUTGOING_STATES);
	assert_true(sink_heard(&s->one, "MAIL FROM:<>"));
	assert_true(sink_heard(&s->one, " REQUIRETLS\n"));
	assert_int_equal(s->one.mails, 1);
}

static void
a_bounce_is_not_lost_where_nobody_knows_it(void **state)
{
	struct scene *s = *state;

	s->rig->needs = QUEUE_REQUIRETLS;
	s->rig->sender = "";
	s->one.offers = "";
	tls_begin(s, right);
	tlsa_name[0] = 'x';
	assert_int_equal(sent_to(s, "bob@plain.test").state, OUTGOING_STATES);
	assert_false(sink_heard(&s->one, "REQUIRETLS"));
	assert_int_equal(s->one.mails, 1);
}

/* RFC 8461 5: in testing anybody may be there, so what was opened for others is
 * no connection to try a message with REQUIRETLS over. */
static void
required_where_nothing_was_proved(void **state)
{
	struct scene *s = *state;
	int64_t reused = metric_get(METRIC_OUTBOUND_REUSED);
	struct outgoing_recipient r;

	tls_begin(s, right);
	assert_int_equal(sent_to(s, "bob@testing.test").state, OUTGOING_STATES);
	assert_int_equal(s->other.connections, 1);
	s->rig->needs = QUEUE_REQUIRETLS;
	r = sent_to(s, "bob@testing.test");
	assert_int_equal(r.state, OUTGOING_WAITING);
	assert_starts(r.reply, "4.7.5 ");
	assert_int_equal(s->other.connections, 2);
	assert_int_equal(s->other.mails, 1);
	assert_int_equal(metric_get(METRIC_OUTBOUND_REUSED), reused);
}

/* ---- TLS-Required: No (RFC 8689 3) ---- */

/* It goes though no policy is met; nothing else goes over its connections, nor
 * when REQUIRETLS was asked for. */
static void
policies_do_not_count(void **state)
{
	static const char *const to[] = { "bob@dane.test", "bob@false.test", "bob@name.test" };
	struct scene *s = *state;
	struct tls_count *at;
	size_t n;

	tls_begin(s, wrong);
	for (size_t i = 0; i < ARRAY_LEN(to); i++) {
		tlsa_name[0] = i > 0 ? 'x' : '_';
		s->rig->needs = QUEUE_TLS_OPTIONAL;
		assert_int_equal(sent_to(s, to[i]).state, OUTGOING_STATES);
		s->rig->needs = 0;
		assert_int_equal(s->one.mails + s->other.mails, i + 1);
		tls_results_take(outbound_tls_results(s->rig->o), &s->rig->w->arena, &at, &n);
		assert_int_equal(n, 0);
		assert_starts(sent_to(s, to[i]).reply, "4.7.5 ");
		assert_int_equal(s->one.mails + s->other.mails, i + 1);
		tls_results_take(outbound_tls_results(s->rig->o), &s->rig->w->arena, &at, &n);
		assert_true(n > 0);
	}
	assert_true(sink_heard(&s->one, "STARTTLS\n"));
	s->rig->needs = QUEUE_TLS_OPTIONAL | QUEUE_REQUIRETLS;
	assert_starts(sent_to(s, "bob@plain.test").reply, "5.7.30 ");
}

#define TLS_CASE(name) cmocka_unit_test_setup_teardown(name, tls_setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_CASE(dane_with_the_right_key),
		TLS_CASE(dane_with_a_wrong_key),
		TLS_CASE(dane_without_starttls),
		TLS_CASE(sts_enforced),
		TLS_CASE(sts_forbids),
		TLS_CASE(whatever_there_is),
		TLS_CASE(required_and_had),
		TLS_CASE(required_and_not_to_be_had),
		TLS_CASE(a_bounce_is_not_lost),
		TLS_CASE(a_bounce_is_not_lost_where_nobody_knows_it),
		TLS_CASE(required_where_nothing_was_proved),
		TLS_CASE(policies_do_not_count),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
