/* SPDX-License-Identifier: ISC */
/* Any bytes give a list within the bound, groups paired, no line ends in it;
 * an envelope address that is read prints to one that reads the same. */
#include "mime/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_clean(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		CHECK(t.ptr[i] != '\n' && t.ptr[i] != '\r' && t.ptr[i] != '\0');
}

static void
check_list(struct text in)
{
	struct arena a = ARENA_INIT;
	struct mime_addresses list;
	bool in_group = false;

	mime_addresses_parse(&a, in, 20, &list);
	CHECK(list.count <= 20);
	for (uint32_t i = 0; i < list.count; i++) {
		const struct mime_address *x = &list.at[i];

		CHECK(!x->group_start || !in_group);
		CHECK(!x->group_end || in_group);
		in_group = (in_group || x->group_start) && !x->group_end;
		check_clean(x->name);
		check_clean(x->adl);
		check_clean(x->mailbox);
		check_clean(x->host);
	}
	CHECK(!in_group || list.cut);
	arena_done(&a);
}

static void
check_envelope(struct text in)
{
	struct cursor c = cursor_of(in);
	struct buffer b = BUFFER_INIT, key = BUFFER_INIT, again = BUFFER_INIT;
	struct arena a = ARENA_INIT;
	struct smtp_address x, y;

	if (smtp_address_mailbox(&c, true, &a, &x)) {
		smtp_address_print(&b, x);
		c = cursor_of(buffer_text(&b));
		CHECK(smtp_address_mailbox(&c, true, &a, &y) && cursor_done(&c));
		CHECK(text_equal(x.local, y.local) && text_equal(x.domain, y.domain));
		if (smtp_address_key(in, &key) == STATUS_OK) {
			CHECK(smtp_address_key(buffer_text(&b), &again) == STATUS_OK);
			CHECK(text_equal(buffer_text(&key), buffer_text(&again)));
		}
	}
	arena_done(&a);
	buffer_done(&b);
	buffer_done(&key);
	buffer_done(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text in = { (const char *)data, size };

	check_list(in);
	check_envelope(in);
	return 0;
}
