/* SPDX-License-Identifier: ISC */
/*
 * Frames, out and in. A frame's body is received into memory of its own, made
 * as soon as its head is there, and stays there until the request is answered
 * or the reply used: no second copy. Heads are checked before anything is
 * taken from memory for them.
 */
#include "runtime/call_frame.h"

#include <string.h>

#include "base/random.h"

size_t
call_frame_begin(struct buffer *b)
{
	size_t at = b->len;

	CHECK(buffer_room(b, CALL_HEAD) != NULL);
	buffer_added(b, CALL_HEAD);
	return at;
}

void
call_frame_end(struct buffer *b, size_t at, enum call_kind kind, uint16_t number, uint64_t id,
    enum status status, unsigned fd_count)
{
	char *head = b->ptr + at;
	uint32_t len = __builtin_bswap32((uint32_t)(b->len - at - 4));

	number = __builtin_bswap16(number);
	id = __builtin_bswap64(id);
	memcpy(head, &len, 4);
	head[4] = (char)kind;
	head[5] = (char)fd_count;
	memcpy(head + 6, &number, 2);
	memcpy(head + 8, &id, 8);
	head[16] = (char)status;
}

void
call_frame_free(struct call_frame *f)
{
	if (f == NULL)
		return;
	call_close_fds(f->fds, f->fd_count);
	if (f->secret)
		secret_wipe(f->body, f->len);
	mem_free(f);
}

static void
free_adopted(void *f)
{
	call_frame_free(f);
}

void
call_frame_adopt(struct call_frame *f, struct arena *a)
{
	CHECK(f->fd_count == 0);
	arena_on_done(a, free_adopted, f);
}

/* The frame that the head announces, or NULL. */
static struct call_frame *
frame_of_head(const char head[CALL_HEAD])
{
	struct unpack u = unpack_of((struct text){ head, CALL_HEAD });
	uint32_t len = unpack_be32(&u);
	struct call_frame f = { .kind = unpack_u8(&u), .fd_count = unpack_u8(&u) };
	struct call_frame *made;

	f.number = (uint16_t)(unpack_u8(&u) << 8);
	f.number |= unpack_u8(&u);
	f.id = unpack_be64(&u);
	f.status = unpack_u8(&u);
	if (len < CALL_HEAD - 4 || len > CALL_FRAME_MAX - 4 || f.kind >= CALL_KIND_COUNT ||
	    f.fd_count > CALL_FDS_MAX || f.status >= STATUS_COUNT)
		return NULL;
	if (f.status != STATUS_OK && (f.kind != CALL_KIND_REPLY || f.fd_count > 0))
		return NULL;
	f.len = len - (CALL_HEAD - 4);
	made = mem_resize(NULL, sizeof(f) + f.len, 1);
	*made = f;
	made->fd_count = 0; /* none is its own yet */
	return made;
}

struct iovec
call_assembler_room(struct call_assembler *as)
{
	if (as->frame == NULL)
		return (struct iovec){ NULL, 0 };
	return (struct iovec){ as->frame->body + as->have, as->frame->len - as->have };
}

enum status
call_assembler_fds(struct call_assembler *as, const int *fds, unsigned count)
{
	if (count > CALL_FDS_WAITING - as->fd_count) {
		call_close_fds(fds, count);
		return STATUS_INVALID;
	}
	memcpy(as->fds + as->fd_count, fds, count * sizeof(*fds));
	as->fd_count += count;
	return STATUS_OK;
}

/* The frame in hand is whole: gives it its descriptors and passes it on. */
static enum status
deliver(struct call_assembler *as, call_frame_fn fn, void *arg)
{
	struct call_frame *f = as->frame;
	unsigned wanted = (unsigned char)as->head[5];

	if (wanted > as->fd_count)
		return STATUS_INVALID;
	memcpy(f->fds, as->fds, wanted * sizeof(as->fds[0]));
	f->fd_count = (uint8_t)wanted;
	as->fd_count -= wanted;
	memmove(as->fds, as->fds + wanted, as->fd_count * sizeof(as->fds[0]));
	as->frame = NULL;
	as->head_len = as->have = 0;
	fn(arg, f);
	return STATUS_OK;
}

/* Moves octets of *in to where `have` of `want` stand already. */
static size_t
fill(char *to, size_t have, size_t want, struct text *in)
{
	size_t n = want - have < in->len ? want - have : in->len;

	if (n > 0)
		memcpy(to + have, in->ptr, n);
	*in = text_part(*in, n, in->len);
	return have + n;
}

enum status
call_assembler_add(
    struct call_assembler *as, size_t direct, struct text more, call_frame_fn fn, void *arg)
{
	enum status st = STATUS_OK;

	as->have += direct;
	while (st == STATUS_OK) {
		if (as->frame == NULL) {
			as->head_len = fill(as->head, as->head_len, CALL_HEAD, &more);
			if (as->head_len < CALL_HEAD)
				break;
			as->frame = frame_of_head(as->head);
			if (as->frame == NULL)
				return STATUS_INVALID;
			as->frame->secret = as->secret;
		}
		as->have = fill(as->frame->body, as->have, as->frame->len, &more);
		if (as->have < as->frame->len)
			break;
		st = deliver(as, fn, arg);
	}
	return st;
}

void
call_assembler_done(struct call_assembler *as)
{
	call_frame_free(as->frame);
	call_close_fds(as->fds, as->fd_count);
	*as = (struct call_assembler){ 0 };
}
