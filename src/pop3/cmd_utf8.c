/* SPDX-License-Identifier: ISC */
/*
 * UTF8 (RFC 6856 2.1): from then on messages come as they are, international
 * header fields and all. Without it they are made readable by everybody
 * (pop3/downgrade.h).
 */
#include "pop3/session.h"

enum pop3_next
pop3_cmd_utf8(struct command *c)
{
	if (!pop3_arg_end(c))
		return POP3_GO_ON;
	c->p->utf8 = true;
	return pop3_ok(c, "Messages come in UTF-8");
}
