/* SPDX-License-Identifier: ISC */
/*
 * The self-test at the start: whether a stranger could send mail to the world
 * through us (RFC 5321 3.6.1, RFC 2505 2.1). It asks the very sessions that
 * clients get, so no firewall or route stands between it and the answer.
 */
#ifndef SMTP_STRANGER_H
#define SMTP_STRANGER_H

#include "smtp/server.h"

enum smtp_stranger {
	STRANGER_UNKNOWN, /* whoever was asked could not answer */
	STRANGER_REFUSED,
	STRANGER_RELAYS, /* at least one form gets through */
};

/* Speaks to a session of the class as one who connects from 192.0.2.1 (RFC 5737)
 * without TLS and without an account; before there are clients. Blocks for its calls; sends no
 * message. The result is said in the log and is the metric smtp_stranger. */
enum smtp_stranger smtp_stranger_try(struct smtp_server *server, const struct session_class *class);

#endif
