/* SPDX-License-Identifier: ISC */
/*
 * The data folder and the secrets in it: made at the first start, read by the
 * monitor, handed to the roles that need them.
 *
 *	DIR/            0711 (as root, so that roles reach their part), else 0700
 *	DIR/keys/       0700, token.key and verifier.key, 32 random octets each
 *	DIR/store/      0700, owned by the store's user
 */
#ifndef COMMAND_SECRETS_H
#define COMMAND_SECRETS_H

#include "base/arena.h"

/* Makes what is missing. store_uid 0: leave the owner. */
enum status folder_prepare(
    const char *dir, uint32_t store_uid, uint32_t store_gid, struct failure *f) MUST_CHECK;
/* Reads DIR/keys/NAME, or makes it, durably, when it is not there. A file of
 * another length is INVALID: a lost verifier key makes every password useless
 * and must be noticed. */
enum status secret_load(const char *dir, const char *name, struct arena *a, struct text *out,
    struct failure *f) MUST_CHECK;
/* Writes a file whole and durably: temporary name, fsync, rename, fsync of the
 * folder. */
enum status file_write(
    const char *path, struct text bytes, unsigned mode, struct failure *f) MUST_CHECK;

#endif
