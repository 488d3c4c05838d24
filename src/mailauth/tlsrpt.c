/* SPDX-License-Identifier: ISC */
/*
 * The record of TLSRPT (RFC 8460 3): fields apart by semicolons, of which "rua"
 * counts; its places are URIs apart by commas, in which "!", "," and ";" stand
 * as %21, %2C and %3B.
 */
#include "mailauth/tlsrpt.h"

#include "mailauth/fields.h"
#include "mime/address.h"

#define VERSION TEXT("v=TLSRPTv1")

static int
hex(char c)
{
	c = byte_lower(c);
	return byte_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986 2.1. False: a percent sign that begins nothing. */
static bool
decode(struct text t, struct buffer *out)
{
	for (size_t i = 0; i < t.len; i++) {
		if (t.ptr[i] != '%') {
			buffer_add_byte(out, t.ptr[i]);
			continue;
		}
		if (i + 2 >= t.len || hex(t.ptr[i + 1]) < 0 || hex(t.ptr[i + 2]) < 0)
			return false;
		buffer_add_byte(out, (char)(hex(t.ptr[i + 1]) << 4 | hex(t.ptr[i + 2])));
		i += 2;
	}
	return true;
}

/* The address of mailto:, without what may stand behind "?" (RFC 6068 2). */
static bool
mailto(struct text rest, struct arena *a, struct text *out)
{
	struct buffer b = BUFFER_INIT;
	struct smtp_address address;
	struct cursor c;
	bool good = decode(text_part(rest, 0, text_find_byte(rest, '?', 0)), &b);

	c = cursor_of(buffer_text(&b));
	good = good && smtp_address_mailbox(&c, false, a, &address) && cursor_done(&c);
	if (good)
		*out = arena_copy(a, buffer_text(&b));
	buffer_done(&b);
	return good;
}

/* Nothing but what a URI may have (RFC 3986 2), and a host. */
static bool
https(struct text uri)
{
	for (size_t i = 0; i < uri.len; i++)
		if (uri.ptr[i] <= ' ' || uri.ptr[i] > '~')
			return false;
	return uri.len <= TLSRPT_URL_MAX && uri.len > TEXT("https://").len;
}

static void
take_uri(struct text uri, struct arena *a, struct tlsrpt *out)
{
	struct tlsrpt_rua *r = &out->rua[out->count];
	struct text to = TEXT_EMPTY;
	bool good;

	if (out->count == TLSRPT_RUAS_MAX)
		return;
	r->https = text_starts_ci(uri, TEXT("https://"));
	if (r->https) {
		to = arena_copy(a, uri);
		good = https(uri);
	} else {
		good = text_starts_ci(uri, TEXT("mailto:")) &&
		       mailto(text_part(uri, TEXT("mailto:").len, uri.len), a, &to);
	}
	if (!good)
		return;
	r->to = to;
	out->count++;
}

enum status
tlsrpt_record(struct text txt, struct arena *a, struct tlsrpt *out)
{
	struct text rest, name, value, uri;
	struct tlsrpt t = { .count = 0 };
	unsigned ruas = 0;
	enum status s;

	if (!fields_begin(txt, VERSION, &rest))
		return STATUS_INVALID;
	while ((s = fields_next(&rest, &name, &value)) == STATUS_OK) {
		if (!text_equal(name, TEXT("rua")))
			continue;
		ruas++;
		while (text_split(&value, ',', &uri))
			take_uri(text_trim(uri), a, &t);
	}
	if (s != STATUS_NOT_FOUND || ruas != 1 || t.count == 0)
		return STATUS_INVALID;
	*out = t;
	return STATUS_OK;
}

enum status
tlsrpt_record_of(const struct text *txts, size_t count, struct arena *a, struct tlsrpt *out)
{
	const struct text *only = fields_only(txts, count, VERSION);

	return only == NULL ? STATUS_NOT_FOUND : tlsrpt_record(*only, a, out);
}
