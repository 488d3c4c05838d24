/* SPDX-License-Identifier: ISC */
/* Any bytes as a sender: what is rewritten comes back as it was; and as a
 * local part: it is ours or refused, never half an answer. */
#include "mailauth/srs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct text in = { (const char *)data, size }, secret = TEXT("secret");
	struct buffer there = BUFFER_INIT, back = BUFFER_INIT;

	if (srs_reverse(in, secret, 1000000000, &back) != STATUS_OK)
		CHECK(back.len == 0);
	buffer_clear(&back);
	if (srs_forward(in, TEXT("ours.example"), secret, 1000000000, &there) == STATUS_OK &&
	    !text_equal(buffer_text(&there), in)) {
		struct text all = buffer_text(&there);
		struct text local = text_part(all, 0, text_find_last(all, '@'));
		enum status s = srs_reverse(local, secret, 1000000000, &back);

		/* A "domain" with "=" in it is none, and is told apart on the way back. */
		if (text_find_byte(in, '=', text_find_last(in, '@')) == in.len)
			CHECK(s == STATUS_OK);
	}
	buffer_done(&there);
	buffer_done(&back);
	return 0;
}
