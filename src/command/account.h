/* SPDX-License-Identifier: ISC */
/* What the files of `mailstead account` share. */
#ifndef COMMAND_ACCOUNT_H
#define COMMAND_ACCOUNT_H

#include "auth/calls.h"
#include "command/command.h"
#include "store/calls.h"

/* Asks auth for the sealed verifier of a password, or of a ready hash. */
enum status account_verifier(struct calls *calls, struct text password, struct text hash,
    struct arena *a, struct auth_verifier_reply *out, struct failure *f) MUST_CHECK;

/* add --batch FILE; also used by the demo's and the tests' set-up. */
int account_add_batch(struct instance *i, const struct options *o);

/* In cmd_account_forward.c: forward, forward --off, and what show says of it. */
int account_forward(struct instance *i, const struct options *o);
int account_forward_off(struct instance *i, const struct options *o);
void account_forward_text(struct buffer *out, const struct store_account_reply *r);
void account_forward_json(struct json *j, const struct store_account_reply *r);
/* Sending (cmd_account_sending.c): stopped by hand, and let go on; was: it was
 * stopped. A limit of its own. The last of what show says: ends the object and writes
 * all of it, or nothing if it is refused. */
int account_freeze(struct instance *i, const struct options *o);
int account_unfreeze(struct instance *i, const struct options *o, bool *was);
int account_limit(struct instance *i, const struct options *o);
int account_show_sending(struct instance *i, struct text address, struct output *out);

#endif
