/* SPDX-License-Identifier: ISC */
/* Shards of the directory: rows, loading, transactions; see store/directory.h. */
#include "store/directory.h"

#include "codec/idna.h"
#include "mime/address.h"
#include "store/core.h"
#include "store/scan.h"
#include "store/serve.h"

#define ROW_VERSION 1

/* ---- keys and rows ---- */

enum status
address_key(struct text address, struct arena *a, struct address_key *out)
{
	struct buffer b = BUFFER_INIT;
	enum status s = smtp_address_key(address, &b);

	if (s == STATUS_OK && b.len <= KEY_MAX - 1) {
		struct text whole = arena_copy(a, buffer_text(&b));
		size_t at = text_find_last(whole, '@');

		out->whole = whole;
		out->local = text_part(whole, 0, at);
		out->domain = text_part(whole, at + 1, whole.len);
		if (out->local.len == 0 || out->domain.len == 0 ||
		    memchr(whole.ptr, 0, whole.len) != NULL)
			s = STATUS_INVALID;
	} else {
		s = STATUS_INVALID;
	}
	buffer_done(&b);
	return s;
}

enum status
address_elsewhere(struct text address, struct arena *a, struct text *out, struct text *domain)
{
	struct cursor c = cursor_of(address);
	struct buffer b = BUFFER_INIT;
	struct smtp_address parts;
	enum status s = STATUS_INVALID;

	if (smtp_address_mailbox(&c, true, a, &parts) && cursor_done(&c))
		s = parts.domain.ptr[0] == '[' ? STATUS_OK : idna_to_ascii(parts.domain, &b);
	if (s == STATUS_OK) {
		parts.domain =
		    b.len > 0 ? arena_copy(a, buffer_text(&b)) : arena_lower(a, parts.domain);
		buffer_clear(&b);
		smtp_address_print(&b, parts);
		*out = arena_copy(a, buffer_text(&b));
		*domain = parts.domain;
	}
	buffer_done(&b);
	return s;
}

/* By way of an address: one folding for both. */
enum status
domain_key(struct text domain, struct arena *a, struct text *out)
{
	struct address_key k;

	if (address_key(arena_join(a, TEXT("x@"), domain), a, &k) != STATUS_OK ||
	    k.domain.ptr[0] == '[' || !text_equal(k.local, TEXT("x")))
		return STATUS_INVALID;
	*out = k.domain;
	return STATUS_OK;
}

struct key
address_row(const struct address_key *k)
{
	struct key key = key_named(KEY_D_ADDRESS, k->domain);

	key_add(&key, 0, 1);
	key_add_text(&key, k->local);
	return key;
}

enum address_bit { ADDRESS_SUSPENDED = 1, ADDRESS_HAS_SCRAM = 2, ADDRESS_KEEP = 4 };

void
address_pack(struct buffer *out, const struct address *d)
{
	pack_u8(out, ROW_VERSION);
	pack_u8(out, (uint8_t)d->kind);
	pack_varint(out, d->account);
	pack_u8(
	    out, (uint8_t)((d->suspended ? ADDRESS_SUSPENDED : 0) |
			   (d->has_scram ? ADDRESS_HAS_SCRAM : 0) | (d->keep ? ADDRESS_KEEP : 0)));
	pack_varint(out, d->targets.count);
	for (uint32_t i = 0; i < d->targets.count; i++)
		pack_text(out, d->targets.at[i]);
}

enum status
address_unpack(struct text value, struct arena *a, struct address *out)
{
	struct unpack u = unpack_of(value);
	struct address d;
	uint8_t bits;

	if (unpack_u8(&u) != ROW_VERSION)
		return STATUS_CORRUPT;
	d.kind = (enum address_kind)unpack_u8(&u);
	d.account = unpack_varint(&u);
	bits = unpack_u8(&u);
	d.suspended = (bits & ADDRESS_SUSPENDED) != 0;
	d.has_scram = (bits & ADDRESS_HAS_SCRAM) != 0;
	d.keep = (bits & ADDRESS_KEEP) != 0;
	d.targets.count = (uint32_t)unpack_varint_max(&u, ALIAS_TARGETS_MAX);
	if (!unpack_ok(&u) || d.targets.count > cursor_left(&u.in) || d.kind < ADDRESS_ACCOUNT ||
	    d.kind > ADDRESS_RESERVED)
		return STATUS_CORRUPT;
	d.targets.at = ARENA_ARRAY(a, struct text, d.targets.count);
	for (uint32_t i = 0; i < d.targets.count; i++)
		d.targets.at[i] = unpack_text(&u);
	if (!unpack_end(&u))
		return STATUS_CORRUPT;
	*out = d;
	return STATUS_OK;
}

static void
domain_pack(struct buffer *out, const struct domain *d)
{
	pack_u8(out, ROW_VERSION);
	pack_varint(out, d->accounts);
	pack_varint(out, d->aliases);
	pack_text(out, d->catch_all);
}

static enum status
domain_unpack(struct text value, struct domain *out)
{
	struct unpack u = unpack_of(value);

	if (unpack_u8(&u) != ROW_VERSION)
		return STATUS_CORRUPT;
	out->accounts = unpack_varint(&u);
	out->aliases = unpack_varint(&u);
	out->catch_all = unpack_text(&u);
	return unpack_end(&u) ? STATUS_OK : STATUS_CORRUPT;
}

static void
counts_pack(struct buffer *out, uint64_t batch, const struct shard_counts *c)
{
	pack_be64(out, batch);
	pack_u8(out, ROW_VERSION);
	pack_varint(out, c->next);
	pack_varint(out, c->accounts);
	pack_varint(out, c->without_scram);
}

static enum status
counts_unpack(struct text value, struct shard_counts *out)
{
	struct unpack u = unpack_of(value);
	struct shard_counts c;

	(void)unpack_be64(&u);
	if (unpack_u8(&u) != ROW_VERSION)
		return STATUS_CORRUPT;
	c.next = unpack_varint(&u);
	c.accounts = unpack_varint(&u);
	c.without_scram = unpack_varint(&u);
	if (!unpack_end(&u))
		return STATUS_CORRUPT;
	*out = c;
	return STATUS_OK;
}

/* ---- published domains ---- */

static void
domain_free(struct domain *d)
{
	text_disown(d->name);
	text_disown(d->catch_all);
	mem_free(d);
}

static void
domain_keep(struct shard *sh, const struct domain *d)
{
	struct domain *kept = MEM_NEW(struct domain), *old;

	*kept = *d;
	kept->name = text_own(d->name);
	kept->catch_all = text_own(d->catch_all);
	old = map_put(&sh->domains, kept->name, kept);
	if (old != NULL)
		domain_free(old);
}

static void
shard_unload(struct owner *o)
{
	struct shard *sh = shard_of(o);
	size_t at = 0;
	void *p;

	while (map_each(&sh->domains, &at, NULL, NULL, &p))
		domain_free(p);
	map_done(&sh->domains);
	sh->counts = (struct shard_counts){ .next = 0 };
}

static enum status
load_domain(void *arg, struct text key, struct text value)
{
	struct domain d = { .name = text_part(key, 1, key.len) };
	enum status s = domain_unpack(value, &d);

	if (s == STATUS_OK)
		domain_keep(arg, &d);
	return s;
}

static enum status
shard_load(struct owner *o)
{
	struct shard *sh = shard_of(o);
	struct key head = key_of(KEY_D_HEAD);
	struct arena a = ARENA_INIT;
	struct text value;
	enum status s = engine_version(o->store->engine, o->entity, &o->version);

	if (s == STATUS_OK)
		s = engine_get(o->store->engine, o->entity, key_text(&head), &a, &value);
	if (s == STATUS_OK)
		s = counts_unpack(value, &sh->counts);
	else if (s == STATUS_NOT_FOUND)
		s = STATUS_OK;
	if (s == STATUS_OK)
		s = scan_kind(o->store, o->entity, KEY_D_DOMAIN, load_domain, sh);
	if (s != STATUS_OK)
		shard_unload(o);
	arena_done(&a);
	directory_changed(&o->store->directory, NULL);
	return s;
}

/* ---- the transaction ---- */

static void
shard_begin(struct txn *txn)
{
	struct shard_txn *t = shard_txn_of(txn);

	t->counts = shard_of(txn->owner)->counts;
}

static enum status
shard_op_begin(struct txn *txn, struct op *op)
{
	return STATUS_OK;
}

static void
shard_op_end(struct txn *txn, struct op *op)
{
}

/* A removed domain has no name. */
struct domain *
shard_domain(struct shard_txn *t, struct text name, bool edit)
{
	struct domain *d = map_get(&t->domains, name), *kept;

	if (d != NULL)
		return d->name.len == 0 ? NULL : d;
	kept = map_get(&shard_of(t->txn.owner)->domains, name);
	if (kept == NULL || !edit)
		return kept;
	d = ARENA_NEW(txn_arena(&t->txn), struct domain);
	*d = *kept;
	(void)map_put(&t->domains, name, d);
	t->txn.changes++;
	return d;
}

struct domain *
shard_domain_new(struct shard_txn *t, struct text name)
{
	struct domain *d = ARENA_NEW(txn_arena(&t->txn), struct domain);

	d->name = arena_copy(txn_arena(&t->txn), name);
	d->catch_all = TEXT_EMPTY;
	(void)map_put(&t->domains, name, d);
	t->txn.changes++;
	return d;
}

void
shard_domain_remove(struct shard_txn *t, struct text name)
{
	struct domain *d = shard_domain(t, name, true);

	CHECK(d != NULL);
	d->name = TEXT_EMPTY;
	t->txn.changes++;
}

enum status
shard_address(
    struct shard_txn *t, const struct address_key *k, struct arena *a, struct address *out)
{
	struct key key = address_row(k);
	struct text value;
	enum status s = txn_get(&t->txn, key_text(&key), a, &value);

	return s == STATUS_OK ? address_unpack(value, a, out) : s;
}

void
shard_address_put(struct shard_txn *t, const struct address_key *k, const struct address *d)
{
	struct key key = address_row(k);
	struct buffer value = BUFFER_INIT;

	address_pack(&value, d);
	txn_put(&t->txn, key_text(&key), buffer_text(&value));
	buffer_done(&value);
	(void)map_put(&t->addresses, key_text(&key), t);
}

void
shard_address_delete(struct shard_txn *t, const struct address_key *k)
{
	struct key key = address_row(k);

	txn_delete(&t->txn, key_text(&key));
	(void)map_put(&t->addresses, key_text(&key), t);
}

static void
shard_seal(struct txn *txn)
{
	struct shard_txn *t = shard_txn_of(txn);
	struct key head = key_of(KEY_D_HEAD);
	struct buffer value = BUFFER_INIT;
	struct text name;
	size_t at = 0;
	void *p;

	while (map_each(&t->domains, &at, &name, NULL, &p)) {
		const struct domain *d = p;
		struct key key = key_named(KEY_D_DOMAIN, name);

		if (d->name.len == 0) {
			txn_delete(txn, key_text(&key));
			continue;
		}
		buffer_clear(&value);
		domain_pack(&value, d);
		txn_put(txn, key_text(&key), buffer_text(&value));
	}
	buffer_clear(&value);
	counts_pack(&value, txn->id, &t->counts);
	txn_put(txn, key_text(&head), buffer_text(&value));
	buffer_done(&value);
}

static void
shard_publish(struct txn *txn)
{
	struct shard_txn *t = shard_txn_of(txn);
	struct shard *sh = shard_of(txn->owner);
	struct text name;
	size_t at = 0;
	void *p;

	while (map_each(&t->domains, &at, &name, NULL, &p)) {
		const struct domain *d = p;

		if (d->name.len > 0)
			domain_keep(sh, d);
		else if ((p = map_remove(&sh->domains, name)) != NULL)
			domain_free(p);
	}
	sh->counts = t->counts;
	if (t->addresses.count > 0)
		directory_changed(&txn->store->directory, &t->addresses);
}

static void
shard_told(struct txn *txn)
{
	bell_ring(&txn->store->directory_bell);
}

static void
shard_discard(struct txn *txn)
{
	map_done(&shard_txn_of(txn)->domains);
	map_done(&shard_txn_of(txn)->addresses);
}

static const struct owner_class shard_class = {
	.name = "directory",
	.txn_size = sizeof(struct shard_txn),
	.load = shard_load,
	.unload = shard_unload,
	.begin = shard_begin,
	.op_begin = shard_op_begin,
	.op_end = shard_op_end,
	.seal = shard_seal,
	.publish = shard_publish,
	.told = shard_told,
	.discard = shard_discard,
	.head = KEY_D_HEAD,
};

enum status
directory_init(struct store *s)
{
	struct directory *d = &s->directory;
	enum status how = STATUS_OK;

	CHECK(pthread_mutex_init(&d->lock, NULL) == 0);
	for (uint64_t i = 0; i < SHARDS; i++) {
		struct owner *o = &d->shard[i].owner;

		owner_init(o, &shard_class, s, (struct entity){ ENTITY_DIRECTORY, i });
		if (how == STATUS_OK)
			how = shard_load(o);
		o->loaded = how == STATUS_OK;
	}
	return how;
}

void
directory_done(struct directory *d)
{
	for (uint64_t i = 0; i < SHARDS; i++)
		owner_done(&d->shard[i].owner);
	directory_changed(d, NULL);
	(void)pthread_mutex_destroy(&d->lock);
}

struct shard *
directory_shard(struct directory *d, struct text domain)
{
	return &d->shard[text_hash_stable(domain) % SHARDS];
}

void
serve_store_directory_feed(struct call_in *in, const void *request, void *context)
{
	(void)request;
	bell_open(&((struct store *)context)->directory_bell, in);
}
