/* SPDX-License-Identifier: ISC */
/*
 * For unit tests: a message as a row of the store, made of octets and a prefix
 * as a delivery makes it, and a session with a selected mailbox around it. The
 * body stays within the first piece, so no store is needed.
 */
#ifndef IMAP_TESTING_MESSAGE_H
#define IMAP_TESTING_MESSAGE_H

#include "imap/message.h"

struct test_message {
	struct arena arena;
	struct buffer summary, container;
	struct imap_server server;
	struct view view;
	struct imap im;
	struct store_row row;
	struct message m;
};

/* head and body end up as they are; everything lives until the free. */
UNUSED static void
test_message_make(struct test_message *t, struct text octets, struct text prefix)
{
	struct mime_summary s;
	struct text piece;
	uint32_t count;

	*t = (struct test_message){ 0 };
	mime_parse(octets, NULL, &t->arena, &s);
	mime_summary_pack(&s, &t->summary);
	content_pack(TEXT_EMPTY, octets, s.header_len, &t->container);
	CHECK(content_pieces(buffer_text(&t->container), 1, &piece, &count) == STATUS_OK);
	t->im.server = &t->server;
	t->im.view = &t->view;
	t->row = (struct store_row){ .uid = 7,
		.size = prefix.len + octets.len,
		.prefix = prefix,
		.summary = buffer_text(&t->summary),
		.piece0 = piece };
	imap_message_init(&t->m, &t->im, &t->row, &t->arena);
}

UNUSED static void
test_message_free(struct test_message *t)
{
	arena_done(&t->arena);
	buffer_done(&t->summary);
	buffer_done(&t->container);
}

#endif
