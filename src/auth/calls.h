/* SPDX-License-Identifier: ISC */
/*
 * Calls that role auth serves: sign-in (SASL, RFC 4422), signatures of TLS and
 * DKIM, and for the operator password verifiers and new DKIM keys. The fronts see neither verifiers
 * nor keys.
 */
#ifndef AUTH_CALLS_H
#define AUTH_CALLS_H

#include "runtime/calls.h"

/* "PLAIN SCRAM-SHA-256 ..." for this session, in order of preference: flags
 * are enum auth_session. LOGIN and PLAIN only where AUTH_MAY_PLAIN. */
#define auth_mechanisms_REQUEST(F, S) F(S, U64, flags)
#define auth_mechanisms_REPLY(F, S) F(S, TEXTS, names)

enum auth_session {
	AUTH_OVER_TLS = 1,
	AUTH_MAY_PLAIN =
	    2, /* passwords may be sent in clear here: TLS, or the listener allows it */
};

/* Starts an exchange. initial: decoded initial response, if has_initial.
 * remote: the client's address as text. binding_*: empty where there is none.
 * For LOGIN of IMAP and USER/PASS of POP3 the front makes a PLAIN message.
 * A reply with state AUTH_MORE carries a challenge and the exchange's number;
 * AUTH_DONE a token (auth/token.h) and who it is, and challenge may hold what
 * the server still has to say (SCRAM's last message: to be sent as a challenge
 * whose answer is empty, or with the success where the protocol can). AUTH_NO:
 * failed; text is for the client and never tells whether the address exists;
 * code is one of enum auth_refusal. The answer to a failure is late on
 * purpose. */
#define auth_start_REQUEST(F, S) \
	F(S, TEXT, mechanism)    \
	F(S, U64, has_initial)   \
	F(S, TEXT, initial)      \
	F(S, TEXT, service)      \
	F(S, TEXT, remote)       \
	F(S, U64, flags)         \
	F(S, TEXT, binding_exporter) F(S, TEXT, binding_end_point) F(S, TEXT, binding_unique)
#define auth_start_REPLY(F, S) \
	F(S, U64, state)       \
	F(S, U64, exchange)    \
	F(S, TEXT, challenge)  \
	F(S, TEXT, token) F(S, U64, account) F(S, TEXT, address) F(S, U64, code) F(S, TEXT, text)

/* cancelled: the client sent "*". */
#define auth_step_REQUEST(F, S) F(S, U64, exchange) F(S, TEXT, response) F(S, U64, cancelled)
#define auth_step_REPLY(F, S) auth_start_REPLY(F, S)

enum auth_state { AUTH_MORE, AUTH_DONE, AUTH_NO };
enum auth_refusal {
	AUTH_BAD_CREDENTIALS, /* [AUTHENTICATIONFAILED], 535 5.7.8 */
	AUTH_UNAVAILABLE,     /* [UNAVAILABLE], 454 4.7.0 */
	AUTH_NEEDS_TLS,	      /* [PRIVACYREQUIRED], 538 5.7.11 */
	AUTH_BAD_MECHANISM,   /* 504 5.5.4 */
	AUTH_BAD_MESSAGE,     /* BAD, 501 5.5.2 */
	AUTH_SUSPENDED,	      /* [CONTACTADMIN], 535 5.7.13 */
	AUTH_TOO_MANY,	      /* slow down: 454 4.7.0 */
	AUTH_STOPPED,	      /* the password is right, but nothing is to be sent: 525 5.7.13 */
};

/* Certificates without keys, for tls_context_new: parallel lists. */
#define auth_certificates_REQUEST(F, S)
#define auth_certificates_REPLY(F, S) \
	F(S, NUMBERS, keys) F(S, TEXTS, chains) F(S, TEXTS, names) F(S, TEXT, ticket_key)

/* As tls_signer of runtime/tls.h. */
#define auth_tls_sign_REQUEST(F, S) F(S, U64, key) F(S, U64, scheme) F(S, TEXT, input)
#define auth_tls_sign_REPLY(F, S) F(S, TEXT, signature)

/* A sealed verifier (all mechanisms) of a password, or of a ready hash
 * ($argon2id$, $y$, $6$, $2b$, SCRAM-SHA-256$...). INVALID with words. */
#define auth_verifier_REQUEST(F, S) F(S, TEXT, password) F(S, TEXT, hash)
#define auth_verifier_REPLY(F, S) F(S, TEXT, verifier) F(S, U64, has_scram)

/* Forget what is remembered of an account (password changed, suspended). */
#define auth_forget_REQUEST(F, S) F(S, U64, account)
#define auth_forget_REPLY(F, S)

/* A new private key for DKIM, sealed for this domain and selector (a label in
 * lower case), and the record that is to be published (mailauth/key.h). domain:
 * in the spelling that it was sealed for. number: random, the key's for ever.
 * algorithm: enum dkim_algorithm. INVALID. */
#define auth_dkim_generate_REQUEST(F, S) \
	F(S, U64, algorithm) F(S, TEXT, domain) F(S, TEXT, selector)
#define auth_dkim_generate_REPLY(F, S) \
	F(S, TEXT, domain) F(S, U64, number) F(S, TEXT, sealed) F(S, TEXT, record)

/* Signs a digest of 32 octets with a key that the store keeps for the domain
 * (store_dkim_active tells which sign). INVALID; NOT_FOUND: no such key;
 * CORRUPT: it was not sealed here; UNAVAILABLE: the store is away. */
#define auth_dkim_sign_REQUEST(F, S) F(S, TEXT, domain) F(S, U64, number) F(S, TEXT, digest)
#define auth_dkim_sign_REPLY(F, S) F(S, TEXT, signature)

#define AUTH_FRONTS (BY_ACCESS | BY_WEB)

#define AUTH_CALLS(X)                                         \
	X(auth_mechanisms, AUTH_FRONTS, CALL_AGAIN)           \
	X(auth_start, AUTH_FRONTS, CALL_AGAIN)                \
	X(auth_step, AUTH_FRONTS, 0)                          \
	X(auth_certificates, AUTH_FRONTS | BY_MX, CALL_AGAIN) \
	X(auth_tls_sign, AUTH_FRONTS | BY_MX, CALL_AGAIN)     \
	X(auth_dkim_sign, BY_INTAKE, CALL_AGAIN)              \
	X(auth_dkim_generate, BY_ADMIN, CALL_AGAIN)           \
	X(auth_verifier, BY_ADMIN, CALL_AGAIN)                \
	X(auth_forget, BY_ADMIN | BY_STORE, CALL_AGAIN)

CALLS_DECLARE(auth, AUTH_CALLS)

#endif
