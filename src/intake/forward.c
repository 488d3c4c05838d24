/* SPDX-License-Identifier: ISC */
/*
 * See intake/forward.h. What was found is what this host can say by itself:
 * DKIM (RFC 6376 6) and the ARC chain (RFC 8617 5.2), by the keys that stand in
 * the DNS now. SPF is not judged here and not spoken of.
 */
#include "intake/forward.h"

#include "auth/calls.h"
#include "base/clock.h"
#include "intake/octets.h"
#include "intake/sign.h"
#include "lookup/calls.h"
#include "mailauth/arc.h"
#include "mailauth/records.h"
#include "mime/decode.h"
#include "store/calls.h"
#include "store/queue_calls.h"

#define RECORDS_MAX 8 /* of one key's name */
#define BEEN_MAX 16   /* of the newest Delivered-To fields */

/* A message that came in, and what is known of its signatures. */
struct judged {
	struct signed_message message;
	struct dkim_check dkim;
	struct arc_check chain;
	struct arena *arena;
};

/* ---- keys of others ---- */

struct question {
	struct lookup_dns_request request;
	struct call_ahead *ahead; /* NULL: its name is none */
};

static void
ask(struct intake *in, const struct signature *s, struct arena *a, struct question *out)
{
	struct buffer name = BUFFER_INIT;

	out->ahead = NULL;
	if (signature_key_name(s, &name) == STATUS_OK) {
		out->request =
		    (struct lookup_dns_request){ .name = arena_copy(a, buffer_text(&name)),
			    .type = RECORD_TXT };
		out->ahead = call_begin(in->calls, &lookup_dns_call, &out->request);
	}
	buffer_done(&name);
}

/* As dkim_check_key wants it. */
static enum status
hear(struct question *q, struct arena *a, struct text records[RECORDS_MAX], uint32_t *count)
{
	struct lookup_dns_reply reply;
	enum status s;

	*count = 0;
	if (q->ahead == NULL)
		return STATUS_NOT_FOUND;
	s = call_finish(q->ahead, &q->request, a, &reply, NULL);
	if (s != STATUS_OK)
		return s;
	if (reply.outcome == LOOKUP_NODATA || reply.outcome == LOOKUP_NXDOMAIN)
		return STATUS_NOT_FOUND;
	if (reply.outcome != LOOKUP_OK)
		return STATUS_UNAVAILABLE;
	for (uint32_t i = 0; i < reply.records.count && *count < RECORDS_MAX; i++)
		if (record_txt(reply.records.at[i], a, &records[*count]) == STATUS_OK)
			(*count)++;
	return *count > 0 ? STATUS_OK : STATUS_NOT_FOUND;
}

/* All questions are under way before the first answer is waited for. */
static void
ask_for_keys(struct intake *in, struct judged *j)
{
	uint32_t keys = j->chain.keys, count;
	struct question *of_chain = ARENA_ARRAY(j->arena, struct question, keys + 1);
	struct question *of_dkim = ARENA_ARRAY(j->arena, struct question, DKIM_SIGNATURES_MAX);
	struct text records[RECORDS_MAX];
	enum status s;

	for (uint32_t i = 0; i < keys; i++)
		ask(in, arc_check_signature(&j->chain, i), j->arena, &of_chain[i]);
	for (uint32_t i = 0; i < j->dkim.count; i++)
		if (j->dkim.at[i].result == DKIM_NONE)
			ask(in, &j->dkim.at[i].signature, j->arena, &of_dkim[i]);
	for (uint32_t i = 0; i < keys; i++) {
		s = hear(&of_chain[i], j->arena, records, &count);
		arc_check_key(&j->chain, i, s, records, count);
	}
	for (uint32_t i = 0; i < j->dkim.count; i++)
		if (j->dkim.at[i].result == DKIM_NONE) {
			s = hear(&of_dkim[i], j->arena, records, &count);
			dkim_check_key(&j->dkim, i, s, records, count);
		}
}

static void
judge(struct intake *in, struct text header, struct text body, struct judged *j)
{
	signed_message_init(&j->message, header, j->arena);
	dkim_sign_want(&j->message);
	arc_check_begin(&j->chain, &j->message);
	dkim_check_begin(&j->dkim, &j->message, clock_wall() / CLOCK_SECOND);
	signed_message_body(&j->message, body);
	signed_message_end(&j->message);
	ask_for_keys(in, j);
}

/* ---- words for it ---- */

static bool
is_plain(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		if (!byte_alpha(t.ptr[i]) && !byte_digit(t.ptr[i]) && t.ptr[i] != '.' &&
		    t.ptr[i] != '-' && t.ptr[i] != '_')
			return false;
	return t.len > 0;
}

/* RFC 8601 2.2, 2.7.1; RFC 8617 4.1.1: behind the name of who says it, or by
 * itself. */
static struct text
results(const struct judged *j, struct text who, const char *between)
{
	struct buffer out = BUFFER_INIT;
	struct text t;

	buffer_add_text(&out, who);
	buffer_addf(&out, "%sarc=%s", who.len > 0 ? between : "", arc_result_word(j->chain.result));
	if (j->dkim.count == 0)
		buffer_addf(&out, "%sdkim=none", between);
	for (uint32_t i = 0; i < j->dkim.count; i++) {
		const struct dkim_verdict *v = &j->dkim.at[i];

		buffer_addf(&out, "%sdkim=%s", between, dkim_result_word(v->result));
		if (is_plain(v->signature.domain))
			buffer_addf(&out, " header.d=%.*s", TEXT_ARG(v->signature.domain));
		if (is_plain(v->signature.selector))
			buffer_addf(&out, " header.s=%.*s", TEXT_ARG(v->signature.selector));
	}
	t = arena_copy(j->arena, buffer_text(&out));
	buffer_done(&out);
	return t;
}

/* ---- the set ---- */

static enum status
sign_part(struct intake *in, const struct sign_domain *d, const struct sign_key *key,
    struct arc_seal *seal, struct text *signature, struct failure *f)
{
	const struct auth_dkim_sign_request q = { .domain = d->name,
		.number = key->number,
		.digest = { (const char *)seal->part.digest, DIGEST_LENGTH } };
	struct auth_dkim_sign_reply reply;
	enum status s = auth_dkim_sign(in->calls, &q, seal->arena, &reply, f);

	if (s == STATUS_OK)
		*signature = reply.signature;
	return s;
}

static enum status
seal_with(struct intake *in, const struct sign_domain *d, const struct sign_key *key,
    struct judged *j, struct text *out, struct failure *f)
{
	const struct dkim_how how = { .algorithm = DKIM_RSA_SHA256,
		.domain = d->domain,
		.selector = key->selector,
		.at = clock_wall() / CLOCK_SECOND,
		.expires = SIGNATURE_NO_TIME };
	struct buffer fields = BUFFER_INIT;
	struct text signature = TEXT_EMPTY;
	struct arc_seal seal;
	enum status s;

	if (j->chain.temporary || arc_seal_begin(&seal, &j->message, &j->chain, &how,
				      results(j, in->hostname, ";\r\n\t"), j->arena) != STATUS_OK)
		return STATUS_OK;
	s = sign_part(in, d, key, &seal, &signature, f);
	if (s == STATUS_OK) {
		arc_seal_next(&seal, signature);
		s = sign_part(in, d, key, &seal, &signature, f);
	}
	if (s == STATUS_OK) {
		arc_seal_finish(&seal, signature, &fields);
		*out = arena_copy(j->arena, buffer_text(&fields));
	}
	buffer_done(&fields);
	return sign_key_failed(in, d, key, s) ? STATUS_OK : s;
}

/* Those who check ARC know of RSA alone (RFC 8617 4.1.2). */
static enum status
seal(struct intake *in, struct text domain, struct text header, struct text body, struct arena *a,
    struct text *out, struct text *checked, struct failure *f)
{
	struct sign_domain d;
	struct judged j = { .arena = a };
	enum status s = sign_domain_find(in, domain, a, &d, f);

	if (s != STATUS_OK)
		return s;
	for (uint32_t i = 0; i < d.count; i++)
		if (d.keys[i].algorithm == DKIM_RSA_SHA256) {
			judge(in, header, body, &j);
			*checked = results(&j, TEXT_EMPTY, "; ");
			return seal_with(in, &d, &d.keys[i], &j, out, f);
		}
	return STATUS_OK;
}

/* Addresses that it went on from already (RFC 9228 2). */
static struct texts
been_at(struct text header, struct arena *a)
{
	struct texts been = { ARENA_ARRAY(a, struct text, BEEN_MAX), 0 };

	while (been.count < BEEN_MAX &&
	       mime_header_get(header, TEXT("Delivered-To"), been.count, a, &been.at[been.count]))
		been.count++;
	return been;
}

enum status
forward_prepare(struct intake *in, const struct intake_deliver_request *q, struct piece_of_mail *m,
    struct arena *a, struct failure *f)
{
	struct text first = q->recipients.count > 0 ? q->recipients.at[0] : TEXT_EMPTY;
	const struct store_srs_request ask_sender = { .sender = q->sender, .recipient = first };
	struct store_srs_reply sender;
	struct mime_summary known = { .facts = 0 };
	struct text header, body;
	unsigned octets;
	enum status s = store_srs(in->calls, &ask_sender, a, &sender, f);

	if (s != STATUS_OK)
		return s;
	s = mime_summary_peek(m->summary, &known);
	if (s != STATUS_OK)
		return s;
	header = text_part(m->message, 0, (size_t)known.header_len - m->trace.len);
	body = text_part(m->message, header.len, m->message.len);
	octets = octets_look(header) | octets_look(body);
	m->forward.sender = sender.sender;
	m->forward.been = been_at(header, a);
	m->forward.body = octets_body(octets);
	m->forward.needs = octets_needs(header, &known, a);
	return seal(in, sender.domain, header, body, a, &m->forward.prefix, &m->forward.checked, f);
}
