/* SPDX-License-Identifier: ISC */
/*
 * Sets of numbers in two levels with shared parts; see uidset.h. Invariants:
 * runs are disjoint, ascending and never adjacent, over all leaves; no leaf is
 * empty; a slot repeats the last number and the total of its leaf, so that a
 * search touches one leaf. What has more than one holder is never written.
 */
#include "base/uidset.h"

#include <stdatomic.h>
#include <string.h>

#include "base/arena.h"

#define LEAF_SMALL (UIDSET_LEAF / 4)  /* below it a leaf joins a neighbour, */
#define LEAF_JOINED (UIDSET_LEAF / 2) /* if both together have at most so many */
#define CAP_LEAST 4u
/* So many runs are added or removed one by one, more in one pass over all, */
#define FEW 32u
#define PER_CHANGE 64u /* unless the set has so many times more. */

struct span {
	uint32_t first, last;
};

struct leaf {
	_Atomic uint32_t refs;
	uint32_t count, cap;
	struct span at[];
};

struct slot {
	struct leaf *leaf;
	uint32_t last;	 /* of the leaf */
	uint32_t total;	 /* numbers in the leaf */
	uint32_t before; /* numbers in the leaves before it */
};

struct uidset_root {
	_Atomic uint32_t refs;
	uint32_t count, cap;
	uint32_t total, spans;
	struct slot at[];
};

static _Atomic size_t held;

/* ---- leaves ---- */

static size_t
leaf_size(uint32_t cap)
{
	return sizeof(struct leaf) + cap * sizeof(struct span);
}

static size_t
root_size(uint32_t cap)
{
	return sizeof(struct uidset_root) + cap * sizeof(struct slot);
}

static void
account_for(size_t gone, size_t come)
{
	atomic_fetch_add_explicit(&held, come - gone, memory_order_relaxed);
}

static uint32_t
roomy(uint32_t count, uint32_t most)
{
	uint32_t cap = CAP_LEAST;

	while (cap < count)
		cap *= 2;
	return cap < most ? cap : most;
}

static struct leaf *
leaf_new(const struct span *at, uint32_t count)
{
	uint32_t cap = roomy(count, UIDSET_LEAF);
	struct leaf *l = mem_new(leaf_size(cap));

	account_for(0, leaf_size(cap));
	atomic_init(&l->refs, 1);
	l->count = count;
	l->cap = cap;
	memcpy(l->at, at, count * sizeof(*at));
	return l;
}

static bool
is_mine(_Atomic uint32_t *refs)
{
	return atomic_load_explicit(refs, memory_order_acquire) == 1;
}

/* True when it was the last. */
static bool
let_go(_Atomic uint32_t *refs)
{
	return atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1;
}

static void
leaf_release(struct leaf *l)
{
	if (!let_go(&l->refs))
		return;
	account_for(leaf_size(l->cap), 0);
	mem_free(l);
}

static uint32_t
span_total(const struct span *at, uint32_t count)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++)
		n += at[i].last - at[i].first + 1;
	return n;
}

/* The first span whose last is >= n, or count. */
static uint32_t
leaf_find(const struct leaf *l, uint32_t n)
{
	uint32_t low = 0, high = l->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (l->at[mid].last < n)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* ---- the root ---- */

static void
root_release(struct uidset_root *r)
{
	if (r == NULL || !let_go(&r->refs))
		return;
	for (uint32_t i = 0; i < r->count; i++)
		leaf_release(r->at[i].leaf);
	account_for(root_size(r->cap), 0);
	mem_free(r);
}

void
uidset_done(struct uidset *s)
{
	root_release(s->root);
	s->root = NULL;
}

void
uidset_share(struct uidset *dst, const struct uidset *src)
{
	struct uidset_root *old = dst->root;

	if (src->root != NULL)
		atomic_fetch_add_explicit(&src->root->refs, 1, memory_order_relaxed);
	dst->root = src->root;
	root_release(old);
}

/* Makes the root the set's own, with room for so many leaves. */
static struct uidset_root *
own_root(struct uidset *s, uint32_t count)
{
	struct uidset_root *old = s->root, *r;
	uint32_t cap = roomy(count, UINT32_MAX);

	if (old != NULL && is_mine(&old->refs) && old->cap >= count)
		return old;
	r = mem_new(root_size(cap));
	account_for(0, root_size(cap));
	if (old != NULL) {
		memcpy(r->at, old->at, old->count * sizeof(*r->at));
		r->count = old->count;
		r->total = old->total;
		r->spans = old->spans;
	}
	for (uint32_t i = 0; i < r->count; i++)
		atomic_fetch_add_explicit(&r->at[i].leaf->refs, 1, memory_order_relaxed);
	atomic_init(&r->refs, 1);
	r->cap = cap;
	root_release(old);
	s->root = r;
	return r;
}

/* The first slot whose last is >= n, or count. */
static uint32_t
slot_find(const struct uidset_root *r, uint32_t n)
{
	uint32_t low = 0, high = r->count;

	if (high > 0 && r->at[high - 1].last < n)
		return high; /* what is new stands at the end */
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (r->at[mid].last < n)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Counts of the slots from i on follow a change. */
static void
recount(struct uidset_root *r, uint32_t i)
{
	uint32_t before = i == 0 ? 0 : r->at[i - 1].before + r->at[i - 1].total;

	for (; i < r->count; i++) {
		r->at[i].before = before;
		before += r->at[i].total;
	}
	r->total = before;
}

static struct slot
slot_of(const struct span *at, uint32_t count)
{
	return (struct slot){ .leaf = leaf_new(at, count),
		.last = at[count - 1].last,
		.total = span_total(at, count) };
}

/* Puts leaves of these spans in the place of the leaves from i up to j. */
static void
splice(struct uidset *s, uint32_t i, uint32_t j, const struct span *at, uint32_t count)
{
	uint32_t leaves = (count + UIDSET_LEAF - 1) / UIDSET_LEAF, done = 0;
	struct uidset_root *r = own_root(s, (s->root == NULL ? 0 : s->root->count) + leaves);

	for (uint32_t k = i; k < j; k++) {
		r->spans -= r->at[k].leaf->count;
		leaf_release(r->at[k].leaf);
	}
	memmove(&r->at[i + leaves], &r->at[j], (r->count - j) * sizeof(*r->at));
	r->count = r->count - (j - i) + leaves;
	for (uint32_t k = 0; k < leaves; k++) {
		uint32_t part = (count - done) / (leaves - k);

		r->at[i + k] = slot_of(at + done, part);
		done += part;
	}
	r->spans += count;
	recount(r, i);
}

/* ---- changes ---- */

/* The spans that come into the place of some leaves. */
struct work {
	uint32_t first, last; /* the range */
	bool changed;
	struct span joined; /* of the range and what it touches, when added */
	uint32_t before, count;
	struct span at[2 * UIDSET_LEAF + 4];
};

static void
work_begin(struct work *w, uint32_t first, uint32_t last)
{
	w->first = first;
	w->last = last;
	w->joined = (struct span){ first, last };
	w->before = w->count = 0;
}

static void
push(struct work *w, uint32_t first, uint32_t last)
{
	w->at[w->count++] = (struct span){ first, last };
}

/* Spans of a leaf when the range is added: those that touch it join it. */
static void
join_leaf(struct work *w, const struct leaf *l)
{
	for (uint32_t i = 0; i < l->count; i++) {
		struct span x = l->at[i];

		if (x.last < w->first - 1 || x.first - 1 > w->last) {
			w->before += x.last < w->first;
			push(w, x.first, x.last);
			continue;
		}
		if (x.first <= w->first && x.last >= w->last)
			w->changed = false;
		if (x.first < w->joined.first)
			w->joined.first = x.first;
		if (x.last > w->joined.last)
			w->joined.last = x.last;
	}
}

/* And when it is removed. */
static void
cut_leaf(struct work *w, const struct leaf *l)
{
	for (uint32_t i = 0; i < l->count; i++) {
		struct span x = l->at[i];

		if (x.last < w->first || x.first > w->last) {
			push(w, x.first, x.last);
			continue;
		}
		w->changed = true;
		if (x.first < w->first)
			push(w, x.first, w->first - 1);
		if (x.last > w->last)
			push(w, w->last + 1, x.last);
	}
}

/* A leaf that became small joins a neighbour that is small too. */
static void
settle(struct uidset *s, uint32_t i, uint32_t j, struct work *w)
{
	const struct uidset_root *r = s->root;
	const struct leaf *left = i > 0 ? r->at[i - 1].leaf : NULL;
	const struct leaf *right = r != NULL && j < r->count ? r->at[j].leaf : NULL;

	if (w->count < LEAF_SMALL && left != NULL && left->count + w->count <= LEAF_JOINED) {
		memmove(w->at + left->count, w->at, w->count * sizeof(*w->at));
		memcpy(w->at, left->at, left->count * sizeof(*w->at));
		w->count += left->count;
		i--;
	} else if (w->count < LEAF_SMALL && right != NULL &&
		   right->count + w->count <= LEAF_JOINED) {
		memcpy(w->at + w->count, right->at, right->count * sizeof(*w->at));
		w->count += right->count;
		j++;
	}
	splice(s, i, j, w->at, w->count);
}

/* Behind all others, in place if nothing is shared; false: not so. */
static bool
append(struct uidset *s, uint32_t first, uint32_t last)
{
	struct uidset_root *r = s->root;
	struct slot *end = r == NULL ? NULL : &r->at[r->count - 1];
	struct leaf *l;

	if (end == NULL || end->last >= first || !is_mine(&r->refs) || !is_mine(&end->leaf->refs))
		return false;
	l = end->leaf;
	if (end->last + 1 == first) {
		l->at[l->count - 1].last = last;
	} else if (l->count == UIDSET_LEAF) {
		splice(s, r->count, r->count, &(struct span){ first, last }, 1);
		return true;
	} else {
		if (l->count == l->cap) {
			account_for(leaf_size(l->cap), leaf_size(l->cap * 2));
			l->cap *= 2;
			l = end->leaf = mem_resize(l, 1, leaf_size(l->cap));
		}
		l->at[l->count++] = (struct span){ first, last };
		r->spans++;
	}
	end->last = last;
	end->total += last - first + 1;
	r->total += last - first + 1;
	return true;
}

/* A function of its own, since room for its spans is cleared by the compiler,
 * which the way of append() need not pay for. */
static __attribute__((noinline)) void
insert(struct uidset *s, uint32_t first, uint32_t last)
{
	uint32_t count = s->root == NULL ? 0 : s->root->count, i, j;
	struct work w;

	work_begin(&w, first, last);
	w.changed = true;
	i = count == 0 ? 0 : slot_find(s->root, first - 1);
	for (j = i; j < count && s->root->at[j].leaf->at[0].first - 1 <= last; j++)
		continue;
	if (i == j && i > 0)
		i--; /* between two leaves: into the first */
	else if (i == j && j < count)
		j++;
	if (j > i)
		join_leaf(&w, s->root->at[i].leaf);
	if (j > i + 1)
		join_leaf(&w, s->root->at[j - 1].leaf);
	if (!w.changed)
		return;
	memmove(w.at + w.before + 1, w.at + w.before, (w.count - w.before) * sizeof(*w.at));
	w.at[w.before] = w.joined;
	w.count++;
	settle(s, i, j, &w);
}

void
uidset_add(struct uidset *s, uint32_t first, uint32_t last)
{
	CHECK(first > 0 && first <= last);
	if (!append(s, first, last))
		insert(s, first, last);
}

void
uidset_remove(struct uidset *s, uint32_t first, uint32_t last)
{
	struct work w;
	uint32_t i, j;

	CHECK(first > 0 && first <= last);
	if (s->root == NULL)
		return;
	work_begin(&w, first, last);
	w.changed = false;
	i = slot_find(s->root, first);
	for (j = i; j < s->root->count && s->root->at[j].leaf->at[0].first <= last; j++)
		continue;
	if (j > i)
		cut_leaf(&w, s->root->at[i].leaf);
	if (j > i + 1)
		cut_leaf(&w, s->root->at[j - 1].leaf);
	if (w.changed)
		settle(s, i, j, &w);
	if (s->root->count == 0)
		uidset_done(s);
}

static bool
is_much(const struct uidset *s, const struct runs *other)
{
	return other->count > FEW && other->count > uidset_runs(s) / PER_CHANGE;
}

void
uidset_add_all(struct uidset *s, const struct runs *other)
{
	struct runs all = RUNS_INIT;

	if (!is_much(s, other) || other->at[0].first > uidset_last(s)) {
		for (uint32_t i = 0; i < other->count; i++)
			uidset_add(s, other->at[i].first, other->at[i].last);
		return;
	}
	uidset_to_runs(s, &all);
	runs_add_all(&all, other);
	uidset_from_runs(s, &all);
	runs_done(&all);
}

void
uidset_remove_all(struct uidset *s, const struct runs *other)
{
	struct runs all = RUNS_INIT;

	if (!is_much(s, other)) {
		for (uint32_t i = 0; i < other->count; i++)
			uidset_remove(s, other->at[i].first, other->at[i].last);
		return;
	}
	uidset_to_runs(s, &all);
	runs_remove_all(&all, other);
	uidset_from_runs(s, &all);
	runs_done(&all);
}

void
uidset_from_runs(struct uidset *dst, const struct runs *src)
{
	uidset_done(dst);
	for (uint32_t i = 0; i < src->count; i++)
		uidset_add(dst, src->at[i].first, src->at[i].last);
}

/* ---- questions ---- */

void
uidset_to_runs(const struct uidset *s, struct runs *out)
{
	runs_clear(out);
	for (uint32_t i = 0; s->root != NULL && i < s->root->count; i++) {
		const struct leaf *l = s->root->at[i].leaf;

		for (uint32_t k = 0; k < l->count; k++)
			runs_add(out, l->at[k].first, l->at[k].last);
	}
}

uint32_t
uidset_total(const struct uidset *s)
{
	return s->root == NULL ? 0 : s->root->total;
}

uint32_t
uidset_runs(const struct uidset *s)
{
	return s->root == NULL ? 0 : s->root->spans;
}

bool
uidset_empty(const struct uidset *s)
{
	return s->root == NULL;
}

/* The span that holds n or comes next, and how many numbers stand before it;
 * NULL if there is none. */
static const struct span *
find(const struct uidset *s, uint32_t n, uint32_t *before)
{
	uint32_t i = s->root == NULL ? 0 : slot_find(s->root, n), k;
	const struct slot *at;

	if (s->root == NULL || i == s->root->count)
		return NULL;
	at = &s->root->at[i];
	k = leaf_find(at->leaf, n);
	if (before != NULL)
		*before = at->before + span_total(at->leaf->at, k);
	return &at->leaf->at[k];
}

bool
uidset_has(const struct uidset *s, uint32_t n)
{
	const struct span *x = find(s, n, NULL);

	return x != NULL && x->first <= n;
}

bool
uidset_equal(const struct uidset *a, const struct uidset *b)
{
	const struct span *x, *y;

	if (a->root == b->root)
		return true;
	if (uidset_total(a) != uidset_total(b) || uidset_runs(a) != uidset_runs(b))
		return false;
	for (uint32_t n = 1; n != 0 && (x = find(a, n, NULL)) != NULL; n = x->last + 1) {
		y = find(b, n, NULL);
		if (y == NULL || x->first != y->first || x->last != y->last)
			return false;
	}
	return true;
}

/* A place among the spans. */
struct place {
	uint32_t slot, at;
};

/* The first span whose last is >= n; NULL if there is none. */
static const struct span *
place_find(const struct uidset *s, uint32_t n, struct place *p)
{
	const struct uidset_root *r = s->root;

	p->slot = r == NULL ? 0 : slot_find(r, n);
	if (r == NULL || p->slot == r->count)
		return NULL;
	p->at = leaf_find(r->at[p->slot].leaf, n);
	return &r->at[p->slot].leaf->at[p->at];
}

static const struct span *
place_next(const struct uidset *s, struct place *p)
{
	const struct uidset_root *r = s->root;

	if (++p->at == r->at[p->slot].leaf->count) {
		p->at = 0;
		if (++p->slot == r->count)
			return NULL;
	}
	return &r->at[p->slot].leaf->at[p->at];
}

static struct span
clip(const struct span *x, uint32_t first, uint32_t last)
{
	return (
	    struct span){ x->first > first ? x->first : first, x->last < last ? x->last : last };
}

void
uidset_both(struct runs *out, const struct uidset *s, const struct runs *other)
{
	runs_clear(out);
	for (uint32_t i = 0; i < other->count; i++) {
		const struct run *o = &other->at[i];
		struct place p;

		for (const struct span *x = place_find(s, o->first, &p);
		     x != NULL && x->first <= o->last; x = place_next(s, &p)) {
			struct span part = clip(x, o->first, o->last);

			runs_add(out, part.first, part.last);
		}
	}
}

void
uidset_pack_part(struct buffer *b, const struct uidset *s, uint32_t first, uint32_t last)
{
	uint32_t count = 0, least = first;
	const struct span *x;
	struct place p;

	for (x = place_find(s, first, &p); x != NULL && x->first <= last; x = place_next(s, &p))
		count++;
	pack_varint(b, count);
	x = place_find(s, first, &p);
	for (; count > 0; count--, x = place_next(s, &p)) {
		struct span part = clip(x, first, last);

		pack_varint(b, part.first - least);
		pack_varint(b, part.last - part.first);
		least = part.last + 2;
	}
}

uint32_t
uidset_rank(const struct uidset *s, uint32_t n)
{
	uint32_t before = 0;
	const struct span *x = find(s, n, &before);

	return x == NULL || x->first > n ? 0 : before + (n - x->first) + 1;
}

uint32_t
uidset_below(const struct uidset *s, uint32_t n)
{
	uint32_t before = 0;
	const struct span *x = find(s, n, &before);

	if (x == NULL)
		return uidset_total(s);
	return before + (n > x->first ? n - x->first : 0);
}

uint32_t
uidset_at(const struct uidset *s, uint32_t pos)
{
	const struct uidset_root *r = s->root;
	uint32_t low = 0, high = r == NULL ? 0 : r->count, k = 0;

	if (pos == 0 || pos > uidset_total(s))
		return 0;
	while (high - low > 1) { /* at[low].before < pos, and not so at high */
		uint32_t mid = low + (high - low) / 2;

		if (r->at[mid].before < pos)
			low = mid;
		else
			high = mid;
	}
	pos -= r->at[low].before;
	for (const struct span *x = r->at[low].leaf->at;; k++) {
		uint32_t there = x[k].last - x[k].first + 1;

		if (pos <= there)
			return x[k].first + pos - 1;
		pos -= there;
	}
}

uint32_t
uidset_run(const struct uidset *s, uint32_t n, uint32_t *first)
{
	const struct span *x = find(s, n, NULL);

	if (x == NULL)
		return 0;
	*first = x->first > n ? x->first : n;
	return x->last - *first + 1;
}

uint32_t
uidset_next(const struct uidset *s, uint32_t n)
{
	uint32_t first = 0;

	(void)uidset_run(s, n, &first);
	return first;
}

uint32_t
uidset_last(const struct uidset *s)
{
	return s->root == NULL ? 0 : s->root->at[s->root->count - 1].last;
}

size_t
uidset_cost(const struct uidset *s)
{
	const struct uidset_root *r = s->root;

	return r == NULL ? 0
			 : root_size(r->cap) + r->count * sizeof(struct leaf) +
			       r->spans * sizeof(struct span);
}

size_t
uidset_held(void)
{
	return atomic_load_explicit(&held, memory_order_relaxed);
}
