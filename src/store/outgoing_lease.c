/* SPDX-License-Identifier: ISC */
/*
 * Leases: who has which recipients in hand. The schedule proposes, the rows
 * decide: an entry whose run is gone, has nobody who waits, or is due later by
 * now was overtaken by something else, and the next one is looked at.
 */
#include <limits.h>

#include "base/log.h"
#include "base/random.h"
#include "store/core.h"
#include "store/outgoing.h"

#define READ_AGAIN CLOCK_MINUTE /* what could not be read */

/* ---- the list; under the lock ---- */

static struct lease *
find(struct outgoing *o, uint64_t message, uint32_t first)
{
	struct key k = outgoing_run_key(message, first);

	return map_get(&o->leases, key_text(&k));
}

static void
forget(struct outgoing *o, struct lease *l)
{
	struct key k = outgoing_run_key(l->message, l->first);

	(void)map_remove(&o->leases, key_text(&k));
	text_disown(l->destination);
	mem_free(l);
}

static void
wait_again(struct outgoing *o, const struct lease *l, int64_t due, int64_t now)
{
	struct schedule_run run = { .message = l->message,
		.sender = l->account,
		.first = l->first,
		.count = (uint16_t)l->count,
		.priority = l->priority };

	schedule_add(o->schedule, l->destination, &run, due, now);
}

static void
note(struct outgoing *o, uint64_t link, const struct schedule_run *run, struct text destination,
    bool counted)
{
	struct key k = outgoing_run_key(run->message, run->first);
	struct lease *l = MEM_NEW(struct lease);

	*l = (struct lease){ .link = link,
		.message = run->message,
		.first = run->first,
		.count = run->count,
		.account = run->sender,
		.priority = run->priority,
		.counted = counted,
		.destination = text_own(destination) };
	(void)map_put(&o->leases, key_text(&k), l);
}

/* Its recipients wait again, until then. */
static void
give_back(struct outgoing *o, struct lease *l, int64_t due, int64_t now)
{
	if (l->counted)
		schedule_end(o->schedule, l->destination, SCHEDULE_NEITHER, now, 0);
	wait_again(o, l, due, now);
	forget(o, l);
}

/* Once, until it was said that there is nothing more: who was not told so asks
 * again. */
bool
lease_rings(struct outgoing *o, int64_t now)
{
	bool rings = !o->rung && schedule_wants(o->schedule, now);

	o->rung |= rings;
	return rings;
}

/* ---- for the other files ---- */

/* counted: whether the schedule counts it. */
static bool
held(struct store *s, uint64_t link, uint64_t message, uint32_t first, bool *counted)
{
	struct outgoing *o = &s->queue.outgoing;
	const struct lease *l;
	bool so;

	pthread_mutex_lock(&o->lock);
	l = find(o, message, first);
	so = l != NULL && l->link == link;
	*counted = so && l->counted;
	pthread_mutex_unlock(&o->lock);
	return so;
}

bool
lease_held(struct store *s, uint64_t link, uint64_t message, uint32_t first)
{
	bool counted;

	return held(s, link, message, first, &counted);
}

bool
lease_is_resumed(struct store *s, uint64_t link, uint64_t message, uint32_t first)
{
	bool counted;

	return held(s, link, message, first, &counted) && !counted;
}

bool
lease_is_out(struct store *s, uint64_t message, uint32_t first)
{
	struct outgoing *o = &s->queue.outgoing;
	bool out;

	pthread_mutex_lock(&o->lock);
	out = find(o, message, first) != NULL;
	pthread_mutex_unlock(&o->lock);
	return out;
}

bool
lease_take(struct store *s, uint64_t message, uint32_t first, const struct outgoing_run *run)
{
	struct outgoing *o = &s->queue.outgoing;
	struct schedule_run r = { .message = message,
		.sender = run->account,
		.first = first,
		.count = (uint16_t)run->count,
		.priority = (int8_t)run->priority };
	bool free;

	pthread_mutex_lock(&o->lock);
	free = find(o, message, first) == NULL;
	if (free)
		note(o, 0, &r, run->destination, false);
	pthread_mutex_unlock(&o->lock);
	return free;
}

void
lease_end(struct store *s, uint64_t message, uint32_t first, enum schedule_end how)
{
	struct outgoing *o = &s->queue.outgoing;
	uint32_t dice = how == SCHEDULE_DOWN ? (uint32_t)random_u64() : 0;
	int64_t now = clock_wall();
	struct lease *l;
	bool due;

	pthread_mutex_lock(&o->lock);
	l = find(o, message, first);
	if (l != NULL && l->counted)
		schedule_end(o->schedule, l->destination, how, now, dice);
	if (l != NULL && l->proposed)
		wait_again(o, l, now, now);
	if (l != NULL)
		forget(o, l);
	due = lease_rings(o, now);
	pthread_mutex_unlock(&o->lock);
	if (due)
		bell_ring(&o->bell);
}

void
lease_back(struct store *s, uint64_t link, const struct queue_lease_reply *lease)
{
	struct outgoing *o = &s->queue.outgoing;
	int64_t now = clock_wall();
	struct lease *l;

	if (lease->message == 0)
		return;
	pthread_mutex_lock(&o->lock);
	l = find(o, lease->message, (uint32_t)lease->first);
	if (l != NULL && l->link == link)
		give_back(o, l, now, now);
	pthread_mutex_unlock(&o->lock);
	bell_ring(&o->bell);
}

void
outgoing_lost(struct store *s, uint64_t link)
{
	struct outgoing *o = &s->queue.outgoing;
	int64_t now = clock_wall();
	size_t at = 0;
	void *p;

	bell_lost(&o->bell, link);
	pthread_mutex_lock(&o->lock);
	(void)map_remove_u64(&o->resumed, link);
	while (map_each(&o->leases, &at, NULL, NULL, &p))
		if (((struct lease *)p)->link == link)
			give_back(o, p, now, now);
	outgoing_owed_lost(o, link, now);
	o->rung = false;
	pthread_mutex_unlock(&o->lock);
	bell_ring(&o->bell);
}

void
serve_queue_feed(struct call_in *in, const void *request, void *context)
{
	(void)request;
	bell_open(&((struct store *)context)->queue.outgoing.bell, in);
}

/* ---- reading what is leased ---- */

static enum status
read_run(struct store *s, uint64_t message, uint32_t first, struct arena *a,
    struct outgoing_message *m, struct outgoing_run *r)
{
	enum status how = outgoing_find(s, message, a, m);

	return how == STATUS_OK ? outgoing_find_run(s, message, first, m, a, r) : how;
}

static uint32_t
waiting(const struct outgoing_run *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->count; i++)
		n += r->at[i].state == OUTGOING_WAITING;
	return n;
}

static void
tell_recipients(struct queue_lease_reply *reply, const struct outgoing_run *r, struct arena *a)
{
	uint32_t n = waiting(r), k = 0;

	reply->numbers = (struct numbers){ ARENA_ARRAY(a, uint64_t, n), n };
	reply->recipients = (struct texts){ ARENA_ARRAY(a, struct text, n), n };
	reply->orcpts = (struct texts){ ARENA_ARRAY(a, struct text, n), n };
	reply->notify = (struct numbers){ ARENA_ARRAY(a, uint64_t, n), n };
	reply->attempts = (struct numbers){ ARENA_ARRAY(a, uint64_t, n), n };
	for (uint32_t i = 0; i < r->count; i++) {
		if (r->at[i].state != OUTGOING_WAITING)
			continue;
		reply->numbers.at[k] = reply->first + i;
		reply->recipients.at[k] = r->at[i].address;
		reply->orcpts.at[k] = r->at[i].orcpt;
		reply->notify.at[k] = r->at[i].notify;
		reply->attempts.at[k] = r->at[i].attempts;
		k++;
	}
}

/* True: somebody has failed, or could not; how says. */
static bool
bars(struct store *s, const struct schedule_run *run, const struct outgoing_message *m,
    const struct outgoing_envelope *e, const struct outgoing_run *r, int64_t now, struct arena *a,
    enum status *how)
{
	if (!outgoing_may_be_barred(m, e->forward_sender.len > 0, r, now / CLOCK_SECOND) ||
	    !outgoing_is_barred(s, r, a))
		return false;
	*how = outgoing_bar(s, run->message, run->first, a);
	if (*how == STATUS_OK)
		*how = STATUS_NOT_FOUND;
	return true;
}

/* The first piece. It is kept for the message's other runs, which are tried at about
 * the same time; a blob never changes. */
static enum status
read_content(struct store *s, uint64_t message, const struct outgoing_message *m,
    const struct outgoing_run *r, struct arena *a, struct text *piece)
{
	struct fresh *f = &s->queue.shard[message % QUEUE_SHARDS].fresh;
	struct key k = { .len = 1, .byte = { QUEUE_FRESH_CONTENT } };
	bool again = m->recipients > r->count;
	uint64_t moment;
	enum status how;

	key_add_text(&k, (struct text){ (const char *)m->blob.byte, sizeof(m->blob.byte) });
	if (again && fresh_get(f, key_text(&k), a, piece))
		return STATUS_OK;
	moment = fresh_moment(f);
	how = engine_blob_get(s->engine, m->blob, 0, a, piece);
	if (how == STATUS_OK && again)
		fresh_learn(f, moment, key_text(&k), *piece, false);
	return how;
}

/* NOT_FOUND: it was overtaken, there is nothing to do, or not any more: who is on
 * the suppression list by now has failed, and the others wait again. */
static enum status
read_lease(struct store *s, const struct schedule_run *run, int64_t now, struct arena *a,
    struct queue_lease_reply *reply)
{
	struct outgoing_run r;
	struct outgoing_message m;
	struct outgoing_envelope e;
	enum status how = read_run(s, run->message, run->first, a, &m, &r);

	if (how == STATUS_OK && (waiting(&r) == 0 || r.due * CLOCK_SECOND > now))
		return STATUS_NOT_FOUND;
	if (how == STATUS_OK)
		how = outgoing_find_envelope(s, run->message, &m, a, &e);
	if (how == STATUS_OK && bars(s, run, &m, &e, &r, now, a, &how))
		return how;
	if (how == STATUS_OK)
		how = read_content(s, run->message, &m, &r, a, &reply->piece0);
	if (how != STATUS_OK)
		return how;
	reply->message = run->message;
	reply->first = run->first;
	reply->destination = r.destination;
	reply->priority = r.priority;
	tell_recipients(reply, &r, a);
	OUTGOING_ENVELOPE_TO(reply, &m, &e);
	if (e.forward_sender.len > 0)
		reply->sender = e.forward_sender;
	return STATUS_OK;
}

/* AGAIN: it is about to be held. Else the engine could not give it: later, perhaps. */
static void
postpone(struct store *s, const struct schedule_run *run, int64_t now, enum status why)
{
	struct outgoing *o = &s->queue.outgoing;
	struct lease *l;

	if (why != STATUS_AGAIN)
		LOG_ALARM("store.queue_unreadable", FIELD_U64("message", run->message),
		    FIELD_STATUS(why));
	pthread_mutex_lock(&o->lock);
	l = find(o, run->message, run->first);
	if (l != NULL)
		give_back(o, l, now + READ_AGAIN, now);
	pthread_mutex_unlock(&o->lock);
}

/* ---- calls ---- */

/* The next entry, noted as leased by the link. False: nothing, or how is not
 * OK. */
static bool
propose(struct outgoing *o, struct call_in *in, struct text prefer, int64_t now,
    struct schedule_run *run, bool *more, enum status *how)
{
	struct text destination;
	struct lease *l;
	bool found = false;

	pthread_mutex_lock(&o->lock);
	*how = call_link_alive(in) ? STATUS_OK : STATUS_CLOSED;
	if (*how == STATUS_OK && map_get_u64(&o->resumed, call_link(in)) == NULL)
		*how = STATUS_DENIED;
	while (*how == STATUS_OK && !found &&
	       schedule_lease(o->schedule, prefer, now, &destination, run)) {
		l = find(o, run->message, run->first);
		found = l == NULL;
		if (found) {
			note(o, call_link(in), run, destination, true);
			continue;
		}
		l->proposed = true;
		schedule_end(o->schedule, destination, SCHEDULE_NEITHER, now, 0);
	}
	*more = schedule_wants(o->schedule, now);
	o->rung = o->rung && *more;
	pthread_mutex_unlock(&o->lock);
	return found;
}

/* At most so many entries are looked at. */
static enum status
next_of(struct store *s, struct call_in *in, struct text prefer, unsigned most,
    struct queue_lease_reply *reply)
{
	int64_t now = clock_wall();
	struct schedule_run run;
	enum status how = STATUS_OK;
	bool more = true;

	*reply = (struct queue_lease_reply){ .message = 0 };
	while (most-- > 0 && propose(&s->queue.outgoing, in, prefer, now, &run, &more, &how)) {
		how = sending_is_holding(s, run.sender)
			  ? STATUS_AGAIN
			  : read_lease(s, &run, now, call_arena(in), reply);
		if (how == STATUS_OK)
			break;
		if (how == STATUS_NOT_FOUND)
			lease_end(s, run.message, run.first, SCHEDULE_NEITHER);
		else
			postpone(s, &run, now, how);
		how = STATUS_OK;
		*reply = (struct queue_lease_reply){ .message = 0 };
	}
	reply->more = how == STATUS_OK && more;
	return how;
}

void
lease_follows(struct store *s, struct call_in *in, const struct queue_report_request *r,
    struct queue_lease_reply *reply)
{
	struct outgoing *o = &s->queue.outgoing;
	struct text destination = TEXT_EMPTY;
	struct lease *l;
	bool some;

	pthread_mutex_lock(&o->lock);
	l = find(o, r->message, (uint32_t)r->first);
	some = l != NULL;
	if (some)
		destination = arena_copy(call_arena(in), l->destination);
	pthread_mutex_unlock(&o->lock);
	if (!some || next_of(s, in, destination, 1, reply) != STATUS_OK)
		*reply = (struct queue_lease_reply){ .message = 0, .more = 1 };
	if (reply->message == 0)
		return;
	pthread_mutex_lock(&o->lock);
	l = find(o, reply->message, (uint32_t)reply->first);
	if (l != NULL)
		l->brought = r->op;
	pthread_mutex_unlock(&o->lock);
}

void
lease_not_heard_of(struct store *s, uint64_t link, uint64_t op)
{
	struct outgoing *o = &s->queue.outgoing;
	int64_t now = clock_wall();
	bool some = false;
	size_t at = 0;
	void *p;

	pthread_mutex_lock(&o->lock);
	while (op != 0 && map_each(&o->leases, &at, NULL, NULL, &p)) {
		struct lease *l = p;

		if (l->link != link || l->brought != op)
			continue;
		give_back(o, l, now, now);
		some = true;
	}
	pthread_mutex_unlock(&o->lock);
	if (some)
		bell_ring(&o->bell);
}

void
serve_queue_lease(struct call_in *in, const void *request, void *context)
{
	const struct queue_lease_request *r = request;
	struct queue_lease_reply reply;
	enum status how = next_of(context, in, r->prefer, UINT_MAX, &reply);

	if (how == STATUS_OK)
		call_reply(in, &reply);
	else
		call_refuse(
		    in, how, "Say first what is in hand.", "queue_lease before queue_resume");
}

void
serve_queue_piece(struct call_in *in, const void *request, void *context)
{
	const struct queue_piece_request *r = request;
	struct store *s = context;
	struct queue_piece_reply reply = { .none_ = 0 };
	struct outgoing_message m;
	struct text bytes = TEXT_EMPTY;
	enum status how = STATUS_DENIED;

	if (lease_held(s, call_link(in), r->message, (uint32_t)r->first) ||
	    notice_held(s, call_link(in), r->message))
		how = outgoing_find(s, r->message, call_arena(in), &m);
	if (how == STATUS_OK && r->piece >= m.pieces)
		how = STATUS_NOT_FOUND;
	if (how == STATUS_OK)
		how =
		    engine_blob_get(s->engine, m.blob, (uint16_t)r->piece, call_arena(in), &bytes);
	reply.bytes = PAYLOAD_OF(bytes);
	if (how == STATUS_OK)
		call_reply(in, &reply);
	else
		call_refuse(in, how, "The message cannot be read.", "piece %llu of %llu: %s",
		    (unsigned long long)r->piece, (unsigned long long)r->message, status_word(how));
}

/* What a link says that it has in hand becomes its lease, if somebody in it still
 * waits and the store has not taken it itself. There is one outbound: what an
 * earlier link of it has, is its own, though nobody noticed yet that that broke. */
static bool
resume_one(struct store *s, struct call_in *in, uint64_t message, uint32_t first)
{
	struct outgoing *o = &s->queue.outgoing;
	struct schedule_run run = { .message = message, .first = first };
	struct outgoing_message m;
	struct outgoing_run r;
	struct lease *l;
	bool ours;

	if (read_run(s, message, first, call_arena(in), &m, &r) != STATUS_OK || waiting(&r) == 0)
		return false;
	run.count = (uint16_t)r.count;
	run.sender = r.account;
	run.priority = (int8_t)r.priority;
	pthread_mutex_lock(&o->lock);
	l = find(o, message, first);
	ours = call_link_alive(in) && (l == NULL || l->link != 0);
	if (ours && l == NULL)
		note(o, call_link(in), &run, r.destination, false);
	else if (ours)
		l->link = call_link(in);
	pthread_mutex_unlock(&o->lock);
	return ours;
}

void
serve_queue_resume(struct call_in *in, const void *request, void *context)
{
	const struct queue_resume_request *r = request;
	struct outgoing *o = &((struct store *)context)->queue.outgoing;
	struct queue_resume_reply reply = { .none_ = 0 };
	uint32_t n = r->messages.count;

	if (n != r->firsts.count) {
		call_refuse(in, STATUS_INVALID, "Bad request.", "queue_resume: two lengths");
		return;
	}
	reply.gone.at = ARENA_ARRAY(call_arena(in), uint64_t, n);
	for (uint32_t i = 0; i < n; i++)
		if (!resume_one(context, in, r->messages.at[i], (uint32_t)r->firsts.at[i]))
			reply.gone.at[reply.gone.count++] = i;
	pthread_mutex_lock(&o->lock);
	if (call_link_alive(in))
		(void)map_put_u64(&o->resumed, call_link(in), o);
	pthread_mutex_unlock(&o->lock);
	call_reply(in, &reply);
}
