/* SPDX-License-Identifier: ISC */
/*
 * Sender rewriting for forwards (SRS, M. Wong 2004; there is no RFC): a
 * forwarded message gets a sender in our domain, so that SPF (RFC 7208 D.1)
 * holds at the next hop, and a bounce to it finds its way back:
 *
 *   SRS0=HHHHHH=TT=domain=local@ours            a sender elsewhere
 *   SRS1=HHHHHH=first==HHHH=TT=domain=local@ours  one that first rewrote
 *
 * T is the day, H a keyed hash over what follows it; both in base32 and all
 * compared without case, since local parts lose theirs on the way. Pure.
 */
#ifndef MAILAUTH_SRS_H
#define MAILAUTH_SRS_H

#include "base/buffer.h"

#define SRS_DAYS 21 /* how long a bounce may take */
#define SRS_HASH 6  /* characters of 5 bits */

/* sender: an address that is no null sender, unquoted local part. domain: ours.
 * secret: any octets. now: seconds. An address of our own domain stays as it
 * is. INVALID: sender is no address; LIMIT: the local part would be longer
 * than 64 octets (RFC 5321 4.5.3.1.1), and some other sender is to be used. */
enum status srs_forward(struct text sender, struct text domain, struct text secret, int64_t now,
    struct buffer *out) MUST_CHECK;
/* True when a local part looks like one of these; srs_reverse then decides. */
bool srs_is(struct text local);
/* Where mail to this local part goes: the sender, or for SRS1 the SRS0 address
 * at the first forwarder. NOT_FOUND: no SRS; DENIED: not one of ours;
 * TIMEOUT: older than SRS_DAYS. */
enum status srs_reverse(
    struct text local, struct text secret, int64_t now, struct buffer *out) MUST_CHECK;

#endif
