/* SPDX-License-Identifier: ISC */
/*
 * Writes one event as one line with one write(2), from the stack. A value is
 * taken as UTF-8 of a stranger: what is not UTF-8, and what could move a
 * terminal's cursor, end the line or turn the writing around, is escaped. The
 * end of the line is kept free, so that a line is never left open: a field
 * that has no room is left out and "cut" says so.
 */
#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define VALUE_MOST 1024
#define LINE_MOST 8192
#define END_ROOM 16 /* for cut and the end of the line */

static _Atomic int lowest = LOG_LEVEL_INFO;
static _Atomic int format = LOG_FORMAT_LOGFMT;
static _Atomic int target = STDERR_FILENO;
static _Atomic uint64_t alarms;
static char role_name[32] = "mailstead";

static const char *const level_words[] = { "debug", "info", "warn", "alarm" };

struct line {
	size_t len;
	bool full; /* something did not fit since the last mark */
	bool json;
	char bytes[LINE_MOST];
};

void
log_set_role(const char *role)
{
	size_t n = strnlen(role, sizeof(role_name) - 1);

	memcpy(role_name, role, n);
	role_name[n] = 0;
}

void
log_set_level(enum log_level level)
{
	atomic_store(&lowest, (int)level);
}

void
log_set_format(enum log_format f)
{
	atomic_store(&format, (int)f);
}

void
log_set_fd(int fd)
{
	atomic_store(&target, fd);
}

bool
log_wants(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&lowest, memory_order_relaxed);
}

uint64_t
log_alarm_count(void)
{
	return atomic_load(&alarms);
}

static void
add(struct line *l, const char *bytes, size_t n)
{
	if (n > sizeof(l->bytes) - END_ROOM - l->len) {
		l->full = true;
		return;
	}
	memcpy(l->bytes + l->len, bytes, n);
	l->len += n;
}

static void
add_string(struct line *l, const char *s)
{
	add(l, s, strlen(s));
}

static void
add_number(struct line *l, uint64_t v, int width)
{
	char digits[20];
	size_t at = sizeof(digits);

	for (; v != 0 || width > 0; v /= 10, width--)
		digits[--at] = (char)('0' + v % 10);
	add(l, digits + at, sizeof(digits) - at);
}

/* Days since 1970 to a date of the Gregorian calendar, in years that begin in
 * March: no lock and no zone, which gmtime_r() takes. */
static void
add_date(struct line *l, uint64_t days)
{
	uint64_t z = days + 719468, era = z / 146097, doe = z % 146097;
	uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	uint64_t mp = (5 * doy + 2) / 153;
	uint64_t month = mp < 10 ? mp + 3 : mp - 9;

	add_number(l, era * 400 + yoe + (month <= 2), 4);
	add_string(l, "-");
	add_number(l, month, 2);
	add_string(l, "-");
	add_number(l, doy - (153 * mp + 2) / 5 + 1, 2);
}

static void
add_time(struct line *l)
{
	uint64_t now = (uint64_t)clock_wall();
	uint64_t of_day = now % (uint64_t)CLOCK_DAY;

	add_date(l, now / (uint64_t)CLOCK_DAY);
	add_string(l, "T");
	add_number(l, of_day / (uint64_t)CLOCK_HOUR, 2);
	add_string(l, ":");
	add_number(l, of_day / (uint64_t)CLOCK_MINUTE % 60, 2);
	add_string(l, ":");
	add_number(l, of_day / (uint64_t)CLOCK_SECOND % 60, 2);
	add_string(l, ".");
	add_number(l, of_day / (uint64_t)CLOCK_MS % 1000, 3);
	add_string(l, "Z");
}

/* The length of the UTF-8 sequence at p (RFC 3629 4), its code point in *cp;
 * 0 when there is none. */
static size_t
utf8_at(const unsigned char *p, size_t left, uint32_t *cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t v = p[0];

	if (n == 0 || n > left || p[0] > 0xf4)
		return 0;
	if (n > 1)
		v &= 0x7fU >> n;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (p[i] & 0x3f);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return 0;
	*cp = v;
	return n;
}

/* Controls, line and paragraph separators, and what overrides the direction. */
static bool
is_unsafe(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x200e || cp == 0x200f ||
	       (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069);
}

static void
add_hex(struct line *l, const char *lead, uint32_t v, int digits)
{
	add_string(l, lead);
	while (digits-- > 0)
		add(l, &"0123456789abcdef"[(v >> (4 * digits)) & 15], 1);
}

/* One character or one bad byte; returns how many bytes it took. */
static size_t
add_escaped(struct line *l, const unsigned char *p, size_t left)
{
	uint32_t cp;
	size_t n = utf8_at(p, left, &cp);

	if (n == 0) {
		if (l->json)
			add_string(l, "\\ufffd");
		else
			add_hex(l, "\\x", p[0], 2);
		return 1;
	}
	if (cp == '"' || cp == '\\')
		add_string(l, "\\");
	if (cp == '\n' || cp == '\r' || cp == '\t')
		add_string(l, cp == '\n' ? "\\n" : cp == '\r' ? "\\r" : "\\t");
	else if (is_unsafe(cp))
		add_hex(l, "\\u", cp, 4);
	else
		add(l, (const char *)p, n);
	return n;
}

static bool
needs_quotes(struct text t)
{
	if (t.len == 0)
		return true;
	for (size_t i = 0; i < t.len; i++) {
		unsigned char c = (unsigned char)t.ptr[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
			return true;
	}
	return false;
}

static void
add_value(struct line *l, struct text t)
{
	size_t n = t.len < VALUE_MOST ? t.len : VALUE_MOST;

	if (!l->json && !needs_quotes(t)) {
		add(l, t.ptr, n);
	} else {
		add_string(l, "\"");
		for (size_t i = 0; i < n;)
			i += add_escaped(l, (const unsigned char *)t.ptr + i, n - i);
		add_string(l, "\"");
	}
}

static void
add_key(struct line *l, const char *key)
{
	if (l->len > (l->json ? 1U : 0U))
		add_string(l, l->json ? "," : " ");
	add_string(l, l->json ? "\"" : "");
	add_string(l, key);
	add_string(l, l->json ? "\":" : "=");
}

static void
add_signed(struct line *l, int64_t v)
{
	if (v < 0)
		add_string(l, "-");
	add_number(l, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 1);
}

static void
add_field(struct line *l, const struct log_field *f)
{
	add_key(l, f->key);
	switch (f->type) {
	case LOG_FIELD_U64:
		add_number(l, f->number, 1);
		break;
	case LOG_FIELD_I64:
		add_signed(l, (int64_t)f->number);
		break;
	case LOG_FIELD_TEXT:
		add_value(l, f->text);
		break;
	}
}

/* The four fields that open every line; all of them are ours and fit. */
static void
add_opening(struct line *l, enum log_level level, const char *event)
{
	add_string(l, l->json ? "{" : "");
	add_key(l, "time");
	add_string(l, l->json ? "\"" : "");
	add_time(l);
	add_string(l, l->json ? "\"" : "");
	add_field(l, &FIELD_STRING("level", level_words[level]));
	add_field(l, &FIELD_STRING("role", role_name));
	add_field(l, &FIELD_STRING("event", event));
}

/* What END_ROOM was kept for. */
static void
add_end(struct line *l, bool cut)
{
	const char *end =
	    l->json ? (cut ? ",\"cut\":true}\n" : "}\n") : (cut ? " cut=true\n" : "\n");
	size_t n = strlen(end);

	_Static_assert(END_ROOM >= sizeof(",\"cut\":true}\n"), "room for the end");
	memcpy(l->bytes + l->len, end, n);
	l->len += n;
}

void
log_event(enum log_level level, const char *event, const struct log_field *fields, size_t count)
{
	struct line l;
	int fd = atomic_load_explicit(&target, memory_order_relaxed);
	bool cut = false;

	if (level == LOG_LEVEL_ALARM)
		atomic_fetch_add(&alarms, 1);
	if (fd < 0 || !log_wants(level))
		return;
	l.len = 0;
	l.full = false;
	l.json = atomic_load_explicit(&format, memory_order_relaxed) == LOG_FORMAT_JSON;
	add_opening(&l, level, event);
	for (size_t i = 0; i < count; i++) {
		size_t mark = l.len;

		add_field(&l, &fields[i]);
		if (l.full) {
			l.len = mark;
			l.full = false;
			cut = true;
		}
	}
	add_end(&l, cut);
	/* A log that cannot be written must not stop the mail: the line is lost. */
	while (write(fd, l.bytes, l.len) < 0 && errno == EINTR)
		continue;
}
