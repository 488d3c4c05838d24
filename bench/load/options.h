/* SPDX-License-Identifier: ISC */
/*
 * Command lines of the load tools: `--name value`, from one table that also
 * makes the usage text. Flags are values too: `--tls 1`.
 */
#ifndef BENCH_LOAD_OPTIONS_H
#define BENCH_LOAD_OPTIONS_H

#include <stddef.h>

/** A row: a number or a text, whichever of the two is not NULL. */
struct option_row {
	const char *name;
	unsigned long *number;
	const char **text;
	const char *help;
};

/** Fills what the rows point at; prints the usage and ends with code 2 when
    something is not as the rows say. */
void options_parse(const struct option_row *rows, size_t count, int argc, char **argv);

#endif
