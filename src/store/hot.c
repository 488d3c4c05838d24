/* SPDX-License-Identifier: ISC */
/*
 * Hot blocks: version, UIDs as runs (counted from the block's start), then
 * columns (store/column.h): flags (bit 5: keywords follow), keyword lists,
 * modseqs above the least, sizes, dates and emails as differences to the one
 * before. About half a dozen octets an entry. Blocks of version 1 have the
 * numbers one by one; they are read, and become the other with the next change.
 */
#include "store/hot.h"

#include <string.h>

#include "store/calls.h"
#include "store/column.h"

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
	uint64_t v[HOT_SPAN];

	for (uint32_t i = 0; i < h->count; i++)
		v[i] = h->at[i].flags | (h->at[i].keyword_count > 0 ? HOT_HAS_KEYWORDS : 0);
	column_pack(out, v, h->count);
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
	uint64_t v[HOT_SPAN];

	for (uint32_t i = 0; i < h->count; i++)
		v[i] = h->at[i].modseq;
	hot_modseqs_pack(out, v, h->count);
}

void
hot_modseqs_pack(struct buffer *out, const uint64_t *at, uint32_t count)
{
	uint64_t v[HOT_SPAN], least = UINT64_MAX;

	for (uint32_t i = 0; i < count; i++)
		least = at[i] < least ? at[i] : least;
	for (uint32_t i = 0; i < count; i++)
		v[i] = at[i] - least;
	pack_varint(out, least);
	column_pack(out, v, count);
}

static void
encode_rest(const struct hot *h, struct buffer *out)
{
	uint64_t size[HOT_SPAN], date[HOT_SPAN], email[HOT_SPAN];
	uint64_t last_date = 0, next_email = 0;

	for (uint32_t i = 0; i < h->count; i++) {
		const struct hot_entry *e = &h->at[i];

		size[i] = e->size;
		date[i] = pack_zigzag((int64_t)((uint64_t)e->date - last_date));
		email[i] = pack_zigzag((int64_t)(e->email - next_email));
		last_date = (uint64_t)e->date;
		next_email = e->email + 1;
	}
	column_pack(out, size, h->count);
	column_pack(out, date, h->count);
	column_pack(out, email, h->count);
}

void
hot_encode(const struct hot *h, struct buffer *out)
{
	CHECK(h->count > 0 && h->count <= HOT_SPAN);
	pack_u8(out, HOT_VERSION);
	encode_uids(h, out);
	encode_flags(h, out);
	encode_modseqs(h, out);
	encode_rest(h, out);
}

enum status
hot_uids_unpack(struct unpack *u, uint8_t *version, struct runs *out)
{
	*version = unpack_u8(u);
	if (!unpack_ok(u) || *version < 1 || *version > HOT_VERSION)
		return STATUS_CORRUPT;
	if (runs_unpack(u, HOT_SPAN / 2, out) != STATUS_OK || runs_empty(out) ||
	    runs_last(out) > HOT_SPAN) {
		runs_done(out);
		return STATUS_CORRUPT;
	}
	return STATUS_OK;
}

void
hot_flags_unpack(struct unpack *u, uint8_t version, uint8_t *at, uint32_t count)
{
	uint64_t v[HOT_SPAN];

	if (version == 1)
		for (uint32_t i = 0; i < count; i++)
			v[i] = unpack_u8(u);
	else
		column_unpack(u, v, count);
	for (uint32_t i = 0; i < count; i++) {
		u->bad |= (v[i] & ~(uint64_t)(FLAG_ALL | HOT_HAS_KEYWORDS)) != 0;
		at[i] = (uint8_t)v[i];
	}
}

enum status
hot_marks(struct text value, uint32_t block, struct runs *add, bool *unseen, bool *deleted)
{
	struct unpack u = unpack_of(value);
	struct runs uids = RUNS_INIT;
	uint8_t version, flags[HOT_SPAN];
	enum status s = hot_uids_unpack(&u, &version, &uids);
	uint32_t count;

	if (s != STATUS_OK)
		return s;
	if (block == 0 && uids.at[0].first == 1) /* there is no UID 0 */
		s = STATUS_CORRUPT;
	for (uint32_t i = 0; s == STATUS_OK && i < uids.count; i++)
		runs_add(add, block * HOT_SPAN + uids.at[i].first - 1,
		    block * HOT_SPAN + uids.at[i].last - 1);
	count = runs_total(&uids);
	hot_flags_unpack(&u, version, flags, count);
	for (uint32_t i = 0; i < count; i++) {
		*unseen |= (flags[i] & FLAG_SEEN) == 0;
		*deleted |= (flags[i] & FLAG_DELETED) != 0;
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
decode_flags(struct unpack *u, uint8_t version, struct arena *a, struct hot *h)
{
	uint8_t flags[HOT_SPAN];

	hot_flags_unpack(u, version, flags, h->count);
	for (uint32_t i = 0; i < h->count; i++) {
		if (flags[i] & HOT_HAS_KEYWORDS)
			decode_keywords(u, a, &h->at[i]);
		h->at[i].flags = flags[i] & FLAG_ALL;
	}
}

/* Of version 1 the numbers stand there one by one. */
static void
take_column(struct unpack *u, uint8_t version, uint64_t *at, uint32_t count)
{
	if (version > 1)
		column_unpack(u, at, count);
	for (uint32_t i = 0; version == 1 && i < count; i++)
		at[i] = unpack_varint(u);
}

void
hot_modseqs_unpack(struct unpack *u, uint8_t version, uint64_t *at, uint32_t count)
{
	uint64_t least = unpack_varint(u);

	take_column(u, version, at, count);
	for (uint32_t i = 0; i < count; i++)
		at[i] += least;
}

static uint64_t
from_zigzag(uint64_t v)
{
	return (v >> 1) ^ (0 - (v & 1));
}

static void
decode_columns(struct unpack *u, uint8_t version, struct arena *a, struct hot *h)
{
	uint64_t v[HOT_SPAN], date = 0, email = 0;

	decode_flags(u, version, a, h);
	hot_modseqs_unpack(u, version, v, h->count);
	for (uint32_t i = 0; i < h->count; i++)
		h->at[i].modseq = v[i];
	take_column(u, version, v, h->count);
	for (uint32_t i = 0; i < h->count; i++)
		h->at[i].size = v[i];
	take_column(u, version, v, h->count);
	for (uint32_t i = 0; i < h->count; i++) {
		date += from_zigzag(v[i]);
		h->at[i].date = (int64_t)date;
	}
	take_column(u, version, v, h->count);
	for (uint32_t i = 0; i < h->count; i++) {
		h->at[i].email = email + from_zigzag(v[i]);
		email = h->at[i].email + 1;
	}
}

enum status
hot_decode(struct text value, struct arena *a, struct hot *out)
{
	struct unpack u = unpack_of(value);
	struct runs uids = RUNS_INIT;
	struct hot h = *out;
	uint8_t version;

	if (hot_uids_unpack(&u, &version, &uids) != STATUS_OK)
		return STATUS_CORRUPT;
	h.count = h.cap = runs_total(&uids);
	h.at = ARENA_ARRAY(a, struct hot_entry, h.count);
	for (uint32_t i = 0, n = 0; i < uids.count; i++)
		for (uint32_t uid = uids.at[i].first; uid <= uids.at[i].last; uid++)
			h.at[n++].uid = h.block * HOT_SPAN + uid - 1;
	runs_done(&uids);
	decode_columns(&u, version, a, &h);
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
