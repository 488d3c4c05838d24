/* SPDX-License-Identifier: ISC */
/*
 * What of the queue is in hand, and the calls about it. The store forgets its
 * leases when it ends, and takes them back when the link breaks; so each new
 * link begins with queue_resume, which names all that is in hand. To name all,
 * nobody may be between a lease's reply and its note here meanwhile, nor between a
 * report's and the end of the note: these are made under one side of a lock, and
 * resuming is its other side.
 */
#ifndef OUTBOUND_HAND_H
#define OUTBOUND_HAND_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "store/queue_calls.h"

/* A lease in hand. */
struct hold {
	struct list node;
	uint64_t message;
	uint32_t first;
	_Atomic bool gone; /* is nobody's to send any more: stop */
};

struct hand {
	struct calls *calls;
	pthread_rwlock_t resuming;
	uint64_t epoch; /* how often was resumed; written under resuming */
	pthread_mutex_t lock;
	struct list holds;
	_Atomic bool abandoned; /* failing calls are not made again */
};

void hand_init(struct hand *h, struct calls *calls);
void hand_done(struct hand *h);

/* OK: reply and *hold, which ends with hand_report. NOT_FOUND: there is nothing
 * now. Else the store is away. */
enum status hand_lease(struct hand *h, struct text prefer, struct arena *a,
    struct queue_lease_reply *reply, struct hold *hold) MUST_CHECK;
/* A piece of its message. CLOSED: it is gone. */
enum status hand_piece(struct hand *h, const struct hold *hold, uint64_t piece, struct arena *a,
    struct text *bytes) MUST_CHECK;
/* Reports, as often as must be until the store has it; ends the hold. The op
 * and what names the lease are filled in. With r->next, as hand_lease: true: a
 * lease came with the answer, *next and its hold, in this arena; else next->message
 * is 0, and next->more 0 if there is nothing now. Only the first attempt asks for
 * one. */
bool hand_report(struct hand *h, struct hold *hold, struct queue_report_request *r, struct arena *a,
    struct queue_lease_reply *next, struct hold *next_hold);
/* Waits before what failed is tried again: longer with each time, from a tenth
 * of a second on; not at all once abandoned. */
void hand_pause(const struct hand *h, unsigned tries);

#endif
