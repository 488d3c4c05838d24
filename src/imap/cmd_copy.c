/* SPDX-License-Identifier: ISC */
/*
 * COPY (RFC 3501 6.4.7) and MOVE (RFC 6851), with COPYUID (RFC 4315 3). One
 * call does the whole set in one commit. A COPY by number does all that it
 * names or nothing (RFC 2180 4.4, RFC 9051 6.4.7); UIDs that are not there are
 * passed over (RFC 9051 6.4.9), and so is what a MOVE finds gone already.
 */
#include "imap/session.h"
#include "imap/write.h"

/* "COPYUID 38505 304,319:320 3956:3958" */
static void
copyuid(struct command *c, const struct store_copy_reply *r)
{
	struct runs from = r->from;
	struct buffer b = BUFFER_INIT;
	uint32_t n = runs_total(&from);

	runs_print(&b, &from);
	if (n == 1)
		imap_code(c, "COPYUID %u %s %u", (uint32_t)r->uidvalidity, buffer_string(&b),
		    (uint32_t)r->first);
	else
		imap_code(c, "COPYUID %u %s %u:%u", (uint32_t)r->uidvalidity, buffer_string(&b),
		    (uint32_t)r->first, (uint32_t)(r->first + n - 1));
	buffer_done(&b);
}

static enum outcome
moved(struct command *c, const struct store_copy_reply *r)
{
	/* RFC 6851 4.3: the code comes first, then the expunges. */
	buffer_add_string(&c->out, "* OK [");
	imap_write_words(&c->out, c->code);
	imap_line(c, "] Moved");
	c->code = TEXT_EMPTY;
	view_lose(c->im->view, &r->from);
	c->poll = true;
	return imap_ok(c, NULL);
}

static enum outcome
copy(struct command *c, bool move)
{
	struct imap *im = c->im;
	struct store_copy_request req = { .token = im->token,
		.op = imap_op(),
		.mailbox = im->view->mailbox,
		.move = move,
		.whole = !move && !c->uid };
	struct store_copy_reply r = { 0 };
	struct failure f = { 0 };
	enum status st;

	if (!imap_arg_set(c, &req.uids) || !imap_arg_mailbox(c, &req.to) || !imap_arg_end(c))
		return IMAP_DONE;
	if (move && im->view->read_only)
		return imap_no(c, "READ-ONLY", "The mailbox is open for reading only");
	if (runs_empty(&req.uids))
		return imap_ok(c, "No such messages, nothing done");
	st = store_copy(im->server->calls, &req, &c->arena, &r, &f);
	if (st == STATUS_NOT_FOUND)
		return imap_no(c, "TRYCREATE", "There is no such mailbox");
	if (st == STATUS_CONFLICT && req.whole)
		return imap_no(c, "EXPUNGEISSUED", "Some of these messages are gone");
	if (st != STATUS_OK)
		return imap_failed(c, st, &f);
	if (runs_empty(&r.from) && !c->uid)
		return imap_no(c, "EXPUNGEISSUED", "These messages are gone");
	if (runs_empty(&r.from))
		return imap_ok(c, "No such messages, nothing done");
	copyuid(c, &r);
	return move ? moved(c, &r) : imap_ok(c, NULL);
}

enum outcome
imap_cmd_copy(struct command *c)
{
	return copy(c, false);
}

enum outcome
imap_cmd_move(struct command *c)
{
	return copy(c, true);
}
