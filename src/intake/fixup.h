/* SPDX-License-Identifier: ISC */
/*
 * What a message that an account sends still lacks, and what must not go out
 * with it (RFC 6409 8), before it is parsed: one walk over its header. Pure.
 *
 *	Date, Message-ID	added (RFC 6409 8.2, 8.3)
 *	From			added of the envelope's sender where it lacks;
 *				never changed
 *	Sender			added where From has several addresses and it
 *				lacks (RFC 5322 3.6.2); else never changed
 *	Bcc, Resent-Bcc		taken out (RFC 5322 3.6.3)
 *	Return-Path		taken out (RFC 5321 4.4)
 *	Content-Length		taken out: it would be wrong
 *	"From " line		taken out: of a mailbox file
 *	no empty line		added where the header ends
 *	lines			that end otherwise end in CRLF (RFC 5322 2.3),
 *				unless the message came as BINARYMIME
 */
#ifndef INTAKE_FIXUP_H
#define INTAKE_FIXUP_H

#include "base/arena.h"
#include "base/buffer.h"
#include "mime/address.h"

struct fixup {
	struct text sender;   /* of the envelope, empty for "<>" */
	struct text hostname; /* of this site, for a Message-ID without a better domain */
	int64_t now;	      /* seconds */
	uint64_t random[2];   /* for the Message-ID */
	bool binary;	      /* came as BINARYMIME */
};

struct fixed {
	struct text header;	      /* as it goes out, with the empty line; in the arena */
	struct text body;	      /* a view of the message, or in the arena */
	struct text bcc;	      /* Bcc and Resent-Bcc fields as they stood, with line ends */
	struct mime_addresses to_bcc; /* who stands in Bcc */
	struct text *authors;	      /* addresses of From and Sender */
	uint32_t author_count;
	struct text domain; /* of the first address of From, or empty */
};

/* INVALID with words for the person: its header is none that can go out; more
 * than one From, Sender, Reply-To, Subject, Date or Message-ID (RFC 5322 3.6),
 * a From without an address. f->client is the words. */
enum status fixup(const struct fixup *how, struct text message, struct arena *a, struct fixed *out,
    struct failure *f) MUST_CHECK;

#endif
