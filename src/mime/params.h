/* SPDX-License-Identifier: ISC */
/*
 * Content-Type, Content-Disposition and Content-Transfer-Encoding (RFC 2045
 * 5.1, RFC 2183, RFC 2231), leniently: missing semicolons, values that should
 * have been quoted, encoded words where RFC 2231 should stand.
 */
#ifndef MIME_PARAMS_H
#define MIME_PARAMS_H

#include "mime/summary.h"

struct mime_type {
	struct text type;    /* lower case; empty when there is none */
	struct text subtype; /* lower case; empty when there is none */
	struct mime_params params;
	struct text boundary; /* as written, for comparing octets; empty: none */
};

/* A value "type/subtype; params" or "disposition; params". */
void mime_type_parse(struct text value, struct arena *a, struct mime_type *out);
enum mime_encoding mime_encoding_parse(struct text value);
/* How an encoding is spelled; "" for an unknown one. */
struct text mime_encoding_name(enum mime_encoding encoding);
/* The value of a parameter; false when it is absent. */
bool mime_param_get(const struct mime_params *params, struct text name, struct text *out);

#endif
