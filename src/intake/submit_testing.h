/* SPDX-License-Identifier: ISC */
/*
 * For tests of what goes out: an intake between a client and doubles of store
 * and auth, which remember what they were given. auth signs with real keys, so
 * that signatures can be checked.
 */
#ifndef INTAKE_SUBMIT_TESTING_H
#define INTAKE_SUBMIT_TESTING_H

#include "base/testing.h"

#include "auth/calls.h"
#include "base/log.h"
#include "intake/calls.h"
#include "intake/intake.h"
#include "intake/sign_keys.h"
#include "lookup/calls.h"
#include "mailauth/dkim.h"
#include "runtime/role.h"
#include "runtime/settings.h"
#include "store/calls.h"
#include "store/content.h"
#include "store/submission_calls.h"

#define KEYS 2 /* number 1 is RSA, 2 is Ed25519 */

struct rig {
	struct call_pair *inner, *outer;
	struct calls *client; /* of access or outbound */
	struct intake in;
	struct dkim_private *keys[KEYS];
	struct arena arena; /* what store was given, and replies */

	struct submission_commit_request commit;
	struct submission_notice_request notice;
	struct store_deliver_request deliver;
	unsigned commits, notices, asked_for_keys, signed_, looked_up;
	/* what the doubles do */
	uint64_t verdict;
	enum status store_says, auth_says;
	uint64_t dns_says; /* enum lookup_outcome */
	uint32_t active;   /* keys */
	bool second_key_is_gone;
};

UNUSED static struct texts
copy_texts(struct arena *a, struct texts t)
{
	struct text *at = ARENA_ARRAY(a, struct text, t.count);

	for (uint32_t i = 0; i < t.count; i++)
		at[i] = arena_copy(a, t.at[i]);
	return (struct texts){ at, t.count };
}

static void
double_commit(struct call_in *in, const void *request, void *context)
{
	struct rig *r = context;
	struct submission_commit_request *q = &r->commit;

	*q = *(const struct submission_commit_request *)request;
	q->sender = arena_copy(&r->arena, q->sender);
	q->envid = arena_copy(&r->arena, q->envid);
	q->summary = arena_copy(&r->arena, q->summary);
	q->authors = copy_texts(&r->arena, q->authors);
	q->recipients = copy_texts(&r->arena, q->recipients);
	q->orcpts = copy_texts(&r->arena, q->orcpts);
	q->sent_prefix = arena_copy(&r->arena, q->sent_prefix);
	q->sent_summary = arena_copy(&r->arena, q->sent_summary);
	q->content.bytes = arena_copy(&r->arena, q->content.bytes);
	r->commits++;
	if (r->store_says != STATUS_OK)
		call_refuse(in, r->store_says, "Words for the client", "words for the log");
	else
		call_reply(in, &(struct submission_commit_reply){ .verdict = r->verdict,
				   .words = r->verdict != 0 ? TEXT("Not you") : TEXT_EMPTY });
}

static void
double_notice(struct call_in *in, const void *request, void *context)
{
	struct rig *r = context;
	struct submission_notice_request *q = &r->notice;

	*q = *(const struct submission_notice_request *)request;
	q->recipient = arena_copy(&r->arena, q->recipient);
	q->summary = arena_copy(&r->arena, q->summary);
	q->content.bytes = arena_copy(&r->arena, q->content.bytes);
	r->notices++;
	call_reply(in, &(struct submission_notice_reply){ 0 });
}

static void
double_active(struct call_in *in, const void *request, void *context)
{
	const struct store_dkim_active_request *q = request;
	struct rig *r = context;
	uint64_t numbers[KEYS] = { 1, 2 };
	uint64_t algorithms[KEYS] = { DKIM_RSA_SHA256, DKIM_ED25519_SHA256 };
	struct text selectors[KEYS] = { TEXT("r"), TEXT("e") };

	r->asked_for_keys++;
	if (!text_equal(q->domain, TEXT("one.test"))) {
		call_refuse(in, STATUS_NOT_FOUND, "", "no such domain");
		return;
	}
	call_reply(in, &(struct store_dkim_active_reply){ .domain = q->domain,
			   .numbers = { numbers, r->active },
			   .selectors = { selectors, r->active },
			   .algorithms = { algorithms, r->active } });
}

static void
double_sign(struct call_in *in, const void *request, void *context)
{
	const struct auth_dkim_sign_request *q = request;
	struct rig *r = context;
	struct buffer signature = BUFFER_INIT;

	r->signed_++;
	assert_text(q->domain, "one.test");
	if (r->auth_says != STATUS_OK || (q->number == 2 && r->second_key_is_gone)) {
		call_refuse(in, r->auth_says != STATUS_OK ? r->auth_says : STATUS_NOT_FOUND,
		    "Not now", "no signature");
		return;
	}
	dkim_private_sign(r->keys[q->number - 1], (const uint8_t *)q->digest.ptr, &signature);
	call_reply(in, &(struct auth_dkim_sign_reply){ .signature = buffer_text(&signature) });
	buffer_done(&signature);
}

static void
double_deliver(struct call_in *in, const void *request, void *context)
{
	struct rig *r = context;
	struct store_deliver_request *q = &r->deliver;
	uint64_t verdict = STATUS_OK;

	*q = *(const struct store_deliver_request *)request;
	q->sender = arena_copy(&r->arena, q->sender);
	q->forward_sender = arena_copy(&r->arena, q->forward_sender);
	q->forward_prefix = arena_copy(&r->arena, q->forward_prefix);
	q->checked = arena_copy(&r->arena, q->checked);
	q->content.bytes = arena_copy(&r->arena, q->content.bytes);
	q->been.at = ARENA_ARRAY(&r->arena, struct text, q->been.count);
	for (uint32_t i = 0; i < q->been.count; i++)
		q->been.at[i] = arena_copy(
		    &r->arena, ((const struct store_deliver_request *)request)->been.at[i]);
	call_reply(in, &(struct store_deliver_reply){ .verdicts = { &verdict, 1 } });
}

static void
double_srs(struct call_in *in, const void *request, void *context)
{
	const struct store_srs_request *q = request;

	assert_text(q->recipient, "alias@one.test");
	call_reply(in, &(struct store_srs_reply){ .domain = TEXT("one.test"),
			   .sender = q->sender.len > 0 ? TEXT("SRS0=zed@one.test") : TEXT_EMPTY });
}

UNUSED static struct text
key_record(struct rig *r, enum dkim_algorithm algorithm)
{
	struct buffer record = BUFFER_INIT;
	struct text t;

	dkim_private_record(r->keys[algorithm], &record);
	t = arena_copy(&r->arena, buffer_text(&record));
	buffer_done(&record);
	return t;
}

/* A TXT record of strings of at most 255 octets (RFC 1035 3.3.14). */
static void
double_dns(struct call_in *in, const void *request, void *context)
{
	const struct lookup_dns_request *q = request;
	struct rig *r = context;
	struct buffer rdata = BUFFER_INIT;
	struct text record, answer;

	r->looked_up++;
	record = key_record(
	    r, text_starts(q->name, TEXT("r._domainkey.")) ? DKIM_RSA_SHA256 : DKIM_ED25519_SHA256);
	for (size_t at = 0; at < record.len; at += 255) {
		struct text part = text_part(record, at, at + 255);

		buffer_add_byte(&rdata, (char)part.len);
		buffer_add_text(&rdata, part);
	}
	answer = buffer_text(&rdata);
	call_reply(in, &(struct lookup_dns_reply){ .outcome = r->dns_says,
			   .records = { &answer, r->dns_says == LOOKUP_OK ? 1 : 0 } });
	buffer_done(&rdata);
}

UNUSED static void
rig_open(struct rig *r, enum role client)
{
	static const struct call_row store_rows[] = {
		{ &submission_commit_call, double_commit },
		{ &submission_notice_call, double_notice },
		{ &store_dkim_active_call, double_active },
		{ &store_deliver_call, double_deliver },
		{ &store_srs_call, double_srs },
	};
	static const struct call_row dns_rows[] = { { &lookup_dns_call, double_dns } };
	const struct call_server_config lookup = {
		.rows = dns_rows, .row_count = ARRAY_LEN(dns_rows), .context = r, .threads = 1
	};
	static const struct call_row auth_rows[] = { { &auth_dkim_sign_call, double_sign } };
	const struct call_server_config store = {
		.rows = store_rows, .row_count = ARRAY_LEN(store_rows), .context = r, .threads = 1
	};
	const struct call_server_config auth = {
		.rows = auth_rows, .row_count = ARRAY_LEN(auth_rows), .context = r, .threads = 1
	};
	struct call_server_config intake = { .threads = 2 };

	log_set_fd(-1);
	*r = (struct rig){ .active = KEYS };
	for (int i = 0; i < KEYS; i++) {
		struct buffer octets = BUFFER_INIT;

		dkim_private_generate((enum dkim_algorithm)i, 2048, &octets);
		assert_ok(dkim_private_load(buffer_text(&octets), &r->keys[i]));
		buffer_done_secret(&octets);
	}
	r->in.notes = notes_new(-1);
	r->in.hostname = TEXT("mx.one.test");
	r->in.keys = sign_keys_new();
	r->inner = call_pair_new(ROLE_INTAKE, &store, ROLE_STORE, &r->in.calls);
	(void)call_pair_add(r->inner, &auth, ROLE_AUTH);
	(void)call_pair_add(r->inner, &lookup, ROLE_LOOKUP);
	intake_serve(&r->in, &intake);
	r->outer = call_pair_new(client, &intake, ROLE_INTAKE, &r->client);
}

UNUSED static void
rig_close(struct rig *r)
{
	call_pair_free(r->outer);
	call_pair_free(r->inner);
	sign_keys_free(r->in.keys);
	notes_free(r->in.notes);
	for (int i = 0; i < KEYS; i++)
		dkim_private_free(r->keys[i]);
	arena_done(&r->arena);
}

/* ---- what was stored ---- */

struct pieces {
	struct text at[64];
};

static enum status
fetch_piece(void *arg, uint32_t piece, struct arena *a, struct text *bytes)
{
	*bytes = ((struct pieces *)arg)->at[piece];
	return STATUS_OK;
}

/* The message in a container. */
UNUSED static struct text
stored(struct rig *r, struct payload container)
{
	struct pieces *p = ARENA_NEW(&r->arena, struct pieces);
	struct buffer out = BUFFER_INIT;
	struct content c;
	struct text all;
	uint32_t count;

	assert_ok(content_pieces(container.bytes, ARRAY_LEN(p->at), p->at, &count));
	assert_ok(content_open(p->at[0], &c));
	c.fetch = fetch_piece;
	c.arg = p;
	assert_ok(content_read_buffer(&c, 0, c.size, &out));
	all = arena_copy(&r->arena, buffer_text(&out));
	buffer_done(&out);
	return all;
}

/* ---- signatures ---- */

/* How many DKIM signatures it has, all of which hold, as a server elsewhere
 * sees them. */
UNUSED static uint32_t
signatures_that_hold(struct rig *r, struct text message)
{
	size_t end = text_find(message, TEXT("\r\n\r\n"), 0) + 2;
	struct signed_message m;
	struct dkim_check c;

	signed_message_init(&m, text_part(message, 0, end), &r->arena);
	dkim_check_begin(&c, &m, INT64_C(1) << 40);
	signed_message_body(&m, text_part(message, end + 2, message.len));
	signed_message_end(&m);
	for (uint32_t i = 0; i < c.count; i++) {
		struct text record = key_record(r, c.at[i].signature.algorithm);

		dkim_check_key(&c, i, STATUS_OK, &record, 1);
		assert_string_equal(c.at[i].why, "");
		assert_int_equal(c.at[i].result, DKIM_PASS);
		assert_text(c.at[i].signature.domain, "one.test");
	}
	return c.count;
}

#endif
