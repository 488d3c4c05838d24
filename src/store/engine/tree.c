/* SPDX-License-Identifier: ISC */
/*
 * The persistent AVL tree of store/engine/tree.h. A node that has one holder
 * and is reached through nodes of one holder only is this change's own and is
 * changed in place; every other node on the path is copied first (own()).
 */
#include "store/engine/tree.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct tree_row {
	_Atomic uint32_t holders;
	uint32_t key_len, value_len;
	char bytes[];
};

struct tree {
	_Atomic uint32_t holders;
	int height; /* of a leaf: 1 */
	struct tree *left, *right;
	struct tree_row *row;
};

static struct tree_row *
row_new(struct text key, struct text value)
{
	struct tree_row *r = malloc(sizeof(*r) + key.len + value.len);

	if (r == NULL)
		die("out of memory: row of %zu bytes", key.len + value.len);
	CHECK(key.len <= UINT32_MAX && value.len <= UINT32_MAX);
	atomic_init(&r->holders, 1);
	r->key_len = (uint32_t)key.len;
	r->value_len = (uint32_t)value.len;
	if (key.len > 0)
		memcpy(r->bytes, key.ptr, key.len);
	if (value.len > 0)
		memcpy(r->bytes + key.len, value.ptr, value.len);
	return r;
}

struct tree_row *
tree_row_hold(const struct tree_row *row)
{
	struct tree_row *r = (struct tree_row *)row;

	(void)atomic_fetch_add_explicit(&r->holders, 1, memory_order_relaxed);
	return r;
}

void
tree_row_release(struct tree_row *row)
{
	if (atomic_fetch_sub_explicit(&row->holders, 1, memory_order_acq_rel) == 1)
		free(row);
}

struct text
tree_row_key(const struct tree_row *row)
{
	return (struct text){ row->bytes, row->key_len };
}

struct text
tree_row_value(const struct tree_row *row)
{
	return (struct text){ row->bytes + row->key_len, row->value_len };
}

struct tree *
tree_hold(struct tree *t)
{
	if (t != NULL)
		(void)atomic_fetch_add_explicit(&t->holders, 1, memory_order_relaxed);
	return t;
}

/* As deep as the tree is high. */
void
tree_release(struct tree *t)
{
	if (t == NULL || atomic_fetch_sub_explicit(&t->holders, 1, memory_order_acq_rel) != 1)
		return;
	tree_release(t->left);
	tree_release(t->right);
	tree_row_release(t->row);
	mem_free(t);
}

static int
height(const struct tree *t)
{
	return t == NULL ? 0 : t->height;
}

static void
measure(struct tree *t)
{
	int l = height(t->left), r = height(t->right);

	t->height = (l > r ? l : r) + 1;
}

/* Takes the row and both subtrees. */
static struct tree *
node_new(struct tree_row *row, struct tree *left, struct tree *right)
{
	struct tree *t = MEM_NEW(struct tree);

	atomic_init(&t->holders, 1);
	t->row = row;
	t->left = left;
	t->right = right;
	measure(t);
	return t;
}

static struct tree *
own(struct tree *t)
{
	struct tree *copy;

	if (atomic_load_explicit(&t->holders, memory_order_acquire) == 1)
		return t;
	copy = node_new(tree_row_hold(t->row), tree_hold(t->left), tree_hold(t->right));
	tree_release(t);
	return copy;
}

static struct tree *
rotate_right(struct tree *t)
{
	struct tree *top = own(t->left);

	t->left = top->right;
	measure(t);
	top->right = t;
	measure(top);
	return top;
}

static struct tree *
rotate_left(struct tree *t)
{
	struct tree *top = own(t->right);

	t->right = top->left;
	measure(t);
	top->left = t;
	measure(top);
	return top;
}

/* t is owned; its subtrees differ by at most 2. */
static struct tree *
balance(struct tree *t)
{
	int lean = height(t->left) - height(t->right);

	if (lean > 1) {
		if (height(t->left->left) < height(t->left->right))
			t->left = rotate_left(own(t->left));
		return rotate_right(t);
	}
	if (lean < -1) {
		if (height(t->right->right) < height(t->right->left))
			t->right = rotate_right(own(t->right));
		return rotate_left(t);
	}
	measure(t);
	return t;
}

static struct tree *
insert(struct tree *t, struct tree_row *row)
{
	int order;

	if (t == NULL)
		return node_new(row, NULL, NULL);
	t = own(t);
	order = text_compare(tree_row_key(row), tree_row_key(t->row));
	if (order == 0) {
		tree_row_release(t->row);
		t->row = row;
		return t;
	}
	if (order < 0)
		t->left = insert(t->left, row);
	else
		t->right = insert(t->right, row);
	return balance(t);
}

struct tree *
tree_put(struct tree *t, struct text key, struct text value)
{
	return insert(t, row_new(key, value));
}

/* Takes the owned node t apart; its subtrees' holds pass to the caller. */
static void
unmake(struct tree *t)
{
	tree_row_release(t->row);
	mem_free(t);
}

/* Takes the first node out of t; its row goes to *row. */
static struct tree *
remove_first(struct tree *t, struct tree_row **row)
{
	struct tree *rest;

	t = own(t);
	if (t->left != NULL) {
		t->left = remove_first(t->left, row);
		return balance(t);
	}
	*row = tree_row_hold(t->row);
	rest = t->right;
	unmake(t);
	return rest;
}

static struct tree *
remove_here(struct tree *t)
{
	struct tree *rest;

	if (t->left != NULL && t->right != NULL) {
		tree_row_release(t->row);
		t->right = remove_first(t->right, &t->row);
		return balance(t);
	}
	rest = t->left != NULL ? t->left : t->right;
	unmake(t);
	return rest;
}

/* The key is there. */
static struct tree *
remove_key(struct tree *t, struct text key)
{
	int order;

	CHECK(t != NULL);
	t = own(t);
	order = text_compare(key, tree_row_key(t->row));
	if (order == 0)
		return remove_here(t);
	if (order < 0)
		t->left = remove_key(t->left, key);
	else
		t->right = remove_key(t->right, key);
	return balance(t);
}

struct tree *
tree_remove(struct tree *t, struct text key)
{
	return tree_find(t, key) == NULL ? t : remove_key(t, key);
}

const struct tree_row *
tree_find(const struct tree *t, struct text key)
{
	while (t != NULL) {
		int order = text_compare(key, tree_row_key(t->row));

		if (order == 0)
			return t->row;
		t = order < 0 ? t->left : t->right;
	}
	return NULL;
}

static void
push(struct tree_walk *w, const struct tree *t)
{
	CHECK(w->depth < TREE_DEPTH);
	w->path[w->depth++] = t;
}

void
tree_walk_from(struct tree_walk *w, const struct tree *t, struct text from)
{
	w->depth = 0;
	while (t != NULL) {
		if (text_compare(tree_row_key(t->row), from) >= 0) {
			push(w, t);
			t = t->left;
		} else {
			t = t->right;
		}
	}
}

const struct tree_row *
tree_walk_next(struct tree_walk *w)
{
	const struct tree *t;

	if (w->depth == 0)
		return NULL;
	t = w->path[--w->depth];
	for (const struct tree *c = t->right; c != NULL; c = c->left)
		push(w, c);
	return t->row;
}

static size_t
check(const struct tree *t, const struct tree *low, const struct tree *high)
{
	int l, r;

	if (t == NULL)
		return 0;
	l = height(t->left);
	r = height(t->right);
	CHECK(l - r <= 1 && r - l <= 1 && t->height == (l > r ? l : r) + 1);
	CHECK(low == NULL || text_compare(tree_row_key(low->row), tree_row_key(t->row)) < 0);
	CHECK(high == NULL || text_compare(tree_row_key(t->row), tree_row_key(high->row)) < 0);
	return check(t->left, low, t) + 1 + check(t->right, t, high);
}

size_t
tree_check(const struct tree *t)
{
	return check(t, NULL, NULL);
}
