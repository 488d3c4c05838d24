/* SPDX-License-Identifier: ISC */
/* SASL mechanisms: the examples of their RFCs, and what must be refused. */
#include "auth/sasl.h"

#include "base/testing.h"
#include "codec/base64.h"

#define NONE ((struct text){ NULL, 0 })

static enum sasl_step
step(struct sasl *s, struct text in, struct buffer *out)
{
	buffer_clear(out);
	return s->mechanism->step(s, in, out);
}

/* RFC 4616 4: tim, tanstaaftanstaaf; and an authzid of somebody else. */
static void
plain(void **state)
{
	struct sasl s = { .mechanism = sasl_find(TEXT("plain")) };
	struct buffer out = BUFFER_INIT;

	assert_int_equal(step(&s, NONE, &out), SASL_CHALLENGE);
	assert_int_equal(out.len, 0);
	assert_int_equal(step(&s, TEXT("\0tim\0tanstaaftanstaaf"), &out), SASL_PASSWORD);
	assert_true(text_equal(s.user, TEXT("tim")));
	assert_true(text_equal(s.password, TEXT("tanstaaftanstaaf")));
	arena_done(&s.arena);
	s = (struct sasl){ .mechanism = s.mechanism };
	assert_int_equal(step(&s, TEXT("Ursel\0Kurt\0xipj3plmq"), &out), SASL_WRONG);
	s = (struct sasl){ .mechanism = s.mechanism };
	assert_int_equal(step(&s, TEXT("no separators"), &out), SASL_MALFORMED);
	s = (struct sasl){ .mechanism = s.mechanism };
	assert_int_equal(step(&s, TEXT("\0user\0pass\0more"), &out), SASL_MALFORMED);
	s = (struct sasl){ .mechanism = s.mechanism };
	assert_int_equal(step(&s, TEXT("\0\0pass"), &out), SASL_MALFORMED);
	arena_done(&s.arena);
	buffer_done(&out);
}

static void
login(void **state)
{
	struct sasl s = { .mechanism = sasl_find(TEXT("LOGIN")) };
	struct buffer out = BUFFER_INIT;

	assert_int_equal(step(&s, NONE, &out), SASL_CHALLENGE);
	assert_string_equal(buffer_string(&out), "Username:");
	assert_int_equal(step(&s, TEXT("alice@demo.test"), &out), SASL_CHALLENGE);
	assert_string_equal(buffer_string(&out), "Password:");
	assert_int_equal(step(&s, TEXT(""), &out), SASL_PASSWORD);
	assert_true(text_equal(s.user, TEXT("alice@demo.test")));
	assert_int_equal(s.password.len, 0);
	arena_done(&s.arena);
	buffer_done(&out);
}

/* The verifier of RFC 7677 3: user, pencil. */
static void
pencil(struct arena *a, struct verifier *v)
{
	struct buffer salt = BUFFER_INIT;
	uint8_t salted[SCRAM_KEY], client[SCRAM_KEY];

	assert_int_equal(base64_decode(&salt, TEXT("W22ZaJ0SNY7soEsUEjb6gQ==")), STATUS_OK);
	*v = (struct verifier){ .has_scram = true, .iterations = 4096 };
	v->salt = arena_copy(a, buffer_text(&salt));
	scram_salted_password(TEXT("pencil"), v->salt, 4096, salted);
	scram_hmac(salted, TEXT("Client Key"), client);
	scram_hash(client, v->stored_key);
	scram_hmac(salted, TEXT("Server Key"), v->server_key);
	buffer_done(&salt);
}

static const char nonce[] = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

/* RFC 7677 3, from the server's first message on, whose nonce is the RFC's. */
static enum sasl_step
example(struct text final, struct buffer *out)
{
	struct sasl s = { .mechanism = sasl_find(TEXT("SCRAM-SHA-256")), .round = 1 };
	enum sasl_step verdict;

	s.gs2 = TEXT("n,,");
	s.client_first = TEXT("n=user,r=rOprNGfwEbeRWgbNEkqO");
	s.nonce = text_of(nonce);
	s.server_first = TEXT("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
			      "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
	pencil(&s.arena, &s.verifier);
	verdict = step(&s, final, out);
	arena_done(&s.arena);
	return verdict;
}

static void
scram_example(void **state)
{
	struct buffer out = BUFFER_INIT;

	assert_int_equal(example(TEXT("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
				      "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
			     &out),
	    SASL_DONE);
	assert_string_equal(buffer_string(&out), "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
	/* One bit of the proof, the nonce, the header. */
	assert_int_equal(example(TEXT("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
				      "p=eHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
			     &out),
	    SASL_WRONG);
	assert_int_equal(example(TEXT("c=biws,r=rOprNGfwEbeRWgbNEkqO,"
				      "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
			     &out),
	    SASL_MALFORMED);
	assert_int_equal(example(TEXT("c=eSws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
				      "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
			     &out),
	    SASL_WRONG);
	assert_int_equal(example(TEXT("c=biws"), &out), SASL_MALFORMED);
	buffer_done(&out);
}

static enum sasl_step
first(const char *mechanism, bool offers_plus, struct text exporter, struct text in)
{
	struct sasl s = { .mechanism = sasl_find(text_of(mechanism)), .offers_plus = offers_plus };
	struct buffer out = BUFFER_INIT;
	enum sasl_step verdict;

	s.exporter = exporter;
	verdict = step(&s, in, &out);
	arena_done(&s.arena);
	buffer_done(&out);
	return verdict;
}

/* RFC 5802 6 and 7: flags of the channel binding, names, extensions. */
static void
scram_first(void **state)
{
	struct text none = TEXT_EMPTY, some = TEXT("0123456789abcdef0123456789abcdef");

	assert_int_equal(first("SCRAM-SHA-256", false, none, TEXT("n,,n=user,r=abc")), SASL_LOOKUP);
	assert_int_equal(first("SCRAM-SHA-256", false, none, TEXT("y,,n=user,r=abc")), SASL_LOOKUP);
	assert_int_equal(first("SCRAM-SHA-256", true, some, TEXT("y,,n=user,r=abc")), SASL_WRONG);
	assert_int_equal(first("SCRAM-SHA-256", true, some, TEXT("p=tls-exporter,,n=user,r=abc")),
	    SASL_MALFORMED);
	assert_int_equal(
	    first("SCRAM-SHA-256-PLUS", true, some, TEXT("p=tls-exporter,,n=user,r=abc")),
	    SASL_LOOKUP);
	assert_int_equal(
	    first("SCRAM-SHA-256-PLUS", true, none, TEXT("p=tls-exporter,,n=user,r=abc")),
	    SASL_WRONG);
	assert_int_equal(
	    first("SCRAM-SHA-256-PLUS", true, some, TEXT("p=tls-magic,,n=user,r=abc")), SASL_WRONG);
	assert_int_equal(
	    first("SCRAM-SHA-256-PLUS", true, some, TEXT("n,,n=user,r=a")), SASL_MALFORMED);
	assert_int_equal(
	    first("SCRAM-SHA-256", false, none, TEXT("n,a=user,n=user,r=abc")), SASL_LOOKUP);
	assert_int_equal(
	    first("SCRAM-SHA-256", false, none, TEXT("n,a=bob,n=user,r=abc")), SASL_WRONG);
	assert_int_equal(
	    first("SCRAM-SHA-256", false, none, TEXT("n,,m=x,n=user,r=abc")), SASL_MALFORMED);
	assert_int_equal(
	    first("SCRAM-SHA-256", false, none, TEXT("n,,n=us=2Cer=3D,r=abc")), SASL_LOOKUP);
	assert_int_equal(
	    first("SCRAM-SHA-256", false, none, TEXT("n,,n=us=er,r=abc")), SASL_MALFORMED);
	assert_int_equal(first("SCRAM-SHA-256", false, none, TEXT("n,,n=,r=abc")), SASL_MALFORMED);
	assert_int_equal(first("SCRAM-SHA-256", false, none, TEXT("n,,n=user,r=")), SASL_MALFORMED);
	assert_int_equal(first("SCRAM-SHA-256", false, none, TEXT("")), SASL_MALFORMED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(login),
		cmocka_unit_test(scram_example),
		cmocka_unit_test(scram_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
