/* SPDX-License-Identifier: ISC */
/*
 * The words of the roles, made from ROLE_TABLE: they name processes in the
 * log, in metrics and on the command line.
 */
#include "runtime/roles.h"

static const char *const words[ROLE_COUNT] = {
#define X(name, word) [ROLE_##name] = word,
	ROLE_TABLE(X)
#undef X
};

const char *
role_word(enum role r)
{
	return (unsigned)r < ROLE_COUNT ? words[r] : "unknown";
}

enum status
role_of_word(struct text word, enum role *out)
{
	for (unsigned i = 0; i < ROLE_COUNT; i++)
		if (text_equal(word, text_of(words[i]))) {
			*out = (enum role)i;
			return STATUS_OK;
		}
	return STATUS_NOT_FOUND;
}
