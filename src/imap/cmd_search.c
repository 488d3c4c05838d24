/* SPDX-License-Identifier: ISC */
/*
 * SEARCH (RFC 3501 6.4.4, 7.2.5). Level by level the store is asked only for
 * messages that have no answer yet: many searches never read a summary, HEADER
 * reads headers where it must, and only BODY and TEXT read content.
 */
#include "base/log.h"
#include "imap/search.h"

struct search {
	struct command *c;
	const struct search_key *key;
	struct runs found;
	struct runs unknown;  /* no answer yet */
	struct arena batch;   /* one reply of the store */
	struct arena message; /* one message */
};

/* The items that a level needs. */
static const unsigned level_items[] = {
	[LEVEL_ROW] = FETCH_FLAGS,
	[LEVEL_SUMMARY] = FETCH_FLAGS | FETCH_SUMMARY,
	[LEVEL_HEADER] = FETCH_FLAGS | FETCH_SUMMARY | FETCH_HEADER,
	[LEVEL_CONTENT] = FETCH_FLAGS | FETCH_SUMMARY | FETCH_PIECE0,
};

static void
note(struct search *s, struct candidate *m, struct runs *unknown)
{
	enum answer a = imap_search_ask(s->key, m);

	if (m->st != STATUS_OK)
		LOG_WARN("imap.search_unreadable", FIELD_U64("account", s->c->im->account),
		    FIELD_U64("uid", m->uid), FIELD_STATUS(m->st));
	if (a == ANSWER_YES)
		runs_add(&s->found, m->uid, m->uid);
	else if (a == ANSWER_UNKNOWN)
		runs_add(unknown, m->uid, m->uid);
}

/* What the view alone can say. Where the keys do not look at single messages
 * (ALL, sets), whole runs could be taken; a search is rarely so simple. */
static void
ask_view(struct search *s)
{
	struct view *v = s->c->im->view;

	for (uint32_t uid = runs_next(&v->uids, 1); uid != 0;
	     uid = uid < UINT32_MAX ? runs_next(&v->uids, uid + 1) : 0) {
		struct candidate m = {
			.level = LEVEL_VIEW, .uid = uid, .recent = runs_has(&v->recent, uid)
		};

		note(s, &m, &s->unknown);
	}
}

static enum status
ask_rows(struct search *s, enum search_level level, struct text rows, struct runs *unknown)
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
		note(s, &m, unknown);
		arena_reset(&s->message);
	}
	return STATUS_OK;
}

static enum status
ask_level(struct search *s, enum search_level level, struct failure *why)
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
		st = ask_rows(s, level, r.rows, &unknown);
		if (r.resume > 1)
			runs_remove(&req.uids, 1, (uint32_t)r.resume - 1);
		arena_reset(&s->batch);
	} while (st == STATUS_OK && r.resume != 0);
	runs_done(&req.uids); /* it was s->unknown's */
	s->unknown = unknown;
	return st;
}

static enum status
run(struct search *s, struct failure *why)
{
	enum status st = STATUS_OK;
	unsigned levels = imap_search_levels(s->key);

	ask_view(s);
	for (int level = LEVEL_ROW; level <= LEVEL_CONTENT && st == STATUS_OK; level++)
		if ((levels & 1u << level) != 0 && !runs_empty(&s->unknown))
			st = ask_level(s, (enum search_level)level, why);
	return st;
}

/* "* SEARCH 2 84 882" */
static void
write_found(struct search *s)
{
	struct command *c = s->c;

	buffer_add_string(&c->out, "* SEARCH");
	for (uint32_t i = 0; i < s->found.count; i++) {
		const struct run *r = &s->found.at[i];
		/* Runs of found are runs of the view: their numbers are consecutive. */
		uint32_t n = c->uid ? r->first : view_seq(c->im->view, r->first);

		for (uint32_t k = 0; k <= r->last - r->first; k++) {
			buffer_add_byte(&c->out, ' ');
			buffer_add_u64(&c->out, n + k);
			imap_push_some(c);
		}
	}
	buffer_add(&c->out, "\r\n", 2);
}

static enum outcome
syntax(struct command *c, enum search_error why)
{
	switch (why) {
	case SEARCH_CHARSET:
		return imap_no(c, "BADCHARSET (US-ASCII UTF-8)", "That charset is not known");
	case SEARCH_NESTED:
		return imap_no(c, "LIMIT", "The search is nested too deep");
	case SEARCH_WORD:
		return imap_no(c, "LIMIT", "A word to search for is too long");
	default:
		return imap_bad(c, "Expected search keys");
	}
}

enum outcome
imap_cmd_search(struct command *c)
{
	struct search s = { .c = c };
	struct search_key *key;
	struct failure why = { 0 };
	enum search_error error = imap_search_parse(&c->args, &c->arena, &key);
	enum status st;

	if (error != SEARCH_OK)
		return syntax(c, error);
	s.key = key;
	imap_search_prepare(key, c->im, &c->arena);
	arena_init(&s.message, 16384, 0);
	st = run(&s, &why);
	if (st == STATUS_OK)
		write_found(&s);
	runs_done(&s.found);
	runs_done(&s.unknown);
	arena_done(&s.message);
	arena_done(&s.batch);
	return st == STATUS_OK ? imap_ok(c, NULL) : imap_failed(c, st, &why);
}
