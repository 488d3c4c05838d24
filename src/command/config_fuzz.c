/* SPDX-License-Identifier: ISC */
/* Any octets as a configuration file. */
#include "command/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = ARENA_INIT;
	struct config_problems p = { .count = 0 };
	struct config c;
	enum status s = config_of_text((struct text){ (const char *)data, size }, &a, &c, &p);

	CHECK((s == STATUS_OK) == (p.count == 0));
	arena_done(&a);
	return 0;
}
