/* SPDX-License-Identifier: ISC */
/*
 * IDLE (RFC 2177): the client waits, and is told of changes of the selected
 * mailbox as they happen. A published change of the account wakes the session
 * with WAKE_EVENT (session.c); here is its beginning and its end.
 */
#include "imap/session.h"

static enum outcome
done(struct command *c, struct text line)
{
	if (c->im->session.service != NULL)
		session_watch(&c->im->session, 0);
	if (!text_equal_ci(line, TEXT("DONE")))
		return imap_bad(c, "Expected DONE");
	return imap_ok(c, NULL);
}

enum outcome
imap_cmd_idle(struct command *c)
{
	struct imap *im = c->im;

	if (!imap_arg_end(c))
		return IMAP_DONE;
	(void)imap_expect(c, TEXT("idling"), done);
	if (im->view == NULL)
		return IMAP_MORE;
	/* First the watch, then the look: nothing falls between them. Where the
	 * store is away the client idles on, and relinking wakes the session. */
	if (imap_watch_enter(im, &c->arena) == STATUS_OK)
		c->poll = true;
	return IMAP_MORE;
}
