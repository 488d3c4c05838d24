/* SPDX-License-Identifier: ISC */
/*
 * Opening, marking and committing a maildrop (RFC 1939 4 to 6). UIDs and sizes
 * are read once; mail that comes later is for the next session. The store
 * keeps the lock, so it holds over all processes; but not over an end of the
 * store, after which the first command takes it again.
 */
#include "pop3/maildrop.h"

#include "base/random.h"

#define ROW_ITEMS (FETCH_FLAGS | FETCH_PIECE0)
#define AHEAD 64u /* messages that are read ahead, as far as a reply holds them */

static enum status
take(const struct maildrop *d, struct calls *calls, struct text token, struct arena *a, bool on,
    struct failure *f)
{
	const struct store_maildrop_request req = {
		.token = token, .holder = d->holder, .take = on
	};
	struct store_maildrop_reply r;

	return store_maildrop(calls, &req, a, &r, f);
}

/* The rows of one reply; those that went meanwhile are missing. */
static enum status
take_rows(struct maildrop *d, struct text rows)
{
	struct unpack u = unpack_of(rows);
	struct store_row row;

	while (unpack_ok(&u) && !unpack_end(&u)) {
		store_row_unpack(&u, FETCH_FLAGS, &row);
		if (!unpack_ok(&u) || row.uid == 0 || row.uid <= runs_last(&d->uids))
			return STATUS_CORRUPT;
		if ((d->count & (d->count + 1)) == 0) /* full: one less than a power of two */
			d->sizes = mem_resize(d->sizes, 2 * ((size_t)d->count + 1), 4);
		d->sizes[d->count++] = row.size < UINT32_MAX ? (uint32_t)row.size : UINT32_MAX;
		d->octets += row.size;
		runs_add(&d->uids, row.uid, row.uid);
	}
	return STATUS_OK;
}

static enum status
list(struct maildrop *d, struct calls *calls, struct text token, const struct runs *uids,
    struct arena *a, struct failure *f)
{
	struct store_fetch_request req = {
		.token = token, .mailbox = d->mailbox, .items = FETCH_FLAGS
	};
	struct store_fetch_reply r = { .resume = 0 };
	enum status st = STATUS_OK;

	runs_copy(&req.uids, uids);
	while (st == STATUS_OK && !runs_empty(&req.uids)) {
		st = store_fetch(calls, &req, a, &r, f);
		if (st == STATUS_OK)
			st = take_rows(d, r.rows);
		if (st != STATUS_OK || r.resume == 0)
			break;
		if (r.resume > 1)
			runs_remove(&req.uids, 1, (uint32_t)r.resume - 1);
	}
	runs_done(&req.uids);
	return st;
}

enum status
maildrop_open(struct maildrop *d, struct calls *calls, struct text token, uint64_t epoch,
    struct arena *a, struct failure *f)
{
	const struct store_open_request req = { .token = token, .name = TEXT("INBOX") };
	struct store_open_reply r = { 0 };
	enum status st;

	*d = (struct maildrop){ .holder = random_u64(), .epoch = epoch };
	st = take(d, calls, token, a, true, f);
	if (st != STATUS_OK)
		return st;
	d->locked = true;
	st = store_open(calls, &req, a, &r, f);
	if (st == STATUS_OK) {
		d->mailbox = (uint32_t)r.mailbox;
		d->uidvalidity = (uint32_t)r.uidvalidity;
		st = list(d, calls, token, &r.uids, a, f);
	}
	if (st != STATUS_OK)
		maildrop_done(d, calls, token);
	/* CONFLICT is the word for a maildrop that is taken, and only for it. */
	return st == STATUS_CONFLICT ? STATUS_UNAVAILABLE : st;
}

enum status
maildrop_hold(struct maildrop *d, struct calls *calls, struct text token, uint64_t epoch,
    struct arena *a, struct failure *f)
{
	enum status st;

	if (d->epoch == epoch)
		return STATUS_OK;
	st = take(d, calls, token, a, true, f);
	if (st == STATUS_OK)
		d->epoch = epoch;
	return st;
}

/* Whether the row was read ahead. Rows in front of it were not asked for. */
static bool
take_ahead(struct maildrop *d, uint32_t uid, struct store_row *row)
{
	struct unpack *rows = &d->ahead.rows;

	do {
		if (!unpack_ok(rows) || unpack_end(rows))
			return false;
		store_row_unpack(rows, ROW_ITEMS, row);
	} while (unpack_ok(rows) && row->uid < uid);
	return unpack_ok(rows) && row->uid == uid;
}

enum status
maildrop_row(struct maildrop *d, struct calls *calls, struct text token, uint32_t number,
    struct store_row *row, struct failure *f)
{
	struct maildrop_ahead *ahead = &d->ahead;
	uint32_t uid = maildrop_uid(d, number);
	struct store_fetch_request req = {
		.token = token, .mailbox = d->mailbox, .items = ROW_ITEMS
	};
	struct store_fetch_reply r;
	bool in_turn = ahead->next == number;
	enum status st;

	ahead->next = number + 1;
	if (in_turn && take_ahead(d, uid, row))
		return STATUS_OK;
	arena_reset(&ahead->arena);
	ahead->rows = unpack_of(TEXT_EMPTY);
	runs_add(&req.uids, uid, uid);
	for (uint32_t i = 1; in_turn && i < AHEAD && number + i <= d->count; i++)
		runs_add(&req.uids, maildrop_uid(d, number + i), maildrop_uid(d, number + i));
	st = store_fetch(calls, &req, &ahead->arena, &r, f);
	runs_done(&req.uids);
	if (st != STATUS_OK)
		return st;
	ahead->rows = unpack_of(r.rows);
	if (take_ahead(d, uid, row))
		return STATUS_OK;
	return unpack_ok(&ahead->rows) ? STATUS_NOT_FOUND : STATUS_CORRUPT;
}

/* The UIDs of these message numbers, less those of the others. */
static void
uids_of(struct maildrop *d, const struct runs *numbers, const struct runs *but, struct runs *out)
{
	for (uint32_t n = runs_next(numbers, 1); n != 0; n = runs_next(numbers, n + 1)) {
		uint32_t uid = runs_at(&d->uids, n);

		if (uid != 0 && (but == NULL || !runs_has(but, n)))
			runs_add(out, uid, uid);
	}
}

/* Best effort: a flag that is not set loses no mail. */
static void
mark_read(struct maildrop *d, struct calls *calls, struct text token, struct arena *a)
{
	struct store_flags_request req = { .token = token,
		.op = random_u64(),
		.mailbox = d->mailbox,
		.mode = FLAGS_ADD,
		.flags = FLAG_SEEN,
		.unchanged_since = UINT64_MAX,
		.quiet = true };
	struct store_flags_reply r;

	uids_of(d, &d->read, &d->deleted, &req.uids);
	if (!runs_empty(&req.uids) && store_flags(calls, &req, a, &r, NULL) != STATUS_OK)
		runs_clear(&d->read);
	runs_done(&req.uids);
}

enum status
maildrop_commit(
    struct maildrop *d, struct calls *calls, struct text token, struct arena *a, struct failure *f)
{
	struct store_expunge_request req = {
		.token = token, .op = random_u64(), .mailbox = d->mailbox, .force = 1
	};
	struct store_expunge_reply r;
	enum status st = STATUS_OK;

	uids_of(d, &d->deleted, NULL, &req.uids);
	if (!runs_empty(&req.uids))
		st = store_expunge(calls, &req, a, &r, f);
	runs_done(&req.uids);
	mark_read(d, calls, token, a);
	return st;
}

void
maildrop_done(struct maildrop *d, struct calls *calls, struct text token)
{
	struct arena a = ARENA_INIT;

	/* Where the store is away it has forgotten the lock. */
	if (d->locked && take(d, calls, token, &a, false, NULL) != STATUS_OK)
		d->locked = false;
	arena_done(&a);
	runs_done(&d->uids);
	runs_done(&d->deleted);
	runs_done(&d->read);
	arena_done(&d->ahead.arena);
	mem_free(d->sizes);
	*d = (struct maildrop){ 0 };
}

bool
maildrop_has(struct maildrop *d, uint32_t number)
{
	return number >= 1 && number <= d->count && !runs_has(&d->deleted, number);
}

uint32_t
maildrop_uid(struct maildrop *d, uint32_t number)
{
	return runs_at(&d->uids, number);
}

uint32_t
maildrop_left(struct maildrop *d)
{
	return d->count - runs_total(&d->deleted);
}

void
maildrop_delete(struct maildrop *d, uint32_t number)
{
	runs_add(&d->deleted, number, number);
	d->octets -= d->sizes[number - 1];
}

void
maildrop_reset(struct maildrop *d)
{
	for (uint32_t n = runs_next(&d->deleted, 1); n != 0; n = runs_next(&d->deleted, n + 1))
		d->octets += d->sizes[n - 1];
	runs_clear(&d->deleted);
}
