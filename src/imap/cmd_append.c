/* SPDX-License-Identifier: ISC */
/*
 * APPEND (RFC 3501 6.3.11) of one message or several (RFC 3502), with APPENDUID
 * (RFC 4315 3). Messages are the literals that are never collected in the
 * stream's buffer: they go into a spool as they come, under a deadline and a
 * minimum rate, and on to intake. As a literal8 (RFC 3516 4.4) one may hold
 * NUL; its octets are kept as they are. A client that waits for "+" hears of a
 * refusal before it sends anything; one that does not wait (RFC 7888) has its
 * messages thrown away. Where it does not wait for answers either, those of its
 * next commands that have come whole are filed together with the first.
 */
#include "imap/append.h"
#include "imap/names.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"

#define ARGS_MAX 16384 /* octets of a line between two messages */

/* [SP flag-list] [SP date-time] SP, and there the literal begins. */
static bool
append_opts(struct cursor *args, struct arena *a, struct append_args *out)
{
	out->flags = (struct imap_flags){ 0 };
	out->date = 0;
	if (!imap_sp(args))
		return false;
	if (imap_flag_list(args, a, &out->flags) && !imap_sp(args))
		return false;
	if (imap_date_time(args, &out->date) && !imap_sp(args))
		return false;
	return imap_end(args);
}

/* SP mailbox and the options of the first message. */
static bool
append_args(struct cursor *args, struct arena *a, struct append_args *out)
{
	return imap_sp(args) && imap_astring(args, a, &out->mailbox) && append_opts(args, a, out);
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

/* False with the reply made. */
static bool
name_mailbox(struct command *c, struct append_batch *b)
{
	const char *why;
	enum status st = imap_name_decode(b->wire, imap_utf8(c->im), &c->arena, &b->name, &why);

	if (st == STATUS_OK)
		return true;
	(void)imap_no(c, st == STATUS_LIMIT ? "LIMIT" : "CANNOT", why);
	return false;
}

/* Finds the mailbox for the batch; false with the reply made. */
static bool
find_mailbox(struct command *c, struct append_batch *b)
{
	const struct store_mailbox_request req = { .token = c->im->token, .name = b->name };
	struct store_mailbox_reply r;
	struct store_mailbox m = { 0 };
	struct failure f = { 0 };
	struct unpack u;
	enum status st = store_mailbox(c->im->server->calls, &req, &c->arena, &r, &f);

	if (st == STATUS_OK) {
		u = unpack_of(r.row);
		store_mailbox_unpack(&u, &m);
		b->mailbox = m.id;
		b->room = r.room;
		if (unpack_ok(&u) && m.exists)
			return true;
		st = unpack_ok(&u) ? STATUS_NOT_FOUND : STATUS_CORRUPT;
	}
	if (st == STATUS_NOT_FOUND)
		(void)imap_no(c, "TRYCREATE", "There is no such mailbox");
	else
		(void)imap_failed(c, st, &f);
	return false;
}

/* Whether the store is asked before a message comes. What is small and comes
 * anyhow is not worth a question: the store refuses it when it is filed. */
static bool
must_ask(const struct command *c, const struct append_batch *b)
{
	return b->mailbox == 0 && (c->literal.waits || b->name.len == 0 ||
				      c->literal.octets + append_octets(b) > APPEND_UNASKED_MAX);
}

/* Before a message comes; false with the reply made if it need not come. */
static bool
admit(struct command *c, struct append_batch *b, const struct append_command *a,
    const struct append_args *args)
{
	uint64_t max = (uint64_t)setting(SET_SMTP_MESSAGE_SIZE_MAX), octets = c->literal.octets;

	if (octets <= max && must_ask(c, b) && !find_mailbox(c, b))
		return false;
	if (octets > max)
		(void)imap_no(c, "TOOBIG", "The message is larger than the server takes");
	else if (octets == 0)
		(void)imap_no(c, "CANNOT", "The message is empty");
	else if (args->flags.too_many)
		(void)imap_no(c, "LIMIT", IMAP_TOO_MANY_KEYWORDS);
	else if (a->count > 0 &&
		 (octets + a->octets > max || octets + a->octets > APPEND_SEVERAL_MAX ||
		     a->options > APPEND_OPTIONS_MAX || a->count == APPEND_ALL_MAX))
		(void)imap_no(c, "LIMIT",
		    "These are more messages than one command can file, file some at a time");
	else if (octets + append_octets(b) > b->room)
		(void)imap_no(
		    c, "OVERQUOTA", "The account has no room for that; delete some mail first");
	else
		return true;
	return false;
}

/* The reply is made; what the client sends all the same is thrown away. */
static void
throw_away(struct command *c)
{
	if (c->literal.waits)
		return;
	imap_discard_line(c->im);
	c->im->skip = c->literal.octets;
}

static enum status
to_spool(void *arg, struct text part)
{
	return spool_add(arg, part);
}

/* A message and what stands behind it on its line. */
static enum status
receive_message(struct command *c, struct append_batch *b, struct text *rest)
{
	struct stream *s = &c->im->session.stream;
	enum status st = STATUS_OK;

	if (c->literal.waits) {
		stream_write(s, TEXT("+ Send the message\r\n"));
		st = stream_flush(s);
	}
	imap_transfer_begins(c->im);
	if (st == STATUS_OK)
		st = imap_read_literal(c->im, c->literal.octets, to_spool, &b->spool);
	if (st != STATUS_OK)
		return st;
	while ((st = imap_assemble_line(c->im, &c->arena, ARGS_MAX, rest)) == STATUS_AGAIN)
		if ((st = imap_await(c->im)) != STATUS_OK)
			return st;
	return st;
}

/* The options of another message of this command (RFC 3502), and its mark. */
static bool
another(struct command *c, struct text rest, struct append_args *args)
{
	struct cursor options;

	if (!imap_literal_mark(rest, &c->literal))
		return false;
	options = cursor_of(text_part(rest, 0, c->literal.at));
	if (append_opts(&options, &c->arena, args))
		return true;
	throw_away(c);
	return false;
}

/* All messages of a command. OK: they are in the batch, or it has its reply
 * (*refused) and is thrown away. Else the client is gone, or there is no
 * memory. */
static enum status
receive(struct command *c, struct append_args *args, struct append_batch *b, bool *refused)
{
	struct append_command *a;
	struct text rest;
	enum status st;

	append_begin(b, c);
	a = &b->at[b->commands - 1];
	*refused = true;
	for (;;) {
		if (!admit(c, b, a, args)) {
			throw_away(c);
			append_drop(b);
			return STATUS_OK;
		}
		st = receive_message(c, b, &rest);
		if (st != STATUS_OK && st != STATUS_LIMIT)
			break;
		append_add(b, args, c->literal.octets);
		*refused = st == STATUS_LIMIT || rest.len > 0;
		if (!*refused)
			return STATUS_OK;
		if (st == STATUS_LIMIT)
			imap_discard_line(c->im);
		if (st == STATUS_LIMIT || !another(c, rest, args)) {
			(void)imap_bad(c, "Expected the end of the command behind the message, "
					  "or another message");
			append_drop(b);
			return STATUS_OK;
		}
		a->options += rest.len;
		b->options += rest.len;
		append_ahead(b);
	}
	append_drop(b);
	b->commands--; /* it never came whole */
	return st;
}

/* Whether a command that has come may go with those before it. */
static bool
may_join(void *arg, const struct command *c)
{
	struct append_batch *b = arg;
	struct cursor args = c->args;
	struct arena a = ARENA_INIT;
	struct append_args parsed;
	uint64_t max = (uint64_t)setting(SET_SMTP_MESSAGE_SIZE_MAX), octets = c->literal.octets;
	bool joins = !c->uid && append_args(&args, &a, &parsed) &&
		     text_equal(parsed.mailbox, b->wire) && octets > 0 && octets <= max &&
		     octets <= APPEND_GATHER_MAX && b->options <= APPEND_GATHER_MAX &&
		     append_octets(b) + octets <= APPEND_GATHER_MAX &&
		     append_octets(b) + octets <= max && append_octets(b) + octets <= b->room;

	arena_done(&a);
	return joins;
}

struct next_append {
	struct command c;
	struct append_args args;
};

static void
next_done(void *arg)
{
	arena_done(&((struct next_append *)arg)->c.arena);
}

/* The next command, if it may go with the batch; NULL. */
static struct next_append *
next_append(struct command *first, struct append_batch *b)
{
	struct next_append *n = ARENA_NEW(&first->arena, struct next_append);
	enum status st;

	n->c = (struct command){ .im = first->im, .words = TEXT_EMPTY, .code = TEXT_EMPTY };
	arena_init(&n->c.arena, 1024, 0);
	arena_on_done(&first->arena, next_done, n);
	while ((st = imap_assemble_append(first->im, &n->c, may_join, b)) == STATUS_AGAIN &&
	       stream_fill_now(&first->im->session.stream) == STATUS_OK)
		;
	if (st != STATUS_OK || !append_args(&n->c.args, &n->c.arena, &n->args))
		return NULL;
	return n;
}

/* Takes in what the client sent of further commands. */
static enum status
gather(struct command *first, struct append_batch *b)
{
	enum status st = STATUS_OK;
	bool refused = false;

	while (st == STATUS_OK && !refused && b->commands < APPEND_COMMANDS_MAX) {
		struct next_append *n = next_append(first, b);

		if (n == NULL)
			break;
		metric_add(METRIC_IMAP_COMMANDS, 1);
		st = receive(&n->c, &n->args, b, &refused);
	}
	return st;
}

/* The replies of all commands but the first, behind that of the first. */
static void
join_replies(struct command *first, const struct append_batch *b)
{
	struct buffer behind = BUFFER_INIT;

	for (unsigned i = 1; i < b->commands; i++)
		imap_write_tagged(b->at[i].c, &behind);
	first->behind = arena_copy(&first->arena, buffer_text(&behind));
	buffer_done(&behind);
}

static enum outcome
append(struct command *c, struct append_args *args, struct append_batch *b)
{
	bool refused;
	enum status st = receive(c, args, b, &refused);

	if (st == STATUS_UNAVAILABLE)
		return imap_bye(c->im, "The server has no memory for the message");
	if (st != STATUS_OK)
		return IMAP_CLOSE;
	if (refused)
		return IMAP_DONE;
	st = gather(c, b);
	append_file(b);
	if (c->word[0] == 'O') /* RFC 9051 6.3.12 */
		imap_tell_name(c, "", b->name, b->wire);
	join_replies(c, b);
	if (st != STATUS_UNAVAILABLE)
		return IMAP_DONE; /* if the client is gone, the session learns of it next */
	imap_finish(c);
	return imap_bye(c->im, "The server has no memory for the message");
}

enum outcome
imap_cmd_append(struct command *c)
{
	struct append_batch b;
	struct append_args args;
	enum outcome what = IMAP_DONE;

	if (!append_args(&c->args, &c->arena, &args) || !c->has_literal)
		return imap_bad(
		    c, "Expected a mailbox, flags, a date and the message as a literal");
	append_batch_init(&b, c->im);
	b.wire = args.mailbox;
	if (name_mailbox(c, &b)) {
		imap_push(c);
		what = append(c, &args, &b);
	} else {
		throw_away(c);
	}
	append_batch_done(&b);
	return what;
}
