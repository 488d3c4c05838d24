/* SPDX-License-Identifier: ISC */
/*
 * RETURN of SEARCH and its answer, ESEARCH (RFC 4731 3.1, RFC 5182 2.1,
 * RFC 9051 6.4.4 and 7.3.4); and the answer of old, SEARCH (RFC 3501 7.2.5).
 */
#include "imap/search.h"

static const struct {
	struct text name;
	unsigned bit;
} options[] = {
	{ { "MIN", 3 }, RETURN_MIN },
	{ { "MAX", 3 }, RETURN_MAX },
	{ { "ALL", 3 }, RETURN_ALL },
	{ { "COUNT", 5 }, RETURN_COUNT },
	{ { "SAVE", 4 }, RETURN_SAVE },
};

static bool
option(struct cursor *c, unsigned *returns)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (imap_word(c, options[i].name)) {
			*returns |= options[i].bit;
			return true;
		}
	}
	return false;
}

bool
imap_search_return(struct cursor *c, bool *present, unsigned *returns)
{
	struct cursor in = *c;

	*present = false;
	*returns = 0;
	if (!imap_sp(&in) || !imap_word(&in, TEXT("RETURN")))
		return true;
	*present = true;
	if (!imap_sp(&in) || !cursor_byte(&in, '('))
		return false;
	if (!cursor_byte(&in, ')')) {
		do {
			if (!option(&in, returns))
				return false;
		} while (imap_sp(&in));
		if (!cursor_byte(&in, ')'))
			return false;
	}
	if (*returns == 0) /* RFC 4731 3.1: as if it were (ALL) */
		*returns = RETURN_ALL;
	*c = in;
	return true;
}

/* The number by which the command wants a message named. */
static uint32_t
number(struct command *c, uint32_t uid)
{
	return c->uid ? uid : view_seq(c->im->view, uid);
}

/* "2,10:11": runs of numbers, which may join where runs of UIDs do not. */
static void
write_set(struct command *c, const struct runs *found)
{
	for (uint32_t i = 0; i < found->count;) {
		uint32_t first = number(c, found->at[i].first), last;

		do {
			last = number(c, found->at[i].last);
			i++;
		} while (i < found->count && number(c, found->at[i].first) == last + 1);
		buffer_add_u64(&c->out, first);
		if (last > first) {
			buffer_add_byte(&c->out, ':');
			buffer_add_u64(&c->out, last);
		}
		if (i < found->count)
			buffer_add_byte(&c->out, ',');
		imap_push_some(c);
	}
}

void
imap_search_write_extended(
    struct command *c, struct runs *found, unsigned returns, uint64_t highest)
{
	struct buffer *out = &c->out;
	bool any = !runs_empty(found);

	/* SAVE alone asks for no answer (RFC 9051 6.4.4.1). */
	if (returns == RETURN_SAVE)
		return;
	buffer_add_string(out, "* ESEARCH (TAG \"");
	buffer_add_text(out, c->tag); /* holds nothing that quotes would have to escape */
	buffer_add_string(out, c->uid ? "\") UID" : "\")");
	if (any && (returns & RETURN_MIN) != 0)
		buffer_addf(out, " MIN %u", number(c, runs_next(found, 1)));
	if (any && (returns & RETURN_MAX) != 0)
		buffer_addf(out, " MAX %u", number(c, runs_last(found)));
	if (any && (returns & RETURN_ALL) != 0) {
		buffer_add_string(out, " ALL ");
		write_set(c, found);
	}
	if ((returns & RETURN_COUNT) != 0)
		buffer_addf(out, " COUNT %u", runs_total(found));
	if (any && highest != 0) /* RFC 4731 3.2 */
		buffer_addf(out, " MODSEQ %llu", (unsigned long long)highest);
	buffer_add(out, "\r\n", 2);
}

void
imap_search_write_plain(struct command *c, const struct runs *found, uint64_t highest)
{
	buffer_add_string(&c->out, "* SEARCH");
	for (uint32_t i = 0; i < found->count; i++) {
		const struct run *r = &found->at[i];
		/* Runs of found are runs of the view: their numbers are consecutive. */
		uint32_t n = number(c, r->first);

		for (uint32_t k = 0; k <= r->last - r->first; k++) {
			buffer_add_byte(&c->out, ' ');
			buffer_add_u64(&c->out, n + k);
			imap_push_some(c);
		}
	}
	if (!runs_empty(found) && highest != 0)
		buffer_addf(&c->out, " (MODSEQ %llu)", (unsigned long long)highest);
	buffer_add(&c->out, "\r\n", 2);
}
