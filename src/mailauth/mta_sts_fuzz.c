/* SPDX-License-Identifier: ISC */
/* Any octets as a record of MTA-STS, and as a policy. */
#include "mailauth/mta_sts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text input = { (const char *)data, size }, id;
	struct arena a = ARENA_INIT;
	struct mta_sts_policy p;
	struct failure f;

	if (mta_sts_record(input, &id) == STATUS_OK) {
		CHECK(id.len > 0 && id.len <= MTA_STS_ID_MAX);
		CHECK(mta_sts_record_of(&input, 1, &id) == STATUS_OK);
	}
	if (mta_sts_policy(input, &a, &p, &f) == STATUS_OK) {
		CHECK(p.max_age <= MTA_STS_AGE_MAX && p.pattern_count <= MTA_STS_PATTERNS_MAX);
		CHECK(p.mode == MTA_STS_MODE_NONE || p.pattern_count > 0);
		for (uint32_t i = 0; i < p.pattern_count; i++)
			CHECK(mta_sts_matches(p.patterns, p.pattern_count, p.patterns[i]) ||
			      text_starts(p.patterns[i], TEXT("*.")));
	}
	arena_done(&a);
	return 0;
}
