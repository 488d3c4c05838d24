/* SPDX-License-Identifier: ISC */
/*
 * The check of outgoing mail: every message has its envelope, its content and
 * its runs, whose recipients are as many as it says. What is written meanwhile
 * is recognised by its row, which is another or gone afterwards.
 */
#include "store/check.h"
#include "store/core.h"
#include "store/outgoing.h"
#include "store/scan.h"

struct tally {
	struct store *s;
	struct findings *f;
	uint32_t recipients, open, owed;
	bool endless; /* a run that waits, and has no deadline */
	bool gap;     /* a run does not begin where the one before ended */
};

static enum status
tally_run(void *arg, struct text key, struct text value)
{
	struct tally *t = arg;
	struct arena a = ARENA_INIT;
	struct outgoing_run r;
	enum status how = key.len == 13 ? outgoing_run_unpack(value, &a, &r) : STATUS_CORRUPT;

	if (how == STATUS_OK) {
		t->gap |= key_number(key, 9, 4) != t->recipients;
		t->recipients += r.count;
	}
	for (uint32_t i = 0; how == STATUS_OK && i < r.count; i++) {
		t->open += outgoing_is_open(&r.at[i]);
		t->owed += outgoing_is_owed(&r.at[i]);
		t->endless |= r.at[i].state == OUTGOING_WAITING && r.deadline == 0;
	}
	arena_done(&a);
	return how;
}

/* Whether that row is there now, with this value if there is one. */
static bool
is_row(struct store *s, struct entity e, struct text key, struct text value)
{
	struct arena a = ARENA_INIT;
	struct text now;
	bool is = engine_get(s->engine, e, key, &a, &now) == STATUS_OK &&
		  (value.len == 0 || text_equal(now, value));

	arena_done(&a);
	return is;
}

/* A whole message has its envelope in it; what else it had would be a row of none. */
static bool
has_its_envelope(struct tally *t, struct entity e, uint64_t id, const struct outgoing_message *m)
{
	struct key key = key_u64(KEY_Q_ENVELOPE, id);
	struct outgoing_envelope envelope;

	if (m->whole)
		return outgoing_envelope_unpack(m->envelope, &envelope) == STATUS_OK;
	return is_row(t->s, e, key_text(&key), TEXT_EMPTY);
}

/* A notice that is written down is of recipients that there are. */
static bool
has_its_notice(struct store *s, uint64_t id, const struct outgoing_message *m)
{
	struct outgoing_notice n;
	struct arena a = ARENA_INIT;
	enum status how = outgoing_notice_read(s, id, &a, &n);
	bool good = how == (m->noticed ? STATUS_OK : STATUS_NOT_FOUND);

	if (how == STATUS_OK) {
		good &= runs_last(&n.numbers) <= m->recipients;
		runs_done(&n.numbers);
	}
	arena_done(&a);
	return good;
}

static void
look_at_message(struct tally *t, struct entity e, uint64_t id, const struct outgoing_message *m,
    struct text value)
{
	struct key row = key_u64(KEY_Q_MESSAGE, id);
	bool good;

	good = outgoing_runs_of(t->s, id, 0, m, tally_run, t) == STATUS_OK && !t->gap &&
	       !t->endless && t->recipients == m->recipients && t->open == m->open &&
	       t->owed == m->owed && has_its_envelope(t, e, id, m) && has_its_notice(t->s, id, m);
	if (!is_row(t->s, e, key_text(&row), value))
		return;
	if (!good)
		problem(t->f, "outgoing message %llu: its rows are not as it says",
		    (unsigned long long)id);
	if (id % QUEUE_SHARDS != e.id)
		problem(t->f, "outgoing message %llu: in another shard", (unsigned long long)id);
	if (m->shared && !check_holder(t->s, m->blob, (struct holder){ HOLDER_MESSAGE, id }) &&
	    is_row(t->s, e, key_text(&row), value))
		problem(
		    t->f, "outgoing message %llu: its content is not held", (unsigned long long)id);
	check_blob(t->s, m->blob, m->pieces, "outgoing message", id, t->f);
}

enum status
check_outgoing_message(struct store *s, struct entity e, struct text key, struct text value,
    struct findings *f, struct outgoing_message *out)
{
	struct tally t = { .s = s, .f = f };
	struct outgoing_message m;

	if (key.len != 9 || outgoing_message_unpack(value, &m) != STATUS_OK)
		return STATUS_CORRUPT;
	look_at_message(&t, e, key_number(key, 1, 8), &m, value);
	*out = m;
	return STATUS_OK;
}

/* Whether there is a message that has other rows than its own. */
static bool
has_parts(struct store *s, struct entity e, uint64_t id)
{
	struct key key = key_u64(KEY_Q_MESSAGE, id);
	struct arena a = ARENA_INIT;
	struct text value;
	bool has = engine_get(s->engine, e, key_text(&key), &a, &value) == STATUS_OK &&
		   !outgoing_is_whole(value);

	arena_done(&a);
	return has;
}

enum status
check_outgoing_part(
    struct store *s, struct entity e, struct text key, struct text value, struct findings *f)
{
	if (key.len < 9)
		return STATUS_CORRUPT;
	if (!has_parts(s, e, key_number(key, 1, 8)) && is_row(s, e, key, value))
		problem(f, "a row of outgoing message %llu, which is not there",
		    (unsigned long long)key_number(key, 1, 8));
	return STATUS_OK;
}
