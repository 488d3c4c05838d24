/* SPDX-License-Identifier: ISC */
/*
 * A message as signing and verifying see it: its header fields, and the
 * hashes of its body that somebody wants. The header is a view, the body
 * passes by in pieces and is canonicalised once per form, however many
 * signatures there are and whatever lengths they name (RFC 6376 3.7).
 *
 * Order of use: init; all who sign or verify say which body hashes they want;
 * body in pieces; end; all go on. Everything is freed with the arena.
 */
#ifndef MAILAUTH_MESSAGE_H
#define MAILAUTH_MESSAGE_H

#include "base/arena.h"
#include "mailauth/canon.h"

#define DIGEST_LENGTH 32	/* SHA-256, the only hash (RFC 8301 3.1) */
#define MESSAGE_FIELDS_MAX 4096 /* further fields do not exist for signatures */
#define MESSAGE_HASHES_MAX 16
#define MESSAGE_WHOLE UINT64_MAX /* length: the whole body */
#define MESSAGE_NO_HASH UINT32_MAX

struct message_field {
	struct text name;
	struct text raw; /* the field as it stands, with its line ends */
};

struct message_hash {
	enum canon canon;
	uint64_t length; /* of the canonical body, or MESSAGE_WHOLE */
	bool known;	 /* false after end: the body is shorter than length */
	bool partial;	 /* the canonical body is longer than length */
	uint8_t digest[DIGEST_LENGTH];
};

struct message_canon;

struct signed_message {
	struct arena *arena;
	struct message_field *fields; /* in the message's order */
	uint32_t count;
	struct message_canon *canon[2]; /* one per enum canon that is wanted */
	struct message_hash hashes[MESSAGE_HASHES_MAX];
	uint32_t hash_count;
	bool ended;
};

/* header: up to the empty line or with it; must outlive m. */
void signed_message_init(struct signed_message *m, struct text header, struct arena *a);
/* The number of this hash, the same for the same wish; MESSAGE_NO_HASH when
 * more than MESSAGE_HASHES_MAX are wanted. */
uint32_t signed_message_want(struct signed_message *m, enum canon canon, uint64_t length);
void signed_message_body(struct signed_message *m, struct text piece);
void signed_message_end(struct signed_message *m);
/* After end. */
const struct message_hash *signed_message_hash(const struct signed_message *m, uint32_t number);

/* SHA-256 over what signed_message_* and canon_field give: the input of every
 * signature of DKIM and ARC. */
struct signature_hash {
	void *md;
	struct canon_sink sink;
};
void signature_hash_init(struct signature_hash *h);
/* As if all that was added to from had been added to h. */
void signature_hash_copy(struct signature_hash *h, struct signature_hash *from);
/* Frees h. */
void signature_hash_end(struct signature_hash *h, uint8_t digest[DIGEST_LENGTH]);
/* Adds the fields that are named, from the last to the first of each name;
 * a name beyond the last one adds nothing (RFC 6376 5.4.2). own: the raw field
 * of the signature itself, which is never among them; or the empty text. */
void signature_hash_fields(struct signature_hash *h, const struct signed_message *m,
    enum canon canon, const struct text *names, uint32_t count, struct text own);

#endif
