/* SPDX-License-Identifier: ISC */
/*
 * A DNS server of a test's own, in a thread, on a port of 127.0.0.1 over UDP
 * and TCP: it answers from a table, and badly where a row says so. For *_test.c
 * files only.
 */
#ifndef LOOKUP_DNS_SERVER_TESTING_H
#define LOOKUP_DNS_SERVER_TESTING_H

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "base/testing.h"

enum test_manner {
	MANNER_ANSWER,
	MANNER_SILENT, /* never answers */
	MANNER_SERVFAIL,
	MANNER_TRUNCATED, /* over UDP; over TCP it answers */
	MANNER_MANY,	  /* the record 300 times, each with a number in front: over TCP */
};

/* RDATA as on the wire. A name that has no row is answered NXDOMAIN, one that
 * has rows of other types alone NODATA. */
struct test_record {
	const char *name; /* lower case, no last dot */
	uint16_t type;
	struct text rdata;
	enum test_manner manner;
};

struct test_dns {
	const struct test_record *rows;
	size_t count;
	int udp, tcp, quit[2];
	uint16_t port;
	_Atomic unsigned asked, asked_tcp;
	pthread_t thread;
};

static inline void
test_dns_pack(struct buffer *b, unsigned v)
{
	buffer_add_byte(b, (char)(v >> 8));
	buffer_add_byte(b, (char)v);
}

/* The name of the question in lower case; gives the octets that it takes. */
static inline size_t
test_dns_name(struct text q, char name[256])
{
	size_t at = 12, n = 0;

	while (at < q.len && q.ptr[at] != 0) {
		size_t len = (uint8_t)q.ptr[at++];

		for (size_t i = 0; i < len; i++)
			name[n++] = byte_lower(q.ptr[at++]);
		name[n++] = '.';
	}
	name[n > 0 ? n - 1 : 0] = '\0';
	return at + 1 - 12;
}

static inline void
test_dns_add(struct buffer *b, const struct test_record *r, const char *prefix)
{
	test_dns_pack(b, 0xc00c);
	test_dns_pack(b, r->type);
	test_dns_pack(b, 1);
	test_dns_pack(b, 0);
	test_dns_pack(b, 60); /* TTL */
	test_dns_pack(b, (unsigned)(r->rdata.len + strlen(prefix)));
	buffer_add_string(b, prefix);
	buffer_add_text(b, r->rdata);
}

/* False: no answer. */
static inline bool
test_dns_answer(struct test_dns *s, struct text q, bool tcp, struct buffer *out)
{
	char name[256];
	size_t taken = test_dns_name(q, name);
	uint16_t type = (uint16_t)((uint8_t)q.ptr[12 + taken] << 8 | (uint8_t)q.ptr[13 + taken]);
	unsigned flags = 0x8180, rcode = 3, answers = 0;
	struct buffer records = BUFFER_INIT;

	s->asked++;
	s->asked_tcp += tcp;
	for (size_t i = 0; i < s->count; i++) {
		const struct test_record *r = &s->rows[i];

		if (strcmp(r->name, name) != 0)
			continue;
		if (r->manner == MANNER_SILENT) {
			buffer_done(&records);
			return false;
		}
		rcode = r->manner == MANNER_SERVFAIL ? 2 : 0;
		if (rcode != 0 || (r->type != type && r->type != 5))
			continue;
		if (r->manner != MANNER_ANSWER && !tcp)
			flags |= 0x0200;
		for (unsigned k = 0; k < (r->manner == MANNER_MANY ? 300 : 1); k++) {
			char number[8] = "";

			if (r->manner == MANNER_MANY)
				(void)snprintf(number, sizeof(number), "\4%03u", k);
			test_dns_add(&records, r, number);
			answers++;
		}
	}
	if ((flags & 0x0200) != 0) {
		buffer_clear(&records);
		answers = 0;
	}
	buffer_add(out, q.ptr, 2);
	test_dns_pack(out, flags | rcode);
	test_dns_pack(out, 1);
	test_dns_pack(out, answers);
	test_dns_pack(out, 0);
	test_dns_pack(out, 0);
	buffer_add(out, q.ptr + 12, taken + 4);
	buffer_add_text(out, buffer_text(&records));
	buffer_done(&records);
	return true;
}

static inline void
test_dns_over_udp(struct test_dns *s)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	struct buffer answer = BUFFER_INIT;
	char q[1500];
	ssize_t n = recvfrom(s->udp, q, sizeof(q), 0, (struct sockaddr *)&from, &len);

	if (n > 16 && test_dns_answer(s, (struct text){ q, (size_t)n }, false, &answer))
		(void)sendto(
		    s->udp, answer.ptr, answer.len, 0, (const struct sockaddr *)&from, len);
	buffer_done(&answer);
}

static inline void
test_dns_over_tcp(struct test_dns *s)
{
	int c = accept(s->tcp, NULL, NULL);
	struct buffer answer = BUFFER_INIT, framed = BUFFER_INIT;
	char q[1500];
	ssize_t n = recv(c, q, 2, MSG_WAITALL);

	n = n == 2 ? recv(c, q, (size_t)((uint8_t)q[0] << 8 | (uint8_t)q[1]), MSG_WAITALL) : 0;
	if (n > 16 && test_dns_answer(s, (struct text){ q, (size_t)n }, true, &answer)) {
		test_dns_pack(&framed, (unsigned)answer.len);
		buffer_add_text(&framed, buffer_text(&answer));
		(void)send(c, framed.ptr, framed.len, MSG_NOSIGNAL);
	}
	buffer_done(&answer);
	buffer_done(&framed);
	(void)close(c);
}

static inline void *
test_dns_main(void *arg)
{
	struct test_dns *s = arg;
	struct pollfd p[] = { { s->quit[0], POLLIN, 0 }, { s->udp, POLLIN, 0 },
		{ s->tcp, POLLIN, 0 } };

	while (poll(p, 3, -1) > 0 && p[0].revents == 0) {
		if (p[1].revents != 0)
			test_dns_over_udp(s);
		if (p[2].revents != 0)
			test_dns_over_tcp(s);
	}
	return NULL;
}

/* One port for both. */
static inline bool
test_dns_bind(struct test_dns *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	s->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	s->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->tcp, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(s->tcp, (struct sockaddr *)&a, &len), 0);
	s->port = ntohs(a.sin_port);
	if (bind(s->udp, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(s->tcp, 10) == 0)
		return true;
	(void)close(s->tcp);
	(void)close(s->udp);
	return false;
}

static inline void
test_dns_start(struct test_dns *s, const struct test_record *rows, size_t count)
{
	memset(s, 0, sizeof(*s));
	s->rows = rows;
	s->count = count;
	while (!test_dns_bind(s))
		continue;
	assert_int_equal(pipe(s->quit), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, test_dns_main, s), 0);
}

static inline void
test_dns_stop(struct test_dns *s)
{
	assert_int_equal(write(s->quit[1], "", 1), 1);
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	(void)close(s->quit[0]);
	(void)close(s->quit[1]);
	(void)close(s->udp);
	(void)close(s->tcp);
}

#endif
