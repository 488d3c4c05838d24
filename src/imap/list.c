/* SPDX-License-Identifier: ISC */
/* Arguments of LIST and LSUB, and the walk over mailboxes; see imap/list.h. */
#include "imap/list.h"

#include "imap/status.h"

static const struct {
	struct text word;
	enum list_option option;
} selects[] = {
	{ { "SUBSCRIBED", 10 }, LIST_SUBSCRIBED },
	{ { "REMOTE", 6 }, LIST_REMOTE },
	{ { "RECURSIVEMATCH", 14 }, LIST_RECURSIVEMATCH },
	{ { "SPECIAL-USE", 11 }, LIST_SPECIAL_USE },
}, returns[] = {
	{ { "SUBSCRIBED", 10 }, LIST_SUBSCRIBED },
	{ { "CHILDREN", 8 }, LIST_CHILDREN },
	{ { "STATUS", 6 }, LIST_STATUS },
	{ { "SPECIAL-USE", 11 }, LIST_SPECIAL_USE },
};

/* list-select-opts = "(" [list-select-opt *(SP list-select-opt)] ")" */
static bool
select_opts(struct command *c, struct list_args *out)
{
	struct cursor *in = &c->args;

	if (!cursor_byte(in, '('))
		return false;
	if (cursor_byte(in, ')'))
		return true;
	do {
		size_t i = 0;

		while (i < ARRAY_LEN(selects) && !imap_word(in, selects[i].word))
			i++;
		if (i == ARRAY_LEN(selects))
			return false;
		out->select |= selects[i].option;
	} while (imap_sp(in));
	return cursor_byte(in, ')');
}

/* return-option; STATUS has its items behind it. */
static bool
return_option(struct command *c, struct list_args *out)
{
	struct cursor *in = &c->args;

	for (size_t i = 0; i < ARRAY_LEN(returns); i++) {
		if (!imap_word(in, returns[i].word))
			continue;
		out->returns |= returns[i].option;
		return returns[i].option != LIST_STATUS ||
		       (imap_sp(in) && imap_status_items(in, &out->status));
	}
	return false;
}

/* list-return-opts = "RETURN" SP "(" [return-option *(SP return-option)] ")" */
static bool
return_opts(struct command *c, struct list_args *out)
{
	struct cursor *in = &c->args;

	if (!imap_word(in, TEXT("RETURN")) || !imap_sp(in) || !cursor_byte(in, '('))
		return false;
	if (cursor_byte(in, ')'))
		return true;
	do {
		if (!return_option(c, out))
			return false;
	} while (imap_sp(in));
	return cursor_byte(in, ')');
}

/* Takes a pattern in; false with the reply made. One that is not spelt as any
 * name can be matches none. */
static bool
add_pattern(struct command *c, struct text reference, struct text mailbox, struct list_args *out)
{
	enum status st;

	if (mailbox.len == 0) /* RFC 9051 6.3.9: ignored, or the root is asked for */
		return true;
	if (out->count == LIST_PATTERNS_MAX) {
		(void)imap_no(c, "LIMIT", "These are more patterns than the server looks for");
		return false;
	}
	st = imap_pattern_make(
	    reference, mailbox, imap_utf8(c->im), &c->arena, &out->pattern[out->count]);
	if (st == STATUS_LIMIT) {
		(void)imap_no(c, "LIMIT", "The pattern is longer than any name");
		return false;
	}
	out->count += st == STATUS_OK;
	return true;
}

static bool
expected_pattern(struct command *c)
{
	(void)imap_bad(c, "Expected a mailbox name with wildcards");
	return false;
}

/* patterns = "(" list-mailbox *(SP list-mailbox) ")", the "(" consumed. */
static bool
patterns(struct command *c, struct text reference, struct list_args *out)
{
	struct text mailbox;

	do {
		if (!imap_list_mailbox(&c->args, &c->arena, &mailbox))
			return expected_pattern(c);
		if (!add_pattern(c, reference, mailbox, out))
			return false;
	} while (imap_sp(&c->args));
	return cursor_byte(&c->args, ')') || expected_pattern(c);
}

/* SP mailbox SP mbox-or-pat */
static bool
names(struct command *c, bool several, struct list_args *out)
{
	struct text reference, mailbox;

	out->pattern = ARENA_ARRAY(&c->arena, struct name_pattern, LIST_PATTERNS_MAX);
	if (!imap_sp(&c->args) || !imap_astring(&c->args, &c->arena, &reference)) {
		(void)imap_bad(c, "Expected a reference name");
		return false;
	}
	if (!imap_sp(&c->args))
		return expected_pattern(c);
	if (several && cursor_byte(&c->args, '(')) {
		out->extended = true;
		return patterns(c, reference, out);
	}
	if (!imap_list_mailbox(&c->args, &c->arena, &mailbox))
		return expected_pattern(c);
	out->root = mailbox.len == 0;
	return add_pattern(c, reference, mailbox, out);
}

/* RFC 5258 3: RECURSIVEMATCH modifies what else selects. */
static bool
options_fit(const struct list_args *a)
{
	return (a->select & LIST_RECURSIVEMATCH) == 0 ||
	       (a->select & (LIST_SUBSCRIBED | LIST_SPECIAL_USE)) != 0;
}

bool
imap_list_args(struct command *c, struct list_args *out)
{
	struct cursor ahead = c->args;

	*out = (struct list_args){ .count = 0 };
	if (imap_sp(&ahead) && cursor_peek(&ahead) == '(') {
		out->extended = true;
		c->args = ahead;
		if (!select_opts(c, out)) {
			(void)imap_bad(c, "Expected selection options: SUBSCRIBED REMOTE "
					  "RECURSIVEMATCH SPECIAL-USE");
			return false;
		}
	}
	if (!names(c, true, out))
		return false;
	if (imap_sp(&c->args)) {
		out->extended = true;
		if (!return_opts(c, out)) {
			(void)imap_bad(c, "Expected RETURN and options: SUBSCRIBED CHILDREN "
					  "SPECIAL-USE STATUS (...)");
			return false;
		}
	}
	if (!imap_arg_end(c))
		return false;
	if (!options_fit(out)) {
		(void)imap_bad(c, "RECURSIVEMATCH wants SUBSCRIBED or SPECIAL-USE beside it");
		return false;
	}
	return true;
}

bool
imap_lsub_args(struct command *c, struct list_args *out)
{
	*out = (struct list_args){ .count = 0 };
	return names(c, false, out) && imap_arg_end(c);
}

bool
imap_list_matches(const struct list_args *args, struct text name)
{
	for (size_t i = 0; i < args->count; i++)
		if (imap_pattern_match(&args->pattern[i], name))
			return true;
	return false;
}

static enum status
walk_rows(struct text rows, list_row_fn fn, void *arg)
{
	struct unpack u = unpack_of(rows);
	struct store_mailbox m;

	while (unpack_ok(&u) && !unpack_end(&u)) {
		store_mailbox_unpack(&u, &m);
		if (unpack_ok(&u))
			fn(arg, &m);
	}
	return unpack_ok(&u) ? STATUS_OK : STATUS_CORRUPT;
}

/* Two arenas in turn: a page holds where the next one begins. */
static enum status
walk_stretch(struct command *c, const struct name_stretch *s, struct arena page[2], list_row_fn fn,
    void *arg, struct failure *f)
{
	struct store_mailboxes_request req = {
		.token = c->im->token, .after = TEXT_EMPTY, .prefix = s->prefix, .most = s->one
	};
	struct store_mailboxes_reply r;
	unsigned turn = 0;
	enum status st;

	do {
		arena_reset(&page[turn]);
		st = store_mailboxes(c->im->server->calls, &req, &page[turn], &r, f);
		if (st == STATUS_OK)
			st = walk_rows(r.rows, fn, arg);
		if (st != STATUS_OK || imap_gone(c->im))
			return st;
		req.after = r.resume;
		turn ^= 1;
	} while (req.after.len > 0);
	return STATUS_OK;
}

enum status
imap_list_walk(struct command *c, const struct list_args *args, bool below, list_row_fn fn,
    void *arg, struct failure *f)
{
	struct arena page[2] = { ARENA_INIT, ARENA_INIT };
	struct name_stretch *at;
	size_t n = imap_pattern_stretches(args->pattern, args->count, below, &c->arena, &at);
	enum status st = STATUS_OK;

	for (size_t i = 0; i < n && st == STATUS_OK; i++)
		st = walk_stretch(c, &at[i], page, fn, arg, f);
	arena_done(&page[0]);
	arena_done(&page[1]);
	return st;
}
