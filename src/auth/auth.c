/* SPDX-License-Identifier: ISC */
/*
 * Role auth's calls put together: the table of handlers, the operator's
 * requests for verifiers, and the life of struct auth.
 */
#include "auth/auth.h"

#include <string.h>
#include <unistd.h>

#include "auth/prep.h"
#include "auth/seal.h"
#include "auth/serve.h"
#include "base/random.h"

CALLS_DEFINE(auth, AUTH_CALLS, CALLS_AUTH, ROLE_AUTH)

#define REMEMBERED (1u << 16)
#define LIMIT_ENTRIES 100000

static unsigned
cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned)n : 1;
}

struct wanted_verifier {
	struct task task;
	struct auth *auth;
	struct call_in *in;
	const struct auth_verifier_request *request; /* ends with its answer */
};

static void
make_verifier(struct task *t)
{
	struct wanted_verifier *w = LIST_OWNER(t, struct wanted_verifier, task);
	const struct auth_verifier_request *q = w->request;
	struct auth_verifier_reply reply = { 0 };
	struct buffer plain = BUFFER_INIT, sealed = BUFFER_INIT;
	struct failure f = { 0 };
	struct verifier v;
	enum status s;

	s = q->hash.len > 0 ? verifier_of_hash(q->hash, call_arena(w->in), &v, &f)
			    : verifier_of_password(q->password, call_arena(w->in), &v, &f);
	if (s != STATUS_OK) {
		call_fail(w->in, s, &f);
		return;
	}
	verifier_pack(&v, &plain);
	seal_close(key_text(w->auth->verifier_key), buffer_text(&plain), &sealed);
	reply.verifier = buffer_text(&sealed);
	reply.has_scram = v.has_scram;
	call_reply(w->in, &reply);
	buffer_done_secret(&plain);
	buffer_done(&sealed);
}

static void
serve_verifier(struct call_in *in, const void *request, void *context)
{
	const struct auth_verifier_request *q = request;
	struct auth *a = context;
	struct wanted_verifier *w = ARENA_NEW(call_arena(in), struct wanted_verifier);

	*w = (struct wanted_verifier){
		.task.run = make_verifier, .auth = a, .in = in, .request = q
	};
	if (q->hash.len > 0)
		make_verifier(&w->task); /* costs nothing */
	else
		pool_run(a->hashers, &w->task);
}

static void
serve_forget(struct call_in *in, const void *request, void *context)
{
	const struct auth_forget_request *q = request;
	struct auth *a = context;

	remember_forget(a->remember, q->account);
	call_reply(in, &(struct auth_forget_reply){ 0 });
}

static const struct call_row rows[] = {
	{ &auth_mechanisms_call, serve_mechanisms },
	{ &auth_start_call, serve_start },
	{ &auth_step_call, serve_step },
	{ &auth_certificates_call, serve_certificates },
	{ &auth_tls_sign_call, serve_tls_sign },
	{ &auth_dkim_sign_call, serve_dkim_sign },
	{ &auth_dkim_generate_call, serve_dkim_generate },
	{ &auth_verifier_call, serve_verifier },
	{ &auth_forget_call, serve_forget },
};

void
auth_serve(struct auth *a, struct call_server_config *config)
{
	MAGIC_CHECK(a, AUTH_MAGIC);
	config->rows = rows;
	config->row_count = ARRAY_LEN(rows);
	config->context = a;
	/* For signatures, and lookups that wait for the store. */
	if (config->threads == 0)
		config->threads = cores() * 2 + 2;
	/* More than the late answers and the hashes that may wait, so that they
	 * never fill a link that signatures go over too. */
	config->in_flight_max = 2 * DELAYED_MAX;
}

struct auth *
auth_new(const struct auth_config *config)
{
	struct auth *a = MEM_NEW(struct auth);

	CHECK(config->token_key.len == 32 && config->verifier_key.len == 32);
	a->magic = AUTH_MAGIC;
	memcpy(a->token_key, config->token_key.ptr, 32);
	memcpy(a->verifier_key, config->verifier_key.ptr, 32);
	/* Made-up salts must stay the same over restarts. */
	scram_hmac(a->verifier_key, TEXT("mailstead made-up salts"), a->pretend_key);
	a->directory = config->directory;
	a->remember = remember_new(REMEMBERED);
	a->limits = limits_new(LIMIT_ENTRIES);
	a->delay = delay_new();
	a->keys = keys_new();
	a->dkim_keys = dkim_keys_new();
	/* Argon2id takes a core and 19 MiB each: nothing else waits behind it. */
	a->hashers = pool_new(&(struct pool_config){ .name = "hasher", .max = cores() });
	pthread_mutex_init(&a->lock, NULL);
	list_init(&a->by_age);
	prep_prepare();
	return a;
}

void
auth_free(struct auth *a)
{
	MAGIC_CHECK(a, AUTH_MAGIC);
	pool_free(a->hashers);
	delay_free(a->delay);
	exchanges_free(a);
	keys_free(a->keys);
	dkim_keys_free(a->dkim_keys);
	limits_free(a->limits);
	remember_free(a->remember);
	pthread_mutex_destroy(&a->lock);
	secret_wipe(a, sizeof(*a));
	mem_free(a);
}

enum status
auth_set_certificates(
    struct auth *a, const struct role_certificate *at, uint32_t count, struct failure *f)
{
	MAGIC_CHECK(a, AUTH_MAGIC);
	return keys_set(a->keys, at, count, f);
}
