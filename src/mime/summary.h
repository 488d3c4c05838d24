/* SPDX-License-Identifier: ISC */
/*
 * The summary: what a message is, found out once when it enters and stored
 * beside it. FETCH, SORT, THREAD, JMAP and the webmail work from it and never
 * parse the message again. All offsets and sizes count octets of the message
 * as it entered (CRLF line ends); the store adds the length of the prefix
 * (Return-Path, Delivered-To) that differs per recipient.
 *
 * Texts in a parsed or decoded summary are views: of the message, of the
 * arena, or of the encoded bytes. None holds CR, LF or NUL; octets over 127
 * are as the message has them in raw values, and UTF-8 in decoded ones.
 *
 * A line ends at LF, with or without CR before it. Sizes are those of the
 * octets that came, whichever line ends they have.
 */
#ifndef MIME_SUMMARY_H
#define MIME_SUMMARY_H

#include "base/arena.h"
#include "base/pack.h"
#include "mime/address.h"

struct mime_limits {
	uint32_t max_depth;	/* nesting of multiparts and messages; 0: 50 */
	uint32_t max_parts;	/* parts in all; 0: 5,000 */
	uint32_t max_header;	/* octets of one header block that are read; 0: 256 KiB */
	uint32_t max_fields;	/* fields of one header block; 0: 2,000 */
	uint32_t max_addresses; /* of one field; 0: 2,000 */
};

struct mime_param {
	struct text name;  /* lower case */
	struct text value; /* unquoted, RFC 2231 pieces joined and decoded to UTF-8 */
};

struct mime_params {
	struct mime_param *at;
	uint32_t count;
};

/* Where one header field stands. The block is the message's top header. */
struct mime_field {
	struct text name; /* as written, without the colon */
	uint32_t at;	  /* offset of the name from the start of the message */
	uint32_t value;	  /* offset of the byte behind the colon */
	uint32_t end;	  /* offset behind the field's last line end */
};

enum mime_encoding {
	MIME_7BIT,
	MIME_8BIT,
	MIME_BINARY,
	MIME_BASE64,
	MIME_QP,
	MIME_UNKNOWN_ENCODING,
};

/* A body part (RFC 2045, RFC 3501 7.4.2 BODYSTRUCTURE). The root part is the
 * message's own body.
 *
 * Whoever walks the tree may rely on this: children lie inside their parent's
 * body, in order and apart; a multipart has at least one child; envelope is
 * set for message/rfc822 and message/global alone, which have exactly one
 * child; nothing else has children; no more than 100 levels. A multipart in
 * which no part was found, and a message whose octets are encoded, have one
 * child that is a text/plain of their whole body, in the encoding of the
 * message. What lies too deep becomes an application/octet-stream. */
struct mime_part {
	struct text type;    /* lower case, "text" by default */
	struct text subtype; /* lower case */
	struct mime_params params;
	struct text id;		 /* Content-ID as written, or empty */
	struct text description; /* raw, unfolded */
	struct text md5;
	struct text disposition; /* lower case; empty: no such field */
	struct mime_params disposition_params;
	struct text language; /* raw, unfolded field value */
	struct text location;
	struct text encoding_name; /* in any case of letters; unknown: as written */
	enum mime_encoding encoding;
	uint64_t header_at; /* start of this part's header block */
	uint64_t body_at;   /* start of its body */
	uint64_t body_len;  /* octets, still encoded */
	uint64_t lines;	    /* line ends in the body (text and message parts) */
	/* multipart: the children; message/rfc822 and message/global: one child,
	 * the inner message's body, whose header_at is where the inner message
	 * begins; the envelope is the inner message's. */
	struct mime_part *child;	/* first */
	struct mime_part *next;		/* sibling */
	struct mime_envelope *envelope; /* of the inner message, else NULL */
};

/* RFC 3501 7.4.2 ENVELOPE. Texts are raw header values, unfolded and trimmed,
 * encoded words kept; has_* tell an absent field (NIL) from an empty one. An
 * address list is empty when the field is absent or names nobody. Sender and
 * Reply-To are what stands in the message: who prints an ENVELOPE puts From in
 * place of an empty one. host is empty where an address has none; since IMAP
 * takes NIL there for a group, print "" unless group_start or group_end is
 * set. Of a field that stands there twice, the first counts; of To, Cc and Bcc
 * all do (RFC 5322 4.5.3). */
struct mime_envelope {
	struct text date;
	struct text subject;
	struct mime_addresses from, sender, reply_to, to, cc, bcc;
	struct text in_reply_to;
	struct text message_id;
	bool has_date, has_subject, has_in_reply_to, has_message_id;
};

/* Facts for lists and rules. */
enum mime_fact {
	MIME_HAS_ATTACHMENT = 1 << 0, /* what a person calls one (RFC 8621 4.1.4) */
	MIME_HAS_HTML = 1 << 1,
	MIME_HAS_TEXT = 1 << 2,
	MIME_HAS_8BIT = 1 << 3,	   /* octets over 127 in bodies, or not UTF-8 in a header */
	MIME_HAS_BINARY = 1 << 4,  /* NUL, or a line over 998 octets, or a bare CR or LF */
	MIME_HEADER_UTF8 = 1 << 5, /* RFC 6532 header, of the message or of a part */
	MIME_CUT = 1 << 6,	   /* a limit was met: the rest is one opaque part, or
				    * a header has fields that were not read */
	MIME_OPAQUE = 1 << 7,	   /* the parser gave up: one text part */
	MIME_ENCRYPTED = 1 << 8,
	MIME_SIGNED = 1 << 9,
	MIME_LIST = 1 << 10, /* List-Id or List-Unsubscribe */
	MIME_CALENDAR = 1 << 11,
};

struct mime_summary {
	uint32_t facts;
	uint64_t size;	     /* of the whole message */
	uint64_t header_len; /* octets up to and with the empty line */
	int64_t sent_at;     /* Date field, seconds since 1970; 0 if there is none */
	int16_t sent_zone;
	struct mime_envelope envelope;
	struct mime_part root;	   /* header_at 0, body_at header_len */
	struct mime_field *fields; /* the top header, in order */
	uint32_t field_count;
	struct text subject;	  /* decoded UTF-8, at most 1,000 bytes */
	struct text base_subject; /* RFC 5256 2.1, decoded, at most 1,000 bytes */
	struct text preview;	  /* plain words of the first text, UTF-8, at most 256 bytes */
	struct text *references;  /* message-ids without angle brackets, oldest first: */
	uint32_t reference_count; /* References, then In-Reply-To; at most 100, the newest kept */
	struct text message_id;	  /* without angle brackets, or empty */
};

/* Reads a message. Never fails: any bytes give a summary. limits may be NULL.
 * Views point into message and arena. Linear in the size of the message;
 * memory is bounded by the limits. */
void mime_parse(struct text message, const struct mime_limits *limits, struct arena *a,
    struct mime_summary *out);
/* What is kept when the parser itself cannot be trusted with a message: header
 * length and size are right, the body is one text/plain part. */
void mime_opaque(struct text message, struct arena *a, struct mime_summary *out);

/* The stored form; first byte is the format's version. */
void mime_summary_pack(const struct mime_summary *s, struct buffer *out);
/* CORRUPT if the bytes are no summary; bounds-checked against everything. */
enum status mime_summary_unpack(
    struct text bytes, struct arena *a, struct mime_summary *out) MUST_CHECK;
/* The same as far as a mailbox is listed by it, cheaper: facts, size, header_len,
 * sent_at, sent_zone, message_id, envelope and root; the rest is zero where the
 * bytes are not of an older version. */
enum status mime_summary_unpack_shown(
    struct text bytes, struct arena *a, struct mime_summary *out) MUST_CHECK;
/* The front of the bytes, which is enough for mime_summary_unpack_shown and all
 * that follow below; all of them where they are of an older version. */
struct text mime_summary_shown(struct text bytes);
/* The same up to the envelope: what stands behind it in the struct is zero. */
enum status mime_summary_unpack_envelope(
    struct text bytes, struct arena *a, struct mime_summary *out) MUST_CHECK;
/* Only facts, size, header_len, sent_at, message_id: cheap. */
enum status mime_summary_peek(struct text bytes, struct mime_summary *out) MUST_CHECK;

/* The part that an IMAP section number names (RFC 9051 6.4.5.1), "1.2.3";
 * NULL if there is none. number[i] are 1-based. depth 0 is the root. */
const struct mime_part *mime_part_find(
    const struct mime_summary *s, const uint32_t *number, uint32_t depth);

#endif
