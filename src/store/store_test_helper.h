/* SPDX-License-Identifier: ISC */
/*
 * A store on an engine with links to it as the roles have them, for tests:
 * calls go through the same sockets and checks as between processes.
 */
#ifndef STORE_STORE_TEST_HELPER_H
#define STORE_STORE_TEST_HELPER_H

#include "auth/token.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/testing.h"
#include "mime/summary.h"
#include "runtime/role.h"
#include "store/calls.h"
#include "store/content.h"
#include "store/queue_calls.h"
#include "store/store.h"
#include "store/submission_calls.h"

#define WORLD_KEY TEXT("0123456789abcdef0123456789abcdef")

struct world {
	struct engine *engine;
	struct store *store;
	struct call_pair *pair[5];
	struct calls *admin, *intake, *access, *auth, *outbound;
	struct arena arena; /* of replies, until world_forget */
	struct failure failure;
	unsigned index_every; /* of mailboxes, so small that all tests meet it */
};

/* The engine is unkind at the moment. */
UNUSED static bool
world_for_now(enum status s)
{
	return s == STATUS_UNAVAILABLE || s == STATUS_AMBIGUOUS || s == STATUS_FULL;
}

UNUSED static void
world_open(struct world *w)
{
	enum status s;
	struct store_config config = { .token_key = WORLD_KEY,
		.threads = 2,
		.untended = true,
		.index_every = w->index_every };
	struct call_server_config server = { .threads = 3 };

	do
		s = store_new(w->engine, &config, &w->store, &w->failure);
	while (world_for_now(s));
	assert_ok(s);
	store_serve(w->store, &server);
	w->pair[0] = call_pair_new(ROLE_ADMIN, &server, ROLE_STORE, &w->admin);
	w->pair[1] = call_pair_new(ROLE_INTAKE, &server, ROLE_STORE, &w->intake);
	w->pair[2] = call_pair_new(ROLE_ACCESS, &server, ROLE_STORE, &w->access);
	w->pair[3] = call_pair_new(ROLE_AUTH, &server, ROLE_STORE, &w->auth);
	w->pair[4] = call_pair_new(ROLE_OUTBOUND, &server, ROLE_STORE, &w->outbound);
}

UNUSED static void
world_close(struct world *w)
{
	store_settle(w->store);
	for (size_t i = 0; i < ARRAY_LEN(w->pair); i++)
		call_pair_free(w->pair[i]);
	store_free(w->store);
	w->store = NULL;
}

/* Memory; with MAILSTEAD_STRICT, memory as unkind as a cluster, in all that a
 * caller need not be told of. The suite runs on both. */
UNUSED static bool
world_is_strict(void)
{
	return getenv("MAILSTEAD_STRICT") != NULL;
}

UNUSED static struct engine *
world_memory(void)
{
	static const struct engine_strictness how = { .seed = 21,
		.conflict = 100,
		.ambiguous_done = 70,
		.ambiguous_lost = 70,
		.notice_lost = 300,
		.notice_late = 300,
		.latency = 50 };

	return world_is_strict() ? engine_memory_strict_new(&how) : engine_memory_new();
}

/* One row put or, without a value, deleted behind the store's back. */
UNUSED static void
world_damage(struct world *w, struct entity e, struct text key, struct text value)
{
	enum status s;

	do {
		struct engine_batch b;
		uint64_t version;

		assert_ok(engine_version(w->engine, e, &version));
		engine_batch_init(&b, e, version);
		if (value.ptr == NULL)
			engine_delete(&b, key);
		else
			engine_put(&b, key, value);
		s = engine_commit_wait(w->engine, &b);
		engine_batch_done(&b);
	} while (s == STATUS_CONFLICT || s == STATUS_AMBIGUOUS);
	assert_ok(s);
}

UNUSED static struct world *
world_new(struct engine *e)
{
	struct world *w = MEM_NEW(struct world);

	log_set_fd(-1);
	w->engine = e;
	w->index_every = 3;
	world_open(w);
	return w;
}

UNUSED static void
world_free(struct world *w)
{
	world_close(w);
	engine_free(w->engine);
	arena_done(&w->arena);
	mem_free(w);
}

/* As after kill -9: what was not acknowledged is lost. */
UNUSED static void
world_crash(struct world *w)
{
	struct engine *old = w->engine;

	w->engine = engine_memory_reopen(old);
	world_close(w);
	engine_free(old);
	world_open(w);
}

/* ASK(w, access, store_open, &reply, .token = t, ...) makes the call. */
#define ASK(w, link, name, reply, ...)                                                      \
	name((w)->link, &(struct name##_request){ .none_ = 0, ##__VA_ARGS__ }, &(w)->arena, \
	    (reply), &(w)->failure)

UNUSED static void
world_domain(struct world *w, const char *name)
{
	struct store_domain_add_reply reply;
	enum status s;

	do
		s = ASK(w, admin, store_domain_add, &reply, .name = text_of(name));
	while (world_for_now(s));
	assert_ok(s);
}

/* Makes an account and gives its number. */
UNUSED static uint64_t
world_account(struct world *w, const char *address)
{
	struct store_account_add_reply reply;
	enum status s;

	do
		s = ASK(w, admin, store_account_add, &reply, .address = text_of(address),
		    .verifier = TEXT("verifier"), .has_scram = 1);
	while (world_for_now(s));
	assert_ok(s);
	return reply.account;
}

UNUSED static struct text
world_token(struct world *w, uint64_t account)
{
	struct token t = { .account = account,
		.generation = 1,
		.scope = SCOPE_ALL,
		.expires = clock_wall() / CLOCK_SECOND + 3600 };
	struct buffer b = BUFFER_INIT;
	struct text out;

	token_make(WORLD_KEY, &t, &b);
	out = arena_copy(&w->arena, buffer_text(&b));
	buffer_done(&b);
	return out;
}

/* The account of an address, which is made if need be, with its domain. */
UNUSED static uint64_t
world_account_of(struct world *w, const char *address)
{
	struct store_account_reply reply;
	struct store_domain_add_reply none;
	struct text t = text_of(address);
	size_t at = text_find_byte(t, '@', 0);
	enum status s;

	if (ASK(w, admin, store_account, &reply, .address = t) == STATUS_OK)
		return reply.account;
	do
		s = ASK(w, admin, store_domain_add, &none, .name = text_part(t, at + 1, t.len));
	while (world_for_now(s));
	assert_true(s == STATUS_OK || s == STATUS_EXISTS);
	return world_account(w, address);
}

/* With what a message under that sender is submitted. */
UNUSED static struct text
world_writer(struct world *w, const char *sender)
{
	if (sender[0] == 0)
		sender = "alice@example.com";
	return world_token(w, world_account_of(w, sender));
}

/* A message as intake hands it on. */
struct parcel {
	struct text raw, summary, content;
};

UNUSED static struct parcel
world_parcel(struct world *w, struct text raw)
{
	struct parcel p = { .raw = raw };
	struct buffer b = BUFFER_INIT;
	struct mime_summary s;

	mime_parse(raw, NULL, &w->arena, &s);
	mime_summary_pack(&s, &b);
	p.summary = arena_copy(&w->arena, buffer_text(&b));
	buffer_clear(&b);
	content_pack(TEXT_EMPTY, raw, s.header_len, &b);
	p.content = arena_copy(&w->arena, buffer_text(&b));
	buffer_done(&b);
	return p;
}

UNUSED static struct parcel
world_message(struct world *w, const char *id, const char *subject, const char *references)
{
	return world_parcel(w,
	    arena_printf(&w->arena,
		"From: a@example.org\r\nSubject: %s\r\nMessage-ID: <%s@example.org>\r\n%s%s%s\r\n"
		"Hello, this is a message.\r\n",
		subject, id, references[0] ? "References: " : "", references,
		references[0] ? "\r\n" : ""));
}

UNUSED static enum status
world_deliver_op(struct world *w, const char *to, const struct parcel *p, uint64_t op)
{
	struct text rest = text_of(to), one;
	struct store_deliver_reply reply;
	struct text at[64];
	uint32_t count = 0;
	enum status s;

	while (text_split(&rest, ' ', &one))
		at[count++] = one;
	s = ASK(w, intake, store_deliver, &reply, .op = op, .id = TEXT("id"),
	    .sender = TEXT("sender@example.org"), .recipients = { at, count },
	    .summary = p->summary, .content = PAYLOAD_OF(p->content), .size = p->raw.len,
	    .received = 1700000000);
	for (uint32_t i = 0; s == STATUS_OK && i < count; i++)
		if (reply.verdicts.at[i] != STATUS_OK)
			return (enum status)reply.verdicts.at[i];
	return s;
}

UNUSED static enum status
world_deliver(struct world *w, const char *to, const struct parcel *p)
{
	return world_deliver_op(w, to, p, random_u64());
}

/* The open reply of a mailbox; its texts live in the world's arena. */
UNUSED static struct store_open_reply
world_open_mailbox(struct world *w, struct text token, const char *name)
{
	struct store_open_reply reply;

	assert_ok(ASK(w, access, store_open, &reply, .token = token, .name = text_of(name)));
	return reply;
}

UNUSED static struct runs
world_uids(uint32_t first, uint32_t last)
{
	struct runs r = RUNS_INIT;

	if (first > 0)
		runs_add(&r, first, last);
	return r;
}

/* Everything that the store's own check finds; none is what a test wants. */
UNUSED static void
world_check(struct world *w, uint64_t account)
{
	struct store_check_reply reply;

	assert_ok(ASK(w, admin, store_check, &reply, .account = account));
	for (uint32_t i = 0; i < reply.problems.count; i++)
		print_error("account %llu: %.*s\n", (unsigned long long)account,
		    TEXT_ARG(reply.problems.at[i]));
	assert_int_equal(reply.problems.count, 0);
}

#endif
