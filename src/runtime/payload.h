/* SPDX-License-Identifier: ISC */
/*
 * A payload: bytes of any size that travel in a call. Up to 64 KiB inline,
 * above that as a memfd that is sealed against every change before it leaves,
 * so that what the receiver has checked stays as it was. A spool collects one
 * while it comes in.
 */
#ifndef RUNTIME_PAYLOAD_H
#define RUNTIME_PAYLOAD_H

#include "base/arena.h"
#include "base/buffer.h"

#define PAYLOAD_INLINE_MAX 65536

/* bytes are readable in any case; fd >= 0 is a sealed memfd that holds just
 * them. Zero-initialise with PAYLOAD_OF. */
struct payload {
	struct text bytes;
	int fd;
};

#define PAYLOAD_OF(t) ((struct payload){ (t), -1 })

struct spool {
	struct buffer small; /* until it outgrows PAYLOAD_INLINE_MAX */
	int fd;		     /* the memfd after that, -1 before */
	char *map;	     /* its mapping while it is being read */
	bool sealed;
	size_t len;
	size_t limit; /* 0: none */
	bool overflow;
};

void spool_init(struct spool *s, size_t limit);
/* Appends; beyond the limit sets overflow, drops all and keeps dropping.
 * UNAVAILABLE when the system has no memory for it: what came before is as it
 * was. */
enum status spool_add(struct spool *s, struct text bytes) MUST_CHECK;
/* Takes back what was added beyond the first len octets. */
void spool_cut(struct spool *s, size_t len);
/* Seals it and gives the payload, which lives until spool_unmap or spool_done;
 * nothing is added after that. LIMIT after an overflow. */
enum status spool_payload(struct spool *s, struct payload *out) MUST_CHECK;
/* Lets go of the payload's mapping, if it has one; spool_payload gives it anew. */
void spool_unmap(struct spool *s);
void spool_done(struct spool *s);

/* Maps a received memfd read-only for the arena's life after checking that all
 * seals are there; takes the descriptor. INVALID if a seal is missing. */
enum status payload_map(int fd, struct arena *a, struct payload *out) MUST_CHECK;
/* A sealed memfd holding bytes; the caller closes it. */
enum status payload_seal(struct text bytes, int *fd) MUST_CHECK;

#endif
