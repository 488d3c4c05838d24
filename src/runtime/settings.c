/* SPDX-License-Identifier: ISC */
/*
 * The settings of this process: one atomic number a row of settings.def (the
 * texts behind a lock), so that a reader costs one load. A value is written as
 * number and unit; the unit tables below serve reading, printing and the
 * document alike. Invariant: a value in place lies within its bounds.
 */
#include "runtime/settings.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "base/log.h"
#include "runtime/network.h"

static const struct setting_row rows[SETTING_COUNT] = {
#define SETTING(id, name, type, value, low, high, unit, prose) \
	{ name, type, value, low, high, unit, prose },
#include "runtime/settings.def"
#undef SETTING
};

static _Atomic int64_t values[SETTING_COUNT] = {
#define SETTING(id, name, type, value, low, high, unit, prose) value,
#include "runtime/settings.def"
#undef SETTING
};

/* Of lists of networks, bits of the widest IPv6 one; else 0. */
static const uint8_t widest[SETTING_COUNT] = {
#define SETTING(id, name, type, value, low, high, unit, prose)
#define NETWORKS(id, name, six, prose) [SET_##id] = (six),
#include "runtime/settings.def"
#undef SETTING
};

static pthread_mutex_t texts_lock = PTHREAD_MUTEX_INITIALIZER;
static char *texts[SETTING_COUNT]; /* of SETTING_TEXT; NULL: empty */

#define WORDS_MOST 5

/* A unit and the words that may stand for it; the first two are printed, of
 * many and of one. */
struct unit {
	int64_t factor;
	const char *words[WORDS_MOST];
};

/* From the largest: printing takes the first that divides the value. */
static const struct unit sizes[] = {
	{ 1LL << 50, { "PiB", "PiB", "PB", "P" } },
	{ 1LL << 40, { "TiB", "TiB", "TB", "T" } },
	{ 1LL << 30, { "GiB", "GiB", "GB", "G" } },
	{ 1LL << 20, { "MiB", "MiB", "MB", "M" } },
	{ 1LL << 10, { "KiB", "KiB", "KB", "K" } },
	{ 1, { "octets", "octet", "bytes", "byte", "B" } },
};
static const struct unit times[] = {
	{ CLOCK_DAY, { "days", "day", "d" } },
	{ CLOCK_HOUR, { "hours", "hour", "h" } },
	{ CLOCK_MINUTE, { "min", "min", "minutes", "minute" } },
	{ CLOCK_SECOND, { "s", "s", "sec", "seconds", "second" } },
	{ CLOCK_MS, { "ms", "ms", "milliseconds", "millisecond" } },
	{ 1, { "us", "us", "microseconds", "microsecond" } },
};
static const struct unit plain[] = { { 1, { "" } } };
static const char *const switch_words[2][WORDS_MOST] = {
	{ "off", "no", "false", "0" },
	{ "on", "yes", "true", "1" },
};

struct units {
	const struct unit *at;
	size_t count;
};

static struct units
units_of(enum setting_type type)
{
	if (type == SETTING_SIZE)
		return (struct units){ sizes, ARRAY_LEN(sizes) };
	if (type == SETTING_DURATION)
		return (struct units){ times, ARRAY_LEN(times) };
	return (struct units){ plain, ARRAY_LEN(plain) };
}

const struct setting_row *
setting_row(enum setting s)
{
	CHECK((unsigned)s < SETTING_COUNT);
	return &rows[s];
}

enum status
setting_find(struct text name, enum setting *out)
{
	for (unsigned s = 0; s < SETTING_COUNT; s++)
		if (text_equal(name, text_of(rows[s].name))) {
			*out = (enum setting)s;
			return STATUS_OK;
		}
	return STATUS_NOT_FOUND;
}

int64_t
setting(enum setting s)
{
	return atomic_load_explicit(&values[s], memory_order_relaxed);
}

void
setting_text(enum setting s, char *dst, size_t cap)
{
	size_t n;

	CHECK(cap > 0);
	pthread_mutex_lock(&texts_lock);
	n = texts[s] == NULL ? 0 : strlen(texts[s]);
	if (n > cap - 1)
		n = cap - 1;
	if (n > 0)
		memcpy(dst, texts[s], n);
	dst[n] = '\0';
	pthread_mutex_unlock(&texts_lock);
}

static bool
word_among(struct text word, const char *const words[WORDS_MOST])
{
	for (size_t i = 0; i < WORDS_MOST && words[i] != NULL; i++)
		if (text_equal_ci(word, text_of(words[i])))
			return true;
	return false;
}

static enum status
parse_switch(struct text value, int64_t *out)
{
	for (int on = 0; on < 2; on++)
		if (word_among(value, switch_words[on])) {
			*out = on;
			return STATUS_OK;
		}
	return STATUS_INVALID;
}

/* 1*DIGIT [unit]; LIMIT when it is no 63-bit number of the smallest unit. A
 * number alone counts octets, but a duration must say its unit unless it is 0. */
static enum status
parse_number(enum setting_type type, struct text value, int64_t *out)
{
	struct units units = units_of(type);
	struct cursor c = cursor_of(value);
	struct text unit;
	uint64_t n;

	if (!cursor_u64(&c, &n))
		return byte_digit(value.len > 0 ? *value.ptr : ' ') ? STATUS_LIMIT : STATUS_INVALID;
	cursor_wsp(&c);
	unit = cursor_rest(&c);
	if (unit.len == 0 && type == SETTING_DURATION && n != 0)
		return STATUS_INVALID;
	for (size_t i = 0; i < units.count; i++) {
		bool last = i + 1 == units.count;

		if (!(last && unit.len == 0) && !word_among(unit, units.at[i].words))
			continue;
		if (n > INT64_MAX || __builtin_mul_overflow((int64_t)n, units.at[i].factor, out))
			return STATUS_LIMIT;
		return STATUS_OK;
	}
	return STATUS_INVALID;
}

static const char *
form_of(enum setting_type type)
{
	switch (type) {
	case SETTING_SWITCH:
		return "on or off";
	case SETTING_NUMBER:
		return "a whole number";
	case SETTING_SIZE:
		return "a size such as 64 KiB, 10 MiB or 1 GiB";
	case SETTING_DURATION:
		return "a time with its unit, such as 500 ms, 30 s, 5 min, 2 hours or 7 days";
	case SETTING_TEXT:
		return "a text without control characters";
	}
	die("no such type of setting");
}

/* "from 1 to 10 min"; of a text, of its length. */
static void
print_bounds(enum setting s, struct buffer *out)
{
	buffer_add_string(out, "from ");
	if (rows[s].type == SETTING_TEXT) {
		buffer_addf(out, "%lld to %lld octets long", (long long)rows[s].low,
		    (long long)rows[s].high);
		return;
	}
	setting_print(s, rows[s].low, out);
	buffer_add_string(out, " to ");
	setting_print(s, rows[s].high, out);
}

static enum status
out_of_bounds(enum setting s, struct failure *f)
{
	struct buffer words = BUFFER_INIT;

	buffer_addf(&words, "%s must be ", rows[s].name);
	print_bounds(s, &words);
	(void)fail(f, STATUS_LIMIT, buffer_string(&words), "%s", buffer_string(&words));
	buffer_done(&words);
	return STATUS_LIMIT;
}

static bool
text_fits_a_line(struct text value)
{
	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.ptr[i] < ' ' || value.ptr[i] == 0x7f)
			return false;
	return true;
}

enum status
setting_parse(enum setting s, struct text value, int64_t *out, struct failure *f)
{
	const struct setting_row *row = setting_row(s);
	enum status st = STATUS_OK;
	int64_t n = 0;

	value = text_trim(value);
	if (widest[s] != 0) {
		st = network_list_check(value, widest[s], f);
		if (st != STATUS_OK)
			return st;
	}
	if (row->type == SETTING_SWITCH) {
		st = parse_switch(value, &n);
	} else if (row->type == SETTING_TEXT) {
		st = text_fits_a_line(value) ? STATUS_OK : STATUS_INVALID;
		n = (int64_t)value.len;
	} else {
		st = parse_number(row->type, value, &n);
	}
	if (st == STATUS_INVALID) {
		char words[200];

		(void)snprintf(
		    words, sizeof(words), "%s must be %s", row->name, form_of(row->type));
		return fail(f, STATUS_INVALID, words, "%s, not \"%.*s\"", words, TEXT_ARG(value));
	}
	if (st == STATUS_LIMIT || n < row->low || n > row->high)
		return out_of_bounds(s, f);
	*out = n;
	return STATUS_OK;
}

static void
print_current_text(enum setting s, struct buffer *out)
{
	pthread_mutex_lock(&texts_lock);
	if (texts[s] != NULL)
		buffer_add_string(out, texts[s]);
	pthread_mutex_unlock(&texts_lock);
}

void
setting_print(enum setting s, int64_t value, struct buffer *out)
{
	const struct setting_row *row = setting_row(s);
	struct units units = units_of(row->type);
	const struct unit *u = units.at;

	if (row->type == SETTING_TEXT) {
		print_current_text(s, out);
		return;
	}
	if (row->type == SETTING_SWITCH) {
		buffer_add_string(out, switch_words[value != 0][0]);
		return;
	}
	while (u->factor > 1 && (value == 0 || value % u->factor != 0))
		u++;
	value /= u->factor;
	buffer_addf(out, "%lld", (long long)value);
	if (u != plain && value != 0)
		buffer_addf(out, " %s", u->words[value == 1]);
}

static void
apply_text(enum setting s, struct text value)
{
	char *copy = value.len == 0 ? NULL : mem_string(value);

	pthread_mutex_lock(&texts_lock);
	mem_free(texts[s]);
	texts[s] = copy;
	pthread_mutex_unlock(&texts_lock);
}

enum status
setting_apply(enum setting s, struct text value)
{
	int64_t n = setting_row(s)->value;
	struct failure f;
	enum status st;

	value = text_trim(value);
	st = value.len == 0 ? STATUS_OK : setting_parse(s, value, &n, &f);
	if (st != STATUS_OK) {
		LOG_WARN("setting.refused", FIELD_STRING("name", rows[s].name),
		    FIELD_TEXT("value", value), FIELD_STRING("reason", f.log));
		return st;
	}
	if (rows[s].type == SETTING_TEXT)
		apply_text(s, value);
	atomic_store_explicit(&values[s], n, memory_order_relaxed);
	if (s == SET_LOG_LEVEL)
		log_set_level((enum log_level)n);
	return STATUS_OK;
}

static void
document_row(enum setting s, struct buffer *out)
{
	const struct setting_row *row = &rows[s];

	buffer_addf(out, "\n### %s\n\n%s\n\nDefault: ", row->name, row->prose);
	if (row->type == SETTING_TEXT)
		buffer_add_string(out, "empty");
	else
		setting_print(s, row->value, out);
	if (row->type == SETTING_NUMBER)
		buffer_addf(out, " %s", row->unit);
	if (row->type != SETTING_SWITCH) {
		buffer_add_string(out, "; ");
		print_bounds(s, out);
	}
	buffer_addf(out, ". Written as %s.\n", form_of(row->type));
}

void
settings_document(struct buffer *out)
{
	struct text group = TEXT_EMPTY;

	buffer_add_string(out,
	    "# Settings\n\n"
	    "Made from `src/runtime/settings.def`; do not edit. Read and changed live by\n"
	    "`mailstead get` and `mailstead set`; every role follows at once.\n");
	for (unsigned s = 0; s < SETTING_COUNT; s++) {
		struct text name = text_of(rows[s].name);
		struct text own = text_part(name, 0, text_find_byte(name, '.', 0));

		if (!text_equal(group, own))
			buffer_addf(out, "\n## %.*s\n", TEXT_ARG(own));
		group = own;
		document_row((enum setting)s, out);
	}
}
