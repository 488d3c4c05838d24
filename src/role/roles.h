/* SPDX-License-Identifier: ISC */
/*
 * The roles that this program can be, one file each: what it holds, what it
 * serves, whom it calls. DESIGN section 1.
 */
#ifndef ROLE_ROLES_H
#define ROLE_ROLES_H

#include "runtime/role.h"

extern const struct role_ops role_store_ops;
extern const struct role_ops role_auth_ops;
extern const struct role_ops role_intake_ops;
extern const struct role_ops role_lookup_ops;
extern const struct role_ops role_mx_ops;
extern const struct role_ops role_access_ops;
extern const struct role_ops role_outbound_ops;

/* By name; NULL: this program has no such role. */
const struct role_ops *role_ops_find(struct text word);

#endif
