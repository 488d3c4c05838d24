/* SPDX-License-Identifier: ISC */
/*
 * Live settings: one row each in runtime/settings.def, from which parsing, bounds, the
 * documentation (docs/settings.md) and `mailstead get|set` are made. Values
 * live in the store; every role holds a copy that is read without locks and
 * follows changes. Numbers of all types are int64_t: durations in
 * microseconds, sizes in octets, switches 0 or 1.
 */
#ifndef RUNTIME_SETTINGS_H
#define RUNTIME_SETTINGS_H

#include "base/buffer.h"
#include "base/text.h"

enum setting_type { SETTING_SWITCH, SETTING_NUMBER, SETTING_SIZE, SETTING_DURATION, SETTING_TEXT };

enum setting {
#define SETTING(id, name, type, value, low, high, unit, prose) SET_##id,
#include "runtime/settings.def"
#undef SETTING
	SETTING_COUNT
};

struct setting_row {
	const char *name; /* "smtp.message_size_max" */
	enum setting_type type;
	int64_t value, low, high; /* TEXT: bounds of the length */
	const char *unit;
	const char *prose;
};

const struct setting_row *setting_row(enum setting s);
enum status setting_find(struct text name, enum setting *out) MUST_CHECK;

/* The value of now. */
int64_t setting(enum setting s);
/* A TEXT setting copied into dst; cut to cap. */
void setting_text(enum setting s, char *dst, size_t cap);

/* Reads "10 MiB", "5 min", "on", "42", ...; INVALID or LIMIT with words that
 * name the bounds. */
enum status setting_parse(
    enum setting s, struct text value, int64_t *out, struct failure *f) MUST_CHECK;
/* The value as a person writes it. */
void setting_print(enum setting s, int64_t value, struct buffer *out);
/* Takes a value from the store (empty: the default). INVALID is logged and
 * leaves the old one. */
enum status setting_apply(enum setting s, struct text value) MUST_CHECK;
/* docs/settings.md. */
void settings_document(struct buffer *out);

#endif
