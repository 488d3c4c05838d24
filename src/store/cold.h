/* SPDX-License-Identifier: ISC */
/*
 * Cold rows: what is known about a message apart from its mailbox entries, in
 * two rows so that COPY and MOVE do not write the summary again. The email row
 * says where the message stands; the summary row never changes.
 */
#ifndef STORE_COLD_H
#define STORE_COLD_H

#include "base/arena.h"
#include "base/pack.h"
#include "store/reference.h"

#define PLACES_MAX 10000u /* mailbox entries of one message */

struct place {
	uint32_t mailbox, uid;
};

struct email {
	struct blob_id blob;
	uint32_t pieces;
	uint8_t shared; /* the blob is held by reference, so: enum holder_kind; else 0 */
	uint64_t thread;
	struct place *at;
	uint32_t count;
};

void email_pack(struct buffer *out, const struct email *e);
enum status email_unpack(struct text value, struct arena *a, struct email *out) MUST_CHECK;
/* Adds, replaces and removes places; memory from the arena. */
void email_add(struct email *e, struct arena *a, struct place p);
bool email_remove(struct email *e, struct place p);

struct summary_row {
	struct blob_id blob;
	uint32_t pieces;
	uint64_t size; /* raw octets of the content, without the prefix */
	uint64_t thread;
	struct text prefix;
	struct text summary;
};

void summary_row_pack(struct buffer *out, const struct summary_row *s);
enum status summary_row_unpack(struct text value, struct summary_row *out) MUST_CHECK;

/* A view of the octets, which live as long as *id. */
struct text blob_id_text(const struct blob_id *id);
void blob_id_pack(struct buffer *out, struct blob_id id);
struct blob_id blob_id_unpack(struct unpack *u);

#endif
