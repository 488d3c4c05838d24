/* SPDX-License-Identifier: ISC */
/*
 * Delivery status notifications (RFC 3464, with the UTF-8 forms of RFC 6533):
 * building them for senders, and reading those of others. Pure functions;
 * what is returned of the message is not copied, it goes between what
 * dsn_build gives.
 */
#ifndef MIME_DSN_H
#define MIME_DSN_H

#include "base/arena.h"
#include "mime/report.h"

/* RFC 3464 2.3.3. Values are kept in the queue: add at the end only. */
#define DSN_ACTION_TABLE(X)       \
	X(FAILED, "failed")       \
	X(DELAYED, "delayed")     \
	X(DELIVERED, "delivered") \
	X(RELAYED, "relayed")     \
	X(EXPANDED, "expanded")

enum dsn_action {
#define X(name, word) DSN_##name,
	DSN_ACTION_TABLE(X)
#undef X
	    DSN_UNKNOWN
};
/* "failed"; "unknown" for any other value. */
const char *dsn_action_word(enum dsn_action action);

struct dsn_recipient {
	enum dsn_action action;
	struct text status;	   /* "5.1.1" (RFC 3463 2) */
	struct text final;	   /* the address, UTF-8; never empty in what is built */
	struct text original_type; /* of ORCPT: "rfc822", "utf-8"; empty: there was none */
	struct text original;	   /* of ORCPT, decoded (mime/xtext.h) */
	struct text remote;	   /* host that answered; empty: none did */
	struct text diagnostic;	   /* its reply "550 5.1.1 ...", lines apart by LF, or empty */
	struct text words;	   /* what failed if nobody answered, or empty */
	int64_t last_attempt;	   /* seconds; 0: none */
	int64_t retry_until;	   /* of a delayed one, seconds; 0: not told */
};

struct dsn {
	struct text reporting_mta; /* our host name */
	struct text unique;	   /* random token of letters and digits, 16 to 40 */
	struct text from;	   /* value of From */
	struct text to;		   /* the sender; DSNs to the null sender are not made */
	struct text envelope_id;   /* of ENVID, decoded; or empty */
	struct text trace;	   /* the number by which the operator finds it; or empty */
	struct text subject;	   /* of the message, UTF-8; or empty */
	struct text message_id;	   /* of the message, with its brackets; or empty */
	int64_t at, arrived;	   /* seconds; arrived 0: not told */
	const struct dsn_recipient *recipients; /* one at least */
	uint32_t count;
	enum report_returned returned;
	bool smtputf8;	    /* the sender can take UTF-8 forms (the message came with SMTPUTF8) */
	bool returned_utf8; /* what is returned has UTF-8 in header fields */
	bool returned_8bit; /* it has octets over 127 at all */
};

/* head, then the header or the message as it is, then tail. A header is
 * without its empty line. Auto-Submitted, in reply to the message; the words
 * say what happened, to whom, and what to do. */
void dsn_build(const struct dsn *d, struct buffer *head, struct buffer *tail);

/* What a status code means to a person, and what can be done; by the whole
 * code or its last part, else by its class (RFC 3463 3). */
struct dsn_meaning {
	const char *what, *todo;
};
struct dsn_meaning dsn_meaning(struct text status, enum dsn_action action);

/* ---- reading ---- */

#define DSN_RECIPIENTS_MAX 1000

/* Of a recipient: texts are UTF-8 without controls, of at most
 * REPORT_VALUE_MAX; times 0 and texts empty where nothing stands, which may be
 * final or original, but not both. words: of another type of diagnostic than
 * smtp. */
struct dsn_found {
	struct text reporting_mta; /* without its type */
	struct text envelope_id;
	int64_t arrived;
	struct dsn_recipient *recipients;
	uint32_t count;
	bool cut;		/* there were more recipients */
	struct text message_id; /* of the message that it is about, with brackets; or empty */
};

/* Reads a whole message. NOT_FOUND: it is no DSN; INVALID: it says it is one,
 * and names no recipient. Lenient as bounces are; linear and bounded. */
enum status dsn_read(struct text message, struct arena *a, struct dsn_found *out) MUST_CHECK;
/* The same of a message/delivery-status body alone, decoded. */
enum status dsn_read_fields(struct text body, struct arena *a, struct dsn_found *out) MUST_CHECK;

#endif
