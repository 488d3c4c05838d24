/* SPDX-License-Identifier: ISC */
/*
 * For the tests of a folder that has a call table: for every call and every
 * role, what the table forbids is refused with DENIED before any handler sees
 * it, and what it allows arrives.
 *
 *	static void permissions(void **state)
 *	{
 *		call_permissions_hold(store_call_list, store_call_count, ROLE_STORE);
 *	}
 */
#ifndef RUNTIME_CALL_PERMISSION_TEST_HELPER_H
#define RUNTIME_CALL_PERMISSION_TEST_HELPER_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/testing.h"
#include "runtime/calls.h"
#include "runtime/role.h"

struct call_permission_probe {
	_Atomic unsigned reached; /* handlers */
	pthread_mutex_t lock;
	pthread_cond_t ended;
	enum status stream_end;
	bool stream_ended;
};

static inline void
call_permission_handle(struct call_in *in, const void *request, void *context)
{
	struct call_permission_probe *p = context;

	p->reached++;
	call_refuse(in, STATUS_EXISTS, "reached", "reached");
}

static inline void
call_permission_stream(void *arg, enum status s, const void *reply)
{
	struct call_permission_probe *p = arg;

	pthread_mutex_lock(&p->lock);
	p->stream_end = s;
	p->stream_ended = reply == NULL;
	pthread_cond_signal(&p->ended);
	pthread_mutex_unlock(&p->lock);
}

/* What a role is told when it makes this call with an empty request. */
static inline enum status
call_permission_ask(struct calls *c, const struct call *call, struct call_permission_probe *p)
{
	struct arena a = ARENA_INIT;
	void *request = arena_alloc(&a, call->request_size);
	void *reply = arena_alloc(&a, call->reply_size);
	enum status st;

	if ((call->flags & CALL_STREAM) == 0) {
		st = call_do(c, call, request, &a, reply, NULL);
	} else {
		pthread_mutex_lock(&p->lock);
		p->stream_ended = false;
		assert_int_equal(
		    call_stream(c, call, request, call_permission_stream, p), STATUS_OK);
		while (!p->stream_ended)
			pthread_cond_wait(&p->ended, &p->lock);
		st = p->stream_end;
		pthread_mutex_unlock(&p->lock);
	}
	arena_done(&a);
	return st;
}

static inline void
call_permissions_of_role(const struct call_server_config *config, const struct call *const *list,
    size_t count, enum role server, enum role client, struct call_permission_probe *p)
{
	struct calls *c;
	struct call_pair *pair = call_pair_new(client, config, server, &c);

	for (size_t i = 0; i < count; i++) {
		bool allowed = (list[i]->allowed & (1u << client)) != 0;
		unsigned before = p->reached;
		enum status st = call_permission_ask(c, list[i], p);

		if (st != (allowed ? STATUS_EXISTS : STATUS_DENIED))
			print_error(
			    "%s asks %s: %s\n", role_word(client), list[i]->name, status_word(st));
		assert_int_equal(st, allowed ? STATUS_EXISTS : STATUS_DENIED);
		assert_int_equal(p->reached - before, allowed);
	}
	call_pair_free(pair);
}

static inline void
call_permissions_hold(const struct call *const *list, size_t count, enum role server)
{
	struct call_permission_probe p = { .lock = PTHREAD_MUTEX_INITIALIZER,
		.ended = PTHREAD_COND_INITIALIZER };
	struct arena a = ARENA_INIT;
	struct call_row *rows = ARENA_ARRAY(&a, struct call_row, count);
	const struct call_server_config config = {
		.rows = rows, .row_count = count, .context = &p, .threads = 1
	};

	for (size_t i = 0; i < count; i++)
		rows[i] = (struct call_row){ list[i], call_permission_handle };
	for (unsigned client = 0; client < ROLE_COUNT; client++)
		call_permissions_of_role(&config, list, count, server, (enum role)client, &p);
	arena_done(&a);
}

#endif
