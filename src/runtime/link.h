/* SPDX-License-Identifier: ISC */
/*
 * A link: one socket pair between two roles, on which both may call. It
 * carries frames both ways and knows nothing of what they mean.
 *
 * Writing: whoever appends a frame while nobody writes takes the write role
 * and sends until nothing is left, so that threads that come meanwhile leave
 * their frames and go. The role never waits for the peer: when the socket is
 * full it passes to the link's writer thread. While the reader works on a
 * batch it flushes for all at its end.
 * Reading: whoever has the read role, which never writes to a full socket and
 * never waits for anything but frames, and for in_hand to fall below its limit.
 * It is a thread of the link, or a caller that waits for its reply anyhow and
 * finds nobody reading: so a reply costs one change of threads less.
 */
#ifndef RUNTIME_LINK_H
#define RUNTIME_LINK_H

#include <pthread.h>

#include "base/list.h"
#include "base/map.h"
#include "runtime/call_frame.h"

#define LINK_MAGIC 0x117c0001u
#define LINK_QUEUE_MAX (64u << 20) /* octets that a peer may leave unread */
#define LINK_READ_SIZE 65536
/* Microseconds for which the link's thread leaves reading to callers after one
 * of them had a reply: so long may wait what comes unasked. */
#define LINK_ABSENCE 2000

struct link;

struct link_ops {
	/* By who reads, around the frames of one read. */
	void (*begin)(struct link *l);
	void (*end)(struct link *l);
	/* By who reads, behind it, when what was held back is on its way. */
	void (*after)(struct link *l);
	/* By who reads. Owns the frame. INVALID: no peer of ours sends
	 * that; the link is closed. */
	enum status (*frame)(struct link *l, struct call_frame *f);
	/* On the link's thread, last of all. */
	void (*lost)(struct link *l);
};

/* Descriptors that leave with the frame that begins at this octet. */
struct link_fds {
	uint64_t at;
	int fds[CALL_FDS_MAX];
	unsigned count;
};

struct link_queue {
	struct buffer octets;
	struct link_fds *fds;
	size_t fd_count, fd_cap;
};

struct link {
	unsigned magic;
	const struct link_ops *ops;
	void *owner;
	int fd;
	enum role peer;
	unsigned instance;
	/* What it carries is wiped where it was kept: set before link_run. */
	bool secret;
	uint64_t number; /* unique in this process */
	_Atomic unsigned refs;
	struct list node; /* of the owner */
	bool drained;	  /* of the owner */
	uint64_t tag;	  /* of the owner */

	pthread_mutex_t lock; /* of all that follows */
	struct link_queue out, sending;
	size_t sending_at;  /* octets of sending that have left */
	uint64_t appended;  /* octets ever */
	uint64_t handed;    /* octets ever that were moved from out to sending */
	bool writing;	    /* somebody has the write role */
	bool to_writer;	    /* it is the writer thread */
	bool reader_active; /* works on a batch, flushes at its end */
	bool broken;
	bool draining;		       /* somebody waits until nothing is in hand */
	unsigned in_hand, in_hand_max; /* requests that are not answered */
	unsigned streams;	       /* how many of them are streams */
	pthread_cond_t changed;	       /* to_writer, broken, in_hand */
	/* the read role */
	bool reading;	     /* somebody has it */
	bool caller_reads;   /* it is not the link's thread */
	bool thread_sleeps;  /* until it is told that its turn has come */
	unsigned wanted;     /* replies that are waited for by who does not read */
	int64_t replied;     /* when a caller was given a reply last: monotonic */
	enum status ended;   /* what a caller met */
	pthread_cond_t turn; /* of the link's thread */
	pthread_t reader, writer;
	struct map pending; /* calls that wait here: see call_client.c */
	uint64_t last_id;

	_Atomic unsigned in_flight; /* calls that wait for a reply */

	/* of who reads */
	struct call_assembler in;
	char *scratch;
	void *alone;  /* of the owner: the only request of this read, */
	bool crowded; /* or there were others */
};

struct timespec;

/* Takes fd. One reference, for the caller. in_hand_max 0: no limit. */
struct link *link_new(int fd, enum role peer, unsigned instance, const struct link_ops *ops,
    void *owner, unsigned in_hand_max);
/* Starts its threads, which have references of their own. LIMIT: the system
 * has no room for them; lost is not called then. */
enum status link_run(struct link *l) MUST_CHECK;
/* Both ends see it as lost; harmless when it is already. */
void link_close(struct link *l);
/* Waits until the link's threads have ended: after link_close, or in lost. */
void link_join(struct link *l);
struct link *link_ref(struct link *l);
void link_unref(struct link *l);

/* Room in which what is secret is encoded without moving. */
#define LINK_SECRET_ROOM 16384
void link_prepare(const struct link *l, struct buffer *b);
/* Frees what was encoded and not sent, or what link_append left. */
void link_release(const struct link *l, struct buffer *b);
/* Queues a frame (b is emptied) with its descriptors (taken), and gives the
 * octet at which it begins. With the lock held. False: the link is broken. */
bool link_append(struct link *l, struct buffer *b, const int *fds, unsigned count, uint64_t *at);
/* Sends what is queued unless somebody does it already. With the lock held. */
void link_flush(struct link *l);
/* The same without the lock. */
void link_flush_now(struct link *l);

/* With the lock: takes the read role for a caller, which reads with link_read
 * until it has its reply and gives the role back, with what it met at last.
 * False: another has it, or the link is at its end. */
bool link_read_take(struct link *l) MUST_CHECK;
/* Handles what comes next. TIMEOUT: nothing came until then; CLOSED, INVALID:
 * nothing more will. */
enum status link_read(struct link *l, int64_t until) MUST_CHECK;
void link_read_give(struct link *l, enum status st);
/* With the lock: somebody waits for a reply without reading. Who finds the
 * reply, or gives it up, lowers l->wanted. */
void link_want(struct link *l);
void *link_reader_main(void *arg);

/* A request came in hand (the reader waits here at the limit), or was
 * answered. False: nothing is taken any more. */
bool link_hand_take(struct link *l, bool stream) MUST_CHECK;
void link_hand_give(struct link *l, bool stream);
/* Takes nothing more, and waits until nothing but streams is in hand, the link
 * broke, or the deadline (CLOCK_MONOTONIC, microseconds) passed. */
void link_hand_drain(struct link *l, int64_t deadline);

/* A moment as pthread_cond_clockwait wants it. */
struct timespec link_timespec(int64_t mono);
#endif
