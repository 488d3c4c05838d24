/* SPDX-License-Identifier: ISC */
/*
 * Addresses: what stands in header fields (RFC 5322 3.4, group syntax and the
 * obsolete forms, leniently) and what stands in an SMTP envelope (RFC 5321
 * 4.1.2, strictly; UTF-8 by RFC 6531 3.3).
 */
#ifndef MIME_ADDRESS_H
#define MIME_ADDRESS_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/cursor.h"

/* One entry of an address list. In IMAP's ENVELOPE a group is a start entry
 * (mailbox = group name, host empty, group_start) and an end entry. */
struct mime_address {
	struct text name;    /* display name, quotes and escapes removed, encoded words kept */
	struct text adl;     /* source route of RFC 822, or empty */
	struct text mailbox; /* local part, unquoted */
	struct text host;    /* domain; empty if there was none */
	bool group_start;
	bool group_end;
};

struct mime_addresses {
	struct mime_address *at;
	uint32_t count;
	bool cut; /* more than max stood there */
};

/* Reads an address list from a header value as it stands in the message.
 * Never fails; what is no address gives what can be made of it. */
void mime_addresses_parse(
    struct arena *a, struct text value, uint32_t max, struct mime_addresses *out);
/* The same of several fields, as of one list (RFC 5322 4.5.3). What one of them
 * leaves open, a quotation or a group, ends with it. */
void mime_addresses_parse_fields(struct arena *a, const struct text *values, uint32_t count,
    uint32_t max, struct mime_addresses *out);

/* A Mailbox of an SMTP envelope, without the angle brackets: local part
 * unquoted and domain split off, checked for syntax and lengths (RFC 5321
 * 4.5.3.1: 64 and 255 octets). Address literals are kept with brackets.
 * utf8: non-ASCII is allowed. Consumes the rule; stops at the first byte that
 * does not belong. */
struct smtp_address {
	struct text local;  /* unquoted; a copy in the arena if it was quoted */
	struct text domain; /* as written */
};
bool smtp_address_mailbox(struct cursor *c, bool utf8, struct arena *a, struct smtp_address *out);
/* local@domain in canonical form, quoted where needed. */
void smtp_address_print(struct buffer *out, struct smtp_address addr);
/* Key of an address in the directory: local part folded to lower case (NFC),
 * domain as lower-case A-labels. INVALID when the domain is no domain. */
enum status smtp_address_key(struct text address, struct buffer *out) MUST_CHECK;

#endif
