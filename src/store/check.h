/* SPDX-License-Identifier: ISC */
/* The store's own check, for check.c and its parts. */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

#include "store/account.h"
#include "store/cold.h"
#include "store/outgoing.h"

#define PROBLEMS_MAX 100u

/* What is found, in words; one arena for all. */
struct findings {
	struct arena *arena;
	struct text at[PROBLEMS_MAX];
	uint32_t count;
	uint64_t rows; /* looked at */
};

void problem(struct findings *f, const char *format, ...) PRINTF_LIKE(2, 3);

/* All rows [kind] of an entity through fn; CORRUPT and IO become problems. */
void check_rows(struct store *s, struct entity entity, enum key_kind kind, txn_row_fn fn, void *arg,
    struct findings *f);
/* The same of up to so many kinds, all as of one moment: what goes from one to
 * another meanwhile is seen once. */
#define KINDS_TOGETHER 4u
struct kind_rows {
	enum key_kind kind;
	txn_row_fn fn;
};
void check_rows_together(struct store *s, struct entity entity, const struct kind_rows *kinds,
    size_t count, void *arg, struct findings *f);
/* Every row's first octet is one of these. */
void check_kinds(struct store *s, struct entity entity, struct text known, struct findings *f);
/* First and last piece are there. */
void check_blob(struct store *s, struct blob_id blob, uint32_t pieces, const char *whose,
    uint64_t id, struct findings *f);
bool check_holder(struct store *s, struct blob_id blob, struct holder h);

/* In the account's own queue: nothing is being written. */
void check_account(struct account *a, struct findings *f);
void check_site(struct store *s, struct findings *f);
void check_trace(struct store *s, struct findings *f);
/* Rows of outgoing mail in a shard of the queue: a message, which is
 * told; one of its parts. CORRUPT. */
enum status check_outgoing_message(struct store *s, struct entity e, struct text key,
    struct text value, struct findings *f, struct outgoing_message *out) MUST_CHECK;
enum status check_outgoing_part(struct store *s, struct entity e, struct text key,
    struct text value, struct findings *f) MUST_CHECK;

#endif
