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

#define NETWORK_LIST_MAX 1000 /* octets of a list in a setting */

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
/* An address alone, as inet_pton(3) reads it. INVALID. */
enum status network_address(struct text t, struct sockaddr_storage *out) MUST_CHECK;

/* A list as settings have it, separated by spaces. True if a network of it has
 * the address; which: its words, within the list. What is no network has nothing. */
bool network_list_has(struct text list, const struct sockaddr_storage *a, struct text *which);
/* INVALID with words if one is none; LIMIT with words if one is wider than /8 (IPv4)
 * or has fewer than `least` bits (IPv6). */
enum status network_list_check(struct text list, uint8_t least, struct failure *f) MUST_CHECK;

#endif
