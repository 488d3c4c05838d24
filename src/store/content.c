/* SPDX-License-Identifier: ISC */
/*
 * Content: messages as zstd frames that can be read apart. One compression and
 * one decompression context a thread, kept from message to message. A reader
 * knows from size and header length how long every frame must become, and
 * takes nothing else for it: no size in a frame is believed.
 */
#include "store/content.h"

#include <pthread.h>
#include <string.h>
#define ZSTD_STATIC_LINKING_ONLY /* for ZSTD_c_literalCompressionMode */
#include <zstd.h>

#define CONTENT_VERSION 1
/* Level 1, looking for matches of seven octets and more, as it does by itself in
 * large inputs: on mail of some 10 KB that is a fifth faster both ways, and the
 * content 1 to 4 % larger. And in steps of three octets instead of two, which
 * takes another eighth of the packing away and adds 1 to 2 % to the content. */
#define LEVEL 1
#define MATCH_MIN 7
#define STEPS 2		       /* as zstd counts them */
#define INLINE_MAX (64u << 10) /* of a body frame in piece 0 */
#define PIECES_MAX 65535u
#define FRAMES_MAX (PIECES_MAX - 1)

enum frame_kind { FRAME_RAW, FRAME_ZSTD };

struct contexts {
	ZSTD_CCtx *pack;
	ZSTD_DCtx *read;
};

static pthread_key_t contexts_key;
static pthread_once_t contexts_once = PTHREAD_ONCE_INIT;

static void
contexts_free(void *arg)
{
	struct contexts *c = arg;

	ZSTD_freeCCtx(c->pack);
	ZSTD_freeDCtx(c->read);
	mem_free(c);
}

static void
contexts_init(void)
{
	CHECK(pthread_key_create(&contexts_key, contexts_free) == 0);
}

static void
set(ZSTD_CCtx *c, ZSTD_cParameter what, int value)
{
	CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(c, what, value)));
}

static ZSTD_CCtx *
packing(void)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();

	CHECK(c != NULL);
	set(c, ZSTD_c_compressionLevel, LEVEL);
	set(c, ZSTD_c_minMatch, MATCH_MIN);
	/* With such steps literals stay as they are, unless one can ask for it. */
	if (!ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_literalCompressionMode, ZSTD_ps_enable)))
		set(c, ZSTD_c_targetLength, STEPS);
	return c;
}

static struct contexts *
contexts(void)
{
	struct contexts *c;

	pthread_once(&contexts_once, contexts_init);
	c = pthread_getspecific(contexts_key);
	if (c == NULL) {
		c = MEM_NEW(struct contexts);
		c->pack = packing();
		c->read = ZSTD_createDCtx();
		CHECK(c->read != NULL);
		CHECK(pthread_setspecific(contexts_key, c) == 0);
	}
	return c;
}

/* ---- packing ---- */

/* A message in two parts, and room to join what lies on both sides. */
struct source {
	struct text head, rest;
	bool plain; /* nothing is compressed */
	struct buffer joined;
};

static struct text
source_part(struct source *s, uint64_t from, uint64_t to)
{
	if (to <= s->head.len)
		return text_part(s->head, from, to);
	if (from >= s->head.len)
		return text_part(s->rest, from - s->head.len, to - s->head.len);
	buffer_clear(&s->joined);
	buffer_add_text(&s->joined, text_part(s->head, from, s->head.len));
	buffer_add_text(&s->joined, text_part(s->rest, 0, to - s->head.len));
	return buffer_text(&s->joined);
}

/* Into room for that much; 0: it would not shrink. */
static size_t
shrink(char *at, size_t room, struct text raw)
{
	size_t n = ZSTD_compress2(contexts()->pack, at, room, raw.ptr, raw.len);

	return ZSTD_isError(n) || n >= raw.len ? 0 : n;
}

/* Appends kind and octets; gives the length. Empty in, empty out. */
static size_t
add_frame(struct buffer *out, struct text raw, bool plain)
{
	size_t room = plain ? raw.len : ZSTD_compressBound(raw.len), n;
	char *at;

	if (raw.len == 0)
		return 0;
	at = buffer_room(out, room + 1);
	CHECK(at != NULL);
	n = plain ? 0 : shrink(at + 1, room, raw);
	at[0] = n == 0 ? FRAME_RAW : FRAME_ZSTD;
	if (n == 0) {
		memcpy(at + 1, raw.ptr, raw.len);
		n = raw.len;
	}
	buffer_added(out, n + 1);
	return n + 1;
}

static uint64_t
frames_of(uint64_t body)
{
	return body / CONTENT_FRAME_RAW + (body % CONTENT_FRAME_RAW != 0);
}

/* Piece 0 with its header frame; the body frame may follow in it. */
static size_t
add_first(struct buffer *out, struct source *s, uint64_t size, uint64_t header_len)
{
	struct buffer frame = BUFFER_INIT;
	size_t before = out->len, n = add_frame(&frame, source_part(s, 0, header_len), s->plain);

	pack_u8(out, CONTENT_VERSION);
	pack_varint(out, size);
	pack_varint(out, header_len);
	pack_varint(out, n);
	buffer_add_text(out, buffer_text(&frame));
	buffer_done(&frame);
	return out->len - before;
}

/* Pieces go to data, their lengths to lengths. */
static uint32_t
pack_pieces(struct source *s, uint64_t header_len, struct buffer *lengths, struct buffer *data)
{
	uint64_t size = s->head.len + s->rest.len, frames = frames_of(size - header_len);
	size_t first = add_first(data, s, size, header_len);
	uint32_t count = 1;

	CHECK(frames <= FRAMES_MAX);
	for (uint64_t i = 0; i < frames; i++) {
		uint64_t from = header_len + i * CONTENT_FRAME_RAW;
		uint64_t to = from + CONTENT_FRAME_RAW < size ? from + CONTENT_FRAME_RAW : size;
		size_t n = add_frame(data, source_part(s, from, to), s->plain);

		if (frames == 1 && n <= INLINE_MAX) {
			first += n;
			break;
		}
		if (i == 0)
			pack_varint(lengths, first);
		pack_varint(lengths, n);
		count++;
	}
	if (count == 1)
		pack_varint(lengths, first);
	return count;
}

static void
pack(struct source *s, uint64_t header_len, struct buffer *out)
{
	struct buffer lengths = BUFFER_INIT, data = BUFFER_INIT;
	uint32_t count;

	if (header_len > s->head.len + s->rest.len)
		header_len = s->head.len + s->rest.len;
	if (header_len > CONTENT_FRAME_RAW)
		header_len = CONTENT_FRAME_RAW;
	count = pack_pieces(s, header_len, &lengths, &data);
	pack_varint(out, count);
	buffer_add_text(out, buffer_text(&lengths));
	buffer_add_text(out, buffer_text(&data));
	buffer_done(&lengths);
	buffer_done(&data);
	buffer_done(&s->joined);
}

void
content_pack(struct text head, struct text rest, uint64_t header_len, struct buffer *out)
{
	struct source s = { .head = head, .rest = rest };

	pack(&s, header_len, out);
}

void
content_wrap(struct text head, struct text rest, uint64_t header_len, struct buffer *out)
{
	struct source s = { .head = head, .rest = rest, .plain = true };

	pack(&s, header_len, out);
}

enum status
content_pieces(struct text container, uint32_t max, struct text *piece, uint32_t *count)
{
	struct unpack u = unpack_of(container), data;
	uint64_t n = unpack_varint_max(&u, max), total = 0;

	if (!unpack_ok(&u) || n == 0 || n > cursor_left(&u.in))
		return STATUS_CORRUPT;
	data = u; /* first over the lengths, to find where the pieces begin */
	for (uint64_t i = 0; i < n; i++)
		total += unpack_varint_max(&data, CONTENT_PIECE_MAX);
	if (!unpack_ok(&data) || total != cursor_left(&data.in))
		return STATUS_CORRUPT;
	for (uint64_t i = 0; i < n; i++)
		piece[i] = unpack_bytes(&data, unpack_varint(&u));
	*count = (uint32_t)n;
	return STATUS_OK;
}

/* ---- reading ---- */

enum status
content_open(struct text piece0, struct content *out)
{
	struct unpack u = unpack_of(piece0);
	uint8_t version = unpack_u8(&u);
	uint64_t size = unpack_varint(&u), header_len = unpack_varint(&u), frames;
	struct text header = unpack_text(&u), body = cursor_rest(&u.in);

	if (!unpack_ok(&u) || version != CONTENT_VERSION || header_len > size ||
	    header_len > CONTENT_FRAME_RAW)
		return STATUS_CORRUPT;
	frames = frames_of(size - header_len);
	if (frames > FRAMES_MAX || (frames != 1 && body.len > 0))
		return STATUS_CORRUPT;
	out->size = size;
	out->header_len = header_len;
	out->frames = (uint32_t)frames;
	out->inlined = body.len > 0;
	out->header_frame = header;
	out->body_frame = body;
	return STATUS_OK;
}

struct text
content_head(struct text piece0)
{
	struct content c;

	/* A header as long as that may go on in the body's frame. */
	if (content_open(piece0, &c) != STATUS_OK || c.header_len == CONTENT_FRAME_RAW)
		return piece0;
	return text_part(piece0, 0, piece0.len - c.body_frame.len);
}

/* Inflates a frame that must give exactly want octets; *raw is a view of the
 * frame or of scratch. */
static enum status
inflate(struct text frame, size_t want, struct buffer *scratch, struct text *raw)
{
	struct text data = text_part(frame, 1, frame.len);
	size_t n;
	char *at;

	if (want == 0 && frame.len == 0) {
		*raw = TEXT_EMPTY;
		return STATUS_OK;
	}
	if (frame.len < 2)
		return STATUS_CORRUPT;
	if (frame.ptr[0] == FRAME_RAW) {
		if (data.len != want)
			return STATUS_CORRUPT;
		*raw = data;
		return STATUS_OK;
	}
	if (frame.ptr[0] != FRAME_ZSTD)
		return STATUS_CORRUPT;
	buffer_clear(scratch);
	at = buffer_room(scratch, want);
	CHECK(at != NULL);
	n = ZSTD_decompressDCtx(contexts()->read, at, want, data.ptr, data.len);
	if (ZSTD_isError(n) || n != want)
		return STATUS_CORRUPT;
	buffer_added(scratch, n);
	*raw = buffer_text(scratch);
	return STATUS_OK;
}

struct reading {
	struct content *c;
	uint64_t from, to; /* what is wanted */
	enum status (*sink)(void *arg, struct text part);
	void *arg;
	struct buffer scratch;
};

/* Gives the wanted part of a frame that covers [at, at + len). */
static enum status
read_frame(struct reading *r, struct text frame, uint64_t at, uint64_t len)
{
	uint64_t from = r->from > at ? r->from - at : 0;
	uint64_t to = r->to < at + len ? r->to - at : len;
	struct text raw = TEXT_EMPTY;
	enum status s = inflate(frame, len, &r->scratch, &raw);

	if (s != STATUS_OK)
		return s;
	return r->sink(r->arg, text_part(raw, from, to));
}

static enum status
read_body(struct reading *r)
{
	struct content *c = r->c;
	struct arena a = ARENA_INIT;
	enum status s = STATUS_OK;
	uint64_t at, end;

	for (uint32_t i = 0; s == STATUS_OK && i < c->frames; i++) {
		struct text frame = c->body_frame;

		at = c->header_len + (uint64_t)i * CONTENT_FRAME_RAW;
		end = at + CONTENT_FRAME_RAW < c->size ? at + CONTENT_FRAME_RAW : c->size;
		if (at >= r->to)
			break;
		if (end <= r->from)
			continue;
		if (!c->inlined)
			s = c->fetch(c->arg, i + 1, &a, &frame);
		if (s == STATUS_OK)
			s = read_frame(r, frame, at, end - at);
		arena_reset(&a);
	}
	arena_done(&a);
	return s;
}

enum status
content_read(struct content *c, uint64_t from, uint64_t len,
    enum status (*sink)(void *arg, struct text part), void *sink_arg)
{
	struct reading r = { .c = c, .from = from, .sink = sink, .arg = sink_arg };
	enum status s = STATUS_OK;

	if (from >= c->size || len == 0)
		return STATUS_OK;
	r.to = len < c->size - from ? from + len : c->size;
	if (from < c->header_len)
		s = read_frame(&r, c->header_frame, 0, c->header_len);
	if (s == STATUS_OK && r.to > c->header_len)
		s = read_body(&r);
	buffer_done(&r.scratch);
	return s;
}

static enum status
to_buffer(void *arg, struct text part)
{
	buffer_add_text(arg, part);
	return STATUS_OK;
}

enum status
content_read_buffer(struct content *c, uint64_t from, uint64_t len, struct buffer *out)
{
	return content_read(c, from, len, to_buffer, out);
}
