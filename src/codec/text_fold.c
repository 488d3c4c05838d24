/* SPDX-License-Identifier: ISC */
/*
 * Folding of UTF-8 for comparison (RFC 5051 is the model): Unicode's
 * NFKC_Casefold, by ICU. ASCII, which is nearly everything, is folded here;
 * ICU sees only the stretches that hold other characters, each with the
 * ASCII character before it, since a combining mark may join that one.
 */
#include <string.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "base/arena.h"
#include "codec/icu.h"
#include "codec/mimewords.h"

#define UNITS 256
#define GROWTH_MAX 18 /* U+FDFA, the longest of all foldings, in UTF-16 units */

/* NUL-free room for n units: the array when it is enough, else the heap. */
static UChar *
room(UChar *array, size_t n)
{
	return n <= UNITS ? array : mem_array(n, sizeof(UChar));
}

static void
give_back(UChar *array, UChar *units)
{
	if (units != array)
		mem_free(units);
}

static void
add_utf8(struct buffer *out, const UChar *units, int32_t n)
{
	UErrorCode error = U_ZERO_ERROR;
	int32_t bytes = 0;
	size_t most = (size_t)n * 3;
	char *to;

	if (n <= 0)
		return;
	to = buffer_room(out, most);
	if (to == NULL)
		return;
	u_strToUTF8(to, (int32_t)most, &bytes, units, n, &error);
	if (U_SUCCESS(error))
		buffer_added(out, (size_t)bytes);
}

/* Lower case and then NFC, in place of a form that does both. */
static int32_t
lower_nfc(UChar *from, int32_t n, UChar *to, int32_t most, UErrorCode *error)
{
	const UNormalizer2 *form = unorm2_getNFCInstance(error);
	UChar *lower = mem_array((size_t)most + 1, sizeof(UChar));
	int32_t len = u_strToLower(lower, most, from, n, "", error);

	len = unorm2_normalize(form, lower, len, to, most, error);
	mem_free(lower);
	return len;
}

/* form NULL: lower_nfc. At most a few thousand bytes at once, so that no size overflows. */
static void
normalize(struct buffer *out, struct text utf8, const UNormalizer2 *form)
{
	UChar from_array[UNITS], to_array[UNITS];
	UChar *from = room(from_array, utf8.len), *to;
	UErrorCode error = U_ZERO_ERROR;
	int32_t n = 0, folded = 0;
	size_t most;

	u_strFromUTF8WithSub(
	    from, (int32_t)utf8.len, &n, utf8.ptr, (int32_t)utf8.len, 0xfffd, NULL, &error);
	CHECK(U_SUCCESS(error));
	most = (size_t)n * GROWTH_MAX;
	to = room(to_array, most);
	folded = form != NULL ? unorm2_normalize(form, from, n, to, (int32_t)most, &error)
			      : lower_nfc(from, n, to, (int32_t)most, &error);
	if (U_SUCCESS(error))
		add_utf8(out, to, folded);
	give_back(to_array, to);
	give_back(from_array, from);
}

/* Where the stretch of other characters that begins at from ends. Very long
 * ones are cut between characters. */
static size_t
stretch_end(struct text t, size_t from)
{
	size_t i = from;

	while (i < t.len && ((unsigned char)t.ptr[i] & 0x80) != 0) {
		if (i - from >= 4096 && ((unsigned char)t.ptr[i] & 0xc0) != 0x80)
			break;
		i++;
	}
	return i;
}

static void
transform(struct buffer *out, struct text t, const UNormalizer2 *form)
{
	size_t i = 0;

	while (i < t.len) {
		size_t from = i, start;
		char *to;

		while (i < t.len && ((unsigned char)t.ptr[i] & 0x80) == 0)
			i++;
		start = i < t.len && i > from ? i - 1 : i;
		to = buffer_room(out, start - from);
		if (to == NULL)
			return;
		for (size_t k = from; k < start; k++)
			to[k - from] = byte_lower(t.ptr[k]);
		buffer_added(out, start - from);
		if (i == t.len)
			return;
		i = stretch_end(t, i);
		normalize(out, text_part(t, start, i), form);
	}
}

void
text_fold(struct buffer *out, struct text utf8)
{
	UErrorCode error = U_ZERO_ERROR;
	const UNormalizer2 *form;

	icu_begin();
	form = unorm2_getNFKCCasefoldInstance(&error);
	CHECK(U_SUCCESS(error));
	transform(out, utf8, form);
}

void
text_lower(struct buffer *out, struct text utf8)
{
	icu_begin();
	transform(out, utf8, NULL);
}
