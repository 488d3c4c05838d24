/* SPDX-License-Identifier: ISC */
/* Decoding never grows, and is the same in feeds; what is encoded decodes to
 * itself, line ends as CRLF. */
#include "codec/qp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text in = { (const char *)data, size };
	struct buffer fed = BUFFER_INIT, coded = BUFFER_INIT, back = BUFFER_INIT,
		      want = BUFFER_INIT;
	struct qp_decoder d = { 0 };

	qp_decode(&back, in);
	CHECK(back.len <= size);
	for (size_t i = 0, n; size < QP_HELD && i < size; i += n) {
		n = 1 + data[i] % 7 < size - i ? 1 + data[i] % 7 : size - i;
		qp_feed(&d, text_part(in, i, i + n), &fed);
	}
	qp_end(&d, &fed);
	CHECK(size >= QP_HELD || text_equal(buffer_text(&fed), buffer_text(&back)));
	buffer_clear(&back);
	for (size_t i = 0; i < size; i++) {
		if (in.ptr[i] == '\n' && (i == 0 || in.ptr[i - 1] != '\r'))
			buffer_add_byte(&want, '\r');
		buffer_add_byte(&want, in.ptr[i]);
	}
	qp_encode(&coded, in);
	qp_decode(&back, buffer_text(&coded));
	CHECK(text_equal(buffer_text(&back), buffer_text(&want)));
	buffer_done(&fed);
	buffer_done(&coded);
	buffer_done(&back);
	buffer_done(&want);
	return 0;
}
