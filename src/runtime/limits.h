/* SPDX-License-Identifier: ISC */
/*
 * Limits per address and account: how many at once, and how often. One table
 * of keys with a bounded number of entries; what was not used for long gives
 * way, an entry that counts something alive never does. IPv6 addresses count
 * by their /64.
 */
#ifndef RUNTIME_LIMITS_H
#define RUNTIME_LIMITS_H

#include <sys/socket.h>

#include "base/text.h"

struct limits;

struct limits *limits_new(size_t max_entries);
/* Whatever is still inside is forgotten with it. */
void limits_free(struct limits *l);

/* A key of an address (port ignored) or of a text; never 0. */
uint64_t limits_key_address(const struct sockaddr_storage *a);
uint64_t limits_key_text(struct text t);

/* At once: takes a place, or false if max are taken, or if the table is full
 * of entries that count something. 0 max: no limit. */
bool limits_enter(struct limits *l, uint64_t key, unsigned max);
void limits_leave(struct limits *l, uint64_t key);
unsigned limits_inside(struct limits *l, uint64_t key);

/* How often: a token bucket of size burst that refills at rate a second.
 * Takes cost tokens, or gives the microseconds to wait until they are there. */
int64_t limits_take(struct limits *l, uint64_t key, double rate, double burst, double cost);

/* Failures that slow down: each doubles the delay from 1 second up to max;
 * half of them are forgotten every LIMITS_HALF_LIFE microseconds. delay tells
 * how long the answer in hand should wait. */
#define LIMITS_HALF_LIFE (INT64_C(600) * 1000000)
void limits_failed(struct limits *l, uint64_t key);
void limits_forgive(struct limits *l, uint64_t key);
int64_t limits_delay(struct limits *l, uint64_t key, int64_t max_delay);

#endif
