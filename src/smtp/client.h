/* SPDX-License-Identifier: ISC */
/*
 * The SMTP and LMTP client (RFC 5321, RFC 2033) over a connected stream: it
 * knows no queue, no DNS and no time but its time-outs. Who uses it brings the
 * stream and the rules of TLS, says hello once, sends any number of messages,
 * and quits:
 *
 *	smtp_client_init(&c, &stream, &config);
 *	if (smtp_client_open(&c) == STATUS_OK)
 *		while (there is a message)
 *			do
 *				st = smtp_client_send(&c, &envelope, recipients, n);
 *			while (st == STATUS_AGAIN);
 *	smtp_client_quit(&c);
 *	smtp_client_done(&c);
 *
 * Nothing that a server does costs more than the time-outs and limits below: it
 * may hang, drip, talk nonsense, talk out of turn, or talk for ever. Nothing
 * that it says is passed on unless it is bounded and printable.
 * One thread; all memory of the session is the client's.
 */
#ifndef SMTP_CLIENT_H
#define SMTP_CLIENT_H

#include "base/arena.h"
#include "runtime/tls_client.h"

/* ---- what a server says ---- */

#define SMTP_ANSWER_TEXT 1000	    /* octets kept of a reply's words */
#define SMTP_ANSWER_LINE_MAX 4096   /* of one line (RFC 5321 4.5.3.1.5 says 512) */
#define SMTP_ANSWER_LINES_MAX 200   /* of one reply */
#define SMTP_ANSWER_MAX (32u << 10) /* octets of one reply */

/* A reply (RFC 5321 4.2). */
struct smtp_answer {
	unsigned code;	      /* 200..599; 0: none came */
	unsigned enhanced[3]; /* RFC 3463; class 0: none, or one that does not fit the code */
	char text[SMTP_ANSWER_TEXT + 1]; /* its words without the code, the enhanced one
					  * included; lines joined by '\n'; UTF-8 without
					  * control characters, cut */
};

/* Reads one reply within the stream's deadline. Its lines, as they came and
 * without their codes, are appended to lines (may be NULL), each with '\n'.
 * INVALID: it is no reply: syntax, or lines with codes of different classes
 * (else the last line's counts); LIMIT: too long; both beyond repair. Else what
 * the stream says. A LF without CR ends a line too. *out is set on OK alone;
 * for INVALID its text shows the line. */
enum status smtp_answer_read(
    struct stream *s, struct smtp_answer *out, struct buffer *lines) MUST_CHECK;
/* "5.1.1", or "" if it has none. */
const char *smtp_answer_enhanced(const struct smtp_answer *a, char out[16]);

/* ---- where in a dialogue something happened ---- */

#define SMTP_STAGES(X)                                                                   \
	X(NONE, "none")                                                                  \
	X(CONNECT, "connect")                                                            \
	X(GREETING, "greeting")                                                          \
	X(HELLO, "hello")                                                                \
	X(STARTTLS, "starttls")                                                          \
	X(TLS, "tls")                                                                    \
	X(AUTH, "auth")                                                                  \
	X(NEEDS, "needs") /* before MAIL: the server cannot do what the message needs */ \
	X(MAIL, "mail")                                                                  \
	X(RCPT, "rcpt")                                                                  \
	X(DATA, "data")	      /* the answer to DATA */                                   \
	X(MESSAGE, "message") /* while it was sent */                                    \
	X(DOT, "dot")	      /* the answer to its end */                                \
	X(RESET, "reset")

enum smtp_stage {
#define X(id, word) SMTP_AT_##id,
	SMTP_STAGES(X)
#undef X
	    SMTP_STAGE_COUNT
};
const char *smtp_stage_word(enum smtp_stage s);

enum smtp_outcome {
	SMTP_UNTRIED,	/* not yet, or left for the next transaction */
	SMTP_DELIVERED, /* by LMTP: it is in the mailbox */
	SMTP_PASSED_ON, /* the server answers for it, DSNs included */
	SMTP_RELAYED,	/* the server answers for it, but knows no DSN (RFC 3461 5.2.2) */
	SMTP_TEMPORARY, /* try again later, or another host */
	SMTP_PERMANENT, /* never */
};

/* What became of a recipient, or of the session. */
struct smtp_fate {
	enum smtp_outcome outcome;
	enum smtp_stage stage;
	struct smtp_answer
	    answer;   /* the server's words; code 0: ours (time-out, closed, nonsense) */
	bool perhaps; /* TEMPORARY, but the server had all of the message: it may have it */
};

/* ---- the session ---- */

enum smtp_tls_mode {
	SMTP_TLS_NEVER,
	SMTP_TLS_MAY,  /* where the server offers it; see smtp_client_open */
	SMTP_TLS_MUST, /* or nothing is sent; wants.verify says how much more */
	SMTP_TLS_WRAP, /* from the first octet (RFC 8314 3.3) */
};

/* Time-outs in microseconds, each for a whole reply however it drips (RFC 5321
 * 4.5.3.2). */
struct smtp_client_times {
	int64_t greeting, hello, mail, rcpt, data, block, dot, quit;
	int64_t transaction; /* from MAIL to the last answer, all together */
	uint32_t min_rate;   /* octets a second of a message on its way; 0: none */
};
/* Those of the settings outbound.*. */
void smtp_client_times_set(struct smtp_client_times *out);

/* Texts live as long as the client. */
struct smtp_client_config {
	bool lmtp;
	struct text helo; /* our name: domain or address literal */
	enum smtp_tls_mode tls;
	struct tls_trust *trust; /* unless tls is NEVER */
	struct tls_wants wants;
	/* For a smarthost (RFC 4954); user empty: no AUTH. SCRAM-SHA-256, else
	 * PLAIN or LOGIN, and these only under TLS, unless plain_allowed. */
	struct text user, password;
	bool plain_allowed;
	bool no_pipelining, no_chunking; /* for servers that offer what they cannot do */
	struct smtp_client_times times;
};

enum smtp_offer {
	SMTP_OFFERS_PIPELINING = 1 << 0,
	SMTP_OFFERS_8BITMIME = 1 << 1,
	SMTP_OFFERS_SIZE = 1 << 2,
	SMTP_OFFERS_STARTTLS = 1 << 3,
	SMTP_OFFERS_CHUNKING = 1 << 4,
	SMTP_OFFERS_BINARYMIME = 1 << 5,
	SMTP_OFFERS_DSN = 1 << 6,
	SMTP_OFFERS_SMTPUTF8 = 1 << 7,
	SMTP_OFFERS_REQUIRETLS = 1 << 8,
	SMTP_OFFERS_MT_PRIORITY = 1 << 9,
	SMTP_OFFERS_DELIVERBY = 1 << 10,
	SMTP_OFFERS_FUTURERELEASE = 1 << 11,
	SMTP_OFFERS_LIMITS = 1 << 12,
	SMTP_OFFERS_AUTH = 1 << 13,
	SMTP_OFFERS_ENHANCED = 1 << 14,
	SMTP_OFFERS_PLAIN = 1 << 15, /* mechanisms of AUTH */
	SMTP_OFFERS_LOGIN = 1 << 16,
	SMTP_OFFERS_SCRAM = 1 << 17, /* SCRAM-SHA-256 */
};

/* What the last EHLO gave. */
struct smtp_offers {
	unsigned set;		  /* enum smtp_offer */
	uint64_t size;		  /* largest message; 0: not told */
	uint64_t mail_max;	  /* messages of a session (RFC 9422 4); 0: not told */
	uint64_t rcpt_max;	  /* recipients of a message */
	uint64_t rcpt_domain_max; /* domains of the recipients of a message */
	uint64_t by_min;	  /* seconds, of DELIVERBY (RFC 2852 2) */
	uint64_t hold_max;	  /* seconds, of FUTURERELEASE (RFC 4865 4) */
};

struct smtp_client {
	unsigned magic;
	struct stream *stream;
	const struct smtp_client_config *config;
	struct smtp_offers offers;
	char server[256];    /* the name that it gives itself in its greeting, cleaned */
	struct tls_peer tls; /* facts for the trace; result also for a STARTTLS that was refused */
	bool signed_in;
	bool usable;	       /* another message may be sent */
	bool talking;	       /* both sides know whose turn it is: QUIT makes sense */
	bool started;	       /* a transaction is open on the server: RSET comes first */
	uint64_t mails;	       /* transactions begun */
	int64_t patience;      /* monotonic: end of the transaction in hand; 0: none */
	struct arena arena;    /* of the transaction */
	struct smtp_fate fate; /* why it is not usable; stage NONE: it is */
};

void smtp_client_init(
    struct smtp_client *c, struct stream *s, const struct smtp_client_config *config);
/* Greeting, EHLO (or HELO, or LHLO), STARTTLS and EHLO again, AUTH, as the
 * configuration asks. OK, or the session is over and c->fate says why:
 *	TEMPORARY or PERMANENT by the server's answer; a PERMANENT before MAIL is
 *	this host's word, not the destination's: try another first;
 *	stage TLS: the handshake failed (c->tls.result). With TLS_MAY the caller
 *	connects again and says NEVER (RFC 7435 3), unless a policy forbids. */
enum status smtp_client_open(struct smtp_client *c) MUST_CHECK;

/* ---- a message ---- */

enum smtp_content { SMTP_CONTENT_7BIT, SMTP_CONTENT_8BIT, SMTP_CONTENT_BINARY };
enum smtp_notify {
	SMTP_NOTIFY_NEVER = 1 << 0,
	SMTP_NOTIFY_SUCCESS = 1 << 1,
	SMTP_NOTIFY_FAILURE = 1 << 2,
	SMTP_NOTIFY_DELAY = 1 << 3,
};
enum smtp_ret { SMTP_RET_NONE, SMTP_RET_FULL, SMTP_RET_HDRS };

struct smtp_envelope {
	struct text sender;	/* local@domain in canonical form; empty: the null sender */
	uint64_t size;		/* octets of the message, exactly, as read below */
	enum smtp_content body; /* what its content is; of a message all in 7 bits: 7BIT */
	bool rough; /* perhaps there are lines too long for SMTP, or NUL: unless it is binary it
		     * goes by DATA, and a line is broken after 998 octets */
	bool header_utf8;  /* RFC 6532: MIME_HEADER_UTF8 of the summary */
	bool require_tls;  /* RFC 8689 */
	enum smtp_ret ret; /* RFC 3461 4.3 */
	struct text envid; /* xtext, as it came; empty: none */
	bool has_priority; /* RFC 6710 */
	int priority;	   /* -9 to 9 */
	char by_mode;	   /* 'R', 'N' (RFC 2852), or 0: no DELIVERBY */
	bool by_trace;
	int64_t by_seconds;    /* that are left; below 0 with N alone */
	uint64_t hold_seconds; /* RFC 4865 HOLDFOR; 0: none */
	/* Gives octets of the message from at on, of which there are more: a view,
	 * good until the next call, not empty. Lines end in CRLF. A failure ends
	 * the connection, and the recipients are TEMPORARY. */
	enum status (*read)(void *arg, uint64_t at, struct text *piece);
	void *arg;
};

struct smtp_recipient {
	struct text address;   /* local@domain, canonical; UTF-8 by RFC 6531 */
	unsigned notify;       /* enum smtp_notify; 0: not said */
	struct text orcpt;     /* "rfc822;" xtext, as it came; empty: none */
	struct smtp_fate fate; /* zeroed before the first attempt */
};

/* What of the message's needs the server does not offer: code, enhanced code
 * and words of the fate that follows. */
#define SMTP_LACKS(X)                                                               \
	X(NONE, 0, "", "")                                                          \
	X(8BITMIME, 554, "5.6.3", "The server takes no 8-bit messages")             \
	X(BINARYMIME, 554, "5.6.3", "The server takes no binary messages")          \
	X(SENDER_UTF8, 550, "5.6.7", "The server takes no international addresses") \
	X(RCPT_UTF8, 553, "5.6.7", "The server takes no international addresses")   \
	X(HEADER_UTF8, 554, "5.6.9", "The server takes no international headers")   \
	X(SIZE, 552, "5.3.4", "The message is larger than the server takes")        \
	X(REQUIRETLS, 550, "5.7.30", "REQUIRETLS support required")                 \
	X(DELIVERBY, 554, "5.3.3", "The server cannot deliver by a given time")     \
	X(HOLDFOR, 554, "5.3.3", "The server cannot hold a message that long")      \
	X(ADDRESS, 553, "5.1.3", "The address has no form that can be sent")

enum smtp_lack {
#define X(id, code, enhanced, words) SMTP_LACKS_##id,
	SMTP_LACKS(X)
#undef X
	    SMTP_LACK_COUNT
};
/* The first thing in the way of the message as a whole. 8BITMIME and
 * BINARYMIME may be mended by mime/seven.h, which makes it 7BIT: BINARYMIME is
 * said only where CHUNKING or BINARYMIME lack, 8BITMIME where that does. */
enum smtp_lack smtp_client_lacks(const struct smtp_client *c, const struct smtp_envelope *e);

/* One transaction for those of the recipients that are UNTRIED, or as many of
 * them as the server takes at once; each that was tried gets its fate. An
 * international domain goes out in A-labels unless SMTPUTF8 is asked for anyway.
 *	OK	all have their fate, and the session can take another message;
 *	AGAIN	some are UNTRIED still: once more, on this connection;
 *	LIMIT	the server takes no more messages on this connection (RFC 9422 4.1);
 *	else	the session is over (c->fate).
 * Those that are UNTRIED then have not been tried, and may be elsewhere. */
enum status smtp_client_send(struct smtp_client *c, const struct smtp_envelope *e,
    struct smtp_recipient *recipients, size_t count) MUST_CHECK;

/* Whether the connection, parked after a message, is still good: RSET. */
enum status smtp_client_reset(struct smtp_client *c) MUST_CHECK;
/* QUIT if the session is whole, for a short time; the stream stays the caller's. */
void smtp_client_quit(struct smtp_client *c);
void smtp_client_done(struct smtp_client *c);

#endif
