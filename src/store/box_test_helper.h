/* SPDX-License-Identifier: ISC */
/* For tests with one account, alice@example.com, and its mailboxes. */
#ifndef STORE_BOX_TEST_HELPER_H
#define STORE_BOX_TEST_HELPER_H

#include <stdio.h>

#include "store/store_test_helper.h"

struct box {
	struct world *w;
	uint64_t account;
	struct text token;
	uint64_t inbox; /* of box_filled */
};

UNUSED static int
box_empty(void **state)
{
	struct box *b = MEM_NEW(struct box);

	b->w = world_new(world_memory());
	world_domain(b->w, "example.com");
	b->account = world_account(b->w, "alice@example.com");
	b->token = world_token(b->w, b->account);
	*state = b;
	return 0;
}

/* With five messages in its INBOX. */
UNUSED static int
box_filled(void **state)
{
	struct box *b;

	(void)box_empty(state);
	b = *state;
	for (int i = 0; i < 5; i++) {
		char id[8];
		struct parcel p;

		(void)snprintf(id, sizeof(id), "m%d", i);
		p = world_message(b->w, id, id, "");
		assert_ok(world_deliver(b->w, "alice@example.com", &p));
	}
	b->inbox = world_open_mailbox(b->w, b->token, "INBOX").mailbox;
	return 0;
}

UNUSED static int
box_done(void **state)
{
	struct box *b = *state;

	world_check(b->w, b->account);
	world_check(b->w, 0);
	world_free(b->w);
	mem_free(b);
	return 0;
}

/* Of its INBOX; keyword "": none. */
UNUSED static struct store_flags_reply
box_set_flags(struct box *b, uint32_t first, uint32_t last, enum flags_mode mode, unsigned flags,
    const char *keyword)
{
	struct runs uids = world_uids(first, last);
	struct text word = text_of(keyword);
	struct store_flags_reply reply;

	assert_ok(ASK(b->w, access, store_flags, &reply, .token = b->token, .op = random_u64(),
	    .mailbox = b->inbox, .uids = uids, .mode = mode, .flags = flags,
	    .keywords = { &word, keyword[0] != 0 }, .unchanged_since = UINT64_MAX));
	runs_done(&uids);
	return reply;
}

#endif
