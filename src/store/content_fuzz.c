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

		CHECK(out.len <= (s == STATUS_OK ? c.size : 1 << 20));
	}
	buffer_done(&out);
	return 0;
}
