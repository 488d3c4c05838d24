/* SPDX-License-Identifier: ISC */
/*
 * The syntax of the configuration file: UCL as nginx users know it. Sections
 * with an optional label, keys with a value or a list of values, comments.
 *
 *	hostname = "mail.example.org"    # "=", ":" or a space
 *	listen smtp { address = ["0.0.0.0", "::"]; port = 25 }
 *
 * Every node knows its line. What the keys mean is config.h's business.
 */
#ifndef COMMAND_CONF_FILE_H
#define COMMAND_CONF_FILE_H

#include "base/arena.h"

#define CONF_FILE_MAX (1u << 20)
#define CONF_DEPTH_MAX 8
#define CONF_NODES_MAX 10000

struct conf_node {
	struct text key;
	struct text label; /* of a section: "smtp" in listen smtp { } */
	bool is_section;
	struct text *values; /* of a key: one, or the members of a list */
	uint32_t value_count;
	bool is_list;
	uint32_t line;
	struct conf_node *child; /* of a section: its first */
	struct conf_node *next;
};

/* Reads the whole text; *out is the first node of the top level, NULL if there
 * is none. INVALID or LIMIT, with "line N: ..." in f->client. */
enum status conf_parse(
    struct text file, struct arena *a, struct conf_node **out, struct failure *f) MUST_CHECK;

#endif
