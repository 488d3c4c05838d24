/* SPDX-License-Identifier: ISC */
/*
 * Walking over committed rows: every loop over a scan of the engine that has
 * nothing to do between its rows is one of these.
 */
#ifndef STORE_SCAN_H
#define STORE_SCAN_H

#include "store/owner.h"

/* Calls fn for the rows in [from, until), in order, until it gives something
 * else than OK; NOT_FOUND ends it well. */
enum status scan_rows(struct store *s, struct entity e, struct text from, struct text until,
    txn_row_fn fn, void *arg) MUST_CHECK;
/* All rows of a kind. */
enum status scan_kind(
    struct store *s, struct entity e, enum key_kind kind, txn_row_fn fn, void *arg) MUST_CHECK;

#endif
