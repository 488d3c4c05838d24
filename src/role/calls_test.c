/* SPDX-License-Identifier: ISC */
/*
 * The permissions of all tables: for every call and every role, what the table
 * forbids is refused before it is looked at, and what it allows arrives. Made
 * from CALL_TABLES, so a table cannot be forgotten here.
 */
#include "auth/calls.h"
#include "base/log.h"
#include "intake/calls.h"
#include "lookup/calls.h"
#include "outbound/calls.h"
#include "runtime/call_permission_test_helper.h"
#include "runtime/runtime_calls.h"
#include "store/calls.h"
#include "store/limits_calls.h"
#include "store/queue_admin_calls.h"
#include "store/queue_calls.h"
#include "store/submission_calls.h"
#include "store/tls_report_calls.h"
#include "store/trace_calls.h"

static const struct table {
	const char *name;
	const struct call *const *list;
	size_t count;
	enum call_table number;
} tables[] = {
#define X(name, number, folder) { #folder, folder##_call_list, folder##_call_count, CALLS_##name },
	CALL_TABLES(X)
#undef X
};

/* The runtime's table is served by every role, with handlers of its own. */
static bool
is_served_by_all(const struct table *t)
{
	return t->number == CALLS_RUNTIME;
}

static void
every_row_is_whole(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		const struct table *t = &tables[i];

		assert_true(t->count > 0);
		assert_null(t->list[t->count]);
		for (size_t k = 0; k < t->count; k++) {
			const struct call *call = t->list[k];

			assert_int_equal(call->number, (unsigned)t->number << 8 | k);
			assert_true(text_starts(text_of(call->name), text_of(t->name)));
			assert_int_equal(call->server == ROLE_COUNT, is_served_by_all(t));
			assert_true(call->allowed != BY_NOBODY && call->allowed < 1u << ROLE_COUNT);
		}
	}
}

static void
every_table_is_kept(void **state)
{
	log_set_fd(-1);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		if (!is_served_by_all(&tables[i]))
			call_permissions_hold(
			    tables[i].list, tables[i].count, tables[i].list[0]->server);
	log_set_fd(STDERR_FILENO);
}

/* What `client` gets when it asks `server` all calls of the runtime. An empty
 * request is refused by the handler of a setting, but not as DENIED. */
static void
ask_runtime(enum role client, enum role server)
{
	const struct call_server_config nothing = { .threads = 1 };
	struct arena a = ARENA_INIT;
	struct calls *c;
	struct call_pair *pair = call_pair_new(client, &nothing, server, &c);

	assert_int_equal(runtime_instances(c, server), 1);
	for (size_t i = 0; i < runtime_call_count; i++) {
		const struct call *call = runtime_call_list[i];
		bool allowed = (call->allowed & (1u << client)) != 0;
		enum status st =
		    runtime_call_to(c, server, 0, call, arena_alloc(&a, call->request_size), &a,
			arena_alloc(&a, call->reply_size), NULL);

		if ((st != STATUS_DENIED) != allowed)
			fail_msg("%s asks %s of %s: %s", role_word(client), call->name,
			    role_word(server), status_word(st));
	}
	call_pair_free(pair);
	arena_done(&a);
}

static void
every_role_keeps_the_runtimes_table(void **state)
{
	log_set_fd(-1);
	for (unsigned server = 0; server < ROLE_ADMIN; server++) /* admin serves nobody */
		for (unsigned client = 0; client < ROLE_COUNT; client++)
			ask_runtime((enum role)client, (enum role)server);
	log_set_fd(STDERR_FILENO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_whole),
		cmocka_unit_test(every_table_is_kept),
		cmocka_unit_test(every_role_keeps_the_runtimes_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
