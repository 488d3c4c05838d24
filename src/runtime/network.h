/* SPDX-License-Identifier: ISC */
/*
 * Networks in CIDR notation ("192.0.2.0/24", "2001:db8::/32", a single
 * address), to say which peers are trusted (RFC 4632 3.1, RFC 4291 2.3). An
 * IPv4 network also holds the IPv4-mapped form of its addresses.
 */
#ifndef RUNTIME_NETWORK_H
#define RUNTIME_NETWORK_H

#include <sys/socket.h>

#include "base/text.h"

struct network {
	int family; /* AF_INET, AF_INET6 */
	uint8_t address[16];
	uint8_t prefix; /* bits */
};

/* INVALID for bad syntax, a bad length, or bits set behind the prefix. */
enum status network_parse(struct text t, struct network *out) MUST_CHECK;
bool network_has(const struct network *n, const struct sockaddr_storage *a);
bool networks_have(const struct network *list, size_t count, const struct sockaddr_storage *a);

/* The octets of an address: 4 or 16, or 0 for other families. IPv4-mapped
 * addresses count as IPv4. */
size_t network_octets(const struct sockaddr_storage *a, const uint8_t **octets);
bool network_loopback(const struct sockaddr_storage *a);

#endif
