/* SPDX-License-Identifier: ISC */
/*
 * SASL mechanisms, server side (RFC 4422): each one a row and a step function
 * that turns what the client said into a challenge or a question to the
 * directory. They know no store, no socket and no time.
 */
#ifndef AUTH_SASL_H
#define AUTH_SASL_H

#include "auth/calls.h"
#include "auth/verifier.h"

#define SASL_MESSAGE_MAX 8192

enum sasl_step {
	SASL_CHALLENGE, /* out is a challenge; wait for the answer */
	SASL_PASSWORD,	/* user and password are known: compare them */
	SASL_LOOKUP,	/* user is known: find the verifier, set it, call proceed */
	SASL_DONE,	/* the proof is right; out is the last word, perhaps empty */
	SASL_WRONG,	/* the proof is wrong */
	SASL_MALFORMED, /* not what the mechanism's grammar allows */
};

struct sasl {
	const struct sasl_mechanism *mechanism;
	struct arena arena; /* of the exchange; holds what the texts point at */
	unsigned flags;	    /* enum auth_session */
	bool offers_plus;   /* SCRAM-SHA-256-PLUS was advertised to this session */
	struct text exporter, end_point, unique; /* channel bindings, or empty */
	unsigned round;
	struct text user, password;
	/* SCRAM */
	struct text gs2, binding, client_first, server_first, nonce;
	struct verifier verifier;
};

struct sasl_mechanism {
	const char *name;
	bool plain; /* shows the password: only where AUTH_MAY_PLAIN */
	bool scram; /* needs SCRAM verifiers */
	bool binds; /* needs a channel binding */
	enum sasl_step (*step)(struct sasl *s, struct text in, struct buffer *out);
	enum sasl_step (*proceed)(struct sasl *s, struct buffer *out);
};

/* By name, any case; NULL: no such mechanism. */
const struct sasl_mechanism *sasl_find(struct text name);
/* In order of preference, i from 0; NULL at the end. */
const struct sasl_mechanism *sasl_at(size_t i);

enum sasl_step sasl_plain_step(struct sasl *s, struct text in, struct buffer *out);
enum sasl_step sasl_login_step(struct sasl *s, struct text in, struct buffer *out);
enum sasl_step sasl_scram_step(struct sasl *s, struct text in, struct buffer *out);
enum sasl_step sasl_scram_proceed(struct sasl *s, struct buffer *out);

#endif
