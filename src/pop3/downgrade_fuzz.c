/* SPDX-License-Identifier: ISC */
/* A downgraded header has no octet over 127 and is itself in no need of it;
 * what is ASCII stays as it is. */
#include <string.h>

#include "codec/utf8.h"
#include "pop3/downgrade.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text in = { (const char *)data, size };
	struct buffer out = BUFFER_INIT;
	struct arena a = ARENA_INIT;

	if (size > 0 && memchr(data, 0, size) == NULL && utf8_valid(in)) {
		downgrade_header(in, &a, &out);
		CHECK(!downgrade_needed(buffer_text(&out)));
		CHECK(out.len == 0 || utf8_is_ascii(buffer_text(&out)));
		CHECK(!utf8_is_ascii(in) || text_equal(buffer_text(&out), in));
	}
	buffer_done(&out);
	arena_done(&a);
	return 0;
}
