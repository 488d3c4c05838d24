/* SPDX-License-Identifier: ISC */
/* See store/fresh.h. */
#include "store/fresh.h"

#include <string.h>

#define UNIT 16u
#define CHAINS 4096u
/* Rows read ahead are worth it if one of so many is asked for; if one of so few, it
 * is tried with some, and else now and then. */
#define WORTH 4u
#define LITTLE 16u
#define SOME 16u
#define RARELY 16u
/* So many rows are remembered of how it went. */
#define GAIN_MEMORY 1024u

/* Every row begins at a multiple of UNIT. */
struct row {
	uint32_t hash;
	uint32_t next; /* of the same chain: its unit + 1; 0: none */
	uint32_t size; /* all of it, octets */
	uint16_t value_len;
	uint8_t key_len;
	uint8_t bits; /* what follows; then the key and the value */
};
enum {
	IN_CHAIN = 1, /* else another came in its place, or it fills the end of the ring */
	MARK = 2,     /* ask the engine */
	AHEAD = 4,    /* and not asked for yet */
};

struct fresh_ring {
	uint32_t chain[CHAINS];
	char byte[] __attribute__((aligned(UNIT)));
};

void
fresh_init(struct fresh *f, const char *kinds, size_t size)
{
	CHECK(sizeof(struct row) == UNIT && UNIT == FRESH_ROW_COST && size % UNIT == 0 &&
	      strlen(kinds) <= FRESH_KINDS_MAX);
	*f = (struct fresh){ .kinds = kinds, .size = size };
	CHECK(pthread_mutex_init(&f->lock, NULL) == 0);
}

void
fresh_done(struct fresh *f)
{
	mem_free(f->ring);
	f->ring = NULL;
	(void)pthread_mutex_destroy(&f->lock);
}

/* ---- the ring; under the lock ---- */

static struct row *
row_at(const struct fresh *f, uint64_t place)
{
	return (struct row *)(void *)(f->ring->byte + place % f->size);
}

static struct row *
row_of(const struct fresh *f, uint32_t unit)
{
	return unit == 0 ? NULL : row_at(f, (uint64_t)(unit - 1) * UNIT);
}

static struct text
key_of_row(const struct row *r)
{
	return (struct text){ (const char *)(r + 1), r->key_len };
}

static struct text
value_of_row(const struct row *r)
{
	return (struct text){ (const char *)(r + 1) + r->key_len, r->value_len };
}

static struct row *
find(const struct fresh *f, struct text key, uint32_t hash)
{
	struct row *r;

	if (f->ring == NULL)
		return NULL;
	for (r = row_of(f, f->ring->chain[hash % CHAINS]); r != NULL; r = row_of(f, r->next))
		if (r->hash == hash && text_equal(key_of_row(r), key))
			break;
	return r;
}

static void
forget(struct fresh *f, struct row *r)
{
	uint32_t *link = &f->ring->chain[r->hash % CHAINS];

	while (row_of(f, *link) != r)
		link = &row_of(f, *link)->next;
	*link = r->next;
	r->bits = 0;
}

/* A row without a key and a value, the oldest ones gone to make room for it. */
static struct row *
append(struct fresh *f, size_t size)
{
	struct row *r;

	while (f->head + size - f->tail > f->size) {
		r = row_at(f, f->tail);
		f->tail += r->size;
		if (r->bits & IN_CHAIN)
			forget(f, r);
	}
	r = row_at(f, f->head);
	*r = (struct row){ .size = (uint32_t)size };
	f->head += size;
	return r;
}

/* No row goes over the end of the ring. */
static void
keep(struct fresh *f, struct text key, uint32_t hash, struct text value, uint8_t bits)
{
	size_t size = (sizeof(struct row) + key.len + value.len + UNIT - 1) / UNIT * UNIT, left;
	struct row *r;

	if (f->ring == NULL)
		f->ring = mem_new(sizeof(*f->ring) + f->size);
	left = f->size - f->head % f->size;
	if (left < size)
		(void)append(f, left);
	r = append(f, size);
	r->hash = hash;
	r->next = f->ring->chain[hash % CHAINS];
	r->key_len = (uint8_t)key.len;
	r->value_len = (uint16_t)value.len;
	r->bits = bits | IN_CHAIN;
	memcpy(r + 1, key.ptr, key.len);
	if (value.len > 0)
		memcpy((char *)(r + 1) + key.len, value.ptr, value.len);
	f->ring->chain[hash % CHAINS] = (uint32_t)((f->head - size) % f->size / UNIT + 1);
}

/* Which of the kinds it is; NULL: it is not kept. */
static struct fresh_gain *
gain_of(struct fresh *f, struct text key)
{
	const char *kind = strchr(f->kinds, key.ptr[0]);

	return kind == NULL ? NULL : &f->gain[kind - f->kinds];
}

/* ---- the functions ---- */

void
fresh_follow(struct fresh *f, const struct engine_batch *b)
{
	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < b->count; i++) {
		const struct engine_write *w = &b->writes[i];
		bool here = w->kind == ENGINE_PUT && w->value.len <= FRESH_ROW_MAX;
		uint32_t hash;
		struct row *old;

		if ((w->kind != ENGINE_PUT && w->kind != ENGINE_DELETE) ||
		    gain_of(f, w->key) == NULL)
			continue;
		hash = (uint32_t)text_hash(w->key);
		old = find(f, w->key, hash);
		if (old != NULL)
			forget(f, old);
		keep(f, w->key, hash, here ? w->value : TEXT_EMPTY, here ? 0 : MARK);
	}
	pthread_mutex_unlock(&f->lock);
}

bool
fresh_get(struct fresh *f, struct text key, struct arena *a, struct text *value)
{
	uint32_t hash = (uint32_t)text_hash(key);
	struct row *r;
	bool here;

	pthread_mutex_lock(&f->lock);
	r = find(f, key, hash);
	here = r != NULL && (r->bits & MARK) == 0;
	if (here)
		*value = arena_copy(a, value_of_row(r));
	if (here && (r->bits & AHEAD) != 0) {
		r->bits &= (uint8_t)~AHEAD;
		gain_of(f, key)->used++;
	}
	pthread_mutex_unlock(&f->lock);
	return here;
}

/* What was read before is not kept after: the moment has left the ring. */
void
fresh_clear(struct fresh *f)
{
	pthread_mutex_lock(&f->lock);
	f->head += f->size - f->head % f->size;
	f->tail = f->head;
	if (f->ring != NULL)
		memset(f->ring->chain, 0, sizeof(f->ring->chain));
	pthread_mutex_unlock(&f->lock);
}

uint64_t
fresh_moment(struct fresh *f)
{
	uint64_t moment;

	pthread_mutex_lock(&f->lock);
	moment = f->head;
	pthread_mutex_unlock(&f->lock);
	return moment;
}

void
fresh_learn(struct fresh *f, uint64_t moment, struct text key, struct text value, bool ahead)
{
	struct fresh_gain *gain = gain_of(f, key);
	uint32_t hash = (uint32_t)text_hash(key);

	if (gain == NULL)
		return;
	pthread_mutex_lock(&f->lock);
	if (f->tail > moment || find(f, key, hash) != NULL) {
		/* it may be another by now */
	} else if (value.len > FRESH_ROW_MAX) {
		keep(f, key, hash, TEXT_EMPTY, MARK);
	} else {
		keep(f, key, hash, value, ahead ? AHEAD : 0);
		gain->learnt += ahead;
	}
	pthread_mutex_unlock(&f->lock);
}

static uint32_t
ahead_by(struct fresh_gain *g)
{
	if (g->learnt > GAIN_MEMORY) {
		g->learnt /= 2;
		g->used /= 2;
	}
	if (g->learnt >= 2 * SOME && g->used * WORTH >= g->learnt)
		return FRESH_AHEAD_MAX;
	if (g->learnt < 4 * SOME || g->used * LITTLE >= g->learnt)
		return SOME;
	return g->missed++ % RARELY == 0 ? SOME : 1;
}

uint32_t
fresh_ahead(struct fresh *f, struct text key)
{
	struct fresh_gain *gain = gain_of(f, key);
	uint32_t n = 1;

	pthread_mutex_lock(&f->lock);
	if (gain != NULL && find(f, key, (uint32_t)text_hash(key)) == NULL)
		n = ahead_by(gain);
	pthread_mutex_unlock(&f->lock);
	return n;
}
