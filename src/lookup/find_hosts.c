/* SPDX-License-Identifier: ISC */
/*
 * The hosts' addresses, asked for all at once, and the hosts that are this one
 * (RFC 5321 5.1: a host that finds itself in the list leaves out all that are
 * not better).
 */
#include <stdio.h>
#include <string.h>

#include "lookup/find_parts.h"
#include "lookup/guard.h"
#include "mailauth/records.h"

/* ---- loops ---- */

void
find_drop_loop(struct finding *f, uint32_t ours)
{
	struct route *r = f->route;
	uint32_t preference = r->hosts[ours].preference, n = 0;

	for (uint32_t i = 0; i < r->host_count; i++)
		if (r->hosts[i].preference < preference) {
			f->canonical[n] = f->canonical[i];
			r->hosts[n++] = r->hosts[i];
		}
	r->host_count = n;
	f->looped = true;
}

bool
find_is_own(const struct finding *f, const struct texts *addresses)
{
	for (uint32_t i = 0; i < addresses->count; i++) {
		struct sockaddr_storage a = guard_address(addresses->at[i], 0);

		if (networks_have(f->own, f->request->own_networks.count, &a))
			return true;
	}
	return false;
}

/* ---- addresses ---- */

/* Our own addresses count, so that a loop is seen. */
static bool
is_inside(const struct finding *f, struct text address)
{
	struct sockaddr_storage a = guard_address(address, 0);
	struct sockaddr_storage led_to = guard_address(guard_inner(address), 0);

	return guard_private(&led_to) && !guard_allows(&f->inside, &led_to) &&
	       !networks_have(f->own, f->request->own_networks.count, &a);
}

/* Not: unspecified, multicast, broadcast, IPv4 in disguise, and networks inside, by
 * way of a translator neither; and by that no loop. */
bool
find_usable(struct finding *f, struct text address)
{
	static const char loopback[16] = { [15] = 1 };
	struct text inner = guard_inner(address);
	uint8_t first = (uint8_t)inner.ptr[0];

	if (is_inside(f, address)) {
		f->hidden = true;
		return false;
	}
	if (inner.len == 4)
		return first != 0 && first < 224 && (address.len == 4 || first != 127);
	return first != 0xff &&
	       (memcmp(address.ptr, loopback, 10) != 0 || memcmp(address.ptr, loopback, 16) == 0);
}

static uint32_t
usable(
    struct finding *f, const struct dns_answer *answer, size_t len, struct text *out, uint32_t most)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < answer->records.count && n < most; i++)
		if (answer->records.at[i].len == len && find_usable(f, answer->records.at[i]))
			out[n++] = answer->records.at[i];
	return n;
}

/* Families take turns, IPv6 first; each may have what the other leaves. */
static void
take_addresses(struct finding *f, struct route_host *h, const struct dns_answer *six,
    const struct dns_answer *four)
{
	struct text a[LOOKUP_ADDRESSES_MAX], b[LOOKUP_ADDRESSES_MAX];
	uint32_t half = LOOKUP_ADDRESSES_MAX / 2;
	uint32_t n6 = usable(f, six, 16, a, LOOKUP_ADDRESSES_MAX);
	uint32_t n4 = usable(f, four, 4, b, LOOKUP_ADDRESSES_MAX);

	if (n6 > half && n4 > half)
		n6 = n4 = half;
	else if (n6 + n4 > LOOKUP_ADDRESSES_MAX && n6 > half)
		n6 = LOOKUP_ADDRESSES_MAX - n4;
	else if (n6 + n4 > LOOKUP_ADDRESSES_MAX)
		n4 = LOOKUP_ADDRESSES_MAX - n6;
	h->addresses.at = ARENA_ARRAY(f->a, struct text, LOOKUP_ADDRESSES_MAX);
	for (uint32_t i = 0; i < n6 || i < n4; i++) {
		if (i < n6)
			h->addresses.at[h->addresses.count++] = arena_copy(f->a, a[i]);
		if (i < n4)
			h->addresses.at[h->addresses.count++] = arena_copy(f->a, b[i]);
	}
}

void
find_fails(
    struct finding *f, struct route_host *h, const struct dns_answer *answer, const char *what)
{
	h->state = answer->outcome == LOOKUP_BOGUS ? ROUTE_HOST_BOGUS : ROUTE_HOST_TEMPORARY;
	h->words =
	    arena_printf(f->a, "%s of %.*s: %.*s", what, TEXT_ARG(h->name), TEXT_ARG(answer->why));
	h->addresses.count = 0;
}

static bool
failed(const struct dns_answer *a)
{
	return a->outcome == LOOKUP_TEMPORARY || a->outcome == LOOKUP_BOGUS;
}

/* One family that does not answer is no harm where the other does; one that is
 * forged is. */
static void
take_host(
    struct finding *f, uint32_t i, const struct dns_answer *six, const struct dns_answer *four)
{
	struct route_host *h = &f->route->hosts[i];
	const struct dns_answer *said = failed(four) ? six : four;
	const char *none = "address";
	bool hidden = f->hidden;

	if (six->outcome == LOOKUP_BOGUS || four->outcome == LOOKUP_BOGUS) {
		find_fails(f, h, six->outcome == LOOKUP_BOGUS ? six : four, "the addresses");
		return;
	}
	f->hidden = false;
	take_addresses(f, h, six, four);
	if (f->hidden && h->addresses.count == 0)
		none = "public address";
	f->hidden = f->hidden || hidden;
	h->secure = (six->secure || failed(six)) && (four->secure || failed(four)) &&
		    !(failed(six) && failed(four));
	f->canonical[i] = arena_copy(f->a, said->canonical);
	if (h->addresses.count > 0)
		return;
	if (failed(six) || failed(four)) {
		find_fails(f, h, failed(four) ? four : six, "the addresses");
		return;
	}
	h->state = ROUTE_HOST_NO_ADDRESS;
	h->words = arena_printf(f->a, "%.*s has no %s", TEXT_ARG(h->name), none);
}

void
find_addresses(struct finding *f)
{
	struct dns_question q[2 * LOOKUP_HOSTS_MAX] = { { .asked = false } };
	struct route *r = f->route;
	uint32_t ours = LOOKUP_HOSTS_MAX;

	for (uint32_t i = 0; i < 2 * r->host_count; i++) {
		q[i].asked =
		    text_to_string(r->hosts[i / 2].name, q[i].name, sizeof(q[i].name)) == STATUS_OK;
		q[i].type = i % 2 == 0 ? RECORD_AAAA : RECORD_A;
	}
	dns_ask_all(f->dns, q, 2 * (size_t)r->host_count, f->deadline);
	for (uint32_t i = 0; i < r->host_count; i++) {
		take_host(f, i, &q[2 * i].answer, &q[2 * i + 1].answer);
		if (ours == LOOKUP_HOSTS_MAX && find_is_own(f, &r->hosts[i].addresses))
			ours = i;
	}
	dns_questions_done(q, 2 * (size_t)r->host_count);
	if (ours < LOOKUP_HOSTS_MAX)
		find_drop_loop(f, ours);
}
