/* SPDX-License-Identifier: ISC */
/*
 * Selecting and leaving a mailbox: SELECT, EXAMINE (RFC 3501 6.3.1, 6.3.2; with
 * CONDSTORE and QRESYNC, RFC 7162 3.1.8, 3.2.5), CLOSE (RFC 3501 6.4.2),
 * UNSELECT (RFC 3691). A failed SELECT leaves no mailbox selected; one that is
 * no SELECT by its grammar changes nothing.
 */
#include "imap/resync.h"
#include "imap/write.h"

static void
describe(struct command *c, const struct store_open_reply *r)
{
	struct imap *im = c->im;
	struct view *v = im->view;

	imap_write_mailbox_flags(im, &c->arena, false, &c->out);
	imap_write_mailbox_flags(im, &c->arena, true, &c->out);
	imap_line(c, "* %u EXISTS", view_exists(v));
	imap_line(c, "* %u RECENT", v->recent_told);
	if (r->first_unseen != 0)
		imap_line(c, "* OK [UNSEEN %u] First unseen message",
		    view_seq(v, (uint32_t)r->first_unseen));
	imap_line(c, "* OK [UIDVALIDITY %u] UIDs are valid", v->uidvalidity);
	imap_line(c, "* OK [UIDNEXT %u] Predicted next UID", v->uidnext);
	imap_line(c, "* OK [HIGHESTMODSEQ %llu] Highest", (unsigned long long)v->settled);
}

/* The mailbox's parameters; false with the reply made. */
static bool
params(struct command *c, struct select_params *p)
{
	if (!imap_select_params(&c->args, &c->arena, p)) {
		(void)imap_bad(c, "Expected the end of the command or parameters of SELECT");
		return false;
	}
	if (!imap_arg_end(c))
		return false;
	if (p->qresync && (c->im->enabled & ENABLED_QRESYNC) == 0) {
		(void)imap_bad(c, "Switch on QRESYNC with ENABLE first"); /* RFC 7162 3.2.5 */
		return false;
	}
	return true;
}

/* RFC 7162 3.2.11 */
static void
leave(struct command *c)
{
	if (c->im->view == NULL)
		return;
	imap_deselect(c->im);
	imap_line(c, "* OK [CLOSED] The mailbox that was open is closed");
}

static enum outcome
opened(struct command *c, const struct select_params *p)
{
	struct imap *im = c->im;
	struct failure f = { 0 };
	enum status st = STATUS_OK;

	if (p->qresync && p->uidvalidity == im->view->uidvalidity)
		st = imap_resync(c, p, &f);
	if (st != STATUS_OK) {
		imap_deselect(im);
		return imap_failed(c, st, &f);
	}
	imap_code(c, im->view->read_only ? "READ-ONLY" : "READ-WRITE");
	return imap_ok(c, NULL);
}

static enum outcome
open_mailbox(struct command *c, bool read_only)
{
	struct imap *im = c->im;
	struct store_open_request req = { .token = im->token, .claim = !read_only };
	struct select_params *p = ARENA_NEW(&c->arena, struct select_params);
	struct store_open_reply r = { 0 };
	struct failure f = { 0 };
	enum status st;

	if (!imap_arg_mailbox(c, &req.name)) {
		if (c->word[0] == 'N') /* it is one, of a name that cannot be */
			leave(c);
		return IMAP_DONE;
	}
	if (!params(c, p))
		return IMAP_DONE;
	leave(c);
	if (p->condstore)
		imap_enable(c, ENABLED_CONDSTORE);
	st = store_open(im->server->calls, &req, &c->arena, &r, &f);
	if (st != STATUS_OK)
		return imap_failed(c, st, st == STATUS_NOT_FOUND ? NULL : &f);
	keywords_learn(im->keywords, 0, r.keywords);
	im->view = MEM_NEW(struct view);
	view_init(im->view, &r, read_only);
	im->state = IMAP_SELECTED;
	describe(c, &r);
	return opened(c, p);
}

enum outcome
imap_cmd_select(struct command *c)
{
	return open_mailbox(c, false);
}

enum outcome
imap_cmd_examine(struct command *c)
{
	return open_mailbox(c, true);
}

/* What has \Deleted goes, and nothing is told. */
enum outcome
imap_cmd_close(struct command *c)
{
	struct imap *im = c->im;
	const struct store_expunge_request req = {
		.token = im->token, .op = imap_op(), .mailbox = im->view->mailbox, .all = 1
	};
	struct store_expunge_reply r;
	struct failure f = { 0 };
	enum status st = STATUS_OK;

	if (!imap_arg_end(c))
		return IMAP_DONE;
	if (!im->view->read_only)
		st = store_expunge(im->server->calls, &req, &c->arena, &r, &f);
	if (st != STATUS_OK && st != STATUS_NOT_FOUND)
		return imap_failed(c, st, &f);
	imap_deselect(im);
	return imap_ok(c, NULL);
}

enum outcome
imap_cmd_unselect(struct command *c)
{
	if (!imap_arg_end(c))
		return IMAP_DONE;
	imap_deselect(c->im);
	return imap_ok(c, NULL);
}
