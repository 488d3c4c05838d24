/* SPDX-License-Identifier: ISC */
/*
 * The fields of a call as bytes: a pair of functions for each field type, one
 * after the other in the order of the table. What is decoded was written by
 * another process: each length and count is compared with what is left before
 * memory is taken, and the texts of a record are views of the bytes given.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "runtime/call_frame.h"

struct writer {
	struct buffer *out;
	size_t most; /* the buffer's length may grow up to here */
	int *fds;
	unsigned fd_count;
};

struct reader {
	struct unpack in;
	struct arena *arena;
	const int *fds;
	unsigned fd_count, fd_at;
};

/* ---- one type each ---- */

static enum status
put_U64(struct writer *w, const void *at)
{
	pack_varint(w->out, *(const uint64_t *)at);
	return STATUS_OK;
}

static void
get_U64(struct reader *r, void *at)
{
	*(uint64_t *)at = unpack_varint(&r->in);
}

static enum status
put_I64(struct writer *w, const void *at)
{
	pack_signed(w->out, *(const int64_t *)at);
	return STATUS_OK;
}

static void
get_I64(struct reader *r, void *at)
{
	*(int64_t *)at = unpack_signed(&r->in);
}

static enum status
put_TEXT(struct writer *w, const void *at)
{
	const struct text *t = at;

	if (t->len > w->most || w->out->len > w->most - t->len)
		return STATUS_LIMIT;
	pack_text(w->out, *t);
	return STATUS_OK;
}

static void
get_TEXT(struct reader *r, void *at)
{
	*(struct text *)at = unpack_text(&r->in);
}

static enum status
put_TEXTS(struct writer *w, const void *at)
{
	const struct texts *t = at;
	enum status st = STATUS_OK;

	pack_varint(w->out, t->count);
	for (uint32_t i = 0; i < t->count && st == STATUS_OK; i++)
		st = put_TEXT(w, &t->at[i]);
	return st;
}

/* A count of elements that take one byte each at least. */
static uint32_t
get_count(struct reader *r)
{
	return (uint32_t)unpack_varint_max(&r->in, cursor_left(&r->in.in));
}

static void
get_TEXTS(struct reader *r, void *at)
{
	struct texts t = { .count = get_count(r) };

	if (t.count > 0)
		t.at = ARENA_ARRAY(r->arena, struct text, t.count);
	for (uint32_t i = 0; i < t.count; i++)
		t.at[i] = unpack_text(&r->in);
	*(struct texts *)at = t;
}

static enum status
put_NUMBERS(struct writer *w, const void *at)
{
	const struct numbers *n = at;

	pack_varint(w->out, n->count);
	for (uint32_t i = 0; i < n->count && w->out->len <= w->most; i++)
		pack_varint(w->out, n->at[i]);
	return STATUS_OK;
}

static void
get_NUMBERS(struct reader *r, void *at)
{
	struct numbers n = { .count = get_count(r) };

	if (n.count > 0)
		n.at = ARENA_ARRAY(r->arena, uint64_t, n.count);
	for (uint32_t i = 0; i < n.count; i++)
		n.at[i] = unpack_varint(&r->in);
	*(struct numbers *)at = n;
}

static enum status
put_RUNS(struct writer *w, const void *at)
{
	runs_pack(w->out, at);
	return STATUS_OK;
}

/* The runs go into the arena with the rest of the record. */
static void
get_RUNS(struct reader *r, void *at)
{
	struct runs in = RUNS_INIT, *out = at;
	uint32_t most = (uint32_t)(cursor_left(&r->in.in) / 2);

	if (!unpack_ok(&r->in) || runs_unpack(&r->in, most, &in) != STATUS_OK)
		return;
	*out = in;
	out->at = NULL;
	if (in.count > 0) {
		out->at = ARENA_ARRAY(r->arena, struct run, in.count);
		memcpy(out->at, in.at, in.count * sizeof(*in.at));
	}
	out->cap = in.count;
	runs_done(&in);
}

static enum status
put_PAYLOAD(struct writer *w, const void *at)
{
	const struct payload *p = at;
	int fd;

	if (p->bytes.len <= PAYLOAD_INLINE_MAX) {
		pack_u8(w->out, 0);
		return put_TEXT(w, &p->bytes);
	}
	if (w->fd_count == CALL_FDS_MAX)
		return STATUS_LIMIT;
	if (p->fd < 0) {
		enum status st = payload_seal(p->bytes, &fd);

		if (st != STATUS_OK)
			return st;
	} else {
		fd = fcntl(p->fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return STATUS_UNAVAILABLE;
	}
	w->fds[w->fd_count++] = fd;
	pack_u8(w->out, 1);
	pack_varint(w->out, p->bytes.len);
	return STATUS_OK;
}

static void
get_memfd(struct reader *r, struct payload *out)
{
	uint64_t len = unpack_varint(&r->in);

	if (!unpack_ok(&r->in) || r->fd_at == r->fd_count) {
		r->in.bad = true;
		return;
	}
	if (payload_map(r->fds[r->fd_at++], r->arena, out) != STATUS_OK || out->bytes.len != len)
		r->in.bad = true;
}

static void
get_PAYLOAD(struct reader *r, void *at)
{
	struct payload *out = at;

	*out = PAYLOAD_OF(TEXT_EMPTY);
	switch (unpack_u8(&r->in)) {
	case 0:
		out->bytes = unpack_text(&r->in);
		if (out->bytes.len > PAYLOAD_INLINE_MAX)
			r->in.bad = true;
		break;
	case 1:
		get_memfd(r, out);
		break;
	default:
		r->in.bad = true;
	}
}

static const struct {
	enum status (*put)(struct writer *w, const void *at);
	void (*get)(struct reader *r, void *at);
} types[] = {
#define X(name, type) { put_##name, get_##name },
	CALL_FIELD_TYPES(X)
#undef X
};

/* ---- records ---- */

void
call_close_fds(const int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		(void)close(fds[i]);
}

enum status
call_encode(const struct call_field *fields, size_t count, const void *record, struct buffer *out,
    int fds[4], unsigned *fd_count)
{
	size_t start = out->len;
	int own[CALL_FDS_MAX];
	struct writer w = { out, start + CALL_BODY_MAX, own, 0 };
	enum status st = STATUS_OK;

	for (size_t i = 0; i < count && st == STATUS_OK; i++) {
		st = types[fields[i].type].put(&w, (const char *)record + fields[i].offset);
		if (st == STATUS_OK && out->len > w.most)
			st = STATUS_LIMIT;
	}
	if (st != STATUS_OK) {
		buffer_cut(out, start);
		call_close_fds(own, w.fd_count);
		return st;
	}
	memcpy(fds, own, w.fd_count * sizeof(own[0]));
	*fd_count = w.fd_count;
	return STATUS_OK;
}

enum status
call_decode(const struct call_field *fields, size_t count, size_t size, struct text bytes,
    const int *fds, unsigned fd_count, struct arena *a, void *record)
{
	struct reader r = { unpack_of(bytes), a, fds, fd_count, 0 };

	memset(record, 0, size);
	for (size_t i = 0; i < count; i++)
		types[fields[i].type].get(&r, (char *)record + fields[i].offset);
	for (unsigned i = r.fd_at; i < fd_count; i++)
		(void)close(fds[i]);
	return unpack_end(&r.in) && r.fd_at == fd_count ? STATUS_OK : STATUS_INVALID;
}
