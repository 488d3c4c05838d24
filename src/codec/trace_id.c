/* SPDX-License-Identifier: ISC */
/* Numbers of messages for people; see codec/trace_id.h. */
#include "codec/trace_id.h"

/* No letters that are read as others (0 o, 1 l). */
static const char digits[] = "abcdefghijkmnpqrstuvwxyz23456789";

void
trace_id_print(uint64_t number, char out[TRACE_ID_LENGTH])
{
	for (size_t i = TRACE_ID_LENGTH; i-- > 0; number >>= 5)
		out[i] = digits[number & 31];
}

enum status
trace_id_parse(struct text t, uint64_t *out)
{
	struct text all = { digits, sizeof(digits) - 1 };
	uint64_t number = 0;

	if (t.len != TRACE_ID_LENGTH)
		return STATUS_INVALID;
	for (size_t i = 0; i < t.len; i++) {
		char c = t.ptr[i] >= 'A' && t.ptr[i] <= 'Z' ? (char)(t.ptr[i] + 32) : t.ptr[i];
		size_t digit = text_find_byte(all, c, 0);

		if (digit >= all.len || number >> 59 != 0)
			return STATUS_INVALID;
		number = number << 5 | digit;
	}
	*out = number;
	return STATUS_OK;
}
