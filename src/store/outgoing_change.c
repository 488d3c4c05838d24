/* SPDX-License-Identifier: ISC */
/*
 * Changing the rows of outgoing mail, for whoever does: a run is read with its
 * message, its share taken out of the message's counts, changed, counted again
 * and put. The message goes with the change that leaves nothing to do.
 */
#include "store/core.h"
#include "store/outgoing.h"

enum status
outgoing_read(struct txn *t, struct arena *a, uint64_t message, uint32_t first,
    struct outgoing_message *m, struct outgoing_run *run)
{
	struct key key = key_u64(KEY_Q_MESSAGE, message), row = outgoing_run_key(message, first);
	struct text value;
	enum status how = txn_get(t, key_text(&key), a, &value);

	if (how == STATUS_OK)
		how = outgoing_message_unpack(value, m);
	if (how != STATUS_OK)
		return how;
	if (!m->whole)
		how = txn_get(t, key_text(&row), a, &value);
	else if (first == 0)
		value = m->run;
	else
		how = STATUS_NOT_FOUND;
	return how == STATUS_OK ? outgoing_run_unpack(value, a, run) : how;
}

void
outgoing_count(const struct outgoing_run *run, struct outgoing_message *m, int sign)
{
	for (uint32_t i = 0; i < run->count; i++) {
		m->open = (uint32_t)((int)m->open + (outgoing_is_open(&run->at[i]) ? sign : 0));
		m->owed = (uint32_t)((int)m->owed + (outgoing_is_owed(&run->at[i]) ? sign : 0));
	}
}

static enum status
delete_row(void *arg, struct text key, struct text value)
{
	(void)value;
	txn_delete(arg, key);
	return STATUS_OK;
}

/* Whether the record that came with it is still there, which then takes the
 * content with it. */
static enum status
content_goes(struct txn *t, uint64_t message, const struct outgoing_message *m)
{
	struct key record = key_u64(KEY_Q_RECORD, m->record);
	struct text value;
	enum status how = STATUS_NOT_FOUND;

	if (m->shared) {
		queue_give_back(t, m->blob, message);
		return STATUS_OK;
	}
	if (m->record != 0)
		how = txn_get(t, key_text(&record), txn_arena(t), &value);
	if (how == STATUS_NOT_FOUND)
		txn_blob_delete(t, m->blob, (uint16_t)m->pieces);
	return how == STATUS_NOT_FOUND ? STATUS_OK : how;
}

/* Its rows but those of its runs, and its content. */
static enum status
take_rows(struct txn *t, uint64_t message, const struct outgoing_message *m)
{
	struct key row = key_u64(KEY_Q_MESSAGE, message),
		   envelope = key_u64(KEY_Q_ENVELOPE, message),
		   notice = key_u64(KEY_Q_NOTICE, message);
	enum status how = content_goes(t, message, m);

	if (how != STATUS_OK)
		return how;
	txn_delete(t, key_text(&row));
	if (!m->whole)
		txn_delete(t, key_text(&envelope));
	if (m->noticed)
		txn_delete(t, key_text(&notice));
	return STATUS_OK;
}

enum status
outgoing_goes(struct txn *t, uint64_t message, const struct outgoing_message *m)
{
	struct key run = key_u64(KEY_Q_RUN, message), behind = key_behind(run);
	enum status how = take_rows(t, message, m);

	return how != STATUS_OK ? how
				: txn_scan(t, key_text(&run), key_text(&behind), delete_row, t);
}

/* All its recipients are in this run: there is no other to look for. */
static enum status
goes_with(struct txn *t, uint64_t message, uint32_t first, const struct outgoing_message *m)
{
	struct key run = outgoing_run_key(message, first);
	enum status how = take_rows(t, message, m);

	if (how == STATUS_OK && !m->whole)
		txn_delete(t, key_text(&run));
	return how;
}

/* It gets the rows that it stands for; that of its run is put by who changed it. */
static void
divide(struct txn *t, uint64_t message, struct outgoing_message *m)
{
	struct key envelope = key_u64(KEY_Q_ENVELOPE, message);

	txn_put(t, key_text(&envelope), m->envelope);
	m->whole = false;
}

enum status
outgoing_put(struct txn *t, uint64_t message, uint32_t first, const struct outgoing_message *m,
    const struct outgoing_run *run)
{
	struct outgoing_message now = *m;

	if (m->open == 0 && m->owed == 0 && m->recipients == run->count)
		return goes_with(t, message, first, m);
	if (m->open == 0 && m->owed == 0)
		return outgoing_goes(t, message, m);
	if (now.whole)
		divide(t, message, &now);
	outgoing_put_run(t, message, first, &now, run);
	outgoing_put_message(t, message, &now);
	return STATUS_OK;
}

bool
outgoing_wants(const struct outgoing_recipient *r, enum queue_notify what)
{
	return (r->notify == 0 ? QUEUE_NOTIFY_FAILURE | QUEUE_NOTIFY_DELAY : r->notify) & what;
}

void
outgoing_end(struct outgoing_recipient *r, enum outgoing_state state, enum queue_notify what,
    enum outgoing_owed owed)
{
	r->state = state;
	/* who is told of the end need not be told of a delay */
	r->owed &= WARNED | WARNED_BY;
	if (outgoing_wants(r, what))
		r->owed |= owed;
}
