/* SPDX-License-Identifier: ISC */
/*
 * Requests that are handled when their link is lost already: they leave
 * nothing behind. The engine stops a reader at a gate, so that the order of
 * things is the test's.
 */
#include "runtime/call_links.h"
#include "store/core.h"
#include "store/engine/engine_breaking.h"
#include "store/store_test_helper.h"

/* Of the engine and the store together. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool closed, stopped, lost;
	call_link_lost store_lost;
};

static struct gate gate = { .lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER };

static void
gate_say(bool *what, bool value)
{
	pthread_mutex_lock(&gate.lock);
	*what = value;
	pthread_cond_broadcast(&gate.changed);
	pthread_mutex_unlock(&gate.lock);
}

static void
gate_await(const bool *what, bool value)
{
	pthread_mutex_lock(&gate.lock);
	while (*what != value)
		pthread_cond_wait(&gate.changed, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
}

static enum status
stopping_version(struct engine *e, struct entity entity, uint64_t *version)
{
	if (entity.kind == ENTITY_ACCOUNT) {
		gate_say(&gate.stopped, true);
		gate_await(&gate.closed, false);
	}
	return breaking_version(e, entity, version);
}

static void
lost(uint64_t link, enum role peer, void *context)
{
	gate.store_lost(link, peer, context);
	gate_say(&gate.lost, true);
}

struct house {
	struct world *w;
	struct engine *under;
	struct engine_ops ops;
	struct call_pair *pair; /* of a front that goes in the middle */
	struct calls *front;
	uint64_t account;
	struct text token;
};

static int
setup(void **state)
{
	struct house *h = MEM_NEW(struct house);
	struct call_server_config server = { .threads = 2 };

	h->under = world_memory();
	h->w = world_new(breaking_new(h->under));
	h->ops = breaking_ops;
	h->ops.version = stopping_version;
	h->w->engine->ops = &h->ops;
	world_domain(h->w, "example.com");
	h->account = world_account(h->w, "alice@example.com");
	h->token = world_token(h->w, h->account);
	world_close(h->w); /* nothing is in memory of the account */
	world_open(h->w);
	store_serve(h->w->store, &server);
	gate.store_lost = server.lost;
	server.lost = lost;
	h->pair = call_pair_new(ROLE_ACCESS, &server, ROLE_STORE, &h->front);
	calls_be_patient(h->front, 1000);
	*state = h;
	return 0;
}

static int
teardown(void **state)
{
	struct house *h = *state;

	call_pair_free(h->pair);
	world_free(h->w);
	engine_free(h->under);
	mem_free(h);
	return 0;
}

/* The front makes a call that stops at the gate, and goes. */
static void
front_goes(struct house *h, enum status (*ask)(struct house *h))
{
	gate.closed = true;
	gate.stopped = gate.lost = false;
	assert_int_not_equal(ask(h), STATUS_OK); /* it did not wait for the answer */
	gate_await(&gate.stopped, true);
	call_pair_break(h->pair, 0);
	gate_await(&gate.lost, true);
	gate_say(&gate.closed, false);
	store_settle(h->w->store);
}

static enum status
watch(struct house *h)
{
	struct store_watch_reply r;

	return store_watch(h->front, &(struct store_watch_request){ .token = h->token, .on = 1 },
	    &h->w->arena, &r, NULL);
}

/* How many links it has something of. */
static size_t
links(struct house *h)
{
	struct feed *f = &h->w->store->feed;
	size_t n;

	pthread_mutex_lock(&f->lock);
	n = f->links.count;
	pthread_mutex_unlock(&f->lock);
	return n;
}

static void
a_watch_of_a_lost_link_is_not_kept(void **state)
{
	struct house *h = *state;
	struct store_watch_reply r;

	front_goes(h, watch);
	assert_int_equal(links(h), 0);
	assert_ok(ASK(h->w, access, store_watch, &r, .token = h->token, .on = 1));
	assert_int_equal(links(h), 1);
}

static enum status
take(struct house *h)
{
	struct store_maildrop_reply r;

	return store_maildrop(h->front,
	    &(struct store_maildrop_request){ .token = h->token, .holder = 1, .take = 1 },
	    &h->w->arena, &r, NULL);
}

static void
a_maildrop_of_a_lost_link_is_free(void **state)
{
	struct house *h = *state;
	struct store_maildrop_reply r;

	front_goes(h, take);
	assert_ok(ASK(h->w, access, store_maildrop, &r, .token = h->token, .holder = 2, .take = 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_watch_of_a_lost_link_is_not_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(a_maildrop_of_a_lost_link_is_free, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
