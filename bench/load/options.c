/* SPDX-License-Identifier: ISC */
/*
 * Command lines of the load tools, see options.h.
 */
#include "load/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void __attribute__((noreturn))
usage(const struct option_row *rows, size_t count, const char *program)
{
	fprintf(stderr, "usage: %s [--option value]...\n", program);
	for (size_t i = 0; i < count; i++)
		fprintf(stderr, "  --%-12s %s\n", rows[i].name, rows[i].help);
	exit(2);
}

static const struct option_row *
find(const struct option_row *rows, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (strncmp(word, "--", 2) == 0 && strcmp(word + 2, rows[i].name) == 0)
			return &rows[i];
	return NULL;
}

static int
set(const struct option_row *row, const char *value)
{
	char *end;

	if (row->text != NULL) {
		*row->text = value;
		return 1;
	}
	errno = 0;
	unsigned long number = strtoul(value, &end, 10);
	if (errno != 0 || end == value || *end != '\0')
		return 0;
	*row->number = number;
	return 1;
}

void
options_parse(const struct option_row *rows, size_t count, int argc, char **argv)
{
	for (int i = 1; i < argc; i += 2) {
		const struct option_row *row = find(rows, count, argv[i]);
		if (row == NULL || i + 1 >= argc || !set(row, argv[i + 1]))
			usage(rows, count, argv[0]);
	}
}
