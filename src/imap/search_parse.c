/* SPDX-License-Identifier: ISC */
/*
 * Search keys into a tree (RFC 3501 9 search, search-key). Words come in the
 * charset that the command names and leave folded UTF-8, ready to be sought.
 */
#include <string.h>

#include "codec/charset.h"
#include "codec/mimewords.h"
#include "codec/utf8.h"
#include "imap/search.h"

enum args {
	ARGS_NONE,
	ARGS_SET,
	ARGS_KEYWORD,
	ARGS_DATE,
	ARGS_NUMBER,
	ARGS_STRING,
	ARGS_HEADER,
	ARGS_MODSEQ,
};

static const struct {
	struct text name;
	enum args args;
} keys[] = {
#define X(id, name, args, level, matcher) { { name, sizeof(name) - 1 }, ARGS_##args },
#include "imap/search_keys.def"
#undef X
};

struct parse {
	struct cursor *c;
	struct arena *a;
	struct text charset;
	unsigned depth, keys, modseqs;
	enum search_error error; /* the first one that is not plain syntax */
};

static bool
give_up(struct parse *p, enum search_error why)
{
	if (p->error == SEARCH_OK)
		p->error = why;
	return false;
}

/* astring as a word: to UTF-8, and folded. */
static bool
word(struct parse *p, struct text *out)
{
	struct buffer utf8 = BUFFER_INIT, folded = BUFFER_INIT;
	struct text raw;
	bool ok;

	if (!imap_sp(p->c) || !imap_astring(p->c, p->a, &raw))
		return false;
	if (raw.len > SEARCH_WORD_MAX)
		return give_up(p, SEARCH_WORD);
	charset_to_utf8(p->charset, raw, 4 * SEARCH_WORD_MAX, &utf8);
	text_fold(&folded, buffer_text(&utf8));
	ok = folded.len <= SEARCH_WORD_MAX;
	if (ok)
		*out = arena_copy(p->a, buffer_text(&folded));
	buffer_done(&utf8);
	buffer_done(&folded);
	return ok ? true : give_up(p, SEARCH_WORD);
}

/* [entry-name SP entry-type-req SP]: a message has one modseq for all its flags,
 * so which is meant makes no difference (RFC 7162 3.1.5). */
static bool
search_modsequence(struct parse *p)
{
	struct text name;

	if (cursor_peek(p->c) != '"')
		return true;
	return imap_quoted(p->c, p->a, &name) && text_starts(name, TEXT("/flags/")) &&
	       name.len > strlen("/flags/") && imap_sp(p->c) &&
	       (imap_word(p->c, TEXT("priv")) || imap_word(p->c, TEXT("shared")) ||
		   imap_word(p->c, TEXT("all"))) &&
	       imap_sp(p->c);
}

static bool
arguments(struct parse *p, enum args args, struct search_key *key)
{
	switch (args) {
	case ARGS_NONE:
		return true;
	case ARGS_SET:
		return imap_sp(p->c) && imap_message_set(p->c, p->a, &key->set);
	case ARGS_KEYWORD:
		return imap_sp(p->c) && imap_atom(p->c, &key->keyword_name);
	case ARGS_DATE:
		return imap_sp(p->c) && imap_date(p->c, &key->day);
	case ARGS_NUMBER:
		return imap_sp(p->c) && imap_number64(p->c, &key->number);
	case ARGS_STRING:
		return word(p, &key->word);
	case ARGS_HEADER:
		return imap_sp(p->c) && imap_astring(p->c, p->a, &key->field) &&
		       word(p, &key->word);
	case ARGS_MODSEQ:
		if (++p->modseqs > SEARCH_MODSEQS_MAX)
			return give_up(p, SEARCH_KEYS);
		return imap_sp(p->c) && search_modsequence(p) && imap_modseq(p->c, &key->number);
	}
	return false;
}

static bool search_key(struct parse *p, struct search_key **out);

/* search-key *(SP search-key) */
static bool
search_keys(struct parse *p, struct search_key **out)
{
	struct search_key **last = out;

	*out = NULL;
	do {
		if (!search_key(p, last))
			return false;
		last = &(*last)->next;
	} while (imap_sp(p->c));
	return true;
}

/* NOT SP key, OR SP key SP key, "(" keys ")", a sequence-set, or a row of the
 * table. */
static bool
any_key(struct parse *p, struct search_key *key)
{
	if (imap_word(p->c, TEXT("NOT"))) {
		key->id = KEY_NOT;
		return imap_sp(p->c) && search_key(p, &key->first);
	}
	if (imap_word(p->c, TEXT("OR"))) {
		key->id = KEY_OR;
		return imap_sp(p->c) && search_key(p, &key->first) && imap_sp(p->c) &&
		       search_key(p, &key->first->next);
	}
	if (cursor_byte(p->c, '(')) {
		key->id = KEY_AND;
		return search_keys(p, &key->first) && cursor_byte(p->c, ')');
	}
	if (imap_message_set(p->c, p->a, &key->set)) {
		key->id = KEY_SEQUENCE;
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (imap_word(p->c, keys[i].name)) {
			key->id = (enum search_key_id)i;
			return arguments(p, keys[i].args, key);
		}
	}
	return false;
}

static bool
search_key(struct parse *p, struct search_key **out)
{
	struct search_key *key = ARENA_NEW(p->a, struct search_key);
	bool ok;

	if (++p->depth > SEARCH_DEPTH_MAX)
		return give_up(p, SEARCH_NESTED);
	if (++p->keys > SEARCH_KEYS_MAX)
		return give_up(p, SEARCH_KEYS);
	ok = any_key(p, key);
	p->depth--;
	*out = key;
	return ok;
}

/* [SP "CHARSET" SP astring]: what we can convert, RFC 3501 6.4.4. */
static bool
charset(struct parse *p)
{
	struct cursor in = *p->c;

	p->charset = TEXT("utf-8");
	if (!imap_sp(&in) || !imap_word(&in, TEXT("CHARSET")))
		return true;
	if (!imap_sp(&in) || !imap_astring(&in, p->a, &p->charset))
		return false;
	*p->c = in;
	return charset_known(p->charset) ? true : give_up(p, SEARCH_CHARSET);
}

enum search_error
imap_search_parse(struct cursor *c, struct arena *a, struct search_key **out)
{
	struct parse p = { .c = c, .a = a };
	struct search_key *all = ARENA_NEW(a, struct search_key);

	all->id = KEY_AND;
	if (charset(&p) && imap_sp(c) && search_keys(&p, &all->first) && imap_end(c)) {
		*out = all;
		return SEARCH_OK;
	}
	return p.error != SEARCH_OK ? p.error : SEARCH_SYNTAX;
}

static void
free_runs(void *runs)
{
	runs_done(runs);
}

/* UIDs from that of one number to that of another: between them stand just the
 * messages between, so this is as long as what the client wrote, whatever the
 * mailbox is made of. Numbers that no message has are in no mailbox, here as
 * elsewhere: a client may ask for 1:* of an empty one. */
static void
span(struct view *v, const struct runs *numbers, struct runs *out)
{
	uint32_t exists = view_exists(v);

	for (uint32_t i = 0; i < numbers->count && numbers->at[i].first <= exists; i++) {
		uint32_t last = numbers->at[i].last;

		runs_add(out, uidset_at(&v->uids, numbers->at[i].first),
		    uidset_at(&v->uids, last < exists ? last : exists));
	}
}

static void
resolve(struct search_key *key, struct view *v, struct arena *a)
{
	struct runs numbers = RUNS_INIT;

	if (key->set.saved) { /* it stays as it is until the search is done */
		key->uids = v->saved;
		return;
	}
	arena_on_done(a, free_runs, &key->uids);
	if (key->id == KEY_UID) {
		imap_sequence_numbers(&key->set, uidset_last(&v->uids), &key->uids);
		return;
	}
	imap_sequence_numbers(&key->set, view_exists(v), &numbers);
	span(v, &numbers, &key->uids);
	runs_done(&numbers);
}

struct prepare {
	struct imap *im;
	struct arena *a;
	bool keywords_asked;
};

/* Another session may have made the keyword a moment ago: the store is asked
 * once for all of them. */
static uint32_t
keyword_position(struct prepare *p, struct text name)
{
	struct keywords *known = p->im->keywords;
	uint32_t at = keywords_find(known, name);

	if (at != UINT32_MAX || p->keywords_asked || p->im->server->calls == NULL)
		return at;
	p->keywords_asked = true;
	if (imap_need_keywords(p->im, p->a, UINT64_MAX) != STATUS_OK)
		return UINT32_MAX; /* no more than the session knows */
	return keywords_find(known, name);
}

static void
prepare(struct prepare *p, struct search_key *key)
{
	for (; key != NULL; key = key->next) {
		if (key->id == KEY_UID || key->id == KEY_SEQUENCE)
			resolve(key, p->im->view, p->a);
		if (key->id == KEY_KEYWORD || key->id == KEY_UNKEYWORD)
			key->keyword = keyword_position(p, key->keyword_name);
		prepare(p, key->first);
	}
}

void
imap_search_prepare(struct search_key *key, struct imap *im, struct arena *a)
{
	struct prepare p = { .im = im, .a = a };

	prepare(&p, key);
}
