/* SPDX-License-Identifier: ISC */
/*
 * Hot blocks. Columns: version, UIDs as runs (counted from the block's start),
 * one flag octet each (bit 5: keywords follow), keyword lists, modseqs above
 * the least, sizes, dates and emails as differences to the one before. About
 * a dozen octets an entry.
 */
#include "store/hot.h"

#include <string.h>

#include "store/calls.h"

#define HOT_VERSION 1

static void
encode_uids(const struct hot *h, struct buffer *out)
{
	struct runs uids = RUNS_INIT;

	for (uint32_t i = 0; i < h->count; i++)
		runs_add(&uids, h->at[i].uid % HOT_SPAN + 1, h->at[i].uid % HOT_SPAN + 1);
	runs_pack(out, &uids);
	runs_done(&uids);
}

static void
encode_flags(const struct hot *h, struct buffer *out)
{
	for (uint32_t i = 0; i < h->count; i++)
		pack_u8(out, (uint8_t)(h->at[i].flags |
				       (h->at[i].keyword_count > 0 ? HOT_HAS_KEYWORDS : 0)));
	for (uint32_t i = 0; i < h->count; i++) {
		if (h->at[i].keyword_count == 0)
			continue;
		pack_u8(out, h->at[i].keyword_count);
		for (uint32_t k = 0; k < h->at[i].keyword_count; k++)
			pack_varint(out, h->at[i].keywords[k]);
	}
}

static void
encode_modseqs(const struct hot *h, struct buffer *out)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t i = 0; i < h->count; i++)
		if (h->at[i].modseq < least)
			least = h->at[i].modseq;
	pack_varint(out, least);
	for (uint32_t i = 0; i < h->count; i++)
		pack_varint(out, h->at[i].modseq - least);
}

void
hot_encode(const struct hot *h, struct buffer *out)
{
	int64_t date = 0;
	uint64_t email = 0;

	CHECK(h->count > 0 && h->count <= HOT_SPAN);
	pack_u8(out, HOT_VERSION);
	encode_uids(h, out);
	encode_flags(h, out);
	encode_modseqs(h, out);
	for (uint32_t i = 0; i < h->count; i++)
		pack_varint(out, h->at[i].size);
	for (uint32_t i = 0; i < h->count; i++) {
		pack_signed(out, (int64_t)((uint64_t)h->at[i].date - (uint64_t)date));
		date = h->at[i].date;
	}
	for (uint32_t i = 0; i < h->count; i++) {
		pack_signed(out, (int64_t)(h->at[i].email - email));
		email = h->at[i].email + 1;
	}
}

enum status
hot_uids_unpack(struct unpack *u, struct runs *out)
{
	if (unpack_u8(u) != HOT_VERSION || !unpack_ok(u))
		return STATUS_CORRUPT;
	if (runs_unpack(u, HOT_SPAN / 2, out) != STATUS_OK || runs_empty(out) ||
	    runs_last(out) > HOT_SPAN) {
		runs_done(out);
		return STATUS_CORRUPT;
	}
	return STATUS_OK;
}

enum status
hot_marks(struct text value, uint32_t block, struct runs *add, bool *unseen, bool *deleted)
{
	struct unpack u = unpack_of(value);
	struct runs uids = RUNS_INIT;
	enum status s = hot_uids_unpack(&u, &uids);

	if (s != STATUS_OK)
		return s;
	if (block == 0 && uids.at[0].first == 1) /* there is no UID 0 */
		s = STATUS_CORRUPT;
	for (uint32_t i = 0; s == STATUS_OK && i < uids.count; i++)
		runs_add(add, block * HOT_SPAN + uids.at[i].first - 1,
		    block * HOT_SPAN + uids.at[i].last - 1);
	for (uint32_t i = runs_total(&uids); i > 0; i--) {
		uint8_t flags = unpack_u8(&u);

		*unseen |= (flags & FLAG_SEEN) == 0;
		*deleted |= (flags & FLAG_DELETED) != 0;
	}
	runs_done(&uids);
	return unpack_ok(&u) ? s : STATUS_CORRUPT;
}

static void
decode_keywords(struct unpack *u, struct arena *a, struct hot_entry *e)
{
	uint8_t count = unpack_u8(u);
	uint16_t *at;

	if (count == 0 || count > KEYWORDS_PER_MESSAGE)
		u->bad = true;
	if (!unpack_ok(u))
		return;
	at = ARENA_ARRAY(a, uint16_t, count);
	for (uint32_t i = 0; i < count; i++) {
		at[i] = (uint16_t)unpack_varint_max(u, KEYWORDS_PER_ACCOUNT - 1);
		if (i > 0 && at[i] <= at[i - 1])
			u->bad = true;
	}
	e->keywords = at;
	e->keyword_count = count;
}

static void
decode_flags(struct unpack *u, struct arena *a, struct hot *h)
{
	for (uint32_t i = 0; i < h->count; i++) {
		h->at[i].flags = unpack_u8(u);
		if (h->at[i].flags & ~(FLAG_ALL | HOT_HAS_KEYWORDS))
			u->bad = true;
	}
	for (uint32_t i = 0; i < h->count; i++) {
		if (h->at[i].flags & HOT_HAS_KEYWORDS)
			decode_keywords(u, a, &h->at[i]);
		h->at[i].flags &= FLAG_ALL;
	}
}

static void
decode_columns(struct unpack *u, struct arena *a, struct hot *h)
{
	uint64_t least, email = 0;
	int64_t date = 0;

	decode_flags(u, a, h);
	least = unpack_varint(u);
	for (uint32_t i = 0; i < h->count; i++)
		h->at[i].modseq = least + unpack_varint(u);
	for (uint32_t i = 0; i < h->count; i++)
		h->at[i].size = unpack_varint(u);
	for (uint32_t i = 0; i < h->count; i++) {
		date = (int64_t)((uint64_t)date + (uint64_t)unpack_signed(u));
		h->at[i].date = date;
	}
	for (uint32_t i = 0; i < h->count; i++) {
		h->at[i].email = email + (uint64_t)unpack_signed(u);
		email = h->at[i].email + 1;
	}
}

enum status
hot_decode(struct text value, struct arena *a, struct hot *out)
{
	struct unpack u = unpack_of(value);
	struct runs uids = RUNS_INIT;
	struct hot h = *out;

	if (hot_uids_unpack(&u, &uids) != STATUS_OK)
		return STATUS_CORRUPT;
	h.count = h.cap = runs_total(&uids);
	h.at = ARENA_ARRAY(a, struct hot_entry, h.count);
	for (uint32_t i = 0, n = 0; i < uids.count; i++)
		for (uint32_t uid = uids.at[i].first; uid <= uids.at[i].last; uid++)
			h.at[n++].uid = h.block * HOT_SPAN + uid - 1;
	runs_done(&uids);
	decode_columns(&u, a, &h);
	if (!unpack_end(&u) || h.at[0].uid == 0)
		return STATUS_CORRUPT;
	*out = h;
	return STATUS_OK;
}

struct hot_entry *
hot_find(struct hot *h, uint32_t uid)
{
	uint32_t low = 0, high = h->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (h->at[mid].uid == uid)
			return &h->at[mid];
		if (h->at[mid].uid < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

struct hot_entry *
hot_find_behind(struct hot *h, struct hot_entry *before, uint32_t uid)
{
	struct hot_entry *next = before == NULL ? h->at : before + 1;

	return next < h->at + h->count && next->uid == uid ? next : hot_find(h, uid);
}

void
hot_append(struct hot *h, struct arena *a, const struct hot_entry *e)
{
	CHECK(hot_block(e->uid) == h->block && h->count < HOT_SPAN);
	CHECK(h->count == 0 || h->at[h->count - 1].uid < e->uid);
	if (h->count == h->cap) {
		uint32_t cap = h->cap + 32 > HOT_SPAN ? HOT_SPAN : h->cap + 32;
		struct hot_entry *at = ARENA_ARRAY(a, struct hot_entry, cap);

		if (h->count > 0)
			memcpy(at, h->at, h->count * sizeof(*at));
		h->at = at;
		h->cap = cap;
	}
	h->at[h->count++] = *e;
	h->dirty = true;
}
