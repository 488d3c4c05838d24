/* SPDX-License-Identifier: ISC */
/*
 * Frames: how calls stand on a link (the form is in runtime/calls.h), and the
 * assembler that makes frames of what arrives in pieces. Descriptors come in
 * the order of the frames that they belong to, never behind the last octet of
 * their frame. Used by link.c; apart from it so that it can be fuzzed.
 */
#ifndef RUNTIME_CALL_FRAME_H
#define RUNTIME_CALL_FRAME_H

#include <sys/uio.h>

#include "base/pack.h"
#include "runtime/calls.h"

#define CALL_FDS_MAX 4
#define CALL_HEAD 17 /* octets before the fields, the length included */
#define CALL_BODY_MAX (CALL_FRAME_MAX - CALL_HEAD)
/* Descriptors that wait for their frame: twice what one write sends. */
#define CALL_FDS_BATCH 28
#define CALL_FDS_WAITING 64

enum call_kind {
	CALL_KIND_REQUEST,
	CALL_KIND_REPLY, /* the only or the last answer */
	CALL_KIND_PUSH,	 /* one of a stream */
	CALL_KIND_COUNT
};

struct call_frame {
	uint8_t kind;	/* enum call_kind */
	uint8_t status; /* enum status; OK in a request */
	uint8_t fd_count;
	bool secret;	 /* wiped when it is freed */
	uint16_t number; /* struct call */
	uint64_t id;
	int fds[CALL_FDS_MAX];
	size_t len; /* of body */
	char body[];
};

/* Frees the frame and closes the descriptors that were not taken out. */
void call_frame_free(struct call_frame *f);
/* The body as long as the arena lives; the descriptors must be taken before. */
void call_frame_adopt(struct call_frame *f, struct arena *a);

/* Begins a frame in *b; the fields are to be appended. */
size_t call_frame_begin(struct buffer *b);
/* Fills in the head of the frame that begins at `at`. */
void call_frame_end(struct buffer *b, size_t at, enum call_kind kind, uint16_t number, uint64_t id,
    enum status status, unsigned fd_count);

struct call_assembler {
	char head[CALL_HEAD];
	size_t head_len;
	struct call_frame *frame; /* in hand, its body not whole */
	size_t have;		  /* octets of it */
	int fds[CALL_FDS_WAITING];
	unsigned fd_count;
	bool secret; /* its frames are */
};

typedef void (*call_frame_fn)(void *arg, struct call_frame *f); /* owns f */

/* Where octets of the frame in hand may be received directly; length 0: none. */
struct iovec call_assembler_room(struct call_assembler *as);
/* Descriptors that came with the octets of the next call_assembler_add. INVALID: too
 * many, and they are closed. */
enum status call_assembler_fds(
    struct call_assembler *as, const int *fds, unsigned count) MUST_CHECK;
/* `direct` octets stand in the room, then come those of `more`. fn gets every
 * frame that is whole. INVALID: not a frame; nothing further can be read. */
enum status call_assembler_add(struct call_assembler *as, size_t direct, struct text more,
    call_frame_fn fn, void *arg) MUST_CHECK;
void call_assembler_done(struct call_assembler *as);

void call_close_fds(const int *fds, unsigned count);

#endif
