/* SPDX-License-Identifier: ISC */
/* mailstead queue list: messages with the recipients that wait, counts of them,
 * or the destinations. */
#include <stdio.h>

#include "base/clock.h"
#include "codec/trace_id.h"
#include "command/queue.h"

struct listing {
	struct output out;
	int64_t now;   /* seconds */
	uint64_t left; /* that may be told yet */
	uint64_t message;
	bool open; /* JSON of `message` is */
};

/* ---- messages ---- */

static void
message_text(struct listing *l, const struct queue_admin_list_reply *r, uint32_t k)
{
	struct buffer *b = &l->out.text, age = BUFFER_INIT, size = BUFFER_INIT;
	char id[TRACE_ID_LENGTH];

	trace_id_print(r->messages.at[k], id);
	queue_print_age(&age, l->now - (int64_t)r->received.at[k]);
	queue_print_octets(&size, r->sizes.at[k]);
	buffer_addf(
	    b, "%.*s %9s %9s  ", TRACE_ID_LENGTH, id, buffer_string(&age), buffer_string(&size));
	queue_print_safe(b, r->senders.at[k].len > 0 ? r->senders.at[k] : TEXT("<>"));
	buffer_add_byte(b, '\n');
	buffer_done(&age);
	buffer_done(&size);
}

static void
message_end(struct listing *l)
{
	if (l->open) {
		json_array_end(&l->out.json);
		json_object_end(&l->out.json);
	}
	l->open = false;
}

static void
message_json(struct listing *l, const struct queue_admin_list_reply *r, uint32_t k)
{
	struct json *j = &l->out.json;

	message_end(l);
	json_object(j);
	queue_json_id(j, r->messages.at[k]);
	json_key(j, "sender");
	json_text(j, r->senders.at[k]);
	json_key(j, "account");
	json_u64(j, r->accounts.at[k]);
	if (r->networks.at[k].len > 0) {
		json_key(j, "network");
		json_text(j, r->networks.at[k]);
	}
	json_key(j, "size");
	json_u64(j, r->sizes.at[k]);
	queue_json_time(j, "received", (int64_t)r->received.at[k]);
	json_key(j, "recipients");
	json_array(j);
	l->open = true;
}

/* ---- recipients ---- */

static const char *
state_word(uint64_t states)
{
	if (states & QUEUE_ADMIN_BUSY)
		return "under way";
	if (states & QUEUE_ADMIN_HELD)
		return "held";
	if (states & QUEUE_ADMIN_DUE)
		return "due";
	if (states & QUEUE_ADMIN_WAITING)
		return "waiting";
	return "done, the sender is to be told";
}

static void
recipient_text(struct listing *l, const struct queue_admin_list_reply *r, uint32_t i)
{
	struct buffer *b = &l->out.text;
	uint64_t states = r->states.at[i];
	size_t from;

	buffer_addf(b, "%*s", TRACE_ID_LENGTH + 1, "");
	from = b->len;
	queue_print_safe(b, r->recipients.at[i]);
	buffer_addf(b, "%*s  %s", b->len - from < 30 ? (int)(30 - (b->len - from)) : 0, "",
	    state_word(states));
	if ((states & QUEUE_ADMIN_WAITING) && !(states & (QUEUE_ADMIN_DUE | QUEUE_ADMIN_BUSY))) {
		buffer_add_string(b, ", next in ");
		queue_print_age(b, (int64_t)r->dues.at[i] - l->now);
	}
	if (r->attempts.at[i] > 0)
		buffer_addf(b, ", tried %llu time%s: ", (unsigned long long)r->attempts.at[i],
		    r->attempts.at[i] == 1 ? "" : "s");
	queue_print_safe(b, r->replies.at[i]);
	buffer_add_byte(b, '\n');
}

static void
recipient_json(struct listing *l, const struct queue_admin_list_reply *r, uint32_t i)
{
	struct json *j = &l->out.json;
	uint64_t states = r->states.at[i];

	json_object(j);
	json_key(j, "address");
	json_text(j, r->recipients.at[i]);
	json_key(j, "destination");
	json_text(j, r->destinations.at[i]);
	json_key(j, "state");
	json_text(j, text_of(states & QUEUE_ADMIN_HELD	    ? "held"
			     : states & QUEUE_ADMIN_WAITING ? "waiting"
							    : "done"));
	json_key(j, "underWay");
	json_bool(j, (states & QUEUE_ADMIN_BUSY) != 0);
	json_key(j, "owed");
	json_bool(j, (states & QUEUE_ADMIN_OWED) != 0);
	json_key(j, "attempts");
	json_u64(j, r->attempts.at[i]);
	queue_json_time(j, "due", (int64_t)r->dues.at[i]);
	json_key(j, "reply");
	json_text(j, r->replies.at[i]);
	json_object_end(j);
}

static bool
is_whole(const struct queue_admin_list_reply *r)
{
	uint32_t m = r->messages.count, n = r->recipients.count;
	uint64_t told = 0;

	for (uint32_t k = 0; k < r->counts.count; k++)
		told += r->counts.at[k];
	return r->senders.count == m && r->accounts.count == m && r->networks.count == m &&
	       r->sizes.count == m && r->received.count == m && r->counts.count == m && told == n &&
	       r->destinations.count == n && r->states.count == n && r->attempts.count == n &&
	       r->dues.count == n && r->replies.count == n;
}

static void
page(struct listing *l, const struct queue_admin_list_reply *r)
{
	uint32_t i = 0;

	for (uint32_t k = 0; k < r->messages.count && l->left > 0; k++) {
		bool same = l->open && l->message == r->messages.at[k];

		if (l->out.as_json && !same)
			message_json(l, r, k);
		else if (!l->out.as_json && l->message != r->messages.at[k])
			message_text(l, r, k);
		l->message = r->messages.at[k];
		for (uint64_t n = r->counts.at[k]; n > 0; n--, i++) {
			if (l->left == 0)
				continue;
			l->left--;
			if (l->out.as_json)
				recipient_json(l, r, i);
			else
				recipient_text(l, r, i);
		}
	}
}

static int
list_all(struct instance *i, const struct options *o, struct queue_choice q, uint64_t limit)
{
	struct listing l = {
		.out = output_of(o), .now = clock_wall() / CLOCK_SECOND, .left = limit
	};
	struct queue_admin_list_reply r;
	int code = EXIT_DONE;

	l.out.json = json_to(&l.out.text);
	if (l.out.as_json)
		json_array(&l.out.json);
	do {
		struct queue_admin_list_request request = { QUEUE_CHOICE_FIELDS(q).most = l.left };
		struct arena a = ARENA_INIT;
		enum status s = queue_admin_list(i->calls, &request, &a, &r, &i->failure);

		if (s == STATUS_OK && !is_whole(&r))
			s = STATUS_CORRUPT;
		if (s == STATUS_OK) {
			page(&l, &r);
			q.after = arena_copy(&i->arena, r.resume);
			code = output_flush(&l.out);
		} else {
			code = refused_by(s, &i->failure);
		}
		arena_done(&a);
	} while (code == EXIT_DONE && l.left > 0 && q.after.len > 0);
	message_end(&l);
	if (l.out.as_json)
		json_array_end(&l.out.json);
	if (code == EXIT_DONE)
		return output_write(&l.out);
	buffer_done(&l.out.text);
	return code;
}

/* ---- counts ---- */

static int
tell_counts(const struct options *o, const struct queue_admin_list_reply *all)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = { { "messages", all->message_count }, { "octets", all->octets },
		{ "waiting", all->waiting }, { "held", all->held }, { "owed", all->owed } };
	struct output out = output_of(o);

	out.json = json_to(&out.text);
	if (out.as_json)
		json_object(&out.json);
	for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
		if (!out.as_json) {
			buffer_addf(&out.text, "%-10s %llu\n", rows[k].name,
			    (unsigned long long)rows[k].value);
			continue;
		}
		json_key(&out.json, rows[k].name);
		json_u64(&out.json, rows[k].value);
	}
	if (out.as_json)
		json_object_end(&out.json);
	return output_write(&out);
}

static int
count(struct instance *i, const struct options *o, struct queue_choice q)
{
	struct queue_admin_list_reply all = { .none_ = 0 }, r;

	do {
		struct queue_admin_list_request request = { QUEUE_CHOICE_FIELDS(q).count_only = 1 };
		enum status s = queue_admin_list(i->calls, &request, &i->arena, &r, &i->failure);

		if (s != STATUS_OK)
			return refused_by(s, &i->failure);
		all.message_count += r.message_count;
		all.octets += r.octets;
		all.waiting += r.waiting;
		all.held += r.held;
		all.owed += r.owed;
		q.after = r.resume;
	} while (r.resume.len > 0);
	return tell_counts(o, &all);
}

/* ---- destinations ---- */

static void
destination_json(struct json *j, const struct queue_admin_destinations_reply *r, uint32_t k)
{
	json_object(j);
	json_key(j, "destination");
	json_text(j, r->destinations.at[k]);
	json_key(j, "waiting");
	json_u64(j, r->waiting.at[k]);
	json_key(j, "underWay");
	json_u64(j, r->leased.at[k]);
	json_key(j, "mayBeUnderWay");
	json_u64(j, r->windows.at[k]);
	json_key(j, "failures");
	json_u64(j, r->failures.at[k]);
	queue_json_time(j, "restsUntil", (int64_t)r->rests.at[k]);
	json_object_end(j);
}

static void
destination_text(struct buffer *b, const struct queue_admin_destinations_reply *r, uint32_t k)
{
	size_t from = b->len;

	queue_print_safe(b, r->destinations.at[k]);
	buffer_addf(b, "%*s %9llu %5llu of %llu",
	    b->len - from < 30 ? (int)(30 - (b->len - from)) : 0, "",
	    (unsigned long long)r->waiting.at[k], (unsigned long long)r->leased.at[k],
	    (unsigned long long)r->windows.at[k]);
	if (r->failures.at[k] > 0)
		buffer_addf(b, "  not reached %llu times", (unsigned long long)r->failures.at[k]);
	if (r->rests.at[k] > 0) {
		buffer_add_string(b, ", next in ");
		queue_print_age(b, (int64_t)r->rests.at[k] - clock_wall() / CLOCK_SECOND);
	}
	buffer_add_byte(b, '\n');
}

static int
destinations(
    struct instance *i, const struct options *o, const struct queue_choice *q, uint64_t limit)
{
	struct queue_admin_destinations_request request = { .destination = q->destination,
		.most = limit };
	struct output out = output_of(o);
	struct queue_admin_destinations_reply r;
	enum status s = queue_admin_destinations(i->calls, &request, &i->arena, &r, &i->failure);
	uint32_t n = r.destinations.count;

	if (s == STATUS_OK &&
	    (r.waiting.count != n || r.leased.count != n || r.windows.count != n ||
		r.failures.count != n || r.rests.count != n))
		s = STATUS_CORRUPT;
	if (s != STATUS_OK)
		return refused_by(s, &i->failure);
	out.json = json_to(&out.text);
	if (out.as_json)
		json_array(&out.json);
	else if (n > 0)
		buffer_addf(&out.text, "%-30s %9s %s\n", "destination", "waiting", "under way");
	for (uint32_t k = 0; k < n; k++) {
		if (out.as_json)
			destination_json(&out.json, &r, k);
		else
			destination_text(&out.text, &r, k);
	}
	if (out.as_json)
		json_array_end(&out.json);
	else if (r.total > n)
		buffer_addf(
		    &out.text, "and %llu more destinations\n", (unsigned long long)(r.total - n));
	return output_write(&out);
}

int
queue_list(struct instance *i, const struct options *o)
{
	struct queue_choice q;
	uint64_t limit = UINT64_MAX;
	int code = queue_choice(i, o, &q);

	if (code == EXIT_DONE && o->limit != NULL &&
	    text_to_u64(text_of(o->limit), &limit) != STATUS_OK)
		code = refused("not a number: %s", o->limit);
	if (code != EXIT_DONE)
		return code;
	if (o->destinations != NULL)
		return destinations(i, o, &q, o->limit == NULL ? 0 : limit);
	return o->count != NULL ? count(i, o, q) : list_all(i, o, q, limit);
}
