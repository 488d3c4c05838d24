/* SPDX-License-Identifier: ISC */
/* See outbound/tls_report.h. */
#include "outbound/tls_report.h"

#include <openssl/evp.h>
#include <string.h>
#include <zlib.h>

#include "base/pack.h"
#include "codec/base64.h"
#include "codec/date.h"
#include "codec/json.h"

#define DAY 86400
#define LINE 76	     /* of base64 (RFC 2045 6.8) */
#define GZIP_BITS 31 /* the largest window, and a header of gzip */

struct text
tls_report_submitter(const struct tls_report *r)
{
	size_t at = text_find_last(r->contact, '@');

	return text_part(r->contact, at + 1, r->contact.len);
}

uint64_t
tls_report_op(const struct tls_report *r, struct text to)
{
	struct buffer b = BUFFER_INIT;
	unsigned char hash[EVP_MAX_MD_SIZE];
	size_t len = 0;
	uint64_t op;

	buffer_add_string(&b, "tlsrpt");
	pack_be64(&b, r->day);
	pack_text(&b, r->domain);
	pack_text(&b, to);
	if (r->facts->until != 0)
		pack_be64(&b, (uint64_t)r->facts->until);
	CHECK(EVP_Q_digest(NULL, "SHA256", NULL, b.ptr, b.len, hash, &len) == 1);
	buffer_done(&b);
	memcpy(&op, hash, sizeof(op));
	return op == 0 ? 1 : op;
}

/* The time that it is about (RFC 8460 4.4 date-range), seconds. */
static int64_t
begin_of(const struct tls_report *r)
{
	return r->facts->from != 0 ? r->facts->from : (int64_t)r->day * DAY;
}

static int64_t
end_of(const struct tls_report *r)
{
	return r->facts->until != 0 ? r->facts->until : (int64_t)r->day * DAY + DAY - 1;
}

/* A word that names this report of this submitter (RFC 8460 4.4 report-id). */
static void
add_id(const struct tls_report *r, struct buffer *out)
{
	buffer_addf(out, "%llu-%016llx", (unsigned long long)r->day,
	    (unsigned long long)tls_report_op(r, tls_report_submitter(r)));
}

/* ---- JSON ---- */

static void
key_text(struct json *j, const char *key, struct text t)
{
	if (t.len == 0)
		return;
	json_key(j, key);
	json_text(j, t);
}

static void
key_time(struct json *j, const char *key, int64_t at)
{
	struct buffer b = BUFFER_INIT;

	date_print_rfc3339(&b, at);
	key_text(j, key, buffer_text(&b));
	buffer_done(&b);
}

static void
key_number(struct json *j, const char *key, uint64_t n)
{
	json_key(j, key);
	json_u64(j, n);
}

/* Each line of the policy, or what stands behind a prefix of it. */
static void
key_lines(struct json *j, const char *key, struct text lines, struct text prefix)
{
	struct text line;

	json_key(j, key);
	json_array(j);
	while (text_split(&lines, '\n', &line))
		if (line.len > 0 && text_starts(line, prefix))
			json_text(j, text_part(line, prefix.len, line.len));
	json_array_end(j);
}

/* RFC 8460 4.4; policy-string and mx-host are for policies that there are. */
static void
add_policy(struct json *j, struct text domain, const struct tls_count *c)
{
	json_key(j, "policy");
	json_object(j);
	key_text(j, "policy-type", text_of(tls_policy_word(c->type)));
	if (c->policy.len > 0)
		key_lines(j, "policy-string", c->policy, TEXT_EMPTY);
	key_text(j, "policy-domain", domain);
	if (c->type == TLS_POLICY_STS)
		key_lines(j, "mx-host", c->policy, TEXT("mx: "));
	json_object_end(j);
	json_key(j, "summary");
	json_object(j);
	key_number(j, "total-successful-session-count", c->good);
	key_number(j, "total-failure-session-count", c->failed);
	json_object_end(j);
}

static void
add_failures(struct json *j, const struct tls_count *c)
{
	if (c->failure_count == 0)
		return;
	json_key(j, "failure-details");
	json_array(j);
	for (uint32_t i = 0; i < c->failure_count; i++) {
		const struct tls_failure *f = &c->failures[i];

		json_object(j);
		key_text(j, "result-type", text_of(tls_result_word(f->result)));
		key_text(j, "sending-mta-ip", f->local);
		key_text(j, "receiving-mx-hostname", f->mx);
		key_text(j, "receiving-ip", f->remote);
		key_number(j, "failed-session-count", f->sessions);
		key_text(j, "failure-reason-code", f->reason);
		json_object_end(j);
	}
	json_array_end(j);
}

void
tls_report_json(const struct tls_report *r, struct buffer *out)
{
	struct json j = json_to(out);
	struct buffer id = BUFFER_INIT;

	add_id(r, &id);
	json_object(&j);
	key_text(&j, "organization-name", tls_report_submitter(r));
	json_key(&j, "date-range");
	json_object(&j);
	key_time(&j, "start-datetime", begin_of(r));
	key_time(&j, "end-datetime", end_of(r));
	json_object_end(&j);
	key_text(&j, "contact-info", r->contact);
	key_text(&j, "report-id", buffer_text(&id));
	json_key(&j, "policies");
	json_array(&j);
	for (uint32_t i = 0; i < r->facts->count; i++) {
		json_object(&j);
		add_policy(&j, r->domain, &r->facts->at[i]);
		add_failures(&j, &r->facts->at[i]);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	buffer_done(&id);
}

void
tls_report_gzip(struct text json, struct buffer *out)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)json.ptr, .avail_in = (uInt)json.len };
	size_t bound;

	CHECK(deflateInit2(
		  &z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_BITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	bound = deflateBound(&z, (uLong)json.len);
	z.next_out = (Bytef *)buffer_room(out, bound);
	z.avail_out = (uInt)bound;
	CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
	buffer_added(out, bound - z.avail_out);
	(void)deflateEnd(&z);
}

/* ---- the message ---- */

static void
add_base64(struct text bytes, struct buffer *out)
{
	struct buffer b = BUFFER_INIT;
	struct text all;

	base64_encode(&b, bytes);
	all = buffer_text(&b);
	for (size_t at = 0; at < all.len; at += LINE) {
		buffer_add_text(out, text_part(all, at, at + LINE < all.len ? at + LINE : all.len));
		buffer_add_string(out, "\r\n");
	}
	buffer_done(&b);
}

/* RFC 8460 5.3. Subject and names stand on lines of their own where they are
 * long: a domain has 253 octets at most. */
static void
add_header(const struct tls_report *r, struct text id, struct text to, struct buffer *out)
{
	struct text submitter = tls_report_submitter(r);

	buffer_add_string(out, "Date: ");
	date_print_mail(out, (struct date){ .at = r->now });
	buffer_addf(out,
	    "\r\nFrom: TLS reports <%.*s>\r\nTo: <%.*s>\r\n"
	    "Message-ID:\r\n <%.*s@%.*s>\r\n"
	    "Subject: Report Domain: %.*s\r\n Submitter: %.*s\r\n Report-ID: <%.*s@%.*s>\r\n"
	    "TLS-Report-Domain: %.*s\r\nTLS-Report-Submitter: %.*s\r\n",
	    TEXT_ARG(r->contact), TEXT_ARG(to), TEXT_ARG(id), TEXT_ARG(submitter),
	    TEXT_ARG(r->domain), TEXT_ARG(submitter), TEXT_ARG(id), TEXT_ARG(submitter),
	    TEXT_ARG(r->domain), TEXT_ARG(submitter));
	/* it may well be about TLS that does not work (RFC 8460 3, RFC 8689 5) */
	buffer_add_string(out, "TLS-Required: No\r\nAuto-Submitted: auto-generated\r\n"
			       "MIME-Version: 1.0\r\n");
}

static void
add_words(const struct tls_report *r, struct buffer *out)
{
	uint64_t good = 0, failed = 0;

	for (uint32_t i = 0; i < r->facts->count; i++) {
		good += r->facts->at[i].good;
		failed += r->facts->at[i].failed;
	}
	buffer_addf(out,
	    "This is a report about TLS (RFC 8460) of mail to\r\n%.*s\r\n\r\n"
	    "Sessions with TLS as it should be: %llu\r\nOther sessions: %llu\r\n",
	    TEXT_ARG(r->domain), (unsigned long long)good, (unsigned long long)failed);
}

void
tls_report_mail(
    const struct tls_report *r, struct text compressed, struct text to, struct buffer *out)
{
	struct buffer id = BUFFER_INIT;
	struct text name;

	add_id(r, &id);
	name = buffer_text(&id);
	add_header(r, name, to, out);
	buffer_addf(out,
	    "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n boundary=\"=_%.*s\"\r\n"
	    "\r\n--=_%.*s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n",
	    TEXT_ARG(name), TEXT_ARG(name));
	add_words(r, out);
	/* RFC 8460 5.1: the name of the file */
	buffer_addf(out,
	    "\r\n--=_%.*s\r\nContent-Type: application/tlsrpt+gzip\r\n"
	    "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n"
	    " filename=\"%.*s!%.*s!%lld!%lld.json.gz\"\r\n\r\n",
	    TEXT_ARG(name), TEXT_ARG(tls_report_submitter(r)), TEXT_ARG(r->domain),
	    (long long)begin_of(r), (long long)end_of(r));
	add_base64(compressed, out);
	buffer_addf(out, "\r\n--=_%.*s--\r\n", TEXT_ARG(name));
	buffer_done(&id);
}
