/* SPDX-License-Identifier: ISC */
/*
 * A streaming JSON writer (RFC 8259): keeps track of commas and nesting, escapes
 * everything, turns bad UTF-8 into U+FFFD. Reading JSON is jansson's job.
 */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include "base/buffer.h"

struct json {
	struct buffer *out;
	uint8_t depth;
	uint64_t filled; /* bit n: level n has a member already */
	bool after_key;
};

struct json json_to(struct buffer *out);
void json_object(struct json *j);     /* { */
void json_object_end(struct json *j); /* } */
void json_array(struct json *j);
void json_array_end(struct json *j);
void json_key(struct json *j, const char *key);
void json_text(struct json *j, struct text t);
void json_u64(struct json *j, uint64_t n);
void json_i64(struct json *j, int64_t n);
void json_double(struct json *j, double d);
void json_bool(struct json *j, bool b);
void json_null(struct json *j);

#endif
