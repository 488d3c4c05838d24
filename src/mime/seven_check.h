/* SPDX-License-Identifier: ISC */
/*
 * For tests and fuzzers: what must hold of a message that was made 7-bit: it is
 * fit for the way, it has the same parts, and each is decoded to the same
 * octets as before. Ends the process if not.
 */
#ifndef MIME_SEVEN_CHECK_H
#define MIME_SEVEN_CHECK_H

#include "mime/decode.h"
#include "mime/seven.h"

/* The octets of a leaf; behind a body in base64 that ends a message stands a
 * line end, which means nothing. */
static inline void
seven_decoded(struct text message, const struct mime_part *p, struct buffer *out)
{
	buffer_clear(out);
	mime_decode_body(
	    p->encoding, text_part(message, p->body_at, p->body_at + p->body_len), SIZE_MAX, out);
}

static inline void
seven_same_parts(struct text a, const struct mime_part *x, struct text b, const struct mime_part *y)
{
	struct buffer before = BUFFER_INIT, after = BUFFER_INIT;

	for (; x != NULL && y != NULL; x = x->next, y = y->next) {
		CHECK(text_equal(x->type, y->type) && text_equal(x->subtype, y->subtype));
		CHECK((x->child == NULL) == (y->child == NULL));
		seven_same_parts(a, x->child, b, y->child);
		if (x->child != NULL)
			continue;
		seven_decoded(a, x, &before);
		seven_decoded(b, y, &after);
		CHECK(text_equal(buffer_text(&before), buffer_text(&after)));
	}
	CHECK(x == NULL && y == NULL);
	buffer_done(&before);
	buffer_done(&after);
}

/* Whether it could be made 7-bit. */
static inline bool
seven_check(struct text message)
{
	struct buffer out = BUFFER_INIT;
	struct arena a = ARENA_INIT;
	struct mime_summary s, again;
	struct failure f = { 0 };
	enum status st;

	mime_parse(message, NULL, &a, &s);
	buffer_add_string(&out, "x");
	st = mime_seven(message, &s, &out, &f);
	if (st == STATUS_OK) {
		struct text seven = text_part(buffer_text(&out), 1, out.len);

		CHECK(mime_seven_clean(seven));
		mime_parse(seven, NULL, &a, &again);
		seven_same_parts(message, &s.root, seven, &again.root);
		CHECK(!mime_seven_clean(message) || seven.len <= message.len + 64 * 5000);
	} else {
		CHECK(st == STATUS_DENIED && out.len == 1 && f.log[0] != '\0');
		CHECK(!mime_seven_clean(message));
	}
	buffer_done(&out);
	arena_done(&a);
	return st == STATUS_OK;
}

#endif
