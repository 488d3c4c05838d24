/* SPDX-License-Identifier: ISC */
/*
 * Finding the messages of a SEARCH (RFC 3501 6.4.4). First whole sets, by the
 * view alone and by what the store says of rows; then level by level the store is asked only for
 * messages that have no answer yet: many searches never read a summary, HEADER reads headers where
 * it must, and only BODY and TEXT read content. Who wants only the least or the greatest (RFC
 * 4731 3.1) gets it from windows that grow, from the end where it is likely to stand, so that it
 * costs what stands in front of it.
 */
#include "base/log.h"
#include "imap/search.h"

#define WINDOW_FIRST 64u /* messages; each window is four times the one before */

struct search {
	struct command *c;
	const struct search_key *key;
	unsigned levels;
	struct runs unknown;  /* no answer yet */
	bool changed;	      /* some of them, while sets were asked for */
	struct arena batch;   /* one reply of the store */
	struct arena message; /* one message */
	bool unreadable;
};

/* The items that a level needs. */
static const unsigned level_items[] = {
	[LEVEL_ROW] = FETCH_FLAGS,
	[LEVEL_SUMMARY] = FETCH_FLAGS | FETCH_SUMMARY,
	[LEVEL_HEADER] = FETCH_FLAGS | FETCH_SUMMARY | FETCH_HEADER,
	[LEVEL_CONTENT] = FETCH_FLAGS | FETCH_SUMMARY | FETCH_PIECE0,
};

static void
note(struct search *s, struct candidate *m, struct runs *found, struct runs *unknown)
{
	enum answer a = imap_search_ask(s->key, m);

	/* NOT_FOUND: it was expunged a moment ago. */
	if (m->st != STATUS_OK && m->st != STATUS_NOT_FOUND) {
		LOG_WARN("imap.search_unreadable", FIELD_U64("account", s->c->im->account),
		    FIELD_U64("uid", m->uid), FIELD_STATUS(m->st));
		s->unreadable = true;
	}
	if (a == ANSWER_YES)
		runs_add(found, m->uid, m->uid);
	else if (a == ANSWER_UNKNOWN)
		runs_add(unknown, m->uid, m->uid);
}

static enum status
ask_rows(struct search *s, enum search_level level, struct text rows, struct runs *found,
    struct runs *unknown)
{
	struct imap *im = s->c->im;
	struct unpack u = unpack_of(rows);
	struct store_row row;

	while (unpack_ok(&u) && !unpack_end(&u)) {
		struct candidate m = { .level = level };
		struct message message;

		store_row_unpack(&u, level_items[level], &row);
		if (!unpack_ok(&u))
			return STATUS_CORRUPT;
		imap_message_init(&message, im, &row, &s->message);
		m.uid = row.uid;
		m.recent = runs_has(&im->view->recent, row.uid);
		m.m = &message;
		note(s, &m, found, unknown);
		arena_reset(&s->message);
	}
	return STATUS_OK;
}

static enum status
ask_level(struct search *s, enum search_level level, struct runs *found, struct failure *why)
{
	struct imap *im = s->c->im;
	struct store_fetch_request req = { .token = im->token,
		.mailbox = im->view->mailbox,
		.uids = s->unknown,
		.items = level_items[level] };
	struct store_fetch_reply r = { .resume = 0 };
	struct runs unknown = RUNS_INIT;
	enum status st = STATUS_OK;

	do {
		st = store_fetch(im->server->calls, &req, &s->batch, &r, why);
		if (st != STATUS_OK)
			break;
		imap_saw_modseq(s->c, r.modseq);
		st = ask_rows(s, level, r.rows, found, &unknown);
		if (r.resume > 1)
			runs_remove(&req.uids, 1, (uint32_t)r.resume - 1);
		arena_reset(&s->batch);
	} while (st == STATUS_OK && r.resume != 0);
	runs_done(&req.uids); /* it was s->unknown's */
	s->unknown = unknown;
	return st;
}

/* By flags, dates and sizes, set by set; what is left is unknown. What changed
 * between the answers is looked at by itself: all that the tree asks is then held
 * against one row. Which messages MODSEQ means was asked before. */
static enum status
ask_sets(struct search *s, const struct runs *messages, struct runs *found, struct failure *why)
{
	struct view *v = s->c->im->view;
	bool modseqs = (s->levels & 1u << LEVEL_ROW) != 0;
	struct search_rows rows = { .c = s->c, .why = why, .since = modseqs ? v->modseq : 0 };
	struct search_sets sets = { 0 };

	imap_search_sets(v, &rows, s->key, messages, &sets);
	s->changed = !runs_empty(&rows.changed);
	runs_remove_all(&sets.yes, &rows.changed);
	runs_add_all(&sets.maybe, &rows.changed);
	runs_remove_all(&sets.yes, &rows.absent);
	runs_remove_all(&sets.maybe, &rows.absent);
	runs_add_all(found, &sets.yes);
	runs_copy(&s->unknown, &sets.maybe);
	imap_search_sets_done(&sets);
	imap_search_rows_done(&rows);
	return rows.st;
}

/* Those of the messages that match are added to found. */
static enum status
ask_messages(struct search *s, const struct runs *messages, struct runs *found, struct failure *why)
{
	enum status st = STATUS_OK;
	unsigned levels = s->levels;

	if (runs_empty(messages))
		return STATUS_OK;
	if ((levels & 1u << LEVEL_SETS) != 0)
		st = ask_sets(s, messages, found, why);
	else
		runs_copy(&s->unknown, messages);
	if (s->changed)
		levels |= 1u << LEVEL_ROW;
	for (int level = LEVEL_ROW; level <= LEVEL_CONTENT && st == STATUS_OK; level++)
		if ((levels & 1u << level) != 0 && !runs_empty(&s->unknown))
			st = ask_level(s, (enum search_level)level, found, why);
	return st;
}

/* The first or last n of a set, taken out of it. */
static void
take_window(struct runs *rest, uint32_t n, bool last, struct runs *window)
{
	uint32_t total = runs_total(rest), first = 1, until = UINT32_MAX;
	struct runs range = RUNS_INIT;

	if (n < total && last)
		first = runs_at(rest, total - n + 1);
	else if (n < total)
		until = runs_at(rest, n);
	runs_add(&range, first, until);
	runs_both(window, rest, &range);
	runs_remove(rest, first, until);
	runs_done(&range);
}

/* The least, or the greatest, that is sure or turns out to match. */
static enum status
find_end(struct search *s, const struct search_sets *sets, bool last, struct runs *found,
    struct failure *why)
{
	uint32_t n = WINDOW_FIRST, sure = last ? runs_last(&sets->yes) : runs_next(&sets->yes, 1);
	struct runs rest = RUNS_INIT, window = RUNS_INIT, hits = RUNS_INIT;
	enum status st = STATUS_OK;

	runs_copy(&rest, &sets->maybe);
	if (sure != 0)
		runs_remove(&rest, last ? 1 : sure, last ? sure : UINT32_MAX);
	while (st == STATUS_OK && runs_empty(&hits) && !runs_empty(&rest)) {
		take_window(&rest, n, last, &window);
		st = ask_messages(s, &window, &hits, why);
		n = n < UINT32_MAX / 4 ? 4 * n : n;
	}
	if (!runs_empty(&hits))
		sure = last ? runs_last(&hits) : runs_next(&hits, 1);
	if (sure != 0)
		runs_add(found, sure, sure);
	runs_done(&rest);
	runs_done(&window);
	runs_done(&hits);
	return st;
}

static enum status
find(struct search *s, unsigned returns, struct runs *found, struct failure *why)
{
	struct view *v = s->c->im->view;
	struct search_sets sets = { 0 };
	struct runs all = RUNS_INIT;
	enum status st = STATUS_OK;

	uidset_to_runs(&v->uids, &all);
	imap_search_sets(v, NULL, s->key, &all, &sets);
	runs_done(&all);
	if ((returns & (RETURN_MIN | RETURN_MAX)) == 0 ||
	    (returns & (RETURN_ALL | RETURN_COUNT)) != 0) {
		runs_add_all(found, &sets.yes);
		st = ask_messages(s, &sets.maybe, found, why);
	} else {
		if ((returns & RETURN_MIN) != 0)
			st = find_end(s, &sets, false, found, why);
		if (st == STATUS_OK && (returns & RETURN_MAX) != 0)
			st = find_end(s, &sets, true, found, why);
	}
	imap_search_sets_done(&sets);
	return st;
}

enum status
imap_search_run(struct command *c, const struct search_key *key, unsigned returns,
    struct runs *found, bool *unreadable, struct failure *why)
{
	struct search s = { .c = c, .key = key, .levels = imap_search_levels(key) };
	enum status st;

	arena_init(&s.message, 16384, 0);
	st = find(&s, returns, found, why);
	*unreadable = s.unreadable;
	runs_done(&s.unknown);
	arena_done(&s.message);
	arena_done(&s.batch);
	return st;
}
