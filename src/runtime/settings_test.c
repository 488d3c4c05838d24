/* SPDX-License-Identifier: ISC */
/*
 * Tests of runtime/settings.h: every row by the same rules, the words that
 * people write, and that docs/settings.md is what the table says (run with
 * MAILSTEAD_WRITE_DOCS=1 to write it anew).
 */
#include "runtime/settings.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/testing.h"

static int64_t
parsed(enum setting s, const char *words)
{
	struct failure f = { 0 };
	int64_t n = -1;

	if (setting_parse(s, text_of(words), &n, &f) != STATUS_OK)
		print_error("\"%s\": %s\n", words, f.log);
	return n;
}

static enum status
refused(enum setting s, const char *words, struct failure *f)
{
	int64_t n = -77;
	enum status st = setting_parse(s, text_of(words), &n, f);

	assert_int_not_equal(st, STATUS_OK);
	assert_int_equal(n, -77);
	return st;
}

static void
check_round_trip(enum setting s, int64_t value)
{
	struct buffer b = BUFFER_INIT;

	setting_print(s, value, &b);
	assert_int_equal(parsed(s, buffer_string(&b)), value);
	buffer_done(&b);
}

static void
every_row_keeps_the_rules(void **state)
{
	for (unsigned i = 0; i < SETTING_COUNT; i++) {
		enum setting s = (enum setting)i, found = SETTING_COUNT;
		const struct setting_row *row = setting_row(s);

		assert_ok(setting_find(text_of(row->name), &found));
		assert_int_equal(found, s); /* names are unique */
		assert_true(text_find_byte(text_of(row->name), '.', 0) > 0);
		assert_true(row->low <= row->high);
		assert_true(text_ends(text_of(row->prose), TEXT(".")));
		if (row->type == SETTING_TEXT)
			continue;
		assert_in_range(row->value - row->low, 0, row->high - row->low);
		assert_int_equal(setting(s), row->value);
		check_round_trip(s, row->value);
		check_round_trip(s, row->low);
		check_round_trip(s, row->high);
	}
}

static void
sizes_and_times(void **state)
{
	assert_int_equal(parsed(SET_SMTP_MESSAGE_SIZE_MAX, "10 MiB"), 10 << 20);
	assert_int_equal(parsed(SET_SMTP_MESSAGE_SIZE_MAX, " 10mb "), 10 << 20);
	assert_int_equal(parsed(SET_SMTP_MESSAGE_SIZE_MAX, "70000"), 70000);
	assert_int_equal(parsed(SET_SMTP_MESSAGE_SIZE_MAX, "70000 octets"), 70000);
	assert_int_equal(parsed(SET_STORE_QUOTA, "0"), 0);
	assert_int_equal(parsed(SET_STORE_QUOTA, "1 PiB"), 1LL << 50);
	assert_int_equal(parsed(SET_SMTP_COMMAND_TIMEOUT, "5 min"), 5 * CLOCK_MINUTE);
	assert_int_equal(parsed(SET_SMTP_COMMAND_TIMEOUT, "1 hour"), CLOCK_HOUR);
	assert_int_equal(parsed(SET_SMTP_COMMAND_TIMEOUT, "30s"), 30 * CLOCK_SECOND);
	assert_int_equal(parsed(SET_SMTP_GREET_DELAY, "0"), 0);
	assert_int_equal(parsed(SET_SMTP_GREET_DELAY, "1500 ms"), 1500 * CLOCK_MS);
	assert_int_equal(parsed(SET_SMTP_GREET_REMEMBER, "7 days"), 7 * CLOCK_DAY);
}

static void
refusals_say_what_is_wanted(void **state)
{
	struct failure f = { 0 };

	assert_int_equal(refused(SET_SMTP_COMMAND_TIMEOUT, "5", &f), STATUS_INVALID);
	assert_non_null(strstr(f.client, "smtp.command_timeout must be a time with its unit"));
	assert_int_equal(refused(SET_SMTP_COMMAND_TIMEOUT, "5 MiB", &f), STATUS_INVALID);
	assert_int_equal(refused(SET_SMTP_COMMAND_TIMEOUT, "1 s", &f), STATUS_LIMIT);
	assert_string_equal(f.client, "smtp.command_timeout must be from 10 s to 1 hour");
	assert_int_equal(refused(SET_SMTP_MESSAGE_SIZE_MAX, "2 GiB", &f), STATUS_LIMIT);
	assert_string_equal(f.client, "smtp.message_size_max must be from 64 KiB to 1 GiB");
	assert_int_equal(refused(SET_SMTP_MESSAGE_SIZE_MAX, "9999999 PiB", &f), STATUS_LIMIT);
	assert_int_equal(
	    refused(SET_SMTP_MESSAGE_SIZE_MAX, "99999999999999999999", &f), STATUS_LIMIT);
	assert_int_equal(refused(SET_SMTP_MESSAGE_SIZE_MAX, "-1", &f), STATUS_INVALID);
	assert_int_equal(refused(SET_SMTP_MESSAGE_SIZE_MAX, "", &f), STATUS_INVALID);
	assert_int_equal(refused(SET_SMTP_RECIPIENTS_MAX, "100 x", &f), STATUS_INVALID);
	assert_int_equal(refused(SET_SMTP_RECIPIENTS_MAX, "99", &f), STATUS_LIMIT);
	assert_int_equal(
	    refused(SET_SMTP_RECIPIENTS_MAX, "18446744073709551615", NULL), STATUS_LIMIT);
}

static void
applying(void **state)
{
	assert_ok(setting_apply(SET_SMTP_HOPS_MAX, TEXT("77")));
	assert_int_equal(setting(SET_SMTP_HOPS_MAX), 77);
	log_set_fd(-1);
	assert_int_equal(setting_apply(SET_SMTP_HOPS_MAX, TEXT("many")), STATUS_INVALID);
	assert_int_equal(setting_apply(SET_SMTP_HOPS_MAX, TEXT("9")), STATUS_LIMIT);
	log_set_fd(STDERR_FILENO);
	assert_int_equal(setting(SET_SMTP_HOPS_MAX), 77);
	assert_ok(setting_apply(SET_SMTP_HOPS_MAX, TEXT_EMPTY));
	assert_int_equal(setting(SET_SMTP_HOPS_MAX), setting_row(SET_SMTP_HOPS_MAX)->value);
}

static void
texts(void **state)
{
	const struct setting_row *row = setting_row(SET_STORE_POSTMASTER);
	struct buffer b = BUFFER_INIT;
	char value[64], cut[4], huge[1000];

	assert_int_equal(row->type, SETTING_TEXT);
	memset(huge, 'x', sizeof(huge));
	assert_true((int64_t)sizeof(huge) > row->high);
	assert_ok(setting_apply(SET_STORE_POSTMASTER, TEXT(" me@example.org ")));
	setting_text(SET_STORE_POSTMASTER, value, sizeof(value));
	assert_string_equal(value, "me@example.org");
	setting_text(SET_STORE_POSTMASTER, cut, sizeof(cut));
	assert_string_equal(cut, "me@");
	setting_print(SET_STORE_POSTMASTER, setting(SET_STORE_POSTMASTER), &b);
	assert_string_equal(buffer_string(&b), "me@example.org");
	log_set_fd(-1);
	assert_int_equal(setting_apply(SET_STORE_POSTMASTER, TEXT("two\nlines")), STATUS_INVALID);
	assert_int_equal(
	    setting_apply(SET_STORE_POSTMASTER, (struct text){ huge, sizeof(huge) }), STATUS_LIMIT);
	log_set_fd(STDERR_FILENO);
	setting_text(SET_STORE_POSTMASTER, value, sizeof(value));
	assert_string_equal(value, "me@example.org");
	assert_ok(setting_apply(SET_STORE_POSTMASTER, TEXT_EMPTY));
	setting_text(SET_STORE_POSTMASTER, value, sizeof(value));
	assert_string_equal(value, "");
	buffer_done(&b);
}

/* What is no network is refused when it is set, not left out when it counts. */
static void
networks(void **state)
{
	static const enum setting lists[] = { SET_SUBMISSION_RELAY_NETWORKS,
		SET_OUTBOUND_PRIVATE_NETWORKS, SET_LOOKUP_HTTPS_NETWORKS };
	struct failure f;
	int64_t n;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		bool inside = lists[i] != SET_SUBMISSION_RELAY_NETWORKS;

		assert_ok(setting_parse(lists[i], TEXT("192.0.2.0/24 2001:db8::/32"), &n, &f));
		assert_int_equal(
		    setting_parse(lists[i], TEXT("192.0.2.0/24, ::1"), &n, &f), STATUS_INVALID);
		assert_int_equal(setting_parse(lists[i], TEXT("::/0"), &n, &f), STATUS_LIMIT);
		assert_int_equal(setting_parse(lists[i], TEXT("fd00::/8"), &n, &f),
		    inside ? STATUS_OK : STATUS_LIMIT);
	}
}

static void
the_log_follows_its_level(void **state)
{
	assert_ok(setting_apply(SET_LOG_LEVEL, TEXT("3")));
	assert_false(log_wants(LOG_LEVEL_WARN));
	assert_ok(setting_apply(SET_LOG_LEVEL, TEXT_EMPTY));
	assert_true(log_wants(LOG_LEVEL_INFO));
}

static void
the_document_is_of_this_table(void **state)
{
	const char *source = getenv("MAILSTEAD_SOURCE");
	struct buffer want = BUFFER_INIT, have = BUFFER_INIT;
	char path[4096];
	FILE *file;

	if (source == NULL) {
		print_message("MAILSTEAD_SOURCE is not set: docs/settings.md is not compared\n");
		skip();
	}
	settings_document(&want);
	for (unsigned s = 0; s < SETTING_COUNT; s++)
		assert_true(text_find(buffer_text(&want),
				text_of(setting_row((enum setting)s)->prose), 0) < want.len);
	(void)snprintf(path, sizeof(path), "%s/docs/settings.md", source);
	if (getenv("MAILSTEAD_WRITE_DOCS") != NULL) {
		file = fopen(path, "w");
		assert_non_null(file);
		assert_int_equal(fwrite(want.ptr, 1, want.len, file), want.len);
		assert_int_equal(fclose(file), 0);
	}
	file = fopen(path, "r");
	assert_non_null(file);
	have.len = fread(buffer_room(&have, 1 << 20), 1, 1 << 20, file);
	(void)fclose(file);
	if (!text_equal(buffer_text(&have), buffer_text(&want)))
		print_error("docs/settings.md is not what settings.def says: "
			    "run test-runtime_settings with MAILSTEAD_WRITE_DOCS=1\n");
	assert_true(text_equal(buffer_text(&have), buffer_text(&want)));
	buffer_done(&want);
	buffer_done(&have);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_keeps_the_rules),
		cmocka_unit_test(sizes_and_times),
		cmocka_unit_test(refusals_say_what_is_wanted),
		cmocka_unit_test(applying),
		cmocka_unit_test(texts),
		cmocka_unit_test(networks),
		cmocka_unit_test(the_log_follows_its_level),
		cmocka_unit_test(the_document_is_of_this_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
