/* SPDX-License-Identifier: ISC */
/*
 * STATUS (RFC 3501 6.3.10, RFC 9051 6.3.11) with SIZE (RFC 8438) and
 * HIGHESTMODSEQ (RFC 7162 3.1.7). All of it stands in the mailbox's row, so a
 * mailbox costs the same whatever it holds.
 */
#include "imap/status.h"
#include "imap/write.h"

#define ITEMS(X)                       \
	X(MESSAGES, m->messages)       \
	X(RECENT, m->recent)           \
	X(UIDNEXT, m->uidnext)         \
	X(UIDVALIDITY, m->uidvalidity) \
	X(UNSEEN, m->unseen)           \
	X(DELETED, m->deleted)         \
	X(SIZE, m->octets)             \
	X(HIGHESTMODSEQ, m->highest_modseq)

enum {
#define X(name, value) ITEM_##name,
	ITEMS(X)
#undef X
	    ITEM_COUNT
};

static const struct text names[] = {
#define X(name, value) { #name, sizeof(#name) - 1 },
	ITEMS(X)
#undef X
};

static uint64_t
value_of(const struct store_mailbox *m, unsigned item)
{
	switch (item) {
#define X(name, value)    \
	case ITEM_##name: \
		return value;
		ITEMS(X)
#undef X
	default:
		return 0;
	}
}

/* status-att */
static bool
status_att(struct cursor *c, unsigned *items)
{
	for (unsigned i = 0; i < ITEM_COUNT; i++) {
		if (imap_word(c, names[i])) {
			*items |= 1u << i;
			return true;
		}
	}
	return false;
}

bool
imap_status_items(struct cursor *c, unsigned *items)
{
	struct cursor in = *c;
	unsigned found = 0;

	if (!cursor_byte(&in, '('))
		return false;
	do {
		if (!status_att(&in, &found))
			return false;
	} while (imap_sp(&in));
	if (!cursor_byte(&in, ')'))
		return false;
	*items = found;
	*c = in;
	return true;
}

void
imap_status_asked(struct command *c, unsigned items)
{
	if ((items & 1u << ITEM_HIGHESTMODSEQ) != 0)
		imap_enable(c, ENABLED_CONDSTORE);
}

void
imap_write_status(struct command *c, const struct store_mailbox *m, unsigned items)
{
	const char *space = "";

	buffer_add_string(&c->out, "* STATUS ");
	imap_write_mailbox(&c->out, m->name, imap_utf8(c->im));
	buffer_add_string(&c->out, " (");
	for (unsigned i = 0; i < ITEM_COUNT; i++) {
		if ((items & 1u << i) == 0)
			continue;
		buffer_addf(
		    &c->out, "%s%s %llu", space, names[i].ptr, (unsigned long long)value_of(m, i));
		space = " ";
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
	if (!imap_sp(&c->args) || !imap_status_items(&c->args, &items))
		return imap_bad(c, "Expected a list of status items");
	if (!imap_arg_end(c))
		return IMAP_DONE;
	imap_status_asked(c, items);
	st = store_mailbox(c->im->server->calls, &req, &c->arena, &r, &f);
	if (st != STATUS_OK)
		return imap_failed(c, st, st == STATUS_NOT_FOUND ? NULL : &f);
	u = unpack_of(r.row);
	store_mailbox_unpack(&u, &m);
	if (!unpack_ok(&u) || !m.exists)
		return imap_failed(c, unpack_ok(&u) ? STATUS_NOT_FOUND : STATUS_CORRUPT, NULL);
	imap_write_status(c, &m, items);
	return imap_ok(c, NULL);
}
