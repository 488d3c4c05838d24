/* SPDX-License-Identifier: ISC */
/* mailstead account and network: freeze, resume, limit, and what show says of sending. */
#include <string.h>

#include "codec/date.h"
#include "command/account.h"
#include "store/calls.h"
#include "store/limits_calls.h"

#define NAME_ROW(name) name,
static const char *const names[] = { LIMIT_NAMES(NAME_ROW) };

static int
change(struct instance *i, struct limits_change_request *q, uint64_t *changed)
{
	struct limits_change_reply r;
	enum status s = limits_change(i->calls, q, &i->arena, &r, &i->failure);

	if (s != STATUS_OK)
		return refused_by(s, &i->failure);
	*changed = r.changed;
	return EXIT_DONE;
}

int
account_freeze(struct instance *i, const struct options *o)
{
	struct limits_change_request q = { .address = text_of(o->args[1]),
		.change = LIMITS_FREEZE,
		.why = o->reason == NULL ? TEXT("the people who run this service did so")
					 : text_of(o->reason) };
	uint64_t changed = 0;
	int code = change(i, &q, &changed);

	if (code != EXIT_DONE)
		return code;
	return changed ? output_done(o, "stopped sending of", o->args[1])
		       : refused("sending is stopped for %s already", o->args[1]);
}

int
account_unfreeze(struct instance *i, const struct options *o, bool *was)
{
	struct limits_change_request q = { .address = text_of(o->args[1]),
		.change = LIMITS_RESUME };
	uint64_t changed = 0;
	int code = change(i, &q, &changed);

	*was = changed != 0;
	return code;
}

int
account_limit(struct instance *i, const struct options *o)
{
	struct limits_change_request q = { .address = text_of(o->args[1]), .change = LIMITS_SET };
	uint64_t changed;
	int code;

	while (q.which < ARRAY_LEN(names) && strcmp(names[q.which], o->args[2]) != 0)
		q.which++;
	if (q.which == ARRAY_LEN(names))
		return refused("there is no limit %s: messages_hour, messages_day, "
			       "recipients_hour, recipients_day, first_hour or first_day",
		    o->args[2]);
	q.own = strcmp(o->args[3], "default") != 0;
	if (q.own && text_to_u64(text_of(o->args[3]), &q.value) != STATUS_OK)
		return refused(
		    "%s is no number; 0 is no limit, default is the setting's", o->args[3]);
	code = change(i, &q, &changed);
	return code == EXIT_DONE ? output_done(o, "limit set for", o->args[1]) : code;
}

/* ---- shown ---- */

static void
show_text(struct buffer *b, const struct limits_show_reply *r)
{
	if (r->name.len > 0)
		buffer_addf(b, "network    %.*s\n", TEXT_ARG(r->name));
	if (r->since != 0) {
		buffer_add_string(b, "sending    stopped since ");
		date_print_rfc3339(b, r->since);
		buffer_addf(
		    b, "%s: %.*s\n", r->by_operator ? " by the operator" : "", TEXT_ARG(r->why));
	}
	if (r->following)
		buffer_addf(
		    b, "queue      its mail is being %s\n", r->since != 0 ? "held" : "released");
	for (uint32_t k = 0; k < ARRAY_LEN(names) && k < r->limits.count; k++) {
		buffer_addf(b, "%-16s %llu", names[k], (unsigned long long)r->used.at[k]);
		if (r->limits.at[k] != 0)
			buffer_addf(b, " of %llu", (unsigned long long)r->limits.at[k]);
		buffer_addf(b, "%s\n", r->own.at[k] ? ", its own limit" : "");
	}
}

static void
show_json(struct json *j, const struct limits_show_reply *r)
{
	struct buffer since = BUFFER_INIT;

	if (r->name.len > 0) {
		json_key(j, "network");
		json_text(j, r->name);
	}
	json_key(j, "sending");
	json_object(j);
	json_key(j, "stopped");
	json_bool(j, r->since != 0);
	if (r->since != 0) {
		date_print_rfc3339(&since, r->since);
		json_key(j, "since");
		json_text(j, buffer_text(&since));
		json_key(j, "why");
		json_text(j, r->why);
		json_key(j, "by_operator");
		json_bool(j, r->by_operator != 0);
	}
	json_key(j, "following");
	json_bool(j, r->following != 0);
	for (uint32_t k = 0; k < ARRAY_LEN(names) && k < r->limits.count; k++) {
		json_key(j, names[k]);
		json_object(j);
		json_key(j, "used");
		json_u64(j, r->used.at[k]);
		json_key(j, "limit");
		json_u64(j, r->limits.at[k]);
		json_key(j, "own");
		json_bool(j, r->own.at[k] != 0);
		json_object_end(j);
	}
	json_object_end(j);
	buffer_done(&since);
}

int
account_show_sending(struct instance *i, struct text address, struct output *out)
{
	struct limits_show_request q = { .address = address };
	struct limits_show_reply r;
	enum status s = limits_show(i->calls, &q, &i->arena, &r, &i->failure);

	if (s == STATUS_OK && (r.used.count != r.limits.count || r.own.count != r.limits.count))
		s = STATUS_CORRUPT;
	if (s != STATUS_OK) {
		buffer_done(&out->text);
		return refused_by(s, &i->failure);
	}
	if (out->as_json) {
		show_json(&out->json, &r);
		json_object_end(&out->json);
	} else {
		show_text(&out->text, &r);
	}
	return output_write(out);
}
