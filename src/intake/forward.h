/* SPDX-License-Identifier: ISC */
/*
 * Inside of intake: what a message needs that an alias or an account leads on
 * to an address elsewhere. Its sender is rewritten, so that SPF holds at the
 * next hop and a bounce finds its way back (mailauth/srs.h); the message stays
 * as it is, so that its signatures hold; and an ARC set tells the next hop what
 * was found here (RFC 8617 5.1).
 */
#ifndef INTAKE_FORWARD_H
#define INTAKE_FORWARD_H

#include "intake/calls.h"
#include "intake/piece.h"

/* Fills in m->forward of a message that piece_prepare had in hand. There is no
 * ARC set where no RSA key signs for the domain of the first recipient, where
 * the chain ended or its keys cannot be had, or with dkim.sign off.
 * UNAVAILABLE and the like: the store or auth is away. */
enum status forward_prepare(struct intake *in, const struct intake_deliver_request *q,
    struct piece_of_mail *m, struct arena *a, struct failure *f) MUST_CHECK;

#endif
