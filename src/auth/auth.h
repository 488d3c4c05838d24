/* SPDX-License-Identifier: ISC */
/*
 * What role auth does: serves auth/calls.h. It reaches the directory only
 * through the functions given to it, since auth stands above the store in the
 * layers.
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "auth/calls.h"
#include "runtime/role.h"

struct auth_account {
	uint64_t account;
	struct text canonical; /* address */
	struct text verifier;  /* sealed */
	uint32_t generation;
	bool suspended, admin;
	struct text stopped; /* why it may not send, for its owner; empty: it may */
};

struct auth_dkim_key {
	struct text selector, sealed;
};

struct auth_directory {
	void *arg;
	/* NOT_FOUND: no such account; UNAVAILABLE and others: later. */
	enum status (*lookup)(
	    void *arg, struct text address, struct arena *a, struct auth_account *out);
	/* Puts an upgraded verifier in place of old. */
	enum status (*upgrade)(
	    void *arg, uint64_t account, struct text old, struct text verifier, bool has_scram);
	enum status (*census)(void *arg, uint64_t *accounts, uint64_t *without_scram);
	/* NOT_FOUND: no such key; UNAVAILABLE and others: later. */
	enum status (*dkim_key)(void *arg, struct text domain, uint64_t number, struct arena *a,
	    struct auth_dkim_key *out);
};

struct auth;

struct auth_config {
	struct text token_key, verifier_key; /* 32 octets each; copied */
	struct auth_directory directory;
};

struct auth *auth_new(const struct auth_config *config);
/* After the last call was answered. */
void auth_free(struct auth *a);
/* Takes certificates with their keys; on INVALID (a key that does not fit, a
 * bad PEM) the old ones stay. */
enum status auth_set_certificates(struct auth *a, const struct role_certificate *at, uint32_t count,
    struct failure *f) MUST_CHECK;
/* Fills rows, context and threads. */
void auth_serve(struct auth *a, struct call_server_config *config);

#endif
