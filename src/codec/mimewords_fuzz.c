/* SPDX-License-Identifier: ISC */
/* Any bytes decode to UTF-8 within the bound and without line ends; what is
 * encoded decodes to itself. */
#include "codec/mimewords.h"
#include "codec/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text in = { (const char *)data, size };
	struct buffer out = BUFFER_INIT, coded = BUFFER_INIT, back = BUFFER_INIT;
	size_t max = size % 200;

	mimewords_decode_2231(in, max, &out);
	CHECK(out.len <= max && utf8_valid(buffer_text(&out)));
	buffer_clear(&out);
	mimewords_decode(in, max, &out);
	CHECK(out.len <= max && utf8_valid(buffer_text(&out)));
	buffer_clear(&out);
	mimewords_decode(in, SIZE_MAX, &out);
	CHECK(text_find_byte(buffer_text(&out), '\n', 0) == out.len);
	CHECK(text_find_byte(buffer_text(&out), '\r', 0) == out.len);
	mimewords_encode(&coded, buffer_text(&out));
	CHECK(utf8_is_ascii(buffer_text(&coded)));
	mimewords_decode(buffer_text(&coded), SIZE_MAX, &back);
	CHECK(text_equal(buffer_text(&back), buffer_text(&out)));
	buffer_done(&out);
	buffer_done(&coded);
	buffer_done(&back);
	return 0;
}
