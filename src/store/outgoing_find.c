/* SPDX-License-Identifier: ISC */
/*
 * Reading outgoing mail as it is committed, whichever rows it stands in: of a
 * whole message the envelope and the run are in the message's own row, else each
 * has one. A message becomes three rows in one batch and never one again, so who
 * has read its row knows where the rest is, unless it is gone meanwhile.
 */
#include "store/core.h"
#include "store/outgoing.h"
#include "store/scan.h"

static struct entity
entity_of(uint64_t message)
{
	return (struct entity){ ENTITY_QUEUE, message % QUEUE_SHARDS };
}

static enum status
read_row(struct store *s, struct key key, struct arena *a, struct text *value)
{
	struct entity e = entity_of(key_number(key_text(&key), 1, 8));

	return fresh_read(&s->queue.shard[e.id].fresh, s->engine, e, key_text(&key), a, value);
}

enum status
outgoing_find(struct store *s, uint64_t message, struct arena *a, struct outgoing_message *out)
{
	struct text value;
	enum status how = read_row(s, key_u64(KEY_Q_MESSAGE, message), a, &value);

	return how == STATUS_OK ? outgoing_message_unpack(value, out) : how;
}

enum status
outgoing_find_envelope(struct store *s, uint64_t message, const struct outgoing_message *m,
    struct arena *a, struct outgoing_envelope *out)
{
	struct text value = m->envelope;
	enum status how = STATUS_OK;

	if (!m->whole)
		how = read_row(s, key_u64(KEY_Q_ENVELOPE, message), a, &value);
	return how == STATUS_OK ? outgoing_envelope_unpack(value, out) : how;
}

enum status
outgoing_find_run(struct store *s, uint64_t message, uint32_t first,
    const struct outgoing_message *m, struct arena *a, struct outgoing_run *out)
{
	struct text value = m->run;
	enum status how = first == 0 ? STATUS_OK : STATUS_NOT_FOUND;

	if (!m->whole)
		how = read_row(s, outgoing_run_key(message, first), a, &value);
	return how == STATUS_OK ? outgoing_run_unpack(value, a, out) : how;
}

/* ---- all runs ---- */

enum status
outgoing_runs_of(struct store *s, uint64_t message, uint32_t first,
    const struct outgoing_message *m, txn_row_fn fn, void *arg)
{
	struct key from = outgoing_run_key(message, first),
		   behind = key_behind(key_u64(KEY_Q_RUN, message));
	enum status how;

	if (!m->whole)
		return scan_rows(
		    s, entity_of(message), key_text(&from), key_text(&behind), fn, arg);
	how = first == 0 ? fn(arg, key_text(&from), m->run) : STATUS_OK;
	return how == STATUS_NOT_FOUND ? STATUS_OK : how;
}

/* Two scans, side by side: key is that of the run, empty at the end. */
struct side {
	struct engine_scan *scan;
	struct key run; /* of a whole message */
	struct text key, value;
};

static enum status
open_side(
    struct store *s, struct entity shard, struct key from, enum key_kind kind, struct side *out)
{
	struct key behind = key_behind(key_of(kind));

	return engine_scan_open(s->engine, shard, key_text(&from), key_text(&behind), &out->scan);
}

static enum status
next_run(struct side *r)
{
	enum status how = engine_scan_next(r->scan, &r->key, &r->value);

	if (how != STATUS_OK)
		r->key = TEXT_EMPTY;
	return how == STATUS_NOT_FOUND ? STATUS_OK : how;
}

static enum status
next_whole(struct side *w)
{
	struct outgoing_message m;
	struct text key, value;
	enum status how;

	w->key = TEXT_EMPTY;
	do
		how = engine_scan_next(w->scan, &key, &value);
	while (how == STATUS_OK && !outgoing_is_whole(value));
	if (how != STATUS_OK)
		return how == STATUS_NOT_FOUND ? STATUS_OK : how;
	if (key.len != 9 || outgoing_message_unpack(value, &m) != STATUS_OK)
		return STATUS_CORRUPT;
	w->run = outgoing_run_key(key_number(key, 1, 8), 0);
	w->key = key_text(&w->run);
	w->value = m.run;
	return STATUS_OK;
}

/* The one whose key comes first. A message that was whole when the first scan began,
 * and three rows when the second did, is met in both: the latter counts. */
static enum status
next_of(struct side *w, struct side *r, txn_row_fn fn, void *arg)
{
	int order = r->key.len == 0 ? -1 : w->key.len == 0 ? 1 : text_compare(w->key, r->key);
	struct side *first = order < 0 ? w : r;
	enum status how = fn(arg, first->key, first->value);

	if (how == STATUS_OK && order <= 0)
		how = next_whole(w);
	if (how == STATUS_OK && order >= 0)
		how = next_run(r);
	return how;
}

enum status
outgoing_each_run(struct store *s, struct entity shard, uint64_t message, uint32_t first,
    txn_row_fn fn, void *arg)
{
	struct key row = key_u64(KEY_Q_MESSAGE, message);
	struct side w = { .scan = NULL }, r = { .scan = NULL };
	enum status how =
	    open_side(s, shard, first == 0 ? row : key_behind(row), KEY_Q_MESSAGE, &w);

	if (how == STATUS_OK)
		how = open_side(s, shard, outgoing_run_key(message, first), KEY_Q_RUN, &r);
	if (how == STATUS_OK)
		how = next_whole(&w);
	if (how == STATUS_OK)
		how = next_run(&r);
	while (how == STATUS_OK && w.key.len + r.key.len > 0)
		how = next_of(&w, &r, fn, arg);
	if (w.scan != NULL)
		engine_scan_close(w.scan);
	if (r.scan != NULL)
		engine_scan_close(r.scan);
	return how == STATUS_NOT_FOUND ? STATUS_OK : how;
}
