/* SPDX-License-Identifier: ISC */
/*
 * Charsets to UTF-8 by ICU's converters. What nearly all mail uses (ASCII,
 * UTF-8, windows-1252) never reaches ICU. A converter costs much to open, so
 * each thread keeps the last few; a stranger's name is limited in length and
 * letters, since ICU reads options behind a comma. Labels mean what browsers
 * take them for: gb2312 is really GB 18030, iso-8859-1 windows-1252.
 */
#include "codec/charset.h"

#include <pthread.h>
#include <string.h>
#include <unicode/ucnv.h>

#include "base/arena.h"
#include "codec/icu.h"
#include "codec/utf8.h"

#define NAME_MAX_LEN 40
#define KEPT_CONVERTERS 8
#define UNITS 512

enum kind { KIND_UNKNOWN, KIND_ASCII, KIND_UTF8, KIND_WESTERN, KIND_ICU };

/* Label in lower case, kind, ICU's name of it. */
#define LABEL_TABLE(X)                               \
	X("utf-8", KIND_UTF8, NULL)                  \
	X("utf8", KIND_UTF8, NULL)                   \
	X("us-ascii", KIND_ASCII, NULL)              \
	X("ascii", KIND_ASCII, NULL)                 \
	X("", KIND_ASCII, NULL)                      \
	X("iso-8859-1", KIND_WESTERN, NULL)          \
	X("iso8859-1", KIND_WESTERN, NULL)           \
	X("iso_8859-1", KIND_WESTERN, NULL)          \
	X("latin1", KIND_WESTERN, NULL)              \
	X("windows-1252", KIND_WESTERN, NULL)        \
	X("cp1252", KIND_WESTERN, NULL)              \
	X("gb2312", KIND_ICU, "gb18030")             \
	X("gb_2312-80", KIND_ICU, "gb18030")         \
	X("gbk", KIND_ICU, "gb18030")                \
	X("x-gbk", KIND_ICU, "gb18030")              \
	X("euc-kr", KIND_ICU, "windows-949")         \
	X("ks_c_5601-1987", KIND_ICU, "windows-949") \
	X("ksc5601", KIND_ICU, "windows-949")        \
	X("iso-8859-9", KIND_ICU, "windows-1254")    \
	X("iso-8859-11", KIND_ICU, "windows-874")    \
	X("tis-620", KIND_ICU, "windows-874")        \
	X("iso-8859-8-i", KIND_ICU, "iso-8859-8")    \
	X("iso-8859-8-e", KIND_ICU, "iso-8859-8")    \
	X("iso-8859-6-i", KIND_ICU, "iso-8859-6")    \
	X("iso-8859-6-e", KIND_ICU, "iso-8859-6")    \
	X("unicode-1-1-utf-7", KIND_ICU, "utf-7")    \
	X("imap-mailbox-name", KIND_UNKNOWN, NULL)   \
	X("binary", KIND_UNKNOWN, NULL)

static const struct {
	struct text label;
	enum kind kind;
	const char *icu_name;
} labels[] = {
#define X(label, kind, name) { { label, sizeof(label) - 1 }, kind, name },
	LABEL_TABLE(X)
#undef X
};

/* windows-1252 from 0x80 to 0x9f; the five holes are C1 controls. */
static const uint16_t western[32] = { 0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021,
	0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d, 0x17d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c,
	0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e, 0x178 };

struct converter {
	char name[NAME_MAX_LEN + 1];
	UConverter *icu; /* NULL: the name is known to be unknown */
	uint64_t used;
};

struct cache {
	struct converter slots[KEPT_CONVERTERS];
	uint64_t clock;
};

static pthread_key_t cache_key;

static void
cache_free(void *p)
{
	struct cache *cache = p;

	for (size_t i = 0; i < KEPT_CONVERTERS; i++)
		if (cache->slots[i].icu != NULL)
			ucnv_close(cache->slots[i].icu);
	mem_free(cache);
}

static void
cache_begin(void)
{
	icu_begin();
	CHECK(pthread_key_create(&cache_key, cache_free) == 0);
}

static struct cache *
cache_of_thread(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct cache *cache;

	CHECK(pthread_once(&once, cache_begin) == 0);
	cache = pthread_getspecific(cache_key);
	if (cache == NULL) {
		cache = MEM_NEW(struct cache);
		CHECK(pthread_setspecific(cache_key, cache) == 0);
	}
	return cache;
}

/* What becomes of octets that are no character: U+FFFD, but nothing of a shift
 * or escape behind another one. ICU takes an empty segment for an attack
 * (UTR 36 3.6.2); mail has one wherever two encoded words of iso-2022-jp meet. */
static void
replace(const void *context, UConverterToUnicodeArgs *args, const char *octets, int32_t length,
    UConverterCallbackReason reason, UErrorCode *error)
{
	if (reason == UCNV_IRREGULAR)
		*error = U_ZERO_ERROR;
	else
		UCNV_TO_U_CALLBACK_SUBSTITUTE(context, args, octets, length, reason, error);
}

static UConverter *
converter_open(const char *name)
{
	UErrorCode error = U_ZERO_ERROR;
	UConverter *icu = ucnv_open(name, &error);

	if (U_FAILURE(error))
		return NULL;
	ucnv_setToUCallBack(icu, replace, NULL, NULL, NULL, &error);
	CHECK(U_SUCCESS(error));
	return icu;
}

/* The thread's converter of this name, in its first state, or NULL. */
static UConverter *
converter_of(const char *name)
{
	struct cache *cache = cache_of_thread();
	struct converter *oldest = &cache->slots[0];

	for (size_t i = 0; i < KEPT_CONVERTERS; i++) {
		struct converter *slot = &cache->slots[i];

		if (slot->used != 0 && strcmp(slot->name, name) == 0) {
			slot->used = ++cache->clock;
			if (slot->icu != NULL)
				ucnv_reset(slot->icu);
			return slot->icu;
		}
		if (slot->used < oldest->used)
			oldest = slot;
	}
	if (oldest->icu != NULL)
		ucnv_close(oldest->icu);
	oldest->icu = converter_open(name);
	memcpy(oldest->name, name, strlen(name) + 1);
	oldest->used = ++cache->clock;
	return oldest->icu;
}

static bool
name_byte(char c)
{
	return byte_alpha(c) || byte_digit(c) || c == '-' || c == '_' || c == '.' || c == ':' ||
	       c == '+';
}

/* Lower case, without the quotes and blanks that strangers leave around it.
 * False for what can be no charset. */
static bool
clean_name(struct text charset, char name[NAME_MAX_LEN + 1])
{
	struct text t = text_trim(charset);

	if (t.len >= 2 && (t.ptr[0] == '"' || t.ptr[0] == '\'') && t.ptr[t.len - 1] == t.ptr[0])
		t = text_part(t, 1, t.len - 1);
	if (t.len > NAME_MAX_LEN)
		return false;
	for (size_t i = 0; i < t.len; i++) {
		if (!name_byte(t.ptr[i]))
			return false;
		name[i] = byte_lower(t.ptr[i]);
	}
	name[t.len] = '\0';
	return true;
}

static enum kind
look_up(struct text charset, UConverter **icu)
{
	char name[NAME_MAX_LEN + 1];
	const char *icu_name = name;

	if (!clean_name(charset, name))
		return KIND_UNKNOWN;
	for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
		if (!text_equal(labels[i].label, text_of(name)))
			continue;
		if (labels[i].kind != KIND_ICU)
			return labels[i].kind;
		icu_name = labels[i].icu_name;
		break;
	}
	*icu = converter_of(icu_name);
	return *icu != NULL ? KIND_ICU : KIND_UNKNOWN;
}

bool
charset_known(struct text charset)
{
	UConverter *icu;

	return charset.len > 0 && look_up(charset, &icu) != KIND_UNKNOWN;
}

/* Takes what stands behind byte end off the buffer, and no half character. */
static void
cut_at(struct buffer *out, size_t start, size_t max)
{
	if (out->len - start > max)
		buffer_cut(
		    out, start + utf8_cut(text_part(buffer_text(out), start, out->len), max).len);
}

static void
from_utf8(struct text in, size_t max, struct buffer *out)
{
	size_t start = out->len;

	utf8_clean(out, in.len > max ? utf8_cut(in, max) : in);
	cut_at(out, start, max);
}

/* ASCII, nearly all of it, is copied in stretches. */
static void
from_western(struct text in, size_t max, struct buffer *out)
{
	size_t start = out->len, i = 0;

	while (i < in.len && out->len - start < max && !out->overflow) {
		struct text ascii = utf8_ascii_start(text_part(in, i, in.len));
		unsigned char c;

		buffer_add_text(out, text_part(ascii, 0, max));
		i += ascii.len;
		if (i == in.len)
			break;
		c = (unsigned char)in.ptr[i++];
		utf8_add(out, c < 0xa0 ? western[c - 0x80] : c);
	}
	cut_at(out, start, max);
}

static void
from_unknown(struct text in, size_t max, struct buffer *out)
{
	if (utf8_valid(in))
		from_utf8(in, max, out);
	else
		from_western(in, max, out);
}

/* UTF-16 units to UTF-8; a high surrogate may wait for the next piece. */
static void
add_units(struct buffer *out, const UChar *units, size_t n, uint32_t *high)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t unit = units[i];

		if (unit >= 0xdc00 && unit <= 0xdfff && *high != 0) {
			utf8_add(
			    out, (int32_t)(0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00)));
			*high = 0;
			continue;
		}
		if (*high != 0)
			utf8_add(out, (int32_t)*high); /* alone: becomes U+FFFD */
		*high = unit >= 0xd800 && unit <= 0xdbff ? unit : 0;
		if (*high == 0)
			utf8_add(out, (int32_t)unit);
	}
}

static void
from_icu(UConverter *icu, struct text in, size_t max, struct buffer *out)
{
	const char *at = in.ptr, *end = in.ptr + in.len;
	size_t start = out->len;
	uint32_t high = 0;
	UErrorCode error;

	do {
		UChar units[UNITS];
		UChar *to = units;

		error = U_ZERO_ERROR;
		ucnv_toUnicode(icu, &to, units + UNITS, &at, end, NULL, true, &error);
		add_units(out, units, (size_t)(to - units), &high);
	} while (error == U_BUFFER_OVERFLOW_ERROR && out->len - start < max && !out->overflow);
	if (high != 0)
		utf8_add(out, (int32_t)high);
	cut_at(out, start, max);
}

void
charset_to_utf8(struct text charset, struct text in, size_t max_out, struct buffer *out)
{
	UConverter *icu = NULL;

	if (in.len == 0)
		return;
	switch (look_up(charset, &icu)) {
	case KIND_UTF8:
		from_utf8(in, max_out, out);
		break;
	case KIND_WESTERN:
		from_western(in, max_out, out);
		break;
	case KIND_ICU:
		from_icu(icu, in, max_out, out);
		break;
	case KIND_ASCII:
	case KIND_UNKNOWN:
		from_unknown(in, max_out, out);
		break;
	}
}
