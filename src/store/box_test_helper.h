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

#endif
