/* SPDX-License-Identifier: ISC */
/* The columns of a hot block that STORE changes; see hot_columns.h. */
#include "store/hot_columns.h"

#include <string.h>

#include "store/calls.h"

#define REST_NUMBERS 3u /* of a message: size, date, email */

/* Whether some octets are so many varints: each ends with one that is below 128. */
static bool
is_varints(struct text t, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < t.len; i++)
		n += (unsigned char)t.ptr[i] < 0x80;
	return n == count && t.len > 0 && (unsigned char)t.ptr[t.len - 1] < 0x80;
}

static void
read_flags(struct unpack *u, struct hot_columns *c)
{
	struct text octets = unpack_bytes(u, c->count);

	if (!unpack_ok(u))
		return;
	memcpy(c->flags, octets.ptr, c->count);
	for (uint32_t i = 0; i < c->count; i++) {
		c->keywords |= (c->flags[i] & HOT_HAS_KEYWORDS) != 0;
		u->bad |= (c->flags[i] & ~(FLAG_ALL | HOT_HAS_KEYWORDS)) != 0;
	}
}

static void
skip_keywords(struct unpack *u, struct hot_columns *c)
{
	const char *from = u->in.at;

	for (uint32_t i = 0; c->keywords && i < c->count; i++) {
		uint8_t n = (c->flags[i] & HOT_HAS_KEYWORDS) != 0 ? unpack_u8(u) : 0;

		for (; n > 0; n--)
			(void)unpack_varint_max(u, KEYWORDS_PER_ACCOUNT - 1);
	}
	c->lists = (struct text){ from, (size_t)(u->in.at - from) };
}

static void
read_modseqs(struct unpack *u, struct hot_columns *c)
{
	uint64_t least = unpack_varint(u);

	for (uint32_t i = 0; i < c->count; i++)
		c->modseq[i] = least + unpack_varint(u);
}

enum status
hot_columns_read(struct text value, struct hot_columns *out)
{
	struct unpack u = unpack_of(value);
	enum status s;

	out->uids = (struct runs)RUNS_INIT;
	s = hot_uids_unpack(&u, &out->uids);
	if (s != STATUS_OK)
		return s;
	out->head = (struct text){ value.ptr, (size_t)(u.in.at - value.ptr) };
	out->count = runs_total(&out->uids);
	out->keywords = false;
	read_flags(&u, out);
	skip_keywords(&u, out);
	read_modseqs(&u, out);
	out->rest = unpack_bytes(&u, cursor_left(&u.in));
	if (unpack_ok(&u) && is_varints(out->rest, (size_t)REST_NUMBERS * out->count))
		return STATUS_OK;
	hot_columns_done(out);
	return STATUS_CORRUPT;
}

void
hot_columns_done(struct hot_columns *c)
{
	runs_done(&c->uids);
}

static void
write_modseqs(const struct hot_columns *c, struct buffer *out)
{
	char *at = buffer_room(out, PACK_VARINT_MAX * (size_t)(c->count + 1)), *to = at;
	uint64_t least = UINT64_MAX;

	for (uint32_t i = 0; i < c->count; i++)
		least = c->modseq[i] < least ? c->modseq[i] : least;
	to = pack_put_varint(to, least);
	for (uint32_t i = 0; i < c->count; i++)
		to = pack_put_varint(to, c->modseq[i] - least);
	buffer_added(out, (size_t)(to - at));
}

void
hot_columns_write(const struct hot_columns *c, struct buffer *out)
{
	CHECK(out->limit == 0);
	buffer_add_text(out, c->head);
	buffer_add(out, c->flags, c->count);
	buffer_add_text(out, c->lists);
	write_modseqs(c, out);
	buffer_add_text(out, c->rest);
}
