/* SPDX-License-Identifier: ISC */
/*
 * One message of the selected mailbox: what it is, by its summary, and where
 * the sections of FETCH stand in its octets. Nothing is parsed. All offsets
 * count the recipient's prefix (store/reader.h), which the summary does not.
 */
#ifndef IMAP_MESSAGE_H
#define IMAP_MESSAGE_H

#include "imap/fetch_items.h"
#include "imap/session.h"
#include "mime/summary.h"
#include "store/reader.h"

struct message {
	struct imap *im;
	const struct store_row *row;
	struct arena *arena; /* as long as the message is looked at */
	bool opened;
	struct store_reader reader;
	bool has_summary, has_shown, has_envelope;
	struct mime_summary summary;
};

/* The row was fetched with FETCH_PIECE0 where content is to be read (with
 * FETCH_HEADER where only its header is), and with FETCH_SUMMARY where the summary is (with
 * FETCH_SHOWN where only its front is). All live in the arena or longer. */
void imap_message_init(
    struct message *m, struct imap *im, const struct store_row *row, struct arena *a);
/* Opens the content. CORRUPT. */
enum status imap_message_open(struct message *m) MUST_CHECK;
/* The summary; one that cannot be read gives way to an opaque one. */
const struct mime_summary *imap_message_summary(struct message *m);
/* The same, when only envelope and parts will be looked at: cheaper. */
const struct mime_summary *imap_message_shown(struct message *m);
/* The same, when nothing behind the envelope will be: cheaper still. */
const struct mime_summary *imap_message_envelope(struct message *m);

/* Where a section stands; false if there is no such section. Fields are still
 * to be picked out of the range for SECTION_FIELDS and SECTION_FIELDS_NOT. */
struct octets {
	uint64_t from, len;
};
bool imap_message_section(struct message *m, const struct section *s, struct octets *out);
/* Keeps the fields of a header that the section names, and the empty line. */
void imap_pick_fields(struct text header, const struct section *s, struct buffer *out);

#endif
