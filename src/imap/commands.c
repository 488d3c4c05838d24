/* SPDX-License-Identifier: ISC */
/*
 * The command table as C has it; commands.def is where it is written.
 */
#include "imap/session.h"

static const struct command_row rows[] = {
#define X(name, states, flags, run) { { name, sizeof(name) - 1 }, states, flags, imap_cmd_##run },
#include "imap/commands.def"
#undef X
};

const struct command_row *
imap_command_find(struct text name)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (text_equal_ci(rows[i].name, name))
			return &rows[i];
	return NULL;
}
