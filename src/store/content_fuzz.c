/* SPDX-License-Identifier: ISC */
/* Any bytes as piece 0, and as every other piece: read without harm, and
 * never more octets than the size says. */
#include "store/content.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct text input;

static enum status
fetch(void *arg, uint32_t piece, struct arena *a, struct text *bytes)
{
	if (piece > 3)
		return STATUS_NOT_FOUND;
	*bytes = text_part(input, piece * 7, input.len);
	return STATUS_OK;
}

/* Piece 0 without the body in it says the same of the header. */
static void
check_head(struct text piece0, const struct content *whole)
{
	struct content c = { .fetch = fetch };
	struct text head = content_head(piece0);

	CHECK(head.ptr == piece0.ptr && head.len <= piece0.len);
	CHECK(content_open(head, &c) == STATUS_OK);
	CHECK(c.size == whole->size && c.header_len == whole->header_len);
	CHECK(text_equal(c.header_frame, whole->header_frame));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct content c = { .fetch = fetch };
	struct buffer out = BUFFER_INIT;
	struct text piece[8];
	uint32_t count;

	input = (struct text){ (const char *)data, size };
	if (content_pieces(input, 8, piece, &count) == STATUS_OK)
		input = piece[0];
	if (content_open(input, &c) == STATUS_OK) {
		enum status s = content_read_buffer(&c, 1, 1 << 20, &out);

		check_head(input, &c);
		CHECK(out.len <= (s == STATUS_OK ? c.size : 1 << 20));
	}
	buffer_done(&out);
	return 0;
}
