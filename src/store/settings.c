/* SPDX-License-Identifier: ISC */
/*
 * The site: the version of what is on the disk, and live settings. A change is
 * durable before it is applied and told to the role, which tells the others.
 */
#include "runtime/settings.h"

#include "base/log.h"
#include "store/core.h"
#include "store/scan.h"
#include "store/serve.h"

struct site_txn {
	struct txn txn;	     /* first */
	struct map settings; /* name -> struct text in the arena: changed */
};

static struct site *
site_of(struct owner *o)
{
	return (struct site *)(void *)o;
}

static struct site_txn *
site_txn_of(struct txn *t)
{
	return (struct site_txn *)(void *)t;
}

static void
site_set(struct site *site, struct text name, struct text value)
{
	mem_free(map_remove(&site->settings, name));
	if (value.len > 0)
		(void)map_put(&site->settings, name, mem_string(value));
}

/* Settings of a later version are kept and not applied. */
static void
apply_named(struct text name, struct text value)
{
	enum setting which;

	if (setting_find(name, &which) != STATUS_OK || setting_apply(which, value) != STATUS_OK)
		LOG_WARN("store.setting_refused", FIELD_TEXT("name", name));
}

/* ---- the owner's class ---- */

static void
site_unload(struct owner *o)
{
	struct site *site = site_of(o);
	size_t at = 0;
	void *p;

	while (map_each(&site->settings, &at, NULL, NULL, &p))
		mem_free(p);
	map_done(&site->settings);
}

static enum status
load_setting(void *arg, struct text key, struct text value)
{
	site_set(arg, text_part(key, 1, key.len), value);
	return STATUS_OK;
}

static enum status
site_load(struct owner *o)
{
	enum status s = engine_version(o->store->engine, o->entity, &o->version);

	if (s != STATUS_OK)
		return s;
	s = scan_kind(o->store, o->entity, KEY_S_SETTING, load_setting, site_of(o));
	if (s != STATUS_OK)
		site_unload(o);
	return s;
}

static void
site_begin(struct txn *t)
{
}

static enum status
site_op_begin(struct txn *t, struct op *op)
{
	return STATUS_OK;
}

static void
site_op_end(struct txn *t, struct op *op)
{
}

static void
site_seal(struct txn *t)
{
	struct key head = key_of(KEY_S_HEAD), format = key_of(KEY_S_FORMAT);
	struct buffer value = BUFFER_INIT;

	pack_be64(&value, t->id);
	txn_put(t, key_text(&head), buffer_text(&value));
	buffer_clear(&value);
	pack_varint(&value, STORE_FORMAT);
	txn_put(t, key_text(&format), buffer_text(&value));
	buffer_done(&value);
}

static void
site_publish(struct txn *t)
{
	struct text name;
	size_t at = 0;
	void *p;

	while (map_each(&site_txn_of(t)->settings, &at, &name, NULL, &p))
		site_set(site_of(t->owner), name, *(struct text *)p);
}

static void
site_told(struct txn *t)
{
	const struct store_config *c = &t->store->config;
	struct text name;
	size_t at = 0;
	void *p;

	while (map_each(&site_txn_of(t)->settings, &at, &name, NULL, &p)) {
		apply_named(name, *(struct text *)p);
		if (c->setting_changed != NULL)
			c->setting_changed(c->arg, name, *(struct text *)p);
	}
	bell_ring(&t->store->directory_bell);
}

static void
site_discard(struct txn *t)
{
	map_done(&site_txn_of(t)->settings);
}

static const struct owner_class site_class = {
	.name = "site",
	.txn_size = sizeof(struct site_txn),
	.load = site_load,
	.unload = site_unload,
	.begin = site_begin,
	.op_begin = site_op_begin,
	.op_end = site_op_end,
	.seal = site_seal,
	.publish = site_publish,
	.told = site_told,
	.discard = site_discard,
	.head = KEY_S_HEAD,
};

/* ---- start ---- */

static enum status
write_format(struct txn *t, struct op *op)
{
	t->changes++;
	return STATUS_OK;
}

static enum status
check_format(struct store *s, bool *there, struct failure *f)
{
	struct key key = key_of(KEY_S_FORMAT);
	struct arena a = ARENA_INIT;
	struct unpack u;
	struct text value;
	uint64_t format = 0;
	enum status how = engine_get(s->engine, s->site.owner.entity, key_text(&key), &a, &value);

	*there = how == STATUS_OK;
	if (how == STATUS_OK) {
		u = unpack_of(value);
		format = unpack_varint(&u);
		if (!unpack_end(&u))
			how = STATUS_CORRUPT;
	}
	arena_done(&a);
	if (how == STATUS_NOT_FOUND)
		return STATUS_OK;
	if (how == STATUS_OK && format != STORE_FORMAT)
		return fail(f, STATUS_INVALID, "The store was written by another version.",
		    "format %llu, this program knows %d", (unsigned long long)format, STORE_FORMAT);
	return how == STATUS_OK ? how : fail(f, how, "The store cannot be read.", "site entity");
}

static void
apply_settings(struct site *site)
{
	struct text name;
	size_t at = 0;
	void *p;

	while (map_each(&site->settings, &at, &name, NULL, &p))
		apply_named(name, text_of(p));
}

enum status
site_init(struct store *s, struct failure *f)
{
	struct owner *o = &s->site.owner;
	struct arena a = ARENA_INIT;
	struct op op = { .apply = write_format, .arena = &a };
	bool there = false;
	enum status how;

	owner_init(o, &site_class, s, (struct entity){ ENTITY_SITE, 0 });
	how = check_format(s, &there, f);
	if (how == STATUS_OK && !there)
		how = owner_wait(o, &op);
	if (how == STATUS_OK)
		how = owner_wait_loaded(o);
	if (how == STATUS_OK)
		apply_settings(&s->site);
	arena_done(&a);
	return how;
}

void
site_done(struct store *s)
{
	owner_done(&s->site.owner);
}

/* ---- calls ---- */

void
serve_store_settings(struct call_in *in, const void *request, void *context)
{
	struct site *site = &((struct store *)context)->site;
	struct store_settings_reply reply = { .none_ = 0 };
	struct arena *a = call_arena(in);
	enum status s = owner_wait_loaded(&site->owner);
	struct text name;
	size_t at = 0;
	uint32_t n = 0;
	void *p;

	if (s != STATUS_OK) {
		call_refuse(in, s, "The settings cannot be read now.", "settings");
		return;
	}
	pthread_mutex_lock(&site->owner.lock);
	reply.names.at = ARENA_ARRAY(a, struct text, site->settings.count);
	reply.values.at = ARENA_ARRAY(a, struct text, site->settings.count);
	while (map_each(&site->settings, &at, &name, NULL, &p)) {
		reply.names.at[n] = arena_copy(a, name);
		reply.values.at[n++] = arena_copy(a, text_of(p));
	}
	pthread_mutex_unlock(&site->owner.lock);
	reply.names.count = reply.values.count = n;
	call_reply(in, &reply);
}

static enum status
set_apply(struct txn *t, struct op *op)
{
	const struct store_setting_set_request *r = op->request;
	struct text *value = ARENA_NEW(txn_arena(t), struct text);
	struct key key = key_named(KEY_S_SETTING, r->name);

	*value = arena_copy(txn_arena(t), r->value);
	if (r->value.len == 0)
		txn_delete(t, key_text(&key));
	else
		txn_put(t, key_text(&key), r->value);
	(void)map_put(&site_txn_of(t)->settings, r->name, value);
	return STATUS_OK;
}

struct set_work {
	struct op op;
	const struct store_config *config;
};

static void
set_told(void *what)
{
	serve_done(what);
}

/* The operator hears of it when it is in force in all roles. */
static void
set_finish(struct op *op, enum status s)
{
	const struct store_config *c = ((struct set_work *)op)->config;

	if (s != STATUS_OK)
		call_fail(op->in, s, &op->failure);
	else if (c->when_told != NULL)
		c->when_told(c->arg, set_told, op);
	else
		serve_done(op);
}

void
serve_store_setting_set(struct call_in *in, const void *request, void *context)
{
	const struct store_setting_set_request *r = request;
	struct store *s = context;
	struct set_work *w = ARENA_NEW(call_arena(in), struct set_work);
	struct op *op = &w->op;
	enum setting which;
	int64_t value;
	enum status how = setting_find(r->name, &which);

	if (how != STATUS_OK) {
		call_refuse(in, STATUS_NOT_FOUND, "No such setting.", "no setting");
		return;
	}
	if (r->value.len > SETTING_VALUE_MAX)
		how = fail(&op->failure, STATUS_LIMIT, "The value is too long.", "long value");
	else if (r->value.len > 0)
		how = setting_parse(which, r->value, &value, &op->failure);
	if (how != STATUS_OK) {
		call_fail(in, how, &op->failure);
		return;
	}
	op->in = in;
	op->request = request;
	op->arena = call_arena(in);
	op->apply = set_apply;
	op->finish = set_finish;
	w->config = &s->config;
	owner_submit(&s->site.owner, op);
}
