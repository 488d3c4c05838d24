/* SPDX-License-Identifier: ISC */
/*
 * Tokens: made by auth, checked by the store at every call. The MAC is over
 * all octets before it, so that nothing in a token can be changed; fields are
 * looked at only after the MAC was found right. HMAC: RFC 2104 2.
 */
#include "auth/token.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/pack.h"
#include "base/random.h"

#define TOKEN_VERSION 1
#define TOKEN_MAC 16
#define TOKEN_BODY (TOKEN_LENGTH - TOKEN_MAC)
#define TOKEN_KEY 32

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

enum status
token_check(struct text key, struct text bytes, int64_t now, struct token *out)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	struct unpack u;
	struct token t;
	bool same;

	if (bytes.len != TOKEN_LENGTH || bytes.ptr[0] != TOKEN_VERSION)
		return STATUS_DENIED;
	token_mac(key, text_part(bytes, 0, TOKEN_BODY), mac);
	same = secret_equal(text_part(bytes, TOKEN_BODY, TOKEN_LENGTH),
	    (struct text){ (const char *)mac, TOKEN_MAC });
	secret_wipe(mac, sizeof(mac));
	if (!same)
		return STATUS_DENIED;
	u = unpack_of(text_part(bytes, 1, TOKEN_BODY));
	t.account = unpack_be64(&u);
	t.generation = unpack_be32(&u);
	t.scope = unpack_be32(&u);
	t.expires = (int64_t)unpack_be64(&u);
	if (!unpack_end(&u) || t.expires <= now)
		return STATUS_DENIED;
	*out = t;
	return STATUS_OK;
}
