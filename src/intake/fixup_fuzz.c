/* SPDX-License-Identifier: ISC */
/* Any octets as a message that an account sends: what goes out keeps the rules
 * whatever came in, and once mended it stays as it is. */
#include <string.h>

#include "base/log.h"
#include "intake/fixup.h"
#include "intake/octets.h"
#include "mime/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t
how_many(struct text header, struct text name, struct arena *a)
{
	struct text value;
	uint32_t n = 0;

	while (mime_header_get(header, name, n, a, &value))
		n++;
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct fixup how = { .sender = TEXT("ann@one.test"),
		.hostname = TEXT("mx.one.test"),
		.now = 1700000000,
		.binary = size > 0 && data[0] == 'b' };
	struct arena a = ARENA_INIT;
	struct fixed once, twice;
	struct failure f;

	if (fixup(&how, (struct text){ (const char *)data, size }, &a, &once, &f) == STATUS_OK) {
		struct text whole = arena_join(&a, once.header, once.body);

		CHECK(text_ends(once.header, TEXT("\r\n")) || how.binary);
		CHECK(how.binary || octets_lines_good(whole));
		CHECK(how_many(once.header, TEXT("from"), &a) == 1);
		CHECK(how_many(once.header, TEXT("date"), &a) == 1);
		CHECK(how_many(once.header, TEXT("message-id"), &a) == 1);
		CHECK(how_many(once.header, TEXT("bcc"), &a) == 0);
		CHECK(once.author_count > 0);
		CHECK(fixup(&how, whole, &a, &twice, &f) == STATUS_OK);
		CHECK(text_equal(twice.header, once.header) && text_equal(twice.body, once.body));
	} else {
		CHECK(f.client[0] != '\0');
	}
	arena_done(&a);
	return 0;
}
