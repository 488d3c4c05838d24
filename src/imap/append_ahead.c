/* SPDX-License-Identifier: ISC */
/*
 * Messages of one command (RFC 3502) that intake works on while the next ones
 * come. They are filed all or not at all, by one call at the end; that names
 * what intake has already and brings the rest. Where intake has not kept it (it
 * began anew, or had no room), the call is made again with everything: so what
 * fails here costs time and nothing else.
 */
#include "imap/append.h"

#include <stdatomic.h>

struct append_part {
	struct append_part *next; /* the one before it */
	struct spool spool;	  /* its octets, sealed */
	struct call_ahead *call;  /* under way, or NULL */
};

_Atomic unsigned append_parts_held;

static struct calls *
calls_of(const struct append_batch *b)
{
	return b->im->server->calls;
}

static void
part_wait(struct append_batch *b, struct append_part *p)
{
	struct arena a = ARENA_INIT;
	struct intake_prepare_reply r;

	if (p->call != NULL && call_finish(p->call, NULL, &a, &r, NULL) != STATUS_OK) {
		b->ahead.on = false;
		b->ahead.failed = true;
	}
	p->call = NULL;
	arena_done(&a);
}

/* Waits until no more than so many are under way: the newest, which come first. */
static void
wait_for_all_but(struct append_batch *b, unsigned most)
{
	for (struct append_part *p = b->ahead.parts; p != NULL; p = p->next)
		if (most > 0)
			most--;
		else
			part_wait(b, p);
}

/* One more, if there may be one: all that has come since the last. */
static struct append_part *
part_new(struct append_batch *b)
{
	struct append_ahead *h = &b->ahead;
	struct append_part *p;

	if (h->part_count == APPEND_AHEAD_PARTS)
		return NULL;
	if (atomic_fetch_add(&append_parts_held, 1) >= APPEND_AHEAD_PARTS_ALL) {
		atomic_fetch_sub(&append_parts_held, 1);
		return NULL;
	}
	p = MEM_NEW(struct append_part);
	*p = (struct append_part){ .next = h->parts, .spool = b->spool };
	spool_init(&b->spool, 0);
	h->parts = p;
	h->part_count++;
	h->count = b->count;
	h->octets += p->spool.len;
	return p;
}

/* The octets' mapping is not needed once they were sent. */
static void
hand_over(struct append_batch *b)
{
	struct append_ahead *h = &b->ahead;
	struct intake_prepare_request q = { .op = h->op,
		.first = h->count,
		.sizes = { b->sizes + h->count, b->count - h->count },
		.key = b->im->account };
	struct append_part *p;

	wait_for_all_but(b, APPEND_AHEAD_CALLS - 1);
	p = h->on ? part_new(b) : NULL;
	h->on = p != NULL;
	if (p == NULL)
		return;
	if (spool_payload(&p->spool, &q.messages) == STATUS_OK)
		p->call = call_begin_at(calls_of(b), h->instance, &intake_prepare_call, &q);
	else
		h->failed = true;
	h->on = !h->failed;
	spool_unmap(&p->spool);
}

/* Parts grow with what has come, so that they are few. */
static size_t
part_size(const struct append_ahead *h)
{
	size_t size = (size_t)h->octets / 4;

	return size < APPEND_AHEAD_LEAST  ? APPEND_AHEAD_LEAST
	       : size > APPEND_AHEAD_MOST ? APPEND_AHEAD_MOST
					  : size;
}

/* Whether what has come is a part: enough octets, or messages. */
static bool
is_part(const struct append_batch *b, uint32_t messages)
{
	return b->spool.len >= part_size(&b->ahead) ||
	       (messages >= APPEND_AHEAD_MESSAGES && b->spool.len >= APPEND_AHEAD_LEAST);
}

void
append_ahead(struct append_batch *b)
{
	struct append_ahead *h = &b->ahead;
	uint32_t messages = b->count - h->count;

	if (b->commands > 1 || (h->op != 0 && !h->on) || !is_part(b, messages))
		return;
	if (h->op == 0) {
		h->on = true;
		h->op = imap_op();
		h->instance = calls_instance(calls_of(b), ROLE_INTAKE);
	}
	if (messages > APPEND_AHEAD_MESSAGES || b->spool.len > APPEND_AHEAD_CALL)
		h->on = false; /* small ones, or a large one: they go with the rest */
	if (h->on)
		hand_over(b);
}

void
append_ahead_wait(struct append_batch *b)
{
	wait_for_all_but(b, 0);
}

/* The parts in their order; each is mapped for that alone. */
static enum status
add_parts(struct append_part *p, struct spool *whole)
{
	enum status st = p->next == NULL ? STATUS_OK : add_parts(p->next, whole);
	struct payload octets;

	if (st == STATUS_OK)
		st = spool_payload(&p->spool, &octets);
	if (st == STATUS_OK)
		st = spool_add(whole, octets.bytes);
	spool_unmap(&p->spool);
	return st;
}

static void
parts_free(struct append_ahead *h)
{
	while (h->parts != NULL) {
		struct append_part *p = h->parts;

		h->parts = p->next;
		if (p->call != NULL)
			call_abandon(p->call);
		spool_done(&p->spool);
		mem_free(p);
		atomic_fetch_sub(&append_parts_held, 1);
	}
	h->part_count = h->count = 0;
	h->octets = 0;
}

enum status
append_whole(struct append_batch *b, struct payload *out)
{
	struct spool whole;
	struct payload rest;
	enum status st = spool_payload(&b->spool, &rest);

	if (st != STATUS_OK || b->ahead.parts == NULL) {
		*out = rest;
		return st;
	}
	spool_init(&whole, 0);
	st = add_parts(b->ahead.parts, &whole);
	if (st == STATUS_OK)
		st = spool_add(&whole, rest.bytes);
	spool_done(&b->spool);
	b->spool = whole;
	parts_free(&b->ahead);
	return st == STATUS_OK ? spool_payload(&b->spool, out) : st;
}

void
append_ahead_done(struct append_batch *b)
{
	const struct intake_prepare_request nothing = { .op = b->ahead.op };

	parts_free(&b->ahead);
	if (b->ahead.op != 0 && !b->ahead.filed)
		call_abandon(
		    call_begin_at(calls_of(b), b->ahead.instance, &intake_prepare_call, &nothing));
}
