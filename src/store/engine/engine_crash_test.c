/* SPDX-License-Identifier: ISC */
/*
 * kill -9 of a process in which 64 threads commit, or two, at moments that the number
 * of acknowledged commits picks, ten times on one folder.
 */
#include "base/random.h"
#include "store/engine/engine_senders.h"

#define ROUNDS 10

/* Reads acks; kills the child after so many and reads what was still said. */
static void
kill_after(struct place *p, int in, pid_t child, uint64_t many)
{
	struct ack ack;
	int ended;

	for (uint64_t n = 1; read(in, &ack, sizeof(ack)) == sizeof(ack); n++) {
		assert_true(ack.sender < SENDERS && ack.n == p->acked[ack.sender] + 1);
		p->acked[ack.sender] = ack.n;
		if (n == many)
			assert_int_equal(kill(child, SIGKILL), 0);
	}
	assert_int_equal(waitpid(child, &ended, 0), child);
	assert_true(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGKILL);
}

static void
round_of(struct place *p)
{
	int ends[2];
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	p->pipe = ends[1];
	child = child_start(serve, p);
	assert_int_equal(close(ends[1]), 0);
	kill_after(p, ends[0], child, 1 + random_below(2500));
	assert_int_equal(close(ends[0]), 0);
	child_run(verify, p);
	learn_counts(p);
}

static void
nothing_acknowledged_is_lost(void **state)
{
	struct place p = { .pipe = -1 };

#ifdef WITHOUT_ROCKSDB
	print_message("%s\n", WITHOUT_ROCKSDB);
	skip();
#endif
	make_dir(p.dir);
	for (unsigned i = 0; i < ROUNDS; i++) {
		p.senders = i % 2 == 0 ? SENDERS : 2;
		round_of(&p);
	}
	remove_dir(p.dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_acknowledged_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
