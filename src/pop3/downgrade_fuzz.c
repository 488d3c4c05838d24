/* SPDX-License-Identifier: ISC */
/* A downgraded header has no octet over 127, NUL among them or not, and as many
 * fields; what is ASCII stays as it is. */
#include "codec/utf8.h"
#include "pop3/downgrade.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lines that continue no other. */
static size_t
count_fields(struct text header)
{
	size_t n = 0;

	for (size_t at = 0; at < header.len; at = text_find_byte(header, '\n', at) + 1)
		n += header.ptr[at] != ' ' && header.ptr[at] != '\t';
	return n;
}

static bool
is_seven_bit(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		if ((unsigned char)t.ptr[i] > 127)
			return false;
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text in = { (const char *)data, size };
	struct buffer out = BUFFER_INIT;
	struct arena a = ARENA_INIT;

	if (size > 0 && utf8_valid(in)) {
		downgrade_header(in, &a, &out);
		CHECK(is_seven_bit(buffer_text(&out)));
		CHECK(in.ptr[0] == ' ' || in.ptr[0] == '\t' ||
		      count_fields(buffer_text(&out)) == count_fields(in));
		CHECK(!utf8_is_ascii(in) || text_equal(buffer_text(&out), in));
	}
	buffer_done(&out);
	arena_done(&a);
	return 0;
}
