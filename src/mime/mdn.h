/* SPDX-License-Identifier: ISC */
/*
 * Message disposition notifications (RFC 8098; RFC 6533 5): building them,
 * for rules that answer and for people who agree to tell that they have read.
 */
#ifndef MIME_MDN_H
#define MIME_MDN_H

#include "mime/report.h"

enum mdn_type { MDN_DISPLAYED, MDN_DELETED, MDN_DISPATCHED, MDN_PROCESSED };

struct mdn {
	struct text unique;	  /* random token of letters and digits, 16 to 40 */
	struct text host;	  /* ours */
	struct text from;	  /* value of From: the recipient */
	struct text to;		  /* of Disposition-Notification-To: one address */
	struct text subject;	  /* of the message, UTF-8; or empty */
	struct text message_id;	  /* of the message, with its brackets; or empty */
	struct text reporting_ua; /* "host; product", or empty */
	struct text final;	  /* the address it arrived at, UTF-8 */
	struct text original;	  /* of Original-Recipient: its address; or empty */
	struct text words;	  /* for the sender, UTF-8, on one line or with line ends */
	int64_t at;		  /* seconds */
	enum mdn_type type;
	bool by_person, sent_by_person; /* action-mode, sending-mode (RFC 8098 3.2.6) */
	enum report_returned returned;
	bool smtputf8, returned_utf8, returned_8bit; /* as in struct dsn */
};

/* head, then the header or message as it is, then tail, as dsn_build. */
void mdn_build(const struct mdn *m, struct buffer *head, struct buffer *tail);

#endif
