/* SPDX-License-Identifier: ISC */
/* The resolver from the inside; for its files. */
#ifndef LOOKUP_RESOLVER_PARTS_H
#define LOOKUP_RESOLVER_PARTS_H

#include "base/buffer.h"
#include "lookup/resolver.h"

/* The configuration in libunbound's own syntax; false: a server or anchor of it
 * cannot be read. */
bool resolver_text(
    const struct resolver_config *config, bool validating, struct buffer *out) MUST_CHECK;

#endif
