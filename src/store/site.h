/* SPDX-License-Identifier: ISC */
/* The site's own entity: version of the format, and settings that are not at
 * their defaults. */
#ifndef STORE_SITE_H
#define STORE_SITE_H

#include "store/owner.h"

#define SETTING_VALUE_MAX 4096u

struct site {
	struct owner owner;  /* first */
	struct map settings; /* name -> value, a string */
};

/* Checks the format or writes it into an empty engine; applies settings. */
enum status site_init(struct store *s, struct failure *f) MUST_CHECK;
void site_done(struct store *s);

#endif
