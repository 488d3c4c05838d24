/* SPDX-License-Identifier: ISC */
/* Which addresses are of the public Internet; see guard.h. */
#include "lookup/guard.h"

#include <netinet/in.h>
#include <pthread.h>
#include <string.h>

#include "base/arena.h"

/* IPv4: all but these. */
static const char *const not_public_4[] = {
	"0.0.0.0/8",	  /* this network (RFC 1122 3.2.1.3) */
	"10.0.0.0/8",	  /* private (RFC 1918 3) */
	"100.64.0.0/10",  /* carriers' NAT (RFC 6598 7) */
	"127.0.0.0/8",	  /* loopback */
	"168.63.129.16",  /* the metadata of a cloud, at a public address */
	"169.254.0.0/16", /* link-local (RFC 3927 2), and most metadata services */
	"172.16.0.0/12",  /* private */
	"192.0.0.0/24",	  /* protocol assignments (RFC 6890 2.1) */
	"192.0.2.0/24",	  /* documentation (RFC 5737 3) */
	"192.88.99.0/24", /* 6to4 relays (RFC 7526 4) */
	"192.168.0.0/16", /* private */
	"198.18.0.0/15",  /* benchmarks (RFC 2544 4) */
	"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", /* multicast */
	"240.0.0.0/4",					    /* reserved, broadcast */
};

/* IPv6: the global unicast addresses (RFC 4291 2.4), and of these not... */
static const char *const public_6 = "2000::/3";
static const char *const not_public_6[] = {
	"2001::/23",	 /* protocol assignments: Teredo (RFC 4380 2.6), ORCHID */
	"2001:db8::/32", /* documentation (RFC 3849 2) */
	"2002::/16",	 /* 6to4 (RFC 3056 2) */
	"3fff::/20",	 /* documentation (RFC 9637 2) */
	"64:ff9b::/96",	 /* NAT64 (RFC 6052 2.1): outside 2000::/3 anyway */
};

/* Networks inside, as operators number their machines. */
static const char *const private[] = {
	"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", /* RFC 1918 3 */
	"100.64.0.0/10",				 /* RFC 6598 7 */
	"169.254.0.0/16",				 /* RFC 3927 2 */
	"fc00::/7",					 /* RFC 4193 3.1 */
	"fe80::/10", "fec0::/10",			 /* RFC 4291 2.4 */
	"64:ff9b:1::/48",				 /* NAT64 of a site (RFC 8215 3) */
};

static struct {
	struct network inside[ARRAY_LEN(private)];
	struct network four[ARRAY_LEN(not_public_4)], six[ARRAY_LEN(not_public_6)], global;
} parsed;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
parse_one(const char *word, struct network *out)
{
	CHECK(network_parse(text_of(word), out) == STATUS_OK);
}

static void
parse_all(void)
{
	for (size_t i = 0; i < ARRAY_LEN(not_public_4); i++)
		parse_one(not_public_4[i], &parsed.four[i]);
	for (size_t i = 0; i < ARRAY_LEN(not_public_6); i++)
		parse_one(not_public_6[i], &parsed.six[i]);
	for (size_t i = 0; i < ARRAY_LEN(private); i++)
		parse_one(private[i], &parsed.inside[i]);
	parse_one(public_6, &parsed.global);
}

bool
guard_public(const struct sockaddr_storage *a)
{
	const uint8_t *octets;
	size_t len = network_octets(a, &octets);

	pthread_once(&once, parse_all);
	if (len == 4)
		return !networks_have(parsed.four, ARRAY_LEN(parsed.four), a);
	return len == 16 && network_has(&parsed.global, a) &&
	       !networks_have(parsed.six, ARRAY_LEN(parsed.six), a);
}

bool
guard_private(const struct sockaddr_storage *a)
{
	pthread_once(&once, parse_all);
	return networks_have(parsed.inside, ARRAY_LEN(parsed.inside), a);
}

void
guard_init(struct guard *g, struct text networks)
{
	CHECK(text_to_string(networks, g->networks, sizeof(g->networks)) == STATUS_OK);
}

bool
guard_allows(const struct guard *g, const struct sockaddr_storage *a)
{
	struct text which;

	return network_list_has(text_of(g->networks), a, &which);
}

bool
guard_lets(const struct guard *g, const struct sockaddr_storage *a)
{
	return guard_public(a) || guard_allows(g, a);
}

struct text
guard_inner(struct text octets)
{
	static const char nat64[12] = { 0, 0x64, (char)0xff, (char)0x9b };

	if (octets.len != 16)
		return octets;
	if (memcmp(octets.ptr, nat64, sizeof(nat64)) == 0)
		return text_part(octets, 12, 16);
	if (octets.ptr[0] == 0x20 && octets.ptr[1] == 2)
		return text_part(octets, 2, 6);
	return octets;
}

struct sockaddr_storage
guard_address(struct text octets, uint16_t port)
{
	struct sockaddr_storage a = { .ss_family = AF_INET };

	CHECK(octets.len == 4 || octets.len == 16);
	if (octets.len == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)&a;

		in->sin_port = htons(port);
		memcpy(&in->sin_addr, octets.ptr, 4);
	} else {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		memcpy(&in6->sin6_addr, octets.ptr, 16);
	}
	return a;
}
