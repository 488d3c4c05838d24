/* SPDX-License-Identifier: ISC */
/*
 * EXPUNGE (RFC 3501 6.4.3) and UID EXPUNGE (RFC 4315 2.1). What went is told
 * with all other news at the end of the command.
 */
#include "imap/session.h"

enum outcome
imap_cmd_expunge(struct command *c)
{
	struct imap *im = c->im;
	struct store_expunge_request req = {
		.token = im->token, .op = imap_op(), .mailbox = im->view->mailbox, .all = !c->uid
	};
	struct store_expunge_reply r = { 0 };
	struct failure f = { 0 };
	enum status st;

	if (c->uid && !imap_arg_set(c, &req.uids))
		return IMAP_DONE;
	if (!imap_arg_end(c))
		return IMAP_DONE;
	if (im->view->read_only)
		return imap_no(c, "READ-ONLY", "The mailbox is open for reading only");
	st = store_expunge(im->server->calls, &req, &c->arena, &r, &f);
	if (st != STATUS_OK)
		return imap_failed(c, st, &f);
	view_lose(im->view, &r.gone);
	c->poll = true;
	return imap_ok(c, NULL);
}
