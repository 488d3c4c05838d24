/* SPDX-License-Identifier: ISC */
/* A date that is read prints to one that reads the same. */
#include "codec/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text in = { (const char *)data, size };
	struct buffer b = BUFFER_INIT;
	struct date d, back;
	int64_t days;

	if (date_parse_mail(in, &d) == STATUS_OK) {
		/* In UTC: a zone could carry it out of the years 1 to 9999. */
		d.zone = 0;
		date_print_mail(&b, d);
		CHECK(date_parse_mail(buffer_text(&b), &back) == STATUS_OK);
		CHECK(back.at == d.at || d.at < -62135596800 || d.at > 253402300799);
		buffer_clear(&b);
	}
	if (date_parse_imap(in, &d) == STATUS_OK) {
		d.zone = 0;
		date_print_imap(&b, d);
		CHECK(date_parse_imap(buffer_text(&b), &back) == STATUS_OK);
		CHECK(back.at == d.at || d.at < -62135596800 || d.at > 253402300799);
	}
	if (date_parse_imap_day(in, &days) == STATUS_OK)
		CHECK(days >= -719162 && days <= 2932896);
	buffer_done(&b);
	return 0;
}
