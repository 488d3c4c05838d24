/* SPDX-License-Identifier: ISC */
/*
 * Holding a tree of search keys against a message (RFC 3501 6.4.4). Matchers
 * are the last column of search_keys.def. NOT, OR and AND work with what is
 * known: one "no" is enough for an AND, whatever is not known yet.
 */
#include "codec/date.h"
#include "imap/search.h"

#define DAY_SECONDS 86400

typedef bool (*matcher)(const struct search_key *key, struct candidate *c);

static bool
match_all(const struct search_key *key, struct candidate *c)
{
	return true;
}

static bool
match_recent(const struct search_key *key, struct candidate *c)
{
	return c->recent;
}

static bool
match_old(const struct search_key *key, struct candidate *c)
{
	return !c->recent;
}

static bool
match_new(const struct search_key *key, struct candidate *c)
{
	return c->recent && (c->m->row->flags & FLAG_SEEN) == 0;
}

static bool
match_set(const struct search_key *key, struct candidate *c)
{
	return runs_has(&key->uids, c->uid);
}

static bool
match_flag(const struct search_key *key, struct candidate *c)
{
	static const uint32_t flags[KEY_COUNT] = {
		[KEY_ANSWERED] = FLAG_ANSWERED,
		[KEY_UNANSWERED] = FLAG_ANSWERED,
		[KEY_DELETED] = FLAG_DELETED,
		[KEY_UNDELETED] = FLAG_DELETED,
		[KEY_DRAFT] = FLAG_DRAFT,
		[KEY_UNDRAFT] = FLAG_DRAFT,
		[KEY_FLAGGED] = FLAG_FLAGGED,
		[KEY_UNFLAGGED] = FLAG_FLAGGED,
		[KEY_SEEN] = FLAG_SEEN,
		[KEY_UNSEEN] = FLAG_SEEN,
	};

	return (c->m->row->flags & flags[key->id]) != 0;
}

static bool
match_no_flag(const struct search_key *key, struct candidate *c)
{
	return !match_flag(key, c);
}

/* RFC 7162 3.1.5 */
static bool
match_modseq(const struct search_key *key, struct candidate *c)
{
	return c->m->row->modseq >= key->number;
}

static bool
match_keyword(const struct search_key *key, struct candidate *c)
{
	const struct store_row *row = c->m->row;

	for (uint32_t i = 0; i < row->keyword_count; i++)
		if (row->keywords[i] == key->keyword)
			return true;
	return false;
}

static bool
match_no_keyword(const struct search_key *key, struct candidate *c)
{
	return !match_keyword(key, c);
}

/* INTERNALDATE is shown in UTC, and its day is meant (RFC 3501 6.4.4:
 * "disregarding time and timezone"). */
static int64_t
day_of(const struct candidate *c)
{
	return date_day((struct date){ .at = c->m->row->date, .zone = 0 });
}

static bool
match_before(const struct search_key *key, struct candidate *c)
{
	return day_of(c) < key->day;
}

static bool
match_on(const struct search_key *key, struct candidate *c)
{
	return day_of(c) == key->day;
}

static bool
match_since(const struct search_key *key, struct candidate *c)
{
	return day_of(c) >= key->day;
}

static bool
match_larger(const struct search_key *key, struct candidate *c)
{
	return c->m->row->size > key->number;
}

static bool
match_smaller(const struct search_key *key, struct candidate *c)
{
	return c->m->row->size < key->number;
}

/* The day in the Date field as it was written there; a message without one
 * was sent on no day. */
static bool
sent_day(struct candidate *c, int64_t *day)
{
	const struct mime_summary *s = imap_message_envelope(c->m);

	if (s->sent_at == 0)
		return false;
	*day = date_day((struct date){ .at = s->sent_at, .zone = s->sent_zone });
	return true;
}

static bool
match_sent_before(const struct search_key *key, struct candidate *c)
{
	int64_t day;

	return sent_day(c, &day) && day < key->day;
}

static bool
match_sent_on(const struct search_key *key, struct candidate *c)
{
	int64_t day;

	return sent_day(c, &day) && day == key->day;
}

static bool
match_sent_since(const struct search_key *key, struct candidate *c)
{
	int64_t day;

	return sent_day(c, &day) && day >= key->day;
}

/* "Name <mailbox@host>" of each address. */
static bool
match_addresses(const struct search_key *key, struct candidate *c)
{
	const struct mime_envelope *e = &imap_message_envelope(c->m)->envelope;
	const struct mime_addresses *list = key->id == KEY_FROM ? &e->from
					    : key->id == KEY_TO ? &e->to
					    : key->id == KEY_CC ? &e->cc
								: &e->bcc;
	struct buffer b = BUFFER_INIT;
	bool found;

	if (key->word.len == 0)
		return list->count > 0;
	for (uint32_t i = 0; i < list->count; i++) {
		const struct mime_address *a = &list->at[i];

		buffer_add_text(&b, a->name);
		buffer_add_string(&b, " <");
		buffer_add_text(&b, a->mailbox);
		if (a->host.len > 0)
			buffer_add_byte(&b, '@');
		buffer_add_text(&b, a->host);
		buffer_add_string(&b, ">, ");
	}
	found = imap_field_has_word(buffer_text(&b), key->word);
	buffer_done(&b);
	return found;
}

static bool
match_subject(const struct search_key *key, struct candidate *c)
{
	const struct mime_envelope *e = &imap_message_envelope(c->m)->envelope;

	return e->has_subject && imap_field_has_word(e->subject, key->word);
}

static bool
match_header(const struct search_key *key, struct candidate *c)
{
	return imap_header_has_word(c->m, key->field, key->word, &c->st);
}

static bool
match_body(const struct search_key *key, struct candidate *c)
{
	return imap_content_has_word(c->m, key->word, false, &c->st);
}

static bool
match_text(const struct search_key *key, struct candidate *c)
{
	return imap_content_has_word(c->m, key->word, true, &c->st);
}

static const struct {
	enum search_level level;
	matcher matches;
} matchers[] = {
#define X(id, name, args, level, matcher) { LEVEL_##level, match_##matcher },
#include "imap/search_keys.def"
#undef X
	{ LEVEL_VIEW, match_set }, /* KEY_SEQUENCE */
};

static enum answer
ask_all(const struct search_key *key, struct candidate *c)
{
	enum answer sum = ANSWER_YES;

	for (; key != NULL; key = key->next) {
		enum answer a = imap_search_ask(key, c);

		if (a == ANSWER_NO)
			return ANSWER_NO;
		if (a == ANSWER_UNKNOWN)
			sum = ANSWER_UNKNOWN;
	}
	return sum;
}

static enum answer
ask_any(const struct search_key *key, struct candidate *c)
{
	enum answer sum = ANSWER_NO;

	for (; key != NULL; key = key->next) {
		enum answer a = imap_search_ask(key, c);

		if (a == ANSWER_YES)
			return ANSWER_YES;
		if (a == ANSWER_UNKNOWN)
			sum = ANSWER_UNKNOWN;
	}
	return sum;
}

unsigned
imap_search_levels(const struct search_key *key)
{
	unsigned levels = 0;

	for (; key != NULL; key = key->next) {
		if (key->id == KEY_AND || key->id == KEY_OR || key->id == KEY_NOT)
			levels |= imap_search_levels(key->first);
		else
			levels |= 1u << matchers[key->id].level;
		if (key->id == KEY_HEADER)
			levels |= 1u << LEVEL_SUMMARY;
	}
	return levels;
}

static enum answer
ask_one(const struct search_key *key, struct candidate *c)
{
	if (key->id == KEY_HEADER && c->level == LEVEL_SUMMARY)
		return imap_summary_has_word(c->m, key->field, key->word);
	if (matchers[key->id].level > c->level)
		return ANSWER_UNKNOWN;
	return matchers[key->id].matches(key, c) ? ANSWER_YES : ANSWER_NO;
}

enum answer
imap_search_ask(const struct search_key *key, struct candidate *c)
{
	enum answer a;

	switch (key->id) {
	case KEY_AND:
		return ask_all(key->first, c);
	case KEY_OR:
		return ask_any(key->first, c);
	case KEY_NOT:
		a = imap_search_ask(key->first, c);
		return a == ANSWER_UNKNOWN ? a : a == ANSWER_YES ? ANSWER_NO : ANSWER_YES;
	default:
		return ask_one(key, c);
	}
}
