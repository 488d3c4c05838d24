/* SPDX-License-Identifier: ISC */
/*
 * Printing and reading of dates whose form is fixed (RFC 9051 9, RFC 3339),
 * and the calendar under all of them: days since 1970-01-01 in the Gregorian
 * calendar, in constant time. What people write in a Date field is read in
 * date_mail.c.
 */
#include "codec/date_parts.h"

#include "base/cursor.h"

#define DAY 86400

static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
	"Oct", "Nov", "Dec" };
static const char week_days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Years begin in March here, so that the leap day is the last of its year. */
int64_t
date_days(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = floor_div(y, 400);
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

static void
civil(int64_t days, struct date_parts *out)
{
	int64_t z = days + 719468;
	int64_t era = floor_div(z, 146097);
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	out->day = (int)(doy - (153 * mp + 2) / 5 + 1);
	out->month = (int)(mp < 10 ? mp + 3 : mp - 9);
	out->year = (int)(yoe + era * 400 + (out->month <= 2));
}

static int
month_days(int year, int month)
{
	static const int8_t days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* 1..12, or 0. */
int
date_month(struct text name)
{
	for (int i = 0; i < 12; i++)
		if (text_equal_ci(text_part(name, 0, 3), text_of(months[i])))
			return i + 1;
	return 0;
}

bool
date_is_week_day(struct text name)
{
	for (int i = 0; i < 7; i++)
		if (text_equal_ci(text_part(name, 0, 3), text_of(week_days[i])))
			return true;
	return false;
}

/* A second of 60 is a leap second and counts as the next minute's first. */
enum status
date_join(const struct date_parts *p, struct date *out)
{
	if (p->year < 1 || p->year > 9999 || p->month < 1 || p->month > 12 || p->day < 1 ||
	    p->day > month_days(p->year, p->month))
		return STATUS_INVALID;
	if (p->hour > 23 || p->minute > 59 || p->second > 60)
		return STATUS_INVALID;
	out->at = date_days(p->year, p->month, p->day) * DAY + p->hour * 3600 + p->minute * 60 +
		  p->second - p->zone * 60;
	out->zone = (int16_t)p->zone;
	return STATUS_OK;
}

/* The moment of its own zone, within the years 1 to 9999 whatever the caller
 * brings. */
static int64_t
local_second(struct date d)
{
	const int64_t first = date_days(1, 1, 1) * DAY;
	const int64_t last = date_days(9999, 12, 31) * DAY + DAY - 1;
	int64_t at = d.at < first ? first : d.at > last ? last : d.at;

	at += d.zone * 60;
	return at < first ? first : at > last ? last : at;
}

static void
split(struct date d, struct date_parts *out)
{
	int64_t local = local_second(d);
	int64_t second;

	civil(floor_div(local, DAY), out);
	second = local - floor_div(local, DAY) * DAY;
	out->hour = (int)(second / 3600);
	out->minute = (int)(second / 60 % 60);
	out->second = (int)(second % 60);
	out->zone = d.zone;
}

int64_t
date_day(struct date d)
{
	return floor_div(local_second(d), DAY);
}

static void
print_zone(struct buffer *out, int zone)
{
	int minutes = zone < 0 ? -zone : zone;

	buffer_addf(out, " %c%02d%02d", zone < 0 ? '-' : '+', minutes / 60 % 100, minutes % 60);
}

void
date_print_mail(struct buffer *out, struct date d)
{
	struct date_parts p;
	int64_t day;

	split(d, &p);
	day = date_days(p.year, p.month, p.day) + 4; /* 1970-01-01 was a Thursday */
	buffer_addf(out, "%s, %d %s %04d %02d:%02d:%02d", week_days[day - floor_div(day, 7) * 7],
	    p.day, months[p.month - 1], p.year, p.hour, p.minute, p.second);
	print_zone(out, p.zone);
}

void
date_print_imap(struct buffer *out, struct date d)
{
	struct date_parts p;

	split(d, &p);
	buffer_addf(out, "%02d-%s-%04d %02d:%02d:%02d", p.day, months[p.month - 1], p.year, p.hour,
	    p.minute, p.second);
	print_zone(out, p.zone);
}

void
date_print_rfc3339(struct buffer *out, int64_t at)
{
	struct date_parts p;

	split((struct date){ .at = at }, &p);
	buffer_addf(out, "%04d-%02d-%02dT%02d:%02d:%02dZ", p.year, p.month, p.day, p.hour, p.minute,
	    p.second);
}

/* Exactly n digits. */
static bool
digits(struct cursor *c, size_t n, int *out)
{
	struct cursor at = *c;
	int value = 0;

	for (size_t i = 0; i < n; i++) {
		int byte = cursor_next(&at);

		if (byte < '0' || byte > '9')
			return false;
		value = value * 10 + (byte - '0');
	}
	*c = at;
	*out = value;
	return true;
}

/* full-date "T" partial-time */
static bool
moment(struct cursor *c, struct date_parts *p)
{
	int fraction;

	if (!digits(c, 4, &p->year) || !cursor_byte(c, '-') || !digits(c, 2, &p->month) ||
	    !cursor_byte(c, '-') || !digits(c, 2, &p->day) || !cursor_text_ci(c, TEXT("T")) ||
	    !digits(c, 2, &p->hour) || !cursor_byte(c, ':') || !digits(c, 2, &p->minute) ||
	    !cursor_byte(c, ':') || !digits(c, 2, &p->second))
		return false;
	if (!cursor_byte(c, '.'))
		return true;
	if (!digits(c, 1, &fraction))
		return false;
	while (digits(c, 1, &fraction))
		continue;
	return true;
}

/* time-offset */
static bool
offset(struct cursor *c, struct date_parts *p)
{
	int sign, hours, minutes;

	if (cursor_text_ci(c, TEXT("Z")))
		return true;
	sign = cursor_next(c);
	if ((sign != '+' && sign != '-') || !digits(c, 2, &hours) || !cursor_byte(c, ':') ||
	    !digits(c, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	p->zone = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
	return true;
}

enum status
date_parse_rfc3339(struct text t, struct date *out)
{
	struct cursor c = cursor_of(t);
	struct date_parts p = { 0 };

	if (!moment(&c, &p) || !offset(&c, &p) || !cursor_done(&c))
		return STATUS_INVALID;
	return date_join(&p, out);
}

/* "-" date-month "-" date-year */
static bool
month_year(struct cursor *c, struct date_parts *p)
{
	struct text name;

	if (!cursor_byte(c, '-') || !cursor_take(c, 3, &name))
		return false;
	p->month = date_month(name);
	return p->month != 0 && cursor_byte(c, '-') && digits(c, 4, &p->year);
}

/* time SP zone */
static bool
time_zone(struct cursor *c, struct date_parts *p)
{
	int sign, hours, minutes;

	if (!digits(c, 2, &p->hour) || !cursor_byte(c, ':') || !digits(c, 2, &p->minute) ||
	    !cursor_byte(c, ':') || !digits(c, 2, &p->second) || !cursor_byte(c, ' '))
		return false;
	sign = cursor_next(c);
	if ((sign != '+' && sign != '-') || !digits(c, 2, &hours) || !digits(c, 2, &minutes) ||
	    minutes > 59)
		return false;
	p->zone = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
	return true;
}

enum status
date_parse_imap(struct text t, struct date *out)
{
	struct cursor c = cursor_of(t);
	struct date_parts p = { 0 };

	if (cursor_byte(&c, ' ') ? !digits(&c, 1, &p.day) : !digits(&c, 2, &p.day))
		return STATUS_INVALID;
	if (!month_year(&c, &p) || !cursor_byte(&c, ' ') || !time_zone(&c, &p) || !cursor_done(&c))
		return STATUS_INVALID;
	return date_join(&p, out);
}

enum status
date_parse_imap_day(struct text t, int64_t *days)
{
	struct cursor c = cursor_of(t);
	struct date_parts p = { 0 };
	struct date d;

	if (!digits(&c, 2, &p.day) && !digits(&c, 1, &p.day))
		return STATUS_INVALID;
	if (!month_year(&c, &p) || !cursor_done(&c) || date_join(&p, &d) != STATUS_OK)
		return STATUS_INVALID;
	*days = date_day(d);
	return STATUS_OK;
}
