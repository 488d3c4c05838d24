/* SPDX-License-Identifier: ISC */
/* Tests of runtime/metrics.h: counting from many threads, and the printed form. */
#include "runtime/metrics.h"

#include <pthread.h>

#include "base/log.h"
#include "base/testing.h"

static void
rows_are_well_formed(void **state)
{
	for (unsigned m = 0; m < METRIC_COUNT; m++) {
		const struct metric_row *row = metric_row((enum metric)m);
		struct text name = text_of(row->name);

		assert_true(name.len > 0);
		for (size_t i = 0; i < name.len; i++)
			assert_true((name.ptr[i] >= 'a' && name.ptr[i] <= 'z') ||
				    byte_digit(name.ptr[i]) || name.ptr[i] == '_');
		assert_true(row->help[0] >= 'A' && row->help[0] <= 'Z');
		/* Prometheus wants _total on what only grows. */
		assert_int_equal(text_ends(name, TEXT("_total")), row->type == METRIC_COUNTER);
		for (unsigned other = 0; other < m; other++)
			assert_string_not_equal(row->name, metric_row((enum metric)other)->name);
	}
}

static void *
add_many(void *arg)
{
	for (int i = 0; i < 10000; i++)
		metric_add(METRIC_IMAP_COMMANDS, 1);
	return arg;
}

static void
counting_loses_nothing(void **state)
{
	pthread_t thread[4];
	int64_t before = metric_get(METRIC_IMAP_COMMANDS);

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, add_many, NULL), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(metric_get(METRIC_IMAP_COMMANDS) - before, 40000);
	metric_set(METRIC_SESSIONS, 7);
	metric_add(METRIC_SESSIONS, -9);
	assert_int_equal(metric_get(METRIC_SESSIONS), -2);
}

static void
alarms_are_those_of_the_log(void **state)
{
	int64_t before = metric_get(METRIC_ALARMS);

	log_set_fd(-1);
	LOG_ALARM("test.alarm");
	log_set_fd(STDERR_FILENO);
	assert_int_equal(metric_get(METRIC_ALARMS), before + 1);
}

static void
printing(void **state)
{
	uint64_t values[METRIC_COUNT] = { [METRIC_SESSIONS] = (uint64_t)-2 };
	struct metric_source sources[] = {
		{ TEXT("mx"), 0, values, METRIC_COUNT },
		{ TEXT("a\"\\\n"), 1, values, 1 }, /* an older peer knows fewer */
	};
	struct buffer out = BUFFER_INIT;

	metrics_print(sources, 2, &out);
	assert_true(text_starts(
	    buffer_text(&out), TEXT("# HELP mailstead_sessions Client sessions that are open\n"
				    "# TYPE mailstead_sessions gauge\n"
				    "mailstead_sessions{role=\"mx\",instance=\"0\"} -2\n"
				    "mailstead_sessions{role=\"a\\\"\\\\\\n\",instance=\"1\"} -2\n"
				    "# HELP mailstead_sessions_parked")));
	assert_true(text_ends(
	    buffer_text(&out), TEXT("# TYPE mailstead_alarms_total counter\n"
				    "mailstead_alarms_total{role=\"mx\",instance=\"0\"} 0\n")));
	buffer_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_well_formed),
		cmocka_unit_test(counting_loses_nothing),
		cmocka_unit_test(alarms_are_those_of_the_log),
		cmocka_unit_test(printing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
