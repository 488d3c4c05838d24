/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes whole sessions of SMTP, LMTP and submission: the first octet chooses
 * the listener, the rest is what the client says. Whatever it is, every reply
 * is a line and no message reaches intake with a CR or LF that stands alone,
 * unless BDAT was binary.
 */
#define HOUSE_WITHOUT_CMOCKA
#include "base/fuzz_threads.h"
#include "smtp/test_house.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_lines(struct text out)
{
	struct text line;

	CHECK(text_ends(out, TEXT("\r\n")));
	while (text_split(&out, '\n', &line)) {
		CHECK(line.len >= 5 && line.len < REPLY_LINE_MAX); /* no challenge is that long */
		CHECK(byte_digit(line.ptr[0]) && byte_digit(line.ptr[2]));
		CHECK(text_find_byte(line, '\r', 0) == line.len - 1);
	}
}

static void
check_message(struct text message, struct text in)
{
	struct lines lines = { 0 };

	lines_all(&lines, message);
	lines_end(&lines);
	CHECK(!lines.bare || text_find_ci(in, TEXT("BINARYMIME"), 0) < in.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum test_class classes[] = { TEST_MX, TEST_LMTP, TEST_SUBMISSION,
		TEST_SUBMISSION };
	static struct house *h;
	struct text in = { (const char *)data, size };

	if (h == NULL) {
		h = MEM_NEW(struct house);
		house_open(h);
	}
	if (size == 0)
		return 0;
	h->listener.plain_auth = true;
	h->tls = false;
	buffer_clear(&h->last.message);
	buffer_clear(&h->desk.message);
	check_lines(house_talk(h, classes[data[0] % 4], text_part(in, 1, in.len)));
	check_message(buffer_text(&h->last.message), in);
	check_message(buffer_text(&h->desk.message), in);
	return 0;
}
