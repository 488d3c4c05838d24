/* SPDX-License-Identifier: ISC */
/* Any octets as RDATA of MX, TXT and TLSA records. */
#include "mailauth/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text rdata = { (const char *)data, size }, txt;
	struct arena a = ARENA_INIT;
	struct record_mx mx;
	struct record_tlsa tlsa;

	if (record_mx(rdata, &a, &mx) == STATUS_OK) {
		CHECK(mx.host.len <= RECORD_NAME_MAX);
		CHECK(mx.host.len + 2 == size - 2 || mx.host.len == 0);
	}
	if (record_txt(rdata, &a, &txt) == STATUS_OK)
		CHECK(txt.len <= size);
	if (record_tlsa(rdata, &tlsa) == STATUS_OK)
		CHECK(tlsa.data.len == size - 3);
	arena_done(&a);
	return 0;
}
