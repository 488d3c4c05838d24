/* SPDX-License-Identifier: ISC */
/*
 * MODSEQ among the keys of SEARCH (RFC 7162 3.1.5, 3.1.10, RFC 4731 3.2). Which
 * messages have changed since is asked once for each such key; where the change
 * log reaches back, no row of a message that has not changed is read.
 */
#include "imap/search.h"

static enum status
ask(struct command *c, struct search_key *key, struct failure *why)
{
	struct since s = { .modseq = key->number > 0 ? key->number - 1 : 0 };
	struct runs all = RUNS_INIT;
	enum status st;

	runs_add(&all, 1, UINT32_MAX);
	st = imap_since(c, &all, &s, why);
	runs_done(&all);
	if (st == STATUS_OK) {
		runs_copy(&key->uids, &s.changed);
		key->known = s.exact;
	}
	imap_since_done(&s);
	return st;
}

static void
free_runs(void *runs)
{
	runs_done(runs);
}

enum status
imap_search_modseqs(struct command *c, struct search_key *key, bool *any, struct failure *why)
{
	enum status st = STATUS_OK;

	for (; key != NULL && st == STATUS_OK; key = key->next) {
		if (key->id == KEY_MODSEQ) {
			if (!*any)
				imap_enable(c, ENABLED_CONDSTORE);
			*any = true;
			arena_on_done(&c->arena, free_runs, &key->uids);
			st = ask(c, key, why);
		} else {
			st = imap_search_modseqs(c, key->first, any, why);
		}
	}
	return st;
}

enum status
imap_search_highest(
    struct command *c, const struct runs *found, uint64_t *highest, struct failure *why)
{
	struct imap *im = c->im;
	struct store_fetch_request req = {
		.token = im->token, .mailbox = im->view->mailbox, .items = FETCH_FLAGS
	};
	struct store_fetch_reply r = { .resume = 0 };
	struct arena batch = ARENA_INIT;
	struct store_row row;
	enum status st;

	runs_copy(&req.uids, found);
	do {
		struct unpack u;

		st = store_fetch(im->server->calls, &req, &batch, &r, why);
		if (st != STATUS_OK)
			break;
		u = unpack_of(r.rows);
		while (unpack_ok(&u) && !unpack_end(&u)) {
			store_row_unpack(&u, FETCH_FLAGS, &row);
			if (unpack_ok(&u) && row.modseq > *highest)
				*highest = row.modseq;
		}
		if (!unpack_ok(&u))
			st = STATUS_CORRUPT;
		if (r.resume > 1 && r.resume <= UINT32_MAX)
			runs_remove(&req.uids, 1, (uint32_t)r.resume - 1);
		arena_reset(&batch);
	} while (st == STATUS_OK && r.resume != 0);
	runs_done(&req.uids);
	arena_done(&batch);
	if (*highest > im->view->shown)
		im->view->shown = *highest;
	imap_saw_modseq(c, *highest);
	return st;
}

bool
imap_search_has_numbers(const struct search_key *key)
{
	for (; key != NULL; key = key->next)
		if ((key->id == KEY_SEQUENCE && !key->set.saved) ||
		    imap_search_has_numbers(key->first))
			return true;
	return false;
}
