/* SPDX-License-Identifier: ISC */
/*
 * Addresses of the SMTP envelope: the rule Mailbox of RFC 5321 4.1.2, with
 * UTF-8 where RFC 6531 3.3 lets it be, strictly. One address has one key in
 * the directory, whatever the case and quoting it comes in.
 */
#include <arpa/inet.h>
#include <string.h>

#include "codec/idna.h"
#include "codec/mimewords.h"
#include "codec/utf8.h"
#include "mime/address.h"

#define LOCAL_MAX 64   /* RFC 5321 4.5.3.1.1 */
#define DOMAIN_MAX 255 /* RFC 5321 4.5.3.1.2 */
#define LABEL_MAX 63

static bool
high(int c)
{
	return c >= 0x80;
}

static bool
atext(int c)
{
	return c > 0 &&
	       (byte_alpha((char)c) || byte_digit((char)c) || strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Dot-string */
static bool
dot_string(struct cursor *c, bool utf8, struct text *out)
{
	struct cursor at = *c;
	const char *start = at.at;
	bool atom = false;

	for (;;) {
		int byte = cursor_peek(&at);

		if (atext(byte) || (utf8 && high(byte)))
			atom = true;
		else if (byte == '.' && atom)
			atom = false;
		else
			break;
		cursor_next(&at);
	}
	if (!atom)
		return false;
	*out = (struct text){ start, (size_t)(at.at - start) };
	*c = at;
	return true;
}

/* Quoted-string; its content goes to out. */
static bool
quoted_string(struct cursor *c, bool utf8, struct arena *a, struct text *out)
{
	struct cursor at = *c;
	char content[LOCAL_MAX];
	size_t n = 0;
	int byte;

	if (!cursor_byte(&at, '"'))
		return false;
	while ((byte = cursor_next(&at)) != '"') {
		if (byte == '\\') {
			byte = cursor_next(&at);
			if (byte < 0x20 || byte > 0x7e)
				return false;
		} else if ((byte < 0x20 || byte > 0x7e) && !(utf8 && high(byte))) {
			return false;
		}
		if (n == sizeof(content))
			return false;
		content[n++] = (char)byte;
	}
	*out = arena_copy(a, (struct text){ content, n });
	*c = at;
	return true;
}

/* sub-domain *("." sub-domain), also U-labels */
static bool
domain(struct cursor *c, bool utf8, struct text *out)
{
	struct cursor at = *c;
	const char *start = at.at, *label = at.at;

	for (;;) {
		int byte = cursor_peek(&at);
		bool letter = byte > 0 && (byte_alpha((char)byte) || byte_digit((char)byte));

		if (letter || (utf8 && high(byte)) || (byte == '-' && at.at > label)) {
			cursor_next(&at);
			continue;
		}
		if (at.at == label || at.at[-1] == '-' ||
		    at.at - label > LABEL_MAX * (utf8 ? 4 : 1))
			return false;
		if (byte != '.' || cursor_left(&at) < 2)
			break;
		cursor_next(&at);
		label = at.at;
	}
	*out = (struct text){ start, (size_t)(at.at - start) };
	*c = at;
	return true;
}

static bool
is_ip(int family, struct text t)
{
	char string[INET6_ADDRSTRLEN + 1];
	struct in6_addr address;

	return text_to_string(t, string, sizeof(string)) == STATUS_OK &&
	       inet_pton(family, string, &address) == 1;
}

/* address-literal, with its brackets (RFC 5321 4.1.3) */
static bool
address_literal(struct cursor *c, struct text *out)
{
	struct text whole = cursor_rest(c), inside;
	size_t close, colon;

	if (cursor_peek(c) != '[')
		return false;
	close = text_find_byte(text_part(whole, 0, DOMAIN_MAX), ']', 1);
	if (close == whole.len || whole.ptr[close] != ']')
		return false;
	inside = text_part(whole, 1, close);
	colon = text_find_byte(inside, ':', 0);
	if (text_starts_ci(inside, TEXT("IPv6:"))) {
		if (!is_ip(AF_INET6, text_part(inside, 5, inside.len)))
			return false;
	} else if (colon < inside.len) {
		if (colon == 0 || colon + 1 == inside.len)
			return false;
		for (size_t i = 0; i < inside.len; i++)
			if (inside.ptr[i] < 0x21 || inside.ptr[i] == '[' || inside.ptr[i] == '\\' ||
			    inside.ptr[i] == 0x7f)
				return false;
	} else if (!is_ip(AF_INET, inside)) {
		return false;
	}
	*out = text_part(whole, 0, close + 1);
	c->at += close + 1;
	return true;
}

bool
smtp_address_mailbox(struct cursor *c, bool utf8, struct arena *a, struct smtp_address *out)
{
	struct cursor at = *c;
	struct smtp_address found;

	if (!dot_string(&at, utf8, &found.local) && !quoted_string(&at, utf8, a, &found.local))
		return false;
	if (!cursor_byte(&at, '@'))
		return false;
	if (!address_literal(&at, &found.domain) && !domain(&at, utf8, &found.domain))
		return false;
	if (found.local.len > LOCAL_MAX || found.domain.len > DOMAIN_MAX)
		return false;
	if (utf8 && (!utf8_valid(found.local) || !utf8_valid(found.domain)))
		return false;
	*c = at;
	*out = found;
	return true;
}

void
smtp_address_print(struct buffer *out, struct smtp_address addr)
{
	struct cursor c = cursor_of(addr.local);
	struct text whole;

	if (dot_string(&c, true, &whole) && cursor_done(&c)) {
		buffer_add_text(out, addr.local);
	} else {
		buffer_add_byte(out, '"');
		for (size_t i = 0; i < addr.local.len; i++) {
			if (addr.local.ptr[i] == '"' || addr.local.ptr[i] == '\\')
				buffer_add_byte(out, '\\');
			buffer_add_byte(out, addr.local.ptr[i]);
		}
		buffer_add_byte(out, '"');
	}
	buffer_add_byte(out, '@');
	buffer_add_text(out, addr.domain);
}

static enum status
add_key(struct buffer *out, struct smtp_address parts)
{
	struct buffer key = BUFFER_INIT;
	enum status status;

	text_lower(&key, parts.local);
	buffer_add_byte(&key, '@');
	status = idna_to_ascii(parts.domain, &key);
	if (status == STATUS_OK)
		buffer_add_text(out, buffer_text(&key));
	buffer_done(&key);
	return status;
}

enum status
smtp_address_key(struct text address, struct buffer *out)
{
	struct cursor c = cursor_of(address);
	struct arena a = ARENA_INIT;
	struct smtp_address parts;
	enum status status = STATUS_INVALID;

	if (smtp_address_mailbox(&c, true, &a, &parts) && cursor_done(&c))
		status = add_key(out, parts);
	arena_done(&a);
	return status;
}
