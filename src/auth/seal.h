/* SPDX-License-Identifier: ISC */
/*
 * Sealing of password verifiers and DKIM keys: AES-256-GCM under
 * SECRET_VERIFIER, a key that lies outside the engine, so that a stolen store
 * cannot be guessed at and signs nothing. Sealed form: u8 version
 * (1), 12 octets of nonce, ciphertext, 16 octets of tag.
 */
#ifndef AUTH_SEAL_H
#define AUTH_SEAL_H

#include "base/buffer.h"

/* key: 32 octets. */
void seal_close(struct text key, struct text plain, struct buffer *out);
/* CORRUPT: not sealed by this key, or changed. out is a secret: wipe it. */
enum status seal_open(struct text key, struct text sealed, struct buffer *out) MUST_CHECK;

/* The same for another purpose, which is authenticated with it (NIST SP 800-38D
 * 5.2.1.1): what was sealed for one opens for no other. The two above are for
 * "mailstead verifier". */
void seal_close_for(struct text key, struct text purpose, struct text plain, struct buffer *out);
enum status seal_open_for(
    struct text key, struct text purpose, struct text sealed, struct buffer *out) MUST_CHECK;

#endif
