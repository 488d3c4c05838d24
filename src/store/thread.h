/* SPDX-License-Identifier: ISC */
/*
 * Threads by References (RFC 8621 3): a message joins the thread of one that
 * it names, or that names a message they both know, when the base subjects
 * are the same.
 */
#ifndef STORE_THREAD_H
#define STORE_THREAD_H

#include "store/account.h"

/* The thread of a new email with this packed summary; writes its rows. */
enum status thread_join(
    struct account_txn *t, uint64_t email, struct text summary, uint64_t *thread) MUST_CHECK;
/* The email is gone for good. */
enum status thread_leave(struct account_txn *t, uint64_t email, uint64_t thread) MUST_CHECK;

/* Row m. */
struct message_id_row {
	uint64_t thread;
	uint32_t subject;
};
enum status message_id_unpack(struct text value, struct message_id_row *out) MUST_CHECK;
/* Row t: hashes whose m rows the email answers for. */
#define THREAD_HASHES_MAX 64u
struct thread_row {
	uint64_t hash[THREAD_HASHES_MAX];
	uint32_t count;
};
enum status thread_row_unpack(struct text value, struct thread_row *out) MUST_CHECK;

#endif
