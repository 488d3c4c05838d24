/* SPDX-License-Identifier: ISC */
/*
 * SMTP and LMTP in: the session classes for the listeners of role mx
 * (RFC 5321, RFC 2033). The service's context (struct service_config) is a
 * struct smtp_server. Submission in role access will be one more class on the
 * same commands, told apart by its profile.
 */
#ifndef SMTP_SERVER_H
#define SMTP_SERVER_H

#include "runtime/calls.h"
#include "runtime/session.h"
#include "smtp/greet.h"
#include "smtp/known.h"

/* One a process, made before the service and alive as long as it. */
struct smtp_server {
	struct calls *calls;
	struct text hostname;		/* in the greeting, in Received, and as our own name */
	struct smtp_greeters *greeters; /* who need not wait for the greeting; NULL: nobody waits */
	struct smtp_known *known;	/* recipients accepted a moment ago; NULL: ask each time */
};

extern const struct session_class smtp_mx_class;   /* port 25 */
extern const struct session_class smtp_lmtp_class; /* LMTP, from peers of smtp.lmtp_peers */

#endif
