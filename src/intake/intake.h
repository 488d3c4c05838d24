/* SPDX-License-Identifier: ISC */
/*
 * Role intake: the one path of a message (DESIGN section 5). Each message is
 * parsed once, its summary and its compressed content go to the store in one
 * call, and the answer is the store's. Nothing of a message stays here, but for
 * a while what was made of those whose command is still coming (prepared.h).
 */
#ifndef INTAKE_INTAKE_H
#define INTAKE_INTAKE_H

#include "intake/notes.h"
#include "mime/summary.h"
#include "runtime/calls.h"

struct intake {
	struct calls *calls; /* to the store; set before the first call comes */
	struct notes *notes; /* what was in hand when a life of this role ended */
	/* For tests: NULL is mime_parse. */
	void (*parse)(struct text message, const struct mime_limits *limits, struct arena *a,
	    struct mime_summary *out);
	struct text hostname;	/* of this site */
	struct sign_keys *keys; /* those that sign, remembered for a short time; may be NULL */
	/* For tests: octets of large messages that are worked on at once; 0: 256 MiB. */
	size_t large_octets;
};

/* Fills in rows, context and, where it is 0, the number of threads. */
void intake_serve(struct intake *in, struct call_server_config *config);

#endif
