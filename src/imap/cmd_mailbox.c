/* SPDX-License-Identifier: ISC */
/*
 * What is done to mailboxes by name: CREATE, DELETE, RENAME, SUBSCRIBE,
 * UNSUBSCRIBE (RFC 3501 6.3.3 to 6.3.7), with CREATE's special use (RFC 6154
 * 3), STATUS (RFC 3501 6.3.10) and NAMESPACE (RFC 2342).
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
	enum status st;

	if (!imap_arg_mailbox(c, &req.name) || !create_params(c, &req.use))
		return IMAP_DONE;
	st = store_create(c->im->server->calls, &req, &c->arena, &r, &f);
	return st == STATUS_OK ? imap_ok(c, NULL) : imap_failed(c, st, &f);
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
	bool selected;
	enum status st;

	if (!imap_arg_mailbox(c, &req.name) || !imap_arg_end(c))
		return IMAP_DONE;
	selected = im->view != NULL && number_of(c, req.name) == im->view->mailbox;
	st = store_remove(im->server->calls, &req, &c->arena, &r, &f);
	if (st != STATUS_OK)
		return imap_failed(c, st, &f);
	if (selected)
		imap_deselect(im);
	return imap_ok(c, NULL);
}

enum outcome
imap_cmd_rename(struct command *c)
{
	struct store_rename_request req = { .token = c->im->token, .op = imap_op() };
	struct store_rename_reply r;
	struct failure f = { 0 };
	enum status st;

	if (!imap_arg_mailbox(c, &req.from) || !imap_arg_mailbox(c, &req.to) || !imap_arg_end(c))
		return IMAP_DONE;
	st = store_rename(c->im->server->calls, &req, &c->arena, &r, &f);
	/* INBOX, renamed while it is selected, has lost its messages. */
	c->poll = c->im->view != NULL;
	return st == STATUS_OK ? imap_ok(c, NULL) : imap_failed(c, st, &f);
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

/* ---- STATUS ---- */

static uint64_t
messages_of(const struct store_mailbox *m)
{
	return m->messages;
}

static uint64_t
recent_of(const struct store_mailbox *m)
{
	return m->recent;
}

static uint64_t
uidnext_of(const struct store_mailbox *m)
{
	return m->uidnext;
}

static uint64_t
uidvalidity_of(const struct store_mailbox *m)
{
	return m->uidvalidity;
}

static uint64_t
unseen_of(const struct store_mailbox *m)
{
	return m->unseen;
}

static const struct {
	struct text name;
	uint64_t (*value)(const struct store_mailbox *m);
} status_items[] = {
	{ { "MESSAGES", 8 }, messages_of },
	{ { "RECENT", 6 }, recent_of },
	{ { "UIDNEXT", 7 }, uidnext_of },
	{ { "UIDVALIDITY", 11 }, uidvalidity_of },
	{ { "UNSEEN", 6 }, unseen_of },
};

/* status-att, as a bit of the table above. */
static bool
status_att(struct cursor *c, unsigned *items)
{
	for (unsigned i = 0; i < ARRAY_LEN(status_items); i++) {
		if (imap_word(c, status_items[i].name)) {
			*items |= 1u << i;
			return true;
		}
	}
	return false;
}

static bool
status_atts(struct cursor *c, unsigned *items)
{
	*items = 0;
	if (!imap_sp(c) || !cursor_byte(c, '('))
		return false;
	do {
		if (!status_att(c, items))
			return false;
	} while (imap_sp(c));
	return cursor_byte(c, ')');
}

static void
write_status(struct command *c, struct text name, const struct store_mailbox *m, unsigned items)
{
	bool more = false;

	buffer_add_string(&c->out, "* STATUS ");
	imap_write_mailbox(&c->out, name);
	buffer_add_string(&c->out, " (");
	for (unsigned i = 0; i < ARRAY_LEN(status_items); i++) {
		if ((items & 1u << i) == 0)
			continue;
		buffer_addf(&c->out, "%s%s %llu", more ? " " : "", status_items[i].name.ptr,
		    (unsigned long long)status_items[i].value(m));
		more = true;
	}
	imap_line(c, ")");
}

enum outcome
imap_cmd_status(struct command *c)
{
	struct store_mailbox_request req = { .token = c->im->token };
	struct store_mailbox_reply r;
	struct store_mailbox m;
	struct failure f = { 0 };
	struct unpack u;
	unsigned items;
	enum status st;

	if (!imap_arg_mailbox(c, &req.name))
		return IMAP_DONE;
	if (!status_atts(&c->args, &items))
		return imap_bad(c, "Expected a list of status items");
	if (!imap_arg_end(c))
		return IMAP_DONE;
	st = store_mailbox(c->im->server->calls, &req, &c->arena, &r, &f);
	if (st != STATUS_OK)
		return imap_failed(c, st, st == STATUS_NOT_FOUND ? NULL : &f);
	u = unpack_of(r.row);
	store_mailbox_unpack(&u, &m);
	if (!unpack_ok(&u) || !m.exists)
		return imap_failed(c, unpack_ok(&u) ? STATUS_NOT_FOUND : STATUS_CORRUPT, NULL);
	write_status(c, req.name, &m, items);
	return imap_ok(c, NULL);
}
