/* SPDX-License-Identifier: ISC */
/*
 * An ordered map from bytes to bytes that never changes under its readers: a
 * persistent AVL tree. A change gives a new root that shares all but the path
 * to the change with the old one; whoever holds a root sees that moment until
 * it lets go. Nodes and rows are counted, by atomics, so that roots may be
 * held and released on any thread. Changing, copying and finding cost O(log n),
 * taking a moment O(1).
 *
 * NULL is the empty tree.
 */
#ifndef STORE_ENGINE_TREE_H
#define STORE_ENGINE_TREE_H

#include "base/text.h"

struct tree;
struct tree_row;

/* One more holder of the root; gives t back. */
struct tree *tree_hold(struct tree *t);
void tree_release(struct tree *t);

/* Take the caller's hold on t and give one on the new root. Bytes are copied. */
struct tree *tree_put(struct tree *t, struct text key, struct text value) MUST_CHECK;
struct tree *tree_remove(struct tree *t, struct text key) MUST_CHECK;

/* The row of a key or NULL, good as long as the root is held. */
const struct tree_row *tree_find(const struct tree *t, struct text key);
struct text tree_row_key(const struct tree_row *row);
struct text tree_row_value(const struct tree_row *row);
/* A row may be held apart from its tree. */
struct tree_row *tree_row_hold(const struct tree_row *row);
void tree_row_release(struct tree_row *row);

/* 1.44 * log2 of more rows than there is memory for. */
#define TREE_DEPTH 64

/* A place in a tree that somebody holds. */
struct tree_walk {
	const struct tree *path[TREE_DEPTH]; /* nodes whose row is still to come */
	unsigned depth;
};

/* Before the first row whose key is not below from. */
void tree_walk_from(struct tree_walk *w, const struct tree *t, struct text from);
/* The next row, or NULL at the end. */
const struct tree_row *tree_walk_next(struct tree_walk *w);

/* For tests: dies unless order and balance hold; gives the count of rows. */
size_t tree_check(const struct tree *t);

#endif
