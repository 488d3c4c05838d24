/* SPDX-License-Identifier: ISC */
/* Normalization Form C by ICU; ASCII, which is nearly everything, is as it is. */
#include "codec/nfc.h"

#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "base/arena.h"
#include "codec/icu.h"
#include "codec/utf8.h"

#define OCTETS_MAX (1u << 20)
#define GROWTH_MAX 3 /* of UTF-16 units in NFC */

static void
add_units(struct buffer *out, const UChar *units, int32_t n)
{
	UErrorCode error = U_ZERO_ERROR;
	int32_t most = n * 3, octets = 0;
	char *to = buffer_room(out, (size_t)most);

	if (to == NULL)
		return;
	u_strToUTF8(to, most, &octets, units, n, &error);
	CHECK(U_SUCCESS(error));
	buffer_added(out, (size_t)octets);
}

void
text_nfc(struct buffer *out, struct text utf8)
{
	UErrorCode error = U_ZERO_ERROR;
	int32_t units = 0, normal, most;
	UChar *from, *to;

	CHECK(utf8.len <= OCTETS_MAX);
	if (utf8_ascii_start(utf8).len == utf8.len) {
		buffer_add_text(out, utf8);
		return;
	}
	icu_begin();
	from = mem_array(utf8.len, sizeof(UChar));
	u_strFromUTF8(from, (int32_t)utf8.len, &units, utf8.ptr, (int32_t)utf8.len, &error);
	most = units * GROWTH_MAX;
	to = mem_array((size_t)most + 1, sizeof(UChar));
	normal = unorm2_normalize(unorm2_getNFCInstance(&error), from, units, to, most, &error);
	CHECK(U_SUCCESS(error));
	add_units(out, to, normal);
	mem_free(to);
	mem_free(from);
}
