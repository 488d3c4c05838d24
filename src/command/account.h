/* SPDX-License-Identifier: ISC */
/* What the two files of `mailstead account` share. */
#ifndef COMMAND_ACCOUNT_H
#define COMMAND_ACCOUNT_H

#include "auth/calls.h"
#include "command/command.h"

/* Asks auth for the sealed verifier of a password, or of a ready hash. */
enum status account_verifier(struct calls *calls, struct text password, struct text hash,
    struct arena *a, struct auth_verifier_reply *out, struct failure *f) MUST_CHECK;

/* add --batch FILE; also used by the demo's and the tests' set-up. */
int account_add_batch(struct instance *i, const struct options *o);

#endif
