/* SPDX-License-Identifier: ISC */
/*
 * Inside a POP3 session: its struct, the command in hand, and what the
 * handlers share. A handler parses its argument, acts, and answers with "+OK"
 * or "-ERR"; it says what comes next.
 */
#ifndef POP3_SESSION_H
#define POP3_SESSION_H

#include <pthread.h>

#include "auth/client.h"
#include "base/cursor.h"
#include "base/map.h"
#include "pop3/maildrop.h"
#include "pop3/pop3.h"

#define POP3_MAGIC 0x90b35e55u

/* States of RFC 1939 3, as bits for the command table. */
enum pop3_state { POP3_AUTHORIZATION = 1, POP3_TRANSACTION = 2 };

enum pop3_next { POP3_GO_ON, POP3_START_TLS, POP3_END };

struct pop3_server {
	struct calls *calls;
	char *hostname;
	struct auth_offer offer;
	_Atomic uint64_t epoch; /* raised whenever the store has forgotten the locks */
	/* Accounts whose maildrop a session here has: while the store is away,
	 * and before the sessions could say so to a new one, nobody else gets it. */
	pthread_mutex_t lock;
	struct map holders;
};

struct pop3 {
	struct session session; /* first */
	unsigned magic;
	enum pop3_state state;
	struct pop3_server *server;
	char *user;		  /* of USER; owned */
	struct auth_client *auth; /* AUTH is going on; owned */
	struct text token;	  /* owned */
	struct maildrop drop;
	uint64_t account; /* whose maildrop it has; or 0 */
	size_t scanned;	  /* of the buffered input: no line end up to here */
	unsigned errors, failed_sign_ins;
	int64_t sign_in_by;  /* monotonic */
	int64_t quiet_until; /* monotonic: when the client has been silent too long */
	bool utf8;	     /* RFC 6856 2.1: as messages are */
	bool discard;	     /* the rest of a line that was too long */
	size_t discarded;    /* octets of it */
};

struct command {
	struct pop3 *p;
	struct arena arena;
	struct cursor args; /* behind the name, without the space */
};

/* "+OK words", "-ERR words" with the line end. */
enum pop3_next pop3_ok(struct command *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
enum pop3_next pop3_err(struct command *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A call that failed, with a code of RFC 3206. */
enum pop3_next pop3_failed(struct command *c, enum status st, const struct failure *f);
/* The maildrop of an account for this session; CONFLICT: another has it. */
enum status pop3_take(
    struct command *c, uint64_t account, struct text token, struct failure *f) MUST_CHECK;
/* Gives it back. */
void pop3_give_back(struct pop3 *p);
/* Whether the maildrop is the session's still, and is told so by the store if
 * that has forgotten. */
enum status pop3_hold(struct command *c, struct failure *f) MUST_CHECK;
/* The argument that must be a message that is there; false with the reply
 * made. */
bool pop3_arg_message(struct command *c, uint32_t *number);
/* Nothing more; false with the reply made. */
bool pop3_arg_end(struct command *c);
/* A line of a sign-in that goes on. */
enum pop3_next pop3_auth_line(struct command *c, struct text line);
void pop3_auth_end(struct pop3 *p);

#define X(name, states, run) enum pop3_next pop3_cmd_##run(struct command *c);
#include "pop3/commands.def"
#undef X

#endif
