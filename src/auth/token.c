/* SPDX-License-Identifier: ISC */
/*
 * Tokens: made by auth, checked by the store at every call. The MAC is over
 * all octets before it, so that nothing in a token can be changed; nothing
 * is done for one whose MAC is wrong. HMAC: RFC 2104 2.
 *
 * A session shows the same one at every call, so each thread remembers some that
 * were right: to compare takes a hundredth of what OpenSSL takes for a MAC.
 */
#include "auth/token.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/pack.h"
#include "base/random.h"

#define TOKEN_VERSION 1
#define TOKEN_MAC 16
#define TOKEN_BODY (TOKEN_LENGTH - TOKEN_MAC)
#define TOKEN_KEY 32

/* Tokens that a thread found right under a key, by the account. */
#define RIGHT_MOST 256

struct right {
	char key[TOKEN_KEY];
	char token[RIGHT_MOST][TOKEN_LENGTH]; /* zeros: none */
};
static _Thread_local struct right right;

static void
token_mac(struct text key, struct text body, unsigned char out[EVP_MAX_MD_SIZE])
{
	unsigned len = 0;

	CHECK(key.len == TOKEN_KEY);
	CHECK(HMAC(EVP_sha256(), key.ptr, (int)key.len, (const unsigned char *)body.ptr, body.len,
		  out, &len) != NULL);
	CHECK(len >= TOKEN_MAC);
}

void
token_make(struct text key, const struct token *t, struct buffer *out)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	struct buffer body = BUFFER_INIT;

	pack_u8(&body, TOKEN_VERSION);
	pack_be64(&body, t->account);
	pack_be32(&body, t->generation);
	pack_be32(&body, t->scope);
	pack_be64(&body, (uint64_t)t->expires);
	CHECK(body.len == TOKEN_BODY);
	token_mac(key, buffer_text(&body), mac);
	buffer_add_text(out, buffer_text(&body));
	buffer_add(out, mac, TOKEN_MAC);
	buffer_done_secret(&body);
	secret_wipe(mac, sizeof(mac));
}

static bool
has_right_mac(struct text key, struct text bytes)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	bool same;

	token_mac(key, text_part(bytes, 0, TOKEN_BODY), mac);
	same = secret_equal(text_part(bytes, TOKEN_BODY, TOKEN_LENGTH),
	    (struct text){ (const char *)mac, TOKEN_MAC });
	secret_wipe(mac, sizeof(mac));
	return same;
}

/* Where a token of its account is remembered, for this key. Numbers of accounts of
 * one domain are 16 apart (store/directory.h). */
static char *
place_of(struct text key, struct text bytes)
{
	unsigned last = (unsigned)(unsigned char)bytes.ptr[7] << 8 | (unsigned char)bytes.ptr[8];

	if (!secret_equal(key, (struct text){ right.key, TOKEN_KEY })) {
		secret_wipe(&right, sizeof(right));
		memcpy(right.key, key.ptr, TOKEN_KEY);
	}
	return right.token[(last >> 4 ^ last << 4) % RIGHT_MOST];
}

static bool
is_right(struct text key, struct text bytes)
{
	char *place = place_of(key, bytes);

	if (secret_equal(bytes, (struct text){ place, TOKEN_LENGTH }))
		return true;
	if (!has_right_mac(key, bytes))
		return false;
	memcpy(place, bytes.ptr, TOKEN_LENGTH);
	return true;
}

enum status
token_read(struct text bytes, struct token *out)
{
	struct unpack u;
	struct token t;

	if (bytes.len != TOKEN_LENGTH || bytes.ptr[0] != TOKEN_VERSION)
		return STATUS_DENIED;
	u = unpack_of(text_part(bytes, 1, TOKEN_BODY));
	t.account = unpack_be64(&u);
	t.generation = unpack_be32(&u);
	t.scope = unpack_be32(&u);
	t.expires = (int64_t)unpack_be64(&u);
	CHECK(unpack_end(&u));
	*out = t;
	return STATUS_OK;
}

enum status
token_check(struct text key, struct text bytes, int64_t now, struct token *out)
{
	struct token t;

	CHECK(key.len == TOKEN_KEY);
	if (token_read(bytes, &t) != STATUS_OK || !is_right(key, bytes) || t.expires <= now)
		return STATUS_DENIED;
	*out = t;
	return STATUS_OK;
}
