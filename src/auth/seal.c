/* SPDX-License-Identifier: ISC */
/*
 * AES-256-GCM sealing. Nonces are random: one seal per password change or DKIM
 * key is far below the birthday bound of 96 bits
 * (NIST SP 800-38D 8.2.2).
 */
#include "auth/seal.h"

#include <openssl/evp.h>

#include "base/random.h"

#define SEAL_VERSION 1
#define NONCE_LENGTH 12
#define TAG_LENGTH 16
#define SEALED_MAX 8192

#define VERIFIER TEXT("mailstead verifier")

static EVP_CIPHER_CTX *
cipher_start(struct text key, struct text purpose, const uint8_t *nonce, int encrypt)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;

	CHECK(key.len == 32 && c != NULL);
	CHECK(EVP_CipherInit_ex(
	    c, EVP_aes_256_gcm(), NULL, (const uint8_t *)key.ptr, nonce, encrypt));
	CHECK(EVP_CipherUpdate(c, NULL, &n, (const uint8_t *)purpose.ptr, (int)purpose.len));
	return c;
}

void
seal_close_for(struct text key, struct text purpose, struct text plain, struct buffer *out)
{
	uint8_t nonce[NONCE_LENGTH], tag[TAG_LENGTH];
	EVP_CIPHER_CTX *c;
	char *room;
	int n, last;

	CHECK(plain.len < SEALED_MAX);
	random_bytes(nonce, sizeof(nonce));
	c = cipher_start(key, purpose, nonce, 1);
	buffer_add_byte(out, SEAL_VERSION);
	buffer_add(out, nonce, sizeof(nonce));
	room = buffer_room(out, plain.len + TAG_LENGTH);
	CHECK(room != NULL);
	CHECK(EVP_CipherUpdate(c, (uint8_t *)room, &n, (const uint8_t *)plain.ptr, (int)plain.len));
	CHECK(EVP_CipherFinal_ex(c, (uint8_t *)room + n, &last));
	CHECK(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_LENGTH, tag));
	buffer_added(out, (size_t)(n + last));
	buffer_add(out, tag, sizeof(tag));
	EVP_CIPHER_CTX_free(c);
}

enum status
seal_open_for(struct text key, struct text purpose, struct text sealed, struct buffer *out)
{
	size_t overhead = 1 + NONCE_LENGTH + TAG_LENGTH, len;
	const uint8_t *at = (const uint8_t *)sealed.ptr;
	uint8_t tag[TAG_LENGTH];
	EVP_CIPHER_CTX *c;
	char *room;
	int n = 0, last = 0, ok;

	if (sealed.len < overhead || sealed.len > SEALED_MAX || at[0] != SEAL_VERSION)
		return STATUS_CORRUPT;
	len = sealed.len - overhead;
	for (int i = 0; i < TAG_LENGTH; i++)
		tag[i] = at[1 + NONCE_LENGTH + len + (size_t)i];
	room = buffer_room(out, len + TAG_LENGTH);
	if (room == NULL)
		return STATUS_LIMIT;
	c = cipher_start(key, purpose, at + 1, 0);
	ok = EVP_CipherUpdate(c, (uint8_t *)room, &n, at + 1 + NONCE_LENGTH, (int)len) &&
	     EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_LENGTH, tag) &&
	     EVP_CipherFinal_ex(c, (uint8_t *)room + n, &last) > 0;
	EVP_CIPHER_CTX_free(c);
	if (!ok) {
		secret_wipe(room, len);
		return STATUS_CORRUPT;
	}
	buffer_added(out, (size_t)(n + last));
	return STATUS_OK;
}

void
seal_close(struct text key, struct text plain, struct buffer *out)
{
	seal_close_for(key, VERIFIER, plain, out);
}

enum status
seal_open(struct text key, struct text sealed, struct buffer *out)
{
	return seal_open_for(key, VERIFIER, sealed, out);
}
