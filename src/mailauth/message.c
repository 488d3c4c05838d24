/* SPDX-License-Identifier: ISC */
/* Fields and body hashes of a message: see mailauth/message.h. */
#include "mailauth/message.h"

#include <openssl/evp.h>
#include <string.h>

#include "mime/decode.h"

/* One canonical form of the body on its way into SHA-256. A hash of a shorter
 * length is a copy of the state at that octet. */
struct message_canon {
	struct signed_message *message;
	enum canon canon;
	struct canon_sink sink;
	struct canon_body body;
	EVP_MD_CTX *md;
	uint64_t octets;
};

static EVP_MD_CTX *
sha256_new(void)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	CHECK(md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1);
	return md;
}

void
signed_message_init(struct signed_message *m, struct text header, struct arena *a)
{
	struct cursor c = cursor_of(header);
	struct message_field f;
	uint32_t cap = 0;

	*m = (struct signed_message){ .arena = a };
	while (m->count < MESSAGE_FIELDS_MAX && mime_header_next(&c, &f.name, &f.raw)) {
		if (m->count == cap) {
			struct message_field *more;

			cap = cap == 0 ? 32 : cap * 2;
			more = ARENA_ARRAY(a, struct message_field, cap);
			if (m->count > 0)
				memcpy(more, m->fields, m->count * sizeof(*more));
			m->fields = more;
		}
		m->fields[m->count++] = f;
	}
}

/* ---- the body ---- */

static void
copy_digest(const EVP_MD_CTX *md, const char *octets, size_t n, uint8_t digest[DIGEST_LENGTH])
{
	EVP_MD_CTX *copy = EVP_MD_CTX_new();

	CHECK(copy != NULL && EVP_MD_CTX_copy_ex(copy, md) == 1);
	CHECK(EVP_DigestUpdate(copy, octets, n) == 1);
	CHECK(EVP_DigestFinal_ex(copy, digest, NULL) == 1);
	EVP_MD_CTX_free(copy);
}

static void
take_body(void *arg, const char *octets, size_t n)
{
	struct message_canon *c = arg;

	for (uint32_t i = 0; i < c->message->hash_count; i++) {
		struct message_hash *h = &c->message->hashes[i];

		if (h->canon != c->canon || h->length == MESSAGE_WHOLE || h->length > c->octets + n)
			continue;
		if (!h->known)
			copy_digest(c->md, octets, (size_t)(h->length - c->octets), h->digest);
		h->known = true;
		h->partial = h->length < c->octets + n;
	}
	CHECK(EVP_DigestUpdate(c->md, octets, n) == 1);
	c->octets += n;
}

static void
canon_free(void *arg)
{
	struct message_canon *c = arg;

	EVP_MD_CTX_free(c->md);
}

uint32_t
signed_message_want(struct signed_message *m, enum canon canon, uint64_t length)
{
	struct message_canon *c = m->canon[canon];

	CHECK(!m->ended);
	for (uint32_t i = 0; i < m->hash_count; i++)
		if (m->hashes[i].canon == canon && m->hashes[i].length == length)
			return i;
	if (m->hash_count == MESSAGE_HASHES_MAX)
		return MESSAGE_NO_HASH;
	if (c == NULL) {
		c = m->canon[canon] = ARENA_NEW(m->arena, struct message_canon);
		c->message = m;
		c->canon = canon;
		c->md = sha256_new();
		canon_sink_init(&c->sink, take_body, c);
		canon_body_init(&c->body, canon, &c->sink);
		arena_on_done(m->arena, canon_free, c);
	}
	m->hashes[m->hash_count] = (struct message_hash){ .canon = canon, .length = length };
	return m->hash_count++;
}

void
signed_message_body(struct signed_message *m, struct text piece)
{
	for (unsigned i = 0; i < ARRAY_LEN(m->canon); i++)
		if (m->canon[i] != NULL)
			canon_body_feed(&m->canon[i]->body, piece);
}

void
signed_message_end(struct signed_message *m)
{
	CHECK(!m->ended);
	m->ended = true;
	for (unsigned i = 0; i < ARRAY_LEN(m->canon); i++)
		if (m->canon[i] != NULL)
			canon_body_end(&m->canon[i]->body);
	for (uint32_t i = 0; i < m->hash_count; i++) {
		struct message_hash *h = &m->hashes[i];

		if (!h->known && (h->length == MESSAGE_WHOLE || h->length == 0)) {
			/* Length 0 of a body that is empty is its whole, too. */
			copy_digest(m->canon[h->canon]->md, "", 0, h->digest);
			h->known = true;
		}
	}
}

const struct message_hash *
signed_message_hash(const struct signed_message *m, uint32_t number)
{
	CHECK(m->ended && number < m->hash_count);
	return &m->hashes[number];
}

/* ---- the input of a signature ---- */

static void
take_header(void *arg, const char *octets, size_t n)
{
	CHECK(EVP_DigestUpdate(arg, octets, n) == 1);
}

void
signature_hash_init(struct signature_hash *h)
{
	h->md = sha256_new();
	canon_sink_init(&h->sink, take_header, h->md);
}

void
signature_hash_copy(struct signature_hash *h, struct signature_hash *from)
{
	signature_hash_init(h);
	canon_sink_flush(&from->sink);
	CHECK(EVP_MD_CTX_copy_ex(h->md, from->md) == 1);
}

void
signature_hash_end(struct signature_hash *h, uint8_t digest[DIGEST_LENGTH])
{
	canon_sink_flush(&h->sink);
	CHECK(EVP_DigestFinal_ex(h->md, digest, NULL) == 1);
	EVP_MD_CTX_free(h->md);
	h->md = NULL;
}

void
signature_hash_fields(struct signature_hash *h, const struct signed_message *m, enum canon canon,
    const struct text *names, uint32_t count, struct text own)
{
	struct arena a = ARENA_INIT;
	bool *used = ARENA_ARRAY(&a, bool, (size_t)m->count + 1);

	for (uint32_t n = 0; n < count; n++)
		for (uint32_t i = m->count; i-- > 0;) {
			if (used[i] || m->fields[i].raw.ptr == own.ptr ||
			    !text_equal_ci(m->fields[i].name, names[n]))
				continue;
			used[i] = true;
			canon_field(&h->sink, canon, m->fields[i].raw, TEXT_EMPTY, true);
			break;
		}
	arena_done(&a);
}
