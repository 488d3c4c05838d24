/* SPDX-License-Identifier: ISC */
/*
 * IMAP4rev1 and IMAP4rev2 (RFC 3501, RFC 9051) for role access: a session class, and the server
 * that its sessions share. The service that runs the sessions has the server as its context.
 *
 * What the role provides: the calls; service_publish(service, account) for
 * each account that store_feed pushes; and imap_server_relinked() followed by
 * service_publish_all() when the link to the store was lost and the feed is
 * open again, since the store has then forgotten what was watched.
 */
#ifndef IMAP_IMAP_H
#define IMAP_IMAP_H

#include "runtime/calls.h"
#include "runtime/session.h"

struct board;
struct imap_server;

extern const struct session_class imap_session_class;

/* The hostname is copied, the calls outlive the server. */
struct imap_server *imap_server_new(struct calls *calls, struct text hostname);
/* After the service has stopped. */
void imap_server_free(struct imap_server *server);
/* The board that the store writes (store/board.h), which outlives the server. */
void imap_server_board(struct imap_server *server, const struct board *board);
void imap_server_relinked(struct imap_server *server);

#endif
