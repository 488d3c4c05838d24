/* SPDX-License-Identifier: ISC */
/*
 * AUTH SCRAM-SHA-256 of the SMTP client (RFC 5802, RFC 7677, RFC 4954 4) against
 * the server's side of it, and against servers that only pretend.
 */
#include "auth/sasl.h"
#include "base/testing.h"
#include "codec/base64.h"
#include "smtp/client_testing.h"

enum lie { HONEST, OTHER_SIGNATURE, NO_SIGNATURE, OTHER_NONCE, MANY_ROUNDS, NO_BASE64, LIES };

struct smarthost {
	struct sasl sasl;
	struct verifier verifier;
	struct buffer out, answer;
	size_t seen;
	enum lie lie;
	bool proved;
	int64_t lines; /* of the exchange */
};

static void
challenge(struct smarthost *h, struct text octets)
{
	buffer_add_string(&h->answer, "334 ");
	if (h->lie == NO_BASE64)
		buffer_add_string(&h->answer, "=");
	base64_encode(&h->answer, octets);
	buffer_add_string(&h->answer, "\r\n");
}

/* The first challenge, made worse. */
static void
first_challenge(struct smarthost *h, struct text octets)
{
	struct buffer other = BUFFER_INIT;
	size_t i = text_find(octets, TEXT(",i="), 0);

	buffer_add_text(&other, octets);
	if (h->lie == OTHER_NONCE)
		other.ptr[2] = other.ptr[2] == 'A' ? 'B' : 'A';
	if (h->lie == MANY_ROUNDS) {
		buffer_cut(&other, i);
		buffer_add_string(&other, ",i=2000000000");
	}
	challenge(h, buffer_text(&other));
	buffer_done(&other);
}

static void
last_challenge(struct smarthost *h, struct text octets)
{
	struct buffer other = BUFFER_INIT;

	h->proved = true;
	if (h->lie == NO_SIGNATURE) {
		buffer_add_string(&h->answer, "235 fine\r\n");
		return;
	}
	buffer_add_text(&other, octets);
	if (h->lie == OTHER_SIGNATURE)
		other.ptr[3] = other.ptr[3] == 'A' ? 'B' : 'A';
	challenge(h, buffer_text(&other));
	buffer_done(&other);
}

/* One line of the exchange, in octets. */
static void
exchange(struct smarthost *h, struct text octets)
{
	struct buffer out = BUFFER_INIT;
	enum sasl_step step;

	if (h->proved) {
		buffer_add_string(&h->answer, "235 2.7.0 welcome\r\n");
		return;
	}
	step = h->sasl.mechanism->step(&h->sasl, arena_copy(&h->sasl.arena, octets), &out);
	if (step == SASL_LOOKUP) {
		h->sasl.verifier = h->verifier;
		step = h->sasl.mechanism->proceed(&h->sasl, &out);
	}
	if (step == SASL_CHALLENGE)
		first_challenge(h, buffer_text(&out));
	else if (step == SASL_DONE)
		last_challenge(h, buffer_text(&out));
	else
		buffer_add_string(&h->answer, "535 5.7.8 wrong\r\n");
	buffer_done(&out);
}

static enum status
smarthost_wait(struct stream *s, void *arg)
{
	struct smarthost *h = arg;
	struct text line = text_part(buffer_text(&h->out), h->seen, h->out.len);
	struct buffer octets = BUFFER_INIT;

	h->seen = h->out.len;
	buffer_clear(&h->answer);
	line = text_trim(line);
	if (h->lines++ == 0) {
		buffer_add_string(&h->answer, "220 smart\r\n");
	} else if (text_starts(line, TEXT("EHLO"))) {
		buffer_add_string(
		    &h->answer, "250-smart\r\n250 AUTH PLAIN LOGIN SCRAM-SHA-256\r\n");
	} else {
		if (text_starts(line, TEXT("AUTH SCRAM-SHA-256 ")))
			line = text_part(line, 19, line.len);
		assert_ok(base64_decode(&octets, line));
		exchange(h, buffer_text(&octets));
	}
	buffer_done(&octets);
	s->memory_in = buffer_text(&h->answer);
	return STATUS_OK;
}

static void
smarthost_make(struct smarthost *h, enum lie lie)
{
	memset(h, 0, sizeof(*h));
	h->lie = lie;
	h->sasl.mechanism = sasl_find(TEXT("SCRAM-SHA-256"));
	assert_ok(verifier_of_hash(TEXT("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
					"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
					"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="),
	    &h->sasl.arena, &h->verifier, NULL));
}

/* pencil is the password of RFC 7677 3. */
static void
sign_in(struct smarthost *h, const char *user, const char *password, enum status expected)
{
	struct play p;

	play_init(&p, NULL);
	stream_init_acted(&p.stream, smarthost_wait, h, &h->out);
	p.config.user = text_of(user);
	p.config.password = text_of(password);
	p.config.plain_allowed = true;
	assert_int_equal(smtp_client_open(&p.client), expected);
	assert_int_equal(p.client.signed_in, expected == STATUS_OK);
	if (expected != STATUS_OK) {
		assert_int_equal(p.client.fate.stage, SMTP_AT_AUTH);
		assert_true(p.client.fate.answer.text[0] != '\0');
	}
	/* the password is nowhere in what was said */
	assert_int_equal(text_find(buffer_text(&h->out), text_of(password), 0), h->out.len);
	play_done(&p);
	arena_done(&h->sasl.arena);
	buffer_done(&h->out);
	buffer_done(&h->answer);
}

static void
right(void **state)
{
	struct smarthost h;

	smarthost_make(&h, HONEST);
	sign_in(&h, "us,er=x", "pencil", STATUS_OK);
	assert_true(h.proved);
}

static void
wrong(void **state)
{
	struct smarthost h;

	smarthost_make(&h, HONEST);
	sign_in(&h, "user", "pencils", STATUS_DENIED);
	assert_false(h.proved);
}

/* Who does not know the password, or wants to keep us busy, is not believed. */
static void
lies(void **state)
{
	for (int lie = OTHER_SIGNATURE; lie < LIES; lie++) {
		struct smarthost h;

		smarthost_make(&h, (enum lie)lie);
		sign_in(&h, "user", "pencil",
		    lie == OTHER_SIGNATURE || lie == NO_SIGNATURE ? STATUS_DENIED : STATUS_INVALID);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right),
		cmocka_unit_test(wrong),
		cmocka_unit_test(lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
