/* SPDX-License-Identifier: ISC */
/*
 * Many client connections on one thread, for the load tools: lines in, buffered
 * octets out, TLS when asked. It is kept apart from src/ on purpose, so that a
 * fault of the server's streams cannot hide in the tool that measures them.
 */
#ifndef BENCH_LOAD_NET_H
#define BENCH_LOAD_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct net;

enum { NET_LINE = 512 }; /* the rest of a longer line is dropped */

/** One connection; the tools embed it as their first member. */
struct conn {
	struct net *net;
	void *ssl; /* SSL *, when TLS */
	int fd;	   /* -1: closed */
	bool connecting;
	bool shaking; /* the TLS handshake is under way */
	bool want_out;
	char *out; /* what the socket did not take yet */
	size_t out_len;
	size_t out_at;
	size_t in_len;
	char in[NET_LINE];
};

/** What the tool does when something happens; none is called for a closed one. */
struct net_ops {
	void (*line)(
	    struct conn *c, const char *line, size_t len); /* without CRLF, NUL behind it */
	void (*closed)(struct conn *c, const char *why);   /* by the other side, or an error */
	void (*round)(void *user);			   /* after a batch of events */
	bool (*done)(void *user);			   /* ends net_run() */
};

/** Where to connect. The source address of connection number n is
    127.0.0.(2 + n % sources), when sources is not 0. */
struct net_target {
	const char *host;
	uint16_t port;
	bool tls;
	unsigned sources;
};

/** A loop; ends the program when the system refuses it. */
struct net *net_new(const struct net_target *target, const struct net_ops *ops, void *user);

/** Opens c, which is zeroed or was closed. False when the system refuses. */
bool net_open(struct net *n, struct conn *c, size_t number);

/** Closes c at once; closed() is not called. */
void net_close(struct conn *c);

/** Sends, or keeps, all of it. */
void net_send(struct conn *c, const void *bytes, size_t len);

/** Serves events until done() says so, also of `extra` (a descriptor that
    becomes readable, or -1), which ends the loop as well. */
void net_run(struct net *n, int extra);

void net_free(struct net *n);

/** Seconds of a clock that only goes forward. */
double net_now(void);

/** Prints a message and ends the program with code 1. */
void net_die(const char *what) __attribute__((noreturn));

#endif
