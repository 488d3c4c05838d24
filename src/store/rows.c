/* SPDX-License-Identifier: ISC */
/*
 * Rows as they travel in replies: mailboxes of a list, messages of a fetch.
 * Readers sit in the fronts and take nothing on trust.
 */
#include "base/pack.h"
#include "store/calls.h"
#include "store/hot.h"

enum mailbox_bit { MAILBOX_SUBSCRIBED = 1, MAILBOX_EXISTS = 2, MAILBOX_CHILDREN = 4 };

static int
rank(char c)
{
	return c == '/' ? 0 : (unsigned char)c + 1;
}

int
mailbox_order(struct text a, struct text b)
{
	size_t n = a.len < b.len ? a.len : b.len;

	for (size_t i = 0; i < n; i++)
		if (a.ptr[i] != b.ptr[i])
			return rank(a.ptr[i]) - rank(b.ptr[i]);
	return a.len < b.len ? -1 : a.len > b.len;
}

void
store_mailbox_pack(struct buffer *out, const struct store_mailbox *m)
{
	pack_varint(out, m->id);
	pack_text(out, m->name);
	pack_varint(out, m->use);
	pack_u8(out,
	    (uint8_t)((m->subscribed ? MAILBOX_SUBSCRIBED : 0) | (m->exists ? MAILBOX_EXISTS : 0) |
		      (m->children ? MAILBOX_CHILDREN : 0)));
	pack_varint(out, m->uidvalidity);
	pack_varint(out, m->uidnext);
	pack_varint(out, m->highest_modseq);
	pack_varint(out, m->messages);
	pack_varint(out, m->unseen);
	pack_varint(out, m->deleted);
	pack_varint(out, m->recent);
	pack_varint(out, m->octets);
}

void
store_mailbox_unpack(struct unpack *u, struct store_mailbox *out)
{
	struct store_mailbox m = { 0 };
	uint8_t bits;

	m.id = (uint32_t)unpack_varint_max(u, UINT32_MAX);
	m.name = unpack_text(u);
	m.use = (uint32_t)unpack_varint_max(u, USE_COUNT - 1);
	bits = unpack_u8(u);
	m.subscribed = (bits & MAILBOX_SUBSCRIBED) != 0;
	m.exists = (bits & MAILBOX_EXISTS) != 0;
	m.children = (bits & MAILBOX_CHILDREN) != 0;
	m.uidvalidity = (uint32_t)unpack_varint_max(u, UINT32_MAX);
	m.uidnext = (uint32_t)unpack_varint_max(u, UINT32_MAX);
	m.highest_modseq = unpack_varint(u);
	m.messages = unpack_varint(u);
	m.unseen = unpack_varint(u);
	m.deleted = unpack_varint(u);
	m.recent = unpack_varint(u);
	m.octets = unpack_varint(u);
	if (m.name.len > MAILBOX_NAME_MAX)
		u->bad = true;
	if (unpack_ok(u))
		*out = m;
}

/* What every row has. */
struct head {
	uint32_t uid, flags, keyword_count;
	const uint16_t *keywords;
	uint64_t modseq, size, email;
	int64_t date;
};

static inline void
pack_head(struct buffer *out, const struct head *h)
{
	size_t room = PACK_VARINT_MAX * (7 + (size_t)h->keyword_count);
	char *at = buffer_room(out, room), *to = at;

	CHECK(h->keyword_count <= KEYWORDS_PER_MESSAGE);
	if (at == NULL)
		return;
	to = pack_put_varint(to, h->uid);
	to = pack_put_varint(to, h->modseq);
	to = pack_put_varint(to, h->flags);
	to = pack_put_varint(to, h->keyword_count);
	for (uint32_t i = 0; i < h->keyword_count; i++)
		to = pack_put_varint(to, h->keywords[i]);
	to = pack_put_varint(to, h->size);
	to = pack_put_varint(to, pack_zigzag(h->date));
	to = pack_put_varint(to, h->email);
	buffer_added(out, (size_t)(to - at));
}

void
store_row_pack(struct buffer *out, const struct store_row *r, unsigned items)
{
	pack_head(out, &(struct head){ r->uid, r->flags, r->keyword_count, r->keywords, r->modseq,
			   r->size, r->email, r->date });
	if (items & (FETCH_SUMMARY | FETCH_PIECE0 | FETCH_HEADER))
		pack_text(out, r->prefix);
	if (items & FETCH_SUMMARY)
		pack_varint(out, r->thread);
	if (items & (FETCH_SUMMARY | FETCH_SHOWN))
		pack_text(out, r->summary);
	if (items & (FETCH_PIECE0 | FETCH_HEADER))
		pack_text(out, r->piece0);
}

/* Straight from the entry: a mailbox listed whole is little else. */
void
hot_row_pack(struct buffer *out, const struct hot_entry *e)
{
	pack_head(out, &(struct head){ e->uid, e->flags, e->keyword_count, e->keywords, e->modseq,
			   e->size, e->email, e->date });
}

/* The fixed part; out is written as it is read, which only unpack_ok makes
 * good: it is too large to copy for every row. */
void
store_row_unpack(struct unpack *u, unsigned items, struct store_row *out)
{
	out->uid = (uint32_t)unpack_varint_max(u, UINT32_MAX);
	out->modseq = unpack_varint(u);
	out->flags = (uint32_t)unpack_varint_max(u, FLAG_ALL);
	out->keyword_count = (uint32_t)unpack_varint_max(u, KEYWORDS_PER_MESSAGE);
	if (!unpack_ok(u))
		out->keyword_count = 0;
	for (uint32_t i = 0; i < out->keyword_count; i++)
		out->keywords[i] = (uint16_t)unpack_varint_max(u, KEYWORDS_PER_ACCOUNT - 1);
	out->size = unpack_varint(u);
	out->date = unpack_signed(u);
	out->email = unpack_varint(u);
	out->thread = 0;
	out->prefix = out->summary = out->piece0 = TEXT_EMPTY;
	if (items & (FETCH_SUMMARY | FETCH_PIECE0 | FETCH_HEADER))
		out->prefix = unpack_text(u);
	if (items & FETCH_SUMMARY)
		out->thread = unpack_varint(u);
	if (items & (FETCH_SUMMARY | FETCH_SHOWN))
		out->summary = unpack_text(u);
	if (items & (FETCH_PIECE0 | FETCH_HEADER))
		out->piece0 = unpack_text(u);
}

void
store_span_pack(struct buffer *out, const struct store_span *s)
{
	pack_varint(out, s->first);
	pack_varint(out, s->last - s->first);
	pack_varint(out, s->modseq);
	pack_varint(out, s->flags);
	pack_varint(out, s->keyword_count);
	for (uint32_t i = 0; i < s->keyword_count; i++)
		pack_varint(out, s->keywords[i]);
}

void
store_span_unpack(struct unpack *u, struct store_span *out)
{
	uint64_t last;

	out->first = (uint32_t)unpack_varint_max(u, UINT32_MAX);
	last = out->first + unpack_varint_max(u, UINT32_MAX);
	if (out->first == 0 || last > UINT32_MAX)
		u->bad = true;
	out->last = (uint32_t)last;
	out->modseq = unpack_varint(u);
	out->flags = (uint32_t)unpack_varint_max(u, FLAG_ALL);
	out->keyword_count = (uint32_t)unpack_varint_max(u, KEYWORDS_PER_MESSAGE);
	for (uint32_t i = 0; unpack_ok(u) && i < out->keyword_count; i++)
		out->keywords[i] = (uint16_t)unpack_varint_max(u, KEYWORDS_PER_ACCOUNT - 1);
}

void
store_question_pack(struct buffer *out, const struct store_question *q)
{
	pack_u8(out, (uint8_t)(q->what << 1 | (q->negate ? 1 : 0)));
	pack_signed(out, q->low);
	pack_signed(out, q->high);
}

void
store_question_unpack(struct unpack *u, struct store_question *out)
{
	uint8_t head = unpack_u8(u);

	if (head >> 1 > MATCH_SIZE)
		u->bad = true;
	out->what = (enum match_what)(head >> 1);
	out->negate = (head & 1) != 0;
	out->low = unpack_signed(u);
	out->high = unpack_signed(u);
}
