/* SPDX-License-Identifier: ISC */
/* Messages that go on to addresses elsewhere: what the store is given for it,
 * and what the next hop finds of the ARC set. */
#include "intake/submit_testing.h"

#include "mailauth/arc.h"

#define TRACE "Received: from c ([192.0.2.1])\r\n\tby mx.one.test; date\r\n"
#define MESSAGE "From: Zed <zed@far.test>\r\nSubject: hello\r\n\r\nBody\r\n"

static int
setup(void **state)
{
	struct rig *r = MEM_NEW(struct rig);

	rig_open(r, ROLE_MX);
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	rig_close(*state);
	mem_free(*state);
	return 0;
}

static enum status
deliver(struct rig *r, const char *sender, struct text message, uint64_t forwards)
{
	struct text to[] = { TEXT("alias@one.test") };
	const struct intake_deliver_request q = { .op = 5,
		.id = TEXT("id"),
		.sender = text_of(sender),
		.recipients = { to, 1 },
		.forwards = forwards,
		.trace = TEXT(TRACE),
		.message = PAYLOAD_OF(message) };
	struct intake_deliver_reply reply;

	return intake_deliver(r->client, &q, &r->arena, &reply, NULL);
}

/* The message as the next hop gets it. */
static struct text
forwarded(struct rig *r, struct text message)
{
	assert_ok(deliver(r, "zed@far.test", message, 1));
	return arena_join(&r->arena, r->deliver.forward_prefix, stored(r, r->deliver.content));
}

static enum arc_result
chain_of(struct rig *r, struct text message, uint32_t *sets)
{
	size_t end = text_find(message, TEXT("\r\n\r\n"), 0) + 2;
	struct signed_message m;
	struct arc_check c;
	uint32_t keys;

	signed_message_init(&m, text_part(message, 0, end), &r->arena);
	arc_check_begin(&c, &m);
	signed_message_body(&m, text_part(message, end + 2, message.len));
	signed_message_end(&m);
	keys = c.keys;
	for (uint32_t i = 0; i < keys; i++) {
		struct text record = key_record(r, arc_check_signature(&c, i)->algorithm);

		arc_check_key(&c, i, STATUS_OK, &record, 1);
	}
	*sets = c.count;
	return c.result;
}

static void
a_delivery_here_asks_nobody(void **state)
{
	struct rig *r = *state;

	assert_ok(deliver(r, "zed@far.test", TEXT(MESSAGE), 0));
	assert_int_equal(r->deliver.forward_sender.len, 0);
	assert_int_equal(r->deliver.forward_prefix.len, 0);
	assert_int_equal(r->asked_for_keys + r->signed_ + r->looked_up, 0);
}

static void
the_sender_is_rewritten(void **state)
{
	struct rig *r = *state;

	(void)forwarded(r, TEXT("From: z@far.test\r\nSubject: \xc3\xb6\r\n\r\n\xc3\xb6\r\n"));
	assert_text(r->deliver.forward_sender, "SRS0=zed@one.test");
	assert_text(r->deliver.sender, "zed@far.test");
	assert_int_equal(r->deliver.body, QUEUE_8BITMIME);
	assert_int_equal(r->deliver.needs, QUEUE_HEADER_UTF8);
	(void)forwarded(r, TEXT("TLS-Required: No\r\nFrom: z@far.test\r\n\r\nx\r\n"));
	assert_int_equal(r->deliver.needs, QUEUE_TLS_OPTIONAL);
	assert_ok(deliver(r, "", TEXT(MESSAGE), 1));
	assert_int_equal(r->deliver.forward_sender.len, 0);
	assert_int_equal(r->deliver.body, QUEUE_7BIT);
}

/* RFC 9228 2. */
static void
where_it_has_been_is_told(void **state)
{
	struct rig *r = *state;

	(void)forwarded(r, TEXT(MESSAGE));
	assert_int_equal(r->deliver.been.count, 0);
	(void)forwarded(r, TEXT("Delivered-To: a@one.test\r\nFrom: z@far.test\r\n"
				"delivered-to:\r\n b@two.test \r\n\r\nDelivered-To: c@x\r\n"));
	assert_int_equal(r->deliver.been.count, 2);
	assert_text(r->deliver.been.at[0], "a@one.test");
	assert_text(r->deliver.been.at[1], "b@two.test");
}

/* RFC 8617 5.1: the first set, and one on top of it. */
static void
the_next_hop_can_check_the_chain(void **state)
{
	struct rig *r = *state;
	struct text first = forwarded(r, TEXT(MESSAGE)), second;
	uint32_t sets;

	assert_true(text_starts(first, TEXT("ARC-Seal: i=1; a=rsa-sha256; cv=none;")));
	assert_int_equal(chain_of(r, first, &sets), ARC_PASS);
	assert_int_equal(sets, 1);
	assert_true(text_find(first, TEXT("i=1; mx.one.test;\r\n\tarc=none;\r\n\tdkim=none\r\n"),
			0) < first.len);
	second = forwarded(r, first);
	assert_int_equal(chain_of(r, second, &sets), ARC_PASS);
	assert_int_equal(sets, 2);
	assert_true(text_find(second, TEXT("i=2; mx.one.test;\r\n\tarc=pass;"), 0) < second.len);
	assert_true(text_find(second, TEXT("cv=pass"), 0) < second.len);
}

/* RFC 8617 5.1.2. */
static void
a_chain_that_was_broken_ends(void **state)
{
	struct rig *r = *state;
	struct text first = forwarded(r, TEXT(MESSAGE)), second;

	second = forwarded(r, arena_join(&r->arena, first, TEXT("more\r\n")));
	assert_true(text_find(second, TEXT("cv=fail"), 0) < second.len);
	(void)forwarded(r, second);
	assert_int_equal(r->deliver.forward_prefix.len, 0);
	assert_text(r->deliver.forward_sender, "SRS0=zed@one.test");
}

/* RFC 8601 2.7.1. */
static void
signatures_are_judged(void **state)
{
	struct rig *r = *state;
	struct signed_message m;
	struct dkim_prepared p;
	struct buffer signature = BUFFER_INIT, signed_mail = BUFFER_INIT;
	const struct dkim_how how = { DKIM_ED25519_SHA256, TEXT("one.test"), TEXT("e"), 1600000000,
		SIGNATURE_NO_TIME };
	struct text is;

	signed_message_init(&m, text_part(TEXT(MESSAGE), 0, sizeof(MESSAGE) - 9), &r->arena);
	dkim_sign_want(&m);
	signed_message_body(&m, TEXT("Body\r\n"));
	signed_message_end(&m);
	assert_ok(dkim_sign_prepare(&m, &how, &r->arena, &p));
	dkim_private_sign(r->keys[DKIM_ED25519_SHA256], p.digest, &signature);
	dkim_sign_finish(&p, buffer_text(&signature), &signed_mail);
	buffer_add_string(&signed_mail, MESSAGE);
	is = forwarded(r, buffer_text(&signed_mail));
	assert_true(text_find(is, TEXT("dkim=pass header.d=one.test header.s=e\r\n"), 0) < is.len);
	assert_text(r->deliver.checked, "arc=none; dkim=pass header.d=one.test header.s=e");
	buffer_add_string(&signed_mail, "more\r\n");
	is = forwarded(r, buffer_text(&signed_mail));
	assert_true(text_find(is, TEXT("dkim=fail header.d=one.test"), 0) < is.len);
	r->dns_says = LOOKUP_TEMPORARY;
	is = forwarded(r, TEXT("DKIM-Signature: v=1; a=rsa-sha256; d=one.test; s=r; h=from;\r\n"
			       " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YWJj\r\n"
			       "From: z@far.test\r\n\r\n"));
	assert_true(text_find(is, TEXT("dkim=temperror header.d=one.test"), 0) < is.len);
	buffer_done(&signature);
	buffer_done(&signed_mail);
}

/* A set that said so would end the chain for good. */
static void
a_chain_that_cannot_be_judged_now_is_left_alone(void **state)
{
	struct rig *r = *state;
	struct text first = forwarded(r, TEXT(MESSAGE));

	r->dns_says = LOOKUP_TEMPORARY;
	(void)forwarded(r, first);
	assert_int_equal(r->deliver.forward_prefix.len, 0);
}

static void
without_a_key_there_is_no_set(void **state)
{
	struct rig *r = *state;

	r->active = 0;
	(void)forwarded(r, TEXT(MESSAGE));
	assert_int_equal(r->deliver.forward_prefix.len, 0);
	assert_text(r->deliver.forward_sender, "SRS0=zed@one.test");
}

static void
auth_that_is_away_is_a_reason_to_try_later(void **state)
{
	struct rig *r = *state;

	r->auth_says = STATUS_UNAVAILABLE;
	assert_int_equal(deliver(r, "zed@far.test", TEXT(MESSAGE), 1), STATUS_UNAVAILABLE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_delivery_here_asks_nobody),
		TEST(the_sender_is_rewritten),
		TEST(where_it_has_been_is_told),
		TEST(the_next_hop_can_check_the_chain),
		TEST(a_chain_that_was_broken_ends),
		TEST(signatures_are_judged),
		TEST(a_chain_that_cannot_be_judged_now_is_left_alone),
		TEST(without_a_key_there_is_no_set),
		TEST(auth_that_is_away_is_a_reason_to_try_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
