/* SPDX-License-Identifier: ISC */
/*
 * LIST (RFC 3501 6.3.8, RFC 9051 6.3.9) with LIST-EXTENDED (RFC 5258),
 * LIST-STATUS (RFC 5819), SPECIAL-USE (RFC 6154) and CHILDREN (RFC 3348).
 * Mailboxes are answered as they are read. For RECURSIVEMATCH they are read
 * twice: first to learn which names have a selected one below them.
 */
#include "imap/list.h"
#include "imap/status.h"
#include "imap/write.h"

static const char *const uses[] = {
#define X(id, word) word,
	MAILBOX_USE_TABLE(X)
#undef X
};

/* Below the name are selected ones; and some of them match no pattern, so that
 * the client is told of them nowhere else (RFC 5258 3.5). */
enum below { BELOW_SOME = 1, BELOW_UNTOLD = 2 };

struct listing {
	struct command *c;
	struct list_args args;
	struct map below; /* names that match -> enum below */
};

static bool
selected(const struct listing *l, const struct store_mailbox *m)
{
	unsigned select = l->args.select;

	if ((select & LIST_SPECIAL_USE) != 0 && (!m->exists || m->use == USE_NONE))
		return false;
	return (select & LIST_SUBSCRIBED) == 0 || m->subscribed;
}

/* A selected mailbox tells for all names above it. */
static void
look_below(void *arg, const struct store_mailbox *m)
{
	struct listing *l = arg;
	uintptr_t bits = BELOW_SOME;

	if (!selected(l, m))
		return;
	if (!imap_list_matches(&l->args, m->name))
		bits |= BELOW_UNTOLD;
	for (struct text up = imap_name_parent(m->name); up.len > 0; up = imap_name_parent(up)) {
		uintptr_t had = (uintptr_t)map_get(&l->below, up);

		if ((had | bits) != had && imap_list_matches(&l->args, up))
			(void)map_put(&l->below, up, (void *)(had | bits));
	}
}

static void
add_attribute(struct command *c, const char *word, bool *more)
{
	if (word[0] == '\0')
		return;
	if (*more)
		buffer_add_string(&c->out, " ");
	buffer_add_string(&c->out, word);
	*more = true;
}

/* A name below it would be too long or too deep. */
static bool
has_no_room_below(struct text name)
{
	size_t levels = 1;

	for (size_t i = 0; i < name.len; i++)
		levels += name.ptr[i] == IMAP_SEPARATOR;
	return levels >= MAILBOX_DEPTH_MAX || name.len + 2 > MAILBOX_NAME_MAX;
}

static const char *
children_of(const struct store_mailbox *m)
{
	if (m->children)
		return "\\HasChildren";
	return has_no_room_below(m->name) ? "\\Noinferiors" : "\\HasNoChildren";
}

void
imap_write_listed(struct command *c, const struct store_mailbox *m, unsigned options, bool modern)
{
	bool more = false;

	buffer_add_string(&c->out, "* LIST (");
	if (!m->exists)
		add_attribute(c, modern ? "\\NonExistent" : "\\Noselect", &more);
	if ((options & LIST_SUBSCRIBED) != 0 && m->subscribed)
		add_attribute(c, "\\Subscribed", &more);
	add_attribute(c, children_of(m), &more);
	if (m->exists && m->use < USE_COUNT)
		add_attribute(c, uses[m->use], &more);
	buffer_add_string(&c->out, ") \"/\" ");
	imap_write_mailbox(&c->out, m->name, imap_utf8(c->im));
}

/* RFC 5258 3.5: by which options something below was selected. */
static void
write_childinfo(struct listing *l)
{
	bool both =
	    (l->args.select & LIST_SUBSCRIBED) != 0 && (l->args.select & LIST_SPECIAL_USE) != 0;

	buffer_addf(&l->c->out, " (\"CHILDINFO\" (%s%s%s))",
	    (l->args.select & LIST_SUBSCRIBED) != 0 ? "\"SUBSCRIBED\"" : "", both ? " " : "",
	    (l->args.select & LIST_SPECIAL_USE) != 0 ? "\"SPECIAL-USE\"" : "");
}

static void
write_listed(struct listing *l, const struct store_mailbox *m, bool childinfo)
{
	struct command *c = l->c;

	imap_write_listed(
	    c, m, l->args.select | l->args.returns, l->args.extended || imap_utf8(c->im));
	if (childinfo)
		write_childinfo(l);
	buffer_add(&c->out, "\r\n", 2);
	imap_push_some(c);
}

static void
list_one(void *arg, const struct store_mailbox *m)
{
	struct listing *l = arg;
	uintptr_t below = (uintptr_t)map_get(&l->below, m->name);
	bool is = selected(l, m);

	if (!imap_list_matches(&l->args, m->name))
		return;
	/* A name that is no mailbox: shown if something is below it, or where
	 * subscriptions are asked for. */
	if (is && !m->exists && !m->children && (l->args.select & LIST_SUBSCRIBED) == 0)
		return;
	if (!is && (below & BELOW_UNTOLD) == 0)
		return;
	write_listed(l, m, below != 0);
	if ((l->args.returns & LIST_STATUS) != 0 && is && m->exists)
		imap_write_status(l->c, m, l->args.status);
}

enum outcome
imap_cmd_list(struct command *c)
{
	struct listing l = { .c = c };
	struct failure f = { 0 };
	enum status st = STATUS_OK;
	bool recursive;

	if (!imap_list_args(c, &l.args))
		return IMAP_DONE;
	if (l.args.root && !l.args.extended) {
		imap_line(c, "* LIST (\\Noselect) \"/\" \"\"");
		return imap_ok(c, NULL);
	}
	imap_status_asked(c, l.args.status);
	recursive = (l.args.select & LIST_RECURSIVEMATCH) != 0;
	if (recursive)
		st = imap_list_walk(c, &l.args, true, look_below, &l, &f);
	if (st == STATUS_OK)
		st = imap_list_walk(c, &l.args, recursive, list_one, &l, &f);
	map_done(&l.below);
	return st == STATUS_OK ? imap_ok(c, NULL) : imap_failed(c, st, &f);
}
