/* SPDX-License-Identifier: ISC */
/*
 * CIDR networks: parsed by inet_pton, compared by whole octets and then the
 * bits of the last one. IPv4-mapped IPv6 addresses (RFC 4291 2.5.5.2), which
 * a dual-stack socket shows for IPv4 peers, are taken for IPv4 throughout.
 */
#include "runtime/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define LEAST_4 8 /* bits of an IPv4 network in a setting */

static bool
same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

static bool
tail_is_zero(const struct network *n)
{
	static const uint8_t zero[16];
	struct network cut = { .family = n->family, .prefix = n->prefix };

	memcpy(cut.address, n->address, n->prefix / 8);
	if (n->prefix % 8 != 0)
		cut.address[n->prefix / 8] =
		    (uint8_t)(n->address[n->prefix / 8] & 0xff << (8 - n->prefix % 8));
	return memcmp(cut.address, n->address, sizeof(zero)) == 0;
}

enum status
network_parse(struct text t, struct network *out)
{
	size_t slash = text_find_byte(t, '/', 0);
	struct network n = { .family = AF_INET };
	uint32_t prefix, most = 32;
	char word[INET6_ADDRSTRLEN];

	if (text_to_string(text_part(t, 0, slash), word, sizeof(word)) != STATUS_OK)
		return STATUS_INVALID;
	if (inet_pton(AF_INET, word, n.address) != 1) {
		n.family = AF_INET6;
		most = 128;
		if (inet_pton(AF_INET6, word, n.address) != 1)
			return STATUS_INVALID;
	}
	prefix = most;
	if (slash < t.len && text_to_u32(text_part(t, slash + 1, t.len), &prefix) != STATUS_OK)
		return STATUS_INVALID;
	if (prefix > most)
		return STATUS_INVALID;
	n.prefix = (uint8_t)prefix;
	if (!tail_is_zero(&n))
		return STATUS_INVALID;
	*out = n;
	return STATUS_OK;
}

size_t
network_octets(const struct sockaddr_storage *a, const uint8_t **octets)
{
	const struct sockaddr_in6 *in6 = (const void *)a;

	if (a->ss_family == AF_INET) {
		*octets = (const uint8_t *)&((const struct sockaddr_in *)(const void *)a)->sin_addr;
		return 4;
	}
	if (a->ss_family != AF_INET6)
		return 0;
	*octets = in6->sin6_addr.s6_addr;
	if (!IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		return 16;
	*octets += 12;
	return 4;
}

bool
network_has(const struct network *n, const struct sockaddr_storage *a)
{
	const uint8_t *octets;
	size_t len = network_octets(a, &octets);

	return len == (n->family == AF_INET ? 4 : 16) && same_bits(octets, n->address, n->prefix);
}

bool
networks_have(const struct network *list, size_t count, const struct sockaddr_storage *a)
{
	for (size_t i = 0; i < count; i++)
		if (network_has(&list[i], a))
			return true;
	return false;
}

enum status
network_address(struct text t, struct sockaddr_storage *out)
{
	struct sockaddr_storage sa = { 0 };
	char word[INET6_ADDRSTRLEN];

	if (text_to_string(t, word, sizeof(word)) != STATUS_OK)
		return STATUS_INVALID;
	if (inet_pton(AF_INET, word, &((struct sockaddr_in *)(void *)&sa)->sin_addr) == 1)
		sa.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, word, &((struct sockaddr_in6 *)(void *)&sa)->sin6_addr) == 1)
		sa.ss_family = AF_INET6;
	else
		return STATUS_INVALID;
	*out = sa;
	return STATUS_OK;
}

bool
network_list_has(struct text list, const struct sockaddr_storage *a, struct text *which)
{
	struct text one;
	struct network n;

	while (text_split(&list, ' ', &one))
		if (one.len > 0 && network_parse(one, &n) == STATUS_OK && network_has(&n, a)) {
			*which = one;
			return true;
		}
	return false;
}

static enum status
refuse(struct failure *f, enum status s, struct text one, const char *why)
{
	char words[160];

	(void)snprintf(
	    words, sizeof(words), "%.*s %s", (int)(one.len < 60 ? one.len : 60), one.ptr, why);
	return fail(f, s, words, "%s", words);
}

enum status
network_list_check(struct text list, uint8_t least, struct failure *f)
{
	struct text one;
	struct network n;
	char wide[80];

	(void)snprintf(wide, sizeof(wide),
	    "is too wide: an IPv4 network has %d bits at least, an IPv6 one %u", LEAST_4, least);

	while (text_split(&list, ' ', &one)) {
		if (one.len == 0)
			continue;
		if (network_parse(one, &n) != STATUS_OK)
			return refuse(f, STATUS_INVALID, one,
			    "is no network such as 192.0.2.0/24 or 2001:db8::/32");
		if (n.prefix < (n.family == AF_INET ? LEAST_4 : least))
			return refuse(f, STATUS_LIMIT, one, wide);
	}
	return STATUS_OK;
}

bool
network_loopback(const struct sockaddr_storage *a)
{
	static const uint8_t one[16] = { [15] = 1 };
	const uint8_t *octets;
	size_t len = network_octets(a, &octets);

	if (len == 4)
		return octets[0] == 127;
	return len == 16 && memcmp(octets, one, sizeof(one)) == 0;
}
