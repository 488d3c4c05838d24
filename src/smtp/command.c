/* SPDX-License-Identifier: ISC */
/*
 * From a line to its command (RFC 5321 4.1.1): verb, argument, what the
 * command needs before it may run, and the commands that need no file of their
 * own because they change nothing (RFC 5321 4.1.1.5 to 4.1.1.10).
 */
#include <string.h>

#include "codec/utf8.h"
#include "smtp/session.h"

static const struct smtp_command table[] = {
#define X(verb, fn, kinds, needs, usage) { verb, kinds, needs, fn, usage },
	SMTP_COMMAND_TABLE(X)
#undef X
};

const struct smtp_command *
smtp_command_find(const struct smtp_profile *p, struct text verb)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].kinds & p->kind && text_equal_ci(verb, text_of(table[i].verb)))
			return &table[i];
	return NULL;
}

/* Printable ASCII and spaces; UTF-8 as well (RFC 6531 3.4 bounds where). */
static bool
octets_allowed(struct text line)
{
	for (size_t i = 0; i < line.len; i++)
		if ((unsigned char)line.ptr[i] < ' ' && line.ptr[i] != '\t')
			return false;
	return memchr(line.ptr, 127, line.len) == NULL && utf8_valid(line);
}

static struct text
cut_spaces(struct text t)
{
	while (t.len > 0 && (t.ptr[t.len - 1] == ' ' || t.ptr[t.len - 1] == '\t'))
		t.len--;
	return t;
}

/* What stands against running it now, or REPLY_NONE. */
static enum smtp_reply
not_yet(const struct smtp_session *x, const struct smtp_command *c, struct text argument)
{
	if (c->needs & NEEDS_HELO && x->helo[0] == '\0')
		return REPLY_HELLO_FIRST;
	if (c->needs & NEEDS_ARGUMENT && argument.len == 0)
		return REPLY_SYNTAX;
	if (c->needs & NEEDS_NOTHING_BEHIND && argument.len > 0)
		return REPLY_SYNTAX;
	return REPLY_NONE;
}

enum next
smtp_command_line(struct smtp_session *x, struct text line)
{
	struct text rest = cut_spaces(line);
	struct text verb = text_part(rest, 0, text_find_byte(rest, ' ', 0));
	struct text argument = text_trim(text_part(rest, verb.len, rest.len));
	const struct smtp_command *c = smtp_command_find(x->profile, verb);
	enum smtp_reply wrong = REPLY_NONE;

	if (c == NULL || !(c->needs & MAIL_COMMAND))
		x->idle_commands++;
	if (!octets_allowed(line))
		wrong = REPLY_BAD_OCTETS;
	else if (c == NULL)
		wrong = REPLY_UNKNOWN;
	else
		wrong = not_yet(x, c, argument);
	if (wrong == REPLY_NONE)
		return c->run(x, argument);
	smtp_say_detail(x, wrong, text_of(c != NULL ? c->usage : ""));
	return NEXT_PARK;
}

/* ---- commands that change nothing but the dialogue ---- */

enum next
smtp_cmd_rset(struct smtp_session *x, struct text argument)
{
	smtp_transaction_reset(x);
	smtp_say(x, REPLY_RESET);
	return NEXT_PARK;
}

enum next
smtp_cmd_noop(struct smtp_session *x, struct text argument)
{
	smtp_say(x, REPLY_OK);
	return NEXT_PARK;
}

enum next
smtp_cmd_quit(struct smtp_session *x, struct text argument)
{
	return smtp_say_and_close(x, REPLY_BYE);
}

/* Whether an address exists is told to who brings mail for it (RFC 5321 7.3). */
enum next
smtp_cmd_vrfy(struct smtp_session *x, struct text argument)
{
	smtp_say(x, REPLY_VRFY);
	return NEXT_PARK;
}

enum next
smtp_cmd_refuse_expn(struct smtp_session *x, struct text argument)
{
	smtp_say_detail(x, REPLY_NOT_OFFERED, TEXT("EXPN"));
	return NEXT_PARK;
}

/* A browser that was made to post mail here: its next lines must not be taken
 * for commands. */
enum next
smtp_cmd_not_smtp(struct smtp_session *x, struct text argument)
{
	return smtp_say_and_close(x, REPLY_NOT_SMTP);
}

enum next
smtp_cmd_help(struct smtp_session *x, struct text argument)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct text verb = text_of(table[i].verb);

		if (!(table[i].kinds & x->profile->kind) || table[i].usage == NULL)
			continue;
		if (argument.len == 0 || text_equal_ci(argument, verb))
			smtp_reply_line(
			    &x->session.stream, REPLY_HELP, false, text_of(table[i].usage));
	}
	smtp_reply_line(&x->session.stream, REPLY_HELP, true, TEXT("RFC 5321 tells the rest"));
	return NEXT_PARK;
}
