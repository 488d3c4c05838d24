/* SPDX-License-Identifier: ISC */
/*
 * The structured log: one line an event, logfmt on standard error by default,
 * or JSON. A line is: time, level, role, event (a dotted word, stable), then
 * fields. Values that need it are quoted and escaped, so that a stranger's
 * bytes cannot forge a line; a value is cut at 1 KiB. One write(2) a line.
 *
 *     LOG_INFO("smtp.delivered", FIELD_TEXT("to", rcpt), FIELD_U64("size", n));
 *
 * Never log a secret: no password, token or message content.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/text.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ALARM };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

enum log_field_type { LOG_FIELD_TEXT, LOG_FIELD_U64, LOG_FIELD_I64 };

struct log_field {
	const char *key;
	enum log_field_type type;
	struct text text;
	uint64_t number;
};

#define FIELD_TEXT(k, t) ((struct log_field){ (k), LOG_FIELD_TEXT, (t), 0 })
#define FIELD_STRING(k, s) ((struct log_field){ (k), LOG_FIELD_TEXT, text_of(s), 0 })
#define FIELD_U64(k, n) ((struct log_field){ (k), LOG_FIELD_U64, TEXT_EMPTY, (uint64_t)(n) })
#define FIELD_I64(k, n) \
	((struct log_field){ (k), LOG_FIELD_I64, TEXT_EMPTY, (uint64_t)(int64_t)(n) })
#define FIELD_STATUS(s) FIELD_STRING("status", status_word(s))

/* LOG_ALARM() is for what a person must act on: a full disk, corruption, a role
 * that keeps crashing. */
#define LOG_DEBUG(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define LOG_INFO(...) LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_WARN(...) LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define LOG_ALARM(...) LOG_AT(LOG_LEVEL_ALARM, __VA_ARGS__)
#define LOG_AT(level, event, ...)                                                                  \
	do {                                                                                       \
		if (log_wants(level)) {                                                            \
			const struct log_field log_fields_[] = { { .key = NULL }, ##__VA_ARGS__ }; \
			log_event(level, event, log_fields_ + 1, ARRAY_LEN(log_fields_) - 1);      \
		}                                                                                  \
	} while (0)

/* The name that stands in every line, at most 31 bytes; kept by copy. */
void log_set_role(const char *role);
void log_set_level(enum log_level lowest);
void log_set_format(enum log_format format);
/* Where lines go: a descriptor, 2 at first; -1 drops them. */
void log_set_fd(int fd);
bool log_wants(enum log_level level);
void log_event(
    enum log_level level, const char *event, const struct log_field *fields, size_t count);
/* How many alarms this process has raised: a metric. */
uint64_t log_alarm_count(void);

#endif
