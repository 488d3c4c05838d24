/* SPDX-License-Identifier: ISC */
/*
 * struct stream: the one way a protocol touches its connection. Blocking,
 * buffered, with a deadline and a minimum rate inside, so that command code
 * has no time-out branches: after the first failure (peer gone, deadline, rate,
 * TLS error) every further read gives the same status and writes are dropped.
 * Kinds: plain socket, TLS (OpenSSL 3), memory for tests and fuzzers.
 *
 * An idle stream holds no buffers: stream_idle() gives them back.
 */
#ifndef RUNTIME_STREAM_H
#define RUNTIME_STREAM_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"

struct tls;
struct tls_context;
struct stream_kind;

#define STREAM_READ_SIZE 16384
/* Written octets are sent when more than this have come together. */
#define STREAM_WRITE_SIZE 65536
/* Without a deadline no single wait for the peer is longer than this. */
#define STREAM_WAIT_MAX (5 * CLOCK_MINUTE)
/* The minimum rate is not asked for in the first ten seconds. */
#define STREAM_RATE_GRACE (10 * CLOCK_SECOND)

struct stream {
	unsigned magic;
	int fd; /* -1 for memory */
	const struct stream_kind *kind;
	struct tls *tls;    /* NULL: plain */
	enum status broken; /* sticky; STATUS_OK while it works */
	bool ended;	    /* broken by the peer's end of sending: writes still go out */
	bool drained;	    /* the last read took all that was there */
	bool last;	    /* what is written is followed by the end */
	uint8_t reads;	    /* one after the other, without waiting */
	uint32_t min_rate;  /* octets a second, counted from rate_from; 0: none */
	struct buffer in;   /* received, not consumed; in_at is the start */
	size_t in_at;
	struct buffer out;     /* written, not flushed */
	int64_t deadline;      /* monotonic microseconds; 0: none */
	int64_t rate_from;     /* when the transfer in hand began */
	uint64_t rate_bytes;   /* what it moved */
	struct text memory_in; /* memory kind: what is still to be read */
	struct buffer *memory_out;
	enum status (*memory_wait)(struct stream *s, void *arg); /* or NULL */
	void *memory_arg;
	uint64_t bytes_in, bytes_out;
};

/* Takes the (non-blocking or blocking) connected socket. */
void stream_init_fd(struct stream *s, int fd);
/* Reads from in, then CLOSED; writes are appended to *out. */
void stream_init_memory(struct stream *s, struct text in, struct buffer *out);
/* The same with another side that acts: where the stream would wait for its
 * peer, wait() is called instead. It sees what was written, may set memory_in
 * and the clock of the test, and gives OK, or how the wait ended otherwise. */
void stream_init_acted(struct stream *s, enum status (*wait)(struct stream *s, void *arg),
    void *arg, struct buffer *out);
/* Flushes nothing; closes TLS and the descriptor. */
void stream_done(struct stream *s);

/* Everything read or written until the next call must be over by then: who
 * would have to wait for the peer after it gets TIMEOUT. 0: none. */
void stream_set_deadline(struct stream *s, int64_t mono);
/* From now on, after 10 seconds of grace, fewer octets a second than this
 * break the stream with TIMEOUT at the next wait; 0 ends the rule. */
void stream_set_min_rate(struct stream *s, uint32_t octets_per_second);

/* The moment at which a transfer that began then and has moved so much would
 * break the rule of so many octets a second (0: never, INT64_MAX). */
int64_t stream_rate_deadline(int64_t from, uint64_t moved, uint32_t octets_per_second);

/* What was received and not consumed; good until the next fill, wait, read or
 * idle. Consuming leaves it in place. */
struct text stream_buffered(const struct stream *s);
void stream_consume(struct stream *s, size_t n);
/* The same of what nobody shall find there later: it is wiped. */
void stream_consume_secret(struct stream *s, size_t n);
/* Waits until at least one more octet is there (or the deadline). */
enum status stream_fill(struct stream *s) MUST_CHECK;
/* The same without waiting: AGAIN when nothing is there now, or when the last
 * read took all there was (which saves the system call that would say so). */
enum status stream_fill_now(struct stream *s) MUST_CHECK;
/* Waits for the rest of what the peer is sending. A client that writes a
 * message and then its line end (as Python's imaplib does) holds the second
 * back until the first is acknowledged, which the kernel may put off for 40
 * milliseconds: acknowledge now (TCP_QUICKACK). stream_fill does it by itself. */
void stream_acknowledge(struct stream *s);

/* A whole line ending in CRLF if one is buffered, without the CRLF; consumed
 * by stream_consume(line.len + 2). AGAIN: not whole yet. LIMIT: more than
 * limit octets without an end. INVALID: a bare CR or LF comes first; line is
 * then what stands before it, and consume line.len + 1. Never reads. */
enum status stream_line(const struct stream *s, size_t limit, struct text *line) MUST_CHECK;
/* Exactly n octets into out (any length; piecewise). On failure what had come
 * is gone. */
enum status stream_read(struct stream *s, size_t n, void *out) MUST_CHECK;

/* Buffered; flushes by itself above 64 KiB. After the peer ended its sending
 * (reads give CLOSED), what is written is still sent. */
void stream_write(struct stream *s, struct text t);
void stream_print(struct stream *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
enum status stream_flush(struct stream *s);
/* The same of what is the last before stream_done, so that the goodbye of TLS goes out
 * with it. */
enum status stream_flush_last(struct stream *s);

/* No handshake takes longer than this. */
#define STREAM_TLS_MAX CLOCK_MINUTE

/* After a write failed because the peer is gone: takes in what it had said
 * before, for its reason may be among that. Reads then end with CLOSED. */
void stream_last_words(struct stream *s);

/* Server handshake on a plain stream whose input buffer is empty (a client
 * that sent data behind STARTTLS is refused by the caller, RFC 3207 6). */
enum status stream_start_tls(
    struct stream *s, struct tls_context *context, struct failure *f) MUST_CHECK;
/* The same in steps, for who parks while the client is silent: begin on a
 * stream that is flushed, then step until it is not AGAIN (which means that
 * input is needed). Buffered input is taken for the client's first words. */
void stream_tls_begin(struct stream *s, struct tls_context *context);
enum status stream_tls_step(struct stream *s, struct failure *f) MUST_CHECK;
/* True if the kernel or TLS holds decrypted octets that poll cannot see. */
bool stream_pending(const struct stream *s);
/* Gives buffers back if they are empty, and keeps no more memory than unread
 * input takes otherwise. False if there is unread input. */
bool stream_idle(struct stream *s);

#endif
