/* SPDX-License-Identifier: ISC */
/*
 * The check of what no account owns: directory, queue, references, and whether
 * every blob is referred to. Blobs are compared by number and by the exclusive
 * or of their hashes, which takes no memory; since accounts may write while
 * this runs, a difference is looked at again before it is told.
 */
#include "store/check.h"
#include "store/core.h"
#include "store/directory_dkim.h"
#include "store/reference.h"
#include "store/serve.h"
#include "store/suppression.h"
#include "store/tls_report.h"

#define LOOKS 3

struct survey {
	struct store *store;
	struct findings *f;
	uint64_t entity;
	/* Directory: one shard. */
	uint64_t accounts, without_scram, intents, reserved;
	struct map domains; /* name -> struct domain: counted */
	struct arena arena;
	/* Blobs: those that are there, those that rows name. */
	uint64_t blobs, named, blobs_xor, named_xor;
	uint64_t holders, held; /* of shared content */
	struct map twins;	/* messages that share content with a record: a set */
};

/* ---- directory ---- */

static void
check_owner(struct survey *v, struct text address, uint64_t account)
{
	struct key key = key_of(KEY_FACTS);
	struct entity e = { ENTITY_ACCOUNT, account };
	struct arena a = ARENA_INIT;
	struct facts facts;
	struct text value;

	if (engine_get(v->store->engine, e, key_text(&key), &a, &value) != STATUS_OK ||
	    facts_unpack(value, &facts) != STATUS_OK)
		problem(v->f, "%.*s leads to account %llu, which is not there", TEXT_ARG(address),
		    (unsigned long long)account);
	else if (!text_equal(facts.address, address))
		problem(v->f, "%.*s leads to the account of %.*s", TEXT_ARG(address),
		    TEXT_ARG(facts.address));
	arena_done(&a);
}

static enum status
survey_address(void *arg, struct text key, struct text value)
{
	struct survey *v = arg;
	struct arena a = ARENA_INIT;
	size_t at = text_find_byte(key, 0, 0);
	struct text domain = text_part(key, 1, at), local = text_part(key, at + 1, key.len);
	struct text whole = arena_printf(&a, "%.*s@%.*s", TEXT_ARG(local), TEXT_ARG(domain));
	struct domain *d = map_get(&v->domains, domain);
	struct address row = { .kind = ADDRESS_ALIAS };
	enum status s = address_unpack(value, &a, &row);

	if (d == NULL) {
		d = ARENA_NEW(&v->arena, struct domain);
		(void)map_put(&v->domains, domain, d);
	}
	if (s == STATUS_OK && row.kind == ADDRESS_ACCOUNT) {
		d->accounts++;
		v->accounts++;
		v->without_scram += !row.has_scram;
		if ((row.account - 1) % SHARDS != v->entity)
			problem(v->f, "%.*s: account of another shard", TEXT_ARG(whole));
		check_owner(v, whole, row.account);
	}
	v->reserved += s == STATUS_OK && row.kind == ADDRESS_RESERVED;
	d->aliases += s == STATUS_OK && row.kind == ADDRESS_ALIAS;
	arena_done(&a);
	return s;
}

static enum status
survey_intent(void *arg, struct text key, struct text value)
{
	((struct survey *)arg)->intents++;
	return key.len == 9 ? STATUS_OK : STATUS_CORRUPT;
}

static enum status
survey_dkim(void *arg, struct text key, struct text value)
{
	struct survey *v = arg;
	struct text domain = text_part(key, 1, key.len);
	struct dkim_rows rows;

	if (map_get(&v->store->directory.shard[v->entity].domains, domain) == NULL)
		problem(v->f, "DKIM keys of domain %.*s, which is not there", TEXT_ARG(domain));
	return dkim_rows_unpack(value, &rows);
}

static void
compare_shard(struct survey *v, struct shard *sh)
{
	struct text name;
	size_t at = 0;
	void *p;

	if (v->accounts != sh->counts.accounts || v->without_scram != sh->counts.without_scram)
		problem(v->f,
		    "directory shard %llu: %llu accounts, %llu without SCRAM; written %llu, %llu",
		    (unsigned long long)v->entity, (unsigned long long)v->accounts,
		    (unsigned long long)v->without_scram, (unsigned long long)sh->counts.accounts,
		    (unsigned long long)sh->counts.without_scram);
	if (v->reserved > v->intents)
		problem(v->f, "directory shard %llu: reserved addresses without intents",
		    (unsigned long long)v->entity);
	while (map_each(&sh->domains, &at, &name, NULL, &p)) {
		const struct domain *d = p, *counted = map_remove(&v->domains, name);

		if (d->accounts != (counted == NULL ? 0 : counted->accounts) ||
		    d->aliases != (counted == NULL ? 0 : counted->aliases))
			problem(v->f, "domain %.*s: its counters are wrong", TEXT_ARG(name));
	}
	for (at = 0; map_each(&v->domains, &at, &name, NULL, &p);)
		problem(v->f, "addresses of domain %.*s, which is not there", TEXT_ARG(name));
}

static enum status
survey_shard(struct txn *txn, struct op *op)
{
	static const char kinds[] = { DIRECTORY_KEYS(KEY_FIRST) 0 };
	struct survey *v = op->arg2;
	struct shard *sh = shard_of(txn->owner);

	if (txn->changes > 0)
		return STATUS_AGAIN;
	v->accounts = v->without_scram = v->intents = v->reserved = 0;
	v->entity = txn->owner->entity.id;
	check_rows(v->store, txn->owner->entity, KEY_D_ADDRESS, survey_address, v, v->f);
	check_rows(v->store, txn->owner->entity, KEY_D_INTENT, survey_intent, v, v->f);
	check_rows(v->store, txn->owner->entity, KEY_D_DKIM, survey_dkim, v, v->f);
	compare_shard(v, sh);
	check_kinds(v->store, txn->owner->entity, text_of(kinds), v->f);
	map_done(&v->domains);
	arena_done(&v->arena);
	return STATUS_OK;
}

/* ---- accounts, seen from outside ---- */

/* Whether an intent tells why the account is not as it should be. */
static bool
is_intended(struct store *s, uint64_t account)
{
	struct key key = key_u64(KEY_D_INTENT, account);
	struct entity e = { ENTITY_DIRECTORY, (account - 1) % SHARDS };
	struct arena a = ARENA_INIT;
	struct text value;
	bool there = engine_get(s->engine, e, key_text(&key), &a, &value) == STATUS_OK;

	arena_done(&a);
	return there;
}

static bool
leads_to(struct store *s, struct text address, uint64_t account)
{
	struct arena a = ARENA_INIT;
	struct address_key k;
	struct address row;
	struct text value;
	struct key key;
	bool leads = false;

	if (address_key(address, &a, &k) == STATUS_OK) {
		key = address_row(&k);
		leads =
		    engine_get(s->engine, directory_shard(&s->directory, k.domain)->owner.entity,
			key_text(&key), &a, &value) == STATUS_OK &&
		    address_unpack(value, &a, &row) == STATUS_OK && row.kind != ADDRESS_ALIAS &&
		    row.account == account;
	}
	arena_done(&a);
	return leads;
}

/* Rows other than garbage, which is collected when everything else is gone. */
static bool
has_remains(struct store *s, struct entity e)
{
	struct engine_scan *scan;
	struct text key, value;
	bool remains = false;

	if (engine_scan_open(s->engine, e, TEXT_EMPTY, TEXT_EMPTY, &scan) != STATUS_OK)
		return false; /* told by check_rows */
	while (!remains && engine_scan_next(scan, &key, &value) == STATUS_OK)
		remains = key.ptr[0] != KEY_GARBAGE;
	engine_scan_close(scan);
	return remains;
}

/* Of an account: that its address leads back to it, or that nothing is there.
 * What is being made or removed meanwhile has an intent before and after. */
static void
look_for_owner(struct survey *v, struct entity e)
{
	struct key key = key_of(KEY_FACTS);
	struct arena a = ARENA_INIT;
	struct facts facts;
	struct text value;

	if (engine_get(v->store->engine, e, key_text(&key), &a, &value) == STATUS_OK) {
		if (facts_unpack(value, &facts) == STATUS_OK &&
		    !leads_to(v->store, facts.address, e.id) && !is_intended(v->store, e.id))
			problem(v->f, "account %llu: its address %.*s does not lead to it",
			    (unsigned long long)e.id, TEXT_ARG(facts.address));
	} else if (!is_intended(v->store, e.id) && has_remains(v->store, e)) {
		problem(v->f, "rows of account %llu, which is not there", (unsigned long long)e.id);
	}
	arena_done(&a);
}

/* ---- blobs ---- */

static void
name_blob(struct survey *v, struct blob_id id)
{
	v->named++;
	v->named_xor ^= text_hash_stable(blob_id_text(&id));
}

static enum status
name_email(void *arg, struct text key, struct text value)
{
	struct survey *v = arg;
	struct arena a = ARENA_INIT;
	struct email e;
	enum status s = email_unpack(value, &a, &e);

	if (s == STATUS_OK && !e.shared)
		name_blob(v, e.blob);
	v->held += s == STATUS_OK && e.shared;
	arena_done(&a);
	return s;
}

static enum status
name_garbage(void *arg, struct text key, struct text value)
{
	struct survey *v = arg;
	struct garbage g;
	enum status s = garbage_unpack(key, value, &g);

	if (s == STATUS_OK && !g.shared)
		name_blob(v, g.blob);
	v->held += s == STATUS_OK && g.shared;
	return s;
}

static enum status
name_staged(void *arg, struct text key, struct text value)
{
	struct staged g;
	enum status s = staged_unpack(key, value, &g);

	if (s == STATUS_OK)
		name_blob(arg, g.blob);
	return s;
}

static bool
still_there(struct survey *v, struct entity e, struct text key)
{
	struct arena a = ARENA_INIT;
	struct text value;
	bool there = engine_get(v->store->engine, e, key, &a, &value) == STATUS_OK;

	arena_done(&a);
	return there;
}

/* Every record that is there is known to the process, which applies it. */
static void
look_at_record(struct survey *v, struct text key, const struct record *r)
{
	struct entity e = { ENTITY_QUEUE, v->entity };
	uint64_t id = key_number(key, 1, 8);

	if (!queue_has(v->store, id) && still_there(v, e, key))
		problem(v->f, "record %llu is left over", (unsigned long long)id);
	else if (queue_has(v->store, id))
		check_blob(v->store, r->blob, r->pieces, "record", id, v->f);
}

static enum status
name_record(void *arg, struct text key, struct text value)
{
	struct survey *v = arg;
	struct record r = { .count = 0 };
	enum status s = record_unpack(value, &r);

	if (s == STATUS_OK && !r.shared)
		name_blob(v, r.blob);
	if (s == STATUS_OK && !r.shared && r.message != 0)
		(void)map_put_u64(&v->twins, r.message, v);
	if (s == STATUS_OK && key.len == 9)
		look_at_record(v, key, &r);
	arena_done(&r.arena);
	return key.len == 9 ? s : STATUS_CORRUPT;
}

static enum status
name_message(void *arg, struct text key, struct text value)
{
	struct survey *v = arg;
	struct entity e = { ENTITY_QUEUE, v->entity };
	struct outgoing_message m;
	enum status s = check_outgoing_message(v->store, e, key, value, v->f, &m);

	if (s == STATUS_OK && !m.shared && map_get_u64(&v->twins, key_number(key, 1, 8)) == NULL)
		name_blob(v, m.blob);
	return s;
}

/* Counts of TLS sessions: they decode, and stand where they are looked for. */
static enum status
look_at_tls(void *arg, struct text key, struct text value)
{
	struct survey *v = arg;
	struct arena a = ARENA_INIT;
	struct tls_day d;
	struct text domain;
	uint64_t day;
	enum status s =
	    tls_report_of_key(key, &day, &domain) ? tls_day_unpack(value, &a, &d) : STATUS_CORRUPT;

	arena_done(&a);
	if (s == STATUS_OK && v->entity != TLS_REPORT_SHARD)
		problem(v->f, "counts of TLS sessions in shard %llu of the queue",
		    (unsigned long long)v->entity);
	return s;
}

static enum status
look_at_suppressed(void *arg, struct text key, struct text value)
{
	struct survey *v = arg;
	struct arena a = ARENA_INIT;
	struct text address = text_part(key, 1, key.len);
	struct suppressed x;
	struct key k;
	uint32_t shard;
	enum status s = suppressed_unpack(value, &x);

	if (s == STATUS_OK && (suppression_key(address, &a, &k, &shard) != STATUS_OK ||
				  !text_equal(key_text(&k), key) || shard != v->entity))
		problem(
		    v->f, "suppressed address %.*s: not where it is looked for", TEXT_ARG(address));
	arena_done(&a);
	return s;
}

static enum status
look_at_part(void *arg, struct text key, struct text value)
{
	struct survey *v = arg;

	return check_outgoing_part(
	    v->store, (struct entity){ ENTITY_QUEUE, v->entity }, key, value, v->f);
}

static bool
has_holder(struct survey *v, struct blob_id blob)
{
	struct key from = key_named(KEY_R_USER, blob_id_text(&blob)), until = key_behind(from);
	struct engine_scan *scan;
	struct text key, value;
	bool has;

	if (engine_scan_open(v->store->engine, reference_entity(blob), key_text(&from),
		key_text(&until), &scan) != STATUS_OK)
		return true; /* told by check_rows */
	has = engine_scan_next(scan, &key, &value) == STATUS_OK;
	engine_scan_close(scan);
	return has;
}

static enum status
name_reference(void *arg, struct text key, struct text value)
{
	struct survey *v = arg;
	struct unpack k = unpack_of(text_part(key, 1, key.len)), u = unpack_of(value);
	struct blob_id id = blob_id_unpack(&k);
	uint64_t pieces = unpack_varint_max(&u, UINT16_MAX);

	if (!unpack_end(&k) || !unpack_end(&u) || pieces == 0)
		return STATUS_CORRUPT;
	name_blob(v, id);
	if (!has_holder(v, id) && still_there(v, reference_entity(id), key))
		problem(v->f, "shared content that nobody holds");
	if (!queue_has_blob(v->store, id)) /* else it may be on its way */
		check_blob(v->store, id, (uint32_t)pieces, "reference", v->f->rows, v->f);
	return STATUS_OK;
}

static enum status
count_holder(void *arg, struct text key, struct text value)
{
	struct survey *v = arg;

	if (key.len != 1 + 16 + 1 + 8)
		return STATUS_CORRUPT;
	v->holders += key.ptr[17] == HOLDER_ACCOUNT || key.ptr[17] == HOLDER_SENT;
	return STATUS_OK;
}

static void
each_entity(
    struct survey *v, enum entity_kind kind, void (*look)(struct survey *v, struct entity e))
{
	uint64_t id = 0;
	bool first = true;

	while (engine_next_entity(v->store->engine, kind, id, first, &id) == STATUS_OK) {
		look(v, (struct entity){ kind, id });
		first = false;
	}
}

static void
look_account(struct survey *v, struct entity e)
{
	/* Collection makes garbage of emails at any time. */
	static const struct kind_rows kinds[] = { { KEY_EMAIL, name_email },
		{ KEY_GARBAGE, name_garbage }, { KEY_STAGED, name_staged } };

	check_rows_together(v->store, e, kinds, ARRAY_LEN(kinds), v, v->f);
}

static enum status
look_at_sender(void *arg, struct text key, struct text value)
{
	(void)arg;
	return sending_row_check(key, value);
}

static enum status
look_at_rule(void *arg, struct text key, struct text value)
{
	struct sending_rule r;

	(void)arg;
	return key.len == 9 ? sending_rule_unpack(value, &r) : STATUS_CORRUPT;
}

static void
look_site(struct survey *v, struct entity e)
{
	static const char kinds[] = { SITE_KEYS(KEY_FIRST) 0 };

	check_rows(v->store, e, KEY_S_RULE, look_at_rule, v, v->f);
	check_kinds(v->store, e, text_of(kinds), v->f);
}

static void
look_queue(struct survey *v, struct entity e)
{
	static const char kinds[] = { QUEUE_KEYS(KEY_FIRST) 0 };
	/* One of them takes the content with it at any time. */
	static const struct kind_rows content[] = { { KEY_Q_RECORD, name_record },
		{ KEY_Q_MESSAGE, name_message } };

	v->entity = e.id;
	check_rows_together(v->store, e, content, ARRAY_LEN(content), v, v->f);
	check_rows(v->store, e, KEY_Q_ENVELOPE, look_at_part, v, v->f);
	check_rows(v->store, e, KEY_Q_RUN, look_at_part, v, v->f);
	check_rows(v->store, e, KEY_Q_NOTICE, look_at_part, v, v->f);
	check_rows(v->store, e, KEY_Q_SUPPRESSED, look_at_suppressed, v, v->f);
	check_rows(v->store, e, KEY_Q_TLS, look_at_tls, v, v->f);
	check_rows(v->store, e, KEY_Q_SENT, look_at_sender, v, v->f);
	check_rows(v->store, e, KEY_Q_KNOWN, look_at_sender, v, v->f);
	check_kinds(v->store, e, text_of(kinds), v->f);
}

static void
look_reference(struct survey *v, struct entity e)
{
	static const char kinds[] = { REFERENCE_KEYS(KEY_FIRST) 0 };

	check_rows(v->store, e, KEY_R_HEAD, name_reference, v, v->f);
	check_rows(v->store, e, KEY_R_USER, count_holder, v, v->f);
	check_kinds(v->store, e, text_of(kinds), v->f);
}

static void
count_blobs(struct survey *v)
{
	struct blob_id id = { { 0 } };
	uint32_t pieces;

	while (engine_next_blob(v->store->engine, id, &id, &pieces) == STATUS_OK) {
		v->blobs++;
		v->blobs_xor ^= text_hash_stable(blob_id_text(&id));
	}
}

static bool
blobs_agree(struct survey *v)
{
	v->blobs = v->named = v->blobs_xor = v->named_xor = v->holders = v->held = 0;
	map_done(&v->twins);
	each_entity(v, ENTITY_ACCOUNT, look_account);
	each_entity(v, ENTITY_QUEUE, look_queue);
	each_entity(v, ENTITY_REFERENCE, look_reference);
	each_entity(v, ENTITY_SITE, look_site);
	count_blobs(v);
	return v->blobs == v->named && v->blobs_xor == v->named_xor &&
	       (queue_count(v->store) > 0 || v->holders == v->held);
}

void
check_site(struct store *s, struct findings *f)
{
	struct survey v = { .store = s, .f = f };
	bool agree = false;
	uint32_t before;

	for (uint32_t i = 0; i < SHARDS; i++) {
		struct arena a = ARENA_INIT;
		struct op op = { .apply = survey_shard, .arena = &a, .arg2 = &v };

		if (owner_wait(&s->directory.shard[i].owner, &op) != STATUS_OK)
			problem(f, "directory shard %u does not load", i);
		arena_done(&a);
	}
	each_entity(&v, ENTITY_ACCOUNT, look_for_owner);
	check_trace(s, f);
	before = f->count;
	for (unsigned i = 0; i < LOOKS && !agree; i++) {
		f->count = before; /* a second look finds the same again, or it was nothing */
		agree = blobs_agree(&v);
	}
	map_done(&v.twins);
	if (!agree)
		problem(f,
		    "%llu blobs, rows name %llu; %llu holders of shared content, %llu are known",
		    (unsigned long long)v.blobs, (unsigned long long)v.named,
		    (unsigned long long)v.holders, (unsigned long long)v.held);
}
