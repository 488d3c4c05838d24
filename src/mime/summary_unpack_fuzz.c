/* SPDX-License-Identifier: ISC */
/* Stored bytes that somebody damaged: refused, or a summary that keeps its
 * promises about the tree and packs again to one that unpacks. */
#include "mime/summary_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As check_parts, without the message. */
static void
check_tree(const struct mime_part *part, uint64_t at, uint64_t end, unsigned depth)
{
	CHECK(depth <= 100);
	for (; part != NULL; part = part->next) {
		uint64_t stop = part->body_at + part->body_len;

		CHECK(part->header_at >= at && part->body_at >= part->header_at && stop <= end);
		CHECK(part->type.len > 0 && part->subtype.len > 0 && part->lines <= part->body_len);
		if (text_equal(part->type, TEXT("multipart")) || part->envelope != NULL)
			CHECK(part->child != NULL);
		check_tree(part->child, part->body_at, stop, depth + 1);
		at = stop;
	}
}

/* What is read of the front alone is what is read of it in the whole. */
static void
check_front(struct text bytes, const struct mime_summary *s, struct arena *a)
{
	struct mime_summary front;

	CHECK(mime_summary_unpack_envelope(bytes, a, &front) == STATUS_OK);
	CHECK(front.size == s->size && front.header_len == s->header_len);
	CHECK(front.sent_at == s->sent_at && front.sent_zone == s->sent_zone);
	CHECK(text_equal(front.envelope.subject, s->envelope.subject));
	CHECK(text_equal(front.envelope.in_reply_to, s->envelope.in_reply_to));
	CHECK(text_equal(front.envelope.message_id, s->envelope.message_id));
	CHECK(front.envelope.from.count == s->envelope.from.count);
	CHECK(front.envelope.bcc.count == s->envelope.bcc.count);
	CHECK(mime_summary_unpack_shown(mime_summary_shown(bytes), a, &front) == STATUS_OK);
	CHECK(front.size == s->size && front.header_len == s->header_len);
	same_envelope(&front.envelope, &s->envelope);
	same_parts(&front.root, &s->root);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text bytes = { (const char *)data, size };
	struct buffer again = BUFFER_INIT;
	struct arena a = ARENA_INIT;
	struct mime_summary s, back;

	(void)mime_summary_peek(bytes, &back);
	if (mime_summary_unpack_shown(mime_summary_shown(bytes), &a, &s) == STATUS_OK)
		check_tree(&s.root, 0, s.size, 0);
	if (mime_summary_unpack_envelope(bytes, &a, &back) == STATUS_OK)
		CHECK(back.header_len <= back.size);
	if (mime_summary_unpack(bytes, &a, &s) == STATUS_OK) {
		check_tree(&s.root, 0, s.size, 0);
		check_front(bytes, &s, &a);
		CHECK(s.header_len <= s.size);
		mime_summary_pack(&s, &again);
		CHECK(mime_summary_unpack(buffer_text(&again), &a, &back) == STATUS_OK);
		same_summary(&s, &back);
	}
	arena_done(&a);
	buffer_done(&again);
	return 0;
}
