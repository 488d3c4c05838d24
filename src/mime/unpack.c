/* SPDX-License-Identifier: ISC */
/*
 * The reader of a stored summary (mime/pack.c has the form). Nothing is
 * believed: counts are compared with the bytes that are left before memory is
 * taken, positions with the size of the message and of the part around, and
 * what the parser promises of a tree (see mime/parse.c) is checked, so that
 * whoever walks an unpacked summary may rely on it. Texts are views.
 */
#include <string.h>

#include "mime/dictionary.h"
#include "mime/packed.h"
#include "mime/params.h"
#include "mime/parse.h"

/* Far beyond every limit of the parser; keeps sums from overflowing. */
#define SIZE_WALL (UINT64_C(1) << 48)

static struct text
unpack_word(struct unpack *u)
{
	uint64_t head = unpack_varint(u);
	struct text word = TEXT_EMPTY;

	if ((head & 1) == 0)
		return unpack_bytes(u, head >> 1);
	if (!dictionary_word(head >> 1, &word))
		u->bad = true;
	return word;
}

static struct text
unpack_within(struct unpack *u, struct text whole)
{
	uint64_t at = unpack_varint_max(u, whole.len);
	uint64_t len;

	if (at == 0)
		return unpack_text(u);
	len = unpack_varint_max(u, whole.len - (at - 1));
	return text_part(whole, at - 1, at - 1 + len);
}

/* A count of things that take at least one byte each. */
static uint32_t
unpack_count(struct unpack *u)
{
	return (uint32_t)unpack_varint_max(u, cursor_left(&u->in) & UINT32_MAX);
}

static void
unpack_address(struct unpack *u, struct mime_address *out)
{
	uint8_t flags = unpack_u8(u);

	if ((flags & PACKED_NAME) != 0)
		out->name = unpack_text(u);
	if ((flags & PACKED_ADL) != 0)
		out->adl = unpack_text(u);
	if ((flags & PACKED_MAILBOX) != 0)
		out->mailbox = unpack_text(u);
	if ((flags & PACKED_HOST) != 0)
		out->host = unpack_text(u);
	out->group_start = (flags & PACKED_GROUP_START) != 0;
	out->group_end = (flags & PACKED_GROUP_END) != 0;
}

static void
unpack_addresses(struct unpack *u, struct arena *a, struct mime_addresses *out)
{
	uint64_t head = unpack_varint_max(u, (uint64_t)cursor_left(&u->in) << 1 | 1);

	out->cut = (head & 1) != 0;
	out->count = (uint32_t)(head >> 1);
	if (out->count == 0)
		return;
	out->at = ARENA_ARRAY(a, struct mime_address, out->count);
	for (uint32_t i = 0; i < out->count; i++)
		unpack_address(u, &out->at[i]);
}

static void
unpack_envelope(struct unpack *u, struct arena *a, struct mime_envelope *out)
{
	uint8_t flags = unpack_u8(u);

	out->has_date = (flags & PACKED_DATE) != 0;
	out->has_subject = (flags & PACKED_SUBJECT) != 0;
	out->has_in_reply_to = (flags & PACKED_IN_REPLY_TO) != 0;
	out->has_message_id = (flags & PACKED_MESSAGE_ID) != 0;
	if (!out->has_message_id && out->message_id.len > 0)
		u->bad = true;
	if (out->has_date)
		out->date = unpack_text(u);
	if (out->has_subject)
		out->subject = unpack_text(u);
	if (out->has_in_reply_to)
		out->in_reply_to = unpack_text(u);
	unpack_addresses(u, a, &out->from);
	unpack_addresses(u, a, &out->sender);
	unpack_addresses(u, a, &out->reply_to);
	unpack_addresses(u, a, &out->to);
	unpack_addresses(u, a, &out->cc);
	unpack_addresses(u, a, &out->bcc);
}

static void
unpack_params(struct unpack *u, struct arena *a, struct mime_params *out)
{
	out->count = unpack_count(u);
	if (out->count == 0)
		return;
	out->at = ARENA_ARRAY(a, struct mime_param, out->count);
	for (uint32_t i = 0; i < out->count; i++) {
		out->at[i].name = unpack_word(u);
		out->at[i].value = unpack_word(u);
	}
}

static void
unpack_fields(struct unpack *u, struct arena *a, struct mime_summary *s)
{
	uint64_t last_end = 0, limit = s->header_len < UINT32_MAX ? s->header_len : UINT32_MAX;

	s->field_count = unpack_count(u);
	if (s->field_count == 0)
		return;
	s->fields = ARENA_ARRAY(a, struct mime_field, s->field_count);
	for (uint32_t i = 0; i < s->field_count; i++) {
		struct mime_field *f = &s->fields[i];
		uint64_t head, gap = 0, blanks = 0, at, value;

		f->name = unpack_word(u);
		head = unpack_varint_max(u, limit << 1 | 1);
		if ((head & 1) != 0) {
			gap = unpack_varint_max(u, limit);
			blanks = unpack_varint_max(u, limit);
		}
		at = last_end + gap;
		value = at + f->name.len + 1 + blanks;
		last_end = value + (head >> 1);
		if (last_end > limit) {
			u->bad = true;
			return;
		}
		f->at = (uint32_t)at;
		f->value = (uint32_t)value;
		f->end = (uint32_t)last_end;
	}
}

static void
unpack_optional(struct unpack *u, struct arena *a, uint64_t flags, struct mime_part *part)
{
	if ((flags & PACKED_PARAMS) != 0)
		unpack_params(u, a, &part->params);
	if ((flags & PACKED_DISPOSITION) != 0) {
		part->disposition = unpack_word(u);
		if (part->disposition.len == 0)
			u->bad = true;
		unpack_params(u, a, &part->disposition_params);
	}
	if ((flags & PACKED_ID) != 0)
		part->id = unpack_text(u);
	part->encoding_name = (flags & PACKED_ENCODING_NAME) != 0
				  ? unpack_word(u)
				  : mime_encoding_name(part->encoding);
	if ((flags & PACKED_DESCRIPTION) != 0)
		part->description = unpack_text(u);
	if ((flags & PACKED_MD5) != 0)
		part->md5 = unpack_text(u);
	if ((flags & PACKED_LANGUAGE) != 0)
		part->language = unpack_text(u);
	if ((flags & PACKED_LOCATION) != 0)
		part->location = unpack_text(u);
	if ((flags & PACKED_ENVELOPE) != 0) {
		part->envelope = ARENA_NEW(a, struct mime_envelope);
		part->envelope->message_id = unpack_text(u);
		unpack_envelope(u, a, part->envelope);
	}
}

/* What the parser promises of one part. */
static bool
part_good(const struct mime_part *part)
{
	bool multipart = text_equal(part->type, TEXT("multipart"));

	if (part->type.len == 0 || part->subtype.len == 0)
		return false;
	if (part->envelope != NULL)
		return !multipart && part->child != NULL && part->child->next == NULL;
	return multipart == (part->child != NULL);
}

/* Siblings between at and end, into *part and what hangs on it. */
static void
unpack_parts(struct unpack *u, struct arena *a, uint32_t depth, uint64_t at, uint64_t end,
    struct mime_part *part)
{
	for (;;) {
		uint64_t head = unpack_varint_max(u, (uint64_t)PACKED_PART_FLAGS << 3 | 7);
		uint64_t flags = head >> 3;

		if ((head & 7) > MIME_UNKNOWN_ENCODING || depth > MIME_DEPTH_WALL)
			u->bad = true;
		if (u->bad)
			return;
		part->encoding = (enum mime_encoding)(head & 7);
		part->type = unpack_word(u);
		part->subtype = unpack_word(u);
		part->header_at = at + unpack_varint_max(u, end - at);
		part->body_at = part->header_at + unpack_varint_max(u, end - part->header_at);
		part->body_len = unpack_varint_max(u, end - part->body_at);
		part->lines = unpack_varint_max(u, part->body_len);
		unpack_optional(u, a, flags, part);
		at = part->body_at + part->body_len;
		if ((flags & PACKED_CHILD) != 0 && !u->bad) {
			part->child = ARENA_NEW(a, struct mime_part);
			unpack_parts(u, a, depth + 1, part->body_at, at, part->child);
		}
		if (u->bad || !part_good(part)) {
			u->bad = true;
			return;
		}
		if ((flags & PACKED_NEXT) == 0)
			return;
		part->next = ARENA_NEW(a, struct mime_part);
		part = part->next;
	}
}

/* What stands in front of the envelope; the reader goes on behind it. */
static void
unpack_front(struct unpack *u, struct mime_summary *s)
{
	s->facts = (uint32_t)unpack_varint_max(u, UINT32_MAX);
	s->size = unpack_varint_max(u, SIZE_WALL);
	s->header_len = unpack_varint_max(u, s->size);
	s->sent_at = unpack_signed(u);
	s->sent_zone = (int16_t)unpack_signed(u);
	s->envelope.message_id = unpack_text(u);
	s->message_id = unpack_within(u, s->envelope.message_id);
}

static void
unpack_root(struct unpack *u, struct arena *a, struct mime_summary *s)
{
	unpack_parts(u, a, 0, 0, s->size, &s->root);
	if (s->root.next != NULL || s->root.header_at != 0 || s->root.body_at != s->header_len)
		u->bad = true;
}

/* What a mailbox is listed by needs none of this. */
static void
unpack_rest(struct unpack *u, struct arena *a, struct mime_summary *s)
{
	s->subject = unpack_within(u, s->envelope.subject);
	s->base_subject = unpack_within(u, s->subject);
	s->preview = unpack_text(u);
	s->reference_count = (uint32_t)unpack_varint_max(u, MIME_REFERENCES_MAX);
	if (s->reference_count > 0)
		s->references = ARENA_ARRAY(a, struct text, s->reference_count);
	for (uint32_t i = 0; i < s->reference_count; i++)
		s->references[i] = unpack_within(u, s->envelope.in_reply_to);
	unpack_fields(u, a, s);
}

/* A packed summary in hand: what is shown, and what follows behind it. */
struct packed {
	struct unpack shown, rest;
	bool old;
};

static struct packed
packed_of(struct text bytes)
{
	struct packed p = { .rest = unpack_of(bytes) };
	uint8_t version = unpack_u8(&p.rest);

	p.old = version == PACKED_OLD;
	p.shown = p.old ? p.rest : unpack_of(unpack_text(&p.rest));
	p.shown.bad = p.rest.bad || (!p.old && version != PACKED_VERSION);
	return p;
}

enum status
mime_summary_unpack(struct text bytes, struct arena *a, struct mime_summary *out)
{
	struct packed p = packed_of(bytes);
	struct mime_summary s = { 0 };

	unpack_front(&p.shown, &s);
	unpack_envelope(&p.shown, a, &s.envelope);
	if (p.old) {
		unpack_rest(&p.shown, a, &s);
		unpack_root(&p.shown, a, &s);
	} else {
		unpack_root(&p.shown, a, &s);
		unpack_rest(&p.rest, a, &s);
	}
	if (!unpack_end(&p.shown) || (!p.old && !unpack_end(&p.rest)))
		return STATUS_CORRUPT;
	*out = s;
	return STATUS_OK;
}

enum status
mime_summary_unpack_shown(struct text bytes, struct arena *a, struct mime_summary *out)
{
	struct packed p = packed_of(bytes);
	struct mime_summary s = { 0 };

	if (p.old)
		return mime_summary_unpack(bytes, a, out);
	unpack_front(&p.shown, &s);
	unpack_envelope(&p.shown, a, &s.envelope);
	unpack_root(&p.shown, a, &s);
	if (!unpack_end(&p.shown))
		return STATUS_CORRUPT;
	*out = s;
	return STATUS_OK;
}

struct text
mime_summary_shown(struct text bytes)
{
	struct packed p = packed_of(bytes);

	if (p.old || !unpack_ok(&p.shown))
		return bytes;
	return text_part(bytes, 0, bytes.len - cursor_left(&p.rest.in));
}

enum status
mime_summary_unpack_envelope(struct text bytes, struct arena *a, struct mime_summary *out)
{
	struct packed p = packed_of(bytes);
	struct mime_summary s = { 0 };

	unpack_front(&p.shown, &s);
	unpack_envelope(&p.shown, a, &s.envelope);
	if (!unpack_ok(&p.shown))
		return STATUS_CORRUPT;
	*out = s;
	return STATUS_OK;
}

enum status
mime_summary_peek(struct text bytes, struct mime_summary *out)
{
	struct packed p = packed_of(bytes);
	struct mime_summary s = { 0 };

	unpack_front(&p.shown, &s);
	if (!unpack_ok(&p.shown))
		return STATUS_CORRUPT;
	*out = s;
	return STATUS_OK;
}
