/* SPDX-License-Identifier: ISC */
/* The operator's list of outgoing mail, and its counts. */
#include "store/core.h"
#include "store/queue_walk.h"

struct listing {
	struct store *s;
	const struct queue_selection *q;
	struct queue_admin_list_reply *reply;
	struct arena *a;
	uint32_t most; /* recipients */
	bool count_only;
	bool any;
	uint64_t message; /* the last that was told, if any */
	struct queue_page page;
};

/* Room for a page in every list. */
static void
make_room(struct listing *l)
{
	struct queue_admin_list_reply *r = l->reply;
	struct numbers *numbers[] = { &r->messages, &r->accounts, &r->sizes, &r->received,
		&r->counts, &r->states, &r->attempts, &r->dues };
	struct texts *texts[] = { &r->senders, &r->networks, &r->recipients, &r->destinations,
		&r->replies };

	queue_page_init(&l->page, l->a, numbers, ARRAY_LEN(numbers), texts, ARRAY_LEN(texts));
}

/* NOT_FOUND: it went meanwhile. */
static enum status
tell_message(struct listing *l, uint64_t message)
{
	struct queue_admin_list_reply *r = l->reply;
	struct outgoing_message m;
	struct outgoing_envelope e;
	struct arena scratch = ARENA_INIT;
	enum status how;

	if (l->any && l->message == message)
		return STATUS_OK;
	how = outgoing_find(l->s, message, &scratch, &m);
	if (how == STATUS_OK)
		how = outgoing_find_envelope(l->s, message, &m, &scratch, &e);
	if (how == STATUS_OK) {
		l->any = true;
		l->message = message;
		r->message_count++;
		r->octets += e.size;
	}
	if (how == STATUS_OK && !l->count_only) {
		page_number(&r->messages, message);
		page_text(&l->page, &r->senders, arena_copy(l->a, e.sender));
		page_number(&r->accounts, sending_is_network(m.account) ? 0 : m.account);
		page_text(&l->page, &r->networks, sending_network_of(l->s, m.account, l->a));
		page_number(&r->sizes, e.size);
		page_number(&r->received, (uint64_t)m.received);
		page_number(&r->counts, 0);
	}
	arena_done(&scratch);
	return how;
}

static void
tell_recipient(struct listing *l, const struct outgoing_run *run, uint32_t i, uint64_t states)
{
	struct queue_admin_list_reply *r = l->reply;

	page_text(&l->page, &r->recipients, run->at[i].address);
	page_text(&l->page, &r->destinations, run->destination);
	page_text(&l->page, &r->replies, run->at[i].reply);
	page_number(&r->states, states);
	page_number(&r->attempts, run->at[i].attempts);
	page_number(&r->dues, (uint64_t)run->due);
	r->counts.at[r->counts.count - 1]++;
}

static enum status
list_run(void *arg, const struct queue_found *f)
{
	struct listing *l = arg;
	struct queue_admin_list_reply *r = l->reply;
	bool busy = !l->count_only && lease_is_out(l->s, f->message, f->first);
	enum status how;

	if (r->recipients.count >= l->most || queue_page_full(&l->page, r->recipients.count))
		return STATUS_NOT_FOUND;
	how = tell_message(l, f->message);
	if (how != STATUS_OK)
		return how == STATUS_NOT_FOUND ? STATUS_OK : how;
	for (uint32_t i = 0; i < f->run.count; i++) {
		uint64_t states = queue_states(&f->run, &f->run.at[i], l->q->now);

		if (!queue_selects(l->q, &f->run, i))
			continue;
		r->waiting += (states & QUEUE_ADMIN_WAITING) != 0;
		r->held += (states & QUEUE_ADMIN_HELD) != 0;
		r->owed += (states & QUEUE_ADMIN_OWED) != 0;
		if (!l->count_only)
			tell_recipient(l, &f->run, i,
			    states |
				(busy && (states & QUEUE_ADMIN_WAITING) ? QUEUE_ADMIN_BUSY : 0));
	}
	return STATUS_OK;
}

void
serve_queue_admin_list(struct call_in *in, const void *request, void *context)
{
	const struct queue_admin_list_request *r = request;
	struct queue_selection q = QUEUE_SELECTION_OF(r, clock_wall() / CLOCK_SECOND);
	struct queue_admin_list_reply reply = { .none_ = 0 };
	struct listing l = { .s = context,
		.q = &q,
		.reply = &reply,
		.a = call_arena(in),
		.most = r->most == 0 || r->most > UINT32_MAX ? UINT32_MAX : (uint32_t)r->most,
		.count_only = r->count_only != 0 };
	enum status how = queue_selection_check(&q);

	make_room(&l);
	if (how == STATUS_OK)
		how = queue_walk(context, l.a, &q, false, list_run, &l, &reply.resume);
	if (how == STATUS_OK)
		call_reply(in, &reply);
	else
		call_refuse(in, how, "The queue cannot be listed.", "queue_admin_list: %s",
		    status_word(how));
}
