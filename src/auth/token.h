/* SPDX-License-Identifier: ISC */
/*
 * Tokens: what a front shows the store to act for an account. Made by auth
 * after a sign-in, checked by the store at every call, so that sessions
 * outlive a restart of store, auth or front. Layout: u8 version, be64 account, be32
 * generation, be32 scope, be64 expiry (wall clock seconds), 16 octets of
 * HMAC-SHA-256 under SECRET_TOKEN.
 */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include "base/buffer.h"

#define TOKEN_LENGTH 41

enum token_scope {
	SCOPE_MAIL_READ = 1,
	SCOPE_MAIL_WRITE = 2,
	SCOPE_SEND = 4,
	SCOPE_SETTINGS = 8,
	SCOPE_ALL = 15,
};

struct token {
	uint64_t account;
	uint32_t generation; /* of the account: raised by a new password or a suspension */
	uint32_t scope;
	int64_t expires; /* wall clock, seconds */
};

/* key: 32 octets. */
void token_make(struct text key, const struct token *t, struct buffer *out);
/* What it says, unchecked, for who got it from auth. DENIED: it is no token. */
enum status token_read(struct text bytes, struct token *out) MUST_CHECK;
/* DENIED: not one of ours, or expired at now (seconds). */
enum status token_check(
    struct text key, struct text bytes, int64_t now, struct token *out) MUST_CHECK;

#endif
