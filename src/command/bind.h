/* SPDX-License-Identifier: ISC */
/* Listening sockets, bound by the monitor before anybody drops privileges. */
#ifndef COMMAND_BIND_H
#define COMMAND_BIND_H

#include "command/config.h"

struct bound {
	const struct config_listener *listener;
	int fd;
};

/* Binds every address of every listener; *out lives in the arena. On failure
 * all are closed again; f tells address, port and reason. */
enum status bind_all(const struct config *c, struct arena *a, struct bound **out, uint32_t *count,
    struct failure *f) MUST_CHECK;

#endif
