/* SPDX-License-Identifier: ISC */
/*
 * Inside of intake: DKIM signatures (RFC 6376, RFC 8463) on what goes out. A
 * message is hashed here; the keys stay in auth, which signs digests.
 */
#ifndef INTAKE_SIGN_H
#define INTAKE_SIGN_H

#include "base/buffer.h"
#include "intake/intake.h"
#include "intake/sign_keys.h"

/* Signs with every key of the domain, or of the nearest one above it, that
 * signs now: appends the fields, which are to stand in front of all others.
 * header: with the empty line. Nothing is appended where there is no key, or
 * dkim.sign is off; a key that auth cannot use is passed over with an alarm.
 * UNAVAILABLE and the like: auth or the store is away. */
enum status sign_message(struct intake *in, struct text domain, struct text header,
    struct text body, struct arena *a, struct buffer *out, struct failure *f) MUST_CHECK;

/* The keys of the domain, or of the nearest one above it that has any; count 0:
 * none, or dkim.sign is off. */
enum status sign_domain_find(struct intake *in, struct text domain, struct arena *a,
    struct sign_domain *out, struct failure *f) MUST_CHECK;
/* Whether auth's answer says that this key is of no use, of which there is then
 * an alarm. */
bool sign_key_failed(
    struct intake *in, const struct sign_domain *d, const struct sign_key *key, enum status s);

#endif
