/* SPDX-License-Identifier: ISC */
/* See outbound/own.h. */
#include "outbound/own.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include "runtime/connect.h"
#include "runtime/settings.h"

static const char *const never_leaves[] = { "127.0.0.0/8", "0.0.0.0/8", "::1", "::" };

/* At the same place in both families. */
static in_port_t
port_of(const struct sockaddr_storage *a)
{
	return ntohs(((const struct sockaddr_in *)(const void *)a)->sin_port);
}

struct texts
own_networks(const struct sockaddr_storage *own, size_t count, struct arena *a)
{
	struct texts t = { ARENA_ARRAY(a, struct text, count + ARRAY_LEN(never_leaves)), 0 };
	struct buffer b = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_LEN(never_leaves) && !setting(SET_OUTBOUND_LOOPBACK); i++)
		t.at[t.count++] = text_of(never_leaves[i]);
	for (size_t i = 0; i < count && t.count < LOOKUP_OWN_MAX; i++) {
		if (port_of(&own[i]) != (in_port_t)setting(SET_OUTBOUND_PORT))
			continue;
		buffer_clear(&b);
		connect_print(&own[i], false, &b);
		t.at[t.count++] = arena_copy(a, buffer_text(&b));
	}
	buffer_done(&b);
	return t;
}

/* ---- from words ---- */

/* "192.0.2.1:25", "[2001:db8::1]:25". */
static bool
parse(struct text word, struct arena *a, struct sockaddr_storage *out)
{
	struct sockaddr_in *in = (void *)out;
	struct sockaddr_in6 *in6 = (void *)out;
	size_t colon = text_find_last(word, ':');
	struct text host = text_part(word, 0, colon);
	uint32_t port;

	memset(out, 0, sizeof(*out));
	if (text_to_u32(text_part(word, colon + 1, word.len), &port) != STATUS_OK || port > 65535)
		return false;
	if (host.len > 2 && host.ptr[0] == '[') {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		host = text_part(host, 1, host.len - 1);
		return inet_pton(AF_INET6, arena_string(a, host), &in6->sin6_addr) == 1;
	}
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, arena_string(a, host), &in->sin_addr) == 1;
}

static bool
unspecified(const struct sockaddr_storage *a)
{
	const struct sockaddr_in *in = (const void *)a;
	const struct sockaddr_in6 *in6 = (const void *)a;

	return a->ss_family == AF_INET ? in->sin_addr.s_addr == INADDR_ANY
				       : IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

/* Appends the interfaces' addresses of the family, with the port. */
static size_t
interfaces(const struct sockaddr_storage *any, struct sockaddr_storage *out, size_t room)
{
	struct ifaddrs *all = NULL;
	size_t n = 0;

	if (getifaddrs(&all) != 0)
		return 0;
	for (const struct ifaddrs *i = all; i != NULL && n < room; i = i->ifa_next) {
		if (i->ifa_addr == NULL || i->ifa_addr->sa_family != any->ss_family)
			continue;
		memset(&out[n], 0, sizeof(out[n]));
		memcpy(&out[n], i->ifa_addr,
		    any->ss_family == AF_INET ? sizeof(struct sockaddr_in)
					      : sizeof(struct sockaddr_in6));
		((struct sockaddr_in *)(void *)&out[n++])->sin_port =
		    ((const struct sockaddr_in *)(const void *)any)->sin_port;
	}
	freeifaddrs(all);
	return n;
}

size_t
own_of_words(const struct texts *words, struct arena *a, struct sockaddr_storage **out)
{
	struct sockaddr_storage *at = ARENA_ARRAY(a, struct sockaddr_storage, LOOKUP_OWN_MAX);
	size_t n = 0;

	for (uint32_t i = 0; i < words->count && n < LOOKUP_OWN_MAX; i++) {
		struct sockaddr_storage one;

		if (!parse(words->at[i], a, &one))
			continue;
		if (unspecified(&one))
			n += interfaces(&one, &at[n], LOOKUP_OWN_MAX - n);
		else
			at[n++] = one;
	}
	*out = at;
	return n;
}

size_t
sources_of_words(const struct texts *words, struct arena *a, struct sockaddr_storage **out)
{
	struct sockaddr_storage *at = ARENA_ARRAY(a, struct sockaddr_storage, words->count + 1);
	size_t n = 0;

	for (uint32_t i = 0; i < words->count; i++) {
		bool six = text_find_byte(words->at[i], ':', 0) < words->at[i].len;

		n += parse(arena_printf(a, six ? "[%.*s]:0" : "%.*s:0", TEXT_ARG(words->at[i])), a,
		    &at[n]);
	}
	*out = at;
	return n;
}
