/* SPDX-License-Identifier: ISC */
/* Who gets a message; see store/reach.h. */
#include "store/reach.h"

#include "store/core.h"

enum status
reach_verdict(enum status s)
{
	switch (s) {
	case STATUS_OK:
	case STATUS_NOT_FOUND:
	case STATUS_DENIED:
	case STATUS_QUOTA:
	case STATUS_FULL:
	case STATUS_AMBIGUOUS:
		return s;
	case STATUS_INVALID:
		return STATUS_NOT_FOUND;
	default:
		return STATUS_UNAVAILABLE;
	}
}

static void
add(struct reach *r, const struct target *t)
{
	uint32_t cap = r->count;

	if (map_get_u64(&r->known, t->account) != NULL)
		return;
	if ((r->count & (r->count - 1)) == 0) { /* full at each power of two */
		struct reached *at =
		    ARENA_ARRAY(r->arena, struct reached, cap == 0 ? 1 : (size_t)cap * 2);

		if (cap > 0)
			memcpy(at, r->at, cap * sizeof(*at));
		r->at = at;
	}
	r->at[r->count++] = (struct reached){ .account = t->account };
	(void)map_put_u64(&r->known, t->account, (void *)(uintptr_t)r->count);
}

void
reach_again(struct reach *r)
{
	r->count = 0;
	r->at = NULL;
	map_done(&r->known);
	for (uint32_t i = 0; i < r->recipients->count; i++)
		for (uint32_t k = 0; r->verdict[i] == STATUS_OK && k < r->to[i].count; k++)
			add(r, &r->to[i].at[k]);
}

void
reach_all(struct reach *r)
{
	const struct texts *to = r->recipients;

	r->verdict = ARENA_ARRAY(r->arena, uint64_t, to->count);
	r->to = ARENA_ARRAY(r->arena, struct targets, to->count);
	for (uint32_t i = 0; i < to->count; i++) {
		struct targets *t = &r->to[i];
		uint32_t open;

		r->verdict[i] = reach_verdict(directory_resolve(r->store, to->at[i], r->arena, t));
		r->unsure |= r->verdict[i] == STATUS_UNAVAILABLE;
		open = t->outside.count;
		for (uint32_t k = 0; r->verdict[i] == STATUS_OK && k < t->count; k++)
			open += !t->at[k].suspended;
		if (r->verdict[i] == STATUS_OK && open == 0)
			r->verdict[i] = STATUS_UNAVAILABLE;
		r->outside |= r->verdict[i] == STATUS_OK && t->outside.count > 0;
	}
	reach_again(r);
}

/* As far as is known now. */
static void
look_at_room(struct reach *r, struct account *a, struct reached *out)
{
	uint64_t quota;

	pthread_mutex_lock(&a->owner.lock);
	if (a->owner.loaded && !a->missing) {
		quota = account_quota(&a->facts);
		out->full = quota > 0 && (r->size > quota || a->head.octets > quota - r->size);
		out->has_it = remembered_has(&a->remembered, r->op);
	}
	pthread_mutex_unlock(&a->owner.lock);
}

static void
refuse_full(struct reach *r)
{
	for (uint32_t i = 0; i < r->recipients->count; i++) {
		uint32_t open = r->to[i].outside.count;

		for (uint32_t k = 0; r->verdict[i] == STATUS_OK && k < r->to[i].count; k++) {
			uintptr_t at = (uintptr_t)map_get_u64(&r->known, r->to[i].at[k].account);

			open += at != 0 && !r->at[at - 1].full;
		}
		if (r->verdict[i] == STATUS_OK && open == 0)
			r->verdict[i] = STATUS_QUOTA;
	}
}

/* Full accounts of recipients that have others are left in: they were promised
 * the message when it was taken for the rest. */
enum status
reach_room(struct reach *r)
{
	enum status s = STATUS_OK;
	bool had = false;

	for (uint32_t i = 0; i < r->count && s == STATUS_OK; i++) {
		struct account *a = account_get(r->store, r->at[i].account);

		s = owner_wait_loaded(&a->owner);
		look_at_room(r, a, &r->at[i]);
		had |= r->at[i].has_it;
		account_put(a);
	}
	for (uint32_t i = 0; had && i < r->count; i++)
		r->at[i].full = !r->at[i].has_it;
	refuse_full(r);
	reach_again(r);
	return s;
}

void
reach_done(struct reach *r)
{
	map_done(&r->known);
}
