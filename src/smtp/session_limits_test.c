/* SPDX-License-Identifier: ISC */
/*
 * Every limit of a session, to the octet and to the message (RFC 5321 4.5.3.1).
 */
#include "smtp/test_house.h"

#include "base/clock.h"
#include "runtime/metrics.h"

static void
recipients_have_a_limit(void **state)
{
	struct buffer script = BUFFER_INIT;

	house_set("smtp.recipients_max", "100");
	buffer_add_string(&script, HELO MAIL);
	for (int i = 0; i < 101; i++)
		buffer_add_string(&script, RCPT);
	buffer_add_string(&script, "DATA\r\n" MESSAGE);
	struct text codes = text_of(house_codes(*state, TEST_MX, buffer_text(&script)));

	assert_true(text_ends(codes, TEXT(" 250:2.1.5 452:4.5.3 354 250:2.0.0")));
	assert_int_equal(((struct house *)*state)->last.recipient_count, 100);
	house_set("smtp.recipients_max", "");
	buffer_done(&script);
}

static void
errors_have_a_limit(void **state)
{
	house_set("smtp.errors_max", "3");
	assert_string_equal(house_codes(*state, TEST_MX, TEXT("A\r\nB\r\nNOOP\r\nC\r\nNOOP\r\n")),
	    "500:5.5.1 500:5.5.1 250:2.0.0 500:5.5.1 421:4.7.0");
	assert_string_equal(house_codes(*state, TEST_MX, TEXT("A\nB\r\nA\nB\r\nA\nB\r\nNOOP\r\n")),
	    "500:5.5.2 500:5.5.2 500:5.5.2 421:4.7.0");
	/* Recipients count for strangers, not for LMTP. */
	assert_string_equal(
	    house_codes(*state, TEST_MX, TEXT(HELO MAIL TO("a") TO("b") TO("c") TO("d"))),
	    "250 250:2.1.0 550:5.1.1 550:5.1.1 550:5.1.1 421:4.7.0");
	assert_string_equal(house_codes(*state, TEST_LMTP,
				TEXT("LHLO a.test\r\n" MAIL TO("a") TO("b") TO("c") TO("d"))),
	    "250 250:2.1.0 550:5.1.1 550:5.1.1 550:5.1.1 550:5.1.1");
	/* A message that is taken makes up for it. */
	assert_string_equal(
	    house_codes(*state, TEST_MX, TEXT("A\r\nB\r\n" BEGIN "DATA\r\n" MESSAGE "C\r\nD\r\n")),
	    "500:5.5.1 500:5.5.1 " OK_TO_DATA "354 250:2.0.0 500:5.5.1 500:5.5.1");
	house_set("smtp.errors_max", "");
}

/* What is too long to be a command is dropped up to its end, if that comes. */
static void
bad_lines_have_an_end(void **state)
{
	struct buffer script = BUFFER_INIT;

	for (size_t i = 0; i < 900; i++)
		buffer_addf(&script, "%01000d", 0);
	buffer_add_string(&script, "\r\nNOOP\r\n");
	assert_string_equal(
	    house_codes(*state, TEST_MX, buffer_text(&script)), "500:5.5.2 250:2.0.0");
	buffer_clear(&script);
	for (size_t i = 0; i < 1200; i++)
		buffer_addf(&script, "%01000d", 0);
	buffer_add_string(&script, "\r\nNOOP\r\n");
	assert_string_equal(
	    house_codes(*state, TEST_MX, buffer_text(&script)), "500:5.5.2 421:4.7.0");
	buffer_done(&script);
}

static void
messages_have_a_limit(void **state)
{
	house_set("smtp.messages_max", "1");
	assert_string_equal(house_codes(*state, TEST_MX, TEXT(BEGIN "DATA\r\n" MESSAGE MAIL QUIT)),
	    OK_TO_DATA "354 250:2.0.0 421:4.7.0");
	house_set("smtp.messages_max", "");
}

static void
talk_has_a_limit(void **state)
{
	struct buffer script = BUFFER_INIT;

	house_set("smtp.idle_commands_max", "10");
	for (int i = 0; i < 12; i++)
		buffer_add_string(&script, "NOOP\r\n");
	struct text codes = text_of(house_codes(*state, TEST_MX, buffer_text(&script)));

	assert_true(text_ends(codes, TEXT("250:2.0.0 250:2.0.0 421:4.7.0")));
	assert_int_equal(codes.len, 10 * 10 + 9);
	house_set("smtp.idle_commands_max", "");
	buffer_done(&script);
}

/* The house's limit is 64 KiB: to the octet, by DATA and by BDAT; what is over
 * is read to its end, the session goes on; far too much ends it. */
static const char *
send_octets(struct house *h, size_t n, bool by_chunks)
{
	struct buffer script = BUFFER_INIT;
	const char *codes;

	buffer_add_string(&script, BEGIN);
	if (by_chunks)
		buffer_addf(&script, "BDAT %zu\r\n", n);
	else
		buffer_add_string(&script, "DATA\r\n");
	for (size_t i = 0; i < n; i += 64)
		buffer_addf(&script, "%0*d\r\n", (int)(n - i < 64 ? n - i : 64) - 2, 0);
	buffer_add_string(&script, by_chunks ? "BDAT 0 LAST\r\n" : ".\r\n");
	buffer_add_string(&script, "RSET\r\n" QUIT);
	codes = house_codes(h, TEST_MX, buffer_text(&script));
	buffer_done(&script);
	return codes;
}

static void
size_has_a_limit(void **state)
{
	struct house *h = *state;

	assert_string_equal(
	    send_octets(h, 65536, false), OK_TO_DATA "354 250:2.0.0 250:2.0.0 221:2.0.0");
	assert_int_equal(h->last.message.len, 65536);
	assert_string_equal(
	    send_octets(h, 65539, false), OK_TO_DATA "354 552:5.3.4 250:2.0.0 221:2.0.0");
	assert_string_equal(send_octets(h, 500000, false), OK_TO_DATA "354 552:5.3.4");
	assert_string_equal(
	    send_octets(h, 65536, true), OK_TO_DATA "250:2.0.0 250:2.0.0 250:2.0.0 221:2.0.0");
	assert_string_equal(send_octets(h, 65539, true), OK_TO_DATA "552:5.3.4");
	assert_string_equal(
	    house_codes(h, TEST_MX, TEXT(BEGIN "BDAT 65536\r\n")), "250 250:2.1.0 250:2.1.5");
}

static void
large_messages_travel(void **state)
{
	struct house *h = *state;

	house_set("smtp.message_size_max", "10 MiB");
	assert_string_equal(
	    send_octets(h, 3 << 20, false), OK_TO_DATA "354 250:2.0.0 250:2.0.0 221:2.0.0");
	assert_int_equal(h->last.message.len, 3 << 20);
	house_set("smtp.message_size_max", "64 KiB");
}

/* All messages together; what is refused or done gives its octets back. */
static void
messages_in_hand_have_a_limit(void **state)
{
	struct house *h = *state;

	house_set("smtp.message_size_max", "10 MiB");
	house_set("smtp.in_hand_max", "1 MiB");
	for (int round = 0; round < 3; round++) {
		assert_string_equal(
		    send_octets(h, 900000, false), OK_TO_DATA "354 250:2.0.0 250:2.0.0 221:2.0.0");
		assert_string_equal(
		    send_octets(h, 1100000, false), OK_TO_DATA "354 452:4.3.1 250:2.0.0 221:2.0.0");
		assert_string_equal(send_octets(h, 1100000, true),
		    OK_TO_DATA "452:4.3.1 503:5.5.1 250:2.0.0 221:2.0.0");
	}
	house_set("smtp.in_hand_max", "");
	house_set("smtp.message_size_max", "64 KiB");
}

/* Three and a half mebibytes come in from this peer. */
static struct smtp_message *
message_from(uint64_t peer)
{
	struct smtp_message *m = smtp_message_new(10 << 20, true);
	static const char octets[7 << 19];
	struct smtp_transfer t;
	struct stream s;

	m->peer = peer;
	stream_init_memory(&s, (struct text){ octets, sizeof(octets) }, NULL);
	smtp_transfer_begin(&t, TRANSFER_CHUNK, sizeof(octets));
	while (smtp_transfer_take(&t, m, &s) == STATUS_AGAIN)
		assert_ok(stream_fill(&s));
	stream_done(&s);
	return m;
}

/* One peer cannot have all of it, or nobody else could send. */
static void
no_peer_takes_all_that_is_in_hand(void **state)
{
	struct smtp_message *m[4];

	house_set("smtp.in_hand_max", "16 MiB");
	for (int i = 0; i < 3; i++)
		m[i] = message_from(i < 2 ? 7 : 8);
	assert_int_equal(smtp_message_fault(m[0], false), REPLY_NONE);
	assert_int_equal(smtp_message_fault(m[1], false), REPLY_DISK_FULL);
	assert_int_equal(smtp_message_fault(m[2], false), REPLY_NONE);
	smtp_message_free(m[1]);
	smtp_message_free(m[0]);
	m[3] = message_from(7);
	assert_int_equal(smtp_message_fault(m[3], false), REPLY_NONE);
	smtp_message_free(m[2]);
	smtp_message_free(m[3]);
	house_set("smtp.in_hand_max", "");
}

static void
text_lines_have_a_limit(void **state)
{
	struct buffer script = BUFFER_INIT;

	house_set("smtp.text_line_max", "998 octets");
	buffer_addf(&script, BEGIN "DATA\r\n%0998d\r\n.\r\n", 0);
	buffer_addf(&script, MAIL RCPT "DATA\r\n%0999d\r\n.\r\n", 0);
	assert_string_equal(house_codes(*state, TEST_MX, buffer_text(&script)),
	    OK_TO_DATA "354 250:2.0.0 250:2.1.0 250:2.1.5 354 550:5.6.0");
	house_set("smtp.text_line_max", "");
	buffer_done(&script);
}

static void
hops_have_a_limit(void **state)
{
	struct buffer script = BUFFER_INIT;

	house_set("smtp.hops_max", "10");
	for (int hops = 10; hops <= 11; hops++) {
		buffer_add_string(&script, hops == 10 ? BEGIN "DATA\r\n" : MAIL RCPT "DATA\r\n");
		for (int i = 0; i < hops; i++)
			buffer_add_string(&script, "rEceived: x\r\n Received: folded\r\n");
		buffer_add_string(&script, "\r\nReceived: in the body\r\n.\r\n");
	}
	assert_string_equal(house_codes(*state, TEST_MX, buffer_text(&script)),
	    OK_TO_DATA "354 250:2.0.0 250:2.1.0 250:2.1.5 354 554:5.4.6");
	house_set("smtp.hops_max", "");
	buffer_done(&script);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recipients_have_a_limit),
		cmocka_unit_test(errors_have_a_limit),
		cmocka_unit_test(bad_lines_have_an_end),
		cmocka_unit_test(messages_have_a_limit),
		cmocka_unit_test(talk_has_a_limit),
		cmocka_unit_test(size_has_a_limit),
		cmocka_unit_test(large_messages_travel),
		cmocka_unit_test(messages_in_hand_have_a_limit),
		cmocka_unit_test(no_peer_takes_all_that_is_in_hand),
		cmocka_unit_test(text_lines_have_a_limit),
		cmocka_unit_test(hops_have_a_limit),
	};

	return cmocka_run_group_tests(tests, house_setup, house_teardown);
}
