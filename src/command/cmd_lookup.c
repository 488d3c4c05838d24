/* SPDX-License-Identifier: ISC */
/*
 * mailstead lookup: what the service finds out about a domain before it sends
 * mail there, and what the DNS says of a name, as role lookup sees them.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "command/command.h"
#include "lookup/route.h"
#include "mailauth/records.h"

#define SMTP_PORT 25

static const struct {
	const char *word;
	uint16_t type;
} types[] = {
	{ "A", RECORD_A },
	{ "AAAA", RECORD_AAAA },
	{ "CNAME", RECORD_CNAME },
	{ "MX", RECORD_MX },
	{ "NS", RECORD_NS },
	{ "TLSA", RECORD_TLSA },
	{ "TXT", RECORD_TXT },
};

/* Prints in one of two ways: "  name value" lines, or members of JSON. */
static void
say(struct output *out, const char *name, struct text value)
{
	if (out->as_json) {
		json_key(&out->json, name);
		json_text(&out->json, value);
	} else if (value.len > 0) {
		buffer_addf(&out->text, "    %s: %.*s\n", name, TEXT_ARG(value));
	}
}

static void
say_number(struct output *out, const char *name, uint64_t value)
{
	if (out->as_json) {
		json_key(&out->json, name);
		json_u64(&out->json, value);
	} else {
		buffer_addf(&out->text, "    %s: %llu\n", name, (unsigned long long)value);
	}
}

static struct text
hex(struct arena *a, struct text octets)
{
	struct buffer b = BUFFER_INIT;
	struct text t;

	for (size_t i = 0; i < octets.len; i++)
		buffer_addf(&b, "%02x", (uint8_t)octets.ptr[i]);
	t = arena_copy(a, buffer_text(&b));
	buffer_done(&b);
	return t;
}

static struct text
address(struct arena *a, struct text octets)
{
	char word[INET6_ADDRSTRLEN];

	if (octets.len != 4 && octets.len != 16)
		return hex(a, octets);
	(void)inet_ntop(octets.len == 4 ? AF_INET : AF_INET6, octets.ptr, word, sizeof(word));
	return arena_copy(a, text_of(word));
}

static void
say_list(struct output *out, struct arena *a, const char *name, const struct texts *list,
    struct text (*print)(struct arena *a, struct text t))
{
	if (out->as_json) {
		json_key(&out->json, name);
		json_array(&out->json);
	}
	for (uint32_t i = 0; i < list->count; i++) {
		struct text t = print == NULL ? list->at[i] : print(a, list->at[i]);

		if (out->as_json)
			json_text(&out->json, t);
		else
			buffer_addf(&out->text, "    %s: %.*s\n", name, TEXT_ARG(t));
	}
	if (out->as_json)
		json_array_end(&out->json);
}

/* ---- routes ---- */

static void
say_host(struct output *out, struct arena *a, const struct route_host *h)
{
	static const char *const states[] = { "ok", "no-address", "temporary", "bogus" };

	if (out->as_json)
		json_object(&out->json);
	else
		buffer_addf(&out->text, "  %u %.*s\n", (unsigned)h->preference, TEXT_ARG(h->name));
	if (out->as_json) {
		say(out, "name", h->name);
		say_number(out, "preference", h->preference);
	}
	say(out, "state", text_of(states[h->state]));
	say(out, "words", h->words);
	say_number(out, "secure", h->secure);
	say_list(out, a, "address", &h->addresses, address);
	say(out, "tlsa-base", h->tlsa_base);
	say_list(out, a, "tlsa", &h->tlsa, hex);
	if (out->as_json)
		json_object_end(&out->json);
}

static void
say_route(struct output *out, struct arena *a, const struct route *r)
{
	static const char *const sts[] = { "none", "policy", "unfetched", "invalid", "untrusted" };
	static const char *const modes[] = { "none", "testing", "enforce" };

	if (out->as_json)
		json_object(&out->json);
	else
		buffer_addf(&out->text, "%.*s: %.*s %s\n", TEXT_ARG(r->domain), TEXT_ARG(r->code),
		    r->verdict == ROUTE_OK ? "there is a way" : "");
	if (out->as_json) {
		say(out, "domain", r->domain);
		say(out, "code", r->code);
	}
	say(out, "words", r->words);
	say_number(out, "implicit", r->implicit);
	say_number(out, "mx-secure", r->mx_secure);
	say(out, "mta-sts", text_of(sts[r->sts]));
	say(out, "mta-sts-mode", text_of(modes[r->sts_mode]));
	say(out, "mta-sts-id", r->sts_id);
	say(out, "mta-sts-words", r->sts_words);
	say_list(out, a, "mta-sts-mx", &r->sts_patterns, NULL);
	if (out->as_json) {
		json_key(&out->json, "hosts");
		json_array(&out->json);
	}
	for (uint32_t i = 0; i < r->host_count; i++)
		say_host(out, a, &r->hosts[i]);
	if (out->as_json) {
		json_array_end(&out->json);
		json_object_end(&out->json);
	}
}

static int
look_up_route(struct instance *i, const struct options *o)
{
	const struct lookup_route_request q = { .domain = text_of(o->args[0]), .port = SMTP_PORT };
	struct output out = output_of(o);
	struct lookup_route_reply reply;
	struct route r;
	enum status s = lookup_route(i->calls, &q, &i->arena, &reply, &i->failure);
	int code;

	if (s == STATUS_OK)
		s = lookup_route_read(&reply, &i->arena, &r);
	if (s != STATUS_OK)
		return refused_by(s, &i->failure);
	out.json = json_to(&out.text);
	say_route(&out, &i->arena, &r);
	code = output_write(&out);
	return code == EXIT_DONE && r.verdict != ROUTE_OK ? EXIT_REFUSED : code;
}

/* ---- names ---- */

static bool
type_of(const char *word, uint64_t *out)
{
	uint32_t number;

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (text_equal_ci(text_of(word), text_of(types[i].word))) {
			*out = types[i].type;
			return true;
		}
	if (text_to_u32(text_of(word), &number) != STATUS_OK)
		return false;
	*out = number;
	return true;
}

static int
look_up_name(struct instance *i, const struct options *o, uint64_t type)
{
	static const char *const outcomes[] = { "ok", "nodata", "nxdomain", "temporary", "bogus" };
	const struct lookup_dns_request q = { .name = text_of(o->args[0]), .type = type };
	struct output out = output_of(o);
	struct lookup_dns_reply r;
	enum status s = lookup_dns(i->calls, &q, &i->arena, &r, &i->failure);
	int code;

	if (s != STATUS_OK)
		return refused_by(s, &i->failure);
	if (r.outcome >= ARRAY_LEN(outcomes))
		return refused_by(STATUS_CORRUPT, &i->failure);
	out.json = json_to(&out.text);
	if (out.as_json)
		json_object(&out.json);
	say(&out, "outcome", text_of(outcomes[r.outcome]));
	say(&out, "why", r.why);
	say_number(&out, "secure", r.secure);
	say(&out, "canonical", r.canonical);
	say_number(&out, "ttl", r.ttl);
	say_list(&out, &i->arena, "record", &r.records,
	    type == RECORD_A || type == RECORD_AAAA ? address : hex);
	if (out.as_json)
		json_object_end(&out.json);
	code = output_write(&out);
	return code == EXIT_DONE && r.outcome != LOOKUP_OK ? EXIT_REFUSED : code;
}

int
command_lookup(const struct command *c, const struct options *o)
{
	struct instance i;
	uint64_t type = 0;
	int code;

	if (o->arg_count < 1 || o->arg_count > 2 ||
	    (o->arg_count == 2 && !type_of(o->args[1], &type)))
		return usage(c);
	code = instance_join(o, &i);
	if (code != EXIT_DONE)
		return code;
	code = o->arg_count == 1 ? look_up_route(&i, o) : look_up_name(&i, o, type);
	instance_leave(&i);
	return code;
}
