/* SPDX-License-Identifier: ISC */
/*
 * mailstead doctor: which roles run, how each is confined, and what a person
 * should look at. Exit 1 if something should be.
 */
#include "base/clock.h"
#include "command/command.h"
#include "command/config.h"
#include "runtime/metrics.h"
#include "runtime/runtime_calls.h"
#include "runtime/sandbox.h"
#include "runtime/settings.h"
#include "smtp/stranger.h"
#include "store/calls.h"
#include "store/limits_calls.h"

#define NOTES_MAX 100

struct checkup {
	struct instance *i;
	struct output *out;
	struct text notes[NOTES_MAX];
	unsigned note_count;
	bool relay_refused; /* to strangers, as far as all who were asked found */
};

static void note(struct checkup *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void
note(struct checkup *c, const char *fmt, ...)
{
	struct buffer b = BUFFER_INIT;
	va_list ap;

	va_start(ap, fmt);
	buffer_addv(&b, fmt, ap);
	va_end(ap);
	if (c->note_count < NOTES_MAX)
		c->notes[c->note_count++] = arena_copy(&c->i->arena, buffer_text(&b));
	buffer_done(&b);
}

static void
print_role(struct checkup *c, enum role role, unsigned k, const struct runtime_ping_reply *r)
{
	char words[200];
	int64_t age = (clock_wall() - (int64_t)r->started) / CLOCK_SECOND;

	sandbox_words((unsigned)r->sandbox, words, sizeof(words));
	if (!c->out->as_json) {
		buffer_addf(&c->out->text, "%-8s %-2u pid %-7llu up %llds\t%s\n", role_word(role),
		    k, (unsigned long long)r->pid, (long long)age, words);
		return;
	}
	json_object(&c->out->json);
	json_key(&c->out->json, "role");
	json_text(&c->out->json, text_of(role_word(role)));
	json_key(&c->out->json, "instance");
	json_u64(&c->out->json, k);
	json_key(&c->out->json, "pid");
	json_u64(&c->out->json, r->pid);
	json_key(&c->out->json, "seconds");
	json_i64(&c->out->json, age);
	json_key(&c->out->json, "sandbox");
	json_text(&c->out->json, text_of(words));
	json_object_end(&c->out->json);
}

static void
look_at_protections(struct checkup *c, enum role role, unsigned k, unsigned active)
{
	if (!(active & SANDBOX_SECCOMP))
		note(c, "%s %u runs without a system-call filter", role_word(role), k);
	if (!(active & SANDBOX_LANDLOCK))
		note(c,
		    "%s %u runs without Landlock: the kernel lacks it, or this is a build for "
		    "tests",
		    role_word(role), k);
	if (!(active & SANDBOX_USER))
		note(c, "%s %u has no user of its own (only `mailstead run` as root gives one)",
		    role_word(role), k);
}

/* What the self-tests of those who take mail found. */
static void
look_at_relaying(struct checkup *c, enum role role, unsigned k, uint64_t found)
{
	if (role != ROLE_MX && role != ROLE_ACCESS)
		return;
	if (found != STRANGER_REFUSED)
		c->relay_refused = false;
	if (found == STRANGER_RELAYS)
		note(c,
		    "%s %u is an OPEN RELAY: strangers can send mail to the world through it; the "
		    "log tells how (smtp.open_relay)",
		    role_word(role), k);
	else if (found != STRANGER_REFUSED)
		note(c, "%s %u could not test whether strangers can relay through it",
		    role_word(role), k);
}

/* What the metrics of a role tell that a person should look at. */
static void
look_at_metrics(struct checkup *c, enum role role, unsigned k)
{
	struct runtime_metrics_request q = { 0 };
	struct runtime_metrics_reply r;
	enum status s = runtime_call_to(
	    c->i->calls, role, k, &runtime_metrics_call, &q, &c->i->arena, &r, &c->i->failure);

	if (s != STATUS_OK)
		note(c, "%s %u does not tell its metrics: %s", role_word(role), k, status_word(s));
	if (s != STATUS_OK || r.values.count < METRIC_COUNT)
		return;
	look_at_relaying(c, role, k, r.values.at[METRIC_SMTP_STRANGER]);
	if (r.values.at[METRIC_LOOKUP_BLIND] > 0)
		note(c,
		    "the DNS server that is asked drops signatures (DNSSEC): no domain is secure, "
		    "DANE is not used; set resolver in the configuration to one that does not");
	if (r.values.at[METRIC_ALARMS] > 0)
		note(c, "%s %u has raised %llu alarms: see the log", role_word(role), k,
		    (unsigned long long)r.values.at[METRIC_ALARMS]);
}

static void
look_at_roles(struct checkup *c)
{
	static const enum role expected[] = { ROLE_STORE, ROLE_AUTH, ROLE_LOOKUP, ROLE_INTAKE,
		ROLE_MX, ROLE_ACCESS, ROLE_OUTBOUND };

	for (size_t e = 0; e < ARRAY_LEN(expected); e++) {
		unsigned count = runtime_instances(c->i->calls, expected[e]);

		if (count == 0)
			note(c, "no %s runs", role_word(expected[e]));
		for (unsigned k = 0; k < count; k++) {
			struct runtime_ping_request q = { 0 };
			struct runtime_ping_reply r;
			enum status s = runtime_call_to(c->i->calls, expected[e], k,
			    &runtime_ping_call, &q, &c->i->arena, &r, &c->i->failure);

			if (s != STATUS_OK) {
				note(c, "%s %u does not answer: %s", role_word(expected[e]), k,
				    status_word(s));
				continue;
			}
			print_role(c, expected[e], k, &r);
			look_at_protections(c, expected[e], k, (unsigned)r.sandbox);
			look_at_metrics(c, expected[e], k);
		}
	}
}

/* own: whether the sought one is among them, as far as that is known. */
static void
look_at_domains(struct checkup *c, struct text sought, bool *own)
{
	struct store_domains_request q = { .after = TEXT_EMPTY };
	struct store_domains_reply r;
	uint32_t count = 0;
	enum status s;

	do {
		s = store_domains(c->i->calls, &q, &c->i->arena, &r, &c->i->failure);
		if (s != STATUS_OK)
			break;
		for (uint32_t k = 0; k < r.names.count; k++)
			*own = *own || text_equal_ci(r.names.at[k], sought);
		count += r.names.count;
		q.after = r.resume;
	} while (r.resume.len > 0);
	if (s != STATUS_OK)
		note(c, "the store does not list its domains: %s", status_word(s));
	else if (count == 0)
		note(c, "no domain yet: mailstead domain add NAME");
	*own = *own || s != STATUS_OK || count == 0;
}

/* As it was set; empty: it was not. */
static struct text
set_to(const struct store_settings_reply *r, enum setting s)
{
	struct text name = text_of(setting_row(s)->name);

	for (uint32_t k = 0; k < r->names.count && k < r->values.count; k++)
		if (text_equal(r->names.at[k], name))
			return r->values.at[k];
	return TEXT_EMPTY;
}

/* Reports about TLS come from a domain that has keys here, or nobody signs them. */
static void
look_at_reports(struct checkup *c, const struct store_settings_reply *r, struct text hostname)
{
	struct text from = set_to(r, SET_TLSRPT_CONTACT), domain, send = set_to(r, SET_TLSRPT_SEND);
	bool own = false;

	if (from.len == 0)
		from = set_to(r, SET_STORE_POSTMASTER);
	if (from.len == 0 && hostname.len > 0)
		from = arena_printf(&c->i->arena, "postmaster@%.*s", TEXT_ARG(hostname));
	domain = text_part(from, text_find_last(from, '@') + 1, from.len);
	look_at_domains(c, domain, &own);
	if (!own && domain.len > 0 && !text_equal(send, TEXT("off")))
		note(c,
		    "reports about TLS are sent as %.*s and signed by nobody, since that is no "
		    "domain of this site: mailstead set %s ADDRESS",
		    TEXT_ARG(from), setting_row(SET_TLSRPT_CONTACT)->name);
}

/* Mail for "postmaster" must have somebody to read it (RFC 5321 4.5.1). */
static void
look_at_settings(struct checkup *c, struct text hostname)
{
	struct store_settings_request q = { 0 };
	struct store_settings_reply r;
	enum status s = store_settings(c->i->calls, &q, &c->i->arena, &r, &c->i->failure);

	if (s != STATUS_OK) {
		note(c, "the store does not tell its settings: %s", status_word(s));
		return;
	}
	look_at_reports(c, &r, hostname);
	if (set_to(&r, SET_STORE_POSTMASTER).len == 0)
		note(c, "mail for postmaster reaches nobody: mailstead set %s ADDRESS",
		    setting_row(SET_STORE_POSTMASTER)->name);
}

/* The file, unless a folder is named; hostname: as it says, or empty. */
static void
look_at_config(struct checkup *c, const struct options *o, struct text *hostname)
{
	const char *path = o->config == NULL ? CONFIG_DEFAULT : o->config;
	struct config_problems problems = { .count = 0 }, warnings = { .count = 0 };
	struct failure f = { 0 };
	struct config config;

	if (o->dir != NULL || config_read(path, &c->i->arena, &config, &problems, &f) != STATUS_OK)
		return; /* whoever names none got here by the folder */
	config_warnings(&config, &c->i->arena, &warnings);
	for (uint32_t k = 0; k < warnings.count; k++)
		note(c, "%s: %.*s", path, TEXT_ARG(warnings.at[k]));
	*hostname = config.hostname;
}

static void
look_at_senders(struct checkup *c)
{
	struct limits_networks_request q = { .none_ = 0 };
	struct limits_networks_reply r;
	enum status s = limits_networks(c->i->calls, &q, &c->i->arena, &r, &c->i->failure);

	if (s != STATUS_OK)
		note(c, "the store does not tell who is stopped: %s", status_word(s));
	for (uint32_t k = 0; s == STATUS_OK && k < r.names.count && k < r.since.count; k++)
		if (r.since.at[k] != 0)
			note(c,
			    "sending is stopped for the network %.*s: mailstead network show %.*s",
			    TEXT_ARG(r.names.at[k]), TEXT_ARG(r.names.at[k]));
	for (uint32_t k = 0; s == STATUS_OK && k < r.accounts.count; k++)
		note(c, "sending is stopped for %.*s: mailstead account show %.*s",
		    TEXT_ARG(r.accounts.at[k]), TEXT_ARG(r.accounts.at[k]));
}

static void
print_notes(struct checkup *c)
{
	for (unsigned k = 0; k < c->note_count; k++) {
		if (c->out->as_json)
			json_text(&c->out->json, c->notes[k]);
		else
			buffer_addf(&c->out->text, "note: %.*s\n", TEXT_ARG(c->notes[k]));
	}
}

int
command_doctor(const struct command *c, const struct options *o)
{
	struct output out = output_of(o);
	struct text hostname = TEXT_EMPTY;
	struct instance i;
	struct checkup k = { .i = &i, .out = &out, .relay_refused = true };
	int code;

	if (o->arg_count != 0)
		return usage(c);
	code = instance_join(o, &i);
	if (code != EXIT_DONE)
		return code;
	out.json = json_to(&out.text);
	if (out.as_json) {
		json_object(&out.json);
		json_key(&out.json, "roles");
		json_array(&out.json);
	}
	look_at_roles(&k);
	look_at_config(&k, o, &hostname);
	look_at_settings(&k, hostname);
	look_at_senders(&k);
	if (out.as_json) {
		json_array_end(&out.json);
		json_key(&out.json, "relayRefused");
		json_bool(&out.json, k.relay_refused);
		json_key(&out.json, "notes");
		json_array(&out.json);
	} else if (k.relay_refused) {
		buffer_add_string(&out.text, "strangers cannot relay: tested at the start\n");
	}
	print_notes(&k);
	if (out.as_json) {
		json_array_end(&out.json);
		json_object_end(&out.json);
	} else if (k.note_count == 0) {
		buffer_add_string(&out.text, "all well\n");
	}
	instance_leave(&i);
	code = output_write(&out);
	return code == EXIT_DONE && k.note_count > 0 ? EXIT_REFUSED : code;
}
