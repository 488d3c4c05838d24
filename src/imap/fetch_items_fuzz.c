/* SPDX-License-Identifier: ISC */
/* FETCH items of any bytes, over a real message: sections stay within it, a
 * label that is printed is parsed again to the same, and ranges of decoded
 * parts are as long as they must be. */
#include "imap/binary.h"
#include "imap/testing_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char mail[] = "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
			   "--b\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECA==\r\n"
			   "--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9 \r\n"
			   "--b\r\nContent-Type: message/rfc822\r\n\r\n"
			   "Subject: in\r\n\r\ntext\r\n--b--\r\n";

static void
one(struct test_message *t, const struct item *item)
{
	struct buffer b = BUFFER_INIT, picked = BUFFER_INIT;
	struct fetch_items again;
	struct octets where;
	struct cursor c = cursor_of(item->label);

	CHECK(item->label.ptr[0] != 'B' || item->partial ||
	      (imap_fetch_items(&c, &t->arena, &again) && imap_end(&c) &&
		  text_equal(again.at[0].label, item->label)));
	if (imap_message_section(&t->m, &item->section, &where)) {
		CHECK(where.from + where.len <= store_reader_size(&t->m.reader));
		CHECK(
		    store_reader_read_buffer(&t->m.reader, where.from, where.len, &b) == STATUS_OK);
		CHECK(b.len == where.len);
		imap_pick_fields(buffer_text(&b), &item->section, &picked);
	}
	buffer_done(&b);
	buffer_done(&picked);
}

static enum status
count(void *arg, struct text part)
{
	*(uint64_t *)arg += part.len;
	return STATUS_OK;
}

/* A range is as much of the whole as there is of it. */
static void
binary(struct test_message *t, const struct item *item)
{
	struct binary_size whole;
	struct binary b;
	enum status st;
	uint64_t n = 0, want;

	if (!imap_binary_find(&t->m, &item->section, &b, &st) || st != STATUS_OK)
		return;
	CHECK(imap_binary_measure(&t->m, &b, 0, UINT64_MAX, &whole) == STATUS_OK);
	CHECK(imap_binary_read(&t->m, &b, item->from, item->len, count, &n) == STATUS_OK);
	want = item->from < whole.octets ? whole.octets - item->from : 0;
	CHECK(n == (want < item->len ? want : item->len));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of((struct text){ (const char *)data, size });
	struct fetch_items items;
	struct test_message t;

	test_message_make(&t, text_of(mail), TEXT("Return-Path: <>\r\n"));
	CHECK(imap_message_open(&t.m) == STATUS_OK);
	if (imap_fetch_items(&c, &t.arena, &items))
		for (uint32_t i = 0; i < items.count; i++) {
			if (items.at[i].id == ITEM_SECTION)
				one(&t, &items.at[i]);
			else if (items.at[i].id > ITEM_SECTION)
				binary(&t, &items.at[i]);
		}
	test_message_free(&t);
	return 0;
}
