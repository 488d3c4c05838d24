/* SPDX-License-Identifier: ISC */
/*
 * Role auth: private keys, password verifiers, sign-in. It reaches the store
 * for what it has sealed only; this file is where auth's functions and the store's
 * calls meet, since src/auth stands above src/store.
 */
#include "auth/auth.h"
#include "auth/prep.h"
#include "base/log.h"
#include "role/front.h"
#include "role/roles.h"
#include "store/calls.h"

struct auth_role {
	const struct role_start *start;
	struct calls *calls;
	struct auth *auth;
};

static enum status
lookup(void *arg, struct text address, struct arena *a, struct auth_account *out)
{
	struct auth_role *r = arg;
	struct store_verifier_request q = { .address = address };
	struct store_verifier_reply reply;
	enum status s = store_verifier(r->calls, &q, a, &reply, NULL);

	if (s == STATUS_OK)
		*out = (struct auth_account){
			.account = reply.account,
			.canonical = reply.canonical,
			.verifier = reply.verifier,
			.generation = (uint32_t)reply.generation,
			.suspended = reply.suspended != 0,
			.admin = reply.admin != 0,
			.stopped = reply.stopped,
		};
	return s;
}

static enum status
upgrade(void *arg, uint64_t account, struct text old, struct text verifier, bool has_scram)
{
	struct auth_role *r = arg;
	struct store_verifier_set_request q = {
		.account = account,
		.old = old,
		.verifier = verifier,
		.has_scram = has_scram,
	};
	struct store_verifier_set_reply reply;
	struct arena a = ARENA_INIT;
	enum status s = store_verifier_set(r->calls, &q, &a, &reply, NULL);

	arena_done(&a);
	return s;
}

static enum status
census(void *arg, uint64_t *accounts, uint64_t *without_scram)
{
	struct auth_role *r = arg;
	struct store_verifier_census_request q = { 0 };
	struct store_verifier_census_reply reply;
	struct arena a = ARENA_INIT;
	enum status s = store_verifier_census(r->calls, &q, &a, &reply, NULL);

	if (s == STATUS_OK) {
		*accounts = reply.accounts;
		*without_scram = reply.without_scram;
	}
	arena_done(&a);
	return s;
}

static enum status
dkim_key(void *arg, struct text domain, uint64_t number, struct arena *a, struct auth_dkim_key *out)
{
	struct auth_role *r = arg;
	struct store_dkim_sealed_request q = { .domain = domain, .number = number };
	struct store_dkim_sealed_reply reply;
	enum status s = store_dkim_sealed(r->calls, &q, a, &reply, NULL);

	if (s == STATUS_OK)
		*out = (struct auth_dkim_key){ reply.selector, reply.sealed };
	return s;
}

static enum status
auth_prepare(const struct role_start *start, void **context, struct failure *f)
{
	struct auth_role *r = MEM_NEW(struct auth_role);

	(void)f;
	tls_prepare();
	prep_prepare();
	r->start = start;
	*context = r;
	return STATUS_OK;
}

static enum status
auth_role_serve(void *context, struct call_server_config *config, struct failure *f)
{
	struct auth_role *r = context;
	struct auth_config c = {
		.token_key = r->start->secret[SECRET_TOKEN],
		.verifier_key = r->start->secret[SECRET_VERIFIER],
		.directory = { r, lookup, upgrade, census, dkim_key },
	};

	r->auth = auth_new(&c);
	config->threads = r->start->threads;
	auth_serve(r->auth, config);
	return auth_set_certificates(
	    r->auth, r->start->certificates, r->start->certificate_count, f);
}

static enum status
auth_begin(void *context, struct calls *calls, struct failure *f)
{
	struct auth_role *r = context;

	r->calls = calls;
	return front_settings(calls, f);
}

static void
auth_certificates_changed(void *context, const struct role_certificate *at, uint32_t count)
{
	struct auth_role *r = context;
	struct failure f;
	enum status s = auth_set_certificates(r->auth, at, count, &f);

	if (s != STATUS_OK)
		LOG_ALARM("auth.certificates-refused", FIELD_STATUS(s), FIELD_STRING("why", f.log));
}

static void
auth_stop(void *context, int64_t deadline)
{
	struct auth_role *r = context;

	(void)deadline;
	if (r->auth != NULL)
		auth_free(r->auth);
	mem_free(r);
}

const struct role_ops role_auth_ops = {
	.role = ROLE_AUTH,
	.prepare = auth_prepare,
	.serve = auth_role_serve,
	.begin = auth_begin,
	.certificates = auth_certificates_changed,
	.stop = auth_stop,
};
