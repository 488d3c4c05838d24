/* SPDX-License-Identifier: ISC */
/*
 * What holds for a sender: limits of its own, and whether sending is stopped,
 * why, and what is still to be done about that. All of them are held in memory:
 * few senders have any. See store/sending.h.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "store/core.h"
#include "store/scan.h"
#include "store/sending.h"

#define RULE_VERSION 1
#define RULE_VERSION_LONG 2 /* with what few have */

struct rules_txn {
	struct txn txn;	    /* first */
	struct map changed; /* sender -> struct sending_rule in the arena */
};

static struct rules_txn *
rules_txn_of(struct txn *t)
{
	return (struct rules_txn *)(void *)t;
}

static struct sending *
sending_of(struct owner *o)
{
	return LIST_OWNER(o, struct sending, owner);
}

/* ---- rows ---- */

static bool
says_nothing(const struct sending_rule *r)
{
	bool nothing = r->since == 0 && r->todo == 0 && r->bounces == 0;

	for (unsigned i = 0; i < SENDING_LIMITS; i++)
		nothing = nothing && r->limit[i] == 0;
	return nothing;
}

void
sending_rule_pack(struct buffer *out, const struct sending_rule *r)
{
	bool is_long = r->name.len > 0 || r->bounces > 0;

	pack_u8(out, is_long ? RULE_VERSION_LONG : RULE_VERSION);
	pack_varint(out, r->todo);
	pack_signed(out, r->since);
	pack_u8(out, r->by_operator);
	pack_text(out, r->why);
	for (unsigned i = 0; i < SENDING_LIMITS; i++)
		pack_varint(out, r->limit[i]);
	if (is_long) {
		pack_text(out, r->name);
		pack_varint(out, r->bounces);
		pack_signed(out, r->bounced);
	}
}

enum status
sending_rule_unpack(struct text value, struct sending_rule *out)
{
	struct unpack u = unpack_of(value);
	struct sending_rule r = { .since = 0 };
	uint8_t version = unpack_u8(&u);

	if (version != RULE_VERSION && version != RULE_VERSION_LONG)
		return STATUS_CORRUPT;
	r.todo = (uint32_t)unpack_varint_max(&u, SENDING_TODO_ALL);
	r.since = unpack_signed(&u);
	r.by_operator = unpack_u8(&u) != 0;
	r.why = unpack_text(&u);
	for (unsigned i = 0; i < SENDING_LIMITS; i++)
		r.limit[i] = unpack_varint(&u);
	if (version == RULE_VERSION_LONG) {
		r.name = unpack_text(&u);
		r.bounces = unpack_varint(&u);
		r.bounced = unpack_signed(&u);
	}
	if (!unpack_end(&u) || r.why.len > SENDING_WHY_MAX)
		return STATUS_CORRUPT;
	*out = r;
	return STATUS_OK;
}

/* ---- in memory ---- */

static void
rule_free(struct sending_rule *r)
{
	if (r == NULL)
		return;
	text_disown(r->why);
	text_disown(r->name);
	mem_free(r);
}

static void
rule_keep(struct sending *k, uint64_t sender, const struct sending_rule *r)
{
	struct sending_rule *kept;

	rule_free(map_remove_u64(&k->rules, sender));
	if (says_nothing(r))
		return;
	kept = MEM_NEW(struct sending_rule);
	*kept = *r;
	kept->why = text_own(r->why);
	kept->name = text_own(r->name);
	(void)map_put_u64(&k->rules, sender, kept);
}

void
sending_rule(struct store *s, uint64_t sender, struct arena *a, struct sending_rule *out)
{
	struct sending *k = &s->sending;
	const struct sending_rule *r;

	pthread_mutex_lock(&k->owner.lock);
	r = map_get_u64(&k->rules, sender);
	*out = r == NULL ? (struct sending_rule){ .since = 0 } : *r;
	out->why = arena_copy(a, out->why);
	out->name = arena_copy(a, out->name);
	pthread_mutex_unlock(&k->owner.lock);
}

bool
sending_is_holding(struct store *s, uint64_t sender)
{
	struct sending *k = &s->sending;
	const struct sending_rule *r;
	bool holding;

	if (sender == 0)
		return false;
	pthread_mutex_lock(&k->owner.lock);
	r = map_get_u64(&k->rules, sender);
	holding = r != NULL && r->since != 0 && (r->todo & SENDING_HOLD) != 0;
	pthread_mutex_unlock(&k->owner.lock);
	return holding;
}

static bool
is_unfinished(const struct sending_rule *r, int64_t then)
{
	(void)then;
	return r->todo != 0;
}

static bool
is_bounced_before(const struct sending_rule *r, int64_t then)
{
	return r->bounces != 0 && r->bounced < then;
}

static bool
is_stopped(const struct sending_rule *r, int64_t then)
{
	(void)then;
	return r->since != 0 && r->name.len > 0;
}

static struct numbers
senders_with(struct store *s, bool (*is)(const struct sending_rule *r, int64_t then), int64_t then,
    struct arena *a)
{
	struct sending *k = &s->sending;
	struct numbers out = { NULL, 0 };
	uint64_t sender;
	size_t at = 0;
	void *p;

	pthread_mutex_lock(&k->owner.lock);
	out.at = ARENA_ARRAY(a, uint64_t, k->rules.count);
	while (map_each(&k->rules, &at, NULL, &sender, &p))
		if (is(p, then))
			out.at[out.count++] = sender;
	pthread_mutex_unlock(&k->owner.lock);
	return out;
}

struct numbers
sending_unfinished(struct store *s, struct arena *a)
{
	return senders_with(s, is_unfinished, 0, a);
}

struct numbers
sending_all_stopped(struct store *s, struct arena *a)
{
	return senders_with(s, is_stopped, 0, a);
}

struct numbers
sending_bounced_before(struct store *s, int64_t then, struct arena *a)
{
	return senders_with(s, is_bounced_before, then, a);
}

/* ---- the owner's class ---- */

static void
rules_unload(struct owner *o)
{
	struct sending *k = sending_of(o);
	size_t at = 0;
	void *p;

	while (map_each(&k->rules, &at, NULL, NULL, &p))
		rule_free(p);
	map_done(&k->rules);
}

static enum status
load_rule(void *arg, struct text key, struct text value)
{
	struct sending_rule r;

	if (key.len != 9 || sending_rule_unpack(value, &r) != STATUS_OK)
		return STATUS_CORRUPT;
	rule_keep(arg, key_number(key, 1, 8), &r);
	return STATUS_OK;
}

static enum status
rules_load(struct owner *o)
{
	enum status how = engine_version(o->store->engine, o->entity, &o->version);

	if (how == STATUS_OK)
		how = scan_kind(o->store, o->entity, KEY_S_RULE, load_rule, sending_of(o));
	if (how != STATUS_OK)
		rules_unload(o);
	return how;
}

static void
rules_begin(struct txn *t)
{
}

static enum status
rules_op_begin(struct txn *t, struct op *op)
{
	return STATUS_OK;
}

static void
rules_op_end(struct txn *t, struct op *op)
{
}

static void
rules_seal(struct txn *t)
{
	struct key head = key_of(KEY_S_HEAD);
	struct buffer value = BUFFER_INIT;

	pack_be64(&value, t->id);
	txn_put(t, key_text(&head), buffer_text(&value));
	buffer_done(&value);
}

static void
rules_publish(struct txn *t)
{
	uint64_t sender;
	size_t at = 0;
	void *p;

	while (map_each(&rules_txn_of(t)->changed, &at, NULL, &sender, &p))
		rule_keep(sending_of(t->owner), sender, p);
}

static void
rules_told(struct txn *t)
{
	sending_of(t->owner)->hurry = true;
	bell_ring(&t->store->directory_bell);
}

static void
rules_discard(struct txn *t)
{
	map_done(&rules_txn_of(t)->changed);
}

static const struct owner_class rules_class = {
	.name = "sending",
	.txn_size = sizeof(struct rules_txn),
	.load = rules_load,
	.unload = rules_unload,
	.begin = rules_begin,
	.op_begin = rules_op_begin,
	.op_end = rules_op_end,
	.seal = rules_seal,
	.publish = rules_publish,
	.told = rules_told,
	.discard = rules_discard,
	.head = KEY_S_HEAD,
};

void
sending_rules_init(struct store *s)
{
	owner_init(&s->sending.owner, &rules_class, s, (struct entity){ ENTITY_SITE, 1 });
}

/* ---- orders ---- */

static struct sending_rule *
edit(struct txn *t, uint64_t sender)
{
	struct rules_txn *x = rules_txn_of(t);
	struct sending_rule *r = map_get_u64(&x->changed, sender);
	const struct sending_rule *now;

	if (r != NULL)
		return r;
	r = ARENA_NEW(txn_arena(t), struct sending_rule);
	now = map_get_u64(&sending_of(t->owner)->rules, sender);
	if (now != NULL) {
		*r = *now;
		r->why = arena_copy(txn_arena(t), now->why);
		r->name = arena_copy(txn_arena(t), now->name);
	}
	(void)map_put_u64(&x->changed, sender, r);
	return r;
}

static void
put(struct txn *t, uint64_t sender, const struct sending_rule *r)
{
	struct key key = key_u64(KEY_S_RULE, sender);
	struct buffer value = BUFFER_INIT;

	if (says_nothing(r)) {
		txn_delete(t, key_text(&key));
		return;
	}
	sending_rule_pack(&value, r);
	txn_put(t, key_text(&key), buffer_text(&value));
	buffer_done(&value);
}

/* Of a removed account nothing stays but that its mail is still to be held. */
static bool
forget(struct sending_rule *r)
{
	uint32_t left = r->todo & (SENDING_HOLD | SENDING_RELEASE);

	if (says_nothing(r))
		return false;
	*r = left == 0 ? (struct sending_rule){ .since = 0 }
		       : (struct sending_rule){
				 .since = r->since, .todo = left | SENDING_FORGET, .why = r->why
			 };
	return true;
}

static bool
change(struct txn *t, const struct sending_order *o, struct sending_rule *r)
{
	switch (o->change) {
	case SENDING_FREEZE:
		if (r->since != 0)
			return false;
		r->since = t->now / CLOCK_SECOND;
		r->todo = SENDING_HOLD | (o->by_operator ? 0 : SENDING_TELL);
		r->by_operator = o->by_operator;
		r->why = arena_copy(txn_arena(t), o->why);
		r->bounces = 0;
		return true;
	case SENDING_RESUME:
		if (r->since == 0)
			return false;
		r->since = 0;
		r->todo = SENDING_RELEASE;
		r->by_operator = false;
		r->why = TEXT_EMPTY;
		return true;
	case SENDING_SET_LIMIT:
		r->limit[o->limit] = o->value;
		return true;
	case SENDING_FINISHED:
		if (r->since != o->since)
			return false;
		r->todo &= ~o->todo;
		if (r->todo == SENDING_FORGET)
			*r = (struct sending_rule){ .since = 0 };
		return true;
	case SENDING_GONE:
		return forget(r);
	case SENDING_BOUNCES:
		if (r->bounces == o->value)
			return false;
		r->bounces = o->value;
		r->bounced = o->value == 0 ? 0 : t->now / CLOCK_SECOND;
		return true;
	case SENDING_CHANGES:
		break;
	}
	return false;
}

static enum status
order_apply(struct txn *t, struct op *op)
{
	struct sending_order *o = (struct sending_order *)(void *)op;
	struct sending_rule *r = edit(t, o->sender);
	bool changed = change(t, o, r);

	if (o->name.len > 0)
		r->name = arena_copy(txn_arena(t), o->name);
	o->changed = changed || (op->maybe && o->changed);
	if (changed)
		put(t, o->sender, r);
	return STATUS_OK;
}

void
sending_order(struct store *s, struct sending_order *o)
{
	o->store = s;
	o->op.apply = order_apply;
	owner_submit(&s->sending.owner, &o->op);
}

enum status
sending_order_wait(struct store *s, struct sending_order *o)
{
	o->store = s;
	o->op.apply = order_apply;
	return owner_wait(&s->sending.owner, &o->op);
}

static void
done_later(struct op *op, enum status how)
{
	struct sending_order *o = (struct sending_order *)(void *)op;

	if (how != STATUS_OK && how != STATUS_CLOSED)
		LOG_WARN(o->change == SENDING_FREEZE ? "sending.not_frozen" : "sending.not_kept",
		    FIELD_U64("sender", o->sender), FIELD_STATUS(how));
	arena_done(&o->own);
	mem_free(o);
}

/* Takes the order, which was made by mem_new. */
static void
order_later(struct store *s, struct sending_order *o)
{
	o->store = s;
	o->op.arena = &o->own;
	o->op.apply = order_apply;
	o->op.finish = done_later;
	owner_submit_later(&s->sending.owner, &o->op);
}

void
sending_freeze(struct store *s, uint64_t sender, struct text name, const char *why, ...)
{
	struct sending_order *o = MEM_NEW(struct sending_order);
	char words[SENDING_WHY_MAX];
	va_list ap;

	va_start(ap, why);
	(void)vsnprintf(words, sizeof(words), why, ap);
	va_end(ap);
	o->sender = sender;
	o->change = SENDING_FREEZE;
	o->why = arena_copy(&o->own, text_of(words));
	o->name = arena_copy(&o->own, name);
	order_later(s, o);
}

void
sending_keep_bounces(struct store *s, uint64_t sender, uint64_t bounces)
{
	struct sending_order *o = MEM_NEW(struct sending_order);

	o->sender = sender;
	o->change = SENDING_BOUNCES;
	o->value = bounces;
	order_later(s, o);
}
