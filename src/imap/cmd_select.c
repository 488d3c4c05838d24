/* SPDX-License-Identifier: ISC */
/*
 * Selecting and leaving a mailbox: SELECT, EXAMINE (RFC 3501 6.3.1, 6.3.2; with
 * CONDSTORE and QRESYNC, RFC 7162 3.1.8, 3.2.5; as of IMAP4rev2, RFC 9051 6.3.2), CLOSE (RFC
 * 3501 6.4.2), UNSELECT (RFC 3691). A failed SELECT leaves no mailbox selected; one that is no
 * SELECT by its grammar changes nothing.
 */
#include "base/clock.h"
#include "imap/list.h"
#include "imap/resync.h"
#include "imap/write.h"
#include "store/board.h"

static void
describe(struct command *c, const struct store_open_reply *r)
{
	struct imap *im = c->im;
	struct view *v = im->view;
	bool rev2 = (im->enabled & ENABLED_REV2) != 0;

	imap_write_mailbox_flags(im, &c->arena, false, &c->out);
	imap_write_mailbox_flags(im, &c->arena, true, &c->out);
	imap_line(c, "* %u EXISTS", view_exists(v));
	if (!rev2)
		imap_line(c, "* %u RECENT", v->recent_told);
	if (!rev2 && r->first_unseen != 0)
		imap_line(c, "* OK [UNSEEN %u] First unseen message",
		    view_seq(v, (uint32_t)r->first_unseen));
	imap_line(c, "* OK [UIDVALIDITY %u] UIDs are valid", v->uidvalidity);
	imap_line(c, "* OK [UIDNEXT %u] Predicted next UID", v->uidnext);
	imap_line(c, "* OK [HIGHESTMODSEQ %llu] Highest", (unsigned long long)v->settled);
}

/* IMAP4rev2 wants the mailbox named as LIST would (RFC 9051 6.3.2), and what
 * else the client may have called it. */
static enum status
tell_listed(struct command *c, struct text name, struct text wire, struct failure *f)
{
	const struct store_mailbox_request req = { .token = c->im->token, .name = name };
	struct store_mailbox_reply r = { 0 };
	struct store_mailbox m = { .id = 0 };
	struct unpack u;
	enum status st;

	if ((c->im->enabled & ENABLED_REV2) == 0)
		return STATUS_OK;
	st = store_mailbox(c->im->server->calls, &req, &c->arena, &r, f);
	if (st != STATUS_OK)
		return st;
	u = unpack_of(r.row);
	store_mailbox_unpack(&u, &m);
	if (!unpack_ok(&u))
		return STATUS_CORRUPT;
	imap_write_listed(c, &m, LIST_SUBSCRIBED, true);
	(void)imap_write_oldname(c, m.name, wire);
	buffer_add(&c->out, "\r\n", 2);
	return STATUS_OK;
}

/* The parameters of SELECT; false with the reply made. */
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

/* What stands behind the command's name. False with the reply made; what was
 * selected is left where this is a SELECT, of a name that cannot be. */
static bool
parse(struct command *c, struct text *name, struct text *wire, struct select_params *p)
{
	if (imap_arg_mailbox_as(c, name, wire))
		return params(c, p);
	if (c->word[0] == 'N')
		leave(c);
	return false;
}

/* The answer of before is what the store would answer now: to this token, and
 * nothing is there to be claimed as recent. */
static bool
holds(const struct imap *im, const struct known_uids *known, bool claim)
{
	const struct known_open *o = &known->open;

	return o->board != 0 && o->board == board_at(im->server->board, im->account) &&
	       o->reply.highest == known->highest && o->generation == im->rights.generation &&
	       o->scope == im->rights.scope && im->rights.expires > clock_wall() / CLOCK_SECOND &&
	       (!claim || o->reply.recent_from >= o->reply.uidnext);
}

static enum status
ask(struct command *c, struct text name, bool claim, const struct known_uids *known,
    struct store_open_reply *r, struct failure *f)
{
	struct imap *im = c->im;
	const struct store_open_request req = { .token = im->token,
		.name = name,
		.claim = claim,
		.have = known->mailbox,
		.since = known->modseq };
	enum status st = store_open(im->server->calls, &req, &c->arena, r, f);

	if (st == STATUS_OK)
		keywords_learn(im->keywords, 0, r->keywords);
	return st;
}

/* As the next one will find it, to whom nothing differs. */
static void
remember(struct imap *im, uint64_t board, const struct store_open_reply *r)
{
	struct known_open o = { .board = board,
		.generation = im->rights.generation,
		.scope = im->rights.scope,
		.reply = *r };

	o.reply.differs = 1;
	o.reply.uids = o.reply.added = o.reply.vanished = (struct runs)RUNS_INIT;
	o.reply.keywords.at = NULL;
	uid_cache_opened(im->view->entry, &o);
}

static enum status
open_view(struct command *c, struct text name, bool read_only, const struct known_uids *known,
    struct failure *f)
{
	struct imap *im = c->im;
	uint64_t board = board_at(im->server->board, im->account);
	struct store_open_reply r = known->open.reply;
	bool held = holds(im, known, !read_only);
	enum status st = held ? STATUS_OK : ask(c, name, !read_only, known, &r, f);

	if (st != STATUS_OK)
		return st;
	im->view = MEM_NEW(struct view);
	view_init(im->view, &r, read_only, &known->uids);
	view_share(
	    im->view, uid_cache_enter(&im->server->uids, im->account, name, im->view->mailbox));
	remember(im, held ? known->open.board : board, &r);
	if ((im->enabled & ENABLED_REV2) != 0)
		view_forget_recent(im->view);
	im->state = IMAP_SELECTED;
	describe(c, &r);
	return STATUS_OK;
}

static enum outcome
open_mailbox(struct command *c, bool read_only)
{
	struct imap *im = c->im;
	struct select_params *p = ARENA_NEW(&c->arena, struct select_params);
	struct known_uids known;
	struct failure f = { 0 };
	struct text name, wire;
	enum status st;

	if (!parse(c, &name, &wire, p))
		return IMAP_DONE;
	uid_cache_find(&im->server->uids, im->account, name, &known);
	leave(c);
	if (p->condstore)
		imap_enable(c, ENABLED_CONDSTORE);
	st = open_view(c, name, read_only, &known, &f);
	uidset_done(&known.uids);
	if (st == STATUS_OK)
		st = tell_listed(c, name, wire, &f);
	if (st == STATUS_OK && p->qresync && p->uidvalidity == im->view->uidvalidity)
		st = imap_resync(c, p, &f);
	if (st != STATUS_OK) {
		imap_deselect(im);
		return imap_failed(c, st, st == STATUS_NOT_FOUND ? NULL : &f);
	}
	imap_code(c, read_only ? "READ-ONLY" : "READ-WRITE");
	return imap_ok(c, NULL);
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
