/* SPDX-License-Identifier: ISC */
/*
 * The Date field (RFC 5322 3.3 and 4.3) as it is really written. The text is
 * cut into numbers, words and signs; each is taken for what it can only be
 * (a word is a week day, a month or a zone; four digits are a year; digits
 * with a colon a time), so that order and separators matter little. It is
 * refused only when no day, month, year can be told.
 */
#include "codec/date_parts.h"

#include "base/cursor.h"

#define DATE_LEN_MAX 500

/* Zone names with a fixed meaning (RFC 5322 4.3); military letters and other
 * words mean nothing sure and count as UTC, as the RFC asks. */
static const struct {
	char name[5];
	int16_t minutes;
} zones[] = {
	{ "UT", 0 },
	{ "UTC", 0 },
	{ "GMT", 0 },
	{ "EDT", -240 },
	{ "EST", -300 },
	{ "CDT", -300 },
	{ "CST", -360 },
	{ "MDT", -360 },
	{ "MST", -420 },
	{ "PDT", -420 },
	{ "PST", -480 },
	{ "WET", 0 },
	{ "BST", 60 },
	{ "CET", 60 },
	{ "MET", 60 },
	{ "CEST", 120 },
	{ "EET", 120 },
	{ "EEST", 180 },
	{ "MSK", 180 },
	{ "JST", 540 },
	{ "KST", 540 },
};

struct reading {
	struct date_parts p;
	bool has_day, has_month, has_year, has_time, has_zone;
};

/* Copies what is no comment; a comment counts as a blank, blanks beside a
 * colon as nothing (RFC 5322 4.3 lets both stand everywhere). */
static struct text
without_comments(struct text t, char copy[DATE_LEN_MAX])
{
	size_t n = 0, depth = 0;

	for (size_t i = 0; i < t.len && i < DATE_LEN_MAX; i++) {
		char c = t.ptr[i];

		if (c == '\\' && depth > 0) {
			i++;
			continue;
		}
		if (c == '(' || c == ')')
			depth += c == '(' ? 1 : depth > 0 ? (size_t)-1 : 0;
		else if (depth > 0)
			continue;
		if (c == '\t' || c == '\r' || c == '\n' || c == '(' || c == ')')
			c = ' ';
		if (c == ' ' && n > 0 && (copy[n - 1] == ':' || copy[n - 1] == ' '))
			continue;
		if (c == ':' && n > 0 && copy[n - 1] == ' ')
			n--;
		copy[n++] = c;
	}
	return (struct text){ copy, n };
}

static size_t
number(struct cursor *c, int *out)
{
	size_t n = 0;
	int value = 0;

	for (; cursor_peek(c) >= '0' && cursor_peek(c) <= '9'; n++) {
		int digit = cursor_next(c) - '0';

		if (n < 8)
			value = value * 10 + digit;
	}
	*out = value;
	return n;
}

static bool
at_digit(const struct cursor *c, size_t ahead)
{
	return cursor_left(c) > ahead && byte_digit(c->at[ahead]);
}

/* RFC 5322 4.3: two and three digits. */
static void
set_year(struct reading *r, size_t digits, int value)
{
	if (digits <= 2)
		value += value < 50 ? 2000 : 1900;
	else if (digits == 3)
		value += 1900;
	r->p.year = value;
	r->has_year = true;
}

/* The hour was read; the cursor stands on the separator. */
static void
read_time(struct reading *r, struct cursor *c, int hour)
{
	char separator = (char)cursor_next(c);

	r->p.hour = hour;
	number(c, &r->p.minute);
	if (at_digit(c, 1) && cursor_byte(c, separator)) {
		number(c, &r->p.second);
		/* Parts of a second. */
		if (at_digit(c, 1) && (cursor_byte(c, '.') || cursor_byte(c, ','))) {
			int fraction;

			number(c, &fraction);
		}
	}
	r->has_time = true;
}

/* "2026-11-22", also with slashes; the year was read. */
static bool
read_iso(struct reading *r, struct cursor *c)
{
	struct cursor at = *c;
	char separator = (char)cursor_peek(&at);
	int month, day;

	if (r->has_month || !at_digit(&at, 1) || (separator != '-' && separator != '/'))
		return false;
	cursor_next(&at);
	if (number(&at, &month) > 2 || !at_digit(&at, 1) || !cursor_byte(&at, separator) ||
	    number(&at, &day) > 2)
		return false;
	r->p.month = month;
	r->p.day = day;
	r->has_month = r->has_day = true;
	*c = at;
	return true;
}

static void
read_number(struct reading *r, struct cursor *c)
{
	int value, next;
	size_t digits = number(c, &value);

	next = cursor_peek(c);
	if (!r->has_time && digits <= 2 && at_digit(c, 1) &&
	    (next == ':' || (next == '.' && r->has_day && r->has_year))) {
		read_time(r, c, value);
	} else if (digits >= 3) {
		if (!r->has_year) {
			set_year(r, digits, value);
			if (!r->has_day)
				(void)read_iso(r, c);
		}
	} else if (!r->has_day) {
		r->p.day = value;
		r->has_day = true;
	} else if (!r->has_year) {
		set_year(r, digits, value);
	}
}

/* "+0200", "+02:00", "+2"; the cursor stands behind the sign. */
static void
read_offset(struct reading *r, struct cursor *c, int sign)
{
	int value, minutes = 0;
	size_t digits = number(c, &value);

	if (digits <= 2) {
		if (at_digit(c, 1) && cursor_byte(c, ':'))
			number(c, &minutes);
		value = value * 100 + minutes;
	}
	if (value > 9959 || value % 100 > 59)
		value = 0;
	r->p.zone = (value / 100 * 60 + value % 100) * sign;
	r->has_zone = true;
}

static void
read_word(struct reading *r, struct cursor *c)
{
	struct text word = { c->at, 0 };
	int month;

	while (cursor_left(c) > 0 && byte_alpha(*c->at))
		cursor_next(c);
	word.len = (size_t)(c->at - word.ptr);
	month = word.len >= 3 ? date_month(word) : 0;
	if (month != 0 && !r->has_month) {
		r->p.month = month;
		r->has_month = true;
		return;
	}
	if (!r->has_time || date_is_week_day(word))
		return;
	if (text_equal_ci(word, TEXT("PM")) && r->p.hour < 12)
		r->p.hour += 12;
	else if (text_equal_ci(word, TEXT("AM")) && r->p.hour == 12)
		r->p.hour = 0;
	for (size_t i = 0; i < ARRAY_LEN(zones) && !r->has_zone; i++) {
		if (text_equal_ci(word, text_of(zones[i].name))) {
			r->p.zone = zones[i].minutes;
			/* "GMT+0200" names an offset still. */
			r->has_zone = zones[i].minutes != 0;
		}
	}
}

enum status
date_parse_mail(struct text t, struct date *out)
{
	char copy[DATE_LEN_MAX];
	struct cursor c = cursor_of(without_comments(t, copy));
	struct reading r = { 0 };

	while (!cursor_done(&c)) {
		int byte = cursor_peek(&c);

		if (byte >= '0' && byte <= '9') {
			read_number(&r, &c);
		} else if (byte_alpha((char)byte)) {
			read_word(&r, &c);
		} else {
			cursor_next(&c);
			if ((byte == '+' || byte == '-') && r.has_time && !r.has_zone &&
			    at_digit(&c, 0))
				read_offset(&r, &c, byte == '-' ? -1 : 1);
		}
	}
	if (!r.has_day || !r.has_month || !r.has_year)
		return STATUS_INVALID;
	return date_join(&r.p, out);
}
