/* SPDX-License-Identifier: ISC */
/*
 * SEARCH (RFC 3501 6.4.4, RFC 9051 6.4.4) with RETURN (RFC 4731) and what it
 * saves as "$" (RFC 5182). Whoever enabled IMAP4rev2 is always answered by
 * ESEARCH. A search that fails leaves nothing in "$"; one that is no search
 * leaves it alone.
 */
#include "imap/search.h"
#include "runtime/settings.h"

struct asked {
	bool extended;	  /* RETURN stands there */
	unsigned returns; /* enum search_return */
	struct search_key *key;
	bool modseq; /* among the keys */
};

/* All charsets that anything converts from are too many to name. */
#define SOME_CHARSETS                                                                            \
	"BADCHARSET (US-ASCII UTF-8 ISO-8859-1 ISO-8859-2 ISO-8859-5 ISO-8859-7 ISO-8859-15 "    \
	"WINDOWS-1250 WINDOWS-1251 WINDOWS-1252 WINDOWS-1256 KOI8-R KOI8-U BIG5 GB2312 GB18030 " \
	"SHIFT_JIS EUC-JP ISO-2022-JP EUC-KR UTF-7)"

static enum outcome
refuse(struct command *c, enum search_error why)
{
	switch (why) {
	case SEARCH_CHARSET:
		return imap_no(c, SOME_CHARSETS, "That charset is not known");
	case SEARCH_NESTED:
		return imap_no(c, "LIMIT", "The search is nested too deep");
	case SEARCH_KEYS:
		return imap_no(c, "LIMIT", "The search has too many keys");
	case SEARCH_WORD:
		return imap_no(c, "LIMIT", "A word to search for is too long");
	default:
		return imap_bad(c, "Expected search keys");
	}
}

/* RFC 5182 2.4: of MIN and MAX alone, what they found; of all else, everything,
 * which is just what was sought. False: it takes too much memory to keep. */
static bool
save(struct view *v, const struct runs *found)
{
	if (found->count > (uint64_t)setting(SET_IMAP_SEARCH_SAVED_MAX))
		return false;
	runs_copy(&v->saved, found);
	return true;
}

static enum outcome
answer(struct command *c, const struct asked *asked, struct runs *found, bool unreadable)
{
	struct failure why = { 0 };
	uint64_t highest = 0;

	if (asked->modseq) {
		enum status st = imap_search_highest(c, found, &highest, &why);

		if (st != STATUS_OK)
			return imap_failed(c, st, &why);
	}
	if ((asked->returns & RETURN_SAVE) != 0 && !unreadable && !save(c->im->view, found))
		return imap_no(c, "NOTSAVED", "Too many ranges of messages to keep");
	if (asked->extended || (c->im->enabled & ENABLED_REV2) != 0)
		imap_search_write_extended(c, found, asked->returns, highest);
	else
		imap_search_write_plain(c, found, highest);
	if (unreadable)
		return imap_no(c, "SERVERBUG", "Some messages could not be read");
	return imap_ok(c, NULL);
}

static enum outcome
search(struct command *c, struct asked *asked)
{
	struct runs found = RUNS_INIT;
	struct failure why = { 0 };
	bool unreadable = false;
	enum outcome what;
	enum status st;

	imap_search_prepare(asked->key, c->im, &c->arena);
	c->numbers = imap_search_has_numbers(asked->key);
	st = imap_search_modseqs(c, asked->key, &asked->modseq, &why);
	if (st == STATUS_OK)
		st = imap_search_run(c, asked->key, asked->returns, &found, &unreadable, &why);
	what = st == STATUS_OK ? answer(c, asked, &found, unreadable) : imap_failed(c, st, &why);
	runs_done(&found);
	return what;
}

enum outcome
imap_cmd_search(struct command *c)
{
	struct asked asked = { .returns = RETURN_ALL };
	enum search_error error;
	enum outcome what;

	if (!imap_search_return(&c->args, &asked.extended, &asked.returns))
		return imap_bad(c, "Expected RETURN with MIN, MAX, ALL, COUNT or SAVE");
	if (!asked.extended)
		asked.returns = RETURN_ALL;
	error = imap_search_parse(&c->args, &c->arena, &asked.key);
	what = error == SEARCH_OK ? search(c, &asked) : refuse(c, error);
	if ((asked.returns & RETURN_SAVE) != 0 && c->word[0] == 'N')
		runs_done(&c->im->view->saved);
	return what;
}
