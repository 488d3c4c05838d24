/* SPDX-License-Identifier: ISC */
/*
 * Who may talk to us, before a word was said: clients that are remembered for
 * having waited for the greeting once (programs that send spam in bulk talk
 * first; mail servers wait, RFC 5321 4.3.1), and the peers of LMTP.
 */
#ifndef SMTP_GREET_H
#define SMTP_GREET_H

#include <sys/socket.h>

#include "base/text.h"

struct smtp_greeters;

/* Remembers at most max addresses (IPv6: /64); the least recently seen gives
 * way. Any thread. */
struct smtp_greeters *smtp_greeters_new(size_t max);
void smtp_greeters_free(struct smtp_greeters *g);
/* True if the address passed within the last keep microseconds; then it counts
 * as seen now. */
bool smtp_greeters_know(struct smtp_greeters *g, const struct sockaddr_storage *peer, int64_t keep);
void smtp_greeters_remember(struct smtp_greeters *g, const struct sockaddr_storage *peer);

/* True if the address lies in one of the networks, separated by spaces:
 * "127.0.0.0/8 ::1 192.0.2.7". What is no network matches nothing. */
bool smtp_peer_allowed(const struct sockaddr_storage *peer, struct text networks);

#endif
