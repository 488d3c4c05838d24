/* SPDX-License-Identifier: ISC */
/*
 * A service: the sessions of one process. The door (accept, limits), topics
 * and publishing, stopping. One lock guards the list of sessions and the
 * topics; it is held for walks over pointers only, never for I/O. A publisher
 * claims the parked sessions of a topic under it and hands them to the pool
 * after letting it go: what was claimed cannot be freed by anybody else.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "runtime/metrics.h"
#include "runtime/session_private.h"
#include "runtime/tls.h"

#define ACCEPT_BATCH 64
#define ACCEPT_PAUSE CLOCK_SECOND

static void
ready(void *arg, struct session *s)
{
	struct service *v = arg;

	pool_run_front(v->pool, &s->task);
}

static void
wait_for_some(void *arg)
{
	struct service *v = arg;

	waiter_wait(v->waiter);
}

static void
interrupt(void *arg)
{
	struct service *v = arg;

	waiter_interrupt(v->waiter);
}

/* ---- the door ---- */

/* By who waits. A flood of connections makes one line a second. */
static void
refuse(struct service *v, const struct listener *l, int fd, const char *why)
{
	int64_t now = clock_mono();

	metric_add(METRIC_SESSIONS_REFUSED, 1);
	v->refused++;
	if (now - v->refused_logged >= CLOCK_SECOND) {
		LOG_INFO("session.refused", FIELD_STRING("listener", l->name),
		    FIELD_STRING("why", why), FIELD_U64("times", v->refused));
		v->refused = 0;
		v->refused_logged = now;
	}
	if (l->class->busy != NULL && l->tls != TLS_IMPLICIT)
		(void)send(fd, l->class->busy, strlen(l->class->busy), MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)close(fd);
}

bool
service_admit(struct service *v, struct session *s)
{
	uint64_t key = limits_key_address(&s->peer);

	if (v->config.per_address_max == 0 || session_peer_loopback(s))
		return true;
	if (!limits_enter(v->limits, key, v->config.per_address_max)) {
		metric_add(METRIC_SESSIONS_REFUSED, 1);
		return false;
	}
	s->limit_key = key;
	return true;
}

/* Into the list; false if the house is full or closing. */
static bool
enlist(struct service *v, struct session *s)
{
	bool enlisted;

	pthread_mutex_lock(&v->lock);
	enlisted =
	    !v->stopping && (v->config.sessions_max == 0 || v->count < v->config.sessions_max);
	if (enlisted) {
		list_add_last(&v->sessions, &s->in_service);
		v->count++;
	}
	pthread_mutex_unlock(&v->lock);
	return enlisted;
}

static struct session *
session_new(struct service *v, const struct listener *l, int fd)
{
	struct session *s = mem_new(l->class->size);

	s->magic = SESSION_MAGIC;
	s->class = l->class;
	s->listener = l;
	s->service = v;
	stream_init_fd(&s->stream, fd);
	s->id = atomic_fetch_add(&v->next_id, 1);
	s->began = clock_wall();
	s->task.run = session_work;
	list_init(&s->task.node);
	list_init(&s->in_service);
	list_init(&s->in_topic);
	return s;
}

static void
admit(struct service *v, const struct listener *l, int fd, const struct sockaddr_storage *peer)
{
	struct session *s = session_new(v, l, fd);
	const int one = 1;
	bool full;

	s->peer = *peer;
	if (peer->ss_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	session_begin(s);
	full = s->phase != PHASE_PROXY && !service_admit(v, s);
	if (full || !enlist(v, s)) {
		if (s->limit_key != 0)
			limits_leave(v->limits, s->limit_key);
		refuse(v, l, fd, full ? "address" : "sessions");
		mem_free(s);
		return;
	}
	metric_add(METRIC_SESSIONS, 1);
	metric_add(METRIC_SESSIONS_TOTAL, 1);
	if (s->phase == PHASE_START) {
		pool_run(v->pool, &s->task);
		return;
	}
	waiter_park(v->waiter, s, s->park_until);
}

static void
accept_some(void *arg, const struct listener *l)
{
	struct service *v = arg;

	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage peer = { 0 };
		socklen_t len = sizeof(peer);
		int fd = accept4(l->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);

		if (fd >= 0) {
			admit(v, l, fd, &peer);
			continue;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			LOG_ALARM("session.no-descriptors", FIELD_STRING("listener", l->name),
			    FIELD_STRING("why", strerror(errno)));
			waiter_pause_listening(v->waiter, ACCEPT_PAUSE);
			return;
		}
	}
}

struct service *
service_start(const struct service_config *config)
{
	struct service *v = MEM_NEW(struct service);
	struct pool_config pool = {
		.name = "worker",
		.min = config->workers_min == 0 ? 1 : config->workers_min,
		.max = config->workers_max,
		.wait = wait_for_some,
		.interrupt = interrupt,
		.source = v,
	};
	const struct waiter_config waiter = { .ready = ready, .accept = accept_some, .arg = v };

	v->magic = SERVICE_MAGIC;
	v->config = *config;
	v->next_id = 1;
	CHECK(pthread_mutex_init(&v->lock, NULL) == 0);
	CHECK(pthread_cond_init(&v->empty, NULL) == 0);
	list_init(&v->sessions);
	v->tls = config->tls == NULL ? NULL : tls_context_ref(config->tls);
	v->limits = limits_new(config->sessions_max == 0 ? UINT32_MAX : config->sessions_max + 1);
	v->waiter = waiter_new(&waiter);
	pool.source_fd = waiter_fd(v->waiter);
	v->pool = pool_new(&pool);
	for (size_t i = 0; i < config->listener_count; i++)
		waiter_listen(v->waiter, &config->listeners[i]);
	return v;
}

void *
service_context(struct service *v)
{
	MAGIC_CHECK(v, SERVICE_MAGIC);
	return v->config.context;
}

struct tls_context *
service_tls(struct service *v)
{
	struct tls_context *tls;

	MAGIC_CHECK(v, SERVICE_MAGIC);
	pthread_mutex_lock(&v->lock);
	tls = v->tls == NULL ? NULL : tls_context_ref(v->tls);
	pthread_mutex_unlock(&v->lock);
	return tls;
}

void
service_set_tls(struct service *v, struct tls_context *tls)
{
	struct tls_context *before;

	MAGIC_CHECK(v, SERVICE_MAGIC);
	pthread_mutex_lock(&v->lock);
	before = v->tls;
	v->tls = tls == NULL ? NULL : tls_context_ref(tls);
	pthread_mutex_unlock(&v->lock);
	tls_context_unref(before);
}

/* ---- topics ---- */

/* With the lock. */
static void
unwatch(struct service *v, struct session *s)
{
	struct topic *t;

	if (s->topic == 0)
		return;
	t = map_get_u64(&v->topics, s->topic);
	list_remove(&s->in_topic);
	if (list_empty(&t->sessions)) {
		(void)map_remove_u64(&v->topics, t->number);
		mem_free(t);
	}
	s->topic = 0;
}

/* With the lock. */
static void
watch(struct service *v, struct session *s, uint64_t number)
{
	struct topic *t = map_get_u64(&v->topics, number);

	if (t == NULL) {
		t = MEM_NEW(struct topic);
		t->number = number;
		list_init(&t->sessions);
		(void)map_put_u64(&v->topics, number, t);
	}
	list_add_last(&t->sessions, &s->in_topic);
	s->topic = number;
}

void
session_watch(struct session *s, uint64_t topic)
{
	struct service *v = s->service;

	MAGIC_CHECK(s, SESSION_MAGIC);
	if (s->topic == topic)
		return;
	pthread_mutex_lock(&v->lock);
	unwatch(v, s);
	if (topic != 0)
		watch(v, s, topic);
	pthread_mutex_unlock(&v->lock);
}

/* With the lock: who of the topic was parked, into the list. */
static void
claim_topic(struct service *v, struct topic *t, struct list *woken)
{
	LIST_EACH(&t->sessions, node)
	{
		struct session *s = LIST_OWNER(node, struct session, in_topic);

		if (waiter_claim(v->waiter, s, WAKE_EVENT))
			list_add_last(woken, &s->task.node);
	}
}

void
service_publish(struct service *v, uint64_t topic)
{
	struct list woken = LIST_INIT(woken);
	struct topic *t;

	MAGIC_CHECK(v, SERVICE_MAGIC);
	pthread_mutex_lock(&v->lock);
	t = map_get_u64(&v->topics, topic);
	if (t != NULL)
		claim_topic(v, t, &woken);
	pthread_mutex_unlock(&v->lock);
	if (!list_empty(&woken))
		pool_run_front_all(v->pool, &woken);
}

void
service_publish_all(struct service *v)
{
	struct list woken = LIST_INIT(woken);
	size_t at = 0;
	void *value;

	MAGIC_CHECK(v, SERVICE_MAGIC);
	pthread_mutex_lock(&v->lock);
	while (map_each(&v->topics, &at, NULL, NULL, &value))
		claim_topic(v, value, &woken);
	pthread_mutex_unlock(&v->lock);
	if (!list_empty(&woken))
		pool_run_front_all(v->pool, &woken);
}

bool
service_watched(struct service *v, uint64_t topic)
{
	bool watched;

	pthread_mutex_lock(&v->lock);
	watched = map_get_u64(&v->topics, topic) != NULL;
	pthread_mutex_unlock(&v->lock);
	return watched;
}

/* ---- the end ---- */

void
service_forget(struct service *v, struct session *s)
{
	pthread_mutex_lock(&v->lock);
	unwatch(v, s);
	list_remove(&s->in_service);
	if (--v->count == 0)
		pthread_cond_broadcast(&v->empty);
	pthread_mutex_unlock(&v->lock);
	if (s->limit_key != 0)
		limits_leave(v->limits, s->limit_key);
	metric_add(METRIC_SESSIONS, -1);
}

/* With the lock: waits until all are gone, or so long. */
static void
await_empty(struct service *v, int64_t microseconds)
{
	struct timespec until;
	int error = 0;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
	microseconds += until.tv_nsec / 1000;
	until.tv_sec += microseconds / CLOCK_SECOND;
	until.tv_nsec = microseconds % CLOCK_SECOND * 1000;
	while (v->count > 0 && error == 0)
		error = pthread_cond_clockwait(&v->empty, &v->lock, CLOCK_MONOTONIC, &until);
}

/* With the lock: blocked reads and writes end, sockets stay open. */
static void
cut_connections(struct service *v)
{
	LIST_EACH(&v->sessions, node)
	{
		struct session *s = LIST_OWNER(node, struct session, in_service);

		(void)shutdown(s->stream.fd, SHUT_RDWR);
	}
}

void
service_stop(struct service *v, int64_t deadline)
{
	struct list woken = LIST_INIT(woken);
	int64_t left;

	MAGIC_CHECK(v, SERVICE_MAGIC);
	waiter_stop_listening(v->waiter);
	pthread_mutex_lock(&v->lock);
	v->stopping = true;
	LIST_EACH(&v->sessions, node)
	{
		struct session *s = LIST_OWNER(node, struct session, in_service);

		if (waiter_claim(v->waiter, s, WAKE_STOP))
			list_add_last(&woken, &s->task.node);
	}
	pthread_mutex_unlock(&v->lock);
	if (!list_empty(&woken))
		pool_run_front_all(v->pool, &woken);
	pthread_mutex_lock(&v->lock);
	left = deadline - clock_mono();
	await_empty(v, left > 0 ? left : 0);
	cut_connections(v);
	while (v->count > 0)
		pthread_cond_wait(&v->empty, &v->lock);
	pthread_mutex_unlock(&v->lock);
	pool_free(v->pool);
	waiter_free(v->waiter);
	v->pool = NULL;
	v->waiter = NULL;
}

void
service_free(struct service *v)
{
	MAGIC_CHECK(v, SERVICE_MAGIC);
	CHECK(v->pool == NULL);
	map_done(&v->topics);
	tls_context_unref(v->tls);
	limits_free(v->limits);
	pthread_cond_destroy(&v->empty);
	pthread_mutex_destroy(&v->lock);
	v->magic = 0;
	mem_free(v);
}

void
service_facts_of(struct service *v, struct service_facts *out)
{
	struct pool_facts pool;

	MAGIC_CHECK(v, SERVICE_MAGIC);
	*out = (struct service_facts){ 0 };
	if (v->pool == NULL)
		return;
	pool_facts_of(v->pool, &pool);
	pthread_mutex_lock(&v->lock);
	out->sessions = v->count;
	pthread_mutex_unlock(&v->lock);
	out->parked = waiter_parked(v->waiter);
	out->threads = pool.threads;
}
