/* SPDX-License-Identifier: ISC */
/*
 * Flags of the stored form of a summary, for its writer (mime/pack.c) and its
 * reader (mime/unpack.c). They are on disk: never change one, and raise the
 * version when the order of things changes.
 */
#ifndef MIME_PACKED_H
#define MIME_PACKED_H

#include "mime/summary.h"

/* 2: version; octets of what is shown, which follows: facts, size, header_len,
 *    sent_at, sent_zone, message-id, envelope, parts in preorder; then subject,
 *    base subject, preview, references, fields.
 * 1: version, facts .. envelope, subject .. fields, parts. Read, not written. */
#define PACKED_VERSION 2
#define PACKED_OLD 1

/* Of an address. */
#define PACKED_NAME (1u << 0)
#define PACKED_ADL (1u << 1)
#define PACKED_MAILBOX (1u << 2)
#define PACKED_HOST (1u << 3)
#define PACKED_GROUP_START (1u << 4)
#define PACKED_GROUP_END (1u << 5)

/* Of an envelope. */
#define PACKED_DATE (1u << 0)
#define PACKED_SUBJECT (1u << 1)
#define PACKED_IN_REPLY_TO (1u << 2)
#define PACKED_MESSAGE_ID (1u << 3)

/* Of a part, behind the three bits of its encoding; the first four fit one
 * byte with them. */
#define PACKED_PARAMS (1u << 0)
#define PACKED_NEXT (1u << 1)
#define PACKED_CHILD (1u << 2)
#define PACKED_DISPOSITION (1u << 3)
#define PACKED_ID (1u << 4)
#define PACKED_ENCODING_NAME (1u << 5)
#define PACKED_ENVELOPE (1u << 6)
#define PACKED_DESCRIPTION (1u << 7)
#define PACKED_MD5 (1u << 8)
#define PACKED_LANGUAGE (1u << 9)
#define PACKED_LOCATION (1u << 10)
#define PACKED_PART_FLAGS ((1u << 11) - 1)

#endif
