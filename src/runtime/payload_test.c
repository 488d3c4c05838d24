/* SPDX-License-Identifier: ISC */
/* Tests of runtime/payload.h: the step to a memfd, limits, seals. */
#include "runtime/payload.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/testing.h"

static void
fill(struct spool *s, struct buffer *same, size_t total, size_t step)
{
	for (size_t n = 0; n < total;) {
		char piece[70000];
		size_t len = total - n < step ? total - n : step;

		for (size_t i = 0; i < len; i++)
			piece[i] = (char)((n + i) * 31 % 251);
		buffer_add(same, piece, len);
		assert_int_equal(spool_add(s, (struct text){ piece, len }), STATUS_OK);
		n += len;
	}
}

static void
a_spool_gives_back_what_came_in(void **state)
{
	static const size_t totals[] = { 0, 1, 65535, 65536, 65537, 131072, 300001 };
	static const size_t steps[] = { 999, 16384, 65536, 65537, 70000 };

	for (size_t i = 0; i < ARRAY_LEN(totals) * ARRAY_LEN(steps); i++) {
		size_t total = totals[i % ARRAY_LEN(totals)];
		struct buffer same = BUFFER_INIT;
		struct payload p, again;
		struct spool s;

		spool_init(&s, 300001);
		fill(&s, &same, total, steps[i / ARRAY_LEN(totals)]);
		assert_int_equal(s.len, total);
		assert_int_equal(spool_payload(&s, &p), STATUS_OK);
		assert_true(text_equal(p.bytes, buffer_text(&same)));
		assert_int_equal(p.fd >= 0, total > PAYLOAD_INLINE_MAX);
		assert_int_equal(spool_payload(&s, &again), STATUS_OK);
		assert_ptr_equal(again.bytes.ptr, p.bytes.ptr);
		spool_unmap(&s);
		assert_null(s.map);
		assert_int_equal(spool_payload(&s, &again), STATUS_OK);
		assert_true(text_equal(again.bytes, buffer_text(&same)));
		assert_int_equal(again.fd, p.fd);
		spool_done(&s);
		buffer_done(&same);
	}
}

static void
beyond_the_limit_all_is_dropped(void **state)
{
	struct buffer same = BUFFER_INIT;
	struct payload p;
	struct spool s;

	spool_init(&s, 100000);
	fill(&s, &same, 100000, 5000);
	assert_false(s.overflow);
	assert_int_equal(spool_add(&s, TEXT("x")), STATUS_OK);
	assert_true(s.overflow);
	assert_int_equal(s.fd, -1);
	assert_int_equal(s.small.cap, 0);
	assert_int_equal(spool_add(&s, TEXT("y")), STATUS_OK);
	assert_int_equal(s.len, 0);
	assert_int_equal(spool_payload(&s, &p), STATUS_LIMIT);
	spool_done(&s);
	assert_int_equal(spool_add(&s, TEXT("y")), STATUS_OK);
	assert_int_equal(s.len, 1);
	spool_done(&s);
	buffer_done(&same);
}

/* What was added beyond some length goes, from memory or from the file. */
static void
the_end_is_taken_back(void **state)
{
	static const size_t cuts[][2] = { { 100, 40 }, { 100, 0 }, { 100000, 99990 },
		{ 100000, 70000 }, { 200000, 30 }, { 200000, 0 } };
	struct payload p;
	struct spool s;

	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		struct buffer same = BUFFER_INIT;

		spool_init(&s, 0);
		fill(&s, &same, cuts[i][0], 7000);
		spool_cut(&s, cuts[i][1]);
		assert_int_equal(s.len, cuts[i][1]);
		buffer_cut(&same, cuts[i][1]);
		for (int k = 0; k < 3; k++) {
			assert_ok(spool_add(&s, TEXT("and on it goes")));
			buffer_add_string(&same, "and on it goes");
		}
		assert_ok(spool_payload(&s, &p));
		assert_true(text_equal(p.bytes, buffer_text(&same)));
		spool_done(&s);
		buffer_done(&same);
	}
}

/* The system takes part of it: no more octets than `most` fit into a file. */
static void
files_end_at(rlim_t most)
{
	struct rlimit r;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = most < r.rlim_max ? most : r.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

static void
an_addition_that_failed_leaves_nothing(void **state)
{
	/* Octets that come, and the file's most: the buffer does not go into it, or
	 * does, and what comes does not. */
	static const size_t additions[][2] = { { 30000, 90000 }, { 70000, 140000 } };

	(void)signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < ARRAY_LEN(additions); i++) {
		static const char more[70000];
		struct buffer same = BUFFER_INIT;
		struct payload p;
		struct spool s;
		struct stat st;

		spool_init(&s, 0);
		fill(&s, &same, 120000, 40000);
		files_end_at(additions[i][1]);
		assert_int_equal(
		    spool_add(&s, (struct text){ more, additions[i][0] }), STATUS_UNAVAILABLE);
		assert_int_equal(s.len, 120000);
		files_end_at(RLIM_INFINITY);
		assert_ok(spool_payload(&s, &p));
		assert_true(text_equal(p.bytes, buffer_text(&same)));
		assert_int_equal(fstat(p.fd, &st), 0);
		assert_int_equal(st.st_size, 120000);
		spool_done(&s);
		buffer_done(&same);
	}
}

static void
a_spooled_file_is_sealed(void **state)
{
	struct buffer same = BUFFER_INIT;
	struct payload p;
	struct spool s;

	spool_init(&s, 0);
	fill(&s, &same, 80000, 80000 / 2);
	assert_int_equal(spool_payload(&s, &p), STATUS_OK);
	assert_int_equal(write(p.fd, "x", 1), -1);
	assert_int_equal(ftruncate(p.fd, 1), -1);
	assert_int_equal(ftruncate(p.fd, 100000), -1);
	assert_int_equal(fcntl(p.fd, F_ADD_SEALS, F_SEAL_SEAL), -1);
	spool_done(&s);
	buffer_done(&same);
}

static void
a_sealed_file_can_be_mapped(void **state)
{
	struct arena a = ARENA_INIT;
	struct payload p;
	int fd;

	assert_int_equal(payload_seal(TEXT("some octets"), &fd), STATUS_OK);
	assert_int_equal(payload_map(fd, &a, &p), STATUS_OK);
	assert_text(p.bytes, "some octets");
	assert_int_equal(p.fd, fd);
	assert_int_equal(payload_seal(TEXT_EMPTY, &fd), STATUS_OK);
	assert_int_equal(payload_map(fd, &a, &p), STATUS_OK);
	assert_int_equal(p.bytes.len, 0);
	arena_done(&a);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void
a_missing_seal_is_refused(void **state)
{
	static const int all[] = { F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE };
	struct arena a = ARENA_INIT;
	struct payload p = PAYLOAD_OF(TEXT("same"));
	int ends[2];

	for (size_t missing = 0; missing < ARRAY_LEN(all); missing++) {
		int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING), seals = 0;

		assert_int_equal(write(fd, "abc", 3), 3);
		for (size_t i = 0; i < ARRAY_LEN(all); i++)
			seals |= i == missing ? 0 : all[i];
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
		assert_int_equal(payload_map(fd, &a, &p), STATUS_INVALID);
		assert_int_equal(fcntl(fd, F_GETFD), -1);
	}
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(payload_map(ends[0], &a, &p), STATUS_INVALID);
	close(ends[1]);
	assert_text(p.bytes, "same");
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_spool_gives_back_what_came_in),
		cmocka_unit_test(beyond_the_limit_all_is_dropped),
		cmocka_unit_test(the_end_is_taken_back),
		cmocka_unit_test(an_addition_that_failed_leaves_nothing),
		cmocka_unit_test(a_spooled_file_is_sealed),
		cmocka_unit_test(a_sealed_file_can_be_mapped),
		cmocka_unit_test(a_missing_seal_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
