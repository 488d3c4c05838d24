/* SPDX-License-Identifier: ISC */
/* Going through outgoing mail; see store/queue_walk.h. */
#include "store/queue_walk.h"

#include "store/core.h"
#include "store/scan.h"

#define PLACE_OCTETS 16u
#define DOMAIN_MAX 255u

/* Where a step begins: index is of the shard, or of a message that is named. */
struct place {
	uint32_t index, first;
	uint64_t message;
};

struct walk {
	struct store *s;
	struct arena *arena;   /* for what is handed on */
	struct arena scratch;  /* for one run */
	struct arena envelope; /* for one message */
	struct arena row;      /* of one that is named */
	const struct queue_selection *q;
	queue_walk_fn fn;
	void *arg;
	struct place place;
	uint32_t looked;
	size_t octets;
	bool found, full;
	bool judged, wanted; /* whether `verdict_of` is meant */
	uint64_t verdict_of;
};

void
queue_page_init(struct queue_page *p, struct arena *a, struct numbers *const numbers[],
    size_t number_count, struct texts *const texts[], size_t text_count)
{
	uint32_t room = QUEUE_PAGE_RECIPIENTS + SCHEDULE_RUN_MAX;

	p->octets = 0;
	for (size_t i = 0; i < number_count; i++)
		numbers[i]->at = ARENA_ARRAY(a, uint64_t, room);
	for (size_t i = 0; i < text_count; i++)
		texts[i]->at = ARENA_ARRAY(a, struct text, room);
}

/* ---- who is meant ---- */

enum status
queue_selection_check(const struct queue_selection *q)
{
	bool good = q->messages.count <= QUEUE_ADMIN_MESSAGES_MAX &&
		    q->sender.len <= QUEUE_ADDRESS_MAX && q->recipient.len <= QUEUE_ADDRESS_MAX &&
		    q->destination.len <= DOMAIN_MAX && q->states < QUEUE_ADMIN_BUSY &&
		    (q->after.len == 0 || q->after.len == PLACE_OCTETS);

	return good ? STATUS_OK : STATUS_INVALID;
}

static bool
address_fits(struct text wanted, struct text address)
{
	if (wanted.len == 0)
		return true;
	if (text_equal(wanted, TEXT("<>")))
		return address.len == 0;
	if (wanted.ptr[0] == '@')
		return text_ends_ci(address, wanted);
	return text_equal_ci(address, wanted);
}

uint64_t
queue_states(const struct outgoing_run *run, const struct outgoing_recipient *r, int64_t now)
{
	uint64_t states = outgoing_is_owed(r) ? QUEUE_ADMIN_OWED : 0;

	if (r->state == OUTGOING_HELD)
		states |= QUEUE_ADMIN_HELD;
	if (r->state == OUTGOING_WAITING)
		states |= QUEUE_ADMIN_WAITING | (run->due <= now ? QUEUE_ADMIN_DUE : 0);
	return states;
}

bool
queue_selects(const struct queue_selection *q, const struct outgoing_run *run, uint32_t i)
{
	uint64_t states = queue_states(run, &run->at[i], q->now);

	return (q->states == 0 ? states : states & q->states) != 0 &&
	       address_fits(q->recipient, run->at[i].address);
}

static bool
run_fits(const struct queue_selection *q, const struct outgoing_run *run)
{
	if ((q->account != 0 && q->account != run->account) ||
	    (q->destination.len > 0 && !text_equal_ci(q->destination, run->destination)))
		return false;
	for (uint32_t i = 0; i < run->count; i++)
		if (queue_selects(q, run, i))
			return true;
	return false;
}

/* What is in other rows of the message than the run. */
static enum status
message_fits(struct walk *w, uint64_t message, bool *out)
{
	struct outgoing_message m = { .received = 0 };
	struct outgoing_envelope e = { .sender = TEXT_EMPTY };
	bool aged = w->q->since != 0 || w->q->until != 0;
	enum status how = STATUS_OK;

	if (w->judged && w->verdict_of == message) {
		*out = w->wanted;
		return STATUS_OK;
	}
	arena_reset(&w->envelope);
	if (aged || w->q->sender.len > 0)
		how = outgoing_find(w->s, message, &w->envelope, &m);
	if (how == STATUS_OK && w->q->sender.len > 0)
		how = outgoing_find_envelope(w->s, message, &m, &w->envelope, &e);
	if (how != STATUS_OK && how != STATUS_NOT_FOUND)
		return how;
	w->wanted = how == STATUS_OK && address_fits(w->q->sender, e.sender) &&
		    (!aged || (m.received >= w->q->since &&
				  (w->q->until == 0 || m.received < w->q->until)));
	w->verdict_of = message;
	w->judged = true;
	*out = w->wanted;
	return STATUS_OK;
}

/* ---- the walk ---- */

static enum status
hand_on(struct walk *w, uint64_t message, uint32_t first, struct text value)
{
	struct queue_found f = { .arena = w->arena, .message = message, .first = first };
	enum status how = outgoing_run_unpack(arena_copy(w->arena, value), w->arena, &f.run);

	if (how == STATUS_OK)
		how = w->fn(w->arg, &f);
	if (how == STATUS_NOT_FOUND)
		w->full = true;
	w->found |= how == STATUS_OK;
	w->octets += value.len;
	return how;
}

static enum status
look_at(void *arg, struct text key, struct text value)
{
	struct walk *w = arg;
	struct outgoing_run run;
	bool wanted = false;
	enum status how;

	if (key.len != 13)
		return STATUS_CORRUPT;
	w->place.message = key_number(key, 1, 8);
	w->place.first = (uint32_t)key_number(key, 9, 4);
	if (w->looked++ >= QUEUE_WALK_RUNS || w->octets >= QUEUE_WALK_OCTETS) {
		w->full = true;
		return STATUS_NOT_FOUND;
	}
	arena_reset(&w->scratch);
	how = outgoing_run_unpack(value, &w->scratch, &run);
	if (how == STATUS_OK && run_fits(w->q, &run))
		how = message_fits(w, w->place.message, &wanted);
	return how == STATUS_OK && wanted ? hand_on(w, w->place.message, w->place.first, value)
					  : how;
}

static enum status
walk_message(struct walk *w)
{
	struct outgoing_message m;
	enum status how;

	w->place.message = w->q->messages.at[w->place.index];
	arena_reset(&w->row);
	how = outgoing_find(w->s, w->place.message, &w->row, &m);
	if (how == STATUS_OK)
		how = outgoing_runs_of(w->s, w->place.message, w->place.first, &m, look_at, w);
	return how == STATUS_NOT_FOUND ? STATUS_OK : how;
}

static enum status
walk_part(struct walk *w)
{
	struct entity shard = { ENTITY_QUEUE, w->place.index };

	if (w->q->messages.count > 0)
		return walk_message(w);
	return outgoing_each_run(w->s, shard, w->place.message, w->place.first, look_at, w);
}

static struct text
place_pack(const struct place *p, struct arena *a)
{
	struct buffer b = BUFFER_INIT;
	struct text out;

	pack_be32(&b, p->index);
	pack_be64(&b, p->message);
	pack_be32(&b, p->first);
	out = arena_copy(a, buffer_text(&b));
	buffer_done(&b);
	return out;
}

static struct place
place_of(struct text after)
{
	struct unpack u = unpack_of(after);
	struct place p = { .first = 0 };

	if (after.len == 0)
		return p;
	p.index = unpack_be32(&u);
	p.message = unpack_be64(&u);
	p.first = unpack_be32(&u);
	return p;
}

enum status
queue_walk(struct store *s, struct arena *a, const struct queue_selection *q, bool one_shard,
    queue_walk_fn fn, void *arg, struct text *resume)
{
	uint32_t parts = q->messages.count > 0 ? q->messages.count : QUEUE_SHARDS;
	struct walk w = { .s = s,
		.arena = a,
		.scratch = ARENA_INIT,
		.envelope = ARENA_INIT,
		.row = ARENA_INIT,
		.q = q,
		.fn = fn,
		.arg = arg,
		.place = place_of(q->after) };
	enum status how = STATUS_OK;

	while (how == STATUS_OK && !w.full && w.place.index < parts && !(one_shard && w.found)) {
		how = walk_part(&w);
		if (how == STATUS_OK && !w.full)
			w.place = (struct place){ .index = w.place.index + 1 };
	}
	arena_done(&w.scratch);
	arena_done(&w.envelope);
	arena_done(&w.row);
	if (how == STATUS_OK)
		*resume = w.place.index < parts ? place_pack(&w.place, a) : TEXT_EMPTY;
	return how;
}
