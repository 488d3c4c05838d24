/* SPDX-License-Identifier: ISC */
/*
 * Tests of runtime/session.h with a toy protocol over loopback: many sessions
 * with input in pieces, publishing into the middle of it, times, limits, the
 * PROXY protocol, stopping. Run under TSan they are the proof of waiter.h.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/testing.h"
#include "runtime/metrics.h"
#include "runtime/network.h"
#include "runtime/session.h"
#include "runtime/thread.h"

#define TOPICS 8
#define MANY 1000
#define LAST 50 /* the last version that is published */

struct toy {
	struct session session;
	uint64_t said; /* version last told */
};

static _Atomic uint64_t versions[TOPICS + 1];
static atomic_uint runs_by[WAKE_STOP + 1], watching;
static atomic_uint done_count, visits_over;
static atomic_bool flooding;

/* WATCH n, ECHO text, SLEEP (a time comes), TAKE (waits for a thousand octets
 * that never come), FLOOD (swallows what comes, for as long as that lasts), AGE
 * (two minutes pass), PEER, QUIT. */
static void
swallow(struct stream *s)
{
	while (atomic_load(&flooding))
		if (stream_fill_now(s) == STATUS_OK)
			stream_consume(s, stream_buffered(s).len);
}

/* Until the waiter has seen that the session's time is over. */
static enum next
age(struct session *s)
{
	clock_set_for_test(0, clock_mono() + 2 * CLOCK_MINUTE);
	thread_blocks();
	while (atomic_load(&s->state) == 0)
		sched_yield();
	thread_goes_on();
	stream_write(&s->stream, TEXT("older\r\n"));
	return NEXT_PARK;
}

static enum next
obey(struct session *s, struct text line)
{
	struct sockaddr_storage local;
	char peer[64], block[1000];

	if (text_starts(line, TEXT("WATCH "))) {
		uint64_t topic;

		assert_ok(text_to_u64(text_part(line, 6, line.len), &topic));
		session_watch(s, topic);
		atomic_fetch_add(&watching, 1);
		stream_print(&s->stream, "watching %u\r\n", (unsigned)topic);
		return NEXT_PARK;
	}
	if (text_starts(line, TEXT("ECHO "))) {
		stream_write(&s->stream, text_part(line, 5, line.len));
		stream_write(&s->stream, TEXT("\r\n"));
		return NEXT_PARK;
	}
	if (text_equal(line, TEXT("SLEEP"))) {
		s->park_until = clock_mono() + CLOCK_HOUR;
		stream_write(&s->stream, TEXT("sleeping\r\n"));
		return NEXT_PARK;
	}
	if (text_equal(line, TEXT("TAKE"))) {
		stream_write(&s->stream, TEXT("go on\r\n"));
		(void)stream_flush(&s->stream);
		return stream_read(&s->stream, sizeof(block), block) == STATUS_OK ? NEXT_PARK
										  : NEXT_CLOSE;
	}
	if (text_equal(line, TEXT("FLOOD"))) {
		swallow(&s->stream);
		return NEXT_CLOSE;
	}
	if (text_equal(line, TEXT("AGE")))
		return age(s);
	if (text_equal(line, TEXT("PEER"))) {
		session_local(s, &local);
		stream_write(&s->stream, session_peer_text(s, peer));
		stream_print(&s->stream, " %d %d\r\n", session_peer_loopback(s),
		    local.ss_family == (s->listener->port == 0 ? AF_UNIX : AF_INET));
		return NEXT_PARK;
	}
	stream_write(&s->stream, TEXT("bye\r\n"));
	return NEXT_CLOSE;
}

static enum next
obey_lines(struct session *s)
{
	struct text line;
	enum status st;

	while ((st = stream_line(&s->stream, 1000, &line)) == STATUS_OK) {
		enum next next = obey(s, line);

		if (next != NEXT_PARK)
			return next;
		stream_consume(&s->stream, line.len + 2);
	}
	return st == STATUS_AGAIN ? NEXT_PARK : NEXT_CLOSE;
}

static enum next
toy_run(struct session *s, enum wake why)
{
	struct toy *t = (struct toy *)(void *)s;
	uint64_t version;

	atomic_fetch_add(&runs_by[why], 1);
	switch (why) {
	case WAKE_START:
		stream_write(&s->stream, TEXT("hello\r\n"));
		return NEXT_PARK;
	case WAKE_INPUT:
		return obey_lines(s);
	case WAKE_EVENT:
		version = atomic_load(&versions[s->topic]);
		if (version != t->said)
			stream_print(&s->stream, "* %u\r\n", (unsigned)version);
		t->said = version;
		return NEXT_PARK;
	case WAKE_TIMER:
		stream_write(&s->stream, TEXT("time\r\n"));
		return NEXT_CLOSE;
	case WAKE_STOP:
		break;
	}
	stream_write(&s->stream, TEXT("stopping\r\n"));
	return NEXT_CLOSE;
}

static void
toy_done(struct session *s)
{
	atomic_fetch_add(&done_count, 1);
}

static const struct session_class toy_class = { "toy", sizeof(struct toy), toy_run, toy_done,
	"busy\r\n" };

/* ---- a service and its clients ---- */

struct house {
	struct listener listener;
	struct service *service;
	struct service_config config;
};

static void
house_start(struct house *h)
{
	h->listener.name = "toy";
	h->listener.class = &toy_class;
	h->config.listeners = &h->listener;
	h->config.listener_count = 1;
	h->config.workers_max = h->config.workers_max == 0 ? 4 : h->config.workers_max;
	h->service = service_start(&h->config);
}

/* Without starting the service. */
static void
house_bind(struct house *h)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(fd, 4096), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	h->listener.fd = fd;
	h->listener.port = ntohs(a.sin_port);
}

static void
house_open(struct house *h)
{
	house_bind(h);
	house_start(h);
}

static void
house_close(struct house *h)
{
	service_stop(h->service, clock_mono() + CLOCK_MINUTE);
	service_free(h->service);
	close(h->listener.fd);
	assert_int_equal(metric_get(METRIC_SESSIONS), 0);
	assert_int_equal(metric_get(METRIC_SESSIONS_PARKED), 0);
}

static int
dial(const struct house *h)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(h->listener.port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void
say(int fd, struct text t)
{
	assert_int_equal(send(fd, t.ptr, t.len, MSG_NOSIGNAL), t.len);
}

/* Reads one line of at most 99 octets; the end gives the empty string. */
static const char *
hear(int fd, char line[100])
{
	size_t n = 0;

	while (n < 99) {
		ssize_t seen = recv(fd, line + n, 99 - n, MSG_PEEK);
		const char *end = seen <= 0 ? NULL : memchr(line + n, '\n', (size_t)seen);
		size_t take = end == NULL ? (size_t)seen : (size_t)(end - line) + 1 - n;

		if (seen <= 0 || recv(fd, line + n, take, 0) != (ssize_t)take)
			break;
		n += take;
		if (end != NULL)
			break;
	}
	while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		n--;
	line[n] = 0;
	return line;
}

#define assert_hears(fd, words) assert_string_equal(hear(fd, (char[100]){ 0 }), words)

static void
await_parked(const struct house *h, unsigned count)
{
	struct service_facts facts;

	do {
		sched_yield();
		service_facts_of(h->service, &facts);
	} while (facts.parked != count);
}

/* ---- the tests ---- */

static void
a_conversation(void **state)
{
	struct house h = { 0 };
	int fd;

	house_open(&h);
	fd = dial(&h);
	assert_hears(fd, "hello");
	say(fd, TEXT("ECHO a\r\nECHO b\r\nEC"));
	assert_hears(fd, "a");
	assert_hears(fd, "b");
	await_parked(&h, 1);
	say(fd, TEXT("HO c\r\n"));
	assert_hears(fd, "c");
	say(fd, TEXT("PEER\r\n"));
	assert_hears(fd, "127.0.0.1 1 1");
	say(fd, TEXT("QUIT\r\n"));
	assert_hears(fd, "bye");
	assert_hears(fd, "");
	close(fd);
	house_close(&h);
}

static void
a_client_that_only_sends_is_answered(void **state)
{
	struct house h = { 0 };
	int fd;

	house_open(&h);
	fd = dial(&h);
	say(fd, TEXT("ECHO a\r\nECHO b\r\nQUIT\r\nECHO unseen\r\n"));
	shutdown(fd, SHUT_WR);
	assert_hears(fd, "hello");
	assert_hears(fd, "a");
	assert_hears(fd, "b");
	assert_hears(fd, "bye");
	assert_hears(fd, "");
	close(fd);
	house_close(&h);
}

/* Whoever waits at the door when it opens is a client like any other. */
static void
who_came_early(void **state)
{
	struct house h = { 0 };
	int fds[5];

	house_bind(&h);
	for (int i = 0; i < 5; i++)
		fds[i] = dial(&h);
	house_start(&h);
	for (int i = 0; i < 5; i++)
		assert_hears(fds[i], "hello");
	await_parked(&h, 5);
	for (int i = 0; i < 5; i++)
		close(fds[i]);
	house_close(&h);
}

static void
over_a_unix_socket(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX }; /* autobind: an abstract name */
	struct house h = { .config = { .per_address_max = 1 } };
	socklen_t len = sizeof(a);
	int fds[2];

	h.listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(h.listener.fd, (struct sockaddr *)&a, sizeof(a.sun_family)), 0);
	assert_int_equal(listen(h.listener.fd, 10), 0);
	assert_int_equal(getsockname(h.listener.fd, (struct sockaddr *)&a, &len), 0);
	house_start(&h);
	for (int i = 0; i < 2; i++) {
		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&a, len), 0);
		assert_hears(fds[i], "hello");
		say(fds[i], TEXT("PEER\r\n"));
		assert_hears(fds[i], "local 1 1");
	}
	await_parked(&h, 2);
	close(fds[0]);
	close(fds[1]);
	house_close(&h);
}

struct crowd {
	struct house *house;
	unsigned from, count;
	uint64_t seed;
	int fds[MANY];
};

struct dice {
	uint64_t at;
};

static unsigned
roll(struct dice *d, unsigned below)
{
	d->at = d->at * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(d->at >> 33) % below;
}

/* Sends a line in random pieces, sometimes waiting until all are parked. */
static void
say_in_pieces(struct dice *d, int fd, struct text t)
{
	while (t.len > 0) {
		size_t n = 1 + roll(d, (unsigned)t.len);

		say(fd, text_part(t, 0, n));
		t = text_part(t, n, t.len);
		if (roll(d, 4) == 0)
			sched_yield();
	}
}

static uint64_t
version_of(const char *notice)
{
	uint64_t version = 0;

	assert_int_equal(notice[0], '*');
	assert_ok(text_to_u64(text_of(notice + 2), &version));
	return version;
}

/* The answer to a command, past any number of notices. */
static void
hear_past_notices(int fd, const char *want, uint64_t *version)
{
	char line[100];

	do {
		hear(fd, line);
		if (line[0] == '*')
			*version = version_of(line);
	} while (line[0] == '*');
	assert_string_equal(line, want);
}

static void *
crowd_main(void *arg)
{
	struct crowd *c = arg;
	struct dice d = { c->seed };
	uint64_t version[MANY] = { 0 };
	char line[100], want[100];

	for (unsigned i = 0; i < c->count; i++) {
		unsigned topic = 1 + (c->from + i) % TOPICS;

		c->fds[i] = dial(c->house);
		(void)snprintf(line, sizeof(line), "WATCH %u\r\n", topic);
		say_in_pieces(&d, c->fds[i], text_of(line));
	}
	for (unsigned round = 0; round < 6; round++)
		for (unsigned i = 0; i < c->count; i++) {
			if (round == 0) {
				hear_past_notices(c->fds[i], "hello", &version[i]);
				(void)snprintf(
				    want, sizeof(want), "watching %u", 1 + (c->from + i) % TOPICS);
				hear_past_notices(c->fds[i], want, &version[i]);
			}
			(void)snprintf(line, sizeof(line), "ECHO %u-%u\r\n", i, round);
			say_in_pieces(&d, c->fds[i], text_of(line));
			(void)snprintf(want, sizeof(want), "%u-%u", i, round);
			hear_past_notices(c->fds[i], want, &version[i]);
		}
	/* No wake-up is lost: the last version arrives, after however many. */
	for (unsigned i = 0; i < c->count; i++)
		while (version[i] != LAST) {
			hear(c->fds[i], line);
			version[i] = version_of(line);
		}
	return NULL;
}

static void *
publish_main(void *arg)
{
	struct house *h = arg;

	for (unsigned n = 1; n <= LAST; n++)
		for (unsigned topic = 1; topic <= TOPICS; topic++) {
			while (n > LAST / 2 && !service_watched(h->service, topic))
				sched_yield();
			/* All of them are there to hear the last. */
			while (n == LAST && atomic_load(&watching) < MANY)
				sched_yield();
			atomic_store(&versions[topic], n);
			service_publish(h->service, topic);
			sched_yield();
		}
	return NULL;
}

static void
a_thousand_sessions_lose_no_event(void **state)
{
	static struct crowd crowds[4];
	struct house h = { .config = { .workers_max = 8 } };
	pthread_t threads[4], publisher;

	memset(versions, 0, sizeof(versions));
	atomic_store(&watching, 0);
	atomic_store(&done_count, 0);
	house_open(&h);
	assert_int_equal(pthread_create(&publisher, NULL, publish_main, &h), 0);
	for (unsigned i = 0; i < 4; i++) {
		crowds[i] = (struct crowd){
			.house = &h, .from = i * MANY / 4, .count = MANY / 4, .seed = i
		};
		assert_int_equal(pthread_create(&threads[i], NULL, crowd_main, &crowds[i]), 0);
	}
	pthread_join(publisher, NULL);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	await_parked(&h, MANY);
	service_publish_all(h.service);
	service_stop(h.service, clock_mono() + CLOCK_MINUTE);
	assert_int_equal(done_count, MANY);
	for (unsigned i = 0; i < MANY; i++) {
		assert_hears(crowds[i / 250].fds[i % 250], "stopping");
		close(crowds[i / 250].fds[i % 250]);
	}
	service_publish_all(h.service);
	assert_false(service_watched(h.service, 1));
	service_free(h.service);
	close(h.listener.fd);
}

/* Clients that come, watch, and go in one of four ways. */
static void *
visitors_main(void *arg)
{
	struct crowd *c = arg;
	struct dice d = { c->seed };
	uint64_t version;

	for (unsigned i = 0; i < c->count; i++) {
		int fd = dial(c->house);

		say_in_pieces(&d, fd, TEXT("WATCH 1\r\n"));
		switch (roll(&d, 4)) {
		case 0: /* in the middle of a line */
			say(fd, TEXT("ECH"));
			break;
		case 1: /* properly */
			say(fd, TEXT("QUIT\r\n"));
			hear_past_notices(fd, "hello", &version);
			hear_past_notices(fd, "watching 1", &version);
			hear_past_notices(fd, "bye", &version);
			break;
		case 2: /* with unread answers */
			hear_past_notices(fd, "hello", &version);
			break;
		default: /* at once */
			break;
		}
		close(fd);
	}
	atomic_fetch_add(&visits_over, 1);
	return NULL;
}

static void
sessions_end_while_events_come(void **state)
{
	static struct crowd crowds[3];
	struct house h = { .config = { .workers_max = 6, .idle = CLOCK_HOUR } };
	pthread_t threads[3];
	struct service_facts facts;

	atomic_store(&done_count, 0);
	atomic_store(&visits_over, 0);
	house_open(&h);
	for (unsigned i = 0; i < 3; i++) {
		crowds[i] = (struct crowd){ .house = &h, .count = 200, .seed = i + 10 };
		assert_int_equal(pthread_create(&threads[i], NULL, visitors_main, &crowds[i]), 0);
	}
	do {
		atomic_fetch_add(&versions[1], 1);
		service_publish(h.service, 1);
		service_facts_of(h.service, &facts);
		sched_yield();
	} while (atomic_load(&visits_over) < 3 || facts.sessions > 0);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(done_count, 600);
	assert_false(service_watched(h.service, 1));
	house_close(&h);
}

static void
times(void **state)
{
	struct house h = { .config = { .idle = CLOCK_MINUTE } };
	int sleeper, idler, others[3];
	int64_t now = CLOCK_DAY;

	atomic_store(&runs_by[WAKE_TIMER], 0);

	clock_set_for_test(now, now);
	house_open(&h);
	sleeper = dial(&h);
	assert_hears(sleeper, "hello");
	say(sleeper, TEXT("SLEEP\r\n"));
	assert_hears(sleeper, "sleeping");
	idler = dial(&h);
	assert_hears(idler, "hello");
	await_parked(&h, 2);
	clock_set_for_test(now, now + CLOCK_MINUTE - CLOCK_SECOND);
	say(idler, TEXT("ECHO awake\r\n"));
	assert_hears(idler, "awake");
	await_parked(&h, 2);
	clock_set_for_test(now, now + CLOCK_MINUTE);
	others[0] = dial(&h); /* makes the waiter look at the clock */
	assert_hears(others[0], "hello");
	await_parked(&h, 3);
	assert_int_equal(runs_by[WAKE_TIMER], 0);
	clock_set_for_test(now, now + 2 * CLOCK_MINUTE - CLOCK_SECOND);
	others[1] = dial(&h);
	assert_hears(idler, "time");
	assert_hears(idler, "");
	clock_set_for_test(now, now + CLOCK_HOUR);
	others[2] = dial(&h);
	assert_hears(sleeper, "time");
	clock_set_for_test(-1, -1);
	close(idler);
	close(sleeper);
	for (int i = 0; i < 3; i++)
		close(others[i]);
	house_close(&h);
}

static void
a_full_house(void **state)
{
	struct house h = { .config = { .sessions_max = 2 } };
	int64_t refused = metric_get(METRIC_SESSIONS_REFUSED);
	int a, b, c;

	house_open(&h);
	a = dial(&h);
	b = dial(&h);
	assert_hears(a, "hello");
	assert_hears(b, "hello");
	c = dial(&h);
	assert_hears(c, "busy");
	assert_hears(c, "");
	assert_int_equal(metric_get(METRIC_SESSIONS_REFUSED), refused + 1);
	close(c);
	say(a, TEXT("QUIT\r\n"));
	assert_hears(a, "bye");
	assert_hears(a, "");
	c = dial(&h);
	assert_hears(c, "hello");
	close(a);
	close(b);
	close(c);
	house_close(&h);
}

static void
proxied_clients_count_by_their_own_address(void **state)
{
	struct network balancer;
	struct house h = { .listener = { .proxy = true },
		.config = {
		    .per_address_max = 2, .proxy_peers = &balancer, .proxy_peer_count = 1 } };
	int fds[5];

	assert_ok(network_parse(TEXT("127.0.0.0/8"), &balancer));
	house_open(&h);
	for (int i = 0; i < 5; i++)
		fds[i] = dial(&h);
	say(fds[0], TEXT("PROXY TCP4 192.0.2.1 192.0.2.9 1000 25\r\nPEER\r\n"));
	assert_hears(fds[0], "hello");
	assert_hears(fds[0], "192.0.2.1 0 1");
	say(fds[1], TEXT("PROXY TCP4 192.0.2.1 192.0.2"));
	await_parked(&h, 5);
	say(fds[1], TEXT(".9 1001 25\r\n"));
	assert_hears(fds[1], "hello");
	say(fds[2], TEXT("PROXY TCP4 192.0.2.1 192.0.2.9 1002 25\r\n"));
	assert_hears(fds[2], "busy");
	assert_hears(fds[2], "");
	say(fds[3], TEXT("PROXY TCP6 2001:db8::1 2001:db8::2 1002 25\r\nPEER\r\n"));
	assert_hears(fds[3], "hello");
	assert_hears(fds[3], "2001:db8::1 0 1");
	say(fds[4], TEXT("EHLO there\r\n"));
	assert_hears(fds[4], "");
	for (int i = 0; i < 5; i++)
		close(fds[i]);
	house_close(&h);
}

static void
only_the_balancer_speaks_proxy(void **state)
{
	struct network balancer;
	struct house h = { .listener = { .proxy = true },
		.config = { .proxy_peers = &balancer, .proxy_peer_count = 1 } };
	int fd;

	assert_ok(network_parse(TEXT("192.0.2.0/24"), &balancer));
	house_open(&h);
	fd = dial(&h);
	assert_hears(fd, "hello");
	close(fd);
	house_close(&h);
}

static void
stopping_cuts_who_does_not_listen(void **state)
{
	struct house h = { 0 };
	int fd;

	house_open(&h);
	fd = dial(&h);
	assert_hears(fd, "hello");
	say(fd, TEXT("TAKE\r\n"));
	assert_hears(fd, "go on");
	service_stop(h.service, clock_mono());
	assert_hears(fd, "");
	service_free(h.service);
	close(h.listener.fd);
	close(fd);
}

static void *
flood_main(void *arg)
{
	static const char junk[65536];
	const int *fd = arg;

	while (atomic_load(&flooding))
		(void)send(*fd, junk, sizeof(junk), MSG_NOSIGNAL | MSG_DONTWAIT);
	return NULL;
}

/* Who sends faster than can be read keeps nobody from being served. */
static void
a_flood_holds_up_nobody(void **state)
{
	struct timeval patience = { .tv_sec = 20 };
	struct house h = { 0 };
	int flood, other;
	pthread_t thread;

	house_open(&h);
	atomic_store(&flooding, true);
	flood = dial(&h);
	assert_hears(flood, "hello");
	say(flood, TEXT("FLOOD\r\n"));
	assert_int_equal(pthread_create(&thread, NULL, flood_main, &flood), 0);
	await_parked(&h, 0);
	other = dial(&h);
	(void)setsockopt(other, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_hears(other, "hello");
	atomic_store(&flooding, false);
	pthread_join(thread, NULL);
	close(flood);
	close(other);
	house_close(&h);
}

/* A time that comes up while the session is at work was its time before. */
static void
who_speaks_in_time_goes_on(void **state)
{
	struct house h = { .config = { .idle = CLOCK_MINUTE } };
	int fd, other;

	clock_set_for_test(CLOCK_DAY, CLOCK_DAY);
	house_open(&h);
	fd = dial(&h);
	assert_hears(fd, "hello");
	await_parked(&h, 1);
	say(fd, TEXT("AGE\r\n"));
	while (clock_mono() == CLOCK_DAY)
		sched_yield();
	other = dial(&h); /* the waiter wakes for it, and looks at its times */
	assert_hears(fd, "older");
	say(fd, TEXT("ECHO here\r\n"));
	assert_hears(fd, "here");
	close(fd);
	close(other);
	house_close(&h);
	clock_set_for_test(-1, -1);
}

static int
many_descriptors(void **state)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_conversation),
		cmocka_unit_test(a_client_that_only_sends_is_answered),
		cmocka_unit_test(who_came_early),
		cmocka_unit_test(over_a_unix_socket),
		cmocka_unit_test(a_thousand_sessions_lose_no_event),
		cmocka_unit_test(sessions_end_while_events_come),
		cmocka_unit_test(times),
		cmocka_unit_test(a_full_house),
		cmocka_unit_test(proxied_clients_count_by_their_own_address),
		cmocka_unit_test(only_the_balancer_speaks_proxy),
		cmocka_unit_test(stopping_cuts_who_does_not_listen),
		cmocka_unit_test(a_flood_holds_up_nobody),
		cmocka_unit_test(who_speaks_in_time_goes_on),
	};

	return cmocka_run_group_tests(tests, many_descriptors, NULL);
}
