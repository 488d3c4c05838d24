/* SPDX-License-Identifier: ISC */
/*
 * What stream.c and stream_tls.c share: one read and one write of each
 * transport that never wait, and the wait between them.
 * Nobody else includes this.
 */
#ifndef RUNTIME_STREAM_PRIVATE_H
#define RUNTIME_STREAM_PRIVATE_H

#include "runtime/stream.h"

#define STREAM_MAGIC 0x57e4a111u

/* A transport. Neither read nor write waits; on AGAIN, *events is what the connection waits for
 * (POLLIN for a read and POLLOUT for a write, unless TLS says otherwise). */
struct stream_kind {
	/* Up to n octets; *got 0 is the end of input. */
	enum status (*read)(struct stream *s, char *to, size_t n, size_t *got, short *events);
	/* The front of *t, which is shortened by what was written. */
	enum status (*write)(struct stream *s, struct text *t, short *events);
	/* Octets that poll cannot see; or NULL. */
	bool (*pending)(const struct stream *s);
	/* Says goodbye if the connection is whole, frees; or NULL. */
	void (*done)(struct stream *s);
};

/* One recv(2): OK, AGAIN, CLOSED or IO. */
enum status stream_receive(struct stream *s, char *to, size_t n, size_t *got) MUST_CHECK;
/* One send(2) of the front of *t, which it shortens: OK, AGAIN, CLOSED or IO. more: the
 * next one follows at once, and the kernel may send both together. */
enum status stream_send(struct stream *s, struct text *t, bool more) MUST_CHECK;
/* Waits for POLLIN or POLLOUT within the stream's rules: OK or TIMEOUT. */
enum status stream_poll(struct stream *s, short events) MUST_CHECK;
/* Makes the failure sticky and gives the one that holds. */
enum status stream_break(struct stream *s, enum status why);

#endif
