/* SPDX-License-Identifier: ISC */
/*
 * Writing to a link, and its life; reading is in link_read.c. Invariants:
 * `sending` is touched only by who has the write role; descriptors leave with
 * or before the first octet of their frame.
 */
#include "runtime/link.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "runtime/thread.h"

/* Rounds after which a thread that wanted to send one frame lets the writer
 * thread go on for the others. */
#define ROUNDS_MOST 8

_Static_assert(CALL_FDS_BATCH * 2 <= CALL_FDS_WAITING, "two batches may be under way at once");

/* ---- writing ---- */

void
link_release(const struct link *l, struct buffer *b)
{
	if (l->secret)
		buffer_done_secret(b);
	else
		buffer_done(b);
}

static void
queue_done(const struct link *l, struct link_queue *q)
{
	for (size_t i = 0; i < q->fd_count; i++)
		call_close_fds(q->fds[i].fds, q->fds[i].count);
	mem_free(q->fds);
	link_release(l, &q->octets);
	*q = (struct link_queue){ 0 };
}

static void
queue_add_fds(struct link_queue *q, uint64_t at, const int *fds, unsigned count)
{
	struct link_fds *slot;

	if (count == 0)
		return;
	if (q->fd_count == q->fd_cap) {
		q->fd_cap = q->fd_cap == 0 ? 8 : q->fd_cap * 2;
		q->fds = mem_resize(q->fds, q->fd_cap, sizeof(*q->fds));
	}
	slot = &q->fds[q->fd_count++];
	slot->at = at;
	slot->count = count;
	memcpy(slot->fds, fds, count * sizeof(*fds));
}

void
link_prepare(const struct link *l, struct buffer *b)
{
	if (l->secret)
		(void)buffer_room(b, LINK_SECRET_ROOM);
}

/* A buffer that grows leaves a copy behind: it is made anew instead, twice as
 * large, so that a peer that is slow to read does not make every frame dearer. */
static void
add_secret(struct buffer *to, struct buffer *from)
{
	size_t len = to->len + from->len;

	if (len >= to->cap) {
		struct buffer both = BUFFER_INIT;

		(void)buffer_room(&both, 2 * len);
		buffer_add_text(&both, buffer_text(to));
		buffer_done_secret(to);
		*to = both;
	}
	buffer_add_text(to, buffer_text(from));
	secret_wipe(from->ptr, from->len);
}

/* With the lock: whoever reads finds the end. */
static void
break_off(struct link *l)
{
	l->broken = true;
	(void)shutdown(l->fd, SHUT_RDWR);
	pthread_cond_signal(&l->turn);
}

bool
link_append(struct link *l, struct buffer *b, const int *fds, unsigned count, uint64_t *at)
{
	size_t len = b->len;

	if (!l->broken && l->out.octets.len > LINK_QUEUE_MAX) {
		LOG_WARN("link.peer_does_not_read", FIELD_STRING("peer", role_word(l->peer)),
		    FIELD_U64("instance", l->instance));
		break_off(l);
	}
	if (l->broken) {
		call_close_fds(fds, count);
		return false;
	}
	queue_add_fds(&l->out, l->appended, fds, count);
	if (l->out.octets.len == 0) {
		struct buffer was = l->out.octets;

		l->out.octets = *b; /* no copy: they change places */
		*b = was;
	} else if (l->secret) {
		add_secret(&l->out.octets, b);
	} else {
		buffer_add_text(&l->out.octets, buffer_text(b));
	}
	*at = l->appended;
	l->appended += len;
	return true;
}

/* One sendmsg's worth: octets up to the frame whose descriptors would be too
 * many, and the descriptors of those before it. */
struct batch {
	size_t len;
	int fds[CALL_FDS_BATCH];
	unsigned fd_count;
	size_t slots; /* of q->fds that are in it */
};

static void
batch_make(const struct link_queue *q, uint64_t begins, size_t from, struct batch *out)
{
	*out = (struct batch){ .len = q->octets.len - from };
	for (size_t i = 0; i < q->fd_count; i++) {
		const struct link_fds *slot = &q->fds[i];

		if (out->fd_count + slot->count > CALL_FDS_BATCH) {
			out->len = (size_t)(slot->at - begins) - from;
			return;
		}
		memcpy(out->fds + out->fd_count, slot->fds, slot->count * sizeof(slot->fds[0]));
		out->fd_count += slot->count;
		out->slots++;
	}
}

static ssize_t
send_batch(int fd, const char *octets, const struct batch *b)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * CALL_FDS_BATCH)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { (void *)(uintptr_t)octets, b->len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (b->fd_count > 0) {
		struct cmsghdr *c;

		m.msg_control = control.space;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * b->fd_count);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * b->fd_count);
		memcpy(CMSG_DATA(c), b->fds, sizeof(int) * b->fd_count);
	}
	return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Sends some of `sending`. AGAIN: the socket is full. With the write role,
 * without the lock. */
static enum status
send_some(struct link *l)
{
	struct link_queue *q = &l->sending;
	uint64_t begins = l->handed - q->octets.len;
	struct batch b;
	ssize_t n;

	batch_make(q, begins, l->sending_at, &b);
	do
		n = send_batch(l->fd, q->octets.ptr + l->sending_at, &b);
	while (n < 0 && errno == EINTR);
	/* ETOOMANYREFS: too many descriptors of ours are under way; they land. */
	if (n < 0)
		return errno == EAGAIN || errno == ETOOMANYREFS ? STATUS_AGAIN : STATUS_CLOSED;
	if (b.slots > 0) {
		call_close_fds(b.fds, b.fd_count);
		q->fd_count -= b.slots;
		memmove(q->fds, q->fds + b.slots, q->fd_count * sizeof(*q->fds));
	}
	l->sending_at += (size_t)n;
	return STATUS_OK;
}

/* Moves what is queued to `sending` when that is empty. False: nothing is
 * left to send. */
static bool
refill(struct link *l)
{
	if (l->sending_at < l->sending.octets.len)
		return true;
	if (l->secret && l->sending.octets.ptr != NULL)
		secret_wipe(l->sending.octets.ptr, l->sending.octets.len);
	buffer_clear(&l->sending.octets);
	l->sending_at = 0;
	if (l->out.octets.len == 0)
		return false;
	struct link_queue was = l->sending;

	if (was.octets.cap > LINK_READ_SIZE)
		buffer_done(&was.octets);
	l->sending = l->out;
	l->out = was;
	l->sending_at = 0;
	l->handed += l->sending.octets.len;
	return true;
}

/* Takes the lock off to send, and on again. */
static enum status
send_round(struct link *l)
{
	enum status st;

	pthread_mutex_unlock(&l->lock);
	st = send_some(l);
	pthread_mutex_lock(&l->lock);
	if (st == STATUS_CLOSED)
		break_off(l);
	return st;
}

void
link_flush(struct link *l)
{
	unsigned rounds = 0;

	if (l->writing || l->broken)
		return;
	l->writing = true;
	while (refill(l) && !l->broken) {
		if (rounds++ < ROUNDS_MOST && send_round(l) != STATUS_AGAIN)
			continue;
		l->to_writer = true;
		pthread_cond_broadcast(&l->changed);
		return;
	}
	l->writing = false;
}

void
link_flush_now(struct link *l)
{
	pthread_mutex_lock(&l->lock);
	if (!l->reader_active)
		link_flush(l);
	pthread_mutex_unlock(&l->lock);
}

/* Waits until the socket takes more, or a moment if it is descriptors that
 * the peer must take first, which poll cannot tell. */
static void
wait_for_room(struct link *l)
{
	struct pollfd p = { l->fd, POLLOUT, 0 };

	pthread_mutex_unlock(&l->lock);
	if (poll(&p, 1, 0) == 1)
		(void)poll(NULL, 0, 1);
	else
		(void)poll(&p, 1, -1);
	pthread_mutex_lock(&l->lock);
}

static void *
writer_main(void *arg)
{
	struct link *l = arg;

	pthread_mutex_lock(&l->lock);
	while (!l->broken) {
		if (!l->to_writer) {
			pthread_cond_wait(&l->changed, &l->lock);
			continue;
		}
		while (!l->broken && refill(l))
			if (send_round(l) == STATUS_AGAIN)
				wait_for_room(l);
		l->to_writer = l->writing = false;
	}
	pthread_mutex_unlock(&l->lock);
	link_unref(l);
	return NULL;
}

/* ---- requests in hand ---- */

bool
link_hand_take(struct link *l, bool stream)
{
	bool taken;

	pthread_mutex_lock(&l->lock);
	if (l->in_hand >= l->in_hand_max) {
		l->reader_active = false;
		link_flush(l);
		while (l->in_hand >= l->in_hand_max && !l->broken)
			pthread_cond_wait(&l->changed, &l->lock);
		l->reader_active = true;
	}
	taken = !l->draining;
	l->in_hand += taken;
	l->streams += taken && stream;
	pthread_mutex_unlock(&l->lock);
	return taken;
}

void
link_hand_give(struct link *l, bool stream)
{
	pthread_mutex_lock(&l->lock);
	l->streams -= stream;
	if (l->in_hand-- >= l->in_hand_max || l->draining)
		pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

struct timespec
link_timespec(int64_t mono)
{
	return (struct timespec){ mono / CLOCK_SECOND, mono % CLOCK_SECOND * 1000 };
}

void
link_hand_drain(struct link *l, int64_t deadline)
{
	struct timespec until = link_timespec(deadline);

	pthread_mutex_lock(&l->lock);
	l->draining = true;
	while (l->in_hand > l->streams && !l->broken)
		if (pthread_cond_clockwait(&l->changed, &l->lock, CLOCK_MONOTONIC, &until) != 0)
			break;
	pthread_mutex_unlock(&l->lock);
}

/* ---- life ---- */

struct link *
link_ref(struct link *l)
{
	MAGIC_CHECK(l, LINK_MAGIC);
	atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
	return l;
}

void
link_unref(struct link *l)
{
	MAGIC_CHECK(l, LINK_MAGIC);
	if (atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) != 1)
		return;
	(void)close(l->fd);
	queue_done(l, &l->out);
	queue_done(l, &l->sending);
	call_assembler_done(&l->in);
	map_done(&l->pending);
	mem_free(l->scratch);
	pthread_cond_destroy(&l->turn);
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->lock);
	l->magic = 0;
	mem_free(l);
}

void
link_close(struct link *l)
{
	pthread_mutex_lock(&l->lock);
	break_off(l);
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

void
link_join(struct link *l)
{
	(void)pthread_join(l->reader, NULL);
	(void)pthread_join(l->writer, NULL);
}

struct link *
link_new(int fd, enum role peer, unsigned instance, const struct link_ops *ops, void *owner,
    unsigned in_hand_max)
{
	static _Atomic uint64_t last_number;
	struct link *l = MEM_NEW(struct link);

	l->magic = LINK_MAGIC;
	l->ops = ops;
	l->owner = owner;
	l->fd = fd;
	l->peer = peer;
	l->instance = instance;
	l->number = atomic_fetch_add(&last_number, 1) + 1;
	l->refs = 1;
	l->in_hand_max = in_hand_max == 0 ? UINT32_MAX : in_hand_max;
	l->scratch = mem_resize(NULL, LINK_READ_SIZE, 1);
	list_init(&l->node);
	CHECK(pthread_mutex_init(&l->lock, NULL) == 0);
	CHECK(pthread_cond_init(&l->changed, NULL) == 0);
	CHECK(pthread_cond_init(&l->turn, NULL) == 0);
	return l;
}

static enum status
start(struct link *l, const char *way, void *(*run)(void *arg), pthread_t *out)
{
	enum status st;
	char name[16];

	(void)snprintf(name, sizeof(name), "%s %s", way, role_word(l->peer));
	(void)link_ref(l);
	st = thread_start(name, 0, run, l, out);
	if (st != STATUS_OK)
		link_unref(l);
	return st;
}

enum status
link_run(struct link *l)
{
	enum status st = start(l, "to", writer_main, &l->writer);

	if (st != STATUS_OK)
		return st;
	st = start(l, "of", link_reader_main, &l->reader);
	if (st != STATUS_OK) {
		link_close(l);
		(void)pthread_join(l->writer, NULL);
	}
	return st;
}
