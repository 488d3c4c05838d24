/* SPDX-License-Identifier: ISC */
/*
 * Reading a link. Invariants: `in`, `scratch` and what the owner keeps for a
 * batch are touched only by who has the read role; the link's thread is the
 * only one that ends a link, everybody else shuts the socket down, or leaves in
 * `ended` what it met, and lets it find out. The thread sleeps for a while
 * after a caller had its reply, because that one mostly asks again and reads
 * for itself; it is woken before when others wait.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "runtime/link.h"
#include "runtime/thread.h"

/* Receives into the room of the frame in hand, then into scratch. */
static ssize_t
receive(struct link *l, struct iovec iov[2], int fds[CALL_FDS_WAITING], unsigned *fd_count)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * CALL_FDS_WAITING)];
		struct cmsghdr align;
	} control;
	bool in_place = iov[0].iov_len > 0;
	struct msghdr m = {
		.msg_iov = in_place ? iov : iov + 1,
		.msg_iovlen = in_place ? 2 : 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	ssize_t n;

	do
		n = recvmsg(l->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	*fd_count = 0;
	if (n <= 0)
		return n;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			*fd_count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
			memcpy(fds, CMSG_DATA(c), *fd_count * sizeof(int));
		}
	if ((m.msg_flags & MSG_CTRUNC) != 0) {
		call_close_fds(fds, *fd_count);
		errno = EPROTO;
		return -1;
	}
	return n;
}

/* What the assembler calls with each frame of a batch. */
struct batch_in {
	struct link *link;
	enum status status;
};

static void
frame_came(void *arg, struct call_frame *f)
{
	struct batch_in *b = arg;

	if (b->status == STATUS_OK)
		b->status = b->link->ops->frame(b->link, f);
	else
		call_frame_free(f);
}

static void
set_active(struct link *l, bool active)
{
	pthread_mutex_lock(&l->lock);
	l->reader_active = active;
	if (!active)
		link_flush(l);
	pthread_mutex_unlock(&l->lock);
}

static enum status
why_not(ssize_t n)
{
	if (n < 0 && errno == EAGAIN)
		return STATUS_AGAIN;
	return n < 0 && errno == EPROTO ? STATUS_INVALID : STATUS_CLOSED;
}

/* Reads and handles one batch. CLOSED: the peer went; INVALID: it lies; AGAIN:
 * nothing is there. With the read role. */
static enum status
read_batch(struct link *l)
{
	struct iovec iov[2] = { call_assembler_room(&l->in), { l->scratch, LINK_READ_SIZE } };
	struct batch_in b = { l, STATUS_OK };
	int fds[CALL_FDS_WAITING];
	size_t got, direct;
	unsigned fd_count;
	enum status st;
	ssize_t n = receive(l, iov, fds, &fd_count);

	if (n <= 0)
		return why_not(n);
	got = (size_t)n;
	direct = got < iov[0].iov_len ? got : iov[0].iov_len;
	set_active(l, true);
	l->ops->begin(l);
	st = call_assembler_fds(&l->in, fds, fd_count);
	if (st == STATUS_OK)
		st = call_assembler_add(
		    &l->in, direct, (struct text){ l->scratch, got - direct }, frame_came, &b);
	l->ops->end(l);
	set_active(l, false);
	if (l->secret)
		secret_wipe(l->scratch, got - direct);
	l->ops->after(l);
	return st == STATUS_OK ? b.status : st;
}

/* ---- the read role ---- */

/* With the lock. */
static bool
is_turn(const struct link *l, int64_t until)
{
	return !l->reading &&
	       (l->broken || l->ended != STATUS_OK || l->wanted > 0 || thread_time() >= until);
}

/* The link's thread takes the role: when replies are waited for by who does
 * not read, or no caller has come back to read for a while. */
static void
take_turn(struct link *l)
{
	pthread_mutex_lock(&l->lock);
	for (;;) {
		int64_t until = l->replied + LINK_ABSENCE;
		struct timespec then = link_timespec(until);

		if (is_turn(l, until))
			break;
		l->thread_sleeps = l->reading && thread_time() >= until;
		if (l->thread_sleeps)
			pthread_cond_wait(&l->turn, &l->lock);
		else
			(void)pthread_cond_clockwait(&l->turn, &l->lock, CLOCK_MONOTONIC, &then);
		l->thread_sleeps = false;
	}
	l->reading = true;
	pthread_mutex_unlock(&l->lock);
}

bool
link_read_take(struct link *l)
{
	if (l->reading || l->broken || l->ended != STATUS_OK)
		return false;
	l->reading = l->caller_reads = true;
	return true;
}

void
link_want(struct link *l)
{
	l->wanted++;
	if (!l->reading)
		pthread_cond_signal(&l->turn);
}

void
link_read_give(struct link *l, enum status st)
{
	pthread_mutex_lock(&l->lock);
	l->reading = l->caller_reads = false;
	if (st != STATUS_OK && st != STATUS_TIMEOUT)
		l->ended = st;
	if (l->wanted > 0 || l->thread_sleeps || l->ended != STATUS_OK)
		pthread_cond_signal(&l->turn);
	pthread_mutex_unlock(&l->lock);
}

/* Until input comes or the moment passes; false: it has passed. By poll, since
 * who sleeps in recvmsg is woken also when the peer takes what it was sent. */
static bool
wait_for_input(const struct link *l, int64_t until)
{
	int64_t left = until == INT64_MAX ? INT64_MAX : until - thread_time();
	int64_t ms = left / CLOCK_MS + 1;

	if (left <= 0)
		return false;
	thread_await_input(l->fd, left == INT64_MAX ? -1 : ms > INT32_MAX ? INT32_MAX : (int)ms);
	return true;
}

enum status
link_read(struct link *l, int64_t until)
{
	enum status st;

	while ((st = read_batch(l)) == STATUS_AGAIN)
		if (!wait_for_input(l, until))
			return STATUS_TIMEOUT;
	return st;
}

/* ---- the link's thread ---- */

static void
reader_ends(struct link *l)
{
	pthread_mutex_lock(&l->lock);
	l->broken = true;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
	(void)shutdown(l->fd, SHUT_RDWR);
	l->ops->lost(l);
	link_unref(l);
}

/* OK: it goes on. */
static enum status
read_in_turn(struct link *l)
{
	enum status st;

	take_turn(l);
	st = l->ended; /* a caller may have met the end */
	if (st == STATUS_OK)
		st = link_read(l, INT64_MAX);
	if (st != STATUS_OK)
		return st; /* keeps the role: nobody reads any more */
	pthread_mutex_lock(&l->lock);
	l->reading = false;
	pthread_mutex_unlock(&l->lock);
	return STATUS_OK;
}

void *
link_reader_main(void *arg)
{
	struct link *l = arg;
	enum status st;

	do
		st = read_in_turn(l);
	while (st == STATUS_OK);
	if (st == STATUS_INVALID)
		LOG_ALARM("link.not_our_words", FIELD_STRING("peer", role_word(l->peer)),
		    FIELD_U64("instance", l->instance));
	reader_ends(l);
	return NULL;
}
