/* SPDX-License-Identifier: ISC */
/*
 * How a message's number is written for people: 13 characters of base32 for 64
 * bits, in the answer to DATA, in Received and in the commands of the operator.
 */
#ifndef CODEC_TRACE_ID_H
#define CODEC_TRACE_ID_H

#include "base/buffer.h"

#define TRACE_ID_LENGTH 13 /* 13 * 5 bits >= 64 */

void trace_id_print(uint64_t number, char out[TRACE_ID_LENGTH]);
/* Capitals are read too. INVALID: it is none. */
enum status trace_id_parse(struct text t, uint64_t *out) MUST_CHECK;

#endif
