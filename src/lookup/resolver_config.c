/* SPDX-License-Identifier: ISC */
/*
 * What libunbound is told at its start, as one text in its own syntax: it can
 * say more than single options, and is read in whole before the sandbox
 * closes. Nothing of the text comes from a stranger, yet each word is checked.
 */
#include <arpa/inet.h>

#include "lookup/resolver_parts.h"
#include "runtime/network.h"

#define SERVERS_MAX 8
#define PORT 53

/* ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT or [ADDRESS]. */
static bool
server(struct text word, struct text *address, uint32_t *port)
{
	size_t colon = text_find_byte(word, ':', 0), end = text_find_byte(word, ']', 0);
	struct text digits = TEXT_EMPTY;
	struct network n;

	*port = PORT;
	*address = word;
	if (text_starts(word, TEXT("[")) && end < word.len) {
		*address = text_part(word, 1, end);
		digits = text_part(word, end + 1, word.len);
		if (digits.len > 0 && !text_starts(digits, TEXT(":")))
			return false;
	} else if (colon == text_find_last(word, ':') && colon < word.len) {
		*address = text_part(word, 0, colon);
		digits = text_part(word, colon, word.len);
	}
	if (digits.len > 0 && (text_to_u32(text_part(digits, 1, digits.len), port) != STATUS_OK ||
				  *port == 0 || *port > 65535))
		return false;
	return text_find_byte(*address, '/', 0) == address->len &&
	       network_parse(*address, &n) == STATUS_OK;
}

static bool
add_servers(struct text servers, struct buffer *out)
{
	struct text word, address;
	uint32_t port;
	unsigned count = 0;

	while (text_split(&servers, ' ', &word)) {
		if (word.len == 0)
			continue;
		if (!server(word, &address, &port) || count == SERVERS_MAX)
			return false;
		if (count++ == 0)
			buffer_add_string(out, "forward-zone:\n name: \".\"\n");
		buffer_addf(out, " forward-addr: %.*s@%u\n", TEXT_ARG(address), port);
	}
	return true;
}

bool
resolver_servers_good(struct text servers)
{
	struct buffer b = BUFFER_INIT;
	bool good = add_servers(servers, &b) && b.len > 0;

	buffer_done(&b);
	return good;
}

void
resolver_servers(struct text resolv_conf, struct buffer *out)
{
	struct text line, word, address;
	uint32_t port;
	unsigned count = 0;

	while (text_split(&resolv_conf, '\n', &line)) {
		line = text_trim(line);
		if (!text_starts(line, TEXT("nameserver ")) &&
		    !text_starts(line, TEXT("nameserver\t")))
			continue;
		word = text_trim(text_part(line, 11, line.len));
		word = text_part(word, 0, text_find_byte(word, ' ', 0));
		/* Not: link-local ones with a zone. */
		if (count == SERVERS_MAX || !server(word, &address, &port) || port != PORT)
			continue;
		if (count++ > 0)
			buffer_add_byte(out, ' ');
		buffer_add_text(out, address);
	}
}

/* One line a record; what a quoted text cannot hold is no record. */
static bool
add_anchors(struct text anchors, struct buffer *out)
{
	struct text line;

	while (text_split(&anchors, '\n', &line)) {
		line = text_trim(text_part(line, 0, text_find_byte(line, ';', 0)));
		if (line.len == 0)
			continue;
		if (text_find_byte(line, '"', 0) < line.len ||
		    text_find_byte(line, '\\', 0) < line.len)
			return false;
		buffer_addf(out, " trust-anchor: \"%.*s\"\n", TEXT_ARG(line));
	}
	return true;
}

/* The names that libunbound answers itself, unless told not to, may well be
 * there for a resolver of a network of its own. */
static const char *const served[] = { "test.", "home.arpa.", "local." };

bool
resolver_text(const struct resolver_config *config, bool validating, struct buffer *out)
{
	buffer_addf(out,
	    "server:\n"
	    " module-config: \"%siterator\"\n"
	    " unblock-lan-zones: yes\n"
	    " use-syslog: no\n"
	    " verbosity: 0\n"
	    " outgoing-range: 256\n"
	    " num-queries-per-thread: 4096\n"
	    " msg-cache-size: 8m\n"
	    " rrset-cache-size: 16m\n"
	    " cache-max-ttl: 86400\n"
	    " cache-max-negative-ttl: 900\n"
	    " edns-buffer-size: 1232\n", /* no fragments: DNS flag day 2020 */
	    validating ? "validator " : "");
	/* On the way from the root down, a stranger would say whom to ask. */
	if (config->servers.len > 0)
		buffer_add_string(out, " do-not-query-localhost: no\n");
	for (size_t i = 0; i < ARRAY_LEN(served); i++)
		buffer_addf(out, " local-zone: \"%s\" nodefault\n", served[i]);
	return (!validating || add_anchors(config->anchors, out)) &&
	       add_servers(config->servers, out);
}
