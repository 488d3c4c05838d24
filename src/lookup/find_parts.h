/* SPDX-License-Identifier: ISC */
/* Finding a route from the inside; for its files. */
#ifndef LOOKUP_FIND_PARTS_H
#define LOOKUP_FIND_PARTS_H

#include "lookup/find.h"
#include "lookup/guard.h"

struct finding {
	const struct dns_source *dns;
	const struct lookup_route_request *request;
	struct network *own;
	int64_t deadline;
	struct arena *a;
	struct route *route;
	struct text canonical[LOOKUP_HOSTS_MAX]; /* of each host; by its addresses */
	bool looped;	     /* hosts were left out because we are one of them */
	struct guard inside; /* outbound.private_networks */
	bool hidden;	     /* addresses were left out because they are private */
};

/* find_hosts.c: the addresses of all hosts. */
void find_addresses(struct finding *f);
/* Leaves out the hosts that are not better than ours. */
void find_drop_loop(struct finding *f, uint32_t ours);
bool find_is_own(const struct finding *f, const struct texts *addresses);
/* Whether mail may be sent to it, and a packet at all. */
bool find_usable(struct finding *f, struct text address);

/* find_tlsa.c: the TLSA records of the hosts that may have some. */
void find_tlsa(struct finding *f);
/* Where the host stands when one of its questions had this outcome. */
void find_fails(
    struct finding *f, struct route_host *h, const struct dns_answer *answer, const char *what);

#endif
