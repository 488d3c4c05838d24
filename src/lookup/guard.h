/* SPDX-License-Identifier: ISC */
/*
 * The guard against forged targets (server-side request forgery): to which
 * addresses this host connects because somebody else named them. Only to
 * those of the public Internet: not to this host, its network, other hosts'
 * metadata services, multicast, or addresses that stand for an IPv4 address
 * (RFC 6890 2.2 and the registries of IANA). An IPv4-mapped address is judged
 * as the IPv4 address.
 */
#ifndef LOOKUP_GUARD_H
#define LOOKUP_GUARD_H

#include "runtime/network.h"

/* What an operator allows beside. */
struct guard {
	char networks[NETWORK_LIST_MAX + 1];
};

/* networks: a list as runtime/network.h has it, of NETWORK_LIST_MAX octets at most. */
void guard_init(struct guard *g, struct text networks);
bool guard_allows(const struct guard *g, const struct sockaddr_storage *a);
/* Whether it is public or allowed. */
bool guard_lets(const struct guard *g, const struct sockaddr_storage *a);
/* Whether it is an address of the public Internet. */
bool guard_public(const struct sockaddr_storage *a);
/* Whether it is one of a network inside: private, shared or of one link. Loopback is not. */
bool guard_private(const struct sockaddr_storage *a);
/* The IPv4 address that an IPv6 one leads to: by NAT64 (RFC 6052 2.1) and 6to4 (RFC
 * 3056 2); else the address itself, 4 or 16 octets. */
struct text guard_inner(struct text octets);
/* Of 4 or 16 octets; port in host order. */
struct sockaddr_storage guard_address(struct text octets, uint16_t port);

#endif
