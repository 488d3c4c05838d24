/* SPDX-License-Identifier: ISC */
/*
 * The view of a selected mailbox (RFC 3501 2.3.1.2, 5.2, 7.3.1, 7.3.2, 7.4.1);
 * see view.h. Everything is arithmetic on runs, so a change of any number of
 * messages costs the number of runs.
 */
#include "imap/view.h"

#define RUNS_PER_LINE 500u /* of a VANISHED response */

/* UIDs that the store calls recent for this session, as far as they are in
 * the view and stand behind what it knew already: of those the session was
 * notified before (RFC 3501 2.3.2 \Recent), even where the store forgot it. */
static void
claim_recent(struct view *v, uint64_t from, uint32_t known_to)
{
	struct runs claimed = RUNS_INIT, known = RUNS_INIT;
	uint32_t last = uidset_last(&v->uids);

	if (from != 0 && from <= known_to)
		from = (uint64_t)known_to + 1;
	if (from == 0 || from > last || v->no_recent)
		return;
	runs_add(&claimed, (uint32_t)from, last);
	uidset_both(&known, &v->uids, &claimed);
	runs_add_all(&v->recent, &known);
	runs_done(&known);
	runs_done(&claimed);
}

void
view_init(
    struct view *v, const struct store_open_reply *r, bool read_only, const struct uidset *known)
{
	*v = (struct view){
		.mailbox = (uint32_t)r->mailbox,
		.uidvalidity = (uint32_t)r->uidvalidity,
		.uidnext = (uint32_t)r->uidnext,
		.read_only = read_only,
		.modseq = r->modseq,
		.highest = r->highest,
		.settled = r->highest,
		.counted = r->highest,
	};
	if (r->differs) {
		uidset_share(&v->uids, known);
		uidset_remove_all(&v->uids, &r->vanished);
		uidset_add_all(&v->uids, &r->added);
	} else {
		uidset_from_runs(&v->uids, &r->uids);
	}
	claim_recent(v, r->recent_from, 0);
	v->last_told = uidset_last(&v->uids);
	v->recent_told = runs_total(&v->recent);
	v->keywords_told = r->keywords.count;
}

void
view_done(struct view *v)
{
	if (v->entry != NULL)
		uid_cache_leave(v->entry);
	uidset_done(&v->uids);
	runs_done(&v->gone);
	runs_done(&v->recent);
	runs_done(&v->saved);
}

void
view_lose(struct view *v, const struct runs *uids)
{
	struct runs known = RUNS_INIT;

	uidset_both(&known, &v->uids, uids);
	runs_add_all(&v->gone, &known);
	runs_done(&known);
}

/* New UIDs; what is not behind all others was seen before. */
static void
gain(struct view *v, const struct runs *uids)
{
	uint32_t last = uidset_last(&v->uids);

	for (uint32_t i = 0; i < uids->count; i++) {
		const struct run *r = &uids->at[i];

		if (r->last > last)
			uidset_add(&v->uids, r->first > last ? r->first : last + 1, r->last);
	}
}

/* Messages only came, and another session has heard of them before: the set as
 * it is now need not be made once more. */
static bool
take_made(struct view *v, const struct store_changes_reply *r)
{
	uint32_t last = uidset_last(&v->uids), total = view_exists(v);

	if (v->entry == NULL || r->full || !runs_empty(&r->vanished) || !runs_empty(&v->gone))
		return false;
	for (uint32_t i = 0; i < r->added.count; i++) {
		const struct run *x = &r->added.at[i];

		if (x->last > last)
			total += x->last - (x->first > last ? x->first - 1 : last);
	}
	return uid_cache_take(v->entry, r->highest, total, &v->uids);
}

void
view_learn(struct view *v, const struct store_changes_reply *r)
{
	uint32_t known_to = uidset_last(&v->uids);

	if (r->full) {
		struct runs missing = RUNS_INIT;

		uidset_to_runs(&v->uids, &missing);
		runs_remove_all(&missing, &r->uids);
		view_lose(v, &missing);
		runs_done(&missing);
		gain(v, &r->uids);
	} else if (!take_made(v, r)) {
		gain(v, &r->added);
		view_lose(v, &r->vanished);
	}
	claim_recent(v, r->recent_from, known_to);
	if (r->uidnext > v->uidnext)
		v->uidnext = (uint32_t)r->uidnext;
	if (r->modseq >= v->modseq) {
		v->modseq = r->modseq;
		v->highest = r->highest;
	}
}

bool
view_own_change(struct view *v, uint64_t modseq)
{
	if (modseq == v->modseq + 1)
		v->modseq = v->highest = modseq;
	return modseq <= v->modseq;
}

uint32_t
view_seq(struct view *v, uint32_t uid)
{
	return uidset_rank(&v->uids, uid);
}

uint32_t
view_exists(struct view *v)
{
	return uidset_total(&v->uids);
}

void
view_uids_at(struct view *v, const struct runs *seqs, struct runs *out)
{
	uint32_t total = view_exists(v);

	runs_clear(out);
	for (uint32_t i = 0; i < seqs->count; i++) {
		uint32_t pos = seqs->at[i].first;
		uint32_t last = seqs->at[i].last < total ? seqs->at[i].last : total;

		while (pos <= last) {
			uint32_t first = uidset_at(&v->uids, pos);
			uint32_t there = uidset_run(&v->uids, first, &first) - 1;

			runs_add(out, first, first + (last - pos < there ? last - pos : there));
			if (last - pos <= there)
				break;
			pos += there + 1;
		}
	}
}

bool
view_resolve(struct view *v, const struct sequence_set *set, bool uid, struct runs *out)
{
	struct runs numbers = RUNS_INIT;
	uint32_t total = view_exists(v);
	bool ok = true;

	runs_clear(out);
	if (set->saved) {
		runs_copy(out, &v->saved);
		return true;
	}
	imap_sequence_numbers(set, uid ? uidset_last(&v->uids) : total, &numbers);
	if (uid) {
		uidset_both(out, &v->uids, &numbers);
	} else if (runs_empty(&numbers) || runs_last(&numbers) > total) {
		ok = false;
	} else {
		view_uids_at(v, &numbers, out);
	}
	runs_done(&numbers);
	return ok;
}

void
view_seqs_of(struct view *v, const struct runs *uids, struct runs *out)
{
	runs_clear(out);
	for (uint32_t i = 0; i < uids->count; i++) {
		const struct run *r = &uids->at[i];
		uint32_t first = view_seq(v, r->first);

		/* A run of some of uids is within a run of uids. */
		runs_add(out, first, first + (r->last - r->first));
	}
}

/* From the greatest down, so that no number in front of it moves. */
static void
tell_numbers(struct view *v, struct buffer *out)
{
	for (uint32_t i = v->gone.count; i-- > 0;) {
		uint32_t first = view_seq(v, v->gone.at[i].first);
		uint32_t seq = first + (v->gone.at[i].last - v->gone.at[i].first);

		/* Runs of gone are runs of uids, so their numbers have no hole. */
		for (; seq >= first; seq--) {
			buffer_add_string(out, "* ");
			buffer_add_u64(out, seq);
			buffer_add_string(out, " EXPUNGE\r\n");
		}
	}
}

bool
view_write_vanished(struct buffer *out, const char *word, const struct runs *uids, uint32_t *at)
{
	uint32_t left = uids->count - *at;
	struct runs part = { .count = left < RUNS_PER_LINE ? left : RUNS_PER_LINE };

	if (left == 0)
		return false;
	part.at = uids->at + *at;
	buffer_addf(out, "* %s ", word);
	runs_print(out, &part);
	buffer_add(out, "\r\n", 2);
	*at += part.count;
	return true;
}

static void
tell_expunges(struct view *v, enum view_expunges how, struct buffer *out)
{
	uint32_t at = 0;

	if (runs_empty(&v->gone))
		return;
	if (how == EXPUNGES_BY_NUMBER)
		tell_numbers(v, out);
	while (how == EXPUNGES_BY_UID && view_write_vanished(out, "VANISHED", &v->gone, &at))
		;
	v->expunged = true;
	runs_remove_all(&v->recent, &v->gone);
	runs_remove_all(&v->saved, &v->gone);
	uidset_remove_all(&v->uids, &v->gone);
	runs_done(&v->gone);
}

/* Messages that came and went before the client heard of them: it never does. */
static void
drop_unheard(struct view *v)
{
	struct runs tail = RUNS_INIT, unheard = RUNS_INIT;

	if (runs_last(&v->gone) <= v->last_told)
		return;
	runs_add(&tail, v->last_told + 1, UINT32_MAX);
	runs_both(&unheard, &v->gone, &tail);
	runs_remove_all(&v->gone, &unheard);
	runs_remove_all(&v->recent, &unheard);
	runs_remove_all(&v->saved, &unheard);
	uidset_remove_all(&v->uids, &unheard);
	runs_done(&unheard);
	runs_done(&tail);
}

void
view_tell(struct view *v, enum view_expunges expunges, struct buffer *out)
{
	uint32_t recent;

	if (expunges != EXPUNGES_WAIT && !runs_empty(&v->gone)) {
		drop_unheard(v);
		tell_expunges(v, expunges, out);
	}
	if (uidset_last(&v->uids) > v->last_told) {
		v->last_told = uidset_last(&v->uids);
		buffer_addf(out, "* %u EXISTS\r\n", view_exists(v));
	}
	recent = runs_total(&v->recent);
	if (recent != v->recent_told) {
		v->recent_told = recent;
		buffer_addf(out, "* %u RECENT\r\n", recent);
	}
}

/* Where nothing is held back, the UIDs are those of the mailbox. */
static void
meet(struct view *v)
{
	if (v->entry == NULL || v->met == v->highest)
		return;
	uid_cache_meet(v->entry, v->highest, v->modseq, &v->uids);
	v->met = v->highest;
}

void
view_share(struct view *v, struct uid_entry *e)
{
	v->entry = e;
	meet(v);
}

void
view_settle(struct view *v)
{
	if (!runs_empty(&v->gone) || v->behind != 0)
		return;
	v->settled = v->highest;
	meet(v);
}

void
view_forget_recent(struct view *v)
{
	v->no_recent = true;
	runs_done(&v->recent);
	v->recent_told = 0;
}
