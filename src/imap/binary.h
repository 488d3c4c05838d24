/* SPDX-License-Identifier: ISC */
/*
 * Parts of a message with their transfer encoding undone (RFC 3516, RFC 9051
 * 6.4.5). The content goes by in windows, so memory is bounded whatever the
 * part's size; positions count decoded octets.
 */
#ifndef IMAP_BINARY_H
#define IMAP_BINARY_H

#include "imap/message.h"

/* Decoded content of a section: a range of the message and its encoding. */
struct binary {
	struct octets where;
	enum mime_encoding encoding;
};

/* False if there is no such section. What has parts, and the message as a
 * whole, has no encoding of its own. INVALID in *st: the encoding is not known
 * ([UNKNOWN-CTE]). */
bool imap_binary_find(
    struct message *m, const struct section *s, struct binary *out, enum status *st);
/* Decoded octets [from, from + len), cut to the size, in consecutive parts;
 * reads no further than it must. */
enum status imap_binary_read(struct message *m, const struct binary *b, uint64_t from, uint64_t len,
    enum status (*sink)(void *arg, struct text part), void *arg) MUST_CHECK;

/* How many octets that are, and whether a NUL is among them, which only a
 * literal8 can hold. */
struct binary_size {
	uint64_t octets;
	bool nul;
};
enum status imap_binary_measure(struct message *m, const struct binary *b, uint64_t from,
    uint64_t len, struct binary_size *out) MUST_CHECK;

#endif
