/* SPDX-License-Identifier: ISC */
/*
 * For tests and fuzzers: what must hold of the summary of any message, and
 * that it comes back from its packed form as it was. Ends the process if not.
 */
#ifndef MIME_SUMMARY_CHECK_H
#define MIME_SUMMARY_CHECK_H

#include "codec/utf8.h"
#include "mime/summary.h"

static inline void
check_clean(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		CHECK(t.ptr[i] != '\r' && t.ptr[i] != '\n' && t.ptr[i] != '\0');
}

static inline void
check_decoded(struct text t, size_t max)
{
	CHECK(t.len <= max && utf8_valid(t));
	check_clean(t);
}

static inline void
check_addresses(struct mime_addresses list)
{
	for (uint32_t i = 0; i < list.count; i++) {
		check_clean(list.at[i].name);
		check_clean(list.at[i].adl);
		check_clean(list.at[i].mailbox);
		check_clean(list.at[i].host);
	}
}

static inline void
check_envelope(const struct mime_envelope *e)
{
	check_clean(e->date);
	check_clean(e->subject);
	check_clean(e->in_reply_to);
	check_clean(e->message_id);
	CHECK(e->has_subject || e->subject.len == 0);
	check_addresses(e->from);
	check_addresses(e->sender);
	check_addresses(e->reply_to);
	check_addresses(e->to);
	check_addresses(e->cc);
	check_addresses(e->bcc);
}

static inline void
check_params(struct mime_params params)
{
	for (uint32_t i = 0; i < params.count; i++) {
		CHECK(params.at[i].name.len > 0);
		check_clean(params.at[i].name);
		check_clean(params.at[i].value);
		CHECK(utf8_valid(params.at[i].value));
	}
}

static inline uint64_t
count_lines(struct text t)
{
	uint64_t n = 0;

	for (size_t i = 0; i < t.len; i++)
		n += t.ptr[i] == '\n';
	return n;
}

/* Siblings between at and end. */
static inline void
check_parts(
    struct text message, const struct mime_part *part, uint64_t at, uint64_t end, unsigned depth)
{
	CHECK(depth <= 100);
	for (; part != NULL; part = part->next) {
		uint64_t stop = part->body_at + part->body_len;
		bool multipart = text_equal(part->type, TEXT("multipart"));

		CHECK(part->header_at >= at && part->body_at >= part->header_at);
		CHECK(stop >= part->body_at && stop <= end);
		CHECK(part->lines == count_lines(text_part(message, part->body_at, stop)));
		CHECK(part->type.len > 0 && part->subtype.len > 0);
		CHECK((part->child != NULL) == (multipart || part->envelope != NULL));
		CHECK(part->envelope == NULL || part->child->next == NULL);
		check_clean(part->id);
		check_clean(part->description);
		check_clean(part->encoding_name);
		check_params(part->params);
		check_params(part->disposition_params);
		if (part->envelope != NULL)
			check_envelope(part->envelope);
		check_parts(message, part->child, part->body_at, stop, depth + 1);
		at = stop;
	}
}

static inline void
check_fields(struct text message, const struct mime_summary *s)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < s->field_count; i++) {
		const struct mime_field *f = &s->fields[i];

		CHECK(f->at >= at && f->value > f->at && f->end >= f->value);
		CHECK(f->end <= s->header_len);
		CHECK(text_equal(text_part(message, f->at, f->at + f->name.len), f->name));
		CHECK(message.ptr[f->value - 1] == ':');
		at = f->end;
	}
}

static inline void
same_params(struct mime_params a, struct mime_params b)
{
	CHECK(a.count == b.count);
	for (uint32_t i = 0; i < a.count; i++)
		CHECK(text_equal(a.at[i].name, b.at[i].name) &&
		      text_equal(a.at[i].value, b.at[i].value));
}

static inline void
same_addresses(struct mime_addresses a, struct mime_addresses b)
{
	CHECK(a.count == b.count && a.cut == b.cut);
	for (uint32_t i = 0; i < a.count; i++) {
		CHECK(text_equal(a.at[i].name, b.at[i].name));
		CHECK(text_equal(a.at[i].adl, b.at[i].adl));
		CHECK(text_equal(a.at[i].mailbox, b.at[i].mailbox));
		CHECK(text_equal(a.at[i].host, b.at[i].host));
		CHECK(a.at[i].group_start == b.at[i].group_start);
		CHECK(a.at[i].group_end == b.at[i].group_end);
	}
}

static inline void
same_envelope(const struct mime_envelope *a, const struct mime_envelope *b)
{
	CHECK((a == NULL) == (b == NULL));
	if (a == NULL)
		return;
	CHECK(text_equal(a->date, b->date) && a->has_date == b->has_date);
	CHECK(text_equal(a->subject, b->subject) && a->has_subject == b->has_subject);
	CHECK(text_equal(a->in_reply_to, b->in_reply_to));
	CHECK(a->has_in_reply_to == b->has_in_reply_to);
	CHECK(text_equal(a->message_id, b->message_id) && a->has_message_id == b->has_message_id);
	same_addresses(a->from, b->from);
	same_addresses(a->sender, b->sender);
	same_addresses(a->reply_to, b->reply_to);
	same_addresses(a->to, b->to);
	same_addresses(a->cc, b->cc);
	same_addresses(a->bcc, b->bcc);
}

static inline void
same_parts(const struct mime_part *a, const struct mime_part *b)
{
	for (; a != NULL && b != NULL; a = a->next, b = b->next) {
		CHECK(text_equal(a->type, b->type) && text_equal(a->subtype, b->subtype));
		same_params(a->params, b->params);
		CHECK(text_equal(a->id, b->id) && text_equal(a->description, b->description));
		CHECK(text_equal(a->md5, b->md5) && text_equal(a->disposition, b->disposition));
		same_params(a->disposition_params, b->disposition_params);
		CHECK(text_equal(a->language, b->language) && text_equal(a->location, b->location));
		CHECK(text_equal(a->encoding_name, b->encoding_name) && a->encoding == b->encoding);
		CHECK(a->header_at == b->header_at && a->body_at == b->body_at);
		CHECK(a->body_len == b->body_len && a->lines == b->lines);
		same_envelope(a->envelope, b->envelope);
		same_parts(a->child, b->child);
	}
	CHECK(a == NULL && b == NULL);
}

static inline void
same_summary(const struct mime_summary *a, const struct mime_summary *b)
{
	CHECK(a->facts == b->facts && a->size == b->size && a->header_len == b->header_len);
	CHECK(a->sent_at == b->sent_at && a->sent_zone == b->sent_zone);
	same_envelope(&a->envelope, &b->envelope);
	same_parts(&a->root, &b->root);
	CHECK(a->field_count == b->field_count);
	for (uint32_t i = 0; i < a->field_count; i++) {
		CHECK(text_equal(a->fields[i].name, b->fields[i].name));
		CHECK(a->fields[i].at == b->fields[i].at && a->fields[i].end == b->fields[i].end);
		CHECK(a->fields[i].value == b->fields[i].value);
	}
	CHECK(text_equal(a->subject, b->subject) && text_equal(a->base_subject, b->base_subject));
	CHECK(text_equal(a->preview, b->preview) && text_equal(a->message_id, b->message_id));
	CHECK(a->reference_count == b->reference_count);
	for (uint32_t i = 0; i < a->reference_count; i++)
		CHECK(text_equal(a->references[i], b->references[i]));
}

/* All of it; the packed form is left in *packed. */
static inline void
check_summary(struct text message, const struct mime_summary *s, struct buffer *packed)
{
	struct arena a = ARENA_INIT;
	struct mime_summary back;

	CHECK(s->size == message.len && s->header_len <= s->size && s->root.next == NULL);
	CHECK(s->root.header_at == 0 && s->root.body_at == s->header_len);
	CHECK(s->root.body_len == s->size - s->header_len);
	check_parts(message, &s->root, 0, s->size, 0);
	check_fields(message, s);
	check_envelope(&s->envelope);
	check_decoded(s->subject, 1000);
	check_decoded(s->base_subject, 1000);
	check_decoded(s->preview, 256);
	check_clean(s->message_id);
	CHECK(s->reference_count <= 100);
	for (uint32_t i = 0; i < s->reference_count; i++)
		CHECK(s->references[i].len > 0);
	buffer_clear(packed);
	mime_summary_pack(s, packed);
	CHECK(mime_summary_unpack(buffer_text(packed), &a, &back) == STATUS_OK);
	same_summary(s, &back);
	CHECK(mime_summary_peek(buffer_text(packed), &back) == STATUS_OK);
	CHECK(back.facts == s->facts && back.size == s->size && back.header_len == s->header_len);
	CHECK(back.sent_at == s->sent_at && text_equal(back.message_id, s->message_id));
	arena_done(&a);
}

#endif
