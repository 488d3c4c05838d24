/* SPDX-License-Identifier: ISC */
/*
 * A store with outgoing mail in it, for tests: messages are taken in, leased and
 * reported about.
 */
#ifndef STORE_OUTGOING_TEST_HELPER_H
#define STORE_OUTGOING_TEST_HELPER_H

#include <poll.h>

#include "runtime/settings.h"
#include "store/core.h"
#include "store/outgoing.h"
#include "store/queue.h"
#include "store/serve.h"
#include "store/store_test_helper.h"

#define NOW INT64_C(1700000000) /* seconds */

struct rig {
	const char *sender;
	uint64_t alice;
	struct text token;
	const char *orcpt, *reply; /* of all recipients; what the server says */
	uint64_t notify, ret, by, needs, copy;
	int64_t by_time, not_before;
	struct world *w;
	struct parcel p;
	struct queue_lease_reply lease;
	bool next; /* wanted with a report */
	struct queue_report_reply got;
};

UNUSED static void
at(int64_t seconds)
{
	clock_set_for_test(seconds * CLOCK_SECOND, seconds * CLOCK_SECOND);
}

UNUSED static void
resume(struct rig *r)
{
	struct queue_resume_reply reply;

	assert_ok(ASK(r->w, outbound, queue_resume, &reply));
	assert_int_equal(reply.gone.count, 0);
}

/* Breaks the link of outbound; the store has noticed. */
UNUSED static void
cut(struct rig *r)
{
	struct outgoing *o = &r->w->store->queue.outgoing;
	size_t before, now;

	pthread_mutex_lock(&o->lock);
	now = before = o->resumed.count;
	pthread_mutex_unlock(&o->lock);
	call_pair_break(r->w->pair[4], 0);
	while (now == before) {
		(void)poll(NULL, 0, 1);
		pthread_mutex_lock(&o->lock);
		now = o->resumed.count;
		pthread_mutex_unlock(&o->lock);
	}
}

/* Tests of the queue send as much as they like. */
UNUSED static void
no_limits(void)
{
	for (unsigned i = SET_SENDING_MESSAGES_HOUR; i <= SET_SENDING_FIRST_DAY; i++)
		assert_ok(setting_apply((enum setting)i, TEXT("0")));
}

UNUSED static int
setup(void **state)
{
	struct rig *r = MEM_NEW(struct rig);

	no_limits();
	at(NOW);
	r->w = world_new(world_memory());
	r->sender = "alice@example.com";
	r->orcpt = "rfc822;x@example.net";
	r->reply = "450 4.2.0 later";
	world_domain(r->w, "example.com");
	r->alice = world_account(r->w, r->sender);
	r->token = world_token(r->w, r->alice);
	r->p = world_message(r->w, "m", "out", "");
	resume(r);
	*state = r;
	return 0;
}

UNUSED static int
teardown(void **state)
{
	struct rig *r = *state;

	world_check(r->w, 0);
	world_free(r->w);
	mem_free(r);
	clock_set_for_test(-1, -1);
	return 0;
}

UNUSED static enum status
submit_op(struct rig *r, const char *to, uint64_t op, uint64_t *message)
{
	struct text rest = text_of(to), one, address[1000], orcpt[1000];
	struct submission_commit_reply reply = { .message = 0 };
	uint64_t notify[1000];
	uint32_t n = 0;
	enum status s;

	while (text_split(&rest, ' ', &one)) {
		address[n] = one;
		notify[n] = r->notify;
		orcpt[n++] = text_of(r->orcpt);
	}
	if (r->sender[0] != 0 && strcmp(r->sender, "alice@example.com") != 0)
		r->token = world_writer(r->w, r->sender);
	s = ASK(r->w, intake, submission_commit, &reply, .token = r->token, .op = op,
	    .id = TEXT("ID1"), .sender = text_of(r->sender), .envid = TEXT("env"), .ret = r->ret,
	    .by = r->by, .needs = r->needs, .copy = r->copy, .by_time = r->by_time,
	    .not_before = r->not_before, .received = NOW, .size = r->p.raw.len,
	    .summary = r->p.summary, .recipients = { address, n }, .orcpts = { orcpt, n },
	    .notify = { notify, n }, .content = PAYLOAD_OF(r->p.content));
	*message = reply.message;
	return s;
}

UNUSED static uint64_t
submit(struct rig *r, const char *to)
{
	uint64_t message;

	assert_ok(submit_op(r, to, random_u64(), &message));
	return message;
}

/* Takes a lease; how many recipients are in it. */
UNUSED static uint32_t
take(struct rig *r)
{
	assert_ok(ASK(r->w, outbound, queue_lease, &r->lease));
	return r->lease.message == 0 ? 0 : r->lease.numbers.count;
}

/* Each recipient has the outcome. */
UNUSED static enum status
report_op(struct rig *r, enum queue_outcome outcome, enum schedule_end how, uint64_t op)
{
	uint64_t outcomes[SCHEDULE_RUN_MAX];
	struct text replies[SCHEDULE_RUN_MAX];
	uint32_t n = r->lease.numbers.count;

	for (uint32_t i = 0; i < n; i++) {
		outcomes[i] = outcome;
		replies[i] = text_of(r->reply);
	}
	return ASK(r->w, outbound, queue_report, &r->got, .op = op, .message = r->lease.message,
	    .first = r->lease.first, .how = how, .numbers = r->lease.numbers,
	    .outcomes = { outcomes, n }, .replies = { replies, n },
	    .server = TEXT("mx.example.org"), .next = r->next);
}

UNUSED static void
report(struct rig *r, enum queue_outcome outcome, enum schedule_end how)
{
	assert_ok(report_op(r, outcome, how, random_u64()));
}

UNUSED static unsigned
rows(struct rig *r)
{
	struct blob_id id = { { 0 } };
	struct engine_scan *scan;
	struct text key, value;
	uint32_t pieces;
	unsigned n = 0;

	for (uint64_t i = 0; i < QUEUE_SHARDS; i++) {
		assert_ok(engine_scan_open(r->w->engine, (struct entity){ ENTITY_QUEUE, i },
		    TEXT_EMPTY, TEXT_EMPTY, &scan));
		while (engine_scan_next(scan, &key, &value) == STATUS_OK)
			n += key.ptr[0] != KEY_Q_HEAD && key.ptr[0] != KEY_Q_OPS &&
			     key.ptr[0] != KEY_Q_SENT && key.ptr[0] != KEY_Q_KNOWN &&
			     key.ptr[0] != KEY_Q_SUPPRESSED;
		engine_scan_close(scan);
	}
	while (engine_next_blob(r->w->engine, id, &id, &pieces) == STATUS_OK)
		n++;
	return n;
}

UNUSED static void
crash(struct rig *r)
{
	world_crash(r->w);
	resume(r);
}

UNUSED static struct outgoing_run
run_of(struct rig *r, uint64_t message, uint32_t first)
{
	struct outgoing_message m;
	struct outgoing_run run;

	assert_ok(outgoing_find(r->w->store, message, &r->w->arena, &m));
	assert_ok(outgoing_find_run(r->w->store, message, first, &m, &r->w->arena, &run));
	return run;
}

UNUSED static struct text
token_of(struct rig *r, const char *address)
{
	struct store_account_reply reply;

	assert_ok(ASK(r->w, admin, store_account, &reply, .address = text_of(address)));
	return world_token(r->w, reply.account);
}

UNUSED static void
set(struct rig *r, const char *name, const char *value)
{
	struct store_setting_set_reply none;

	assert_ok(ASK(
	    r->w, admin, store_setting_set, &none, .name = text_of(name), .value = text_of(value)));
}

UNUSED static uint64_t
in_mailbox(struct rig *r, const char *address, const char *name)
{
	struct store_open_reply open;

	store_settle(r->w->store);
	open = world_open_mailbox(r->w, token_of(r, address), name);
	return runs_total(&open.uids);
}

#endif
