/* SPDX-License-Identifier: ISC */
/*
 * What the front roles (mx, access) and others share: live settings from the
 * store, files of the configuration, TLS with keys that stay in auth, listeners
 * with their protocols.
 */
#ifndef ROLE_FRONT_H
#define ROLE_FRONT_H

#include "runtime/role.h"
#include "runtime/tls.h"

/* Takes all live settings from the store; later changes come by runtime_setting. */
enum status front_settings(struct calls *calls, struct failure *f) MUST_CHECK;

/* Appends a file that the configuration names, of at most ROLE_FILE_MAX octets;
 * before the sandbox closes. */
#define ROLE_FILE_MAX (4u << 20)
enum status role_file(const char *path, struct buffer *out, struct failure *f) MUST_CHECK;

/* Asks auth for the certificates; *out is NULL if there are none. */
enum status front_tls(struct calls *calls, struct tls_context **out, struct failure *f) MUST_CHECK;
/* The same for a running service: new connections get what auth has now. */
void front_tls_again(struct calls *calls, struct service *service);

/* A protocol by the name of its listeners. */
struct front_protocol {
	const char *listener;
	const struct session_class *class;
};

/* Fills in the listeners of these protocols, proxy peers and TLS, and starts
 * the service. What config points at lives in the arena. */
enum status front_start(const struct role_start *start, struct calls *calls,
    const struct front_protocol *protocols, size_t count, struct arena *a,
    struct service_config *config, struct service **out, struct failure *f) MUST_CHECK;

#endif
