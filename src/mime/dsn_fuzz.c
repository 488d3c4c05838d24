/* SPDX-License-Identifier: ISC */
/* Any bytes as a DSN: texts are clean and bounded; what was read builds a DSN
 * again, that reads the same addresses. */
#include "codec/utf8.h"
#include "mime/dsn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(struct text t)
{
	CHECK(t.len <= REPORT_VALUE_MAX && utf8_valid(t));
	for (size_t i = 0; i < t.len; i++)
		CHECK((unsigned char)t.ptr[i] >= ' ' && t.ptr[i] != 0x7f);
}

/* A report is built for addresses; one of others may tell the original alone. */
static bool
all_named(const struct dsn_found *f)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (f->recipients[i].final.len == 0)
			return false;
	return true;
}

static void
build_again(const struct dsn_found *f, struct arena *a)
{
	const struct dsn d = {
		.reporting_mta = TEXT("mx"),
		.unique = TEXT("0123456789abcdef"),
		.from = TEXT("a@b"),
		.to = TEXT("c@d"),
		.subject = f->recipients[0].diagnostic,
		.message_id = f->message_id,
		.recipients = f->recipients,
		.count = f->count,
	};
	struct buffer head = BUFFER_INIT, tail = BUFFER_INIT;
	struct dsn_found again;

	dsn_build(&d, &head, &tail);
	buffer_add_text(&head, buffer_text(&tail));
	CHECK(dsn_read(buffer_text(&head), a, &again) == STATUS_OK);
	CHECK(again.count == f->count);
	for (uint32_t i = 0; i < f->count; i++)
		CHECK(again.recipients[i].action == f->recipients[i].action);
	buffer_done(&head);
	buffer_done(&tail);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text in = { (const char *)data, size };
	struct arena a = ARENA_INIT;
	struct dsn_found f;

	if (dsn_read(in, &a, &f) == STATUS_OK || dsn_read_fields(in, &a, &f) == STATUS_OK) {
		CHECK(f.count > 0 && f.count <= DSN_RECIPIENTS_MAX);
		check(f.reporting_mta);
		check(f.envelope_id);
		check(f.message_id);
		for (uint32_t i = 0; i < f.count; i++) {
			check(f.recipients[i].final);
			check(f.recipients[i].original);
			check(f.recipients[i].status);
			check(f.recipients[i].remote);
			check(f.recipients[i].diagnostic);
			check(f.recipients[i].words);
		}
		if (all_named(&f))
			build_again(&f, &a);
	}
	arena_done(&a);
	return 0;
}
