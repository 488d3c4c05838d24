/* SPDX-License-Identifier: ISC */
/* See intake/octets.h. */
#include "intake/octets.h"

#include <string.h>

#include "base/buffer.h"
#include "mime/decode.h"
#include "mime/seven.h"
#include "store/queue_calls.h"

#define LINE_MAX_OCTETS 998 /* RFC 5322 2.1.1 */

static bool
ends_well(struct text line)
{
	return line.len > 0 && line.ptr[line.len - 1] == '\r' &&
	       memchr(line.ptr, '\r', line.len) == line.ptr + line.len - 1;
}

bool
octets_lines_good(struct text t)
{
	const char *p = t.ptr, *end = t.ptr + t.len, *lf;

	while (p < end && (lf = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		if (!ends_well((struct text){ p, (size_t)(lf - p) }))
			return false;
		p = lf + 1;
	}
	return p == end || memchr(p, '\r', (size_t)(end - p)) == NULL;
}

struct text
octets_mend_lines(struct text t, struct arena *a)
{
	struct buffer out = BUFFER_INIT;
	struct text mended;

	for (size_t i = 0; i < t.len; i++) {
		char c = t.ptr[i];

		if (c != '\r' && c != '\n') {
			buffer_add_byte(&out, c);
			continue;
		}
		size_t k = i;

		while (k < t.len && t.ptr[k] == '\r')
			k++;
		if (k < t.len && t.ptr[k] == '\n')
			i = k;
		buffer_add_string(&out, "\r\n");
	}
	mended = arena_copy(a, buffer_text(&out));
	buffer_done(&out);
	return mended;
}

/* All octets at once, so that the compiler makes wide steps of it. */
static bool
has_high(struct text t)
{
	unsigned char all = 0;

	for (size_t i = 0; i < t.len; i++)
		all |= (unsigned char)t.ptr[i];
	return all > 127;
}

static bool
has_long_line(struct text t)
{
	struct text line;

	while (text_split(&t, '\n', &line))
		if (line.len > LINE_MAX_OCTETS + 1)
			return true;
	return t.len > LINE_MAX_OCTETS;
}

unsigned
octets_look(struct text t)
{
	unsigned found = 0;

	if (t.len == 0 || mime_seven_clean(t))
		return 0;
	if (memchr(t.ptr, 0, t.len) != NULL || !octets_lines_good(t))
		found |= OCTETS_BINARY;
	if (has_high(t))
		found |= OCTETS_HIGH;
	if (has_long_line(t))
		found |= OCTETS_LONG;
	return found;
}

uint64_t
octets_body(unsigned found)
{
	if (found & OCTETS_BINARY)
		return QUEUE_BINARYMIME;
	return found & OCTETS_HIGH ? QUEUE_8BITMIME : QUEUE_7BIT;
}

/* RFC 8689 3: the only value there is. */
uint64_t
octets_needs(struct text header, const struct mime_summary *facts, struct arena *a)
{
	uint64_t needs = facts->facts & MIME_HEADER_UTF8 ? QUEUE_HEADER_UTF8 : 0;
	struct text tls;

	if (mime_header_get(header, TEXT("tls-required"), 0, a, &tls) &&
	    text_equal_ci(tls, TEXT("no")))
		needs |= QUEUE_TLS_OPTIONAL;
	return needs;
}
