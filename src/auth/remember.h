/* SPDX-License-Identifier: ISC */
/*
 * What was right is remembered for some minutes by keyed hash, so that an app
 * that reconnects costs no second Argon2id. The key is random in each process;
 * an entry covers account, verifier and password, so that a new password makes
 * the old entry useless by itself. Bounded; any thread.
 */
#ifndef AUTH_REMEMBER_H
#define AUTH_REMEMBER_H

#include "base/text.h"

struct remember;

struct remember *remember_new(unsigned entries); /* a power of two */
void remember_free(struct remember *r);
/* now: monotonic microseconds. */
bool remember_knows(
    struct remember *r, uint64_t account, struct text verifier, struct text password, int64_t now);
void remember_add(struct remember *r, uint64_t account, struct text verifier, struct text password,
    int64_t until);
void remember_forget(struct remember *r, uint64_t account);

#endif
