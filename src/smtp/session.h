/* SPDX-License-Identifier: ISC */
/*
 * The inside of the SMTP server: a session, its transaction, the command table
 * and what the commands share. Commands are linear: they take a whole line,
 * act, reply, and return; waiting for the next line is server.c's, which parks
 * (RFC 5321 4.1, 4.5.3.2). For files of src/smtp alone.
 */
#ifndef SMTP_SESSION_H
#define SMTP_SESSION_H

#include "smtp/message.h"
#include "smtp/reply.h"
#include "smtp/server.h"
#include "store/queue_calls.h"

/* What differs between listeners. */
enum smtp_kind { SMTP_MX = 1, SMTP_LMTP = 2, SMTP_SUBMISSION = 4 };
struct smtp_session;
struct smtp_result;
struct smtp_profile {
	enum smtp_kind kind;
	enum smtp_reply greeting;
	bool greet_delay;      /* strangers wait for the greeting */
	bool reply_each;       /* one reply a recipient after the message (RFC 2033 4.2) */
	bool count_recipients; /* refused recipients count as errors */
	bool peers_listed;     /* only this host and smtp.lmtp_peers may connect */
	bool signs_in;	       /* AUTH comes before MAIL (RFC 6409 4.3) */
	const struct smtp_profile *relay; /* of mail that a relaying network sends as ours */
	bool mends;	     /* a CR or LF that stands alone becomes a line end (RFC 6409 8) */
	const char *with[2]; /* of Received (RFC 3848, RFC 6531 4.3): ASCII, SMTPUTF8 */
	/* Whether the address may send, or be sent to; words: to say instead of the
	 * reply's, or empty. sender NULL: everybody may. */
	enum smtp_reply (*sender)(struct smtp_session *x, struct text address, struct text *words);
	enum smtp_reply (*recipient)(
	    struct smtp_session *x, struct text address, struct text *words);
	/* Role intake gets the message; sets what became of it. */
	void (*hand_over)(struct smtp_session *x, uint64_t op, const struct payload *message,
	    struct smtp_result *o);
};

enum smtp_phase { SMTP_NEW, SMTP_GREETING, SMTP_COMMANDS };
enum smtp_chunks { CHUNKS_NONE, CHUNKS_BEGUN, CHUNKS_FAILED };

/* Recipients who were refused, for the trace: parallel, and how many more. */
struct smtp_noted {
	struct texts recipients, lines;
	uint64_t more;
};

/* From MAIL to the end of the message. Texts live in the arena. */
struct smtp_transaction {
	bool open;	  /* MAIL was accepted */
	bool refused_any; /* a recipient was refused */
	bool forwards;	  /* a recipient leads to an address elsewhere */
	bool relayed;	  /* on port 25: goes the way of submission, by the peer's address */
	unsigned needs;	  /* enum queue_needs, or-ed */
	enum queue_body body;
	enum queue_ret ret;
	unsigned by;		     /* enum queue_by */
	int64_t by_time, not_before; /* seconds since 1970, or 0 */
	int64_t priority;
	uint64_t size;			 /* as the client told it, or 0 */
	struct text sender;		 /* empty: the null sender */
	struct text envid;		 /* decoded */
	struct texts recipients, orcpts; /* these three are parallel */
	struct numbers notify;
	uint32_t recipient_room;
	struct smtp_noted noted;
	enum smtp_chunks chunks;
	struct smtp_message *message; /* what has come so far */
	struct arena arena;
};

#define SMTP_HELO_MAX 255
#define SMTP_AUTH_LINE_MAX 12288 /* RFC 4954 4 */

struct smtp_session {
	struct session session; /* first */
	struct smtp_server *server;
	const struct smtp_profile *profile;
	enum smtp_phase phase;
	bool esmtp;	/* EHLO or LHLO was said */
	bool relays;	/* the peer is of submission.relay_networks */
	bool skipping;	/* the rest of a bad line is dropped up to its CRLF */
	size_t skipped; /* octets of it */
	unsigned errors, messages, idle_commands, failed_sign_ins;
	int64_t command_by;	  /* monotonic: the next command must be whole by then */
	int64_t sign_in_by;	  /* of submission: monotonic */
	struct auth_client *auth; /* a sign-in that goes on: the next line is the client's answer */
	struct text token, address; /* of who signed in; owned */
	struct arena scratch;	    /* of the command in hand */
	struct smtp_transaction tx;
	struct smtp_transfer transfer; /* under way, unless its kind is NONE */
	char helo[SMTP_HELO_MAX + 1];  /* empty: not said yet */
};

/* ---- replies ---- */

/* These count errors and metrics by the code. */
void smtp_say(struct smtp_session *x, enum smtp_reply id);
void smtp_say_detail(struct smtp_session *x, enum smtp_reply id, struct text detail);
void smtp_say_to(struct smtp_session *x, enum smtp_reply id, const struct smtp_reply_parts *parts);
/* Says the reply and gives NEXT_CLOSE. */
enum next smtp_say_and_close(struct smtp_session *x, enum smtp_reply id);

/* ---- the session's state ---- */

/* Forgets the transaction (RSET, EHLO, end of a message). */
void smtp_transaction_reset(struct smtp_session *x);
/* Forgets all that was said (STARTTLS, RFC 3207 4.2). */
void smtp_session_reset(struct smtp_session *x);
struct text smtp_helo(const struct smtp_session *x);
/* The profile, or what stands in for it in this transaction. */
const struct smtp_profile *smtp_way(const struct smtp_session *x);
/* Recipients of one message. */
uint32_t smtp_recipients_max(const struct smtp_session *x);
/* STARTTLS can be offered now. */
bool smtp_tls_offered(const struct smtp_session *x);

/* ---- sign-in ---- */

bool smtp_signed_in(const struct smtp_session *x);
/* Forgets who signed in, and a sign-in that goes on. */
void smtp_sign_out(struct smtp_session *x);
/* The client's answer to a challenge. */
enum next smtp_auth_line(struct smtp_session *x, struct text line);
/* Ends a sign-in that goes on. */
void smtp_auth_end(struct smtp_session *x);

/* ---- commands ---- */

enum smtp_needs { NEEDS_HELO = 1, NEEDS_ARGUMENT = 2, NEEDS_NOTHING_BEHIND = 4, MAIL_COMMAND = 8 };

/* argument: what stands behind the verb and a space, spaces at the end cut. */
typedef enum next (*smtp_command_fn)(struct smtp_session *x, struct text argument);

struct smtp_command {
	const char *verb;
	unsigned kinds; /* enum smtp_kind: where the command exists */
	unsigned needs; /* enum smtp_needs */
	smtp_command_fn run;
	const char *usage; /* for HELP and syntax errors */
};
const struct smtp_command *smtp_command_find(const struct smtp_profile *p, struct text verb);
/* Parses one line and runs its command. */
enum next smtp_command_line(struct smtp_session *x, struct text line);

#define EVERYWHERE (SMTP_MX | SMTP_LMTP | SMTP_SUBMISSION)
#define SMTP_ONLY (SMTP_MX | SMTP_SUBMISSION)

/* verb, function, where, needs, usage */
#define SMTP_COMMAND_TABLE(X)                                                                  \
	X("MAIL", smtp_cmd_mail, SMTP_LMTP, NEEDS_HELO | NEEDS_ARGUMENT | MAIL_COMMAND,        \
	    "MAIL FROM:<address> [SIZE=octets] [BODY=8BITMIME] [SMTPUTF8]")                    \
	X("MAIL", smtp_cmd_mail, SMTP_MX, NEEDS_HELO | NEEDS_ARGUMENT | MAIL_COMMAND,          \
	    "MAIL FROM:<address> [SIZE=octets] [BODY=8BITMIME] [SMTPUTF8] [RET=FULL|HDRS] "    \
	    "[ENVID=text] [REQUIRETLS]")                                                       \
	X("MAIL", smtp_cmd_mail, SMTP_SUBMISSION, NEEDS_HELO | NEEDS_ARGUMENT | MAIL_COMMAND,  \
	    "MAIL FROM:<address> [SIZE=octets] [BODY=8BITMIME] [SMTPUTF8] [RET=FULL|HDRS] "    \
	    "[ENVID=text] [REQUIRETLS] [HOLDFOR=seconds] [HOLDUNTIL=time] "                    \
	    "[BY=seconds;R|N[T]] [MT-PRIORITY=-9..9] [AUTH=address]")                          \
	X("RCPT", smtp_cmd_rcpt, SMTP_LMTP, NEEDS_HELO | NEEDS_ARGUMENT | MAIL_COMMAND,        \
	    "RCPT TO:<address>")                                                               \
	X("RCPT", smtp_cmd_rcpt, SMTP_ONLY, NEEDS_HELO | NEEDS_ARGUMENT | MAIL_COMMAND,        \
	    "RCPT TO:<address> [NOTIFY=NEVER|SUCCESS,FAILURE,DELAY] [ORCPT=type;address]")     \
	X("AUTH", smtp_cmd_auth, SMTP_SUBMISSION, NEEDS_HELO | NEEDS_ARGUMENT,                 \
	    "AUTH mechanism [initial-response]")                                               \
	X("DATA", smtp_cmd_data, EVERYWHERE, NEEDS_HELO | NEEDS_NOTHING_BEHIND | MAIL_COMMAND, \
	    "DATA")                                                                            \
	X("BDAT", smtp_cmd_bdat, EVERYWHERE, MAIL_COMMAND, "BDAT octets [LAST]")               \
	X("EHLO", smtp_cmd_ehlo, SMTP_ONLY, NEEDS_ARGUMENT, "EHLO host")                       \
	X("HELO", smtp_cmd_helo, SMTP_ONLY, NEEDS_ARGUMENT, "HELO host")                       \
	X("LHLO", smtp_cmd_ehlo, SMTP_LMTP, NEEDS_ARGUMENT, "LHLO host")                       \
	X("RSET", smtp_cmd_rset, EVERYWHERE, NEEDS_NOTHING_BEHIND, "RSET")                     \
	X("NOOP", smtp_cmd_noop, EVERYWHERE, 0, "NOOP")                                        \
	X("QUIT", smtp_cmd_quit, EVERYWHERE, 0, "QUIT")                                        \
	X("VRFY", smtp_cmd_vrfy, EVERYWHERE, NEEDS_ARGUMENT, "VRFY address")                   \
	X("EXPN", smtp_cmd_refuse_expn, EVERYWHERE, 0, NULL)                                   \
	X("HELP", smtp_cmd_help, EVERYWHERE, 0, "HELP [command]")                              \
	X("STARTTLS", smtp_cmd_starttls, EVERYWHERE, NEEDS_NOTHING_BEHIND, "STARTTLS")         \
	X("GET", smtp_cmd_not_smtp, EVERYWHERE, 0, NULL)                                       \
	X("POST", smtp_cmd_not_smtp, EVERYWHERE, 0, NULL)                                      \
	X("PUT", smtp_cmd_not_smtp, EVERYWHERE, 0, NULL)                                       \
	X("OPTIONS", smtp_cmd_not_smtp, EVERYWHERE, 0, NULL)                                   \
	X("CONNECT", smtp_cmd_not_smtp, EVERYWHERE, 0, NULL)

#define X(verb, fn, kinds, needs, usage) enum next fn(struct smtp_session *x, struct text argument);
SMTP_COMMAND_TABLE(X)
#undef X

/* ---- the message ---- */

/* The transfer under way takes what is buffered. AGAIN: more must come. OK: it
 * is over and answered; next is what follows. */
enum status smtp_transfer_go_on(struct smtp_session *x, enum next *next) MUST_CHECK;
/* The end of a message: checks it, has it delivered, replies (once, or once a
 * recipient), and closes the transaction. */
void smtp_deliver(struct smtp_session *x, struct smtp_message *m);

/* Everything that is known about a message when it has to be answered. */
struct smtp_result {
	struct text id;
	enum smtp_reply all;	 /* one answer for all, or REPLY_NONE */
	struct text words;	 /* of it, or empty */
	struct numbers verdicts; /* else: enum status, one a recipient */
	struct texts texts;	 /* and their words */
};
/* What a call's failure means for the message or address that it was about. */
enum smtp_reply smtp_reply_of_status(uint64_t status);
/* The profiles' own; see struct smtp_profile. */
enum smtp_reply smtp_mx_recipient(struct smtp_session *x, struct text address, struct text *words);
void smtp_mx_message(
    struct smtp_session *x, uint64_t op, const struct payload *message, struct smtp_result *o);
enum smtp_reply smtp_submit_sender(struct smtp_session *x, struct text address, struct text *words);
enum smtp_reply smtp_submit_recipient(
    struct smtp_session *x, struct text address, struct text *words);
void smtp_submit_message(
    struct smtp_session *x, uint64_t op, const struct payload *message, struct smtp_result *o);

/* The Received field of this message (RFC 5321 4.4), in x->scratch. */
struct text smtp_trace(struct smtp_session *x, struct text id);
/* How it came, in words for the operator's trace, in x->scratch. */
struct text smtp_came(struct smtp_session *x);
/* Recipients who are told the same in the end. */
struct smtp_told {
	enum smtp_reply reply;
	struct text detail, words; /* as in struct smtp_reply_parts */
	struct texts recipients;
};
/* Tells the trace of a message that was refused, and of recipients noted before,
 * without waiting; like the others, within the bounds of settings. */
void smtp_tell_refused(struct smtp_session *x, struct text id, const struct smtp_told *at,
    uint32_t count, uint64_t octets);
/* A sender who may not send: told at once. detail, words: as in struct smtp_told. */
void smtp_tell_sender(struct smtp_session *x, struct text sender, enum smtp_reply reply,
    struct text detail, struct text words);
/* A recipient who is refused: told when the transaction ends. */
void smtp_note_recipient(struct smtp_session *x, struct text address, enum smtp_reply reply,
    struct text detail, struct text words);
/* Those noted recipients who were not told of with a message. */
void smtp_tell_recipients(struct smtp_session *x);
/* 13 characters of base32 for 64 bits, in the arena. */
struct text smtp_id(struct arena *a, uint64_t bits);

#endif
