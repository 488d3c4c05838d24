/* SPDX-License-Identifier: ISC */
/*
 * SMTP and LMTP in: the session classes for the listeners of role mx
 * (RFC 5321, RFC 2033) and, in role access, of submission (RFC 6409, RFC 8314
 * 3.3), on the same commands. The service's context (struct service_config) is
 * a struct smtp_server.
 */
#ifndef SMTP_SERVER_H
#define SMTP_SERVER_H

#include "auth/client.h"
#include "runtime/calls.h"
#include "runtime/limits.h"
#include "runtime/session.h"
#include "smtp/greet.h"
#include "smtp/known.h"

/* One a process, made before the service and alive as long as it. */
struct smtp_server {
	struct calls *calls;
	struct text hostname;		/* in the greeting, in Received, and as our own name */
	struct smtp_greeters *greeters; /* who need not wait for the greeting; NULL: nobody waits */
	struct smtp_known *known;	/* accepted a moment ago; NULL: ask each time */
	struct auth_offer offer;	/* of submission; see auth_offer_init */
	struct limits *telling;		/* how much is told of who is refused; NULL: nothing */
};

#define SMTP_TELLING_CLIENTS 10000u /* entries of telling */

extern const struct session_class smtp_mx_class;	 /* port 25 */
extern const struct session_class smtp_lmtp_class;	 /* LMTP, from peers of smtp.lmtp_peers */
extern const struct session_class smtp_submission_class; /* 587 and 465, of who signs in */

#endif
