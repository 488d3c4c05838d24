/* SPDX-License-Identifier: ISC */
/* Any bytes are a message: its summary keeps its promises and comes back from
 * its packed form, with the usual limits and with very small ones. */
#include "mime/summary_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mime_limits small = { .max_depth = 3,
		.max_parts = 5,
		.max_header = 200,
		.max_fields = 4,
		.max_addresses = 2 };
	const struct mime_limits *limits[] = { NULL, &small };
	struct text message = { (const char *)data, size };
	struct buffer packed = BUFFER_INIT;
	struct mime_summary s;

	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		struct arena a = ARENA_INIT;

		mime_parse(message, limits[i], &a, &s);
		check_summary(message, &s, &packed);
		mime_opaque(message, &a, &s);
		check_summary(message, &s, &packed);
		arena_done(&a);
	}
	buffer_done(&packed);
	return 0;
}
