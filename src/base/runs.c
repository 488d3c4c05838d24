/* SPDX-License-Identifier: ISC */
/*
 * Sets of numbers as sorted runs. Invariants: runs are disjoint and never
 * adjacent (at[i].last + 1 < at[i + 1].first); at[i].before is right for
 * every i < dirty. A change sets dirty to the first run behind it; asking for
 * a position makes the counts right again, in one pass, only where it must.
 */
#include "base/runs.h"

#include <string.h>

#include "base/arena.h"

/* Below this many runs, adding one by one beats building a new array. */
#define FEW 8

void
runs_done(struct runs *r)
{
	mem_free(r->at);
	*r = (struct runs)RUNS_INIT;
}

void
runs_clear(struct runs *r)
{
	r->count = 0;
	r->dirty = 0;
}

static void
reserve(struct runs *r, uint32_t count)
{
	uint32_t cap = r->cap < 4 ? 4 : r->cap;

	if (count <= r->cap)
		return;
	while (cap < count)
		CHECK(!__builtin_mul_overflow(cap, (uint32_t)2, &cap));
	r->at = mem_resize(r->at, cap, sizeof(*r->at));
	r->cap = cap;
}

void
runs_copy(struct runs *dst, const struct runs *src)
{
	if (dst == src)
		return;
	reserve(dst, src->count);
	if (src->count > 0)
		memcpy(dst->at, src->at, src->count * sizeof(*src->at));
	dst->count = src->count;
	dst->dirty = src->dirty;
}

static uint32_t
length(const struct run *run)
{
	return run->last - run->first + 1;
}

/* Makes at[i].before right for all i <= upto. */
static void
settle(struct runs *r, uint32_t upto)
{
	for (; r->dirty <= upto; r->dirty++) {
		uint32_t i = r->dirty;

		r->at[i].before = i == 0 ? 0 : r->at[i - 1].before + length(&r->at[i - 1]);
	}
}

/* Runs from i on have moved or follow a change. */
static void
spoil(struct runs *r, uint32_t i)
{
	if (r->dirty > i)
		r->dirty = i;
}

/* The first run whose last is >= n, or count. */
static uint32_t
find(const struct runs *r, uint32_t n)
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

/* Puts gained runs in the place of the lost ones at i, and moves the rest. */
static void
replace(struct runs *r, uint32_t i, uint32_t lost, const struct run *gained, uint32_t count)
{
	uint32_t rest = r->count - i - lost;

	reserve(r, r->count - lost + count);
	if (lost != count && rest > 0)
		memmove(&r->at[i + count], &r->at[i + lost], rest * sizeof(*r->at));
	if (count > 0)
		memcpy(&r->at[i], gained, count * sizeof(*r->at));
	r->count = i + count + rest;
	spoil(r, i);
}

/* A run that stands behind all others; joins the last when it touches it. */
static void
append(struct runs *r, uint32_t first, uint32_t last)
{
	struct run *end = r->count == 0 ? NULL : &r->at[r->count - 1];

	if (end != NULL && end->last + 1 == first) {
		end->last = last;
		return;
	}
	reserve(r, r->count + 1);
	r->at[r->count++] = (struct run){ .first = first, .last = last };
}

uint32_t
runs_total(struct runs *r)
{
	if (r->count == 0)
		return 0;
	settle(r, r->count - 1);
	return r->at[r->count - 1].before + length(&r->at[r->count - 1]);
}

bool
runs_empty(const struct runs *r)
{
	return r->count == 0;
}

bool
runs_has(const struct runs *r, uint32_t n)
{
	uint32_t i = find(r, n);

	return i < r->count && r->at[i].first <= n;
}

void
runs_add(struct runs *r, uint32_t first, uint32_t last)
{
	struct run joined = { .first = first, .last = last };
	uint32_t i, end;

	CHECK(first > 0 && first <= last);
	if (r->count == 0 || r->at[r->count - 1].last < first) {
		append(r, first, last);
		return;
	}
	i = find(r, first - 1); /* also the run that ends just before */
	for (end = i; end < r->count && r->at[end].first - 1 <= last; end++)
		continue;
	if (end == i + 1 && r->at[i].first <= first && r->at[i].last >= last)
		return;
	if (end > i) {
		if (r->at[i].first < joined.first)
			joined.first = r->at[i].first;
		if (r->at[end - 1].last > joined.last)
			joined.last = r->at[end - 1].last;
	}
	replace(r, i, end - i, &joined, 1);
}

void
runs_remove(struct runs *r, uint32_t first, uint32_t last)
{
	struct run left[2];
	uint32_t i, end, kept = 0;

	CHECK(first > 0 && first <= last);
	i = find(r, first);
	for (end = i; end < r->count && r->at[end].first <= last; end++)
		continue;
	if (end == i)
		return;
	if (r->at[i].first < first)
		left[kept++] = (struct run){ .first = r->at[i].first, .last = first - 1 };
	if (r->at[end - 1].last > last)
		left[kept++] = (struct run){ .first = last + 1, .last = r->at[end - 1].last };
	replace(r, i, end - i, left, kept);
}

/* Both sets in one pass into a new array. */
static void
merge(struct runs *r, const struct runs *other)
{
	struct runs out = RUNS_INIT;
	uint32_t i = 0, k = 0;

	reserve(&out, r->count + other->count);
	while (i < r->count || k < other->count) {
		const struct run *next;

		if (k == other->count || (i < r->count && r->at[i].first <= other->at[k].first))
			next = &r->at[i++];
		else
			next = &other->at[k++];
		if (out.count > 0 && next->first <= out.at[out.count - 1].last) {
			if (next->last > out.at[out.count - 1].last)
				out.at[out.count - 1].last = next->last;
		} else {
			append(&out, next->first, next->last);
		}
	}
	runs_done(r);
	*r = out;
}

void
runs_add_all(struct runs *r, const struct runs *other)
{
	if (r == other || other->count == 0)
		return;
	if (r->count == 0)
		runs_copy(r, other);
	else if (other->count > FEW && other->at[0].first <= r->at[r->count - 1].last)
		merge(r, other);
	else
		for (uint32_t i = 0; i < other->count; i++)
			runs_add(r, other->at[i].first, other->at[i].last);
}

/* What is left of one run of r when the runs of other from *k on are taken
 * out; *k stays at the first that may touch the next run. */
static void
subtract(struct runs *out, struct run run, const struct runs *other, uint32_t *k)
{
	while (*k < other->count && other->at[*k].last < run.first)
		++*k;
	for (uint32_t i = *k; i < other->count && other->at[i].first <= run.last; i++) {
		if (other->at[i].first > run.first)
			append(out, run.first, other->at[i].first - 1);
		if (other->at[i].last >= run.last)
			return;
		run.first = other->at[i].last + 1;
		*k = i;
	}
	append(out, run.first, run.last);
}

void
runs_remove_all(struct runs *r, const struct runs *other)
{
	struct runs out = RUNS_INIT;
	uint32_t k = 0;

	if (r == other) {
		runs_clear(r);
	} else if (other->count <= FEW) {
		for (uint32_t i = 0; i < other->count; i++)
			runs_remove(r, other->at[i].first, other->at[i].last);
	} else {
		for (uint32_t i = 0; i < r->count; i++)
			subtract(&out, r->at[i], other, &k);
		runs_done(r);
		*r = out;
	}
}

void
runs_both(struct runs *out, const struct runs *a, const struct runs *b)
{
	uint32_t i = 0, k = 0;

	CHECK(out != a && out != b);
	runs_clear(out);
	while (i < a->count && k < b->count) {
		const struct run *x = &a->at[i], *y = &b->at[k];
		uint32_t first = x->first > y->first ? x->first : y->first;
		uint32_t last = x->last < y->last ? x->last : y->last;

		if (first <= last)
			append(out, first, last);
		if (x->last < y->last)
			i++;
		else
			k++;
	}
}

uint32_t
runs_rank(struct runs *r, uint32_t n)
{
	uint32_t i = find(r, n);

	if (i == r->count || r->at[i].first > n)
		return 0;
	settle(r, i);
	return r->at[i].before + (n - r->at[i].first) + 1;
}

uint32_t
runs_below(struct runs *r, uint32_t n)
{
	uint32_t i = find(r, n);

	if (i == r->count)
		return runs_total(r);
	settle(r, i);
	return r->at[i].before + (n > r->at[i].first ? n - r->at[i].first : 0);
}

uint32_t
runs_at(struct runs *r, uint32_t pos)
{
	uint32_t low = 0, high = r->count;

	if (pos == 0 || pos > runs_total(r))
		return 0;
	while (high - low > 1) { /* at[low].before < pos, and not so at high */
		uint32_t mid = low + (high - low) / 2;

		if (r->at[mid].before < pos)
			low = mid;
		else
			high = mid;
	}
	return r->at[low].first + (pos - r->at[low].before - 1);
}

uint32_t
runs_next(const struct runs *r, uint32_t n)
{
	uint32_t i = find(r, n);

	if (i == r->count)
		return 0;
	return r->at[i].first > n ? r->at[i].first : n;
}

uint32_t
runs_last(const struct runs *r)
{
	return r->count == 0 ? 0 : r->at[r->count - 1].last;
}

/* The gap counts from the least value that keeps runs apart, so that every
 * gap that a reader meets is a good one unless the sum passes the end. */
void
runs_pack(struct buffer *b, const struct runs *r)
{
	uint32_t least = 1;

	pack_varint(b, r->count);
	for (uint32_t i = 0; i < r->count; i++) {
		pack_varint(b, r->at[i].first - least);
		pack_varint(b, r->at[i].last - r->at[i].first);
		least = r->at[i].last + 2;
	}
}

enum status
runs_unpack(struct unpack *u, uint32_t max_runs, struct runs *out)
{
	uint64_t count = unpack_varint(u), least = 1;
	struct runs in = RUNS_INIT;

	if (unpack_ok(u) && count > max_runs) {
		u->bad = true;
		return STATUS_LIMIT;
	}
	if (count > cursor_left(&u->in) / 2) /* a run takes two bytes at least */
		u->bad = true;
	for (uint64_t i = 0; i < count && unpack_ok(u); i++) {
		uint64_t first = least + unpack_varint_max(u, UINT32_MAX);
		uint64_t last = first + unpack_varint_max(u, UINT32_MAX);

		if (last > UINT32_MAX)
			u->bad = true;
		else
			append(&in, (uint32_t)first, (uint32_t)last);
		least = last + 2;
	}
	if (!unpack_ok(u)) {
		runs_done(&in);
		return STATUS_CORRUPT;
	}
	runs_done(out);
	*out = in;
	return STATUS_OK;
}

void
runs_print(struct buffer *b, const struct runs *r)
{
	for (uint32_t i = 0; i < r->count; i++) {
		if (i > 0)
			buffer_add_byte(b, ',');
		buffer_add_u64(b, r->at[i].first);
		if (r->at[i].last == r->at[i].first)
			continue;
		buffer_add_byte(b, ':');
		buffer_add_u64(b, r->at[i].last);
	}
}
