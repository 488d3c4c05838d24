/* SPDX-License-Identifier: ISC */
/*
 * The parameters of MAIL and RCPT, for files of src/smtp: which there are on
 * which port, and what they ask for. Each may stand once, in any order.
 */
#ifndef SMTP_PARAMETERS_H
#define SMTP_PARAMETERS_H

#include "smtp/path.h"
#include "smtp/session.h"

#define SMTP_HOLD_MAX                                                               \
	(365 * INT64_C(86400)) /* seconds that a message waits at most (RFC 4865 3) \
				*/
#define SMTP_BY_MIN 60	       /* shortest time to deliver by, seconds (RFC 2852 2) */

/* What a recipient's DSNs are to be (RFC 3461 4.1, 4.2). orcpt: "type;address",
 * decoded; in the scratch arena. notify: enum queue_notify, or-ed. */
struct smtp_recipient_wish {
	struct text orcpt;
	uint64_t notify;
};

/* All parameters up to the end of the line, into tx (texts in the scratch
 * arena) or wish. REPLY_NONE, or what is wrong; keyword is then the parameter's
 * name, and as it was for REPLY_SYNTAX before the first. */
enum smtp_reply smtp_mail_parameters(
    struct smtp_session *x, struct smtp_transaction *tx, struct cursor *c, struct text *keyword);
enum smtp_reply smtp_rcpt_parameters(struct smtp_session *x, struct cursor *c,
    struct smtp_recipient_wish *wish, struct text *keyword);

#endif
