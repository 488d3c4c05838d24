/* SPDX-License-Identifier: ISC */
/*
 * MTA-STS (RFC 8461 3.1, 3.2, 4.1): functions by the rules of its ABNF. What a
 * rule does not know is skipped, as the RFC wants it (sts-ext-name).
 */
#include "mailauth/mta_sts.h"

#include "codec/idna.h"
#include "mailauth/fields.h"

#define VERSION TEXT("v=STSv1")

/* ---- the record ---- */

static bool
is_id(struct text t)
{
	if (t.len == 0 || t.len > MTA_STS_ID_MAX)
		return false;
	for (size_t i = 0; i < t.len; i++)
		if (!byte_alpha(t.ptr[i]) && !byte_digit(t.ptr[i]))
			return false;
	return true;
}

enum status
mta_sts_record(struct text txt, struct text *id)
{
	struct text rest, name, value, found = TEXT_EMPTY;
	unsigned ids = 0;
	enum status s;

	if (!fields_begin(txt, VERSION, &rest))
		return STATUS_INVALID;
	while ((s = fields_next(&rest, &name, &value)) == STATUS_OK) {
		if (!text_equal(name, TEXT("id")))
			continue;
		found = value;
		ids++;
	}
	if (s != STATUS_NOT_FOUND || ids != 1 || !is_id(found))
		return STATUS_INVALID;
	*id = found;
	return STATUS_OK;
}

enum status
mta_sts_record_of(const struct text *txts, size_t count, struct text *id)
{
	const struct text *only = fields_only(txts, count, VERSION);

	return only == NULL ? STATUS_NOT_FOUND : mta_sts_record(*only, id);
}

/* ---- the policy ---- */

struct reading {
	struct arena *a;
	struct mta_sts_policy policy;
	bool version, mode, max_age;
};

/* "mx" takes a domain name, or one under "*.". */
static bool
take_pattern(struct reading *r, struct text value)
{
	struct mta_sts_policy *p = &r->policy;
	bool wild = text_starts(value, TEXT("*."));
	struct buffer name = BUFFER_INIT;
	bool good =
	    idna_to_ascii(wild ? text_part(value, 2, value.len) : value, &name) == STATUS_OK;

	if (good && p->pattern_count < MTA_STS_PATTERNS_MAX)
		p->patterns[p->pattern_count++] =
		    arena_join(r->a, wild ? TEXT("*.") : TEXT_EMPTY, buffer_text(&name));
	else
		good = false;
	buffer_done(&name);
	return good;
}

static bool
take_mode(struct reading *r, struct text value)
{
	static const char *const words[] = {
		[MTA_STS_MODE_NONE] = "none",
		[MTA_STS_MODE_TESTING] = "testing",
		[MTA_STS_MODE_ENFORCE] = "enforce",
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (text_equal(value, text_of(words[i]))) {
			r->policy.mode = (enum mta_sts_mode)i;
			return true;
		}
	return false;
}

/* At most ten digits; what is above a year counts as a year. */
static bool
take_age(struct reading *r, struct text value)
{
	uint64_t age;

	if (value.len > 10 || text_to_u64(value, &age) != STATUS_OK)
		return false;
	r->policy.max_age = age > MTA_STS_AGE_MAX ? MTA_STS_AGE_MAX : age;
	return true;
}

/* A field that is there twice: the first counts, except for mx (RFC 8461 3.2). */
static bool
take_field(struct reading *r, struct text key, struct text value)
{
	if (text_equal(key, TEXT("mx")))
		return take_pattern(r, value);
	if (text_equal(key, TEXT("version")) && !r->version)
		return r->version = text_equal(value, TEXT("STSv1"));
	if (text_equal(key, TEXT("mode")) && !r->mode)
		return r->mode = take_mode(r, value);
	if (text_equal(key, TEXT("max_age")) && !r->max_age)
		return r->max_age = take_age(r, value);
	return true;
}

static enum status
invalid(struct failure *f, const char *what, struct text line)
{
	return fail(f, STATUS_INVALID, "The MTA-STS policy is not well-formed.", "%s: %.*s", what,
	    (int)(line.len > 100 ? 100 : line.len), line.ptr);
}

enum status
mta_sts_policy(struct text policy, struct arena *a, struct mta_sts_policy *out, struct failure *f)
{
	struct reading r = { .a = a };
	struct text line;

	r.policy.patterns = ARENA_ARRAY(a, struct text, MTA_STS_PATTERNS_MAX);
	while (text_split(&policy, '\n', &line)) {
		size_t colon;

		line = text_trim(line);
		if (line.len == 0)
			continue;
		colon = text_find_byte(line, ':', 0);
		if (colon == 0 || colon == line.len)
			return invalid(f, "a line without a name", line);
		if (!take_field(&r, text_trim(text_part(line, 0, colon)),
			text_trim(text_part(line, colon + 1, line.len))))
			return invalid(f, "a field with a wrong value", line);
	}
	if (!r.version || !r.mode || !r.max_age)
		return invalid(f, "missing", TEXT("version, mode or max_age"));
	if (r.policy.mode != MTA_STS_MODE_NONE && r.policy.pattern_count == 0)
		return invalid(f, "missing", TEXT("mx"));
	*out = r.policy;
	return STATUS_OK;
}

/* ---- hosts ---- */

bool
mta_sts_matches(const struct text *patterns, size_t count, struct text host)
{
	size_t dot = text_find_byte(host, '.', 0);
	struct text below = text_part(host, dot, host.len);

	for (size_t i = 0; i < count; i++) {
		if (text_equal_ci(patterns[i], host))
			return true;
		if (dot > 0 && dot < host.len && text_starts(patterns[i], TEXT("*.")) &&
		    text_equal_ci(text_part(patterns[i], 1, patterns[i].len), below))
			return true;
	}
	return false;
}
