/* SPDX-License-Identifier: ISC */
/*
 * Commands of every state: CAPABILITY, NOOP, LOGOUT (RFC 3501 6.1) and ID (RFC
 * 2971). NOOP is CHECK too: everything is on disk already, and news comes with
 * COMMAND_POLLS.
 */
#include "base/log.h"
#include "imap/session.h"

#define ID_PAIRS_MAX 30 /* RFC 2971 3.3 */

enum outcome
imap_cmd_capability(struct command *c)
{
	struct buffer words = BUFFER_INIT;

	if (!imap_arg_end(c))
		return IMAP_DONE;
	imap_capabilities(c->im, &c->arena, &words);
	imap_line(c, "* CAPABILITY %s", buffer_string(&words));
	buffer_done(&words);
	return imap_ok(c, NULL);
}

enum outcome
imap_cmd_noop(struct command *c)
{
	return imap_arg_end(c) ? imap_ok(c, NULL) : IMAP_DONE;
}

enum outcome
imap_cmd_logout(struct command *c)
{
	if (!imap_arg_end(c))
		return IMAP_DONE;
	imap_push(c);
	(void)imap_bye(c->im, "Goodbye");
	(void)imap_ok(c, NULL);
	imap_finish(c);
	return IMAP_CLOSE;
}

/* id-params = "(" [string SP nstring *(SP string SP nstring)] ")" / nil */
static bool
id_params(struct command *c, struct text *name, struct text *version)
{
	struct text key, value;
	bool present;

	if (imap_word(&c->args, TEXT("NIL")))
		return true;
	if (!cursor_byte(&c->args, '('))
		return false;
	if (cursor_byte(&c->args, ')'))
		return true;
	for (int i = 0; i < ID_PAIRS_MAX; i++) {
		value = TEXT_EMPTY;
		if (!imap_string(&c->args, &c->arena, &key) || !imap_sp(&c->args) ||
		    !imap_nstring(&c->args, &c->arena, &present, &value))
			return false;
		if (text_equal_ci(key, TEXT("name")))
			*name = value;
		else if (text_equal_ci(key, TEXT("version")))
			*version = value;
		if (cursor_byte(&c->args, ')'))
			return true;
		if (!imap_sp(&c->args))
			return false;
	}
	return false;
}

enum outcome
imap_cmd_id(struct command *c)
{
	struct text name = TEXT_EMPTY, version = TEXT_EMPTY;

	if (!imap_sp(&c->args) || !id_params(c, &name, &version))
		return imap_bad(c, "Expected NIL or a list of names and values");
	if (!imap_arg_end(c))
		return IMAP_DONE;
	LOG_DEBUG("imap.client", FIELD_U64("session", c->im->session.id), FIELD_TEXT("name", name),
	    FIELD_TEXT("version", version));
	imap_line(c, "* ID (\"name\" \"Mailstead\")");
	return imap_ok(c, NULL);
}
