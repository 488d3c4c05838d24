/* SPDX-License-Identifier: ISC */
/* The columns of a hot block that STORE changes; see hot_columns.h. */
#include "store/hot_columns.h"

#include "store/calls.h"
#include "store/column.h"

#define REST_COLUMNS 3u /* sizes, dates, emails */

static void
read_flags(struct unpack *u, struct hot_columns *c)
{
	hot_flags_unpack(u, HOT_VERSION, c->flags, c->count);
	for (uint32_t i = 0; i < c->count; i++)
		c->keywords |= (c->flags[i] & HOT_HAS_KEYWORDS) != 0;
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

enum status
hot_columns_read(struct text value, struct hot_columns *out)
{
	struct unpack u = unpack_of(value);
	const char *rest;
	uint8_t version;
	enum status s;

	out->uids = (struct runs)RUNS_INIT;
	s = hot_uids_unpack(&u, &version, &out->uids);
	if (s == STATUS_OK && version != HOT_VERSION)
		s = STATUS_NOT_FOUND;
	if (s != STATUS_OK) {
		hot_columns_done(out);
		return s;
	}
	out->head = (struct text){ value.ptr, (size_t)(u.in.at - value.ptr) };
	out->count = runs_total(&out->uids);
	out->keywords = false;
	read_flags(&u, out);
	skip_keywords(&u, out);
	hot_modseqs_unpack(&u, version, out->modseq, out->count);
	rest = u.in.at;
	for (unsigned i = 0; i < REST_COLUMNS; i++)
		column_skip(&u, out->count);
	out->rest = (struct text){ rest, (size_t)(u.in.at - rest) };
	if (unpack_end(&u))
		return STATUS_OK;
	hot_columns_done(out);
	return STATUS_CORRUPT;
}

void
hot_columns_done(struct hot_columns *c)
{
	runs_done(&c->uids);
}

void
hot_columns_write(const struct hot_columns *c, struct buffer *out)
{
	uint64_t flags[HOT_SPAN];

	CHECK(out->limit == 0);
	buffer_add_text(out, c->head);
	for (uint32_t i = 0; i < c->count; i++)
		flags[i] = c->flags[i];
	column_pack(out, flags, c->count);
	buffer_add_text(out, c->lists);
	hot_modseqs_pack(out, c->modseq, c->count);
	buffer_add_text(out, c->rest);
}
