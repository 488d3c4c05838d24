/* SPDX-License-Identifier: ISC */
/*
 * The client side of a sign-in, for every protocol that has one: it carries
 * SASL messages (RFC 4422) between a session and role auth, and knows neither
 * verifiers nor mechanisms. A protocol only encodes: the challenge it gives is
 * raw octets, to be sent in the protocol's own form.
 *
 * The answer is always there: what goes wrong on the way to auth is a refusal
 * with AUTH_UNAVAILABLE. A mechanism whose server speaks last (SCRAM) gives
 * that message as one more challenge; the success follows the client's empty
 * answer.
 */
#ifndef AUTH_CLIENT_H
#define AUTH_CLIENT_H

#include <pthread.h>

#include "auth/calls.h"
#include "runtime/session.h"

struct auth_client {
	uint64_t exchange;
	bool open;	     /* auth waits for a step */
	struct text token;   /* of a success that waits for the client; owned */
	struct text address; /* owned */
	uint64_t account;
};

struct auth_outcome {
	enum auth_state state;
	struct text challenge; /* AUTH_MORE */
	struct text token;     /* AUTH_DONE: the three of them */
	struct text address;
	uint64_t account;
	enum auth_refusal code; /* AUTH_NO */
	struct text words;	/* AUTH_NO: for the client */
};

/* enum auth_session of a session. */
unsigned auth_client_flags(const struct session *s);

/* Begins an exchange; initial may be NULL. client is zeroed first. */
void auth_client_start(struct auth_client *client, struct calls *calls, const struct session *s,
    const char *service, struct text mechanism, const struct text *initial, struct arena *a,
    struct auth_outcome *out);
/* The client's answer to a challenge; cancelled: it sent "*". */
void auth_client_step(struct auth_client *client, struct calls *calls, struct text response,
    bool cancelled, struct arena *a, struct auth_outcome *out);
/* LOGIN, USER and PASS: name and password as a PLAIN message (RFC 4616 2). */
void auth_client_password(struct calls *calls, const struct session *s, const char *service,
    struct text name, struct text password, struct arena *a, struct auth_outcome *out);
void auth_client_done(struct auth_client *client);

/* A response as IMAP, POP3 and SMTP send it: base64, or "=" for an initial one
 * that is empty (RFC 4959 3). INVALID. */
enum status auth_client_decode(
    struct text line, bool initial, struct arena *a, struct text *out) MUST_CHECK;

/* The mechanisms that are offered, asked from auth at most every few seconds;
 * one a process. */
struct auth_offer {
	pthread_mutex_t lock;
	struct {
		struct text words;
		int64_t until; /* monotonic */
	} of_flags[4];
};
void auth_offer_init(struct auth_offer *o);
void auth_offer_done(struct auth_offer *o);
/* Names with a space between them; empty while auth is away. */
struct text auth_offer_words(
    struct auth_offer *o, struct calls *calls, unsigned flags, struct arena *a);

#endif
