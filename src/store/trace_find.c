/* SPDX-License-Identifier: ISC */
/*
 * Looking into the trace. What finds messages is ordered newest first in each
 * shard; the shards are merged as they are read, so that a page costs what it
 * tells. An index row is a hash: the row that it leads to is asked whether it
 * was meant.
 */
#include "store/core.h"

#define STORY_ROWS_MAX 1000u /* of a message, told at once */
#define PAGE_BYTES (1u << 20)
#define TIME_OCTETS 12u /* be64 -time, be32 number */

struct finding {
	struct store *s;
	const struct trace_find_request *r;
	struct arena *a;
	struct text prefix; /* of the keys that find */
	struct trace_mark mark;
	bool by_mark;
	struct engine_scan *scan[TRACE_SHARDS];
	struct text at[TRACE_SHARDS], value[TRACE_SHARDS]; /* where each is; empty: at its end */
	struct map seen;				   /* ids that were told */
	uint64_t messages;
	size_t bytes;
	uint32_t room;
	struct text place; /* of the last that was looked at: time, number, shard */
	struct trace_find_reply reply;
};

static int64_t
until_of(const struct trace_find_request *r)
{
	return r->until > 0 ? r->until : INT64_MAX;
}

/* ---- a story ---- */

static void
tell(struct finding *f, struct text id, struct text row)
{
	struct trace_find_reply *r = &f->reply;

	if (r->ids.count == f->room) {
		uint32_t more = f->room == 0 ? 64 : f->room * 2;
		struct text *ids = ARENA_ARRAY(f->a, struct text, more);
		struct text *rows = ARENA_ARRAY(f->a, struct text, more);

		if (f->room > 0) {
			memcpy(ids, r->ids.at, f->room * sizeof(*ids));
			memcpy(rows, r->rows.at, f->room * sizeof(*rows));
		}
		r->ids.at = ids;
		r->rows.at = rows;
		f->room = more;
	}
	r->ids.at[r->ids.count++] = id;
	r->rows.at[r->rows.count++] = arena_copy(f->a, row);
	f->bytes += id.len + row.len + 8;
}

static enum status
tell_story(struct finding *f, struct text id)
{
	struct trace_shard *shard = trace_shard_of(f->s, id);
	struct key from = trace_story_from(id), until = key_behind(from);
	struct engine_scan *scan;
	struct text key, value;
	uint32_t rows = 0;
	enum status how = engine_scan_open(
	    f->s->engine, shard->owner.entity, key_text(&from), key_text(&until), &scan);

	if (how != STATUS_OK)
		return how;
	while ((how = engine_scan_next(scan, &key, &value)) == STATUS_OK) {
		if (rows++ < STORY_ROWS_MAX && f->bytes + value.len < PAGE_BYTES * 3 / 2)
			tell(f, id, value);
		else
			f->reply.cut++;
	}
	engine_scan_close(scan);
	f->messages += rows > 0;
	return how == STATUS_NOT_FOUND ? STATUS_OK : how;
}

/* ---- whether it was meant ---- */

static bool
names(const struct trace_event *e, const struct trace_find_request *r)
{
	struct text sender = text_equal(r->sender, TEXT("<>")) ? TEXT_EMPTY : r->sender;
	struct text id = r->message_id;

	if (id.len >= 2 && id.ptr[0] == '<')
		id = text_part(id, 1, id.len - 1);
	if (id.len > 0)
		return text_find(e->message_id, id, 0) < e->message_id.len;
	if (r->sender.len > 0)
		return e->has_sender && text_equal_ci(e->sender, sender);
	for (uint32_t i = 0; i < e->recipients.count; i++)
		if (text_equal_ci(e->recipients.at[i], r->recipient))
			return true;
	return false;
}

static bool
is_meant(struct finding *f, struct text id, int64_t at, uint32_t number)
{
	struct key key = trace_story_key(id, at, number);
	struct text value;
	struct trace_row row;

	if (engine_get(f->s->engine, trace_shard_of(f->s, id)->owner.entity, key_text(&key), f->a,
		&value) != STATUS_OK ||
	    trace_row_unpack(value, f->a, &row) != STATUS_OK)
		return false;
	for (uint32_t i = 0; i < row.count; i++)
		if (names(&row.at[i], f->r))
			return true;
	return false;
}

static enum status
look_at(struct finding *f, struct text id)
{
	if (map_get(&f->seen, id) != NULL)
		return STATUS_OK;
	id = arena_copy(f->a, id);
	(void)map_put(&f->seen, id, f);
	return tell_story(f, id);
}

/* All messages: each row that a batch wrote, newest first. */
struct batch {
	struct finding *f;
	struct trace_noted *at;
	uint32_t count, room;
};

static void
keep_noted(void *arg, const struct trace_noted *n)
{
	struct batch *b = arg;

	if (b->count == b->room) {
		uint32_t room = b->room == 0 ? 64 : b->room * 2;
		struct trace_noted *at = ARENA_ARRAY(b->f->a, struct trace_noted, room);

		if (b->room > 0)
			memcpy(at, b->at, b->room * sizeof(*at));
		b->at = at;
		b->room = room;
	}
	b->at[b->count++] = *n;
}

static enum status
look_at_batch(struct finding *f, struct text key, struct text value)
{
	struct batch b = { .f = f };
	enum status how = trace_batch_each(key, arena_copy(f->a, value), f->a, keep_noted, &b);

	for (uint32_t i = b.count; i-- > 0 && how == STATUS_OK;)
		if (b.at[i].marks > 0 && b.at[i].at >= f->r->since && b.at[i].at < until_of(f->r))
			how = look_at(f, b.at[i].id);
	return how;
}

static enum status
look_at_mark(struct finding *f, struct text key, struct text value)
{
	struct unpack u = unpack_of(value);
	struct text id = unpack_text(&u);
	size_t at = f->prefix.len;

	if (!unpack_end(&u) || key.len != at + TIME_OCTETS || id.len > TRACE_ID_MAX)
		return STATUS_CORRUPT;
	if (!is_meant(f, id, trace_key_time(key, at), (uint32_t)key_number(key, at + 8, 4)))
		return STATUS_OK;
	return look_at(f, id);
}

/* ---- the merge ---- */

/* The place of a shard's key: what the shards are merged by. */
static struct text
place_of(struct finding *f, uint32_t shard)
{
	return text_part(f->at[shard], f->prefix.len, f->at[shard].len);
}

static enum status
step(struct finding *f, uint32_t shard)
{
	enum status how = engine_scan_next(f->scan[shard], &f->at[shard], &f->value[shard]);

	if (how == STATUS_OK)
		return f->at[shard].len >= f->prefix.len + TIME_OCTETS ? STATUS_OK : STATUS_CORRUPT;
	f->at[shard] = TEXT_EMPTY;
	return how == STATUS_NOT_FOUND ? STATUS_OK : how;
}

static struct key
bound(struct finding *f, int64_t at)
{
	struct key k = { .len = 0 };

	key_add_text(&k, f->prefix);
	key_add(&k, ~(uint64_t)at, 8);
	return k;
}

static enum status
open_shard(struct finding *f, uint32_t shard)
{
	struct text after = f->r->after;
	struct key from = bound(f, until_of(f->r) - 1), until = bound(f, f->r->since - 1);
	enum status how;

	if (after.len == TIME_OCTETS + 1) {
		from.len = f->prefix.len;
		key_add_text(&from, text_part(after, 0, TIME_OCTETS));
		if (shard <= (unsigned char)after.ptr[TIME_OCTETS])
			key_add(&from, 0, 1); /* what stands behind it */
	}
	if (!f->by_mark) /* named by the time of its first row; some are younger */
		until = bound(f, f->r->since - CLOCK_HOUR);
	if (f->r->since <= 0) {
		until.len = 0;
		key_add_text(&until, f->prefix);
		until = key_behind(until);
	}
	how = engine_scan_open(f->s->engine, f->s->trace.shard[shard].owner.entity, key_text(&from),
	    key_text(&until), &f->scan[shard]);
	return how == STATUS_OK ? step(f, shard) : how;
}

/* The shard whose row is the newest; TRACE_SHARDS: none has any. */
static uint32_t
newest(struct finding *f)
{
	uint32_t best = TRACE_SHARDS;

	for (uint32_t i = 0; i < TRACE_SHARDS; i++)
		if (f->at[i].len > 0 &&
		    (best == TRACE_SHARDS || text_compare(place_of(f, i), place_of(f, best)) < 0))
			best = i;
	return best;
}

static bool
is_full(const struct finding *f)
{
	uint64_t limit = f->r->limit == 0 || f->r->limit > TRACE_PAGE ? TRACE_PAGE : f->r->limit;

	return f->messages >= limit || f->bytes >= PAGE_BYTES;
}

static enum status
merge(struct finding *f)
{
	enum status how = STATUS_OK;
	uint32_t i;

	for (i = 0; i < TRACE_SHARDS && how == STATUS_OK; i++)
		how = open_shard(f, i);
	while (how == STATUS_OK && (i = newest(f)) < TRACE_SHARDS) {
		if (is_full(f)) {
			f->reply.resume = f->place;
			break;
		}
		f->place =
		    arena_join(f->a, place_of(f, i), (struct text){ (char[]){ (char)i }, 1 });
		how = f->by_mark ? look_at_mark(f, f->at[i], f->value[i])
				 : look_at_batch(f, f->at[i], f->value[i]);
		if (how == STATUS_OK)
			how = step(f, i);
	}
	for (i = 0; i < TRACE_SHARDS; i++)
		if (f->scan[i] != NULL)
			engine_scan_close(f->scan[i]);
	return how;
}

/* ---- the call ---- */

static void
prepare(struct finding *f)
{
	const struct trace_find_request *r = f->r;
	struct key k = key_of(KEY_T_BATCH);

	f->by_mark = r->message_id.len + r->sender.len + r->recipient.len > 0;
	if (r->message_id.len > 0)
		f->mark = trace_mark_message_id(r->message_id);
	else if (r->sender.len > 0)
		f->mark =
		    trace_mark_sender(text_equal(r->sender, TEXT("<>")) ? TEXT_EMPTY : r->sender);
	else
		f->mark = trace_mark_recipient(r->recipient);
	if (f->by_mark)
		k = key_u64((enum key_kind)f->mark.kind, f->mark.hash);
	f->prefix = arena_copy(f->a, key_text(&k));
}

void
serve_trace_find(struct call_in *in, const void *request, void *context)
{
	struct finding f = { .s = context, .r = request, .a = call_arena(in) };
	enum status how;

	trace_flush_wait(f.s);
	if (f.r->id.len > TRACE_ID_MAX) {
		how = STATUS_OK; /* no message has it */
	} else if (f.r->id.len > 0) {
		how = tell_story(&f, f.r->id);
	} else {
		prepare(&f);
		how = merge(&f);
	}
	map_done(&f.seen);
	if (how == STATUS_OK)
		call_reply(in, &f.reply);
	else
		call_refuse(in, how, "The trace cannot be read now.", "trace_find");
}
