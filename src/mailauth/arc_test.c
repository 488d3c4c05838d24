/* SPDX-License-Identifier: ISC */
/* ARC (RFC 8617): chains that we seal and check, over three hops, and every
 * way in which a chain is none. */
#include "mailauth/testing_mail.h"

#include "mailauth/arc.h"

#define MAIL "From: a@example.org\r\nTo: b@example.net\r\nSubject: Hello\r\n"
#define BODY TEXT("text\r\n")

static struct arena arena;
static struct dkim_private *keys[2];

static struct arc_check *
check(struct text header, struct text body, enum status found)
{
	struct arc_check *c = ARENA_NEW(&arena, struct arc_check);
	struct signed_message *m = ARENA_NEW(&arena, struct signed_message);
	uint32_t count;

	signed_message_init(m, header, &arena);
	arc_check_begin(c, m);
	dkim_sign_want(m); /* who will seal wants it now */
	feed(m, body, 3);
	count = c->keys;
	for (uint32_t i = 0; i < count; i++) {
		struct text record = record_of(keys[arc_check_signature(c, i)->algorithm], &arena);

		arc_check_key(c, i, found, &record, 1);
	}
	return c;
}

/* What came in as header and body goes out as sent and its body, with the
 * three fields on top of it. */
static struct text
seal_changed(struct text header, struct text body, struct text sent, struct text sent_body,
    enum dkim_algorithm algorithm)
{
	const struct dkim_how how = { algorithm, TEXT("hop.example"), TEXT("s"), EXAMPLE_AT,
		SIGNATURE_NO_TIME };
	struct arc_check *c = check(header, body, STATUS_OK);
	struct buffer one = BUFFER_INIT, two = BUFFER_INIT, fields = BUFFER_INIT;
	struct signed_message *m = ARENA_NEW(&arena, struct signed_message);
	struct arc_seal s;
	struct text t;

	signed_message_init(m, sent, &arena);
	dkim_sign_want(m);
	feed(m, sent_body, 2);
	assert_ok(arc_seal_begin(&s, m, c, &how,
	    TEXT("mx.hop.example;\r\n\tspf=pass smtp.mailfrom=example.org"), &arena));
	dkim_private_sign(keys[algorithm], s.part.digest, &one);
	arc_seal_next(&s, buffer_text(&one));
	dkim_private_sign(keys[algorithm], s.part.digest, &two);
	arc_seal_finish(&s, buffer_text(&two), &fields);
	t = arena_join(&arena, buffer_text(&fields), sent);
	buffer_done(&one);
	buffer_done(&two);
	buffer_done(&fields);
	return t;
}

static struct text
seal(struct text header, struct text body, enum dkim_algorithm algorithm)
{
	return seal_changed(header, body, header, body, algorithm);
}

static void
expect(struct text header, struct text body, enum arc_result result, const char *why)
{
	const struct arc_check *c = check(header, body, STATUS_OK);

	if (strcmp(c->why, why) != 0)
		fail_msg("said \"%s\", not \"%s\"", c->why, why);
	assert_int_equal(c->result, result);
}

static void
three_hops(void **state)
{
	struct text one, two, three;

	expect(TEXT(MAIL), BODY, ARC_NONE, "");
	one = seal(TEXT("DKIM-Signature: v=1\r\n" MAIL), BODY, DKIM_RSA_SHA256);
	expect(one, BODY, ARC_PASS, "");
	assert_true(text_find(one, TEXT("cv=none"), 0) < one.len);
	/* A list changes the message: only the newest signature has to hold. */
	two = seal_changed(one, BODY, arena_join(&arena, one, TEXT("List-Id: x\r\n")),
	    TEXT("text\r\nfooter\r\n"), DKIM_ED25519_SHA256);
	expect(two, BODY, ARC_FAIL, "the body was changed");
	expect(two, TEXT("text\r\nfooter\r\n"), ARC_PASS, "");
	two = seal(one, BODY, DKIM_ED25519_SHA256);
	expect(two, BODY, ARC_PASS, "");
	three = seal(two, BODY, DKIM_RSA_SHA256);
	expect(three, BODY, ARC_PASS, "");
	assert_int_equal(check(three, BODY, STATUS_OK)->count, 3);
	arena_done(&arena);
}

/* RFC 8617 5.1.2: the seal of a broken chain covers its own set, and nobody
 * seals after it. */
static void
broken_chain_is_sealed_once(void **state)
{
	const struct dkim_how how = { DKIM_RSA_SHA256, TEXT("hop.example"), TEXT("s"), EXAMPLE_AT,
		SIGNATURE_NO_TIME };
	struct text one = seal(TEXT(MAIL), BODY, DKIM_RSA_SHA256);
	struct text two = seal(one, TEXT("other\r\n"), DKIM_RSA_SHA256);
	struct arc_check *c = check(two, TEXT("other\r\n"), STATUS_OK);
	struct arc_seal s;

	assert_int_equal(c->result, ARC_FAIL);
	assert_string_equal(c->why, "the chain was found broken before");
	assert_int_equal(
	    arc_seal_begin(&s, c->message, c, &how, TEXT("x; y"), &arena), STATUS_DENIED);
	arena_done(&arena);
}

static void
full_chain(void **state)
{
	const struct dkim_how how = { DKIM_RSA_SHA256, TEXT("hop.example"), TEXT("s"), EXAMPLE_AT,
		SIGNATURE_NO_TIME };
	struct arc_check *c;
	struct arc_seal s;

	c = check(TEXT("ARC-Authentication-Results: i=50; x; none\r\n" MAIL), BODY, STATUS_OK);
	assert_string_equal(c->why, "a set is not whole");
	assert_int_equal(
	    arc_seal_begin(&s, c->message, c, &how, TEXT("x; y"), &arena), STATUS_LIMIT);
	expect(TEXT("ARC-Authentication-Results: i=51; x; none\r\n" MAIL), BODY, ARC_FAIL,
	    "a field has no instance");
	arena_done(&arena);
}

static struct text
replaced(struct text t, const char *from, const char *to)
{
	size_t at = text_find(t, text_of(from), 0);

	assert_true(at < t.len);
	return arena_printf(&arena, "%.*s%s%.*s", TEXT_ARG(text_part(t, 0, at)), to,
	    TEXT_ARG(text_part(t, at + strlen(from), t.len)));
}

static void
no_chain(void **state)
{
	static const struct {
		const char *from, *to, *why;
	} cases[] = {
		{ "spf=pass", "spf=fail", "the signature does not verify" },
		{ "To: b@", "To: c@", "the signature does not verify" },
		{ "cv=none", "cv=pass", "cv= is not what stands in a chain" },
		{ "cv=none", "h=from; cv=none", "a seal has no h=" }, /* RFC 8617 4.1.3 */
		{ "ARC-Seal: i=1", "ARC-Seal: i=2", "a set is not whole" },
		{ "ARC-Seal: i=1", "ARC-Seal: i=0", "a field has no instance" },
		{ "ARC-Seal: i=1", "ARC-Seal: i=4000000000", "a field has no instance" },
		{ "ARC-Seal:", "X-Seal:", "a set is not whole" },
		{ "ARC-Authentication-Results: i=1;", "ARC-Authentication-Results: x; i=1;",
		    "a field has no instance" },
		{ "ARC-Authentication-Results:",
		    "ARC-Authentication-Results: i=1; x\r\nARC-Authentication-Results:",
		    "a set has results twice" },
		{ "ARC-Message-Signature: i=1", "ARC-Message-Signature: i=1; v=1",
		    "v= does not belong there" }, /* RFC 8617 4.1.2 */
		{ "h=from:", "h=arc-seal:from:", "h= names a seal" },
	};
	struct text one = seal(TEXT(MAIL), BODY, DKIM_RSA_SHA256);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		expect(replaced(one, cases[i].from, cases[i].to), BODY, ARC_FAIL, cases[i].why);
	arena_done(&arena);
}

static void
keys_away(void **state)
{
	struct text one = seal(TEXT(MAIL), BODY, DKIM_RSA_SHA256);
	const struct arc_check *c = check(one, BODY, STATUS_UNAVAILABLE);

	assert_int_equal(c->result, ARC_FAIL);
	assert_true(c->temporary);
	c = check(one, BODY, STATUS_NOT_FOUND);
	assert_int_equal(c->result, ARC_FAIL);
	assert_false(c->temporary);
	arena_done(&arena);
}

static int
make_keys(void **state)
{
	keys[DKIM_RSA_SHA256] = new_key(DKIM_RSA_SHA256);
	keys[DKIM_ED25519_SHA256] = new_key(DKIM_ED25519_SHA256);
	return 0;
}

static int
free_keys(void **state)
{
	dkim_private_free(keys[0]);
	dkim_private_free(keys[1]);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_hops),
		cmocka_unit_test(broken_chain_is_sealed_once),
		cmocka_unit_test(full_chain),
		cmocka_unit_test(no_chain),
		cmocka_unit_test(keys_away),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
