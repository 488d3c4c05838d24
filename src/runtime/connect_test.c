/* SPDX-License-Identifier: ISC */
/*
 * Tests of runtime/connect.h on loopback addresses: one that accepts, one that
 * refuses, and one that says nothing, which is a listener whose queue is full.
 */
#include "runtime/connect.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/testing.h"

#define CROWD 16

struct listener {
	int fd;
	struct sockaddr_storage at;
	int crowd[CROWD]; /* connections that fill its queue */
};

static struct sockaddr_storage
address(const char *word, unsigned port)
{
	struct sockaddr_storage a = { 0 };
	struct sockaddr_in *in = (void *)&a;

	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)port);
	assert_int_equal(inet_pton(AF_INET, word, &in->sin_addr), 1);
	return a;
}

static void
listener_open(struct listener *l, const char *word)
{
	socklen_t size = sizeof(l->at);

	memset(l, 0, sizeof(*l));
	memset(l->crowd, 0xff, sizeof(l->crowd));
	l->at = address(word, 0);
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(l->fd, (struct sockaddr *)&l->at, sizeof(struct sockaddr_in)), 0);
	assert_int_equal(listen(l->fd, 0), 0);
	assert_int_equal(getsockname(l->fd, (struct sockaddr *)&l->at, &size), 0);
}

/* Nobody gets through any more: connections are neither taken nor refused. */
static void
listener_fill(struct listener *l)
{
	for (size_t i = 0; i < CROWD; i++) {
		l->crowd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(l->crowd[i], (struct sockaddr *)&l->at, sizeof(struct sockaddr_in));
	}
}

static void
listener_close(struct listener *l)
{
	for (size_t i = 0; i < CROWD; i++)
		if (l->crowd[i] >= 0)
			(void)close(l->crowd[i]);
	(void)close(l->fd);
}

/* An address that refuses: where somebody listened before. */
static struct sockaddr_storage
refusing(void)
{
	struct listener l;

	listener_open(&l, "127.0.0.1");
	listener_close(&l);
	return l.at;
}

static enum status
meet(const struct sockaddr_storage *list, size_t count, struct connect_rules *rules,
    struct connected *c, struct failure *f)
{
	if (rules->deadline == 0)
		rules->deadline = clock_mono() + CLOCK_MINUTE;
	return connect_any(list, count, rules, c, f);
}

static void
first_that_answers(void **state)
{
	struct connect_rules rules = { .stagger = CLOCK_MINUTE };
	struct sockaddr_storage list[3];
	struct listener l;
	struct connected c;

	listener_open(&l, "127.0.0.1");
	list[0] = list[1] = refusing();
	list[2] = l.at;
	/* a failure does not wait for its turn */
	assert_ok(meet(list, 3, &rules, &c, NULL));
	assert_int_equal(c.which, 2);
	assert_int_equal(c.local.ss_family, AF_INET);
	(void)close(c.fd);
	listener_close(&l);
}

/* RFC 8305 5: one that says nothing is overtaken. */
static void
silence_is_overtaken(void **state)
{
	struct connect_rules rules = { .stagger = CLOCK_MS };
	struct sockaddr_storage list[2];
	struct listener silent, good;
	struct connected c;

	listener_open(&silent, "127.0.0.1");
	listener_fill(&silent);
	listener_open(&good, "127.0.0.2");
	list[0] = silent.at;
	list[1] = good.at;
	assert_ok(meet(list, 2, &rules, &c, NULL));
	assert_int_equal(c.which, 1);
	(void)close(c.fd);
	listener_close(&silent);
	listener_close(&good);
}

static void
nobody_answers(void **state)
{
	struct connect_rules rules = { .stagger = CLOCK_MINUTE };
	struct sockaddr_storage list[3] = { refusing(), { .ss_family = AF_UNIX }, refusing() };
	struct connected c = { .fd = -7 };
	struct failure f = { 0 };

	assert_int_equal(meet(list, 3, &rules, &c, &f), STATUS_CLOSED);
	assert_int_equal(c.fd, -7);
	assert_non_null(strstr(f.log, "127.0.0.1:"));
	assert_non_null(strstr(f.log, "Connection refused"));
	assert_int_equal(meet(list, 0, &rules, &c, &f), STATUS_INVALID);
}

static void
deadline(void **state)
{
	struct connect_rules rules = { .stagger = 0 };
	struct connected c;
	struct listener l;
	struct failure f = { 0 };

	listener_open(&l, "127.0.0.1");
	listener_fill(&l);
	rules.deadline = clock_mono() + CLOCK_MS;
	assert_int_equal(meet(&l.at, 1, &rules, &c, &f), STATUS_TIMEOUT);
	assert_non_null(strstr(f.log, "timed out"));
	listener_close(&l);
}

static void
source(void **state)
{
	struct connect_rules rules = { .source4 = address("127.0.0.9", 0) };
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	struct buffer word = BUFFER_INIT;
	struct listener l;
	struct connected c;
	int fd;

	listener_open(&l, "127.0.0.1");
	assert_ok(meet(&l.at, 1, &rules, &c, NULL));
	fd = accept(l.fd, (struct sockaddr *)&from, &size);
	assert_true(fd >= 0);
	connect_print(&from, false, &word);
	assert_text(buffer_text(&word), "127.0.0.9");
	buffer_clear(&word);
	connect_print(&c.local, false, &word);
	assert_text(buffer_text(&word), "127.0.0.9");
	(void)close(fd);
	(void)close(c.fd);
	/* one that is not ours */
	rules.source4 = address("192.0.2.1", 0);
	assert_int_equal(meet(&l.at, 1, &rules, &c, NULL), STATUS_CLOSED);
	listener_close(&l);
	buffer_done(&word);
}

/* RFC 8305 4. */
static void
interleaved(void **state)
{
	static const struct {
		const char *before, *after;
	} rows[] = {
		{ "66644", "64646" },
		{ "4466", "4646" },
		{ "6444", "6444" },
		{ "44", "44" },
		{ "4", "4" },
		{ "", "" },
	};

	for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
		struct sockaddr_storage list[8] = { 0 };
		size_t n = strlen(rows[r].before);
		char after[8] = "";
		in_port_t last[2] = { 0, 0 };

		for (size_t i = 0; i < n; i++) {
			list[i] = address("192.0.2.1", (unsigned)i + 1);
			list[i].ss_family = rows[r].before[i] == '4' ? AF_INET : AF_INET6;
		}
		connect_interleave(list, n);
		for (size_t i = 0; i < n; i++) {
			bool six = list[i].ss_family == AF_INET6;
			in_port_t port = ((struct sockaddr_in *)(void *)&list[i])->sin_port;

			after[i] = six ? '6' : '4';
			assert_true(ntohs(port) > last[six]);
			last[six] = ntohs(port);
		}
		assert_string_equal(after, rows[r].after);
	}
}

static void
printed(void **state)
{
	struct buffer out = BUFFER_INIT;
	struct sockaddr_storage a = { 0 };
	struct sockaddr_in6 *in6 = (void *)&a;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(25);
	assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", &in6->sin6_addr), 1);
	connect_print(&a, true, &out);
	assert_text(buffer_text(&out), "[2001:db8::1]:25");
	buffer_clear(&out);
	a = address("192.0.2.1", 2525);
	connect_print(&a, true, &out);
	assert_text(buffer_text(&out), "192.0.2.1:2525");
	buffer_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_that_answers),
		cmocka_unit_test(silence_is_overtaken),
		cmocka_unit_test(nobody_answers),
		cmocka_unit_test(deadline),
		cmocka_unit_test(source),
		cmocka_unit_test(interleaved),
		cmocka_unit_test(printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
