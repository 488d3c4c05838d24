/* SPDX-License-Identifier: ISC */
/*
 * What a tree of search keys says of whole sets of messages (RFC 3501 6.4.4),
 * by arithmetic on runs: ALL, sets and \Recent cost runs and not messages, and
 * flags, dates and sizes cost what the store reads of its blocks. Keys that
 * must see a message leave it for later.
 *
 * Invariant: yes and maybe are apart, and both within the domain.
 */
#include "imap/search.h"

static void
none(struct search_sets *out)
{
	runs_clear(&out->yes);
	runs_clear(&out->maybe);
}

static void
without(struct runs *out, const struct runs *from, const struct runs *less)
{
	runs_copy(out, from);
	runs_remove_all(out, less);
}

/* A key that must see more than the view. */
static void
look(struct search_rows *rows, const struct search_key *key, const struct runs *domain,
    struct search_sets *out)
{
	struct store_question q;

	if (rows != NULL && imap_search_question(key, &q))
		imap_search_ask_rows(rows, &q, 1, domain, &out->yes);
	else
		runs_copy(&out->maybe, domain);
}

/* Whether a key is one of those that are asked together. */
static bool
is_asked_together(const struct search_key *key, struct store_question *q)
{
	return key->id != KEY_NEW && imap_search_question(key, q);
}

/* All keys of an AND that the store answers, in one question. What is true of
 * none of them goes out of left. */
static void
ask_together(struct search_rows *rows, const struct search_key *key, struct runs *left)
{
	struct store_question q[STORE_QUESTIONS_MAX];
	struct runs yes = RUNS_INIT;
	uint32_t count = 0;

	for (; key != NULL && count < STORE_QUESTIONS_MAX; key = key->next)
		count += is_asked_together(key, &q[count]);
	if (count == 0)
		return;
	imap_search_ask_rows(rows, q, count, left, &yes);
	runs_copy(left, &yes);
	runs_done(&yes);
}

/* What is left after each key: yes to all of them, or not sure of some. */
static void
ask_and(struct view *v, struct search_rows *rows, const struct search_key *key,
    const struct runs *domain, struct search_sets *out)
{
	struct search_sets one = { 0 };
	struct runs left = RUNS_INIT, yes = RUNS_INIT;
	struct store_question q;
	uint32_t asked = 0;

	runs_copy(&left, domain);
	if (rows != NULL)
		ask_together(rows, key, &left);
	runs_copy(&out->yes, &left);
	for (; key != NULL && !runs_empty(&left); key = key->next) {
		if (rows != NULL && asked < STORE_QUESTIONS_MAX && is_asked_together(key, &q)) {
			asked++;
			continue;
		}
		imap_search_sets(v, rows, key, &left, &one);
		runs_both(&yes, &out->yes, &one.yes);
		runs_copy(&out->yes, &yes);
		runs_copy(&left, &one.yes);
		runs_add_all(&left, &one.maybe);
	}
	runs_both(&yes, &out->yes, &left);
	runs_copy(&out->yes, &yes);
	without(&out->maybe, &left, &yes);
	runs_done(&left);
	runs_done(&yes);
	imap_search_sets_done(&one);
}

static void
ask_or(struct view *v, struct search_rows *rows, const struct search_key *key,
    const struct runs *domain, struct search_sets *out)
{
	struct search_sets one = { 0 };
	struct runs left = RUNS_INIT;

	none(out);
	runs_copy(&left, domain);
	for (; key != NULL && !runs_empty(&left); key = key->next) {
		imap_search_sets(v, rows, key, &left, &one);
		runs_add_all(&out->yes, &one.yes);
		runs_add_all(&out->maybe, &one.maybe);
		runs_remove_all(&left, &one.yes);
	}
	runs_remove_all(&out->maybe, &out->yes);
	runs_done(&left);
	imap_search_sets_done(&one);
}

static void
ask_not(struct view *v, struct search_rows *rows, const struct search_key *key,
    const struct runs *domain, struct search_sets *out)
{
	struct search_sets one = { 0 };
	struct store_question q;

	if (rows != NULL && is_asked_together(key, &q)) {
		q.negate = !q.negate;
		imap_search_ask_rows(rows, &q, 1, domain, &out->yes);
		return;
	}
	imap_search_sets(v, rows, key, domain, &one);
	without(&out->yes, domain, &one.yes);
	runs_remove_all(&out->yes, &one.maybe);
	runs_copy(&out->maybe, &one.maybe);
	imap_search_sets_done(&one);
}

void
imap_search_sets(struct view *v, struct search_rows *rows, const struct search_key *key,
    const struct runs *domain, struct search_sets *out)
{
	struct runs recent = RUNS_INIT;

	none(out);
	switch (key->id) {
	case KEY_AND:
		ask_and(v, rows, key->first, domain, out);
		break;
	case KEY_OR:
		ask_or(v, rows, key->first, domain, out);
		break;
	case KEY_NOT:
		ask_not(v, rows, key->first, domain, out);
		break;
	case KEY_ALL:
		runs_copy(&out->yes, domain);
		break;
	case KEY_SEQUENCE:
	case KEY_UID:
		runs_both(&out->yes, domain, &key->uids);
		break;
	case KEY_MODSEQ:
		runs_both(key->known ? &out->yes : &out->maybe, domain, &key->uids);
		break;
	case KEY_RECENT:
		runs_both(&out->yes, domain, &v->recent);
		break;
	case KEY_OLD:
		without(&out->yes, domain, &v->recent);
		break;
	case KEY_NEW: /* recent, and perhaps seen */
		runs_both(&recent, domain, &v->recent);
		look(rows, key, &recent, out);
		break;
	default:
		look(rows, key, domain, out);
		break;
	}
	runs_done(&recent);
}

void
imap_search_sets_done(struct search_sets *s)
{
	runs_done(&s->yes);
	runs_done(&s->maybe);
}
