/* SPDX-License-Identifier: ISC */
/* For the unit tests: reading the vectors that stand beside the sources
 * (MAILSTEAD_SHARED), which may be missing; tests then say so and pass over. */
#ifndef MIME_VECTORS_H
#define MIME_VECTORS_H

#include "codec/test_support.h"

/* After the one above: cmocka wants to be first. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* The path of a vector, or NULL after saying that it is missing. The string
 * is good until the next call. */
static inline const char *
vector_path(const char *name)
{
	static char path[1024];
	const char *shared = getenv("MAILSTEAD_SHARED");
	FILE *f;

	if (shared == NULL)
		shared = "../shared";
	(void)snprintf(path, sizeof(path), "%s/vectors/mime/%s", shared, name);
	f = fopen(path, "rb");
	if (f == NULL) {
		print_message("no vectors at %s: passed over\n", path);
		return NULL;
	}
	(void)fclose(f);
	return path;
}

/* A JSON file of mail-parser's, or NULL. */
static inline json_t *
vector_json(const char *name)
{
	const char *path = vector_path(name);
	json_error_t error;
	json_t *json;

	if (path == NULL)
		return NULL;
	json = json_load_file(path, JSON_ALLOW_NUL, &error);
	if (json == NULL)
		fail_msg("%s: %s", path, error.text);
	return json;
}

/* The text of a JSON string, empty for null. */
static inline struct text
json_view(const json_t *json)
{
	return json_is_string(json)
		   ? (struct text){ json_string_value(json), json_string_length(json) }
		   : TEXT_EMPTY;
}

/* A field's value, which ends at the first line end that is no fold; what
 * begins with a line end goes on behind it. */
static inline struct text
vector_value(struct text field)
{
	for (size_t i = 1; i < field.len; i++)
		if (field.ptr[i] == '\n' &&
		    (i + 1 == field.len || (field.ptr[i + 1] != ' ' && field.ptr[i + 1] != '\t')))
			return text_part(field, 0, i);
	return field;
}

#endif
