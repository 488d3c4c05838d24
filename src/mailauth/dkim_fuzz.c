/* SPDX-License-Identifier: ISC */
/* Any bytes as a message with signatures, against a key of whichever kind it
 * asks for: verdicts have words, hashes do not depend on where the body is
 * cut, and what we sign of it verifies up to the key. */
#include <string.h>

#include "mailauth/dkim.h"

#define RSA                                                                           \
	"k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6"           \
	"NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8" \
	"uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K" \
	"4w3QIDAQAB"
#define ED25519 "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(struct text header, struct text body, size_t step, struct arena *a, struct dkim_check *c,
    struct signed_message *m)
{
	signed_message_init(m, header, a);
	dkim_check_begin(c, m, 1528637909);
	for (size_t at = 0; at < body.len; at += step)
		signed_message_body(m, text_part(body, at, at + step));
	signed_message_end(m);
	for (uint32_t i = 0; i < c->count; i++) {
		struct text record =
		    c->at[i].signature.algorithm == DKIM_RSA_SHA256 ? TEXT(RSA) : TEXT(ED25519);

		dkim_check_key(c, i, STATUS_OK, &record, 1);
		CHECK(c->at[i].result != DKIM_NONE);
		CHECK((c->at[i].result == DKIM_PASS) == (*c->at[i].why == '\0'));
	}
}

static void
sign(struct text header, struct text body, struct arena *a)
{
	const struct dkim_how how = { DKIM_RSA_SHA256, TEXT("example.org"), TEXT("s"), 1528637909,
		SIGNATURE_NO_TIME };
	struct buffer field = BUFFER_INIT;
	struct dkim_prepared p;
	struct signed_message m;
	struct signature s;
	const char *why;
	uint8_t digest[DIGEST_LENGTH];

	signed_message_init(&m, header, a);
	dkim_sign_want(&m);
	signed_message_body(&m, body);
	signed_message_end(&m);
	if (dkim_sign_prepare(&m, &how, a, &p) == STATUS_OK) {
		dkim_sign_finish(
		    &p, TEXT("a signature of some length, so that it has to be folded"), &field);
		CHECK(
		    signature_parse(SIGNATURE_DKIM, buffer_text(&field), a, &s, &why) == STATUS_OK);
		signature_digest(&s, &m, digest);
		CHECK(memcmp(digest, p.digest, sizeof(digest)) == 0);
	}
	buffer_done(&field);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text whole = { (const char *)data, size }, header, body;
	size_t split = text_find(whole, TEXT("\r\n\r\n"), 0);
	struct arena a = ARENA_INIT;
	struct dkim_check one, many;
	struct signed_message m, n;

	header = text_part(whole, 0, split + 2);
	body = text_part(whole, split + 4, whole.len);
	check(header, body, body.len + 1, &a, &one, &m);
	check(header, body, 3, &a, &many, &n);
	CHECK(one.count == many.count && m.hash_count == n.hash_count);
	for (uint32_t i = 0; i < m.hash_count; i++)
		CHECK(m.hashes[i].known == n.hashes[i].known &&
		      memcmp(m.hashes[i].digest, n.hashes[i].digest, DIGEST_LENGTH) == 0);
	sign(header, body, &a);
	arena_done(&a);
	return 0;
}
