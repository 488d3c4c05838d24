/* SPDX-License-Identifier: ISC */
/* All about one outgoing message, for the operator. */
#include "store/core.h"
#include "store/queue_walk.h"
#include "store/scan.h"

struct showing {
	struct store *s;
	struct queue_admin_show_reply *reply;
	struct arena *a;
	struct queue_page page;
};

static void
make_room(struct showing *w)
{
	struct queue_admin_show_reply *r = w->reply;
	struct numbers *numbers[] = { &r->notify, &r->states, &r->owed, &r->attempts, &r->lasts,
		&r->dues, &r->busy, &r->rests };
	struct texts *texts[] = { &r->recipients, &r->destinations, &r->orcpts, &r->replies,
		&r->servers };

	queue_page_init(&w->page, w->a, numbers, ARRAY_LEN(numbers), texts, ARRAY_LEN(texts));
}

static uint64_t
rest_of(struct store *s, struct text destination)
{
	struct outgoing *o = &s->queue.outgoing;
	struct schedule_facts facts = { .rest = 0 };

	pthread_mutex_lock(&o->lock);
	if (!schedule_facts(o->schedule, destination, &facts) || facts.rest <= clock_wall())
		facts.rest = 0;
	pthread_mutex_unlock(&o->lock);
	return (uint64_t)(facts.rest / CLOCK_SECOND);
}

static enum status
show_run(void *arg, struct text key, struct text value)
{
	struct showing *w = arg;
	struct queue_admin_show_reply *r = w->reply;
	struct outgoing_run run;
	uint64_t busy, rest;

	if (key.len != 13 || outgoing_run_unpack(arena_copy(w->a, value), w->a, &run) != STATUS_OK)
		return STATUS_CORRUPT;
	if (queue_page_full(&w->page, r->recipients.count)) {
		r->next = key_number(key, 9, 4);
		return STATUS_NOT_FOUND;
	}
	busy = lease_is_out(w->s, key_number(key, 1, 8), (uint32_t)key_number(key, 9, 4));
	rest = rest_of(w->s, run.destination);
	for (uint32_t i = 0; i < run.count; i++) {
		const struct outgoing_recipient *one = &run.at[i];

		page_text(&w->page, &r->recipients, one->address);
		page_text(&w->page, &r->destinations, run.destination);
		page_text(&w->page, &r->orcpts, one->orcpt);
		page_text(&w->page, &r->replies, one->reply);
		page_text(&w->page, &r->servers, one->server);
		page_number(&r->notify, one->notify);
		page_number(&r->states, one->state);
		page_number(&r->owed, one->owed);
		page_number(&r->attempts, one->attempts);
		page_number(&r->lasts, (uint64_t)one->last);
		page_number(&r->dues, (uint64_t)run.due);
		page_number(&r->busy, busy && one->state == OUTGOING_WAITING);
		page_number(&r->rests, rest);
	}
	return STATUS_OK;
}

static void
tell_envelope(struct queue_admin_show_reply *r, const struct outgoing_message *m,
    const struct outgoing_envelope *e)
{
	OUTGOING_ENVELOPE_TO(r, m, e);
	if (sending_is_network(m->account))
		r->account = 0;
	r->expires = outgoing_expires(m);
	r->recipient_count = m->recipients;
}

static enum status
show(struct showing *w, uint64_t message, uint32_t first)
{
	struct outgoing_message m;
	struct outgoing_envelope e;
	enum status how = outgoing_find(w->s, message, w->a, &m);

	if (how == STATUS_OK)
		how = outgoing_find_envelope(w->s, message, &m, w->a, &e);
	if (how != STATUS_OK)
		return how;
	tell_envelope(w->reply, &m, &e);
	w->reply->network = sending_network_of(w->s, m.account, w->a);
	return outgoing_runs_of(w->s, message, first, &m, show_run, w);
}

void
serve_queue_admin_show(struct call_in *in, const void *request, void *context)
{
	const struct queue_admin_show_request *r = request;
	struct queue_admin_show_reply reply = { .none_ = 0 };
	struct showing w = { .s = context, .reply = &reply, .a = call_arena(in) };
	enum status how;

	make_room(&w);
	how = show(&w, r->message, (uint32_t)r->first);
	if (how == STATUS_OK)
		call_reply(in, &reply);
	else
		call_refuse(in, how,
		    how == STATUS_NOT_FOUND ? "There is no such message in the queue."
					    : "The message cannot be read.",
		    "queue_admin_show of %llu: %s", (unsigned long long)r->message,
		    status_word(how));
}
