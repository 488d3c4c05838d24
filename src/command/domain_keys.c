/* SPDX-License-Identifier: ISC */
/*
 * The records of a domain: where its mail goes (MX, RFC 5321 5.1), who may send
 * in its name (SPF, RFC 7208 3), what to do with others (DMARC), and the keys
 * that sign for it (RFC 6376 3.6.2.1).
 */
#include "command/domain_keys.h"

#include <time.h>

#include "auth/calls.h"
#include "base/clock.h"
#include "codec/date.h"
#include "mailauth/key.h"
#include "store/calls.h"

#define TXT_STRING_MAX 255 /* octets of one string (RFC 1035 3.3.14) */
#define SELECTORS_A_DAY 26

static enum status
keys_of(struct calls *calls, struct text domain, struct arena *a, struct store_dkim_keys_reply *out,
    struct failure *f)
{
	const struct store_dkim_keys_request q = { .domain = domain };

	return store_dkim_keys(calls, &q, a, out, f);
}

static int64_t
now(void)
{
	return clock_wall() / CLOCK_SECOND;
}

/* ---- making ---- */

static bool
taken(const struct store_dkim_keys_reply *keys, struct text selector)
{
	for (uint32_t i = 0; i < keys->selectors.count; i++)
		if (text_equal(keys->selectors.at[i], selector))
			return true;
	return false;
}

/* "rsa-20261129", and "rsa-20261129b" for the second of a day. */
static struct text
free_selector(const struct store_dkim_keys_reply *keys, enum dkim_algorithm kind, struct arena *a)
{
	time_t t = (time_t)now();
	struct text selector = TEXT_EMPTY;
	struct tm day;

	(void)gmtime_r(&t, &day);
	for (int i = 0; i < SELECTORS_A_DAY; i++) {
		const char more[] = { (char)('a' + i), '\0' };

		selector = arena_printf(a, "%s-%04d%02d%02d%s",
		    kind == DKIM_RSA_SHA256 ? "rsa" : "ed25519", day.tm_year + 1900, day.tm_mon + 1,
		    day.tm_mday, i == 0 ? "" : more);
		if (!taken(keys, selector))
			break;
	}
	return selector;
}

/* Whether the domain has a key of this kind; *signs: one that signs, now and
 * without an end before the lead is over. */
static bool
has_kind(const struct store_dkim_keys_reply *keys, enum dkim_algorithm kind, bool *signs)
{
	bool has = false;

	*signs = false;
	for (uint32_t i = 0; i < keys->algorithms.count; i++) {
		int64_t retired = (int64_t)keys->retired.at[i];

		if (keys->algorithms.at[i] != (uint64_t)kind)
			continue;
		has = true;
		*signs = *signs || ((int64_t)keys->active.at[i] <= now() &&
				       (retired == 0 || retired > now()));
	}
	return has;
}

static enum status
make(struct calls *calls, const struct store_dkim_keys_reply *keys, enum dkim_algorithm kind,
    bool signs, struct arena *a, struct failure *f)
{
	const struct auth_dkim_generate_request q = {
		.algorithm = kind, .domain = keys->domain, .selector = free_selector(keys, kind, a)
	};
	struct auth_dkim_generate_reply made;
	struct store_dkim_add_request add = { .domain = keys->domain,
		.selector = q.selector,
		.algorithm = kind,
		.active = now() + (signs ? DOMAIN_KEY_LEAD : 0),
		.retire = 1 };
	struct store_dkim_add_reply added;
	enum status s = auth_dkim_generate(calls, &q, a, &made, f);

	if (s != STATUS_OK)
		return s;
	add.number = made.number;
	add.record = made.record;
	add.sealed = made.sealed;
	return store_dkim_add(calls, &add, a, &added, f);
}

enum status
domain_keys_make(
    struct calls *calls, struct text domain, bool missing, struct arena *a, struct failure *f)
{
	static const enum dkim_algorithm kinds[] = { DKIM_RSA_SHA256, DKIM_ED25519_SHA256 };
	struct store_dkim_keys_reply keys;
	enum status s = keys_of(calls, domain, a, &keys, f);

	for (size_t i = 0; i < ARRAY_LEN(kinds) && s == STATUS_OK; i++) {
		bool signs;

		if (has_kind(&keys, kinds[i], &signs) && missing)
			continue;
		s = make(calls, &keys, kinds[i], signs, a, f);
	}
	return s;
}

/* ---- showing ---- */

/* Strings of at most 255 octets, quoted. */
static void
add_txt(struct buffer *out, struct text value)
{
	for (size_t at = 0; at < value.len; at += TXT_STRING_MAX)
		buffer_addf(out, "%s\"%.*s\"", at == 0 ? "" : " ",
		    TEXT_ARG(text_part(value, at, at + TXT_STRING_MAX)));
}

static void
record(struct output *out, struct text name, const char *type, struct text value)
{
	if (!out->as_json) {
		buffer_addf(&out->text, "%.*s.\t%s\t", TEXT_ARG(name), type);
		if (text_equal(text_of(type), TEXT("TXT")))
			add_txt(&out->text, value);
		else
			buffer_add_text(&out->text, value);
		buffer_add_byte(&out->text, '\n');
		return;
	}
	json_object(&out->json);
	json_key(&out->json, "name");
	json_text(&out->json, name);
	json_key(&out->json, "type");
	json_text(&out->json, text_of(type));
	json_key(&out->json, "value");
	json_text(&out->json, value);
	json_object_end(&out->json);
}

static void
records(struct output *out, const struct store_dkim_keys_reply *k, struct arena *a)
{
	record(out, k->domain, "MX", arena_printf(a, "10 %.*s.", TEXT_ARG(k->hostname)));
	record(out, k->domain, "TXT", TEXT("v=spf1 mx -all"));
	record(out, arena_printf(a, "_dmarc.%.*s", TEXT_ARG(k->domain)), "TXT",
	    TEXT("v=DMARC1; p=quarantine"));
	for (uint32_t i = 0; i < k->selectors.count; i++)
		record(out,
		    arena_printf(a, "%.*s._domainkey.%.*s", TEXT_ARG(k->selectors.at[i]),
			TEXT_ARG(k->domain)),
		    "TXT", k->records.at[i]);
}

/* A state, and since or until when. */
static const char *
state_of(int64_t active, int64_t retired, int64_t *when)
{
	*when = active;
	if (retired != 0 && retired <= active)
		return "replaced before it signed";
	if (active > now())
		return "published, signs from";
	if (retired == 0)
		return "active since";
	*when = retired;
	return retired > now() ? "active until" : "retiring since";
}

static void
key(struct output *out, const struct store_dkim_keys_reply *k, uint32_t i)
{
	struct text algorithm = dkim_algorithm_name((enum dkim_algorithm)k->algorithms.at[i]);
	struct buffer when = BUFFER_INIT;
	int64_t seconds;
	const char *state = state_of((int64_t)k->active.at[i], (int64_t)k->retired.at[i], &seconds);

	date_print_rfc3339(&when, seconds);
	if (!out->as_json) {
		buffer_addf(&out->text, "; key %.*s\t%.*s\t%s %s\n", TEXT_ARG(k->selectors.at[i]),
		    TEXT_ARG(algorithm), state, buffer_string(&when));
	} else {
		json_object(&out->json);
		json_key(&out->json, "selector");
		json_text(&out->json, k->selectors.at[i]);
		json_key(&out->json, "algorithm");
		json_text(&out->json, algorithm);
		json_key(&out->json, "state");
		json_text(&out->json, text_of(state));
		json_key(&out->json, "at");
		json_text(&out->json, buffer_text(&when));
		json_object_end(&out->json);
	}
	buffer_done(&when);
}

enum status
domain_keys_print(
    struct calls *calls, struct text domain, struct arena *a, struct output *out, struct failure *f)
{
	struct store_dkim_keys_reply k;
	enum status s = keys_of(calls, domain, a, &k, f);

	if (s != STATUS_OK)
		return s;
	if (out->as_json) {
		json_key(&out->json, "records");
		json_array(&out->json);
	} else {
		buffer_add_string(&out->text, "; to be published in DNS:\n");
	}
	records(out, &k, a);
	if (out->as_json) {
		json_array_end(&out->json);
		json_key(&out->json, "keys");
		json_array(&out->json);
	}
	for (uint32_t i = 0; i < k.selectors.count; i++)
		key(out, &k, i);
	if (out->as_json)
		json_array_end(&out->json);
	return STATUS_OK;
}
