/* SPDX-License-Identifier: ISC */
/* What is encoded decodes to itself; the lenient decoder gives the same
 * wherever its input is cut; what strict decoding takes is the only spelling. */
#include "codec/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text in = { (const char *)data, size };
	size_t cut = size > 0 ? data[0] % size : 0;
	struct buffer a = BUFFER_INIT, b = BUFFER_INIT;
	struct base64_decoder whole = { 0 }, halves = { 0 };

	base64_encode(&a, in);
	CHECK(base64_decode(&b, buffer_text(&a)) == STATUS_OK && text_equal(buffer_text(&b), in));
	buffer_clear(&a);
	buffer_clear(&b);
	base64_feed(&whole, in, &a);
	base64_feed(&halves, text_part(in, 0, cut), &b);
	base64_feed(&halves, text_part(in, cut, size), &b);
	CHECK(text_equal(buffer_text(&a), buffer_text(&b)));
	buffer_clear(&a);
	buffer_clear(&b);
	if (base64_decode(&a, in) == STATUS_OK) {
		base64_encode(&b, buffer_text(&a));
		CHECK(text_equal(buffer_text(&b), in));
	}
	buffer_done(&a);
	buffer_done(&b);
	return 0;
}
