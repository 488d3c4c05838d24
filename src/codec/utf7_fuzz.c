/* SPDX-License-Identifier: ISC */
/* A name that decodes has one spelling: encoding gives it back. */
#include "codec/utf7.h"
#include "codec/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text in = { (const char *)data, size };
	struct buffer a = BUFFER_INIT, b = BUFFER_INIT;

	if (utf7_decode(&a, in) == STATUS_OK) {
		CHECK(utf8_valid(buffer_text(&a)));
		utf7_encode(&b, buffer_text(&a));
		CHECK(text_equal(buffer_text(&b), in));
	}
	buffer_clear(&a);
	buffer_clear(&b);
	if (utf8_valid(in)) {
		utf7_encode(&a, in);
		CHECK(utf7_decode(&b, buffer_text(&a)) == STATUS_OK &&
		      text_equal(buffer_text(&b), in));
	}
	buffer_done(&a);
	buffer_done(&b);
	return 0;
}
