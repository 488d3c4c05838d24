/* SPDX-License-Identifier: ISC */
/*
 * What is done to mailboxes by name: CREATE, DELETE, RENAME, SUBSCRIBE,
 * UNSUBSCRIBE (RFC 3501 6.3.3 to 6.3.7), with CREATE's special use (RFC 6154
 * 3), and NAMESPACE (RFC 2342).
 */
#include "imap/session.h"
#include "imap/write.h"

/* use-attr as enum mailbox_use; USE_COUNT: none that we know. */
static uint64_t
use_of(struct text word)
{
	static const char *const words[] = {
#define X(id, word) word,
		MAILBOX_USE_TABLE(X)
#undef X
	};
	uint64_t use = 1;

	while (use < USE_COUNT && !text_equal_ci(word, text_of(words[use])))
		use++;
	return use;
}

/* [SP "(USE (" [use-attr] "))"]: false with the reply made. */
static bool
create_params(struct command *c, uint64_t *use)
{
	struct text word;

	*use = USE_NONE;
	if (imap_end(&c->args))
		return true;
	if (!cursor_text_ci(&c->args, TEXT(" (USE ("))) {
		(void)imap_bad(c, "Expected the end of the command, or (USE (...))");
		return false;
	}
	if (!cursor_text(&c->args, TEXT("))"))) {
		word = cursor_until(&c->args, ')');
		*use = use_of(word);
		if (*use == USE_COUNT || !cursor_text(&c->args, TEXT("))"))) {
			(void)imap_no(c, "USEATTR",
			    "A mailbox can have one of the special uses "
			    "of RFC 6154");
			return false;
		}
	}
	return imap_arg_end(c);
}

enum outcome
imap_cmd_create(struct command *c)
{
	struct store_create_request req = { .token = c->im->token, .op = imap_op() };
	struct store_create_reply r;
	struct failure f = { 0 };
	struct text wire;
	enum status st;

	if (!imap_arg_mailbox_as(c, &req.name, &wire) || !create_params(c, &req.use))
		return IMAP_DONE;
	st = store_create(c->im->server->calls, &req, &c->arena, &r, &f);
	if (st == STATUS_INVALID && req.use != USE_NONE) /* the name was looked at before */
		return imap_no(c, "USEATTR", f.client);
	if (st != STATUS_OK)
		return imap_failed(c, st, &f);
	imap_tell_name(c, "", req.name, wire);
	return imap_ok(c, NULL);
}

/* The number of a mailbox, 0 if it is not there. */
static uint32_t
number_of(struct command *c, struct text name)
{
	const struct store_mailbox_request req = { .token = c->im->token, .name = name };
	struct store_mailbox_reply r;
	struct store_mailbox m;
	struct unpack u;

	if (store_mailbox(c->im->server->calls, &req, &c->arena, &r, NULL) != STATUS_OK)
		return 0;
	u = unpack_of(r.row);
	store_mailbox_unpack(&u, &m);
	return unpack_ok(&u) && m.exists ? m.id : 0;
}

enum outcome
imap_cmd_delete(struct command *c)
{
	struct imap *im = c->im;
	struct store_remove_request req = { .token = im->token, .op = imap_op() };
	struct store_remove_reply r;
	struct failure f = { 0 };
	struct text wire;
	bool selected;
	enum status st;

	if (!imap_arg_mailbox_as(c, &req.name, &wire) || !imap_arg_end(c))
		return IMAP_DONE;
	selected = im->view != NULL && number_of(c, req.name) == im->view->mailbox;
	st = store_remove(im->server->calls, &req, &c->arena, &r, &f);
	if (st != STATUS_OK)
		return imap_failed(c, st, &f);
	if (selected)
		imap_deselect(im);
	imap_tell_name(c, "\\NonExistent", req.name, wire);
	return imap_ok(c, NULL);
}

enum outcome
imap_cmd_rename(struct command *c)
{
	struct store_rename_request req = { .token = c->im->token, .op = imap_op() };
	struct store_rename_reply r;
	struct failure f = { 0 };
	struct text from, to;
	enum status st;

	if (!imap_arg_mailbox_as(c, &req.from, &from) || !imap_arg_mailbox_as(c, &req.to, &to) ||
	    !imap_arg_end(c))
		return IMAP_DONE;
	st = store_rename(c->im->server->calls, &req, &c->arena, &r, &f);
	/* INBOX, renamed while it is selected, has lost its messages. */
	c->poll = c->im->view != NULL;
	if (st != STATUS_OK)
		return imap_failed(c, st, &f);
	/* RFC 9051 6.3.6 */
	if (imap_name_differs(c, req.from, from) || imap_name_differs(c, req.to, to))
		imap_tell_name(c, "", req.to, from);
	return imap_ok(c, NULL);
}

static enum outcome
subscribe(struct command *c, bool on)
{
	struct store_subscribe_request req = { .token = c->im->token, .op = imap_op(), .on = on };
	struct store_subscribe_reply r;
	struct failure f = { 0 };
	enum status st;

	if (!imap_arg_mailbox(c, &req.name) || !imap_arg_end(c))
		return IMAP_DONE;
	st = store_subscribe(c->im->server->calls, &req, &c->arena, &r, &f);
	return st == STATUS_OK ? imap_ok(c, NULL) : imap_failed(c, st, &f);
}

enum outcome
imap_cmd_subscribe(struct command *c)
{
	return subscribe(c, true);
}

enum outcome
imap_cmd_unsubscribe(struct command *c)
{
	return subscribe(c, false);
}

enum outcome
imap_cmd_namespace(struct command *c)
{
	if (!imap_arg_end(c))
		return IMAP_DONE;
	imap_line(c, "* NAMESPACE ((\"\" \"/\")) NIL NIL");
	return imap_ok(c, NULL);
}
