/* SPDX-License-Identifier: ISC */
/*
 * The stored form of a summary. Offsets are distances from what came before,
 * well-known words are numbers of the dictionary, and a text that is part of
 * one already written is a place in it; so that an ordinary message takes
 * some hundred bytes. What clients are shown of a mailbox (ENVELOPE,
 * BODYSTRUCTURE) stands in front, with its length, so that it can be handed on
 * without the rest (mime/packed.h has the order).
 */
#include "mime/packed.h"

#include <string.h>

#include "mime/dictionary.h"
#include "mime/params.h"

/* A word of the dictionary: number * 2 + 1; another: length * 2, bytes. */
static void
pack_word(struct buffer *b, struct text t)
{
	int number = dictionary_find(t);

	if (number >= 0) {
		pack_varint(b, (uint64_t)number << 1 | 1);
		return;
	}
	pack_varint(b, (uint64_t)t.len << 1);
	buffer_add_text(b, t);
}

/* A text that may be part of whole, which the reader has already: place + 1
 * and length; else 0 and the text. */
static void
pack_within(struct buffer *b, struct text whole, struct text t)
{
	size_t at = t.len > 0 && t.len <= whole.len ? text_find(whole, t, 0) : whole.len;

	if (at >= whole.len) {
		pack_varint(b, 0);
		pack_text(b, t);
		return;
	}
	pack_varint(b, at + 1);
	pack_varint(b, t.len);
}

static void
pack_address(struct buffer *b, const struct mime_address *x)
{
	uint8_t flags =
	    (uint8_t)((x->name.len > 0 ? PACKED_NAME : 0) | (x->adl.len > 0 ? PACKED_ADL : 0) |
		      (x->mailbox.len > 0 ? PACKED_MAILBOX : 0) |
		      (x->host.len > 0 ? PACKED_HOST : 0) |
		      (x->group_start ? PACKED_GROUP_START : 0) |
		      (x->group_end ? PACKED_GROUP_END : 0));

	pack_u8(b, flags);
	if ((flags & PACKED_NAME) != 0)
		pack_text(b, x->name);
	if ((flags & PACKED_ADL) != 0)
		pack_text(b, x->adl);
	if ((flags & PACKED_MAILBOX) != 0)
		pack_text(b, x->mailbox);
	if ((flags & PACKED_HOST) != 0)
		pack_text(b, x->host);
}

static void
pack_addresses(struct buffer *b, const struct mime_addresses *list)
{
	pack_varint(b, (uint64_t)list->count << 1 | list->cut);
	for (uint32_t i = 0; i < list->count; i++)
		pack_address(b, &list->at[i]);
}

/* Everything but the message-id, which stands at the front of a summary. */
static void
pack_envelope(struct buffer *b, const struct mime_envelope *e)
{
	pack_u8(
	    b, (uint8_t)((e->has_date ? PACKED_DATE : 0) | (e->has_subject ? PACKED_SUBJECT : 0) |
			 (e->has_in_reply_to ? PACKED_IN_REPLY_TO : 0) |
			 (e->has_message_id ? PACKED_MESSAGE_ID : 0)));
	if (e->has_date)
		pack_text(b, e->date);
	if (e->has_subject)
		pack_text(b, e->subject);
	if (e->has_in_reply_to)
		pack_text(b, e->in_reply_to);
	pack_addresses(b, &e->from);
	pack_addresses(b, &e->sender);
	pack_addresses(b, &e->reply_to);
	pack_addresses(b, &e->to);
	pack_addresses(b, &e->cc);
	pack_addresses(b, &e->bcc);
}

static void
pack_params(struct buffer *b, const struct mime_params *params)
{
	pack_varint(b, params->count);
	for (uint32_t i = 0; i < params->count; i++) {
		pack_word(b, params->at[i].name);
		pack_word(b, params->at[i].value);
	}
}

/* Nearly all fields begin where the last one ended, and have nothing between
 * name and colon: then the first byte says so, with the length behind it. */
static void
pack_field(struct buffer *b, const struct mime_field *f, uint32_t last_end)
{
	uint64_t gap = f->at - last_end;
	uint64_t blanks = f->value - f->at - f->name.len - 1;
	uint64_t odd = gap != 0 || blanks != 0;

	pack_word(b, f->name);
	pack_varint(b, (uint64_t)(f->end - f->value) << 1 | odd);
	if (odd != 0) {
		pack_varint(b, gap);
		pack_varint(b, blanks);
	}
}

static uint64_t
part_flags(const struct mime_part *part)
{
	struct text usual = mime_encoding_name(part->encoding);

	return (part->params.count > 0 ? PACKED_PARAMS : 0) |
	       (part->disposition.len > 0 ? PACKED_DISPOSITION : 0) |
	       (part->id.len > 0 ? PACKED_ID : 0) |
	       (text_equal(part->encoding_name, usual) ? 0 : PACKED_ENCODING_NAME) |
	       (part->next != NULL ? PACKED_NEXT : 0) | (part->child != NULL ? PACKED_CHILD : 0) |
	       (part->envelope != NULL ? PACKED_ENVELOPE : 0) |
	       (part->description.len > 0 ? PACKED_DESCRIPTION : 0) |
	       (part->md5.len > 0 ? PACKED_MD5 : 0) |
	       (part->language.len > 0 ? PACKED_LANGUAGE : 0) |
	       (part->location.len > 0 ? PACKED_LOCATION : 0);
}

static void
pack_optional(struct buffer *b, const struct mime_part *part, uint64_t flags)
{
	if ((flags & PACKED_PARAMS) != 0)
		pack_params(b, &part->params);
	if ((flags & PACKED_DISPOSITION) != 0) {
		pack_word(b, part->disposition);
		pack_params(b, &part->disposition_params);
	}
	if ((flags & PACKED_ID) != 0)
		pack_text(b, part->id);
	if ((flags & PACKED_ENCODING_NAME) != 0)
		pack_word(b, part->encoding_name);
	if ((flags & PACKED_DESCRIPTION) != 0)
		pack_text(b, part->description);
	if ((flags & PACKED_MD5) != 0)
		pack_text(b, part->md5);
	if ((flags & PACKED_LANGUAGE) != 0)
		pack_text(b, part->language);
	if ((flags & PACKED_LOCATION) != 0)
		pack_text(b, part->location);
	if ((flags & PACKED_ENVELOPE) != 0) {
		if (part->envelope->has_message_id)
			pack_text(b, part->envelope->message_id);
		else
			pack_text(b, TEXT_EMPTY);
		pack_envelope(b, part->envelope);
	}
}

/* Siblings, each with what is inside it. at is where the first may begin. The
 * parser bounds the depth. */
static void
pack_parts(struct buffer *b, const struct mime_part *part, uint64_t at)
{
	for (; part != NULL; part = part->next) {
		uint64_t flags = part_flags(part);

		pack_varint(b, flags << 3 | (uint64_t)part->encoding);
		pack_word(b, part->type);
		pack_word(b, part->subtype);
		pack_varint(b, part->header_at - at);
		pack_varint(b, part->body_at - part->header_at);
		pack_varint(b, part->body_len);
		pack_varint(b, part->lines);
		pack_optional(b, part, flags);
		if (part->child != NULL)
			pack_parts(b, part->child, part->body_at);
		at = part->body_at + part->body_len;
	}
}

/* What a reader of envelope and structure needs. */
static void
pack_shown(const struct mime_summary *s, struct buffer *out)
{
	pack_varint(out, s->facts);
	pack_varint(out, s->size);
	pack_varint(out, s->header_len);
	pack_signed(out, s->sent_at);
	pack_signed(out, s->sent_zone);
	pack_text(out, s->envelope.message_id);
	pack_within(out, s->envelope.message_id, s->message_id);
	pack_envelope(out, &s->envelope);
	pack_parts(out, &s->root, 0);
}

static void
pack_rest(const struct mime_summary *s, struct buffer *out)
{
	struct text reply = s->envelope.in_reply_to;
	uint32_t last_end = 0;

	pack_within(out, s->envelope.subject, s->subject);
	pack_within(out, s->subject, s->base_subject);
	pack_text(out, s->preview);
	pack_varint(out, s->reference_count);
	for (uint32_t i = 0; i < s->reference_count; i++)
		pack_within(out, reply, s->references[i]);
	pack_varint(out, s->field_count);
	for (uint32_t i = 0; i < s->field_count; i++) {
		pack_field(out, &s->fields[i], last_end);
		last_end = s->fields[i].end;
	}
}

void
mime_summary_pack(const struct mime_summary *s, struct buffer *out)
{
	struct buffer shown = BUFFER_INIT;

	pack_shown(s, &shown);
	pack_u8(out, PACKED_VERSION);
	pack_text(out, buffer_text(&shown));
	pack_rest(s, out);
	buffer_done(&shown);
}
