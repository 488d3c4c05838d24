/* SPDX-License-Identifier: ISC */
/*
 * What goes to auth and comes from it is wiped wherever a link kept it: the
 * whole memory of this process is searched for it afterwards.
 */
#include "base/random.h"
#include "runtime/call_toy_test_helper.h"
#include "runtime/link.h"
#include "runtime/memory_testing.h"

CALLS_DEFINE(toy, TOY_CALLS, CALLS_TOY, ROLE_STORE)

static void
echo_secret(enum role client, const char *masked, size_t len)
{
	const struct call_server_config config = {
		.rows = toy_rows, .row_count = ARRAY_LEN(toy_rows), .threads = 1
	};
	struct toy t = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	struct call_server_config with = config;
	struct toy_echo_request q = { .first = PAYLOAD_OF(TEXT_EMPTY),
		.second = PAYLOAD_OF(TEXT_EMPTY) };
	struct toy_echo_reply r;
	struct arena a = ARENA_INIT;
	struct calls *calls;
	struct call_pair *pair;
	char word[64];

	with.context = &t;
	pair = call_pair_new(client, &with, ROLE_STORE, &calls);
	for (size_t i = 0; i < len; i++)
		word[i] = (char)(masked[i] ^ MEMORY_MASK);
	q.text = (struct text){ word, len };
	assert_ok(toy_echo(calls, &q, &a, &r, NULL));
	assert_memory_equal(r.text.ptr, word, len);
	secret_wipe(word, sizeof(word));
	arena_done(&a);
	call_pair_free(pair);
}

/* What goes to auth and comes from it is wiped wherever it was kept. */
static void
links_of_auth_leave_no_copy(void **state)
{
	char masked[40];

	memory_word(masked, sizeof(masked));
	echo_secret(ROLE_MX, masked, sizeof(masked));
	assert_true(memory_holds(masked, sizeof(masked))); /* so it would be found */
	memory_word(masked, sizeof(masked));
	echo_secret(ROLE_AUTH, masked, sizeof(masked));
	assert_false(memory_holds(masked, sizeof(masked)));
}

/* Frames that wait behind others are whole and in order, and of what they
 * outgrew nothing is left. */
static void
frames_that_wait_leave_no_copy(void **state)
{
	struct link l = { .secret = true };
	struct buffer b = BUFFER_INIT;
	char masked[40];
	uint64_t at;

	memory_word(masked, sizeof(masked));
	for (size_t n = 0; n < 2000; n++) {
		link_prepare(&l, &b);
		for (size_t i = 0; i < sizeof(masked); i++)
			buffer_add_byte(&b, (char)(masked[i] ^ MEMORY_MASK));
		assert_true(link_append(&l, &b, NULL, 0, &at));
		assert_int_equal(at, n * sizeof(masked));
		link_release(&l, &b);
	}
	assert_int_equal(l.out.octets.len, 2000 * sizeof(masked));
	for (size_t i = 0; i < l.out.octets.len; i++)
		assert_int_equal(
		    (char)(l.out.octets.ptr[i] ^ MEMORY_MASK), masked[i % sizeof(masked)]);
	link_release(&l, &l.out.octets);
	assert_false(memory_holds(masked, sizeof(masked)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_of_auth_leave_no_copy),
		cmocka_unit_test(frames_that_wait_leave_no_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
