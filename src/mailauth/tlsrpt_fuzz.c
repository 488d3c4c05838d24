/* SPDX-License-Identifier: ISC */
/* Any octets as a record of TLSRPT. */
#include "mailauth/tlsrpt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text input = { (const char *)data, size };
	struct arena a = ARENA_INIT;
	struct tlsrpt t;

	if (tlsrpt_record(input, &a, &t) == STATUS_OK) {
		CHECK(t.count > 0 && t.count <= TLSRPT_RUAS_MAX);
		for (uint32_t i = 0; i < t.count; i++) {
			struct text to = t.rua[i].to;

			CHECK(to.len > 0 && text_find_byte(to, '\n', 0) == to.len);
			CHECK(t.rua[i].https ? to.len <= TLSRPT_URL_MAX
					     : text_find_last(to, '@') < to.len);
		}
		CHECK(tlsrpt_record_of(&input, 1, &a, &t) == STATUS_OK);
	}
	arena_done(&a);
	return 0;
}
