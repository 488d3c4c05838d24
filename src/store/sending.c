/* SPDX-License-Identifier: ISC */
/* Who sent how much, and to whom; see store/sending.h. */
#include "store/sending.h"

#include "base/log.h"
#include "codec/date.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"
#include "store/core.h"
#include "store/sending_known.h"

#define IDLE_SECONDS 3600 /* after that it is read again */
#define SWEEP_SECONDS 60
#define CALM_ROOM 100 /* of whatever, left below every line */

struct sender {
	struct sending_counts counts;
	struct known known; /* recipients */
	uint32_t under_way; /* messages */
	bool gone;	    /* its account was removed meanwhile */
	int64_t used;	    /* seconds */
};

static const enum setting settings[SENDING_LIMITS] = {
	SET_SENDING_MESSAGES_HOUR,
	SET_SENDING_MESSAGES_DAY,
	SET_SENDING_RECIPIENTS_HOUR,
	SET_SENDING_RECIPIENTS_DAY,
	SET_SENDING_FIRST_HOUR,
	SET_SENDING_FIRST_DAY,
};

/* ---- rows ---- */

static struct key
counts_key(struct sending_key who)
{
	struct key k = key_of(KEY_Q_SENT);

	key_add(&k, who.kind, 1);
	key_add(&k, who.id, 8);
	return k;
}

enum status
sending_row_check(struct text key, struct text value)
{
	struct sending_counts c;

	if (key.len > 0 && key.ptr[0] == KEY_Q_KNOWN)
		return known_row_check(key, value);
	return key.len == 10 ? sending_counts_unpack(value, &c) : STATUS_CORRUPT;
}

static enum status
put_counts(struct txn *t, const struct sending_share *share)
{
	struct key key = counts_key(share->key);
	struct sending_counts c = { .at = { { { 0 } } } };
	struct buffer b = BUFFER_INIT;
	struct text value;
	enum status how = txn_get(t, key_text(&key), txn_arena(t), &value);

	if (how == STATUS_OK)
		how = sending_counts_unpack(value, &c);
	if (how != STATUS_OK && how != STATUS_NOT_FOUND)
		return how;
	sending_counts_add(&c, share->at, share->n);
	sending_counts_pack(&b, &c, share->at);
	txn_put(t, key_text(&key), buffer_text(&b));
	buffer_done(&b);
	return STATUS_OK;
}

enum status
sending_put(struct txn *t, const struct sending_share *share)
{
	enum status how = share->at == 0 ? STATUS_OK : put_counts(t, share);

	if (how == STATUS_OK && share->at != 0 && share->n[SENDING_FIRST] > 0)
		how = known_put(t, share);
	return how;
}

void
sending_delete(struct txn *t, struct sending_key who)
{
	struct key counts = counts_key(who);

	txn_delete(t, key_text(&counts));
	known_delete(t, who);
}

/* ---- in memory ---- */

static void
sender_free(struct sender *p)
{
	known_done(&p->known);
	mem_free(p);
}

static enum status
read_shard(struct store *s, struct sending_key who, uint32_t shard, struct sender *p)
{
	struct entity e = { ENTITY_QUEUE, shard };
	struct key sent = counts_key(who);
	struct sending_counts c;
	struct arena a = ARENA_INIT;
	struct text value;
	enum status how = engine_get(s->engine, e, key_text(&sent), &a, &value);

	if (how == STATUS_OK)
		how = sending_counts_unpack(value, &c);
	if (how == STATUS_OK) {
		sending_counts_merge(&p->counts, &c);
		how = known_read(s, shard, who, &p->known);
	}
	arena_done(&a);
	return how == STATUS_NOT_FOUND ? STATUS_OK : how;
}

/* Known recipients come with counts, never without them. */
enum status
sending_has_rows(struct store *s, struct sending_key who, uint32_t shard)
{
	struct key counts = counts_key(who);
	struct arena a = ARENA_INIT;
	struct text value;
	enum status how = engine_get(
	    s->engine, (struct entity){ ENTITY_QUEUE, shard }, key_text(&counts), &a, &value);

	arena_done(&a);
	return how;
}

static enum status
read_sender(struct store *s, struct sending_key who, struct sender **out)
{
	struct sender *p = MEM_NEW(struct sender);
	enum status how = STATUS_OK;

	for (uint32_t i = 0; how == STATUS_OK && i < QUEUE_SHARDS; i++)
		how = read_shard(s, who, i, p);
	if (how == STATUS_OK)
		*out = p;
	else
		sender_free(p);
	return how;
}

/* The sender, with the lock held if it is OK. */
static enum status
sender_lock(struct store *s, struct sending_key who, int64_t now, struct sender **out)
{
	struct sending *k = &s->sending;
	struct map *all = &k->senders[who.kind];
	struct sender *p, *made = NULL;
	enum status how;

	pthread_mutex_lock(&k->lock);
	p = map_get_u64(all, who.id);
	if (p == NULL) {
		pthread_mutex_unlock(&k->lock);
		how = read_sender(s, who, &made);
		if (how != STATUS_OK)
			return how;
		pthread_mutex_lock(&k->lock);
		p = map_get_u64(all, who.id);
		if (p == NULL)
			(void)map_put_u64(all, who.id, p = made);
		else
			sender_free(made);
	}
	p->used = now;
	*out = p;
	return STATUS_OK;
}

/* ---- what is allowed ---- */

uint64_t
sending_limit(const struct sending_rule *r, unsigned limit)
{
	return r->limit[limit] != 0 ? r->limit[limit] - 1 : (uint64_t)setting(settings[limit]);
}

static struct text
moment(int64_t at, struct arena *a)
{
	struct buffer b = BUFFER_INIT;
	struct text t;

	date_print_rfc3339(&b, at);
	t = arena_printf(a, "%.*s %.*s UTC", TEXT_ARG(text_part(buffer_text(&b), 0, 10)),
	    TEXT_ARG(text_part(buffer_text(&b), 11, 16)));
	buffer_done(&b);
	return t;
}

static struct text
site_of(struct text address)
{
	return text_part(address, text_find_last(address, '@'), address.len);
}

static struct text
stopped(const struct sending_who *who, const struct sending_rule *r, struct arena *a)
{
	if (who->network.len > 0)
		return arena_printf(a,
		    "Sending is stopped for the network %.*s since %.*s: %.*s. See which host "
		    "there sends what it should not, and ask postmaster to let it go on.",
		    TEXT_ARG(who->network), TEXT_ARG(moment(r->since, a)), TEXT_ARG(r->why));
	return arena_printf(a,
	    "Sending is stopped for %.*s since %.*s: %.*s. Change your password and ask "
	    "postmaster%.*s to let it go on.",
	    TEXT_ARG(who->address), TEXT_ARG(moment(r->since, a)), TEXT_ARG(r->why),
	    TEXT_ARG(site_of(who->address)));
}

struct text
sending_stopped(struct store *s, uint64_t account, struct text address, struct arena *a)
{
	struct sending_who who = { { SENDING_ACCOUNT, account }, address, TEXT_EMPTY };
	struct sending_rule r;

	sending_rule(s, account, a, &r);
	return r.since == 0 ? TEXT_EMPTY : stopped(&who, &r, a);
}

/* Which limit it is over with so many more; SENDING_LIMITS: none. */
static unsigned
limit_reached(const struct sender *p, const struct sending_rule *r,
    const uint32_t more[SENDING_WHATS], int64_t now)
{
	for (unsigned i = 0; i < SENDING_LIMITS; i++) {
		uint64_t limit = sending_limit(r, i);
		unsigned what = i / SENDING_SPANS;

		if (limit != 0 && more[what] > 0 &&
		    sending_counts_sum(&p->counts, i % SENDING_SPANS, what, now) + more[what] >
			limit)
			return i;
	}
	return SENDING_LIMITS;
}

static void
limited(const struct sending_who *who, const struct sender *p, const struct sending_rule *r,
    unsigned limit, uint32_t more, int64_t now, struct arena *a, struct sending_answer *out)
{
	static const char *const units[SENDING_WHATS] = { "messages", "recipients",
		"recipients you never wrote to before" };
	unsigned what = limit / SENDING_SPANS, span = limit % SENDING_SPANS;
	uint64_t most = sending_limit(r, limit);
	int64_t opens = sending_counts_opens(&p->counts, span, what, most, more, now);
	const char *in = span == SENDING_HOUR ? "hour" : "day";

	out->verdict = SUBMISSION_LIMITED;
	if (opens == 0)
		out->words = arena_printf(a,
		    "At most %llu %s are allowed in one %s, and this would be %u; "
		    "ask postmaster%.*s.",
		    (unsigned long long)most, units[what], in, more,
		    TEXT_ARG(site_of(who->address)));
	else
		out->words = arena_printf(a,
		    "You have sent %s%llu %s in the last %s, and %llu are allowed; "
		    "try again after %.*s or ask postmaster%.*s.",
		    what == SENDING_MESSAGES ? "" : "to ",
		    (unsigned long long)sending_counts_sum(&p->counts, span, what, now),
		    units[what], in, (unsigned long long)most, TEXT_ARG(moment(opens, a)),
		    TEXT_ARG(site_of(who->address)));
	metric_add(METRIC_SENDING_LIMITED, 1);
}

/* After so many it is stopped; 0: never. A network stands for so many accounts. */
static uint64_t
most_of(enum setting of, enum sending_kind kind)
{
	uint64_t times = kind == SENDING_NETWORK ? (uint64_t)setting(SET_SENDING_NETWORK_TIMES) : 1;

	return (uint64_t)setting(of) * times;
}

/* Not 0: it is too often over the line by now. */
static uint64_t
refused_too_often(struct sender *p, const struct sending_who *who, int64_t now)
{
	static const uint32_t one[SENDING_WHATS + 1] = { [SENDING_REFUSED] = 1 };
	uint64_t most = most_of(SET_SENDING_FREEZE_REFUSED, who->key.kind), n;

	sending_counts_add(&p->counts, now, one);
	n = sending_counts_sum(&p->counts, SENDING_HOUR, SENDING_REFUSED, now);
	return most != 0 && n >= most ? n : 0;
}

/* Whether it is so far from every line that what is sent in a moment does not
 * bring it there. */
static bool
is_calm(const struct sender *p, const struct sending_rule *r, int64_t now)
{
	static const uint32_t many[SENDING_WHATS] = { [SENDING_MESSAGES] = CALM_ROOM,
		[SENDING_RECIPIENTS] = CALM_ROOM,
		[SENDING_FIRST] = CALM_ROOM };

	return limit_reached(p, r, many, now) == SENDING_LIMITS;
}

/* Whether it may send so many more. */
static void
judge(struct sender *p, const struct sending_who *who, const struct sending_rule *r,
    const uint32_t more[SENDING_WHATS], int64_t now, struct arena *a, struct sending_answer *out)
{
	unsigned limit = limit_reached(p, r, more, now);

	if (limit < SENDING_LIMITS)
		limited(who, p, r, limit, more[limit / SENDING_SPANS], now, a, out);
}

void
sending_rule_in_force(
    struct store *s, struct sending_key who, struct arena *a, struct sending_rule *out)
{
	static const struct sending_rule accounts = { .since = 0 };
	uint64_t times = (uint64_t)setting(SET_SENDING_NETWORK_TIMES);

	sending_rule(s, sending_number(who), a, out);
	for (unsigned i = 0; who.kind == SENDING_NETWORK && i < SENDING_LIMITS; i++)
		if (out->limit[i] == 0)
			out->limit[i] = sending_limit(&accounts, i) * times + 1;
}

static bool
is_frozen(struct store *s, const struct sending_who *who, struct arena *a, struct sending_rule *r,
    struct sending_answer *out)
{
	*out = (struct sending_answer){ .verdict = SUBMISSION_OK };
	sending_rule_in_force(s, who->key, a, r);
	if (r->since != 0)
		*out = (struct sending_answer){ .verdict = SUBMISSION_FROZEN,
			.words = stopped(who, r, a) };
	return r->since != 0;
}

static void
freeze_if(struct store *s, const struct sending_who *who, uint64_t refused)
{
	bool network = who->key.kind == SENDING_NETWORK;

	if (refused != 0)
		sending_freeze(s, sending_number(who->key), who->network,
		    "%llu messages in the last hour were refused because they were too many, or "
		    "had too many recipients%s%.*s",
		    (unsigned long long)refused, network ? ", the last of " : "",
		    network ? (int)who->address.len : 0, who->address.ptr);
}

enum status
sending_may_begin(
    struct store *s, const struct sending_who *who, struct arena *a, struct sending_answer *out)
{
	/* At the line of any limit nothing of a message would pass. */
	static const uint32_t more[SENDING_WHATS] = {
		[SENDING_MESSAGES] = 1, [SENDING_RECIPIENTS] = 1
	};
	int64_t now = clock_wall() / CLOCK_SECOND;
	struct sending_rule r;
	struct sender *p;
	uint64_t refused = 0;
	enum status how;

	if (is_frozen(s, who, a, &r, out))
		return STATUS_OK;
	how = sender_lock(s, who->key, now, &p);
	if (how != STATUS_OK)
		return how;
	judge(p, who, &r, more, now, a, out);
	if (out->verdict != SUBMISSION_OK)
		refused = refused_too_often(p, who, now);
	else
		out->calm = is_calm(p, &r, now);
	pthread_mutex_unlock(&s->sending.lock);
	freeze_if(s, who, refused);
	return STATUS_OK;
}

enum status
sending_may_address(struct store *s, const struct sending_who *who, struct text recipient,
    uint64_t before, struct arena *a, struct sending_answer *out)
{
	uint32_t more[SENDING_WHATS] = {
		[SENDING_RECIPIENTS] = before < UINT32_MAX ? (uint32_t)before + 1 : UINT32_MAX
	};
	int64_t now = clock_wall() / CLOCK_SECOND;
	struct sending_rule r;
	struct sender *p;
	enum status how;

	if (is_frozen(s, who, a, &r, out))
		return STATUS_OK;
	how = sender_lock(s, who->key, now, &p);
	if (how != STATUS_OK)
		return how;
	more[SENDING_FIRST] = !known_has(&p->known, known_hash(recipient, a));
	judge(p, who, &r, more, now, a, out);
	pthread_mutex_unlock(&s->sending.lock);
	return STATUS_OK;
}

/* ---- a message ---- */

/* Each once, of those that are not known. */
static void
find_first(const struct sender *p, const struct texts *recipients, struct arena *a,
    struct sending_share *share)
{
	struct map seen = MAP_INIT;

	share->first = ARENA_ARRAY(a, uint32_t, recipients->count);
	for (uint32_t i = 0; i < recipients->count; i++) {
		uint32_t hash = known_hash(recipients->at[i], a);

		if (known_has(&p->known, hash) ||
		    map_put_u64(&seen, (uint64_t)hash + 1, share) != NULL)
			continue;
		share->first[share->n[SENDING_FIRST]++] = hash;
	}
	map_done(&seen);
}

static void
count_in_memory(struct sender *p, struct sending_share *share, int64_t now)
{
	share->at = now;
	sending_counts_add(&p->counts, now, share->n);
	for (uint32_t i = 0; i < share->n[SENDING_FIRST]; i++)
		known_add(&p->known, share->first[i]);
	p->under_way++;
}

enum status
sending_count(struct store *s, const struct sending_who *who, const struct texts *recipients,
    struct arena *a, struct sending_share *share, struct sending_answer *out)
{
	int64_t now = clock_wall() / CLOCK_SECOND;
	struct sending_rule r;
	struct sender *p;
	uint64_t refused = 0;
	enum status how;

	*share = (struct sending_share){ .key = who->key,
		.n = { [SENDING_MESSAGES] = 1, [SENDING_RECIPIENTS] = recipients->count } };
	if (is_frozen(s, who, a, &r, out))
		return STATUS_OK;
	how = sender_lock(s, who->key, now, &p);
	if (how != STATUS_OK)
		return how;
	find_first(p, recipients, a, share);
	judge(p, who, &r, share->n, now, a, out);
	if (out->verdict == SUBMISSION_OK)
		count_in_memory(p, share, now);
	else
		refused = refused_too_often(p, who, now);
	pthread_mutex_unlock(&s->sending.lock);
	freeze_if(s, who, refused);
	return STATUS_OK;
}

void
sending_counted(struct store *s, const struct sending_share *share, bool written)
{
	struct sending *k = &s->sending;
	struct sender *p;

	if (share->at == 0)
		return;
	pthread_mutex_lock(&k->lock);
	p = map_get_u64(&k->senders[share->key.kind], share->key.id);
	CHECK(p != NULL && p->under_way > 0);
	p->under_way--;
	if (p->gone && p->under_way == 0)
		atomic_store(&k->late, true);
	if (!written)
		sending_counts_take(&p->counts, share->at, share->n);
	pthread_mutex_unlock(&k->lock);
}

/* How many in a row there are now. before: filled in. */
static uint64_t
count_bounce(struct sending *k, uint64_t sender, bool nobody, uint64_t most, uint64_t *before)
{
	uint64_t n;

	pthread_mutex_lock(&k->lock);
	*before = (uintptr_t)map_get_u64(&k->bounces, sender);
	n = nobody && most != 0 ? *before + 1 : 0;
	if (n == 0 || n >= most)
		(void)map_remove_u64(&k->bounces, sender);
	else
		(void)map_put_u64(&k->bounces, sender, (void *)(uintptr_t)n);
	pthread_mutex_unlock(&k->lock);
	return n;
}

void
sending_bounced(struct store *s, uint64_t sender, bool nobody)
{
	bool network = sending_is_network(sender);
	uint64_t most =
	    most_of(SET_SENDING_FREEZE_BOUNCES, network ? SENDING_NETWORK : SENDING_ACCOUNT);
	struct arena a = ARENA_INIT;
	struct text name = TEXT_EMPTY;
	uint64_t before, n;
	bool stop;

	if (sender == 0)
		return;
	n = count_bounce(&s->sending, sender, nobody, most, &before);
	stop = n != 0 && n >= most;
	if (stop && network)
		name = sending_network_name(sender, &a);
	if (stop && (!network || name.len > 0))
		sending_freeze(s, sender, name,
		    "the last %llu recipients do not exist, as their servers say",
		    (unsigned long long)n);
	else if ((stop ? 0 : n) / SENDING_BOUNCES_KEPT != before / SENDING_BOUNCES_KEPT)
		sending_keep_bounces(s, sender, stop ? 0 : n);
	arena_done(&a);
}

enum status
sending_used(struct store *s, struct sending_key key, uint64_t used[SENDING_LIMITS])
{
	int64_t now = clock_wall() / CLOCK_SECOND;
	struct sender *p;
	enum status how = sender_lock(s, key, now, &p);

	if (how != STATUS_OK)
		return how;
	for (unsigned i = 0; i < SENDING_LIMITS; i++)
		used[i] = sending_counts_sum(&p->counts, i % SENDING_SPANS, i / SENDING_SPANS, now);
	pthread_mutex_unlock(&s->sending.lock);
	return STATUS_OK;
}

/* ---- start and end ---- */

/* Those who send nothing are forgotten; so are those who know too many, which
 * are read again with what the rows still have. */
static void
sweep(struct map *senders, int64_t now, bool all)
{
	struct sender *p;
	uint64_t id;
	size_t at = 0;
	void *v;

	while (map_each(senders, &at, NULL, &id, &v)) {
		p = v;
		if (!all && (p->under_way > 0 || p->gone ||
				(p->used > now - IDLE_SECONDS && p->used <= now &&
				    p->known.count <= 2 * QUEUE_SHARDS * SENDING_KNOWN_MAX)))
			continue;
		(void)map_remove_u64(senders, id);
		sender_free(p);
	}
}

void
sending_unlearn(struct store *s, struct sending_key who)
{
	struct sending *k = &s->sending;
	struct sender *p;

	pthread_mutex_lock(&k->lock);
	p = map_get_u64(&k->senders[who.kind], who.id);
	if (p != NULL && p->under_way == 0) {
		(void)map_remove_u64(&k->senders[who.kind], who.id);
		sender_free(p);
	} else if (p != NULL) {
		p->gone = who.kind == SENDING_ACCOUNT;
	}
	if (who.kind == SENDING_ACCOUNT)
		(void)map_remove_u64(&k->bounces, who.id);
	pthread_mutex_unlock(&k->lock);
}

/* Accounts that are gone, and whose last message has brought its rows by now. */
static void
forget_late(struct store *s)
{
	struct sending *k = &s->sending;
	struct map *all = &k->senders[SENDING_ACCOUNT];
	struct arena a = ARENA_INIT;
	struct numbers late = { NULL, 0 };
	uint64_t id;
	size_t at = 0;
	void *p;

	pthread_mutex_lock(&k->lock);
	late.at = ARENA_ARRAY(&a, uint64_t, all->count);
	while (map_each(all, &at, NULL, &id, &p))
		if (((struct sender *)p)->gone && ((struct sender *)p)->under_way == 0)
			late.at[late.count++] = id;
	pthread_mutex_unlock(&k->lock);
	for (uint32_t i = 0; i < late.count; i++)
		if (sending_forget(s, late.at[i]) != STATUS_OK)
			atomic_store(&k->late, true); /* again */
	arena_done(&a);
}

static void
forget_bounces(struct store *s, int64_t then)
{
	struct sending *k = &s->sending;
	struct arena a = ARENA_INIT;
	struct numbers senders = sending_bounced_before(s, then, &a);

	for (uint32_t i = 0; i < senders.count; i++) {
		pthread_mutex_lock(&k->lock);
		(void)map_remove_u64(&k->bounces, senders.at[i]);
		pthread_mutex_unlock(&k->lock);
		sending_keep_bounces(s, senders.at[i], 0);
	}
	arena_done(&a);
}

void
sending_tend(struct store *s)
{
	struct sending *k = &s->sending;
	int64_t now = clock_wall() / CLOCK_SECOND;
	bool due = now >= k->swept + SWEEP_SECONDS || now < k->swept;

	pthread_mutex_lock(&k->lock);
	for (unsigned i = 0; due && i < ARRAY_LEN(k->senders); i++)
		sweep(&k->senders[i], now, false);
	pthread_mutex_unlock(&k->lock);
	if (due) {
		k->swept = now;
		forget_bounces(s, now - SENDING_BOUNCES_SECONDS);
	}
	if (!atomic_load(&s->closing) && atomic_exchange(&k->late, false))
		forget_late(s);
	sending_follow(s);
}

void
sending_init(struct store *s)
{
	CHECK(pthread_mutex_init(&s->sending.lock, NULL) == 0);
	sending_rules_init(s);
}

enum status
sending_load(struct store *s)
{
	struct sending *k = &s->sending;
	enum status how = owner_wait_loaded(&k->owner);
	uint64_t sender;
	size_t at = 0;
	void *p;

	pthread_mutex_lock(&k->owner.lock);
	while (how == STATUS_OK && map_each(&k->rules, &at, NULL, &sender, &p)) {
		uint64_t n = ((struct sending_rule *)p)->bounces;

		if (n > 0)
			(void)map_put_u64(&k->bounces, sender, (void *)(uintptr_t)n);
	}
	pthread_mutex_unlock(&k->owner.lock);
	return how;
}

void
sending_done(struct store *s)
{
	struct sending *k = &s->sending;

	for (unsigned i = 0; i < ARRAY_LEN(k->senders); i++) {
		sweep(&k->senders[i], 0, true);
		map_done(&k->senders[i]);
	}
	map_done(&k->bounces);
	owner_done(&k->owner);
	(void)pthread_mutex_destroy(&k->lock);
}
