/* SPDX-License-Identifier: ISC */
/*
 * The roles of DESIGN section 1: one process each, of one binary. ADMIN is the
 * operator's command line, which joins as a role of its own.
 */
#ifndef RUNTIME_ROLES_H
#define RUNTIME_ROLES_H

#include "base/text.h"

/* name, word */
#define ROLE_TABLE(X)           \
	X(MONITOR, "monitor")   \
	X(STORE, "store")       \
	X(AUTH, "auth")         \
	X(LOOKUP, "lookup")     \
	X(INTAKE, "intake")     \
	X(SCAN, "scan")         \
	X(MX, "mx")             \
	X(ACCESS, "access")     \
	X(WEB, "web")           \
	X(OUTBOUND, "outbound") \
	X(ADMIN, "admin")

enum role {
#define X(name, word) ROLE_##name,
	ROLE_TABLE(X)
#undef X
	    ROLE_COUNT
};

/* Sets of roles, as the call tables use them. */
enum role_bit {
#define X(name, word) BY_##name = 1 << ROLE_##name,
	ROLE_TABLE(X)
#undef X
	    BY_NOBODY = 0
};

const char *role_word(enum role r);
enum status role_of_word(struct text word, enum role *out) MUST_CHECK;

#endif
