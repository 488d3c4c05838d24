/* SPDX-License-Identifier: ISC */
/* Columns of hot blocks as each number or as runs, whichever has fewer to write. */
#include "store/column.h"

#include <string.h>

#include "base/status.h"

enum { EACH, RUNS };

static uint32_t
runs_in(const uint64_t *at, uint32_t count)
{
	uint32_t n = 1;

	for (uint32_t i = 1; i < count; i++)
		n += at[i] != at[i - 1];
	return n;
}

static char *
put_runs(char *to, const uint64_t *at, uint32_t count)
{
	for (uint32_t i = 0, n; i < count; i += n) {
		for (n = 1; i + n < count && at[i + n] == at[i];)
			n++;
		to = pack_put_varint(to, at[i]);
		to = pack_put_varint(to, n);
	}
	return to;
}

void
column_pack(struct buffer *out, const uint64_t *at, uint32_t count)
{
	char octets[1 + PACK_VARINT_MAX * COLUMN_MOST], *to = octets;
	bool runs;

	CHECK(count > 0 && count <= COLUMN_MOST);
	runs = 2 * runs_in(at, count) <= count;
	*to++ = runs ? RUNS : EACH;
	if (runs)
		to = put_runs(to, at, count);
	for (uint32_t i = 0; !runs && i < count; i++)
		to = pack_put_varint(to, at[i]);
	pack_text(out, (struct text){ octets, (size_t)(to - octets) });
}

static void
take_runs(struct unpack *u, uint64_t *at, uint32_t count)
{
	for (uint32_t i = 0; i < count && unpack_ok(u);) {
		uint64_t value = unpack_varint(u), n = unpack_varint_max(u, count - i);

		u->bad |= n == 0;
		while (n-- > 0)
			at[i++] = value;
	}
}

void
column_unpack(struct unpack *u, uint64_t *at, uint32_t count)
{
	struct unpack in = unpack_of(unpack_text(u));
	uint8_t kind = unpack_u8(&in);

	if (kind == RUNS)
		take_runs(&in, at, count);
	for (uint32_t i = 0; kind == EACH && i < count; i++)
		at[i] = unpack_varint(&in);
	if (unpack_ok(u) && kind <= RUNS && unpack_end(&in))
		return;
	u->bad = true;
	memset(at, 0, count * sizeof(*at));
}

/* Whether some octets are so many varints: each ends with one that is below 128. */
static bool
are_varints(struct text t, uint32_t count)
{
	uint32_t n = 0;

	for (size_t i = 0; i < t.len; i++)
		n += (unsigned char)t.ptr[i] < 0x80;
	return n == count && t.len > 0 && (unsigned char)t.ptr[t.len - 1] < 0x80;
}

static bool
are_runs(struct text t, uint32_t count)
{
	uint64_t at[COLUMN_MOST];
	struct unpack in = unpack_of(t);

	take_runs(&in, at, count);
	return unpack_end(&in);
}

void
column_skip(struct unpack *u, uint32_t count)
{
	struct text t = unpack_text(u), numbers = text_part(t, 1, t.len);

	if (unpack_ok(u) && t.len > 1 && t.ptr[0] == EACH)
		u->bad |= !are_varints(numbers, count);
	else if (unpack_ok(u) && t.len > 1 && t.ptr[0] == RUNS)
		u->bad |= !are_runs(numbers, count);
	else
		u->bad = true;
}
