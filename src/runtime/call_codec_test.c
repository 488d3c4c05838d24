/* SPDX-License-Identifier: ISC */
/*
 * Tests of the encoding of calls: what is encoded decodes to the same, what
 * is cut or longer does not decode, limits hold, and no descriptor is lost.
 */
#include <dirent.h>
#include <sys/mman.h>

#include "base/random.h"
#include "base/testing.h"
#include "runtime/call_frame.h"
#include "runtime/call_toy.h"

CALLS_DEFINE(toy, TOY_CALLS, CALLS_TOY, ROLE_STORE)

static unsigned
open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static struct text
filled(struct arena *a, size_t n, char c)
{
	char *p = arena_alloc(a, n);

	if (n > 0)
		memset(p, c, n);
	return (struct text){ p, n };
}

static struct texts
some_texts(struct arena *a)
{
	struct texts t = { .count = 3 };

	t.at = ARENA_ARRAY(a, struct text, 3);
	t.at[0] = TEXT("one");
	t.at[1] = TEXT_EMPTY;
	t.at[2] = TEXT("three\0with a nul");
	return t;
}

static struct numbers
some_numbers(struct arena *a)
{
	struct numbers n = { .count = 4 };

	n.at = ARENA_ARRAY(a, uint64_t, 4);
	n.at[1] = 127;
	n.at[2] = 128;
	n.at[3] = UINT64_MAX;
	return n;
}

static struct toy_echo_request
some_request(struct arena *a, struct runs *runs)
{
	struct toy_echo_request q = { 0 };

	runs_add(runs, 1, 7);
	runs_add(runs, 100, 100);
	runs_add(runs, 4000000000u, UINT32_MAX);
	q.number = 300;
	q.balance = INT64_MIN;
	q.text = TEXT("hello");
	q.texts = some_texts(a);
	q.numbers = some_numbers(a);
	q.runs = *runs;
	q.first = PAYLOAD_OF(TEXT("small"));
	q.second = PAYLOAD_OF(filled(a, PAYLOAD_INLINE_MAX + 1, 'x'));
	return q;
}

static void
assert_same(const struct toy_echo_request *x, const struct toy_echo_request *y)
{
	struct buffer b = BUFFER_INIT, c = BUFFER_INIT;

	assert_int_equal(x->number, y->number);
	assert_int_equal(x->balance, y->balance);
	assert_true(text_equal(x->text, y->text));
	assert_int_equal(x->texts.count, y->texts.count);
	for (uint32_t i = 0; i < x->texts.count; i++)
		assert_true(text_equal(x->texts.at[i], y->texts.at[i]));
	assert_int_equal(x->numbers.count, y->numbers.count);
	for (uint32_t i = 0; i < x->numbers.count; i++)
		assert_int_equal(x->numbers.at[i], y->numbers.at[i]);
	runs_print(&b, &x->runs);
	runs_print(&c, &y->runs);
	assert_string_equal(buffer_string(&b), buffer_string(&c));
	assert_true(text_equal(x->first.bytes, y->first.bytes));
	assert_true(text_equal(x->second.bytes, y->second.bytes));
	buffer_done(&b);
	buffer_done(&c);
}

/* Decodes as the server would; *fds are taken. */
static enum status
decode(
    struct text bytes, int fds[4], unsigned fd_count, struct arena *a, struct toy_echo_request *out)
{
	const struct call *c = &toy_echo_call;

	return call_decode(
	    c->request, c->request_count, c->request_size, bytes, fds, fd_count, a, out);
}

static enum status
encode(const struct toy_echo_request *q, struct buffer *b, int fds[4], unsigned *n)
{
	return call_encode(toy_echo_call.request, toy_echo_call.request_count, q, b, fds, n);
}

static void
the_table(void **state)
{
	assert_int_equal(toy_call_count, 9);
	assert_ptr_equal(toy_call_list[0], &toy_echo_call);
	assert_null(toy_call_list[toy_call_count]);
	assert_string_equal(toy_echo_call.name, "toy_echo");
	assert_int_equal(toy_fail_call.number, CALLS_TOY << 8 | 3);
	assert_int_equal(toy_fail_call.allowed, BY_MX | BY_ACCESS);
	assert_int_equal(toy_echo_call.server, ROLE_STORE);
	assert_int_equal(toy_echo_call.request_count, 8);
	assert_string_equal(toy_echo_call.request[2].name, "text");
}

static void
round_trip(void **state)
{
	unsigned before = open_fds(), n = 9;
	struct arena a = ARENA_INIT, b = ARENA_INIT;
	struct runs runs = RUNS_INIT;
	struct toy_echo_request q = some_request(&a, &runs), back;
	struct buffer out = BUFFER_INIT;
	int fds[4];

	assert_ok(encode(&q, &out, fds, &n));
	assert_int_equal(n, 1);
	assert_ok(decode(buffer_text(&out), fds, n, &b, &back));
	assert_same(&q, &back);
	assert_true(back.second.fd >= 0);
	assert_int_equal(back.first.fd, -1);
	assert_int_equal(runs_total(&back.runs), runs_total(&q.runs));
	assert_int_equal(runs_rank(&back.runs, 100), 8);
	/* What came as a memfd goes on as one, without a copy. */
	q.second = back.second;
	buffer_clear(&out);
	assert_ok(encode(&q, &out, fds, &n));
	assert_int_equal(n, 1);
	call_close_fds(fds, n);
	arena_done(&a);
	arena_done(&b);
	runs_done(&runs);
	buffer_done(&out);
	assert_int_equal(open_fds(), before);
}

static void
every_cut_and_every_tail_is_refused(void **state)
{
	unsigned before = open_fds(), n;
	struct arena a = ARENA_INIT, b = ARENA_INIT;
	struct runs runs = RUNS_INIT;
	struct toy_echo_request q = some_request(&a, &runs), back;
	struct buffer out = BUFFER_INIT;
	int fds[4], copy[4];

	assert_ok(encode(&q, &out, fds, &n));
	for (size_t len = 0; len < out.len; len++) {
		struct text cut = arena_copy(&b, text_part(buffer_text(&out), 0, len));

		copy[0] = dup(fds[0]);
		assert_int_equal(decode(cut, copy, 1, &b, &back), STATUS_INVALID);
		arena_done(&b);
	}
	assert_int_equal(decode(buffer_text(&out), NULL, 0, &b, &back), STATUS_INVALID);
	copy[0] = dup(fds[0]);
	copy[1] = dup(fds[0]);
	assert_int_equal(decode(buffer_text(&out), copy, 2, &b, &back), STATUS_INVALID);
	buffer_add_byte(&out, 0);
	assert_int_equal(decode(buffer_text(&out), fds, 1, &b, &back), STATUS_INVALID);
	arena_done(&b);
	arena_done(&a);
	runs_done(&runs);
	buffer_done(&out);
	assert_int_equal(open_fds(), before);
}

static void
a_memfd_must_be_sealed_and_as_long_as_announced(void **state)
{
	static const char announced[] = "\x01\x05";
	const struct call_field field = { "p", CALL_PAYLOAD, 0 };
	struct arena a = ARENA_INIT;
	struct payload p;
	int fd;

	assert_ok(payload_seal(TEXT("12345"), &fd));
	assert_ok(call_decode(&field, 1, sizeof(p), (struct text){ announced, 2 }, &fd, 1, &a, &p));
	assert_text(p.bytes, "12345");
	assert_ok(payload_seal(TEXT("1234"), &fd));
	assert_int_equal(
	    call_decode(&field, 1, sizeof(p), (struct text){ announced, 2 }, &fd, 1, &a, &p),
	    STATUS_INVALID);
	fd = memfd_create("open", MFD_CLOEXEC);
	assert_int_equal(write(fd, "12345", 5), 5);
	assert_int_equal(
	    call_decode(&field, 1, sizeof(p), (struct text){ announced, 2 }, &fd, 1, &a, &p),
	    STATUS_INVALID);
	arena_done(&a);
}

static void
limits(void **state)
{
	unsigned before = open_fds(), n = 9;
	struct arena a = ARENA_INIT;
	struct buffer out = BUFFER_INIT;
	int fds[4] = { -5, -5, -5, -5 };
	struct toy_echo_request q = { .first = PAYLOAD_OF(TEXT_EMPTY),
		.second = PAYLOAD_OF(filled(&a, PAYLOAD_INLINE_MAX, 'p')) };
	struct call_field five[5];
	struct payload many[5];

	buffer_add_string(&out, "before");
	assert_ok(encode(&q, &out, fds, &n)); /* just inline */
	assert_int_equal(n, 0);
	buffer_cut(&out, 6);
	q.text = filled(&a, CALL_FRAME_MAX, 't');
	q.second = PAYLOAD_OF(filled(&a, PAYLOAD_INLINE_MAX + 1, 'p'));
	assert_int_equal(encode(&q, &out, fds, &n), STATUS_LIMIT);
	assert_int_equal(out.len, 6);
	q.text = filled(&a, CALL_BODY_MAX - 20, 't');
	assert_ok(encode(&q, &out, fds, &n));
	call_close_fds(fds, n);
	buffer_cut(&out, 6);
	q.text = filled(&a, CALL_BODY_MAX - 10, 't');
	assert_int_equal(encode(&q, &out, fds, &n), STATUS_LIMIT);
	for (size_t i = 0; i < 5; i++) {
		five[i] = (struct call_field){ "p", CALL_PAYLOAD, i * sizeof(many[0]) };
		many[i] = PAYLOAD_OF(filled(&a, PAYLOAD_INLINE_MAX + 1, 'm'));
	}
	n = 9;
	assert_int_equal(call_encode(five, 5, many, &out, fds, &n), STATUS_LIMIT);
	assert_int_equal(n, 9);
	assert_int_equal(out.len, 6);
	arena_done(&a);
	buffer_done(&out);
	assert_int_equal(open_fds(), before);
}

/* A count that promises more than there is takes no memory. */
static void
great_promises_are_refused(void **state)
{
	static const char huge[] = "\xff\xff\xff\xff\x0f";
	static const enum call_field_type types[] = { CALL_TEXT, CALL_TEXTS, CALL_NUMBERS,
		CALL_RUNS };
	struct arena a = ARENA_INIT;
	char record[256];

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		const struct call_field field = { "f", types[i], 0 };

		assert_int_equal(call_decode(&field, 1, sizeof(record), (struct text){ huge, 5 },
				     NULL, 0, &a, record),
		    STATUS_INVALID);
	}
	assert_int_equal(a.used, 0);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(every_cut_and_every_tail_is_refused),
		cmocka_unit_test(a_memfd_must_be_sealed_and_as_long_as_announced),
		cmocka_unit_test(limits),
		cmocka_unit_test(great_promises_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
