/* SPDX-License-Identifier: ISC */
/*
 * Reading a message in a front, as its owner sees it: the recipient's prefix
 * (Return-Path, Delivered-To) and the content behind it are one run of octets,
 * and the prefix is the beginning of the header. All offsets count from its
 * first octet. Pieces are asked from the store as a range needs them, so a
 * header costs no body and no message is ever whole in memory.
 */
#ifndef STORE_READER_H
#define STORE_READER_H

#include "store/calls.h"
#include "store/content.h"

struct store_reader {
	struct calls *calls;
	struct text token;
	uint32_t mailbox, uid;
	struct text prefix;
	struct content content;
	uint64_t header_len; /* of the content, however long it is */
};

/* The row was fetched with FETCH_PIECE0, or with FETCH_HEADER when nothing
 * behind the header will be read; its texts live as long as the reader, which
 * stays where it is. Reads on where a header is longer than its frame.
 * CORRUPT. */
enum status store_reader_open(struct store_reader *r, struct calls *calls, struct text token,
    uint32_t mailbox, const struct store_row *row) MUST_CHECK;
uint64_t store_reader_size(const struct store_reader *r);
/* Octets of the header, the empty line included. */
uint64_t store_reader_header(const struct store_reader *r);
/* Octets [from, from + len), cut to the size, in consecutive parts. A sink
 * that does not give OK ends the reading with its status. */
enum status store_reader_read(struct store_reader *r, uint64_t from, uint64_t len,
    enum status (*sink)(void *arg, struct text part), void *arg) MUST_CHECK;
enum status store_reader_read_buffer(
    struct store_reader *r, uint64_t from, uint64_t len, struct buffer *out) MUST_CHECK;

#endif
