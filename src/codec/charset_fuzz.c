/* SPDX-License-Identifier: ISC */
/* A charset's name up to the first line end, then bytes of it: the result is
 * UTF-8 within the bound. */
#include "codec/charset.h"
#include "codec/mimewords.h"
#include "codec/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text rest = { (const char *)data, size }, name;
	struct buffer out = BUFFER_INIT, folded = BUFFER_INIT;
	size_t max = size % 300;

	if (!text_split(&rest, '\n', &name))
		return 0;
	charset_to_utf8(name, rest, max, &out);
	CHECK(out.len <= max && utf8_valid(buffer_text(&out)));
	text_fold(&folded, buffer_text(&out));
	CHECK(utf8_valid(buffer_text(&folded)));
	buffer_clear(&out);
	charset_to_utf8(name, rest, SIZE_MAX, &out);
	CHECK(utf8_valid(buffer_text(&out)));
	buffer_done(&out);
	buffer_done(&folded);
	return 0;
}
