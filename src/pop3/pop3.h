/* SPDX-License-Identifier: ISC */
/*
 * POP3 (RFC 1939) for role access: a session class, and the server that its
 * sessions share, which is the context of the service that runs them.
 */
#ifndef POP3_POP3_H
#define POP3_POP3_H

#include "runtime/calls.h"
#include "runtime/session.h"

struct pop3_server;

extern const struct session_class pop3_session_class;

/* The hostname is copied, the calls outlive the server. */
struct pop3_server *pop3_server_new(struct calls *calls, struct text hostname);
/* The store was lost and is there again. Any thread. */
void pop3_server_relinked(struct pop3_server *server);
/* After the service has stopped. */
void pop3_server_free(struct pop3_server *server);

#endif
