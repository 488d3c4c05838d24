/* SPDX-License-Identifier: ISC */
/*
 * LIST and LSUB (RFC 3501 6.3.8, 6.3.9) with CHILDREN (RFC 3348) and
 * SPECIAL-USE (RFC 6154) attributes. The account's mailboxes are read once, in
 * pages, put in an order in which children follow their parent, and matched
 * one by one; a name without wildcards is looked up.
 */
#include <stdlib.h>

#include "imap/names.h"
#include "imap/session.h"
#include "imap/write.h"

struct mailboxes {
	struct store_mailbox *at;
	size_t count, cap;
	bool sorted;
};

static const char *const uses[] = {
#define X(id, word) word,
	MAILBOX_USE_TABLE(X)
#undef X
};

static void
free_mailboxes(void *boxes)
{
	mem_free(((struct mailboxes *)boxes)->at);
}

static void
append(struct mailboxes *boxes, const struct store_mailbox *m)
{
	if (boxes->count == boxes->cap) {
		boxes->cap = boxes->cap == 0 ? 32 : 2 * boxes->cap;
		boxes->at = mem_resize(boxes->at, boxes->cap, sizeof(*boxes->at));
	}
	if (boxes->count > 0 && mailbox_order(boxes->at[boxes->count - 1].name, m->name) > 0)
		boxes->sorted = false;
	boxes->at[boxes->count++] = *m;
}

static enum status
take_rows(struct mailboxes *boxes, struct text rows)
{
	struct unpack u = unpack_of(rows);
	struct store_mailbox m;

	while (unpack_ok(&u) && !unpack_end(&u)) {
		store_mailbox_unpack(&u, &m);
		if (unpack_ok(&u))
			append(boxes, &m);
	}
	return unpack_ok(&u) ? STATUS_OK : STATUS_CORRUPT;
}

static int
by_name(const void *x, const void *y)
{
	return mailbox_order(
	    ((const struct store_mailbox *)x)->name, ((const struct store_mailbox *)y)->name);
}

/* All mailboxes of the account. */
static enum status
read_all(struct command *c, struct mailboxes *boxes, struct failure *f)
{
	struct store_mailboxes_request req = { .token = c->im->token, .after = TEXT_EMPTY };
	struct store_mailboxes_reply r;
	enum status st;

	do {
		st = store_mailboxes(c->im->server->calls, &req, &c->arena, &r, f);
		if (st == STATUS_OK)
			st = take_rows(boxes, r.rows);
		if (st != STATUS_OK)
			return st;
		req.after = r.resume;
	} while (req.after.len > 0);
	if (!boxes->sorted)
		qsort(boxes->at, boxes->count, sizeof(*boxes->at), by_name);
	return STATUS_OK;
}

struct listing {
	struct command *c;
	const struct name_pattern *pattern;
	const char *response; /* "LIST" or "LSUB" */
	bool subscribed;      /* only what is subscribed: LSUB */
	const struct mailboxes *boxes;
	struct text last_parent; /* shown for LSUB's "%" already */
	struct buffer wire;	 /* of the name in hand */
};

static bool
matches(struct listing *l, struct text name)
{
	buffer_clear(&l->wire);
	imap_name_encode(&l->wire, name);
	return imap_pattern_match(l->pattern, buffer_text(&l->wire));
}

/* "* LIST (attributes) "/" name"; the name is in l->wire. */
static void
write_listed(struct listing *l, const char *attributes, const char *more)
{
	struct buffer *out = &l->c->out;

	buffer_addf(out, "* %s (%s%s%s) \"/\" ", l->response, attributes,
	    attributes[0] != '\0' && more[0] != '\0' ? " " : "", more);
	imap_write_astring(out, buffer_text(&l->wire));
	buffer_add(out, "\r\n", 2);
	imap_push_some(l->c);
}

static const char *
children_of(const struct mailboxes *boxes, size_t i)
{
	bool below =
	    i + 1 < boxes->count && imap_name_below(boxes->at[i + 1].name, boxes->at[i].name);

	return below ? "\\HasChildren" : "\\HasNoChildren";
}

static void
list_one(struct listing *l, size_t i)
{
	const struct store_mailbox *m = &l->boxes->at[i];
	const char *children = children_of(l->boxes, i);

	if (!matches(l, m->name))
		return;
	if (!m->exists) {
		/* A parent of others, or subscribed and gone: not for LIST. */
		if (children[4] == 'C')
			write_listed(l, "\\Noselect", children);
		return;
	}
	write_listed(l, children, m->use < USE_COUNT ? uses[m->use] : "");
}

/* With "%" a subscribed mailbox further down makes its parent known (RFC 3501
 * 6.3.9), though the parent is not subscribed. */
static void
lsub_parents(struct listing *l, struct text name)
{
	struct text parent = imap_name_parent(name);

	if (parent.len == 0)
		return;
	lsub_parents(l, parent);
	if (text_equal(parent, l->last_parent) || imap_name_below(l->last_parent, parent))
		return;
	if (matches(l, parent))
		write_listed(l, "\\Noselect", "");
	l->last_parent = parent;
}

static void
lsub_one(struct listing *l, size_t i)
{
	const struct store_mailbox *m = &l->boxes->at[i];

	if (!m->subscribed)
		return;
	if (matches(l, m->name)) {
		write_listed(l, m->exists ? "" : "\\Noselect", "");
		l->last_parent = m->name;
	} else {
		lsub_parents(l, m->name);
	}
}

static enum outcome
show(struct command *c, const struct name_pattern *pattern, bool subscribed)
{
	struct mailboxes boxes = { .sorted = true };
	struct listing l = { .c = c,
		.pattern = pattern,
		.response = subscribed ? "LSUB" : "LIST",
		.boxes = &boxes,
		.last_parent = TEXT_EMPTY };
	struct failure f = { 0 };
	enum status st = read_all(c, &boxes, &f);

	for (size_t i = 0; st == STATUS_OK && i < boxes.count; i++) {
		if (subscribed)
			lsub_one(&l, i);
		else
			list_one(&l, i);
	}
	buffer_done(&l.wire);
	free_mailboxes(&boxes);
	return st == STATUS_OK ? imap_ok(c, NULL) : imap_failed(c, st, &f);
}

static enum outcome
list(struct command *c, bool subscribed)
{
	struct text reference, mailbox;
	struct name_pattern pattern;

	if (!imap_sp(&c->args) || !imap_astring(&c->args, &c->arena, &reference))
		return imap_bad(c, "Expected a reference name");
	if (!imap_sp(&c->args) || !imap_list_mailbox(&c->args, &c->arena, &mailbox))
		return imap_bad(c, "Expected a mailbox name with wildcards");
	if (!imap_arg_end(c))
		return IMAP_DONE;
	if (mailbox.len == 0 && !subscribed) {
		imap_line(c, "* LIST (\\Noselect) \"/\" \"\"");
		return imap_ok(c, NULL);
	}
	if (imap_pattern_make(reference, mailbox, &c->arena, &pattern) != STATUS_OK)
		return imap_no(c, "LIMIT", "The pattern is longer than any name");
	return show(c, &pattern, subscribed);
}

enum outcome
imap_cmd_list(struct command *c)
{
	return list(c, false);
}

enum outcome
imap_cmd_lsub(struct command *c)
{
	return list(c, true);
}
