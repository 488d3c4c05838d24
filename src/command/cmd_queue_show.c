/* SPDX-License-Identifier: ISC */
/* mailstead queue show: all about one message. */
#include <stdio.h>

#include "base/clock.h"
#include "codec/date.h"
#include "codec/trace_id.h"
#include "command/queue.h"
#include "store/outgoing_rows.h"

static const char *const state_words[] = {
	[OUTGOING_WAITING] = "waiting",
	[OUTGOING_HELD] = "held",
	[OUTGOING_DELIVERED] = "delivered",
	[OUTGOING_RELAYED] = "relayed",
	[OUTGOING_FAILED] = "failed",
	[OUTGOING_DROPPED] = "dropped",
};

static const char *
state_word(uint64_t state)
{
	return state < ARRAY_LEN(state_words) ? state_words[state] : "unknown";
}

static const char *
owed_word(uint64_t owed)
{
	if (owed & OWED_FAILURE)
		return "failure";
	if (owed & OWED_SUCCESS)
		return "success";
	return owed & OWED_DELAY ? "delay" : NULL;
}

/* ---- the envelope ---- */

static void
line(struct buffer *b, const char *name, struct text value)
{
	buffer_addf(b, "%-11s", name);
	queue_print_safe(b, value);
	buffer_add_byte(b, '\n');
}

static void
time_line(struct buffer *b, const char *name, int64_t at)
{
	buffer_addf(b, "%-11s", name);
	date_print_rfc3339(b, at);
	buffer_add_byte(b, '\n');
}

static void
envelope_text(struct buffer *b, uint64_t message, const struct queue_admin_show_reply *r)
{
	char id[TRACE_ID_LENGTH];

	trace_id_print(message, id);
	line(b, "id", (struct text){ id, sizeof(id) });
	if (!text_equal(r->id, (struct text){ id, sizeof(id) }))
		line(b, "trace", r->id);
	line(b, "sender", r->sender.len > 0 ? r->sender : TEXT("<>"));
	if (r->account != 0)
		buffer_addf(b, "account    %llu\n", (unsigned long long)r->account);
	if (r->network.len > 0)
		line(b, "network", r->network);
	buffer_addf(b, "octets     %llu\n", (unsigned long long)r->size);
	time_line(b, "received", r->received);
	time_line(b, "expires", r->expires);
	if (r->envid.len > 0)
		line(b, "envid", r->envid);
	if (r->priority != 0)
		buffer_addf(b, "priority   %lld\n", (long long)r->priority);
	if (r->needs & QUEUE_REQUIRETLS)
		line(b, "needs", TEXT("TLS"));
	buffer_addf(b, "recipients %llu\n", (unsigned long long)r->recipient_count);
}

static void
envelope_json(struct json *j, uint64_t message, const struct queue_admin_show_reply *r)
{
	queue_json_id(j, message);
	json_key(j, "trace");
	json_text(j, r->id);
	json_key(j, "sender");
	json_text(j, r->sender);
	json_key(j, "account");
	json_u64(j, r->account);
	if (r->network.len > 0) {
		json_key(j, "network");
		json_text(j, r->network);
	}
	json_key(j, "size");
	json_u64(j, r->size);
	queue_json_time(j, "received", r->received);
	queue_json_time(j, "expires", r->expires);
	json_key(j, "envid");
	json_text(j, r->envid);
	json_key(j, "priority");
	json_i64(j, r->priority);
	json_key(j, "requireTls");
	json_bool(j, (r->needs & QUEUE_REQUIRETLS) != 0);
	json_key(j, "recipientCount");
	json_u64(j, r->recipient_count);
	json_key(j, "recipients");
	json_array(j);
}

/* ---- recipients ---- */

static void
recipient_text(struct buffer *b, const struct queue_admin_show_reply *r, uint32_t i)
{
	const char *owed = owed_word(r->owed.at[i]);
	int64_t now = clock_wall() / CLOCK_SECOND;

	buffer_add_byte(b, '\n');
	queue_print_safe(b, r->recipients.at[i]);
	buffer_addf(b, "\n  state    %s%s", state_word(r->states.at[i]),
	    r->busy.at[i] ? ", under way" : "");
	if (r->states.at[i] == OUTGOING_WAITING && !r->busy.at[i] && (int64_t)r->dues.at[i] > now) {
		buffer_add_string(b, ", next in ");
		queue_print_age(b, (int64_t)r->dues.at[i] - now);
	}
	if (r->attempts.at[i] > 0) {
		buffer_addf(b, "\n  tried    %llu time%s, last ",
		    (unsigned long long)r->attempts.at[i], r->attempts.at[i] == 1 ? "" : "s");
		date_print_rfc3339(b, (int64_t)r->lasts.at[i]);
	}
	if (r->servers.at[i].len > 0) {
		buffer_add_string(b, "\n  server   ");
		queue_print_safe(b, r->servers.at[i]);
	}
	if (r->replies.at[i].len > 0) {
		buffer_add_string(b, "\n  said     ");
		queue_print_safe(b, r->replies.at[i]);
	}
	if (r->rests.at[i] > 0) {
		buffer_add_string(b, "\n  at rest  ");
		queue_print_safe(b, r->destinations.at[i]);
		buffer_add_string(b, ", not reached; next in ");
		queue_print_age(b, (int64_t)r->rests.at[i] - now);
	}
	if (owed != NULL)
		buffer_addf(b, "\n  owed     %s, to the sender", owed);
	buffer_add_byte(b, '\n');
}

static void
recipient_json(struct json *j, const struct queue_admin_show_reply *r, uint32_t i)
{
	const char *owed = owed_word(r->owed.at[i]);

	json_object(j);
	json_key(j, "address");
	json_text(j, r->recipients.at[i]);
	json_key(j, "destination");
	json_text(j, r->destinations.at[i]);
	json_key(j, "orcpt");
	json_text(j, r->orcpts.at[i]);
	json_key(j, "state");
	json_text(j, text_of(state_word(r->states.at[i])));
	json_key(j, "underWay");
	json_bool(j, r->busy.at[i] != 0);
	json_key(j, "owed");
	if (owed == NULL)
		json_null(j);
	else
		json_text(j, text_of(owed));
	json_key(j, "attempts");
	json_u64(j, r->attempts.at[i]);
	queue_json_time(j, "last", (int64_t)r->lasts.at[i]);
	queue_json_time(j, "due", (int64_t)r->dues.at[i]);
	queue_json_time(j, "restsUntil", (int64_t)r->rests.at[i]);
	json_key(j, "server");
	json_text(j, r->servers.at[i]);
	json_key(j, "reply");
	json_text(j, r->replies.at[i]);
	json_object_end(j);
}

static bool
is_whole(const struct queue_admin_show_reply *r)
{
	uint32_t n = r->recipients.count;

	return r->destinations.count == n && r->orcpts.count == n && r->notify.count == n &&
	       r->states.count == n && r->owed.count == n && r->attempts.count == n &&
	       r->lasts.count == n && r->dues.count == n && r->busy.count == n &&
	       r->rests.count == n && r->replies.count == n && r->servers.count == n;
}

static void
page(struct output *out, uint64_t message, const struct queue_admin_show_reply *r, bool first)
{
	if (first && out->as_json)
		envelope_json(&out->json, message, r);
	else if (first)
		envelope_text(&out->text, message, r);
	for (uint32_t i = 0; i < r->recipients.count; i++) {
		if (out->as_json)
			recipient_json(&out->json, r, i);
		else
			recipient_text(&out->text, r, i);
	}
}

int
queue_show(struct instance *i, const struct options *o)
{
	struct queue_admin_show_request q = { .first = 0 };
	struct queue_admin_show_reply r;
	struct output out = output_of(o);
	int code = queue_id_parse(o->args[1], &q.message);

	if (code != EXIT_DONE)
		return code;
	out.json = json_to(&out.text);
	if (out.as_json)
		json_object(&out.json);
	do {
		enum status s = queue_admin_show(i->calls, &q, &i->arena, &r, &i->failure);

		if (s == STATUS_OK && !is_whole(&r))
			s = STATUS_CORRUPT;
		if (s != STATUS_OK) {
			buffer_done(&out.text);
			return refused_by(s, &i->failure);
		}
		page(&out, q.message, &r, q.first == 0);
		q.first = r.next;
	} while (r.next != 0);
	if (out.as_json) {
		json_array_end(&out.json);
		json_object_end(&out.json);
	}
	return output_write(&out);
}
