/* SPDX-License-Identifier: ISC */
/*
 * Looking addresses up, as every RCPT does: first in a bounded cache, then in
 * the engine. The cache holds what was read at one generation of the
 * directory; whoever changes addresses takes them out, and what was read
 * before the change does not get in any more.
 */
#include "mime/address.h"
#include "runtime/settings.h"
#include "store/core.h"
#include "store/srs.h"

struct cached_address {
	struct arena arena;
	struct address address;
};

static void
cached_free(struct cached_address *c)
{
	arena_done(&c->arena);
	mem_free(c);
}

static void
copy_targets(struct arena *a, struct texts from, struct texts *to)
{
	to->count = from.count;
	to->at = ARENA_ARRAY(a, struct text, from.count);
	for (uint32_t i = 0; i < from.count; i++)
		to->at[i] = arena_copy(a, from.at[i]);
}

void
directory_changed(struct directory *d, const struct map *keys)
{
	struct cached_address *c;
	struct text key;
	size_t at = 0;
	void *p;

	pthread_mutex_lock(&d->lock);
	d->generation++;
	while (map_each(keys == NULL ? &d->cache : keys, &at, &key, NULL, &p)) {
		c = keys == NULL ? p : map_remove(&d->cache, key);
		if (c != NULL)
			cached_free(c);
	}
	if (keys == NULL)
		map_done(&d->cache);
	pthread_mutex_unlock(&d->lock);
}

/* When it is full, every other entry goes: those that are used come again. */
static void
make_room(struct directory *d)
{
	size_t at = 0;
	struct text key;
	bool odd = false;
	void *p;

	if (d->cache.count < ADDRESS_CACHE_MAX)
		return;
	while (map_each(&d->cache, &at, &key, NULL, &p)) {
		odd = !odd;
		if (odd && map_remove(&d->cache, key) != NULL)
			cached_free(p);
	}
}

static bool
cache_get(struct directory *d, struct text key, struct arena *a, struct address *out,
    uint64_t *generation)
{
	struct cached_address *c;

	pthread_mutex_lock(&d->lock);
	*generation = d->generation;
	c = map_get(&d->cache, key);
	if (c != NULL) {
		*out = c->address;
		copy_targets(a, c->address.targets, &out->targets);
	}
	pthread_mutex_unlock(&d->lock);
	return c != NULL;
}

static void
cache_put(struct directory *d, struct text key, const struct address *address, uint64_t generation)
{
	struct cached_address *c, *old;

	if (address->kind == ADDRESS_RESERVED)
		return;
	c = MEM_NEW(struct cached_address);
	arena_init(&c->arena, 256, 0);
	c->address = *address;
	copy_targets(&c->arena, address->targets, &c->address.targets);
	pthread_mutex_lock(&d->lock);
	if (d->generation == generation) {
		make_room(d);
		old = map_put(&d->cache, key, c);
		c = old;
	}
	pthread_mutex_unlock(&d->lock);
	if (c != NULL)
		cached_free(c);
}

static enum status
lookup(struct store *s, const struct address_key *k, bool now, struct arena *a, struct address *out)
{
	struct directory *d = &s->directory;
	struct key key = address_row(k);
	struct text value;
	uint64_t generation;
	enum status how;

	if (cache_get(d, key_text(&key), a, out, &generation))
		return STATUS_OK;
	if (now)
		return STATUS_AGAIN;
	how = engine_get(
	    s->engine, directory_shard(d, k->domain)->owner.entity, key_text(&key), a, &value);
	if (how == STATUS_OK)
		how = address_unpack(value, a, out);
	if (how == STATUS_OK)
		cache_put(d, key_text(&key), out, generation);
	return how == STATUS_OK && out->kind == ADDRESS_RESERVED ? STATUS_NOT_FOUND : how;
}

enum status
directory_lookup(struct store *s, const struct address_key *k, struct arena *a, struct address *out)
{
	return lookup(s, k, false, a, out);
}

/* The catch-all goes into the arena. */
static enum status
find_domain(struct store *s, struct text domain, bool now, struct arena *a, struct text *catch_all)
{
	struct shard *sh = directory_shard(&s->directory, domain);
	enum status how = STATUS_OK;
	struct domain *d;

	pthread_mutex_lock(&sh->owner.lock);
	while (!sh->owner.loaded) { /* again, if it was unloaded since */
		pthread_mutex_unlock(&sh->owner.lock);
		how = now ? STATUS_AGAIN : owner_wait_loaded(&sh->owner);
		if (how != STATUS_OK)
			return how;
		pthread_mutex_lock(&sh->owner.lock);
	}
	d = map_get(&sh->domains, domain);
	if (d != NULL)
		*catch_all = arena_copy(a, d->catch_all);
	pthread_mutex_unlock(&sh->owner.lock);
	return d == NULL ? STATUS_NOT_FOUND : STATUS_OK;
}

/* ---- resolving ---- */

/* One resolution in progress: what was followed is not followed again. */
struct resolving {
	struct store *store;
	struct arena *arena;
	struct targets *out;
	bool now;	 /* from memory alone */
	bool names;	 /* accounts are not followed */
	struct map seen; /* addresses -> ON_THE_WAY or DONE */
};

static char on_the_way, done;
#define ON_THE_WAY (&on_the_way)
#define DONE (&done)

static void
add_target(struct resolving *r, const struct address *d)
{
	struct targets *t = r->out;

	for (uint32_t i = 0; i < t->count; i++)
		if (t->at[i].account == d->account)
			return;
	if (t->count == t->cap) {
		uint32_t cap = t->cap == 0 ? 2 : t->cap * 2;
		struct target *at = ARENA_ARRAY(r->arena, struct target, cap);

		if (t->count > 0)
			memcpy(at, t->at, t->count * sizeof(*at));
		t->at = at;
		t->cap = cap;
	}
	t->at[t->count++] = (struct target){ d->account, d->suspended };
}

static void
add_outside(struct resolving *r, struct text address)
{
	struct targets *t = r->out;

	if (t->outside.count == t->outside_cap) {
		uint32_t cap = t->outside_cap == 0 ? 2 : t->outside_cap * 2;
		struct text *at = ARENA_ARRAY(r->arena, struct text, cap);

		if (t->outside.count > 0)
			memcpy(at, t->outside.at, t->outside.count * sizeof(*at));
		t->outside.at = at;
		t->outside_cap = cap;
	}
	t->outside.at[t->outside.count++] = address;
}

static enum status
found(const struct resolving *r)
{
	return r->out->count > 0 || r->out->outside.count > 0 ? STATUS_OK : STATUS_NOT_FOUND;
}

/* The address, or the one without +tag, or the catch-all's. */
static enum status
lookup_any(struct resolving *r, struct address_key *k, struct address *out)
{
	enum status s = lookup(r->store, k, r->now, r->arena, out);
	struct address_key base = *k;
	size_t plus = text_find_byte(k->local, '+', 1);

	if (s == STATUS_NOT_FOUND && plus < k->local.len) {
		base.local = text_part(k->local, 0, plus);
		s = lookup(r->store, &base, r->now, r->arena, out);
	}
	return s;
}

static enum status follow(
    struct resolving *r, struct text address, unsigned depth, struct text *canonical);

static enum status
follow_targets(struct resolving *r, const struct address *d, unsigned depth)
{
	enum status s, end = STATUS_NOT_FOUND;

	for (uint32_t i = 0; i < d->targets.count; i++) {
		s = follow(r, d->targets.at[i], depth + 1, NULL);
		if (s == STATUS_OK)
			end = STATUS_OK;
		else if (s != STATUS_NOT_FOUND && s != STATUS_DENIED && s != STATUS_INVALID)
			return s;
	}
	return end;
}

struct text
directory_postmaster(struct arena *a)
{
	char address[512];

	setting_text(SET_STORE_POSTMASTER, address, sizeof(address));
	return arena_copy(a, text_of(address));
}

/* loops: it is being followed already, so the mail ends here. What leads
 * nowhere by now is kept. */
static enum status
follow_account(struct resolving *r, const struct address *d, unsigned depth, bool loops)
{
	bool goes_on = d->targets.count > 0 && !d->suspended && !loops && !r->names;
	enum status s = goes_on ? follow_targets(r, d, depth) : STATUS_NOT_FOUND;

	if (s != STATUS_OK && s != STATUS_NOT_FOUND)
		return s;
	if (s == STATUS_OK && !d->keep)
		return STATUS_OK;
	if (r->out->count >= ALIAS_TARGETS_MAX)
		return STATUS_LIMIT;
	add_target(r, d);
	return STATUS_OK;
}

static enum status
follow_found(
    struct resolving *r, const struct address *d, struct text key, unsigned depth, bool loops)
{
	enum status s;

	if (d->kind == ADDRESS_ACCOUNT && d->targets.count == 0)
		return follow_account(r, d, depth, loops);
	(void)map_put(&r->seen, key, ON_THE_WAY);
	if (d->kind == ADDRESS_ALIAS)
		s = loops ? found(r) : follow_targets(r, d, depth);
	else
		s = follow_account(r, d, depth, loops);
	(void)map_put(&r->seen, key, DONE);
	return s;
}

/* A bounce to the sender of what went on elsewhere. */
static enum status
follow_back(struct resolving *r, struct text address)
{
	struct text sender;
	enum status s = srs_target(r->store, address, r->arena, &sender);

	return s == STATUS_OK ? follow(r, sender, 1, NULL) : s;
}

static enum status
follow_outside(struct resolving *r, struct text address)
{
	if (r->out->outside.count >= ALIAS_TARGETS_MAX)
		return STATUS_LIMIT;
	add_outside(r, address);
	return STATUS_OK;
}

/* An address without a domain may be at a literal (RFC 5321 4.1.3), where nobody
 * of this site is. */
static enum status
follow_literal(struct resolving *r, struct text address, unsigned depth)
{
	struct text printed, domain;

	if (address_elsewhere(address, r->arena, &printed, &domain) != STATUS_OK)
		return STATUS_INVALID;
	return depth > 0 ? follow_outside(r, address) : STATUS_DENIED;
}

static enum status
follow(struct resolving *r, struct text address, unsigned depth, struct text *canonical)
{
	struct text catch_all = TEXT_EMPTY;
	struct address_key k;
	struct address d;
	const void *before;
	enum status s = address_key(address, r->arena, &k);

	if (s != STATUS_OK)
		return follow_literal(r, address, depth);
	if (canonical != NULL)
		*canonical = k.whole;
	before = map_get(&r->seen, k.whole);
	if (depth > ALIAS_DEPTH_MAX || before == DONE)
		return found(r);
	s = find_domain(r->store, k.domain, r->now, r->arena, &catch_all);
	if (s == STATUS_NOT_FOUND && depth > 0) {
		(void)map_put(&r->seen, k.whole, DONE);
		return follow_outside(r, address);
	}
	if (s != STATUS_OK)
		return s == STATUS_NOT_FOUND ? STATUS_DENIED : s;
	s = lookup_any(r, &k, &d);
	if (s == STATUS_NOT_FOUND && depth == 0 && srs_looks(address))
		return follow_back(r, address);
	if (s == STATUS_NOT_FOUND && catch_all.len == 0 && text_equal(k.local, TEXT("postmaster")))
		catch_all = directory_postmaster(r->arena);
	if (s == STATUS_NOT_FOUND && catch_all.len > 0) {
		(void)map_put(&r->seen, k.whole, DONE);
		return follow(r, catch_all, depth + 1, NULL);
	}
	return s == STATUS_OK ? follow_found(r, &d, k.whole, depth, before != NULL) : s;
}

static enum status
resolve_with(struct resolving *r, struct text address)
{
	enum status how;

	*r->out = (struct targets){ .canonical = TEXT_EMPTY };
	if (text_equal_ci(address, TEXT("postmaster"))) /* of this host: without a domain */
		address = directory_postmaster(r->arena);
	how = follow(r, address, 0, &r->out->canonical);
	map_done(&r->seen);
	return how;
}

static enum status
resolve(struct store *s, struct text address, bool now, struct arena *a, struct targets *out)
{
	struct resolving r = { .store = s, .arena = a, .out = out, .now = now };

	return resolve_with(&r, address);
}

enum status
directory_names(struct store *s, struct text address, uint64_t account, struct arena *a, bool *out)
{
	struct targets to;
	struct resolving r = { .store = s, .arena = a, .out = &to, .names = true };
	enum status how = resolve_with(&r, address);

	*out = false;
	if (how == STATUS_NOT_FOUND || how == STATUS_DENIED || how == STATUS_INVALID)
		return STATUS_OK;
	for (uint32_t i = 0; how == STATUS_OK && i < to.count; i++)
		*out |= to.at[i].account == account;
	return how;
}

enum status
directory_resolve(struct store *s, struct text address, struct arena *a, struct targets *out)
{
	return resolve(s, address, false, a, out);
}

enum status
directory_resolve_now(struct store *s, struct text address, struct arena *a, struct targets *out)
{
	return resolve(s, address, true, a, out);
}

bool
directory_has_domain(struct store *s, struct text domain)
{
	struct arena a = ARENA_INIT;
	struct text catch_all;
	bool has = find_domain(s, domain, false, &a, &catch_all) == STATUS_OK;

	arena_done(&a);
	return has;
}
