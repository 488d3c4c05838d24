/* SPDX-License-Identifier: ISC */
/*
 * APPEND (RFC 3501 6.3.11) with APPENDUID (RFC 4315 3). The message is the one
 * literal that is never collected in the stream's buffer: it goes into a spool
 * as it comes, under a deadline and a minimum rate, and on to intake. As a
 * literal8 (RFC 3516 4.4) it may hold NUL; its octets are kept as they are. A
 * client that waits for "+" hears of a refusal before it sends anything; one
 * that does not wait (RFC 7888) has its message thrown away.
 */
#include "imap/names.h"
#include "imap/session.h"
#include "intake/calls.h"
#include "runtime/settings.h"

struct append_args {
	struct text mailbox; /* as on the wire */
	struct imap_flags flags;
	int64_t date; /* 0: now */
};

/* SP mailbox [SP flag-list] [SP date-time] SP, and there the literal begins. */
static bool
append_args(struct cursor *args, struct arena *a, struct append_args *out)
{
	out->flags = (struct imap_flags){ 0 };
	out->date = 0;
	if (!imap_sp(args) || !imap_astring(args, a, &out->mailbox) || !imap_sp(args))
		return false;
	if (imap_flag_list(args, a, &out->flags) && !imap_sp(args))
		return false;
	if (imap_date_time(args, &out->date) && !imap_sp(args))
		return false;
	return imap_end(args);
}

bool
imap_append_is_ready(struct cursor args)
{
	struct arena a = ARENA_INIT;
	struct append_args parsed;
	bool ready = append_args(&args, &a, &parsed);

	arena_done(&a);
	return ready;
}

/* The number of the mailbox; 0 with the reply made. */
static uint32_t
find_mailbox(struct command *c, struct text wire)
{
	struct store_mailbox_request req = { .token = c->im->token };
	struct store_mailbox_reply r;
	struct store_mailbox m = { 0 };
	struct failure f = { 0 };
	struct unpack u;
	const char *why;
	enum status st;

	if (imap_name_decode(wire, imap_utf8(c->im), &c->arena, &req.name, &why) != STATUS_OK) {
		(void)imap_no(c, "CANNOT", why);
		return 0;
	}
	st = store_mailbox(c->im->server->calls, &req, &c->arena, &r, &f);
	if (st == STATUS_OK) {
		u = unpack_of(r.row);
		store_mailbox_unpack(&u, &m);
		if (unpack_ok(&u) && m.exists)
			return m.id;
		st = unpack_ok(&u) ? STATUS_NOT_FOUND : STATUS_CORRUPT;
	}
	if (st == STATUS_NOT_FOUND)
		(void)imap_no(c, "TRYCREATE", "There is no such mailbox");
	else
		(void)imap_failed(c, st, &f);
	return 0;
}

/* Before the message comes: 0 with the reply made if it need not come. */
static uint32_t
admit(struct command *c, const struct append_args *args)
{
	uint64_t max = (uint64_t)setting(SET_SMTP_MESSAGE_SIZE_MAX);

	if (c->literal.octets > max) {
		(void)imap_no(c, "TOOBIG", "The message is larger than the server takes");
		return 0;
	}
	if (c->literal.octets == 0) {
		(void)imap_no(c, "CANNOT", "The message is empty");
		return 0;
	}
	return find_mailbox(c, args->mailbox);
}

static enum status
to_spool(void *arg, struct text part)
{
	return spool_add(arg, part);
}

/* Receives the message and the end of the command. */
static enum status
receive(struct command *c, struct spool *spool)
{
	struct imap *im = c->im;
	struct stream *s = &im->session.stream;
	enum status st = STATUS_OK;
	struct text rest;

	if (c->literal.waits) {
		stream_write(s, TEXT("+ Send the message\r\n"));
		st = stream_flush(s);
	}
	imap_transfer_begins(im);
	if (st == STATUS_OK)
		st = imap_read_literal(im, c->literal.octets, to_spool, spool);
	if (st != STATUS_OK)
		return st;
	while ((st = imap_assemble_line(im, &c->arena, 1024, &rest)) == STATUS_AGAIN)
		if ((st = stream_fill(s)) != STATUS_OK)
			return st;
	if (st == STATUS_OK && rest.len > 0) {
		struct literal_mark another;

		/* A second message (RFC 3502), perhaps on its way already. */
		if (imap_literal_mark(rest, &another) && !another.waits) {
			imap_discard_line(im);
			im->skip = another.octets;
		}
		st = STATUS_INVALID;
	}
	return st;
}

static enum outcome
file(struct command *c, uint32_t mailbox, const struct append_args *args, struct spool *spool)
{
	struct imap *im = c->im;
	struct intake_append_request req = { .token = im->token,
		.op = imap_op(),
		.mailbox = mailbox,
		.flags = args->flags.flags,
		.keywords = args->flags.keywords,
		.date = args->date };
	struct intake_append_reply r = { 0 };
	struct failure f = { 0 };
	enum status st = spool_payload(spool, &req.message);

	if (st != STATUS_OK)
		return imap_no(c, "UNAVAILABLE", "The server has no memory for the message");
	st = intake_append(im->server->calls, &req, &c->arena, &r, &f);
	if (st == STATUS_NOT_FOUND)
		return imap_no(c, "TRYCREATE", "There is no such mailbox");
	if (st != STATUS_OK)
		return imap_failed(c, st, &f);
	imap_code(c, "APPENDUID %u %u", (uint32_t)r.uidvalidity, (uint32_t)r.uid);
	return imap_ok(c, NULL);
}

/* The reply is made; what the client sends all the same is thrown away. */
static enum outcome
refuse(struct command *c)
{
	if (!c->literal.waits) {
		imap_discard_line(c->im);
		c->im->skip = c->literal.octets;
	}
	return IMAP_DONE;
}

enum outcome
imap_cmd_append(struct command *c)
{
	struct append_args args;
	struct spool spool;
	enum outcome what = IMAP_CLOSE;
	enum status st;
	uint32_t mailbox;

	if (!append_args(&c->args, &c->arena, &args) || !c->has_literal)
		return imap_bad(
		    c, "Expected a mailbox, flags, a date and the message as a literal");
	mailbox = admit(c, &args);
	if (mailbox == 0)
		return refuse(c);
	imap_push(c);
	spool_init(&spool, 0);
	st = receive(c, &spool);
	if (st == STATUS_OK)
		what = file(c, mailbox, &args, &spool);
	else if (st == STATUS_INVALID || st == STATUS_LIMIT)
		what = imap_bad(c, "Expected the end of the command behind the message");
	else if (st == STATUS_UNAVAILABLE)
		what = imap_bye(c->im, "The server has no memory for the message");
	spool_done(&spool);
	return what;
}
