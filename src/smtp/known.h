/* SPDX-License-Identifier: ISC */
/*
 * Recipients that the directory accepted a moment ago, so that a burst of mail
 * to one address asks for it once; in submission, who may write as whom, and domains
 * elsewhere ("@domain"). Only yes is remembered, only for
 * smtp.recipient_remember, and all of it is forgotten whenever the directory
 * says that it changed; until it is known to say so, nothing is remembered.
 * What becomes full or goes within that moment is answered at the end of the
 * message, where the store decides in any case.
 */
#ifndef SMTP_KNOWN_H
#define SMTP_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct calls;
struct smtp_known;

/* At most max addresses; any thread may use it. */
struct smtp_known *smtp_known_new(size_t max);
void smtp_known_free(struct smtp_known *k); /* takes NULL */
/* True if the address was accepted for a message of this size (octets, or 0 if
 * it was not told) within the last keep microseconds. */
bool smtp_known_has(struct smtp_known *k, struct text address, uint64_t size, int64_t keep);
/* What the directory says from here on may be added under this number. */
uint64_t smtp_known_era(struct smtp_known *k);
/* Unless the directory has changed since. */
void smtp_known_add(struct smtp_known *k, struct text address, uint64_t size, uint64_t era);
/* The directory changed, or (first) begins to tell of changes. */
void smtp_known_changed(struct smtp_known *k);
/* It tells no more: nothing is known until the next smtp_known_changed. */
void smtp_known_lost(struct smtp_known *k);
/* Has the store tell it of both (store_directory_feed), until the link breaks; if it
 * cannot, which is logged, nothing is known. It may come when all else is gone. */
void smtp_known_follow(struct smtp_known *k, struct calls *calls);

#endif
