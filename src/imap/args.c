/* SPDX-License-Identifier: ISC */
/*
 * Arguments that many commands have: a mailbox (RFC 3501 9 mailbox), a
 * sequence-set or "$" (RFC 5182 2.1), the end. Each makes the reply itself
 * where it fails, so that a handler reads as its grammar does.
 */
#include "imap/names.h"
#include "imap/session.h"
#include "imap/write.h"

bool
imap_arg_mailbox_as(struct command *c, struct text *name, struct text *wire)
{
	const char *why;
	enum status st;

	if (!imap_sp(&c->args) || !imap_astring(&c->args, &c->arena, wire)) {
		(void)imap_bad(c, "Expected the name of a mailbox");
		return false;
	}
	st = imap_name_decode(*wire, imap_utf8(c->im), &c->arena, name, &why);
	if (st != STATUS_OK)
		(void)imap_no(c, st == STATUS_LIMIT ? "LIMIT" : "CANNOT", why);
	return st == STATUS_OK;
}

bool
imap_arg_mailbox(struct command *c, struct text *name)
{
	struct text wire;

	return imap_arg_mailbox_as(c, name, &wire);
}

bool
imap_name_differs(const struct command *c, struct text name, struct text wire)
{
	/* A separator at the end is no part of a name. */
	if (wire.len > 1 && wire.ptr[wire.len - 1] == IMAP_SEPARATOR)
		wire.len--;
	return imap_utf8(c->im) && !text_equal(name, wire);
}

bool
imap_write_oldname(struct command *c, struct text name, struct text wire)
{
	if (!imap_name_differs(c, name, wire))
		return false;
	if (wire.len > 1 && wire.ptr[wire.len - 1] == IMAP_SEPARATOR)
		wire.len--;
	buffer_add_string(&c->out, " (\"OLDNAME\" (");
	imap_write_mailbox(&c->out, wire, true);
	buffer_add_string(&c->out, "))");
	return true;
}

void
imap_tell_name(struct command *c, const char *attributes, struct text name, struct text wire)
{
	size_t start = c->out.len;

	buffer_addf(&c->out, "* LIST (%s) \"/\" ", attributes);
	imap_write_mailbox(&c->out, name, true);
	if (imap_write_oldname(c, name, wire))
		imap_line(c, "%s", "");
	else
		buffer_cut(&c->out, start);
}

static void
free_runs(void *runs)
{
	runs_done(runs);
}

bool
imap_arg_set(struct command *c, struct runs *uids)
{
	struct runs *resolved = ARENA_NEW(&c->arena, struct runs);
	struct sequence_set set;

	if (!imap_sp(&c->args) || !imap_message_set(&c->args, &c->arena, &set)) {
		(void)imap_bad(c, "Expected a set of messages");
		return false;
	}
	arena_on_done(&c->arena, free_runs, resolved);
	if (!view_resolve(c->im->view, &set, c->uid, resolved)) {
		(void)imap_bad(c, "The mailbox has no message of such a number");
		return false;
	}
	*uids = *resolved;
	return true;
}

bool
imap_arg_end(struct command *c)
{
	if (imap_end(&c->args))
		return true;
	(void)imap_bad(c, "Expected the end of the command");
	return false;
}
