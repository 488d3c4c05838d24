/* SPDX-License-Identifier: ISC */
/*
 * What STATUS tells of a mailbox (RFC 3501 6.3.10, RFC 9051 6.3.11), also
 * where LIST returns it (RFC 5819).
 */
#ifndef IMAP_STATUS_H
#define IMAP_STATUS_H

#include "imap/session.h"

/* "(" status-att *(SP status-att) ")" as bits. Asking for HIGHESTMODSEQ is
 * asking for CONDSTORE (RFC 7162 3.1): see imap_status_asked. */
bool imap_status_items(struct cursor *c, unsigned *items);
/* The command is whole: it enables what its items imply. */
void imap_status_asked(struct command *c, unsigned items);
/* The untagged STATUS. */
void imap_write_status(struct command *c, const struct store_mailbox *m, unsigned items);

#endif
