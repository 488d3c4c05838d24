/* SPDX-License-Identifier: ISC */
/*
 * The calls of lookup/calls.h, served over two sources: the network's in the
 * role, tables in tests (lookup/lookup_testing.h).
 */
#ifndef LOOKUP_LOOKUP_H
#define LOOKUP_LOOKUP_H

#include "lookup/dns.h"
#include "lookup/https.h"

struct lookup;

/* Routes and requests that are under way at once; more wait for their turn. */
#define LOOKUP_ROUTES_AT_ONCE 256
#define LOOKUP_HTTPS_AT_ONCE 64

/* The sources must outlive it. */
struct lookup *lookup_new(const struct dns_source *dns, const struct https_source *https);
void lookup_serve(struct lookup *l, struct call_server_config *config);
/* Waits for what is under way, which its sources should have ended. */
void lookup_free(struct lookup *l);

#endif
