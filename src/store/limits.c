/* SPDX-License-Identifier: ISC */
/* The operator at the limits of accounts and networks; see store/limits_calls.h. */
#include "store/limits_calls.h"

#include "store/core.h"
#include "store/sending.h"
#include "store/serve.h"

#define COUNT_NAME(name) +1
_Static_assert(0 LIMIT_NAMES(COUNT_NAME) == SENDING_LIMITS, "a name for each limit");

struct sender {
	struct sending_key key;
	struct text name; /* of a network, or address */
};

/* Answers the call if there is none. */
static bool
find_sender(struct store *s, struct call_in *in, struct text address, struct sender *out)
{
	struct address_key k;
	struct address row;

	if (text_find_last(address, '@') < address.len) {
		if (!serve_find_account(s, in, address, &k, &row))
			return false;
		*out = (struct sender){ { SENDING_ACCOUNT, row.account }, address };
		return true;
	}
	out->name = sending_network_find(s, address, call_arena(in));
	out->key = sending_network(out->name);
	if (out->name.len == 0)
		call_refuse(in, STATUS_NOT_FOUND,
		    "There is no such network in submission.relay_networks.", "no network %.*s",
		    TEXT_ARG(address));
	return out->name.len > 0;
}

void
serve_limits_show(struct call_in *in, const void *request, void *context)
{
	const struct limits_show_request *r = request;
	struct arena *a = call_arena(in);
	uint64_t *limits = ARENA_ARRAY(a, uint64_t, SENDING_LIMITS),
		 *own = ARENA_ARRAY(a, uint64_t, SENDING_LIMITS),
		 *used = ARENA_ARRAY(a, uint64_t, SENDING_LIMITS);
	struct limits_show_reply reply = { .limits = { limits, SENDING_LIMITS },
		.own = { own, SENDING_LIMITS },
		.used = { used, SENDING_LIMITS } };
	struct sending_rule rule, force;
	struct sender who;
	enum status how;

	if (!find_sender(context, in, r->address, &who))
		return;
	how = sending_used(context, who.key, used);
	if (how != STATUS_OK) {
		call_refuse(
		    in, how, "The counts cannot be read now.", "limits_show: %s", status_word(how));
		return;
	}
	sending_rule(context, sending_number(who.key), a, &rule);
	sending_rule_in_force(context, who.key, a, &force);
	reply.name = who.key.kind == SENDING_NETWORK ? who.name : TEXT_EMPTY;
	reply.number = sending_number(who.key);
	reply.since = rule.since;
	reply.why = rule.why;
	reply.by_operator = rule.by_operator;
	reply.following = (rule.todo & (SENDING_HOLD | SENDING_RELEASE)) != 0;
	for (unsigned i = 0; i < SENDING_LIMITS; i++) {
		limits[i] = sending_limit(&force, i);
		own[i] = rule.limit[i] != 0;
	}
	call_reply(in, &reply);
}

static void
change_finish(struct op *op, enum status how)
{
	struct limits_change_reply reply = { .changed =
						 ((struct sending_order *)(void *)op)->changed };

	if (how == STATUS_OK)
		call_reply(op->in, &reply);
	else
		call_fail(op->in, how, &op->failure);
}

static bool
well_formed(const struct limits_change_request *r)
{
	for (size_t i = 0; i < r->why.len; i++)
		if ((unsigned char)r->why.ptr[i] < ' ' || r->why.ptr[i] == 0x7f)
			return false;
	return r->change < LIMITS_CHANGES && r->why.len <= SENDING_WHY_MAX &&
	       r->which < SENDING_LIMITS && r->value < UINT32_MAX &&
	       (r->change != LIMITS_FREEZE || r->why.len > 0);
}

void
serve_limits_change(struct call_in *in, const void *request, void *context)
{
	static const enum sending_change changes[LIMITS_CHANGES] = { SENDING_FREEZE, SENDING_RESUME,
		SENDING_SET_LIMIT };
	const struct limits_change_request *r = request;
	struct sending_order *o = ARENA_NEW(call_arena(in), struct sending_order);
	struct sender who;

	if (!well_formed(r)) {
		call_refuse(
		    in, STATUS_INVALID, "There is no such limit or reason.", "bad limits_change");
		return;
	}
	if (!find_sender(context, in, r->address, &who))
		return;
	o->sender = sending_number(who.key);
	o->name = who.name;
	o->change = changes[r->change];
	o->why = r->why;
	o->by_operator = true;
	o->limit = (unsigned)r->which;
	o->value = r->own != 0 ? r->value + 1 : 0;
	o->op.in = in;
	o->op.arena = call_arena(in);
	o->op.finish = change_finish;
	sending_order(context, o);
}
