/* SPDX-License-Identifier: ISC */
/* What a domain needs in DNS, and its DKIM keys; for cmd_domain.c and the demo. */
#ifndef COMMAND_DOMAIN_KEYS_H
#define COMMAND_DOMAIN_KEYS_H

#include "command/command.h"

/* How long a new key is published before it signs, where another signs
 * meanwhile: longer than records of DNS are remembered. */
#define DOMAIN_KEY_LEAD (2 * 86400) /* seconds */

/* Makes keys of both kinds (RFC 8463 3: those who do not know Ed25519 read the
 * other one). A kind of which none signs begins at once; else the one that
 * signs stops when the new one begins, DOMAIN_KEY_LEAD from now. missing: only
 * kinds that the domain has no key of. */
enum status domain_keys_make(struct calls *calls, struct text domain, bool missing, struct arena *a,
    struct failure *f) MUST_CHECK;
/* Adds what is to be published, as lines of a zone file and of keys, or as the
 * members "records" and "keys" of the JSON object that is open. */
enum status domain_keys_print(struct calls *calls, struct text domain, struct arena *a,
    struct output *out, struct failure *f) MUST_CHECK;

#endif
