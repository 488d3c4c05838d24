/* SPDX-License-Identifier: ISC */
/*
 * Keys that look at flags, keywords, dates or sizes (RFC 3501 6.4.4), asked of
 * the store for whole sets at once: it answers from its hot blocks, and no row
 * travels.
 */
#include "imap/search.h"

#define DAY_SECONDS 86400

/* What the store is asked for a key: is it so, or (negate) is it not. */
struct row_question {
	enum match_what what;
	int64_t low, high;
	bool negate;
};

static struct row_question
about_flag(uint32_t flag, bool negate)
{
	return (struct row_question){ MATCH_FLAG, flag, 0, negate };
}

/* Seconds from the beginning of one day to the end of another, in UTC, as
 * INTERNALDATE is shown. */
static struct row_question
about_days(int64_t first, int64_t last)
{
	const int64_t end = INT64_MAX / DAY_SECONDS - 1;

	return (struct row_question){ MATCH_DATE, first <= -end ? INT64_MIN : first * DAY_SECONDS,
		last >= end ? INT64_MAX : last * DAY_SECONDS + DAY_SECONDS - 1, false };
}

static struct row_question
about_size(uint64_t low, uint64_t high)
{
	return (struct row_question){ MATCH_SIZE, low < INT64_MAX ? (int64_t)low : INT64_MAX,
		high < INT64_MAX ? (int64_t)high : INT64_MAX, false };
}

/* False: it is no key of this kind, or none that the store need be asked. */
static bool
question(const struct search_key *key, struct row_question *q)
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
		*q = (struct row_question){ MATCH_KEYWORD, key->keyword, 0,
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
		q->negate = key->number == 0; /* nothing is: no size is 0 to INT64_MAX */
		q->high = key->number == 0 ? INT64_MAX : q->high;
		return true;
	default:
		return false;
	}
}

bool
imap_search_ask_rows(struct search_rows *rows, const struct search_key *key,
    const struct runs *domain, struct runs *yes)
{
	struct imap *im = rows->c->im;
	struct store_match_request req = { .token = im->token, .mailbox = im->view->mailbox };
	struct store_match_reply r = { 0 };
	struct row_question q;

	if (!question(key, &q))
		return false;
	req.what = q.what;
	req.low = q.low;
	req.high = q.high;
	req.negate = q.negate;
	runs_copy(&req.uids, domain);
	while (rows->st == STATUS_OK && !runs_empty(&req.uids)) {
		rows->st = store_match(im->server->calls, &req, &rows->batch, &r, rows->why);
		if (rows->st != STATUS_OK)
			break;
		imap_saw_modseq(rows->c, r.modseq);
		runs_add_all(yes, &r.yes);
		runs_add_all(&rows->absent, &r.absent);
		if (r.resume == 0)
			break;
		runs_remove(&req.uids, 1, (uint32_t)r.resume - 1);
		arena_reset(&rows->batch);
	}
	arena_reset(&rows->batch);
	runs_done(&req.uids);
	return true;
}

void
imap_search_rows_done(struct search_rows *rows)
{
	runs_done(&rows->absent);
	arena_done(&rows->batch);
}
