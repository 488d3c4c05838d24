/* SPDX-License-Identifier: ISC */
/* What senders are to be told, asked for and told, for tests. */
#ifndef STORE_OUTGOING_OWED_TEST_HELPER_H
#define STORE_OUTGOING_OWED_TEST_HELPER_H

#include "store/outgoing_test_helper.h"

/* How many recipients the sender is to be told something of; 0: nothing now. */
UNUSED static uint32_t
owed(struct rig *r, struct queue_owed_reply *out)
{
	assert_ok(ASK(r->w, outbound, queue_owed, out));
	return out->message == 0 ? 0 : out->numbers.count;
}

UNUSED static enum status
told_op(struct rig *r, const struct queue_owed_reply *what, uint64_t op)
{
	struct queue_told_reply reply;

	return ASK(r->w, outbound, queue_told, &reply, .op = op, .message = what->message,
	    .notice_op = what->notice_op, .kind = what->kind, .numbers = what->numbers,
	    .firsts = what->firsts);
}

UNUSED static void
told(struct rig *r, const struct queue_owed_reply *what)
{
	assert_ok(told_op(r, what, random_u64()));
}

UNUSED static void
not_told(struct rig *r, uint64_t message)
{
	struct queue_told_reply reply;

	assert_ok(ASK(r->w, outbound, queue_told, &reply, .message = message));
}

UNUSED static void
nothing_is_owed(struct rig *r)
{
	struct queue_owed_reply o;

	assert_int_equal(owed(r, &o), 0);
}

/* The store looks at deadlines, and what comes of it is done. */
UNUSED static void
tend(struct rig *r)
{
	store_tend(r->w->store);
	store_settle(r->w->store);
}

UNUSED static uint64_t
one_with(struct rig *r, const char *to, enum queue_outcome outcome)
{
	uint64_t message = submit(r, to);

	while (take(r) > 0)
		report(r, outcome, SCHEDULE_WELL);
	return message;
}

#endif
