/* SPDX-License-Identifier: ISC */
/* Counts of TLS sessions of any bytes: what is read is written as it was. */
#include "store/tls_report.h"
#include "store/tls_report_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text value = { (const char *)data, size };
	struct buffer once = BUFFER_INIT, twice = BUFFER_INIT;
	struct arena a = ARENA_INIT;
	struct tls_day d, again;
	struct tls_count c;
	struct text domain;
	uint64_t day;

	(void)tls_report_of_key(value, &day, &domain);
	if (tls_day_unpack(value, &a, &d) == STATUS_OK) {
		tls_day_pack(&once, &d);
		CHECK(tls_day_unpack(buffer_text(&once), &a, &again) == STATUS_OK);
		tls_day_pack(&twice, &again);
		CHECK(text_equal(buffer_text(&once), buffer_text(&twice)));
	}
	if (tls_count_unpack(value, &a, &c) == STATUS_OK) {
		struct tls_day sum = { .count = 0 };

		tls_day_add(&sum, &c, &a);
		tls_day_add(&sum, &c, &a);
		CHECK(sum.count == 1 && sum.at[0].good == 2 * c.good);
	}
	buffer_done(&once);
	buffer_done(&twice);
	arena_done(&a);
	return 0;
}
