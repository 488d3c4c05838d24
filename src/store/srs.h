/* SPDX-License-Identifier: ISC */
/*
 * Senders of what goes on to addresses elsewhere (mailauth/srs.h), and the way
 * back. The secret is made of the site's token key and leaves the store no
 * more than that.
 */
#ifndef STORE_SRS_H
#define STORE_SRS_H

#include "store/store.h"

/* Where mail to this address of ours goes if it is such a sender: the one that
 * it stands for. NOT_FOUND: it is none, not one of ours, or too old. */
enum status srs_target(
    struct store *s, struct text address, struct arena *a, struct text *out) MUST_CHECK;
/* Whether it looks like one. */
bool srs_looks(struct text address);

#endif
