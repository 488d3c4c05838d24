/* SPDX-License-Identifier: ISC */
/* Crash notes over several lives: who is suspected, who is poison, and that
 * the notes never fill up. A life ends by being forgotten without notes_end. */
#include "base/testing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "intake/notes.h"

static int
notes_file(void)
{
	int fd = memfd_create("notes", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, NOTES_FILE_SIZE), 0);
	return fd;
}

static void
a_message_that_is_parsed_leaves_nothing(void **state)
{
	int fd = notes_file();
	struct notes *n = notes_new(fd);
	struct notes_hold hold;
	char bytes[NOTES_FILE_SIZE], none[NOTES_FILE_SIZE] = { 0 };

	assert_int_equal(notes_begin(n, 7, &hold), NOTES_CLEAN);
	assert_false(hold.alone);
	notes_end(n, &hold);
	assert_int_equal(notes_begin(n, 7, &hold), NOTES_CLEAN);
	assert_false(hold.alone);
	notes_end(n, &hold);
	notes_free(n);
	assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_memory_equal(bytes, none, sizeof(bytes));
	assert_int_equal(close(fd), 0);
}

/* A life that ends in the middle: 1 parsed among others, 2 alone, 3 not at all. */
static int
life(int fd, uint64_t op)
{
	int ended = 0;
	pid_t child = fork();

	if (child == 0) {
		struct notes_hold hold;
		enum notes_verdict v = notes_begin(notes_new(fd), op, &hold);

		_exit(v == NOTES_CLEAN ? (hold.alone ? 2 : 1) : 3);
	}
	assert_int_equal(waitpid(child, &ended, 0), child);
	assert_true(WIFEXITED(ended));
	return WEXITSTATUS(ended);
}

static void
two_lives_make_poison(void **state)
{
	int fd = notes_file();

	assert_int_equal(life(fd, 7), 1); /* among others */
	assert_int_equal(life(fd, 7), 2); /* alone */
	assert_int_equal(life(fd, 7), 3); /* not again */
	assert_int_equal(life(fd, 7), 3);
	assert_int_equal(close(fd), 0);
}

/* Two were in hand when the first life ended; the innocent one is parsed alone
 * in the second life and is forgotten again. */
static void
who_was_near_is_cleared(void **state)
{
	int fd = notes_file();
	struct notes_hold hold;

	assert_int_equal(life(fd, 7), 1);
	assert_int_equal(life(fd, 8), 1);
	struct notes *n = notes_new(fd);

	assert_int_equal(notes_begin(n, 8, &hold), NOTES_CLEAN);
	assert_true(hold.alone);
	notes_end(n, &hold);
	assert_int_equal(notes_begin(n, 8, &hold), NOTES_CLEAN);
	assert_false(hold.alone);
	notes_end(n, &hold);
	notes_free(n);
	assert_int_equal(life(fd, 7), 2);
	assert_int_equal(life(fd, 7), 3);
	assert_int_equal(close(fd), 0);
}

static void
old_notes_give_way(void **state)
{
	int fd = notes_file();
	struct notes *n = notes_new(fd);
	struct notes_hold hold;

	for (uint64_t op = 1; op <= 1000; op++) {
		assert_int_equal(notes_begin(n, op, &hold), NOTES_CLEAN);
		assert_true(hold.slot >= 0);
		assert_false(hold.alone);
		/* The note stays, as if it had never ended. */
		notes_end(n, &(struct notes_hold){ .slot = -1 });
	}
	notes_free(n);
	assert_int_equal(close(fd), 0);
}

static void
without_a_file_or_an_op(void **state)
{
	struct notes *n = notes_new(-1);
	struct notes_hold hold;

	assert_int_equal(notes_begin(n, 0, &hold), NOTES_CLEAN);
	assert_int_equal(hold.slot, -1);
	notes_end(n, &hold);
	notes_free(n);
	notes_free(NULL);
}

/* A suspect is parsed while nothing else is: it waits for who came before. */
struct together {
	struct notes *n;
	_Atomic bool other_ended, overlap;
};

static void *
parse_alone(void *arg)
{
	struct together *t = arg;
	struct notes_hold hold;

	if (notes_begin(t->n, 7, &hold) != NOTES_CLEAN || !atomic_load(&t->other_ended))
		atomic_store(&t->overlap, true);
	notes_end(t->n, &hold);
	return NULL;
}

static void
a_suspect_waits_for_the_others(void **state)
{
	for (int round = 0; round < 50; round++) {
		int fd = notes_file();
		struct together t = { .n = notes_new(fd) };
		struct notes_hold other;
		pthread_t thread;

		assert_int_equal(life(fd, 7), 1);
		assert_int_equal(notes_begin(t.n, 9, &other), NOTES_CLEAN);
		assert_int_equal(pthread_create(&thread, NULL, parse_alone, &t), 0);
		for (int i = 0; i < 100; i++)
			(void)sched_yield();
		atomic_store(&t.other_ended, true);
		notes_end(t.n, &other);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_false(atomic_load(&t.overlap));
		notes_free(t.n);
		assert_int_equal(close(fd), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_that_is_parsed_leaves_nothing),
		cmocka_unit_test(two_lives_make_poison),
		cmocka_unit_test(who_was_near_is_cleared),
		cmocka_unit_test(old_notes_give_way),
		cmocka_unit_test(without_a_file_or_an_op),
		cmocka_unit_test(a_suspect_waits_for_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
