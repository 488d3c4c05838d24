/* SPDX-License-Identifier: ISC */
/*
 * Streams. Every read and write is tried before anything waits, so that the
 * usual command costs one recv, one send and no poll. Time rules are looked
 * at only where the stream would have to wait for its peer: who is quick is
 * never cut off because we were slow.
 */
#include "runtime/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/random.h"
#include "runtime/stream_private.h"
#include "runtime/thread.h"

#define STREAM_READS_MOST 16

/* Input that nobody read would make the kernel answer with a reset, which may
 * overtake the last reply: throw away what is there, within reason. */
static void
discard_unread(int fd)
{
	char away[4096];

	for (int i = 0; i < 16; i++)
		if (recv(fd, away, sizeof(away), MSG_DONTWAIT) <= 0)
			break;
}

void
stream_done(struct stream *s)
{
	MAGIC_CHECK(s, STREAM_MAGIC);
	if (s->kind->done != NULL)
		s->kind->done(s);
	if (s->fd >= 0) {
		if (s->broken == STATUS_OK)
			discard_unread(s->fd);
		(void)close(s->fd);
	}
	buffer_done_secret(&s->in);
	buffer_done(&s->out);
	s->fd = -1;
	s->broken = STATUS_CLOSED;
	s->ended = false;
	s->magic = 0;
}

void
stream_set_deadline(struct stream *s, int64_t mono)
{
	s->deadline = mono;
}

void
stream_set_min_rate(struct stream *s, uint32_t octets_per_second)
{
	s->min_rate = octets_per_second;
	s->rate_from = octets_per_second == 0 ? 0 : clock_mono();
	s->rate_bytes = 0;
}

enum status
stream_break(struct stream *s, enum status why)
{
	if (s->broken == STATUS_OK || s->ended) {
		s->broken = why;
		s->ended = false;
		buffer_done(&s->out);
	}
	return s->broken;
}

/* The peer sends no more: reads are over, writes may still arrive. */
static enum status
end_of_input(struct stream *s)
{
	s->broken = STATUS_CLOSED;
	s->ended = true;
	return STATUS_CLOSED;
}

static bool
writable(const struct stream *s)
{
	return s->broken == STATUS_OK || s->ended;
}

/* ---- the transports ---- */

static enum status
status_of_errno(int error)
{
	if (error == EAGAIN || error == EWOULDBLOCK)
		return STATUS_AGAIN;
	if (error == ECONNRESET || error == EPIPE || error == ETIMEDOUT || error == ENOTCONN)
		return STATUS_CLOSED;
	return STATUS_IO;
}

enum status
stream_receive(struct stream *s, char *to, size_t n, size_t *got)
{
	ssize_t r = recv(s->fd, to, n, MSG_DONTWAIT);

	if (r < 0 && errno == EINTR)
		return STATUS_AGAIN;
	if (r < 0)
		return status_of_errno(errno);
	*got = (size_t)r;
	s->drained = *got < n;
	return STATUS_OK;
}

enum status
stream_send(struct stream *s, struct text *t, bool more)
{
	int how = MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0);
	ssize_t r = send(s->fd, t->ptr, t->len, how);

	if (r < 0)
		return errno == EINTR ? STATUS_OK : status_of_errno(errno);
	*t = text_part(*t, (size_t)r, t->len);
	return STATUS_OK;
}

static enum status
plain_read(struct stream *s, char *to, size_t n, size_t *got, short *events)
{
	return stream_receive(s, to, n, got);
}

static enum status
plain_write(struct stream *s, struct text *t, short *events)
{
	return stream_send(s, t, false);
}

static enum status
memory_read(struct stream *s, char *to, size_t n, size_t *got, short *events)
{
	*got = s->memory_in.len < n ? s->memory_in.len : n;
	if (*got == 0 && s->memory_wait != NULL)
		return STATUS_AGAIN;
	if (*got > 0)
		memcpy(to, s->memory_in.ptr, *got);
	s->memory_in = text_part(s->memory_in, *got, s->memory_in.len);
	return STATUS_OK;
}

static enum status
memory_write(struct stream *s, struct text *t, short *events)
{
	buffer_add_text(s->memory_out, *t);
	*t = TEXT_EMPTY;
	return STATUS_OK;
}

static const struct stream_kind plain_kind = { plain_read, plain_write, NULL, NULL };
static const struct stream_kind memory_kind = { memory_read, memory_write, NULL, NULL };

void
stream_init_fd(struct stream *s, int fd)
{
	CHECK(fd >= 0);
	*s = (struct stream){ .magic = STREAM_MAGIC, .fd = fd, .kind = &plain_kind };
}

void
stream_init_memory(struct stream *s, struct text in, struct buffer *out)
{
	*s = (struct stream){ .magic = STREAM_MAGIC,
		.fd = -1,
		.kind = &memory_kind,
		.memory_in = in,
		.memory_out = out };
}

void
stream_init_acted(struct stream *s, enum status (*wait)(struct stream *s, void *arg), void *arg,
    struct buffer *out)
{
	stream_init_memory(s, TEXT_EMPTY, out);
	s->memory_wait = wait;
	s->memory_arg = arg;
}

/* ---- waiting ---- */

int64_t
stream_rate_deadline(int64_t from, uint64_t moved, uint32_t octets_per_second)
{
	int64_t grace = STREAM_RATE_GRACE;
	uint64_t earned;

	if (octets_per_second == 0)
		return INT64_MAX;
	earned = moved / octets_per_second;
	if (earned > (uint64_t)(grace / CLOCK_SECOND))
		grace = earned < 1000000 ? (int64_t)earned * CLOCK_SECOND : 1000000 * CLOCK_SECOND;
	return from + grace;
}

/* When the rules say that waiting must end. */
static int64_t
patience_ends(const struct stream *s, int64_t now)
{
	int64_t end = s->deadline != 0 ? s->deadline : now + STREAM_WAIT_MAX;
	int64_t rate_ends = stream_rate_deadline(s->rate_from, s->rate_bytes, s->min_rate);

	return rate_ends < end ? rate_ends : end;
}

/* One wait of at most so many microseconds: OK, AGAIN when they passed. */
static enum status
poll_once(int fd, short events, int64_t microseconds)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t ms = (microseconds + CLOCK_MS - 1) / CLOCK_MS;
	int r;

	thread_blocks();
	r = poll(&p, 1, ms > INT32_MAX ? INT32_MAX : (int)ms);
	thread_goes_on();
	if (r < 0 && errno != EINTR)
		return STATUS_IO;
	return r == 0 ? STATUS_AGAIN : STATUS_OK;
}

enum status
stream_poll(struct stream *s, short events)
{
	int64_t now = clock_mono(), end = patience_ends(s, now);
	enum status st = STATUS_AGAIN;

	if (end > now && s->memory_wait != NULL) {
		st = s->memory_wait(s, s->memory_arg);
		if (clock_mono() >= end)
			st = STATUS_AGAIN;
	} else if (end > now) {
		st = poll_once(s->fd, events, end - now);
	}
	return st == STATUS_AGAIN ? STATUS_TIMEOUT : st;
}

/* ---- reading ---- */

struct text
stream_buffered(const struct stream *s)
{
	return text_part(buffer_text(&s->in), s->in_at, s->in.len);
}

void
stream_consume(struct stream *s, size_t n)
{
	CHECK(n <= s->in.len - s->in_at);
	s->in_at += n;
}

void
stream_consume_secret(struct stream *s, size_t n)
{
	char *from = s->in.ptr;

	stream_consume(s, n);
	if (n > 0)
		secret_wipe(from + s->in_at - n, n);
}

/* Room for so much more. Input may hold a password: what the buffer outgrows is
 * wiped. */
static char *
room_for(struct stream *s, size_t n)
{
	struct buffer larger = BUFFER_INIT;

	if (s->in.cap == 0 || n < s->in.cap - s->in.len)
		return buffer_room(&s->in, n);
	(void)buffer_room(&larger, s->in.cap + n);
	buffer_add_text(&larger, buffer_text(&s->in));
	buffer_done_secret(&s->in);
	s->in = larger;
	return buffer_room(&s->in, n);
}

/* Room for one read, where what was consumed gives way first. */
static char *
read_room(struct stream *s)
{
	if (s->in_at == s->in.len) {
		buffer_clear(&s->in);
		s->in_at = 0;
	} else if (s->in_at > 0 && s->in.cap - s->in.len <= STREAM_READ_SIZE) {
		buffer_drop(&s->in, s->in_at);
		s->in_at = 0;
	}
	return room_for(s, STREAM_READ_SIZE);
}

/* Most reads bring a command: it is received into this thread's page and a
 * buffer of its size is made for it, which costs less than to have and to wipe
 * one that could take a whole read. What follows a full read is received in
 * place. */
static enum status
read_some(struct stream *s, size_t *got, short *events)
{
	static _Thread_local char page[STREAM_READ_SIZE];
	bool small = s->drained || s->in.cap == 0;
	enum status st =
	    s->kind->read(s, small ? page : read_room(s), STREAM_READ_SIZE, got, events);

	if (st != STATUS_OK || *got == 0)
		return st;
	if (!small) {
		buffer_added(&s->in, *got);
		return STATUS_OK;
	}
	if (s->in_at == s->in.len) {
		buffer_clear(&s->in);
		s->in_at = 0;
	}
	memcpy(room_for(s, *got), page, *got);
	buffer_added(&s->in, *got);
	secret_wipe(page, *got);
	return STATUS_OK;
}

/* A peer that sends faster than it is read never makes its thread wait: now and
 * then the thread says so of itself, and others get their turn. */
static void
take_turns(struct stream *s)
{
	if (++s->reads < STREAM_READS_MOST)
		return;
	s->reads = 0;
	thread_blocks();
	thread_goes_on();
}

/* One read of the transport into the buffer: OK, AGAIN or broken. */
static enum status
pull(struct stream *s, short *events)
{
	enum status st;
	size_t got = 0;

	MAGIC_CHECK(s, STREAM_MAGIC);
	if (s->broken != STATUS_OK)
		return s->broken;
	*events = POLLIN;
	st = read_some(s, &got, events);
	if (st == STATUS_AGAIN) {
		s->reads = 0;
		return STATUS_AGAIN;
	}
	if (st != STATUS_OK)
		return stream_break(s, st);
	if (got == 0)
		return end_of_input(s);
	s->bytes_in += got;
	s->rate_bytes += got;
	take_turns(s);
	return STATUS_OK;
}

void
stream_acknowledge(struct stream *s)
{
	const int one = 1;

	if (s->fd >= 0)
		(void)setsockopt(s->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
}

enum status
stream_fill(struct stream *s)
{
	enum status st;
	short events;

	while ((st = pull(s, &events)) == STATUS_AGAIN) {
		stream_acknowledge(s);
		st = stream_poll(s, events);
		if (st != STATUS_OK)
			return stream_break(s, st);
	}
	return st;
}

enum status
stream_fill_now(struct stream *s)
{
	short events;

	if (s->drained && s->broken == STATUS_OK && !stream_pending(s)) {
		s->drained = false;
		s->reads = 0;
		return STATUS_AGAIN;
	}
	return pull(s, &events);
}

void
stream_last_words(struct stream *s)
{
	size_t got, sum = 0;

	if (s->broken != STATUS_CLOSED || s->ended || s->fd < 0)
		return;
	while (sum < STREAM_WRITE_SIZE) {
		short events;

		got = 0;
		if (s->kind->read(s, read_room(s), STREAM_READ_SIZE, &got, &events) != STATUS_OK ||
		    got == 0)
			return;
		buffer_added(&s->in, got);
		sum += got;
	}
}

enum status
stream_line(const struct stream *s, size_t limit, struct text *line)
{
	struct text in = stream_buffered(s);
	struct text seen = limit < in.len ? text_part(in, 0, limit + 2) : in;
	size_t lf = text_find_byte(seen, '\n', 0);
	size_t end = text_find_byte(text_part(seen, 0, lf), '\r', 0); /* lf if there is none */

	if (end > limit)
		return STATUS_LIMIT;
	if (end == in.len || (end < lf && end + 1 == in.len))
		return STATUS_AGAIN;
	*line = text_part(in, 0, end);
	return end + 1 == lf ? STATUS_OK : STATUS_INVALID;
}

enum status
stream_read(struct stream *s, size_t n, void *out)
{
	char *to = out;

	while (n > 0) {
		struct text have = stream_buffered(s);
		size_t part = have.len < n ? have.len : n;

		if (part == 0) {
			enum status st = stream_fill(s);

			if (st != STATUS_OK)
				return st;
			continue;
		}
		memcpy(to, have.ptr, part);
		stream_consume(s, part);
		to += part;
		n -= part;
	}
	return STATUS_OK;
}

/* ---- writing ---- */

/* One write of the transport: OK, AGAIN or broken. */
static enum status
push(struct stream *s, struct text *t, short *events)
{
	size_t before = t->len;
	enum status st;

	*events = POLLOUT;
	st = s->kind->write(s, t, events);
	s->bytes_out += before - t->len;
	s->rate_bytes += before - t->len;
	return st;
}

static enum status
push_all(struct stream *s, struct text t)
{
	short events;

	while (t.len > 0) {
		enum status st = push(s, &t, &events);

		if (st == STATUS_AGAIN)
			st = stream_poll(s, events);
		if (st != STATUS_OK)
			return stream_break(s, st);
	}
	return STATUS_OK;
}

enum status
stream_flush(struct stream *s)
{
	enum status st;

	MAGIC_CHECK(s, STREAM_MAGIC);
	if (!writable(s))
		return s->broken;
	if (s->out.len == 0)
		return STATUS_OK;
	st = push_all(s, buffer_text(&s->out));
	buffer_clear(&s->out);
	return st;
}

enum status
stream_flush_last(struct stream *s)
{
	enum status st;

	s->last = true;
	st = stream_flush(s);
	s->last = false;
	return st;
}

static void
flush_if_large(struct stream *s)
{
	if (s->out.len >= STREAM_WRITE_SIZE)
		(void)stream_flush(s); /* sticky */
}

/* What is large goes out without being copied whole. */
void
stream_write(struct stream *s, struct text t)
{
	size_t room = s->out.len < STREAM_WRITE_SIZE ? STREAM_WRITE_SIZE - s->out.len : 0;

	MAGIC_CHECK(s, STREAM_MAGIC);
	if (!writable(s))
		return;
	if (s->out.len == 0 && t.len >= STREAM_WRITE_SIZE) {
		(void)push_all(s, t); /* sticky */
		return;
	}
	if (t.len > room) {
		buffer_add_text(&s->out, text_part(t, 0, room));
		t = text_part(t, room, t.len);
		if (stream_flush(s) != STATUS_OK)
			return;
		if (t.len >= STREAM_WRITE_SIZE) {
			(void)push_all(s, t); /* sticky */
			return;
		}
	}
	buffer_add_text(&s->out, t);
}

void
stream_print(struct stream *s, const char *fmt, ...)
{
	va_list ap;

	MAGIC_CHECK(s, STREAM_MAGIC);
	if (!writable(s))
		return;
	va_start(ap, fmt);
	buffer_addv(&s->out, fmt, ap);
	va_end(ap);
	flush_if_large(s);
}

/* ---- being idle ---- */

bool
stream_pending(const struct stream *s)
{
	return s->kind->pending != NULL && s->kind->pending(s);
}

bool
stream_idle(struct stream *s)
{
	struct text rest = stream_buffered(s);
	struct buffer kept = BUFFER_INIT;

	MAGIC_CHECK(s, STREAM_MAGIC);
	s->drained = false;
	if (rest.len > 0)
		buffer_add_text(&kept, rest);
	if (s->in.ptr != NULL)
		buffer_done_secret(&s->in);
	s->in = kept;
	s->in_at = 0;
	if (s->out.len == 0)
		buffer_done(&s->out);
	return kept.len == 0;
}
