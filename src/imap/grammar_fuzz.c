/* SPDX-License-Identifier: ISC */
/* Every rule of the grammar on any bytes: it takes what lies within them or
 * leaves the cursor where it was; mailbox names that are taken come back. */
#include "imap/grammar.h"
#include "imap/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
rules(struct text in, struct arena *a)
{
	struct cursor c = cursor_of(in);
	struct runs numbers = RUNS_INIT;
	struct sequence_set set;
	struct imap_flags flags;
	struct literal_mark mark;
	struct text t;
	size_t left;
	int64_t n;

	if (imap_sequence_set(&c, a, &set))
		imap_sequence_numbers(&set, 1000, &numbers);
	else
		CHECK(cursor_left(&c) == in.len);
	runs_done(&numbers);
	CHECK(!imap_message_set(&c, a, &set) || set.saved == (set.count == 0));
	left = cursor_left(&c);
	CHECK(imap_flag_list(&c, a, &flags) || cursor_left(&c) == left);
	CHECK(!imap_literal_mark(in, &mark) || mark.at < in.len);
	if (imap_date_time(&c, &n) || imap_date(&c, &n) || imap_tag(&c, &t))
		CHECK(c.at <= c.end);
	while (imap_astring(&c, a, &t) || imap_store_flags(&c, a, &flags) || cursor_next(&c) >= 0)
		CHECK(c.at <= c.end);
}

static void
names(struct text in, bool utf8, struct arena *a)
{
	struct buffer wire = BUFFER_INIT;
	struct name_pattern pattern[2];
	struct name_stretch *at;
	struct text name, again;
	const char *why;

	if (imap_name_decode(in, utf8, a, &name, &why) == STATUS_OK) {
		imap_name_encode(&wire, name, utf8);
		CHECK(imap_name_decode(buffer_text(&wire), utf8, a, &again, &why) == STATUS_OK);
		CHECK(text_equal(name, again));
		CHECK(imap_pattern_make(TEXT(""), in, utf8, a, &pattern[0]) != STATUS_OK ||
		      pattern[0].wild || imap_pattern_match(&pattern[0], name) ||
		      text_ends(in, TEXT("/")));
	}
	if (imap_pattern_make(TEXT(""), in, utf8, a, &pattern[0]) == STATUS_OK) {
		CHECK(imap_pattern_make(in, TEXT("*"), utf8, a, &pattern[1]) != STATUS_OK ||
		      imap_pattern_match(&pattern[1], pattern[0].fixed) || pattern[0].wild);
		CHECK(imap_pattern_stretches(pattern, 1, utf8, a, &at) <= 2);
		(void)imap_pattern_match(&pattern[0], in);
	}
	buffer_done(&wire);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text in = { (const char *)data, size < 3000 ? size : 3000 };
	struct arena a = ARENA_INIT;

	rules(in, &a);
	names(in, false, &a);
	names(in, true, &a);
	arena_done(&a);
	return 0;
}
