/* SPDX-License-Identifier: ISC */
/*
 * Keys that look at flags, keywords, dates or sizes (RFC 3501 6.4.4), asked of
 * the store for whole sets at once: it answers from its hot blocks, and no row
 * travels.
 */
#include "imap/search.h"

#define DAY_SECONDS 86400
#define RUNS_AT_ONCE 4000u /* of a request */

static struct store_question
about_flag(uint32_t flag, bool negate)
{
	return (struct store_question){ MATCH_FLAG, flag, 0, negate };
}

/* Seconds from the beginning of one day to the end of another, in UTC, as
 * INTERNALDATE is shown. */
static struct store_question
about_days(int64_t first, int64_t last)
{
	const int64_t end = INT64_MAX / DAY_SECONDS - 1;

	return (struct store_question){ MATCH_DATE, first <= -end ? INT64_MIN : first * DAY_SECONDS,
		last >= end ? INT64_MAX : last * DAY_SECONDS + DAY_SECONDS - 1, false };
}

static struct store_question
about_size(uint64_t low, uint64_t high)
{
	return (struct store_question){ MATCH_SIZE, low < INT64_MAX ? (int64_t)low : INT64_MAX,
		high < INT64_MAX ? (int64_t)high : INT64_MAX, false };
}

/* False: it is no key of this kind. */
static bool
question(const struct search_key *key, struct store_question *q)
{
	switch (key->id) {
	case KEY_ANSWERED:
	case KEY_UNANSWERED:
		*q = about_flag(FLAG_ANSWERED, key->id == KEY_UNANSWERED);
		return true;
	case KEY_DELETED:
	case KEY_UNDELETED:
		*q = about_flag(FLAG_DELETED, key->id == KEY_UNDELETED);
		return true;
	case KEY_DRAFT:
	case KEY_UNDRAFT:
		*q = about_flag(FLAG_DRAFT, key->id == KEY_UNDRAFT);
		return true;
	case KEY_FLAGGED:
	case KEY_UNFLAGGED:
		*q = about_flag(FLAG_FLAGGED, key->id == KEY_UNFLAGGED);
		return true;
	case KEY_SEEN:
	case KEY_UNSEEN:
	case KEY_NEW: /* of recent ones */
		*q = about_flag(FLAG_SEEN, key->id != KEY_SEEN);
		return true;
	case KEY_KEYWORD:
	case KEY_UNKEYWORD:
		*q = (struct store_question){ MATCH_KEYWORD, key->keyword, 0,
			key->id == KEY_UNKEYWORD };
		return true;
	case KEY_BEFORE:
		*q = about_days(INT64_MIN, key->day - 1);
		return true;
	case KEY_ON:
		*q = about_days(key->day, key->day);
		return true;
	case KEY_SINCE:
		*q = about_days(key->day, INT64_MAX);
		return true;
	case KEY_LARGER:
		*q =
		    about_size(key->number < UINT64_MAX ? key->number + 1 : key->number, INT64_MAX);
		return true;
	case KEY_SMALLER:
		*q = about_size(0, key->number > 0 ? key->number - 1 : 0);
		if (key->number == 0) /* nothing is */
			*q = about_size(1, 0);
		return true;
	default:
		return false;
	}
}

bool
imap_search_question(const struct search_key *key, struct store_question *q)
{
	if (key->id != KEY_NOT)
		return question(key, q);
	if (key->first->id == KEY_NEW || !imap_search_question(key->first, q))
		return false;
	q->negate = !q->negate;
	return true;
}

/* One request's share of a domain: at most so many runs. */
static void
take_part(const struct runs *domain, uint32_t *from, struct runs *part)
{
	runs_clear(part);
	for (uint32_t end = *from + RUNS_AT_ONCE; *from < domain->count && *from < end; (*from)++)
		runs_add(part, domain->at[*from].first, domain->at[*from].last);
}

static void
ask_part(struct search_rows *rows, struct store_match_request *req, struct runs *yes)
{
	struct calls *calls = rows->c->im->server->calls;
	struct store_match_reply r = { 0 };

	do {
		req->since = rows->since;
		rows->st = store_match(calls, req, &rows->batch, &r, rows->why);
		if (rows->st != STATUS_OK)
			break;
		imap_saw_modseq(rows->c, r.modseq);
		runs_add_all(yes, &r.yes);
		runs_add_all(&rows->absent, &r.absent);
		runs_add_all(&rows->changed, &r.changed);
		if (rows->since == 0)
			rows->since = r.modseq;
		if (r.resume > 1)
			runs_remove(&req->uids, 1, (uint32_t)r.resume - 1);
		arena_reset(&rows->batch);
	} while (r.resume != 0);
	arena_reset(&rows->batch);
}

void
imap_search_ask_rows(struct search_rows *rows, const struct store_question *q, uint32_t count,
    const struct runs *domain, struct runs *yes)
{
	struct imap *im = rows->c->im;
	struct store_match_request req = { .token = im->token, .mailbox = im->view->mailbox };
	struct buffer questions = BUFFER_INIT;
	uint32_t from = 0;

	for (uint32_t i = 0; i < count; i++)
		store_question_pack(&questions, &q[i]);
	req.questions = buffer_text(&questions);
	while (rows->st == STATUS_OK && from < domain->count) {
		take_part(domain, &from, &req.uids);
		ask_part(rows, &req, yes);
	}
	buffer_done(&questions);
	runs_done(&req.uids);
}

void
imap_search_rows_done(struct search_rows *rows)
{
	runs_done(&rows->absent);
	runs_done(&rows->changed);
	arena_done(&rows->batch);
}
