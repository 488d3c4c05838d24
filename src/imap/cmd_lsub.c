/* SPDX-License-Identifier: ISC */
/*
 * LSUB (RFC 3501 6.3.9): the names that the user subscribed to, there or not.
 * With "%" a subscribed name further down makes those above it known.
 */
#include "imap/list.h"
#include "imap/write.h"

struct listing {
	struct command *c;
	struct list_args args;
	struct buffer last; /* the parent that was shown last */
};

static void
write_name(struct listing *l, struct text name, bool selectable)
{
	struct command *c = l->c;

	buffer_addf(&c->out, "* LSUB (%s) \"/\" ", selectable ? "" : "\\Noselect");
	imap_write_mailbox(&c->out, name, imap_utf8(c->im));
	buffer_add(&c->out, "\r\n", 2);
	imap_push_some(c);
	buffer_clear(&l->last);
	buffer_add_text(&l->last, name);
}

/* The names above, each once: what is below one stands together. */
static void
show_parents(struct listing *l, struct text name)
{
	struct text parent = imap_name_parent(name), last = buffer_text(&l->last);

	if (parent.len == 0 || text_equal(parent, last) || imap_name_below(last, parent))
		return;
	show_parents(l, parent);
	if (imap_list_matches(&l->args, parent))
		write_name(l, parent, false);
}

static void
show(void *arg, const struct store_mailbox *m)
{
	struct listing *l = arg;

	if (!m->subscribed)
		return;
	if (imap_list_matches(&l->args, m->name))
		write_name(l, m->name, m->exists);
	else if (l->args.count > 0 && l->args.pattern[0].percent)
		show_parents(l, m->name);
}

enum outcome
imap_cmd_lsub(struct command *c)
{
	struct listing l = { .c = c };
	struct failure f = { 0 };
	enum status st;

	if (!imap_lsub_args(c, &l.args))
		return IMAP_DONE;
	st = imap_list_walk(c, &l.args, false, show, &l, &f);
	buffer_done(&l.last);
	return st == STATUS_OK ? imap_ok(c, NULL) : imap_failed(c, st, &f);
}
