/* SPDX-License-Identifier: ISC */
/*
 * Sealing: AES-256-GCM under SECRET_VERIFIER, a key that lies outside the
 * engine, so that a stolen store cannot be guessed at. Sealed form: u8 version
 * (1), 12 octets of nonce, ciphertext, 16 octets of tag.
 */
#ifndef AUTH_SEAL_H
#define AUTH_SEAL_H

#include "base/buffer.h"

/* key: 32 octets. */
void seal_close(struct text key, struct text plain, struct buffer *out);
/* CORRUPT: not sealed by this key, or changed. out is a secret: wipe it. */
enum status seal_open(struct text key, struct text sealed, struct buffer *out) MUST_CHECK;

#endif
