/* SPDX-License-Identifier: ISC */
/*
 * mailstead tlsrpt: reports about TLS that this site sends to other domains
 * (RFC 8460). `show` tells what was counted and is not reported yet; `send` has
 * reports go out before their time.
 */
#include "codec/date.h"
#include "codec/idna.h"
#include "command/queue.h"
#include "outbound/calls.h"
#include "store/tls_report_calls.h"
#include "store/tls_report_rows.h"

#define DAY 86400

/* ---- what is collected ---- */

static void
say_text(struct json *j, const char *key, struct text t)
{
	json_key(j, key);
	json_text(j, t);
}

static void
say_number(struct json *j, const char *key, uint64_t n)
{
	json_key(j, key);
	json_u64(j, n);
}

static void
policy_as_json(struct json *j, const struct tls_count *c)
{
	json_object(j);
	say_text(j, "policy", text_of(tls_policy_word(c->type)));
	say_number(j, "good", c->good);
	say_number(j, "failed", c->failed);
	json_key(j, "failures");
	json_array(j);
	for (uint32_t i = 0; i < c->failure_count; i++) {
		const struct tls_failure *f = &c->failures[i];

		json_object(j);
		say_text(j, "result", text_of(tls_result_word(f->result)));
		say_text(j, "mx", f->mx);
		say_text(j, "address", f->remote);
		say_text(j, "reason", f->reason);
		say_number(j, "sessions", f->sessions);
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
}

static void
row_as_json(struct json *j, struct text domain, int64_t from, const struct tls_day *d)
{
	json_object(j);
	say_text(j, "domain", domain);
	queue_json_time(j, "since", from);
	queue_json_time(j, "until", d->until);
	queue_json_time(j, "due", d->due);
	json_key(j, "policies");
	json_array(j);
	for (uint32_t i = 0; i < d->count; i++)
		policy_as_json(j, &d->at[i]);
	json_array_end(j);
	json_object_end(j);
}

static void
policy_as_text(struct buffer *out, const struct tls_count *c)
{
	buffer_addf(out, "  %s: %llu good, %llu failed\n", tls_policy_word(c->type),
	    (unsigned long long)c->good, (unsigned long long)c->failed);
	for (uint32_t i = 0; i < c->failure_count; i++) {
		const struct tls_failure *f = &c->failures[i];

		buffer_addf(out, "    %llu x %s", (unsigned long long)f->sessions,
		    tls_result_word(f->result));
		if (f->mx.len > 0)
			buffer_add_string(out, ", ");
		queue_print_safe(out, f->mx);
		if (f->reason.len > 0)
			buffer_add_string(out, ": ");
		queue_print_safe(out, f->reason);
		buffer_add_byte(out, '\n');
	}
}

static void
row_as_text(struct buffer *out, struct text domain, int64_t from, const struct tls_day *d)
{
	queue_print_safe(out, domain);
	buffer_add_string(out, "\tsince ");
	date_print_rfc3339(out, from);
	if (d->until != 0) {
		buffer_add_string(out, "\tuntil ");
		date_print_rfc3339(out, d->until);
	}
	buffer_add_string(out, "\tdue ");
	date_print_rfc3339(out, d->due);
	buffer_add_byte(out, '\n');
	for (uint32_t i = 0; i < d->count; i++)
		policy_as_text(out, &d->at[i]);
}

static enum status
print(struct output *out, struct instance *i, const struct tls_report_list_reply *r, uint32_t k)
{
	struct tls_day d;
	enum status s = tls_day_unpack(r->facts.at[k], &i->arena, &d);
	int64_t from = d.from != 0 ? d.from : (int64_t)r->days.at[k] * DAY;

	if (s != STATUS_OK || d.count == 0)
		return s;
	if (out->as_json)
		row_as_json(&out->json, r->domains.at[k], from, &d);
	else
		row_as_text(&out->text, r->domains.at[k], from, &d);
	return STATUS_OK;
}

static enum status
list(struct output *out, struct instance *i, struct text domain)
{
	struct tls_report_list_request q = { .domain = domain };
	struct tls_report_list_reply r;

	do {
		enum status s = tls_report_list(i->calls, &q, &i->arena, &r, &i->failure);

		if (s == STATUS_OK &&
		    (r.domains.count != r.days.count || r.facts.count != r.days.count))
			s = fail(&i->failure, STATUS_CORRUPT, "The answer cannot be read.",
			    "tls_report_list: bad lists");
		for (uint32_t k = 0; s == STATUS_OK && k < r.days.count; k++)
			s = print(out, i, &r, k);
		if (s != STATUS_OK)
			return s;
		q.after = r.resume;
	} while (r.resume.len > 0);
	return STATUS_OK;
}

/* ---- verbs ---- */

/* EXIT_DONE, with the domain as reports name it; empty: all. */
static int
domain_of(struct instance *i, const struct options *o, struct text *out)
{
	struct buffer ascii = BUFFER_INIT;
	enum status s = STATUS_OK;

	*out = TEXT_EMPTY;
	if (o->arg_count > 1)
		s = idna_to_ascii(text_of(o->args[1]), &ascii);
	if (s == STATUS_OK)
		*out = arena_copy(&i->arena, buffer_text(&ascii));
	buffer_done(&ascii);
	return s == STATUS_OK ? EXIT_DONE : refused("not a domain: %s", o->args[1]);
}

static int
want(struct instance *i, enum outbound_tls_want what, struct text domain, uint64_t *reports)
{
	struct outbound_tls_reports_request q = { .want = what, .domain = domain };
	struct outbound_tls_reports_reply r;
	enum status s = outbound_tls_reports(i->calls, &q, &i->arena, &r, &i->failure);

	if (s != STATUS_OK)
		return refused_by(s, &i->failure);
	*reports = r.reports;
	return EXIT_DONE;
}

static int
show(struct instance *i, const struct options *o)
{
	struct output out = output_of(o);
	struct text domain;
	uint64_t reports;
	int code = domain_of(i, o, &domain);
	enum status s;

	if (code == EXIT_DONE)
		code = want(i, OUTBOUND_TLS_COUNTED, domain, &reports);
	if (code != EXIT_DONE)
		return code;
	out.json = json_to(&out.text);
	if (out.as_json)
		json_array(&out.json);
	s = list(&out, i, domain);
	if (s != STATUS_OK) {
		buffer_done(&out.text);
		return refused_by(s, &i->failure);
	}
	if (out.as_json)
		json_array_end(&out.json);
	return output_write(&out);
}

static int
send_now(struct instance *i, const struct options *o)
{
	struct output out = output_of(o);
	struct text domain;
	uint64_t reports = 0;
	int code = domain_of(i, o, &domain);

	if (code == EXIT_DONE)
		code = want(i, o->now ? OUTBOUND_TLS_TODAY : OUTBOUND_TLS_SEND, domain, &reports);
	if (code != EXIT_DONE)
		return code;
	if (out.as_json) {
		out.json = json_to(&out.text);
		json_object(&out.json);
		say_number(&out.json, "reports", reports);
		json_object_end(&out.json);
	} else {
		buffer_addf(&out.text, "reports due\t%llu\n", (unsigned long long)reports);
	}
	return output_write(&out);
}

static const struct verb verbs[] = {
	{ "show", 0, 1, 0, show },
	{ "send", 0, 1, 0, send_now },
};

int
command_tlsrpt(const struct command *c, const struct options *o)
{
	if (o->now && o->arg_count > 0 && strcmp(o->args[0], "show") == 0)
		return usage(c);
	return verb_run(c, o, verbs, ARRAY_LEN(verbs));
}
