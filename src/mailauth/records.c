/* SPDX-License-Identifier: ISC */
/* RDATA of MX, TXT and TLSA records, and the names in them; see records.h. */
#include "mailauth/records.h"

#include "base/pack.h"

#define LABEL_MAX 63

static bool
is_host_octet(char c)
{
	return byte_alpha(c) || byte_digit(c) || c == '-' || c == '_';
}

/* One label, which is not the last; false: it is none that a host may have. */
static bool
add_label(struct text label, struct buffer *out)
{
	if (label.len > LABEL_MAX)
		return false;
	if (out->len > 0)
		buffer_add_byte(out, '.');
	for (size_t i = 0; i < label.len; i++) {
		if (!is_host_octet(label.ptr[i]))
			return false;
		buffer_add_byte(out, byte_lower(label.ptr[i]));
	}
	return true;
}

static bool
read_name(struct unpack *u, struct buffer *out)
{
	uint8_t len;

	while ((len = unpack_u8(u)) != 0)
		if (!add_label(unpack_bytes(u, len), out) || !unpack_ok(u))
			return false;
	return unpack_end(u) && !out->overflow;
}

enum status
record_name(struct text rdata, struct arena *a, struct text *out)
{
	struct unpack u = unpack_of(rdata);
	struct buffer name;
	bool good;

	buffer_init(&name, RECORD_NAME_MAX);
	good = read_name(&u, &name);
	if (good)
		*out = arena_copy(a, buffer_text(&name));
	buffer_done(&name);
	return good ? STATUS_OK : STATUS_INVALID;
}

enum status
record_mx(struct text rdata, struct arena *a, struct record_mx *out)
{
	struct unpack u = unpack_of(text_part(rdata, 0, 2));
	unsigned high = unpack_u8(&u), low = unpack_u8(&u);
	struct text host;

	if (!unpack_ok(&u) || record_name(text_part(rdata, 2, rdata.len), a, &host) != STATUS_OK)
		return STATUS_INVALID;
	*out = (struct record_mx){ (uint16_t)(high << 8 | low), host };
	return STATUS_OK;
}

enum status
record_txt(struct text rdata, struct arena *a, struct text *out)
{
	struct unpack u = unpack_of(rdata);
	struct buffer all = BUFFER_INIT;

	while (!cursor_done(&u.in) && unpack_ok(&u))
		buffer_add_text(&all, unpack_bytes(&u, unpack_u8(&u)));
	if (unpack_ok(&u))
		*out = arena_copy(a, buffer_text(&all));
	buffer_done(&all);
	return unpack_ok(&u) ? STATUS_OK : STATUS_INVALID;
}

enum { MATCHING_FULL, MATCHING_SHA256, MATCHING_SHA512 };

enum status
record_tlsa(struct text rdata, struct record_tlsa *out)
{
	struct unpack u = unpack_of(rdata);
	struct record_tlsa t = {
		.usage = unpack_u8(&u),
		.selector = unpack_u8(&u),
		.matching = unpack_u8(&u),
	};

	t.data = cursor_rest(&u.in);
	if (!unpack_ok(&u) || t.data.len == 0 ||
	    (t.matching == MATCHING_SHA256 && t.data.len != 32) ||
	    (t.matching == MATCHING_SHA512 && t.data.len != 64))
		return STATUS_INVALID;
	*out = t;
	return STATUS_OK;
}

bool
record_tlsa_usable(const struct record_tlsa *t)
{
	return (t->usage == 2 || t->usage == 3) && t->selector <= 1 && t->matching <= 2;
}
