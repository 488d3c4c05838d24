/* SPDX-License-Identifier: ISC */
/* Cold rows to and from bytes; see store/cold.h. */
#include "store/cold.h"

#include <string.h>

#define COLD_VERSION 1
#define SHARED 1
#define SENT 2

struct text
blob_id_text(const struct blob_id *id)
{
	return (struct text){ (const char *)id->byte, sizeof(id->byte) };
}

void
blob_id_pack(struct buffer *out, struct blob_id id)
{
	buffer_add(out, id.byte, sizeof(id.byte));
}

struct blob_id
blob_id_unpack(struct unpack *u)
{
	struct text t = unpack_bytes(u, sizeof(struct blob_id));
	struct blob_id id = { { 0 } };

	if (unpack_ok(u))
		memcpy(id.byte, t.ptr, sizeof(id.byte));
	return id;
}

void
email_pack(struct buffer *out, const struct email *e)
{
	pack_u8(out, COLD_VERSION);
	blob_id_pack(out, e->blob);
	pack_varint(out, e->pieces);
	pack_u8(out, e->shared == 0 ? 0 : e->shared == HOLDER_SENT ? SHARED | SENT : SHARED);
	pack_varint(out, e->thread);
	pack_varint(out, e->count);
	for (uint32_t i = 0; i < e->count; i++) {
		pack_varint(out, e->at[i].mailbox);
		pack_varint(out, e->at[i].uid);
	}
}

enum status
email_unpack(struct text value, struct arena *a, struct email *out)
{
	struct unpack u = unpack_of(value);
	struct email e;
	uint8_t bits;

	if (unpack_u8(&u) != COLD_VERSION)
		return STATUS_CORRUPT;
	e.blob = blob_id_unpack(&u);
	e.pieces = (uint32_t)unpack_varint_max(&u, UINT16_MAX);
	bits = unpack_u8(&u);
	e.shared = 0;
	if (bits & SHARED)
		e.shared = bits & SENT ? HOLDER_SENT : HOLDER_ACCOUNT;
	e.thread = unpack_varint(&u);
	e.count = (uint32_t)unpack_varint_max(&u, PLACES_MAX);
	if (!unpack_ok(&u) || e.count > cursor_left(&u.in) / 2 || e.pieces == 0)
		return STATUS_CORRUPT;
	e.at = ARENA_ARRAY(a, struct place, e.count);
	for (uint32_t i = 0; i < e.count; i++) {
		e.at[i].mailbox = (uint32_t)unpack_varint_max(&u, UINT32_MAX);
		e.at[i].uid = (uint32_t)unpack_varint_max(&u, UINT32_MAX);
	}
	if (!unpack_end(&u))
		return STATUS_CORRUPT;
	*out = e;
	return STATUS_OK;
}

void
email_add(struct email *e, struct arena *a, struct place p)
{
	struct place *at = ARENA_ARRAY(a, struct place, e->count + 1);

	if (e->count > 0)
		memcpy(at, e->at, e->count * sizeof(*at));
	at[e->count++] = p;
	e->at = at;
}

bool
email_remove(struct email *e, struct place p)
{
	for (uint32_t i = 0; i < e->count; i++) {
		if (e->at[i].mailbox != p.mailbox || e->at[i].uid != p.uid)
			continue;
		e->at[i] = e->at[--e->count];
		return true;
	}
	return false;
}

void
summary_row_pack(struct buffer *out, const struct summary_row *s)
{
	pack_u8(out, COLD_VERSION);
	blob_id_pack(out, s->blob);
	pack_varint(out, s->pieces);
	pack_varint(out, s->size);
	pack_varint(out, s->thread);
	pack_text(out, s->prefix);
	pack_text(out, s->summary);
}

enum status
summary_row_unpack(struct text value, struct summary_row *out)
{
	struct unpack u = unpack_of(value);
	struct summary_row s;

	if (unpack_u8(&u) != COLD_VERSION)
		return STATUS_CORRUPT;
	s.blob = blob_id_unpack(&u);
	s.pieces = (uint32_t)unpack_varint_max(&u, UINT16_MAX);
	s.size = unpack_varint(&u);
	s.thread = unpack_varint(&u);
	s.prefix = unpack_text(&u);
	s.summary = unpack_text(&u);
	if (!unpack_end(&u) || s.pieces == 0)
		return STATUS_CORRUPT;
	*out = s;
	return STATUS_OK;
}
