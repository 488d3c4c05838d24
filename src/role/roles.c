/* SPDX-License-Identifier: ISC */
/* The table of roles. */
#include "role/roles.h"

static const struct role_ops *const all[] = {
	&role_store_ops,
	&role_auth_ops,
	&role_intake_ops,
	&role_lookup_ops,
	&role_mx_ops,
	&role_access_ops,
	&role_outbound_ops,
};

const struct role_ops *
role_ops_find(struct text word)
{
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (text_equal(word, text_of(role_word(all[i]->role))))
			return all[i];
	return NULL;
}
