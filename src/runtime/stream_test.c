/* SPDX-License-Identifier: ISC */
/*
 * Tests of runtime/stream.h, plain and memory: the rules of lines, buffering,
 * deadlines and rates on a clock of the test's own, the two ends of a close.
 */
#include "runtime/stream.h"

#include <pthread.h>
#include <sys/socket.h>

#include "base/random.h"
#include "base/testing.h"

static int64_t now;

static void
pass(int64_t microseconds)
{
	now += microseconds;
	clock_set_for_test(0, now);
}

static int
clock_begin(void **state)
{
	now = CLOCK_DAY;
	clock_set_for_test(0, now);
	return 0;
}

static int
clock_end(void **state)
{
	clock_set_for_test(-1, -1);
	return 0;
}

/* A stream over one end of a pair; the other end is the client's. */
static int
pair(struct stream *s)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	stream_init_fd(s, ends[0]);
	return ends[1];
}

static void
client_sends(int fd, struct text t)
{
	assert_int_equal(send(fd, t.ptr, t.len, MSG_NOSIGNAL), t.len);
}

static struct text
client_gets(int fd, char *to, size_t cap)
{
	ssize_t n = recv(fd, to, cap, MSG_DONTWAIT);

	return (struct text){ to, n < 0 ? 0 : (size_t)n };
}

struct line_case {
	struct text in;
	enum status status;
	struct text line;
};

static void
lines_have_one_end(void **state)
{
	const struct line_case cases[] = {
		{ TEXT(""), STATUS_AGAIN, TEXT("") },
		{ TEXT("NOOP"), STATUS_AGAIN, TEXT("") },
		{ TEXT("NOOP\r"), STATUS_AGAIN, TEXT("") },
		{ TEXT("NOOP\r\n"), STATUS_OK, TEXT("NOOP") },
		{ TEXT("\r\n"), STATUS_OK, TEXT("") },
		{ TEXT("a\r\nb\n"), STATUS_OK, TEXT("a") },
		{ TEXT("a\nb\r\n"), STATUS_INVALID, TEXT("a") },
		{ TEXT("a\n"), STATUS_INVALID, TEXT("a") },
		{ TEXT("a\n\r\n"), STATUS_INVALID, TEXT("a") },
		{ TEXT("a\rb\r\n"), STATUS_INVALID, TEXT("a") },
		{ TEXT("\r\r\n"), STATUS_INVALID, TEXT("") },
		{ TEXT("a\0b\r\n"), STATUS_OK, TEXT("a\0b") },
		{ TEXT("12345678\r\n"), STATUS_OK, TEXT("12345678") },
		{ TEXT("12345678\r"), STATUS_AGAIN, TEXT("") },
		{ TEXT("12345678"), STATUS_AGAIN, TEXT("") },
		{ TEXT("12345678\n"), STATUS_INVALID, TEXT("12345678") },
		{ TEXT("12345678\rx"), STATUS_INVALID, TEXT("12345678") },
		{ TEXT("123456789"), STATUS_LIMIT, TEXT("") },
		{ TEXT("123456789\r\n"), STATUS_LIMIT, TEXT("") },
		{ TEXT("123456789\n"), STATUS_LIMIT, TEXT("") },
		{ TEXT("1234567890123"), STATUS_LIMIT, TEXT("") },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct text line = TEXT("untouched");
		struct buffer out = BUFFER_INIT;
		struct stream s;

		stream_init_memory(&s, cases[i].in, &out);
		if (cases[i].in.len > 0)
			assert_ok(stream_fill(&s));
		assert_int_equal(stream_line(&s, 8, &line), cases[i].status);
		if (cases[i].status == STATUS_OK || cases[i].status == STATUS_INVALID)
			assert_true(text_equal(line, cases[i].line));
		else
			assert_text(line, "untouched");
		assert_int_equal(stream_line(&s, SIZE_MAX, &line) == STATUS_LIMIT, false);
		stream_done(&s);
	}
}

static void
memory_is_read_to_its_end(void **state)
{
	struct buffer out = BUFFER_INIT;
	struct stream s;
	char big[4];

	stream_init_memory(&s, TEXT("abcdef"), &out);
	assert_ok(stream_read(&s, 0, NULL));
	assert_ok(stream_read(&s, 4, big));
	assert_memory_equal(big, "abcd", 4);
	stream_write(&s, TEXT("1"));
	stream_print(&s, "%s-%d", "2", 3);
	assert_int_equal(out.len, 0);
	assert_int_equal(stream_fill(&s), STATUS_CLOSED);
	assert_int_equal(stream_fill_now(&s), STATUS_CLOSED);
	assert_text(stream_buffered(&s), "ef");
	stream_write(&s, TEXT("!"));
	assert_ok(stream_flush(&s));
	assert_text(buffer_text(&out), "12-3!");
	assert_false(stream_idle(&s));
	assert_int_equal(stream_read(&s, 3, big), STATUS_CLOSED);
	assert_true(stream_idle(&s));
	assert_null(s.in.ptr);
	assert_null(s.out.ptr);
	stream_done(&s);
	buffer_done(&out);
}

static void
input_in_any_pieces(void **state)
{
	struct stream s;
	struct text line;
	int client = pair(&s), whole = 0;

	random_seed_for_test(5);
	for (int i = 0; i < 3000; i++) {
		struct text rest = TEXT("some command with arguments\r\n");

		while (rest.len > 0) {
			size_t n = 1 + random_below(rest.len);

			client_sends(client, text_part(rest, 0, n));
			rest = text_part(rest, n, rest.len);
			if (random_below(4) == 0)
				assert_ok(stream_fill(&s));
			if (random_below(8) == 0)
				(void)stream_idle(&s);
			while (stream_line(&s, 100, &line) == STATUS_OK) {
				assert_text(line, "some command with arguments");
				stream_consume(&s, line.len + 2);
				whole++;
			}
		}
	}
	while (whole < 3000) {
		if (stream_line(&s, 100, &line) == STATUS_AGAIN)
			assert_ok(stream_fill(&s));
		else
			stream_consume(&s, 29), whole++;
	}
	random_seed_for_test(0);
	assert_true(stream_idle(&s));
	close(client);
	stream_done(&s);
}

static void
nothing_there_is_no_failure(void **state)
{
	struct stream s;
	int client = pair(&s);

	assert_int_equal(stream_fill_now(&s), STATUS_AGAIN);
	client_sends(client, TEXT("a"));
	assert_ok(stream_fill_now(&s));
	assert_text(stream_buffered(&s), "a");
	client_sends(client, TEXT("b"));
	assert_int_equal(stream_fill_now(&s), STATUS_AGAIN); /* it took all there was */
	assert_ok(stream_fill_now(&s));
	assert_text(stream_buffered(&s), "ab");
	assert_int_equal(s.bytes_in, 2);
	close(client);
	stream_done(&s);
}

static void
a_deadline_ends_the_wait(void **state)
{
	struct stream s;
	int client = pair(&s);

	stream_set_deadline(&s, now + CLOCK_SECOND);
	pass(CLOCK_SECOND);
	client_sends(client, TEXT("x"));
	assert_ok(stream_fill(&s)); /* no wait, no deadline */
	assert_int_equal(stream_fill(&s), STATUS_TIMEOUT);
	stream_set_deadline(&s, 0);
	client_sends(client, TEXT("y"));
	assert_int_equal(stream_fill(&s), STATUS_TIMEOUT); /* for good */
	assert_int_equal(stream_fill_now(&s), STATUS_TIMEOUT);
	stream_write(&s, TEXT("late"));
	assert_int_equal(stream_flush(&s), STATUS_TIMEOUT);
	assert_int_equal(s.out.len, 0);
	close(client);
	stream_done(&s);
}

static void
a_slow_sender_is_cut_off(void **state)
{
	struct stream s;
	int client = pair(&s);

	stream_set_min_rate(&s, 100);
	client_sends(client, TEXT("12345"));
	assert_ok(stream_fill(&s));
	pass(STREAM_RATE_GRACE - 1);
	assert_int_equal(stream_fill_now(&s), STATUS_AGAIN);
	assert_int_equal(s.broken, STATUS_OK);
	for (int i = 0; i < 15; i++)
		client_sends(client, text_part(TEXT("a hundred octets are moved by this text "
						    "so that a second is earned, and no more, by "
						    "each of them...."),
					 0, 100));
	assert_ok(stream_fill(&s)); /* 1,505 octets: fifteen seconds */
	pass(CLOCK_SECOND * 5);
	client_sends(client, TEXT("6"));
	assert_ok(stream_fill(&s));
	pass(CLOCK_SECOND);
	assert_int_equal(stream_fill(&s), STATUS_TIMEOUT);
	close(client);
	stream_done(&s);
}

static void
a_slow_reader_is_cut_off(void **state)
{
	static char block[1 << 20];
	struct stream s;
	int client = pair(&s);

	stream_set_min_rate(&s, 1 << 20);
	pass(STREAM_RATE_GRACE);
	for (int i = 0; i < 20 && s.broken == STATUS_OK; i++)
		stream_write(&s, (struct text){ block, sizeof(block) });
	assert_int_equal(s.broken, STATUS_TIMEOUT);
	assert_int_equal(s.out.cap, 0);
	close(client);
	stream_done(&s);
}

struct reader {
	int fd;
	size_t got;
	uint64_t sum;
};

static void *
read_slowly(void *arg)
{
	struct reader *r = arg;
	unsigned char piece[7000];
	ssize_t n;

	while ((n = recv(r->fd, piece, sizeof(piece), 0)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			r->sum = r->sum * 31 + piece[i];
		r->got += (size_t)n;
	}
	return NULL;
}

static void
much_goes_out_whole(void **state)
{
	struct buffer big = BUFFER_INIT;
	struct reader reader = { 0 };
	pthread_t thread;
	struct stream s;
	uint64_t sum = 0;
	size_t sent = 0;

	for (int i = 0; i < 200000; i++)
		buffer_addf(&big, "%d,", i);
	reader.fd = pair(&s);
	assert_int_equal(pthread_create(&thread, NULL, read_slowly, &reader), 0);
	for (size_t n = 1; n < big.len; n = n * 3 / 2 + 1) {
		struct text part = text_part(buffer_text(&big), 0, n);

		stream_write(&s, part);
		sent += n;
		for (size_t i = 0; i < n; i++)
			sum = sum * 31 + (unsigned char)part.ptr[i];
	}
	assert_ok(stream_flush(&s));
	assert_int_equal(s.bytes_out, sent);
	stream_done(&s);
	pthread_join(thread, NULL);
	assert_int_equal(reader.got, sent);
	assert_true(reader.sum == sum);
	close(reader.fd);
	buffer_done(&big);
}

static void
a_client_that_ends_its_sending_still_gets_the_answer(void **state)
{
	struct stream s;
	int client = pair(&s);
	char got[100];

	client_sends(client, TEXT("QUIT\r\n"));
	shutdown(client, SHUT_WR);
	assert_ok(stream_fill(&s));
	stream_write(&s, TEXT("221 "));
	assert_int_equal(stream_fill(&s), STATUS_CLOSED);
	assert_text(stream_buffered(&s), "QUIT\r\n");
	stream_write(&s, TEXT("bye\r\n"));
	assert_ok(stream_flush(&s));
	assert_text(client_gets(client, got, sizeof(got)), "221 bye\r\n");
	close(client);
	stream_write(&s, TEXT("more"));
	assert_int_equal(stream_flush(&s), STATUS_CLOSED);
	assert_int_equal(stream_flush(&s), STATUS_CLOSED);
	stream_done(&s);
}

static void
a_peer_that_went_raises_no_signal(void **state)
{
	struct stream s;
	int client = pair(&s);

	close(client);
	stream_write(&s, TEXT("hello"));
	assert_int_equal(stream_flush(&s), STATUS_CLOSED);
	assert_int_equal(stream_fill(&s), STATUS_CLOSED);
	stream_done(&s);
}

/* The other side acts when the stream would wait, and moves the clock. */
static enum status
act(struct stream *s, void *arg)
{
	struct buffer *out = arg;

	if (text_ends(buffer_text(out), TEXT("bye\r\n"))) {
		s->memory_wait = NULL;
	} else if (out->len > 0) {
		clock_set_for_test(0, 11 * CLOCK_SECOND);
		s->memory_in = TEXT("late");
	} else {
		s->memory_in = TEXT("hello\r\n");
	}
	return STATUS_OK;
}

static void
acted(void **state)
{
	struct buffer out = BUFFER_INIT;
	struct stream s;

	clock_set_for_test(0, CLOCK_SECOND);
	stream_init_acted(&s, act, &out, &out);
	assert_int_equal(stream_fill_now(&s), STATUS_AGAIN);
	stream_set_deadline(&s, 10 * CLOCK_SECOND);
	assert_ok(stream_fill(&s));
	assert_text(stream_buffered(&s), "hello\r\n");
	stream_write(&s, TEXT("what?\r\n"));
	assert_ok(stream_flush(&s));
	assert_int_equal(stream_fill(&s), STATUS_TIMEOUT);
	stream_done(&s);
	buffer_clear(&out);
	buffer_add_string(&out, "bye\r\n");
	stream_init_acted(&s, act, &out, &out);
	assert_int_equal(stream_fill(&s), STATUS_CLOSED);
	stream_done(&s);
	buffer_done(&out);
	clock_set_for_test(-1, -1);
}

/* A peer that says why, and goes without reading. */
static void
last_words(void **state)
{
	static char much[4 * STREAM_WRITE_SIZE];
	struct stream s;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	stream_init_fd(&s, ends[0]);
	assert_int_equal(write(ends[1], "421 bye\r\n", 9), 9);
	close(ends[1]);
	stream_write(&s, (struct text){ much, sizeof(much) });
	assert_int_equal(s.broken, STATUS_CLOSED);
	assert_int_equal(stream_buffered(&s).len, 0);
	stream_last_words(&s);
	assert_text(stream_buffered(&s), "421 bye\r\n");
	stream_consume(&s, 9);
	assert_int_equal(stream_fill(&s), STATUS_CLOSED);
	stream_done(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acted),
		cmocka_unit_test(last_words),
		cmocka_unit_test(lines_have_one_end),
		cmocka_unit_test(memory_is_read_to_its_end),
		cmocka_unit_test(input_in_any_pieces),
		cmocka_unit_test(nothing_there_is_no_failure),
		cmocka_unit_test_setup_teardown(a_deadline_ends_the_wait, clock_begin, clock_end),
		cmocka_unit_test_setup_teardown(a_slow_sender_is_cut_off, clock_begin, clock_end),
		cmocka_unit_test_setup_teardown(a_slow_reader_is_cut_off, clock_begin, clock_end),
		cmocka_unit_test(much_goes_out_whole),
		cmocka_unit_test(a_client_that_ends_its_sending_still_gets_the_answer),
		cmocka_unit_test(a_peer_that_went_raises_no_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
