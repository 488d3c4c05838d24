/* SPDX-License-Identifier: ISC */
/*
 * HELO, EHLO and LHLO (RFC 5321 4.1.1.1, RFC 2033 4.1): who the client says it
 * is, and what we offer. A second one in a session begins anew, as RSET does.
 * The name is kept for Received and believed in nothing.
 */
#include <string.h>

#include "runtime/settings.h"
#include "smtp/session.h"

/* A host name or an address literal, loosely: many good clients have names
 * with underscores or none that resolves. ASCII alone (RFC 6531 3.7.1), and
 * nothing that would end a comment or an angle bracket in a header field. */
static bool
helo_octet(char c)
{
	return byte_alpha(c) || byte_digit(c) || (c != '\0' && strchr(".-_:[]+/", c) != NULL);
}

static bool
helo_well_formed(struct text name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!helo_octet(name.ptr[i]))
			return false;
	return name.len > 0 && name.len <= SMTP_HELO_MAX;
}

/* Takes the name; false (and the reply is said) if it is none. */
static bool
take_name(struct smtp_session *x, struct text argument, bool esmtp)
{
	struct text name = text_part(argument, 0, text_find_byte(argument, ' ', 0));

	if (!helo_well_formed(name)) {
		smtp_say(x, REPLY_BAD_HELO);
		return false;
	}
	smtp_transaction_reset(x);
	memcpy(x->helo, name.ptr, name.len);
	x->helo[name.len] = '\0';
	x->esmtp = esmtp;
	return true;
}

enum next
smtp_cmd_helo(struct smtp_session *x, struct text argument)
{
	if (take_name(x, argument, false))
		smtp_say(x, REPLY_HELLO);
	return NEXT_PARK;
}

/* What EHLO offers, one row each; size and STARTTLS are added by hand. */
#define OFFERS(X)       \
	X("PIPELINING") \
	X("8BITMIME")   \
	X("SMTPUTF8")   \
	X("CHUNKING")   \
	X("BINARYMIME") \
	X("VRFY")       \
	X("HELP")

static void
offer(struct smtp_session *x, struct text words)
{
	smtp_reply_line(&x->session.stream, REPLY_HELLO, false, words);
}

enum next
smtp_cmd_ehlo(struct smtp_session *x, struct text argument)
{
	if (!take_name(x, argument, true))
		return NEXT_PARK;
	offer(x, x->server->hostname);
#define X(word) offer(x, TEXT(word));
	OFFERS(X)
#undef X
	offer(x,
	    arena_printf(&x->scratch, "SIZE %lld", (long long)setting(SET_SMTP_MESSAGE_SIZE_MAX)));
	if (smtp_tls_offered(x))
		offer(x, TEXT("STARTTLS"));
	smtp_reply_line(&x->session.stream, REPLY_HELLO, true, TEXT("ENHANCEDSTATUSCODES"));
	return NEXT_PARK;
}
