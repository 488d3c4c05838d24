/* SPDX-License-Identifier: ISC */
/* For the tests of this folder: the example of RFC 8463 A with its
 * keys, and a message that is signed and checked in pieces. */
#ifndef MAILAUTH_TESTING_MAIL_H
#define MAILAUTH_TESTING_MAIL_H

#include "base/testing.h"

#include "codec/base64.h"
#include "mailauth/dkim.h"

#define EXAMPLE_AT INT64_C(1528637909)

#define EXAMPLE_HEADER                                     \
	"From: Joe SixPack <joe@football.example.com>\r\n" \
	"To: Suzie Q <suzie@shopping.example.net>\r\n"     \
	"Subject: Is dinner ready?\r\n"                    \
	"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"  \
	"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"

#define EXAMPLE_BODY "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"

#define EXAMPLE_ED25519                                                   \
	"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"   \
	" d=football.example.com; i=@football.example.com;\r\n"           \
	" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"         \
	" subject : date : message-id : from : subject : date;\r\n"       \
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"           \
	" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n" \
	" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"

#define EXAMPLE_RSA                                                       \
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"       \
	" d=football.example.com; i=@football.example.com;\r\n"           \
	" q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"   \
	" date : message-id : from : subject : date;\r\n"                 \
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"           \
	" b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n" \
	" DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n" \
	" dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n"

#define RECORD_ED25519 "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define RECORD_RSA                                                                    \
	"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6"  \
	"NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8" \
	"uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K" \
	"4w3QIDAQAB"

/* The body passes by in pieces of step octets. */
UNUSED static void
feed(struct signed_message *m, struct text body, size_t step)
{
	for (size_t at = 0; at < body.len; at += step)
		signed_message_body(m, text_part(body, at, at + step));
	signed_message_end(m);
}

/* A key made for the test. */
UNUSED static struct dkim_private *
new_key(enum dkim_algorithm algorithm)
{
	struct buffer octets = BUFFER_INIT;
	struct dkim_private *key;

	dkim_private_generate(algorithm, 2048, &octets);
	assert_ok(dkim_private_load(buffer_text(&octets), &key));
	buffer_done_secret(&octets);
	return key;
}

UNUSED static struct text
record_of(const struct dkim_private *key, struct arena *a)
{
	struct buffer record = BUFFER_INIT;
	struct text t;

	dkim_private_record(key, &record);
	t = arena_copy(a, buffer_text(&record));
	buffer_done(&record);
	return t;
}

/* The field that key makes for this message. */
UNUSED static struct text
sign(struct text header, struct text body, const struct dkim_private *key, struct arena *a)
{
	const struct dkim_how how = { dkim_private_algorithm(key), TEXT("example.org"),
		TEXT("2026a"), EXAMPLE_AT, SIGNATURE_NO_TIME };
	struct buffer signature = BUFFER_INIT, field = BUFFER_INIT;
	struct signed_message m;
	struct dkim_prepared p;
	struct text t;

	signed_message_init(&m, header, a);
	dkim_sign_want(&m);
	feed(&m, body, 7);
	assert_ok(dkim_sign_prepare(&m, &how, a, &p));
	dkim_private_sign(key, p.digest, &signature);
	dkim_sign_finish(&p, buffer_text(&signature), &field);
	t = arena_copy(a, buffer_text(&field));
	buffer_done(&signature);
	buffer_done(&field);
	return t;
}

/* The verdict on the first signature. */
UNUSED static struct dkim_verdict
verdict(struct text header, struct text body, struct text record, int64_t now, struct arena *a)
{
	struct signed_message *m = ARENA_NEW(a, struct signed_message);
	struct dkim_check c;

	signed_message_init(m, header, a);
	dkim_check_begin(&c, m, now);
	assert_true(c.count > 0);
	feed(m, body, 5);
	dkim_check_key(&c, 0, STATUS_OK, &record, 1);
	return c.at[0];
}

#endif
