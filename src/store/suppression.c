/* SPDX-License-Identifier: ISC */
/* See store/suppression.h. */
#include "store/suppression.h"

#include <string.h>

#include "base/log.h"
#include "codec/date.h"
#include "mime/address.h"
#include "runtime/settings.h"
#include "store/core.h"
#include "store/queue_walk.h"
#include "store/scan.h"

#define VERSION 1
#define ADDRESS_MAX 240u
#define PAGE 500u

/* ---- rows ---- */

void
suppressed_pack(struct buffer *out, const struct suppressed *s)
{
	pack_u8(out, VERSION);
	pack_u8(out, s->by_operator ? 1 : 0);
	pack_signed(out, s->at);
	pack_text(out, s->words);
}

enum status
suppressed_unpack(struct text value, struct suppressed *out)
{
	struct unpack u = unpack_of(value);
	uint8_t version = unpack_u8(&u);
	struct suppressed s;

	s.by_operator = unpack_u8(&u) != 0;
	s.at = unpack_signed(&u);
	s.words = unpack_text(&u);
	if (!unpack_end(&u) || version != VERSION)
		return STATUS_CORRUPT;
	*out = s;
	return STATUS_OK;
}

enum status
suppression_key(struct text address, struct arena *a, struct key *key, uint32_t *shard)
{
	struct buffer b = BUFFER_INIT;
	enum status how = smtp_address_key(address, &b);

	(void)a;
	if (how == STATUS_OK && b.len > ADDRESS_MAX)
		how = STATUS_INVALID;
	if (how == STATUS_OK) {
		*key = key_named(KEY_Q_SUPPRESSED, buffer_text(&b));
		*shard = (uint32_t)(text_hash_stable(buffer_text(&b)) % QUEUE_SHARDS);
	}
	buffer_done(&b);
	return how;
}

/* RFC 3463 3.2, 3.3: no such mailbox or domain, a mailbox that is no more or
 * disabled; RFC 7505 3: a domain that takes no mail. */
bool
suppression_is_hard(struct text reply)
{
	static const char *const codes[] = { "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10",
		"5.2.1" };
	struct text code;

	(void)text_split(&reply, ' ', &code);
	if (code.len == 3 && code.ptr[0] == '5')
		(void)text_split(&reply, ' ', &code);
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (text_equal(code, text_of(codes[i])))
			return true;
	return false;
}

static bool
has_expired(const struct suppressed *x, int64_t now)
{
	return !x->by_operator && x->at + setting(SET_SUPPRESSION_KEEP) / CLOCK_SECOND <= now;
}

struct text
suppression_words(
    const struct suppressed *x, const char *code, struct text address, struct arena *a)
{
	struct buffer b = BUFFER_INIT;
	struct text out;
	size_t words;

	buffer_addf(&b, "%s%.*s ", code, TEXT_ARG(address));
	buffer_add_string(
	    &b, x->by_operator ? "was blocked here on " : "refused mail for good on ");
	date_print_rfc3339(&b, x->at);
	buffer_cut(&b, b.len - strlen("T00:00:00Z"));
	words = b.len;
	if (x->words.len > 0)
		buffer_addf(&b, ": %.*s", TEXT_ARG(x->words));
	for (size_t i = words; i < b.len; i++)
		if ((unsigned char)b.ptr[i] < ' ' || b.ptr[i] == 0x7f)
			b.ptr[i] = ' ';
	out = arena_copy(a, buffer_text(&b));
	buffer_done(&b);
	return out;
}

/* ---- domains that have one ---- */

static uint64_t
domain_hash(struct text domain)
{
	return text_hash_stable(domain) | 1;
}

/* key: of a row. */
static void
note_domain(struct store *s, struct text key)
{
	struct outgoing *o = &s->queue.outgoing;
	struct text domain = text_part(key, text_find_last(key, '@') + 1, key.len);

	pthread_mutex_lock(&o->lock);
	(void)map_put_u64(&o->bounced, domain_hash(domain), o);
	pthread_mutex_unlock(&o->lock);
}

/* key: as note_domain. */
static bool
domain_has_some(struct store *s, struct text key)
{
	return suppression_has_domain(s, text_part(key, text_find_last(key, '@') + 1, key.len));
}

bool
suppression_has_domain(struct store *s, struct text domain)
{
	struct outgoing *o = &s->queue.outgoing;
	bool has;

	pthread_mutex_lock(&o->lock);
	has = map_get_u64(&o->bounced, domain_hash(domain)) != NULL;
	pthread_mutex_unlock(&o->lock);
	return has;
}

/* The list is asked only about domains that have one on it: there are few. */
enum status
suppression_find(struct store *s, struct text address, struct arena *a, struct suppressed *out)
{
	struct key key;
	struct text value;
	uint32_t shard;

	if (suppression_key(address, a, &key, &shard) != STATUS_OK ||
	    !domain_has_some(s, key_text(&key)) ||
	    engine_get(s->engine, s->queue.shard[shard].owner.entity, key_text(&key), a, &value) !=
		STATUS_OK ||
	    suppressed_unpack(value, out) != STATUS_OK ||
	    has_expired(out, clock_wall() / CLOCK_SECOND))
		return STATUS_NOT_FOUND;
	return STATUS_OK;
}

static enum status
load_one(void *arg, struct text key, struct text value)
{
	(void)value;
	note_domain(arg, key);
	return STATUS_OK;
}

enum status
suppression_load(struct store *s, struct entity shard)
{
	return scan_kind(s, shard, KEY_Q_SUPPRESSED, load_one, s);
}

/* ---- changes ---- */

struct changing {
	struct op op; /* first */
	struct store *s;
	struct arena arena;
	struct key key;
	bool off; /* off the list, else on it */
	bool changed;
	struct suppressed row;
};

struct clearing {
	struct txn *t;
	uint32_t left;
};

/* What has expired goes when there is a need of room. */
static enum status
clear(void *arg, struct text key, struct text value)
{
	struct clearing *c = arg;
	struct suppressed x;

	if (suppressed_unpack(value, &x) != STATUS_OK)
		return STATUS_CORRUPT;
	if (has_expired(&x, c->t->now / CLOCK_SECOND))
		txn_delete(c->t, key);
	else
		c->left++;
	return STATUS_OK;
}

/* LIMIT: the list is full. */
static enum status
make_room(struct txn *t)
{
	struct key from = key_of(KEY_Q_SUPPRESSED), behind = key_behind(from);
	struct clearing c = { .t = t };
	enum status how = txn_scan(t, key_text(&from), key_text(&behind), clear, &c);

	return how == STATUS_OK && c.left >= SUPPRESSION_SHARD_MAX ? STATUS_LIMIT : how;
}

static enum status
change_apply(struct txn *t, struct op *op)
{
	struct changing *k = (struct changing *)(void *)op;
	struct buffer value = BUFFER_INIT;
	struct suppressed old = { .at = 0 };
	struct text was;
	enum status how = txn_get(t, key_text(&k->key), op->arena, &was);

	k->changed = k->off ? how == STATUS_OK : true;
	if (how == STATUS_OK && suppressed_unpack(was, &old) == STATUS_OK && op->in == NULL &&
	    old.by_operator)
		return STATUS_OK; /* he said so, and he takes it back */
	if (k->off) {
		if (how == STATUS_OK)
			txn_delete(t, key_text(&k->key));
		return how == STATUS_NOT_FOUND ? STATUS_OK : how;
	}
	if (how == STATUS_NOT_FOUND)
		how = make_room(t);
	if (how == STATUS_LIMIT)
		return op_refuse(op, STATUS_LIMIT, "The list is full.", "suppressions: full");
	if (how != STATUS_OK)
		return how;
	k->row.at = t->now / CLOCK_SECOND;
	note_domain(k->s, key_text(&k->key));
	suppressed_pack(&value, &k->row);
	txn_put(t, key_text(&k->key), buffer_text(&value));
	buffer_done(&value);
	return STATUS_OK;
}

static void
learnt(struct op *op, enum status how)
{
	struct changing *k = (struct changing *)(void *)op;
	struct store *s = k->s;

	if (how != STATUS_OK)
		LOG_WARN("store.not_suppressed", FIELD_STATUS(how));
	else
		bell_ring(&s->directory_bell);
	arena_done(&k->arena);
	mem_free(k);
	core_busy(s, -1);
}

void
suppression_learn(struct store *s, struct text address, struct text words)
{
	struct changing *k;
	struct key key;
	struct suppressed x;
	struct arena a = ARENA_INIT;
	uint32_t shard;
	bool off = words.len == 0, wanted;

	wanted = (off || setting(SET_SUPPRESSION_KEEP) != 0) &&
		 suppression_key(address, &a, &key, &shard) == STATUS_OK;
	if (wanted && off)
		wanted = domain_has_some(s, key_text(&key)) &&
			 suppression_find(s, address, &a, &x) == STATUS_OK;
	arena_done(&a);
	if (!wanted)
		return;
	k = MEM_NEW(struct changing);
	k->s = s;
	k->key = key;
	k->off = off;
	k->row.words = arena_copy(
	    &k->arena, text_part(words, 0,
			   words.len < SUPPRESSION_WORDS_MAX ? words.len : SUPPRESSION_WORDS_MAX));
	k->op.arena = &k->arena;
	k->op.apply = change_apply;
	k->op.finish = learnt;
	core_busy(s, 1);
	owner_submit_later(&s->queue.shard[shard].owner, &k->op);
}

/* ---- the operator ---- */

static void
changed(struct op *op, enum status how)
{
	struct changing *k = (struct changing *)(void *)op;
	struct queue_admin_suppress_reply reply = { .changed = k->changed };

	if (how == STATUS_OK)
		bell_ring(&k->s->directory_bell);
	if (how == STATUS_OK)
		call_reply(op->in, &reply);
	else
		call_fail(op->in, how, &op->failure);
}

void
serve_queue_admin_suppress(struct call_in *in, const void *request, void *context)
{
	const struct queue_admin_suppress_request *r = request;
	struct changing *k = ARENA_NEW(call_arena(in), struct changing);
	struct store *s = context;
	uint32_t shard;

	if (suppression_key(r->address, call_arena(in), &k->key, &shard) != STATUS_OK) {
		call_refuse(in, STATUS_INVALID, "This is not a mail address.", "suppressions");
		return;
	}
	k->s = s;
	k->off = r->remove != 0;
	k->row = (struct suppressed){ .by_operator = true,
		.words = text_part(r->words, 0,
		    r->words.len < SUPPRESSION_WORDS_MAX ? r->words.len : SUPPRESSION_WORDS_MAX) };
	k->op.in = in;
	k->op.arena = call_arena(in);
	k->op.apply = change_apply;
	k->op.finish = changed;
	owner_submit(&s->queue.shard[shard].owner, &k->op);
}

struct listing {
	struct queue_admin_suppressed_reply reply;
	struct arena *a;
	int64_t now;
};

static enum status
list_one(void *arg, struct text key, struct text value)
{
	struct listing *l = arg;
	struct suppressed x;
	uint32_t n = l->reply.addresses.count;

	if (suppressed_unpack(value, &x) != STATUS_OK)
		return STATUS_CORRUPT;
	if (has_expired(&x, l->now))
		return STATUS_OK;
	if (n == PAGE) {
		l->reply.resume = l->reply.addresses.at[n - 1];
		return STATUS_NOT_FOUND; /* the end of the page */
	}
	l->reply.addresses.at[l->reply.addresses.count++] =
	    arena_copy(l->a, text_part(key, 1, key.len));
	l->reply.words.at[l->reply.words.count++] = arena_copy(l->a, x.words);
	l->reply.times.at[l->reply.times.count++] = (uint64_t)x.at;
	l->reply.operators.at[l->reply.operators.count++] = x.by_operator;
	return STATUS_OK;
}

/* Shard by shard; the last address of a page says where the next begins. */
void
serve_queue_admin_suppressed(struct call_in *in, const void *request, void *context)
{
	const struct queue_admin_suppressed_request *r = request;
	struct store *s = context;
	struct arena *a = call_arena(in);
	struct listing l = { .a = a, .now = clock_wall() / CLOCK_SECOND };
	struct key from = key_of(KEY_Q_SUPPRESSED), behind = key_behind(from);
	uint32_t shard = 0;
	enum status how = STATUS_OK;

	l.reply.addresses.at = ARENA_ARRAY(a, struct text, PAGE);
	l.reply.words.at = ARENA_ARRAY(a, struct text, PAGE);
	l.reply.times.at = ARENA_ARRAY(a, uint64_t, PAGE);
	l.reply.operators.at = ARENA_ARRAY(a, uint64_t, PAGE);
	if (r->after.len > 0)
		how = suppression_key(r->after, a, &from, &shard);
	if (how == STATUS_OK && r->after.len > 0)
		key_add(&from, 0, 1); /* behind it */
	for (; how == STATUS_OK && shard < QUEUE_SHARDS && l.reply.resume.len == 0; shard++) {
		how = scan_rows(s, s->queue.shard[shard].owner.entity, key_text(&from),
		    key_text(&behind), list_one, &l);
		from = key_of(KEY_Q_SUPPRESSED);
	}
	if (how == STATUS_OK)
		call_reply(in, &l.reply);
	else
		call_refuse(in, how, "The list cannot be read now.", "suppressions");
}
