/* SPDX-License-Identifier: ISC */
/*
 * Commands on the maildrop as a list: STAT, LIST, UIDL, DELE, RSET, NOOP, QUIT
 * (RFC 1939 5 to 7). A unique id is "uidvalidity.uid" and never changes.
 */
#include "pop3/session.h"

enum pop3_next
pop3_cmd_stat(struct command *c)
{
	if (!pop3_arg_end(c))
		return POP3_GO_ON;
	return pop3_ok(
	    c, "%u %llu", maildrop_left(&c->p->drop), (unsigned long long)c->p->drop.octets);
}

static void
add_size(struct maildrop *d, uint32_t number, struct buffer *out)
{
	buffer_add_u64(out, d->sizes[number - 1]);
}

static void
add_unique_id(struct maildrop *d, uint32_t number, struct buffer *out)
{
	buffer_add_u64(out, d->uidvalidity);
	buffer_add_byte(out, '.');
	buffer_add_u64(out, maildrop_uid(d, number));
}

/* LIST and UIDL: of one message, or a line for each. */
static enum pop3_next
listing(struct command *c, void (*add)(struct maildrop *d, uint32_t number, struct buffer *out))
{
	struct maildrop *d = &c->p->drop;
	struct buffer b = BUFFER_INIT;
	uint32_t number;

	if (!cursor_done(&c->args)) {
		if (!pop3_arg_message(c, &number) || !pop3_arg_end(c))
			return POP3_GO_ON;
		add(d, number, &b);
		(void)pop3_ok(c, "%u %s", number, buffer_string(&b));
		buffer_done(&b);
		return POP3_GO_ON;
	}
	(void)pop3_ok(c, "%u messages", maildrop_left(d));
	for (number = 1; number <= d->count; number++) {
		if (!maildrop_has(d, number))
			continue;
		buffer_add_u64(&b, number);
		buffer_add_byte(&b, ' ');
		add(d, number, &b);
		buffer_add(&b, "\r\n", 2);
		stream_write(&c->p->session.stream, buffer_text(&b));
		buffer_clear(&b);
	}
	buffer_done(&b);
	stream_write(&c->p->session.stream, TEXT(".\r\n"));
	return POP3_GO_ON;
}

enum pop3_next
pop3_cmd_list(struct command *c)
{
	return listing(c, add_size);
}

enum pop3_next
pop3_cmd_uidl(struct command *c)
{
	return listing(c, add_unique_id);
}

enum pop3_next
pop3_cmd_dele(struct command *c)
{
	uint32_t number;

	if (!pop3_arg_message(c, &number) || !pop3_arg_end(c))
		return POP3_GO_ON;
	maildrop_delete(&c->p->drop, number);
	return pop3_ok(c, "Message %u will be deleted", number);
}

enum pop3_next
pop3_cmd_rset(struct command *c)
{
	if (!pop3_arg_end(c))
		return POP3_GO_ON;
	maildrop_reset(&c->p->drop);
	return pop3_ok(c, "Nothing will be deleted");
}

enum pop3_next
pop3_cmd_noop(struct command *c)
{
	return pop3_arg_end(c) ? pop3_ok(c, "Here") : POP3_GO_ON;
}

enum pop3_next
pop3_cmd_quit(struct command *c)
{
	struct pop3 *p = c->p;
	struct failure f = { 0 };
	enum status st = STATUS_OK;

	if (!pop3_arg_end(c))
		return POP3_GO_ON;
	st = pop3_hold(c, &f);
	if (st == STATUS_OK && p->state == POP3_TRANSACTION)
		st = maildrop_commit(&p->drop, p->server->calls, p->token, &c->arena, &f);
	/* The lock goes before the answer: who signs in again at once finds it free. */
	pop3_give_back(p);
	if (st == STATUS_CONFLICT)
		(void)pop3_err(c, "[IN-USE] Another session has the mailbox; nothing was deleted");
	else if (st != STATUS_OK)
		(void)pop3_err(c, "[SYS/TEMP] Some deleted messages are still there");
	else
		(void)pop3_ok(c, "Goodbye");
	return POP3_END;
}
