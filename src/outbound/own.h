/* SPDX-License-Identifier: ISC */
/*
 * Which addresses are this host's own, so that mail for a domain which leads
 * here is a loop and not a delivery (RFC 5321 5.1, 6.3).
 */
#ifndef OUTBOUND_OWN_H
#define OUTBOUND_OWN_H

#include <sys/socket.h>

#include "base/arena.h"
#include "lookup/calls.h"

/* As lookup_route has them: of own, with their ports, those at outbound.port;
 * and, unless outbound.loopback, all that never leaves a host: what a stranger's
 * MX record says must not reach the services that trust this machine. */
struct texts own_networks(const struct sockaddr_storage *own, size_t count, struct arena *a);

/* Addresses with ports from words like "192.0.2.1:25" and "[::]:25". Before the
 * sandbox closes: in place of an unspecified address come all that the host's
 * interfaces have now. Words that are none are left out. */
size_t own_of_words(const struct texts *words, struct arena *a, struct sockaddr_storage **out);

/* Local addresses to bind to, without ports. Words that are none are left out. */
size_t sources_of_words(const struct texts *words, struct arena *a, struct sockaddr_storage **out);

#endif
