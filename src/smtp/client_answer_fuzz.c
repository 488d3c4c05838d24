/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes replies as a client reads them: whatever a server says, what is kept
 * of it is bounded, printable UTF-8, and consistent with its code.
 */
#include "codec/utf8.h"
#include "smtp/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct smtp_answer *a, enum status st)
{
	struct text text = text_of(a->text);
	char word[16];

	CHECK(text.len <= SMTP_ANSWER_TEXT && utf8_valid(text));
	for (size_t i = 0; i < text.len; i++)
		CHECK(((unsigned char)text.ptr[i] >= ' ' && text.ptr[i] != 0x7f) ||
		      text.ptr[i] == '\n');
	CHECK(st == STATUS_OK ? a->code >= 200 && a->code <= 599 : a->code == 0);
	CHECK(a->enhanced[0] == 0 || a->enhanced[0] == a->code / 100);
	CHECK((smtp_answer_enhanced(a, word)[0] == '\0') == (a->enhanced[0] == 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer out = BUFFER_INIT, lines = BUFFER_INIT;
	enum status st = STATUS_OK;
	struct stream s;

	stream_init_memory(&s, (struct text){ (const char *)data, size }, &out);
	while (st == STATUS_OK) {
		struct smtp_answer a = { 0 };

		buffer_clear(&lines);
		st = smtp_answer_read(&s, &a, &lines);
		check(&a, st);
		CHECK(lines.len <= SMTP_ANSWER_MAX);
	}
	stream_done(&s);
	buffer_done(&lines);
	buffer_done(&out);
	return 0;
}
