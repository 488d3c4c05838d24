/* SPDX-License-Identifier: ISC */
/*
 * Mailboxes of any size for tests, made in no time: their rows are put into
 * the engine while the store is closed. Only the messages of a window in the
 * middle have all of their rows; the others are entries whose emails are not
 * there, which no operation outside of the window looks at.
 */
#ifndef STORE_SIZE_TEST_HELPER_H
#define STORE_SIZE_TEST_HELPER_H

#include "store/cold.h"
#include "store/core.h"
#include "store/store_test_helper.h"

#define SIZE_WINDOW 512u /* whole messages in the middle */

struct size_box {
	uint64_t account;
	uint32_t mailbox;
	uint32_t messages;
	uint32_t hole;	 /* every so manieth UID is missing; 0: none */
	uint32_t window; /* its first UID: a hot block begins there, as do its holes */
	uint32_t uidnext;
};

UNUSED static struct text
size_get(struct world *w, struct entity e, struct key key)
{
	struct text value;

	assert_ok(engine_get(w->engine, e, key_text(&key), &w->arena, &value));
	return value;
}

/* The cold rows of a message. */
UNUSED static void
size_email(struct engine_batch *b, uint64_t id, struct place place)
{
	struct email e = { .pieces = 1, .thread = id, .at = &place, .count = 1 };
	struct summary_row s = { .pieces = 1, .size = 1000, .thread = id, .summary = TEXT("?") };
	struct key email = key_u64(KEY_EMAIL, id), summary = key_u64(KEY_SUMMARY, id);
	struct key thread = key_u64_u64(KEY_THREAD, id, id);
	struct buffer value = BUFFER_INIT;

	memcpy(e.blob.byte, &id, sizeof(id));
	s.blob = e.blob;
	email_pack(&value, &e);
	engine_put(b, key_text(&email), buffer_text(&value));
	buffer_clear(&value);
	summary_row_pack(&value, &s);
	engine_put(b, key_text(&summary), buffer_text(&value));
	engine_put(b, key_text(&thread), TEXT_EMPTY);
	engine_blob_put(b, e.blob, 0, TEXT("?"));
	buffer_done(&value);
}

UNUSED static void
size_block(struct engine_batch *b, struct arena *a, struct hot *h)
{
	struct key key = key_hot(h->mailbox, h->block);
	struct buffer value = BUFFER_INIT;

	if (h->count > 0) {
		hot_encode(h, &value);
		engine_put(b, key_text(&key), buffer_text(&value));
	}
	buffer_done(&value);
	arena_reset(a);
	*h = (struct hot){ .mailbox = h->mailbox, .block = h->block + 1 };
}

/* All messages are seen but the last; none is deleted. */
UNUSED static void
size_entries(struct engine_batch *b, struct size_box *box, uint64_t email)
{
	struct hot h = { .mailbox = box->mailbox };
	struct arena a = ARENA_INIT;
	uint32_t uid = 1;

	for (uint32_t n = 0; n < box->messages; uid++) {
		struct hot_entry e = { .uid = uid,
			.modseq = 1,
			.size = 1000,
			.date = 1700000000 + (int64_t)n,
			.email = email + n };

		if (box->hole > 0 && uid % box->hole == 0)
			continue;
		e.flags = n + 1 < box->messages ? FLAG_SEEN : 0;
		while (hot_block(uid) != h.block)
			size_block(b, &a, &h);
		hot_append(&h, &a, &e);
		if (uid >= box->window && uid < box->window + SIZE_WINDOW)
			size_email(b, e.email, (struct place){ box->mailbox, uid });
		n++;
	}
	size_block(b, &a, &h);
	arena_done(&a);
	box->uidnext = uid;
}

/* Puts messages into an empty mailbox, with the store closed. */
UNUSED static void
size_fill(struct world *w, struct size_box *box)
{
	struct entity entity = { ENTITY_ACCOUNT, box->account };
	struct key key = key_u32(KEY_MAILBOX, box->mailbox), head_key = key_of(KEY_HEAD);
	struct mailbox m = { .id = box->mailbox };
	struct buffer value = BUFFER_INIT;
	struct engine_batch b;
	struct head head;
	uint64_t version;

	assert_ok(mailbox_unpack(size_get(w, entity, key), &m));
	assert_ok(head_unpack(size_get(w, entity, head_key), &head));
	assert_ok(engine_version(w->engine, entity, &version));
	engine_batch_init(&b, entity, version);
	box->window = box->messages / 2 / (3 * HOT_SPAN) * (3 * HOT_SPAN);
	size_entries(&b, box, head.next_email);
	m.uidnext = m.recent_from = box->uidnext;
	m.messages = box->messages;
	m.octets = box->messages * (uint64_t)1000;
	m.unseen = 1;
	m.highest_modseq = head.modseq;
	mailbox_pack(&value, &m);
	engine_put(&b, key_text(&key), buffer_text(&value));
	head.next_email += box->messages;
	head.messages += box->messages;
	head.octets += m.octets;
	buffer_clear(&value);
	head_pack(&value, 1, &head);
	engine_put(&b, key_text(&head_key), buffer_text(&value));
	assert_ok(engine_commit_wait(w->engine, &b));
	engine_batch_done(&b);
	buffer_done(&value);
}

#endif
