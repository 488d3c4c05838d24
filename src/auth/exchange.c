/* SPDX-License-Identifier: ISC */
/*
 * One sign-in from its first message to its end. An exchange is in the table
 * between two messages and belongs to one thread while a message of it is
 * worked on. Failures are answered late, by how often address and account
 * failed before, counted from when the question came: how long it took to find
 * out is not told. An address that has many late answers waiting is told to
 * slow down at once, before anything is looked at, or the delay would only be
 * a matter of connections.
 */
#include <arpa/inet.h>
#include <string.h>

#include "auth/prep.h"
#include "auth/serve.h"
#include "auth/token.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "runtime/metrics.h"
#include "runtime/network.h"
#include "runtime/settings.h"

#define EXCHANGES_MAX 20000
#define EXCHANGE_LIFE (2 * CLOCK_MINUTE)
#define FAILING_AT_ONCE 20  /* late answers of one address */
#define HASHES_WAITING 1000 /* beyond, the queue is longer than anybody's patience */
#define CENSUS_LIFE (10 * CLOCK_SECOND)

struct exchange {
	struct sasl sasl;
	uint64_t id;
	int64_t began;
	int64_t asked; /* when the message in hand came */
	struct list by_age;
	struct text service, remote;
	struct auth_account account;
	bool real; /* false: the account is made up */
};

/* ---- what is offered ---- */

/* SCRAM is offered only while every account has its keys: a client that
 * prefers SCRAM would otherwise fail where PLAIN works. */
static bool
scram_for_all(struct auth *a)
{
	int64_t now = clock_mono();
	uint64_t accounts, without;
	bool fresh, all;

	pthread_mutex_lock(&a->lock);
	fresh = a->census_at != 0 && now < a->census_at + CENSUS_LIFE;
	all = a->scram_for_all;
	pthread_mutex_unlock(&a->lock);
	if (fresh)
		return all;
	all =
	    a->directory.census(a->directory.arg, &accounts, &without) == STATUS_OK && without == 0;
	pthread_mutex_lock(&a->lock);
	a->scram_for_all = all;
	a->census_at = now;
	pthread_mutex_unlock(&a->lock);
	return all;
}

/* RFC 5802 6. Debian's mutt chooses what is bound over what is not, fails at it,
 * and tries nothing else; hence the setting. */
static bool
may_bind(uint64_t flags)
{
	return (flags & AUTH_OVER_TLS) != 0 && setting(SET_AUTH_CHANNEL_BINDING) != 0;
}

static bool
offered(struct auth *a, const struct sasl_mechanism *m, uint64_t flags)
{
	if (m->plain)
		return (flags & AUTH_MAY_PLAIN) != 0;
	if (m->binds && !may_bind(flags))
		return false;
	return scram_for_all(a);
}

void
serve_mechanisms(struct call_in *in, const void *request, void *context)
{
	const struct auth_mechanisms_request *q = request;
	struct auth_mechanisms_reply reply = { 0 };
	const struct sasl_mechanism *m;
	struct text names[8];

	for (size_t i = 0; (m = sasl_at(i)) != NULL && i < ARRAY_LEN(names); i++)
		if (offered(context, m, q->flags))
			names[reply.names.count++] = text_of(m->name);
	reply.names.at = names;
	call_reply(in, &reply);
}

/* ---- the table of exchanges ---- */

static void
exchange_free(struct exchange *e)
{
	secret_wipe((void *)(uintptr_t)e->sasl.password.ptr, e->sasl.password.len);
	arena_done(&e->sasl.arena);
	mem_free(e);
}

static void
table_remove(struct auth *a, struct exchange *e)
{
	map_remove_u64(&a->exchanges, e->id);
	list_remove(&e->by_age);
	a->exchange_count--;
}

static void
table_add(struct auth *a, struct exchange *e)
{
	struct exchange *oldest;

	pthread_mutex_lock(&a->lock);
	while (!list_empty(&a->by_age)) {
		oldest = LIST_OWNER(a->by_age.next, struct exchange, by_age);
		if (a->exchange_count < EXCHANGES_MAX && e->began - oldest->began < EXCHANGE_LIFE)
			break;
		table_remove(a, oldest);
		exchange_free(oldest);
	}
	map_put_u64(&a->exchanges, e->id, e);
	list_add_last(&a->by_age, &e->by_age);
	a->exchange_count++;
	pthread_mutex_unlock(&a->lock);
}

static struct exchange *
table_take(struct auth *a, uint64_t id)
{
	struct exchange *e;

	pthread_mutex_lock(&a->lock);
	e = map_get_u64(&a->exchanges, id);
	if (e != NULL)
		table_remove(a, e);
	pthread_mutex_unlock(&a->lock);
	return e;
}

void
exchanges_free(struct auth *a)
{
	struct list *node;

	while ((node = list_take_first(&a->by_age)) != NULL)
		exchange_free(LIST_OWNER(node, struct exchange, by_age));
	map_done(&a->exchanges);
}

/* ---- answers ---- */

/* One text a refusal; none tells whether the address exists. */
static const char *const refusal_text[] = {
	[AUTH_BAD_CREDENTIALS] =
	    "Wrong address or password. The address is the whole one, with its @.",
	[AUTH_UNAVAILABLE] = "Sign-in is not possible at the moment. Try again in a minute.",
	[AUTH_NEEDS_TLS] =
	    "Passwords are taken over TLS only. Set the connection's security to TLS.",
	[AUTH_BAD_MECHANISM] = "This way of signing in is not offered here.",
	[AUTH_BAD_MESSAGE] = "The sign-in message could not be read.",
	[AUTH_SUSPENDED] = "This account is suspended. Ask the people who run this mail service.",
	[AUTH_TOO_MANY] =
	    "Too many failed sign-ins from your address. Wait a minute, then try again.",
};

static void
refuse_with(struct call_in *in, enum auth_refusal code, struct text words)
{
	struct auth_start_reply reply = { .state = AUTH_NO, .code = code, .text = words };

	call_reply(in, &reply);
}

static void
refuse(struct call_in *in, enum auth_refusal code)
{
	refuse_with(in, code, text_of(refusal_text[code]));
}

struct late {
	struct call_in *in;
	struct limits *limits;
	uint64_t address;
};

static void
send_late(void *arg)
{
	struct late *l = arg;

	limits_leave(l->limits, l->address);
	refuse(l->in, AUTH_BAD_CREDENTIALS);
}

/* The address as limits count it: of IPv6 the first 64 bits. */
static uint64_t
address_key(struct text remote)
{
	struct sockaddr_storage sa;

	return network_address(remote, &sa) == STATUS_OK ? limits_key_address(&sa)
							 : limits_key_text(remote);
}

/* Every spelling of an account counts as that one. */
static uint64_t
account_key(struct text user)
{
	struct arena a = ARENA_INIT;
	uint64_t key = text_hash_ci(prep_user(user, &a)) | 1;

	arena_done(&a);
	return key;
}

/* Another key than the one that counts failures: this one counts late answers
 * that wait. */
static uint64_t
failing_key(struct text remote)
{
	return address_key(remote) ^ UINT64_C(0x9e3779b97f4a7c15);
}

/* Nothing is looked at for an address that waits for so many answers. Loopback
 * is many people: a webmail or a proxy of this machine. */
static bool
must_wait(struct auth *a, struct text remote)
{
	struct sockaddr_storage sa;

	if (network_address(remote, &sa) == STATUS_OK && network_loopback(&sa))
		return false;
	return limits_inside(a->limits, failing_key(remote)) >= FAILING_AT_ONCE;
}

/* Late by one delay, or by as many as the work took. */
static int64_t
late_after(int64_t asked, int64_t delay)
{
	int64_t now = clock_mono(), due = asked + delay;

	if (delay <= 0)
		return now;
	return due >= now ? due : due + (now - due + delay - 1) / delay * delay;
}

static void
failed(struct auth *a, struct call_in *in, const struct exchange *e, const char *why)
{
	struct text user = e->sasl.user, remote = e->remote;
	uint64_t address = address_key(remote), account = account_key(user);
	int64_t most = setting(SET_AUTH_DELAY_MAX), delay, other;
	struct late *l;
	bool late;

	LOG_WARN("auth.failed", FIELD_TEXT("user", user), FIELD_TEXT("remote", remote),
	    FIELD_STRING("why", why));
	limits_failed(a->limits, address);
	limits_failed(a->limits, account);
	delay = limits_delay(a->limits, address, most);
	other = limits_delay(a->limits, account, most);
	late = limits_enter(a->limits, failing_key(remote), FAILING_AT_ONCE);
	metric_add(METRIC_SIGN_IN_FAILURES, 1); /* who counts finds it entered */
	if (!late) {
		refuse(in, AUTH_TOO_MANY);
		return;
	}
	l = ARENA_NEW(call_arena(in), struct late);
	*l = (struct late){ in, a->limits, failing_key(remote) };
	delay_until(a->delay, late_after(e->asked, delay > other ? delay : other), send_late, l);
}

/* Who may not send signs in for reading as ever. */
static bool
is_stopped(const struct exchange *e)
{
	return e->account.stopped.len > 0 && text_equal(e->service, TEXT("smtp"));
}

static void
signed_in(struct auth *a, struct call_in *in, struct exchange *e, struct text last)
{
	struct auth_start_reply reply = { .state = AUTH_DONE, .account = e->account.account };
	struct buffer token = BUFFER_INIT;
	struct token t = {
		.account = e->account.account,
		.generation = e->account.generation,
		.scope = SCOPE_ALL,
		.expires = (clock_wall() + setting(SET_AUTH_TOKEN_LIFE)) / CLOCK_SECOND,
	};

	token_make(key_text(a->token_key), &t, &token);
	reply.token = buffer_text(&token);
	reply.address = e->account.canonical;
	reply.challenge = last;
	metric_add(METRIC_SIGN_INS, 1);
	limits_forgive(a->limits, address_key(e->remote));
	limits_forgive(a->limits, account_key(e->sasl.user));
	LOG_INFO("auth.signed-in", FIELD_TEXT("account", e->account.canonical),
	    FIELD_TEXT("service", e->service), FIELD_TEXT("remote", e->remote),
	    FIELD_STRING("mechanism", e->sasl.mechanism->name));
	call_reply(in, &reply);
	buffer_done_secret(&token);
}

/* ---- the exchange ---- */

static void
challenge(struct auth *a, struct call_in *in, struct exchange *e, struct text text)
{
	struct auth_start_reply reply = {
		.state = AUTH_MORE, .exchange = e->id, .challenge = text
	};

	/* Into the table first: the answer to this challenge may come at once. */
	table_add(a, e);
	call_reply(in, &reply);
}

/* Ends the exchange with this verdict of the directory. */
static void
conclude(struct auth *a, struct call_in *in, struct exchange *e, enum verdict v, struct text last)
{
	switch (v) {
	case VERDICT_RIGHT:
		if (is_stopped(e)) {
			LOG_INFO("auth.stopped", FIELD_TEXT("account", e->account.canonical));
			refuse_with(in, AUTH_STOPPED, e->account.stopped);
		} else {
			signed_in(a, in, e, last);
		}
		break;
	case VERDICT_WRONG:
		failed(a, in, e, e->real ? "wrong" : "wrong or no such account");
		break;
	case VERDICT_SUSPENDED:
		LOG_INFO("auth.suspended", FIELD_TEXT("account", e->account.canonical));
		refuse(in, AUTH_SUSPENDED);
		break;
	case VERDICT_LATER:
	case VERDICT_OPEN:
		refuse(in, AUTH_UNAVAILABLE);
		break;
	}
	exchange_free(e);
}

struct hashing {
	struct task task;
	struct auth *auth;
	struct call_in *in;
	struct exchange *exchange;
};

static void
hash(struct task *t)
{
	struct hashing *h = LIST_OWNER(t, struct hashing, task);
	struct exchange *e = h->exchange;

	conclude(h->auth, h->in, e,
	    verify_by_hash(
		h->auth, &e->account, &e->sasl.verifier, e->real, e->sasl.password, &e->sasl.arena),
	    TEXT_EMPTY);
}

/* The verdict on a password: now if it is remembered, else when a hasher had
 * time for it. Signatures and SCRAM do not wait behind those. */
static void
password_given(struct auth *a, struct call_in *in, struct exchange *e)
{
	struct sasl *s = &e->sasl;
	enum verdict v = verify_password(
	    a, s->user, s->password, &s->arena, &e->account, &s->verifier, &e->real);
	struct pool_facts facts;
	struct hashing *h;

	if (v != VERDICT_OPEN) {
		conclude(a, in, e, v, TEXT_EMPTY);
		return;
	}
	pool_facts_of(a->hashers, &facts);
	if (facts.queued >= HASHES_WAITING) {
		conclude(a, in, e, VERDICT_LATER, TEXT_EMPTY);
		return;
	}
	h = ARENA_NEW(call_arena(in), struct hashing);
	*h = (struct hashing){ .task.run = hash, .auth = a, .in = in, .exchange = e };
	pool_run(a->hashers, &h->task);
}

static void
advance(struct auth *a, struct call_in *in, struct exchange *e, struct text said)
{
	struct buffer out = BUFFER_INIT;
	enum sasl_step step = e->sasl.mechanism->step(&e->sasl, said, &out);
	enum verdict v;

	if (step == SASL_LOOKUP) {
		v = find_scram(
		    a, e->sasl.user, &e->sasl.arena, &e->account, &e->sasl.verifier, &e->real);
		if (v != VERDICT_RIGHT) {
			conclude(a, in, e, v, TEXT_EMPTY);
			goto out;
		}
		step = e->sasl.mechanism->proceed(&e->sasl, &out);
	}
	switch (step) {
	case SASL_CHALLENGE:
		challenge(a, in, e, buffer_text(&out));
		break;
	case SASL_PASSWORD:
		password_given(a, in, e);
		break;
	case SASL_DONE:
		v = !e->real		   ? VERDICT_WRONG
		    : e->account.suspended ? VERDICT_SUSPENDED
					   : VERDICT_RIGHT;
		conclude(a, in, e, v, buffer_text(&out));
		break;
	case SASL_WRONG:
		conclude(a, in, e, VERDICT_WRONG, TEXT_EMPTY);
		break;
	case SASL_MALFORMED:
	case SASL_LOOKUP:
		refuse(in, AUTH_BAD_MESSAGE);
		exchange_free(e);
		break;
	}
out:
	buffer_done_secret(&out);
}

static struct exchange *
exchange_new(struct auth *a, const struct auth_start_request *q, const struct sasl_mechanism *m)
{
	struct exchange *e = MEM_NEW(struct exchange);
	struct arena *arena = &e->sasl.arena;

	arena_init(arena, 1024, 64 << 10);
	do
		e->id = random_u64();
	while (e->id == 0);
	e->began = e->asked = clock_mono();
	list_init(&e->by_age);
	e->sasl.mechanism = m;
	e->sasl.flags = (unsigned)q->flags;
	e->sasl.offers_plus = may_bind(q->flags);
	e->sasl.exporter = arena_copy(arena, text_part(q->binding_exporter, 0, 64));
	e->sasl.end_point = arena_copy(arena, text_part(q->binding_end_point, 0, 64));
	e->sasl.unique = arena_copy(arena, text_part(q->binding_unique, 0, 64));
	e->service = arena_copy(arena, text_part(q->service, 0, 32));
	e->remote = arena_copy(arena, text_part(q->remote, 0, 64));
	return e;
}

void
serve_start(struct call_in *in, const void *request, void *context)
{
	const struct auth_start_request *q = request;
	const struct sasl_mechanism *m = sasl_find(q->mechanism);
	struct auth *a = context;
	struct text said = q->initial;

	MAGIC_CHECK(a, AUTH_MAGIC);
	if (m != NULL && m->plain && !(q->flags & AUTH_MAY_PLAIN)) {
		refuse(in, AUTH_NEEDS_TLS);
		return;
	}
	if (m == NULL || !offered(a, m, q->flags)) {
		refuse(in, AUTH_BAD_MECHANISM);
		return;
	}
	if (q->initial.len > SASL_MESSAGE_MAX) {
		refuse(in, AUTH_BAD_MESSAGE);
		return;
	}
	if (must_wait(a, q->remote)) {
		refuse(in, AUTH_TOO_MANY);
		return;
	}
	/* NULL tells a mechanism that nothing was said yet, unlike an empty message
	 * (RFC 4422 3.3). */
	if (!q->has_initial)
		said = (struct text){ NULL, 0 };
	else if (said.ptr == NULL)
		said = TEXT_EMPTY;
	advance(a, in, exchange_new(a, q, m), said);
}

void
serve_step(struct call_in *in, const void *request, void *context)
{
	const struct auth_step_request *q = request;
	struct auth *a = context;
	struct exchange *e;
	struct text said = q->response.ptr == NULL ? TEXT_EMPTY : q->response;

	MAGIC_CHECK(a, AUTH_MAGIC);
	e = table_take(a, q->exchange);
	if (e == NULL) {
		/* Too slow, or this process is a new one. */
		refuse(in, AUTH_UNAVAILABLE);
	} else if (q->cancelled || said.len > SASL_MESSAGE_MAX) {
		refuse(in, AUTH_BAD_MESSAGE);
		exchange_free(e);
	} else if (must_wait(a, e->remote)) {
		refuse(in, AUTH_TOO_MANY);
		exchange_free(e);
	} else {
		e->asked = clock_mono();
		advance(a, in, e, said);
	}
}
