/* SPDX-License-Identifier: ISC */
/*
 * Threads. Row m maps the hash of a message-id to a thread and the hash of its
 * base subject; row t lists, for each email of a thread, the m rows that it
 * answers for: its own id and, when it began the thread, the ids it named.
 * When an email goes, another one of the thread takes its m rows over (the
 * newest 64), so that answers to a deleted message still find the thread; with
 * the last email they go too.
 */
#include "store/thread.h"

#include "mime/summary.h"
#include "store/core.h"

#define REFERENCES_MAX 20u

enum status
message_id_unpack(struct text value, struct message_id_row *out)
{
	struct unpack u = unpack_of(value);
	struct message_id_row r;

	r.thread = unpack_varint(&u);
	r.subject = unpack_be32(&u);
	if (!unpack_end(&u))
		return STATUS_CORRUPT;
	*out = r;
	return STATUS_OK;
}

enum status
thread_row_unpack(struct text value, struct thread_row *out)
{
	struct unpack u = unpack_of(value);

	out->count = (uint32_t)(value.len / 8);
	if (value.len % 8 != 0 || out->count > THREAD_HASHES_MAX)
		return STATUS_CORRUPT;
	for (uint32_t i = 0; i < out->count; i++)
		out->hash[i] = unpack_be64(&u);
	return STATUS_OK;
}

static void
put_thread_row(struct account_txn *t, uint64_t thread, uint64_t email, const struct thread_row *r)
{
	struct key key = key_u64_u64(KEY_THREAD, thread, email);
	struct buffer value = BUFFER_INIT;

	for (uint32_t i = 0; i < r->count; i++)
		pack_be64(&value, r->hash[i]);
	txn_put(&t->txn, key_text(&key), buffer_text(&value));
	buffer_done(&value);
}

/* What a message says about its place. */
struct ties {
	uint64_t hash[REFERENCES_MAX + 1]; /* its own id first, if it has one */
	bool known[REFERENCES_MAX + 1];	   /* there is an m row */
	uint32_t count;
	bool own;
	uint32_t subject;
};

static void
read_ties(struct account_txn *t, struct text summary, struct ties *out)
{
	struct mime_summary s;
	uint32_t most;

	*out = (struct ties){ .count = 0 };
	if (mime_summary_unpack(summary, txn_arena(&t->txn), &s) != STATUS_OK)
		return;
	out->subject = (uint32_t)text_hash_stable(s.base_subject);
	out->own = s.message_id.len > 0;
	if (out->own)
		out->hash[out->count++] = text_hash_stable(s.message_id);
	most = s.reference_count < REFERENCES_MAX ? s.reference_count : REFERENCES_MAX;
	for (uint32_t i = 0; i < most; i++)
		out->hash[out->count++] = text_hash_stable(s.references[s.reference_count - 1 - i]);
}

/* Looks the ties up, newest first, until one leads to a thread that fits. */
static enum status
find_thread(struct account_txn *t, struct ties *ties, uint64_t *thread)
{
	for (uint32_t i = 0; i < ties->count; i++) {
		struct key key = key_u64(KEY_MESSAGE_ID, ties->hash[i]);
		struct message_id_row row;
		struct text value;
		enum status s = txn_get(&t->txn, key_text(&key), txn_arena(&t->txn), &value);

		if (s == STATUS_NOT_FOUND)
			continue;
		if (s == STATUS_OK)
			s = message_id_unpack(value, &row);
		if (s != STATUS_OK)
			return s;
		ties->known[i] = true;
		if (row.subject == ties->subject) {
			*thread = row.thread;
			return STATUS_OK;
		}
	}
	return STATUS_NOT_FOUND;
}

static void
put_message_id(
    struct account_txn *t, struct ties *ties, uint32_t i, uint64_t thread, struct thread_row *row)
{
	struct key key = key_u64(KEY_MESSAGE_ID, ties->hash[i]);
	struct buffer value = BUFFER_INIT;

	for (uint32_t k = 0; k < row->count; k++)
		if (row->hash[k] == ties->hash[i])
			return;
	pack_varint(&value, thread);
	pack_be32(&value, ties->subject);
	txn_put(&t->txn, key_text(&key), buffer_text(&value));
	buffer_done(&value);
	row->hash[row->count++] = ties->hash[i];
}

enum status
thread_join(struct account_txn *t, uint64_t email, struct text summary, uint64_t *thread)
{
	struct thread_row row = { .count = 0 };
	struct ties ties;
	uint64_t found = email;
	enum status s;

	read_ties(t, summary, &ties);
	s = find_thread(t, &ties, &found);
	if (s != STATUS_OK && s != STATUS_NOT_FOUND)
		return s;
	if (ties.own && !ties.known[0])
		put_message_id(t, &ties, 0, found, &row);
	for (uint32_t i = ties.own; s == STATUS_NOT_FOUND && i < ties.count; i++)
		if (!ties.known[i])
			put_message_id(t, &ties, i, found, &row);
	put_thread_row(t, found, email, &row);
	(void)map_put_u64(&t->threads, found, (void *)(uintptr_t)(email + 1));
	*thread = found;
	return STATUS_OK;
}

/* ---- leaving ---- */

struct heir {
	uint64_t leaving, email;
	bool found;
};

static enum status
find_heir(void *arg, struct text key, struct text value)
{
	struct heir *h = arg;
	uint64_t email;

	if (key.len != 17)
		return STATUS_CORRUPT;
	email = key_number(key, 9, 8);
	if (email == h->leaving)
		return STATUS_OK;
	h->email = email;
	h->found = true;
	return STATUS_NOT_FOUND;
}

static enum status
read_thread_row(struct account_txn *t, uint64_t thread, uint64_t email, struct thread_row *out)
{
	struct key key = key_u64_u64(KEY_THREAD, thread, email);
	struct text value;
	enum status s = txn_get(&t->txn, key_text(&key), txn_arena(&t->txn), &value);

	return s == STATUS_OK ? thread_row_unpack(value, out) : s;
}

/* Another email of the thread, as the transaction has it. Whoever came before
 * the heir that was found last is gone, so that a long thread which goes as a
 * whole is walked once. */
static enum status
heir_of(struct account_txn *t, uint64_t thread, struct heir *h)
{
	uint64_t first = (uintptr_t)map_get_u64(&t->heirs, thread);
	struct key from = key_u64_u64(KEY_THREAD, thread, first);
	struct key until = key_behind(key_u64(KEY_THREAD, thread));
	uintptr_t joined = (uintptr_t)map_get_u64(&t->threads, thread);
	struct thread_row row;
	enum status s = txn_scan(&t->txn, key_text(&from), key_text(&until), find_heir, h);

	if (s != STATUS_OK || h->found || joined == 0 || joined - 1 == h->leaving)
		return s;
	s = read_thread_row(t, thread, joined - 1, &row);
	h->found = s == STATUS_OK;
	h->email = joined - 1;
	return s == STATUS_NOT_FOUND ? STATUS_OK : s;
}

static enum status
hand_over(struct account_txn *t, uint64_t thread, uint64_t email, const struct thread_row *ours)
{
	struct thread_row row;
	enum status s = read_thread_row(t, thread, email, &row);

	if (s != STATUS_OK)
		return s;
	for (uint32_t i = 0; i < ours->count; i++) {
		struct key key = key_u64(KEY_MESSAGE_ID, ours->hash[i]);

		if (row.count < THREAD_HASHES_MAX)
			row.hash[row.count++] = ours->hash[i];
		else
			txn_delete(&t->txn, key_text(&key));
	}
	put_thread_row(t, thread, email, &row);
	return STATUS_OK;
}

enum status
thread_leave(struct account_txn *t, uint64_t email, uint64_t thread)
{
	struct key key = key_u64_u64(KEY_THREAD, thread, email);
	struct heir heir = { .leaving = email };
	struct thread_row ours;
	enum status s = read_thread_row(t, thread, email, &ours);

	if (s == STATUS_OK && ours.count > 0)
		s = heir_of(t, thread, &heir);
	if (s == STATUS_OK && heir.found)
		s = hand_over(t, thread, heir.email, &ours);
	if (s != STATUS_OK)
		return s == STATUS_NOT_FOUND ? STATUS_CORRUPT : s;
	for (uint32_t i = 0; !heir.found && i < ours.count; i++) {
		struct key id = key_u64(KEY_MESSAGE_ID, ours.hash[i]);

		txn_delete(&t->txn, key_text(&id));
	}
	txn_delete(&t->txn, key_text(&key));
	if (heir.found)
		(void)map_put_u64(&t->heirs, thread, (void *)(uintptr_t)heir.email);
	return STATUS_OK;
}
