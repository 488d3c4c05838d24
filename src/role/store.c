/* SPDX-License-Identifier: ISC */
/*
 * Role store: the engine with all mail, the directory and the queue. It calls
 * others only to tell them what changed: live settings, and accounts that auth
 * must forget. Telling is done by a thread of its own, so that no write waits
 * for a peer.
 */
#include "store/store.h"

#include <stdio.h>
#include <unistd.h>

#include "auth/calls.h"
#include "base/list.h"
#include "base/log.h"
#include "role/roles.h"
#include "runtime/pool.h"
#include "runtime/runtime_calls.h"
#include "store/board.h"

struct store_role {
	const struct role_start *start;
	struct engine *engine;
	struct store *store;
	struct board *board;
	struct calls *calls; /* NULL until the links are there */
	struct pool *teller;
};

/* One thing to tell the others. */
struct news {
	struct task task;
	struct store_role *role;
	char *name, *value;	  /* a setting, or */
	uint64_t account;	  /* an account, or */
	void (*done)(void *what); /* who waits until the others have been told */
	void *what;
};

static void
tell_setting(struct store_role *r, const struct news *n)
{
	struct runtime_setting_request q = { .name = text_of(n->name), .value = text_of(n->value) };
	struct runtime_setting_reply reply;

	for (int role = 0; role < ROLE_COUNT; role++) {
		unsigned instances = runtime_instances(r->calls, (enum role)role);

		for (unsigned i = 0; i < instances && role != ROLE_ADMIN; i++) {
			struct arena a = ARENA_INIT;
			struct failure f = { 0 };
			enum status s = runtime_call_to(r->calls, (enum role)role, i,
			    &runtime_setting_call, &q, &a, &reply, &f);

			/* A role that is away reads all settings when it comes back. */
			if (s != STATUS_OK)
				LOG_WARN("store.setting-not-told",
				    FIELD_STRING("role", role_word((enum role)role)),
				    FIELD_STATUS(s), FIELD_STRING("why", f.log));
			arena_done(&a);
		}
	}
}

static void
tell(struct task *t)
{
	struct news *n = LIST_OWNER(t, struct news, task);
	struct arena a = ARENA_INIT;
	struct auth_forget_request q = { .account = n->account };
	struct auth_forget_reply reply;
	enum status s;

	if (n->done != NULL) {
		n->done(n->what);
	} else if (n->name != NULL) {
		tell_setting(n->role, n);
	} else {
		s = auth_forget(n->role->calls, &q, &a, &reply, NULL);
		if (s != STATUS_OK)
			LOG_WARN("store.account-not-told", FIELD_U64("account", n->account),
			    FIELD_STATUS(s));
	}
	arena_done(&a);
	mem_free(n->name);
	mem_free(n->value);
	mem_free(n);
}

static void
hand_over(struct store_role *r, struct news *n)
{
	n->role = r;
	n->task.run = tell;
	pool_run(r->teller, &n->task);
}

static void
setting_changed(void *arg, struct text name, struct text value)
{
	struct news *n = MEM_NEW(struct news);

	n->name = mem_string(name);
	n->value = mem_string(value);
	hand_over(arg, n);
}

static void
account_changed(void *arg, uint64_t account)
{
	struct news *n = MEM_NEW(struct news);

	n->account = account;
	hand_over(arg, n);
}

static void
when_told(void *arg, void (*done)(void *what), void *what)
{
	struct news *n = MEM_NEW(struct news);

	n->done = done;
	n->what = what;
	hand_over(arg, n);
}

static enum status
store_prepare(const struct role_start *start, void **context, struct failure *f)
{
	struct store_role *r = MEM_NEW(struct store_role);

	(void)f;
	r->start = start;
	*context = r;
	return STATUS_OK;
}

static enum status
open_engine(struct store_role *r, struct failure *f)
{
	char path[4096];

	if (text_equal(r->start->engine, TEXT("memory"))) {
		r->engine = engine_memory_new();
		return STATUS_OK;
	}
	if ((size_t)snprintf(path, sizeof(path), "%.*s/store", TEXT_ARG(r->start->dir)) >=
	    sizeof(path))
		return fail(
		    f, STATUS_LIMIT, "The name of the data folder is too long.", "dir too long");
	return engine_rocksdb_open(path, &r->engine, f);
}

/* Fronts go by the board as long as they have one: a life of the store that
 * cannot write on it must not begin, since they would trust what they read before. */
static enum status
open_board(struct store_role *r, struct failure *f)
{
	int fd = r->start->board;

	if (fd < 0)
		return STATUS_OK;
	r->board = board_write(fd);
	(void)close(fd);
	return r->board != NULL ? STATUS_OK
				: fail(f, STATUS_UNAVAILABLE,
				      "The memory that the store shares with access cannot be used",
				      "the board cannot be mapped");
}

static enum status
store_role_serve(void *context, struct call_server_config *config, struct failure *f)
{
	struct store_role *r = context;
	struct store_config c = {
		.token_key = r->start->secret[SECRET_TOKEN],
		.hostname = r->start->hostname,
		.setting_changed = setting_changed,
		.account_changed = account_changed,
		.when_told = when_told,
		.arg = r,
	};
	enum status s = open_board(r, f);

	if (s != STATUS_OK)
		return s;
	c.board = r->board;
	r->teller = pool_new(&(struct pool_config){ .name = "teller", .min = 1, .max = 1 });
	s = open_engine(r, f);
	if (s == STATUS_OK)
		s = store_new(r->engine, &c, &r->store, f);
	if (s != STATUS_OK)
		return s;
	config->threads = r->start->threads > 0 ? r->start->threads : 8;
	store_serve(r->store, config);
	return STATUS_OK;
}

static enum status
store_begin(void *context, struct calls *calls, struct failure *f)
{
	struct store_role *r = context;

	(void)f;
	r->calls = calls;
	return STATUS_OK;
}

static void
store_stop(void *context, int64_t deadline)
{
	struct store_role *r = context;

	(void)deadline;
	if (r->store != NULL)
		store_free(r->store);
	if (r->teller != NULL)
		pool_free(r->teller);
	if (r->engine != NULL)
		engine_free(r->engine);
	board_close(r->board);
	mem_free(r);
}

const struct role_ops role_store_ops = {
	.role = ROLE_STORE,
	.prepare = store_prepare,
	.serve = store_role_serve,
	.begin = store_begin,
	.stop = store_stop,
};
