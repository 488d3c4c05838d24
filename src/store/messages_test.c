/* SPDX-License-Identifier: ISC */
/* Messages by calls: flags, copies, moves, expunging, changes, repeats. */
#include "store/box_test_helper.h"
#include "store/hot.h"
#include "store/keys.h"

static void
flags_are_kept(void **state)
{
	struct box *b = *state;
	struct store_flags_reply r = box_set_flags(b, 2, 4, FLAGS_ADD, FLAG_SEEN, "Label");
	struct store_open_reply open = world_open_mailbox(b->w, b->token, "INBOX");
	struct unpack u = unpack_of(r.spans);
	struct store_span span;

	assert_int_equal(open.unseen, 2);
	assert_int_equal(open.first_unseen, 1);
	assert_int_equal(open.keywords.count, 1);
	assert_text(open.keywords.at[0], "Label");
	store_span_unpack(&u, &span);
	assert_int_equal(span.first, 2);
	assert_int_equal(span.last, 4);
	assert_int_equal(span.flags, FLAG_SEEN);
	assert_int_equal(span.keyword_count, 1);
	assert_int_equal(span.modseq, r.modseq);
	assert_true(unpack_end(&u));
	r = box_set_flags(b, 1, 1, FLAGS_REPLACE, FLAG_SEEN, "");
	r = box_set_flags(b, 2, 2, FLAGS_REMOVE, FLAG_SEEN, "LABEL");
	u = unpack_of(r.spans);
	store_span_unpack(&u, &span);
	assert_int_equal(span.flags, 0);
	assert_int_equal(span.keyword_count, 0);
	open = world_open_mailbox(b->w, b->token, "INBOX");
	assert_int_equal(open.first_unseen, 2);
}

static void
what_does_not_change_keeps_its_modseq(void **state)
{
	struct box *b = *state;
	struct store_flags_reply r = box_set_flags(b, 1, 5, FLAGS_ADD, FLAG_FLAGGED, "");
	uint64_t modseq = r.modseq;

	r = box_set_flags(b, 1, 5, FLAGS_ADD, FLAG_FLAGGED, "");
	assert_int_equal(r.modseq, modseq);
}

static void
unchanged_since_guards(void **state)
{
	struct box *b = *state;
	struct store_flags_reply r = box_set_flags(b, 3, 3, FLAGS_ADD, FLAG_FLAGGED, "");
	struct runs uids = world_uids(1, 5);

	assert_ok(ASK(b->w, access, store_flags, &r, .token = b->token, .op = random_u64(),
	    .mailbox = b->inbox, .uids = uids, .mode = FLAGS_ADD, .flags = FLAG_SEEN,
	    .unchanged_since = r.modseq - 1));
	assert_int_equal(runs_total(&r.stale), 1);
	assert_true(runs_has(&r.stale, 3));
	runs_done(&uids);
}

static void
copies_and_moves(void **state)
{
	struct box *b = *state;
	struct runs some = world_uids(2, 3), all = world_uids(1, UINT32_MAX);
	struct store_copy_reply copy;
	struct store_open_reply open;
	struct store_expunge_reply gone;

	assert_ok(ASK(b->w, access, store_copy, &copy, .token = b->token, .op = 1,
	    .mailbox = b->inbox, .uids = some, .to = TEXT("Archive")));
	assert_int_equal(copy.first, 1);
	assert_int_equal(runs_total(&copy.from), 2);
	assert_ok(ASK(b->w, access, store_copy, &copy, .token = b->token, .op = 2,
	    .mailbox = b->inbox, .uids = some, .to = TEXT("Trash"), .move = 1));
	open = world_open_mailbox(b->w, b->token, "INBOX");
	assert_int_equal(runs_total(&open.uids), 3);
	open = world_open_mailbox(b->w, b->token, "Archive");
	assert_int_equal(runs_total(&open.uids), 2);
	/* Into the same mailbox: new UIDs. */
	assert_ok(ASK(b->w, access, store_copy, &copy, .token = b->token, .op = 3,
	    .mailbox = b->inbox, .uids = all, .to = TEXT("INBOX"), .move = 1));
	open = world_open_mailbox(b->w, b->token, "INBOX");
	assert_int_equal(runs_total(&open.uids), 3);
	assert_int_equal(runs_next(&open.uids, 1), 6);
	world_check(b->w, b->account);
	/* The email of a copied message lives as long as one entry. */
	open = world_open_mailbox(b->w, b->token, "Trash");
	assert_ok(ASK(b->w, access, store_expunge, &gone, .token = b->token, .op = 4,
	    .mailbox = open.mailbox, .all = 1, .force = 1));
	assert_int_equal(runs_total(&gone.gone), 2);
	assert_int_equal(ASK(b->w, access, store_copy, &copy, .token = b->token, .op = 5,
			     .mailbox = b->inbox, .uids = all, .to = TEXT("Nowhere")),
	    STATUS_NOT_FOUND);
	runs_done(&some);
	runs_done(&all);
}

/* So many that their emails are read by a scan, with holes in between and with
 * rows that the same commit wrote before. */
static void
many_are_copied_moved_and_expunged(void **state)
{
	struct box *b = *state;
	struct runs odd = RUNS_INIT, all = world_uids(1, UINT32_MAX), some = world_uids(7, 38);
	struct store_copy_reply copy;
	struct store_expunge_reply gone;

	for (int i = 5; i < 45; i++) {
		char id[8];
		struct parcel p;

		(void)snprintf(id, sizeof(id), "m%d", i);
		p = world_message(b->w, id, id, "");
		assert_ok(world_deliver(b->w, "alice@example.com", &p));
	}
	for (uint32_t uid = 11; uid < 30; uid += 2)
		runs_add(&odd, uid, uid);
	runs_add(&odd, 33, 41);
	assert_ok(ASK(b->w, access, store_copy, &copy, .token = b->token, .op = 1,
	    .mailbox = b->inbox, .uids = all, .to = TEXT("Archive")));
	assert_int_equal(runs_total(&copy.from), 45);
	assert_ok(ASK(b->w, access, store_expunge, &gone, .token = b->token, .op = 2,
	    .mailbox = b->inbox, .uids = odd, .force = 1));
	assert_int_equal(runs_total(&gone.gone), 19);
	assert_ok(ASK(b->w, access, store_copy, &copy, .token = b->token, .op = 3,
	    .mailbox = b->inbox, .uids = some, .to = TEXT("INBOX")));
	assert_int_equal(runs_total(&copy.from), 32 - 16);
	world_check(b->w, b->account);
	assert_ok(ASK(b->w, access, store_copy, &copy, .token = b->token, .op = 4,
	    .mailbox = b->inbox, .uids = all, .to = TEXT("Archive"), .move = 1));
	assert_int_equal(runs_total(&copy.from), 45 - 19 + 16);
	world_check(b->w, b->account);
	assert_ok(ASK(b->w, access, store_expunge, &gone, .token = b->token, .op = 5,
	    .mailbox = world_open_mailbox(b->w, b->token, "Archive").mailbox, .all = 1,
	    .force = 1));
	assert_int_equal(runs_total(&gone.gone), 45 + 45 - 19 + 16);
	runs_done(&odd);
	runs_done(&all);
	runs_done(&some);
}

/* Who does not want rows hears of the greatest modseq among them. */
static void
quiet_flags_give_no_rows(void **state)
{
	struct box *b = *state;
	uint64_t before = box_set_flags(b, 1, 2, FLAGS_ADD, FLAG_FLAGGED, "").modseq;
	struct runs uids = world_uids(1, 3);
	struct store_flags_reply r;

	for (int i = 0; i < 2; i++) { /* the second time nothing changes */
		assert_ok(ASK(b->w, access, store_flags, &r, .token = b->token, .op = random_u64(),
		    .mailbox = b->inbox, .uids = uids, .mode = FLAGS_ADD, .flags = FLAG_SEEN,
		    .unchanged_since = UINT64_MAX, .quiet = 1));
		assert_int_equal(r.spans.len, 0);
		assert_int_equal(r.resume, 0);
		assert_int_equal(r.newest, before + 1);
	}
	assert_int_equal(box_set_flags(b, 1, 3, FLAGS_ADD, FLAG_SEEN, "").newest, before + 1);
	runs_done(&uids);
}

static void
expunges_what_is_deleted(void **state)
{
	struct box *b = *state;
	struct runs some = world_uids(4, 9);
	struct store_expunge_reply r;
	struct store_open_reply open;

	box_set_flags(b, 3, 4, FLAGS_ADD, FLAG_DELETED, "");
	assert_ok(ASK(b->w, access, store_expunge, &r, .token = b->token, .op = 1,
	    .mailbox = b->inbox, .uids = some));
	assert_int_equal(runs_total(&r.gone), 1);
	assert_true(runs_has(&r.gone, 4));
	/* The same call again gets the same answer. */
	assert_ok(ASK(b->w, access, store_expunge, &r, .token = b->token, .op = 1,
	    .mailbox = b->inbox, .uids = some));
	assert_int_equal(runs_total(&r.gone), 1);
	assert_ok(ASK(b->w, access, store_expunge, &r, .token = b->token, .op = 2,
	    .mailbox = b->inbox, .all = 1));
	assert_true(runs_has(&r.gone, 3));
	open = world_open_mailbox(b->w, b->token, "INBOX");
	assert_int_equal(runs_total(&open.uids), 3);
	runs_done(&some);
}

static void
garbage_is_collected(void **state)
{
	struct box *b = *state;
	struct store_setting_set_reply none;
	struct store_expunge_reply r;
	struct engine_facts before, after;
	struct blob_id id = { { 0 } };
	uint32_t pieces;

	assert_ok(ASK(b->w, admin, store_setting_set, &none, .name = TEXT("store.blob_keep"),
	    .value = TEXT("0")));
	assert_ok(ASK(b->w, access, store_expunge, &r, .token = b->token, .op = 1,
	    .mailbox = b->inbox, .all = 1, .force = 1));
	engine_facts_of(b->w->engine, &before);
	assert_ok(engine_next_blob(b->w->engine, id, &id, &pieces));
	store_tend(b->w->store);
	id = (struct blob_id){ { 0 } };
	assert_int_equal(engine_next_blob(b->w->engine, id, &id, &pieces), STATUS_NOT_FOUND);
	engine_facts_of(b->w->engine, &after);
	assert_true(after.commits > before.commits);
	assert_ok(ASK(b->w, admin, store_setting_set, &none, .name = TEXT("store.blob_keep"),
	    .value = TEXT("")));
}

static struct store_changes_reply
changes(struct box *b, uint64_t since)
{
	struct store_changes_reply r;

	assert_ok(ASK(b->w, access, store_changes, &r, .token = b->token, .mailbox = b->inbox,
	    .since = since));
	return r;
}

static void
changes_are_told(void **state)
{
	struct box *b = *state;
	struct store_changes_reply r = changes(b, 0);
	struct store_expunge_reply gone;
	struct parcel p = world_message(b->w, "new", "new", "");
	uint64_t since = r.modseq;
	struct store_row row;
	struct unpack u;

	assert_int_equal(runs_total(&r.added), 5);
	r = changes(b, since);
	assert_true(runs_empty(&r.added) && runs_empty(&r.vanished) && r.rows.len == 0);
	box_set_flags(b, 1, 2, FLAGS_ADD, FLAG_SEEN | FLAG_DELETED, "");
	box_set_flags(b, 3, 3, FLAGS_ADD, FLAG_SEEN, "Work");
	assert_ok(world_deliver(b->w, "alice@example.com", &p));
	assert_ok(ASK(b->w, access, store_expunge, &gone, .token = b->token, .op = 1,
	    .mailbox = b->inbox, .all = 1));
	r = changes(b, since);
	assert_int_equal(runs_total(&r.added), 1);
	assert_true(runs_has(&r.added, 6));
	assert_int_equal(runs_total(&r.vanished), 2);
	u = unpack_of(r.rows);
	store_row_unpack(&u, 0, &row);
	assert_true(unpack_end(&u));
	assert_int_equal(row.uid, 3);
	assert_int_equal(r.keywords.count, 1);
	assert_false(r.full);
}

static void
old_changes_are_forgotten(void **state)
{
	struct box *b = *state;
	struct store_setting_set_reply none;
	struct store_changes_reply r;

	assert_ok(ASK(b->w, admin, store_setting_set, &none, .name = TEXT("store.log_keep"),
	    .value = TEXT("100")));
	for (int i = 0; i < 150; i++)
		box_set_flags(b, 1, 1, i % 2 ? FLAGS_ADD : FLAGS_REMOVE, FLAG_SEEN, "");
	r = changes(b, 1);
	assert_true(r.full);
	assert_int_equal(runs_total(&r.uids), 5);
	r = changes(b, r.modseq - 50);
	assert_false(r.full);
	assert_ok(ASK(b->w, admin, store_setting_set, &none, .name = TEXT("store.log_keep"),
	    .value = TEXT("")));
}

static struct store_changes_reply
resync(struct box *b, uint64_t since, uint64_t reach)
{
	struct store_changes_reply r;

	assert_ok(ASK(b->w, access, store_changes, &r, .token = b->token, .mailbox = b->inbox,
	    .since = since, .resync = 1, .reach = reach));
	return r;
}

/* RFC 7162 3.2.5: who comes back may know of a message that came after its
 * modseq and went again, and has not seen what is new. */
static void
who_comes_back_hears_all(void **state)
{
	struct box *b = *state;
	struct parcel p = world_message(b->w, "new", "new", ""), q;
	uint64_t since = changes(b, 0).modseq;
	struct store_setting_set_reply none;
	struct store_expunge_reply gone;
	struct store_changes_reply r;

	q = world_message(b->w, "gone", "gone", "");
	assert_ok(world_deliver(b->w, "alice@example.com", &p));
	assert_ok(world_deliver(b->w, "alice@example.com", &q));
	box_set_flags(b, 2, 2, FLAGS_ADD, FLAG_DELETED, "");
	box_set_flags(b, 7, 7, FLAGS_ADD, FLAG_DELETED, "");
	box_set_flags(b, 3, 3, FLAGS_ADD, FLAG_SEEN, "");
	assert_ok(ASK(b->w, access, store_expunge, &gone, .token = b->token, .op = 1,
	    .mailbox = b->inbox, .all = 1));
	r = resync(b, since, 0);
	assert_false(r.full);
	assert_int_equal(r.highest, r.modseq);
	assert_int_equal(r.rows.len, 0);
	assert_int_equal(runs_total(&r.vanished), 2);
	assert_true(runs_has(&r.vanished, 2) && runs_has(&r.vanished, 7));
	assert_int_equal(runs_total(&r.changed), 2);
	assert_true(runs_has(&r.changed, 3) && runs_has(&r.changed, 6));
	/* Nothing new is nothing to read. */
	r = resync(b, r.modseq, r.modseq);
	assert_true(runs_empty(&r.changed) && runs_empty(&r.vanished) && !r.full);
	/* A modseq that is still to come is waited for once, not for ever. */
	r = resync(b, since, r.modseq + 1000);
	assert_int_equal(runs_total(&r.changed), 2);
	/* Where the log is too short, that is all that is said. */
	assert_ok(ASK(b->w, admin, store_setting_set, &none, .name = TEXT("store.log_keep"),
	    .value = TEXT("100")));
	for (int i = 0; i < 150; i++)
		box_set_flags(b, 1, 1, i % 2 ? FLAGS_ADD : FLAGS_REMOVE, FLAG_SEEN, "");
	r = resync(b, since, 0);
	assert_true(r.full);
	assert_true(runs_empty(&r.changed) && runs_empty(&r.vanished) && runs_empty(&r.uids));
	assert_ok(ASK(b->w, admin, store_setting_set, &none, .name = TEXT("store.log_keep"),
	    .value = TEXT("")));
}

/* HIGHESTMODSEQ is the mailbox's own (RFC 7162 3.1.2.1). */
static void
the_highest_is_of_the_mailbox(void **state)
{
	struct box *b = *state;
	struct store_open_reply before = world_open_mailbox(b->w, b->token, "INBOX"), after;
	struct store_create_reply made;

	assert_int_equal(before.highest, before.modseq);
	assert_ok(ASK(
	    b->w, access, store_create, &made, .token = b->token, .op = 1, .name = TEXT("Other")));
	after = world_open_mailbox(b->w, b->token, "INBOX");
	assert_int_equal(after.highest, before.highest);
	assert_true(after.modseq > before.modseq);
	after = world_open_mailbox(b->w, b->token, "Other");
	assert_int_equal(after.highest, after.modseq); /* empty, and not 0 */
}

/* RFC 9051 6.4.7: where all are wanted, some are nothing. */
static void
copies_of_all_or_nothing(void **state)
{
	struct box *b = *state;
	struct runs some = world_uids(4, 6), all = world_uids(4, 5);
	struct store_copy_reply r;
	uint64_t modseq = changes(b, 0).modseq;

	assert_int_equal(ASK(b->w, access, store_copy, &r, .token = b->token, .op = 1,
			     .mailbox = b->inbox, .uids = some, .to = TEXT("Archive"), .whole = 1),
	    STATUS_CONFLICT);
	assert_int_equal(changes(b, 0).modseq, modseq);
	assert_ok(ASK(b->w, access, store_copy, &r, .token = b->token, .op = 2, .mailbox = b->inbox,
	    .uids = all, .to = TEXT("Archive"), .whole = 1));
	assert_int_equal(runs_total(&r.from), 2);
	assert_ok(ASK(b->w, access, store_copy, &r, .token = b->token, .op = 3, .mailbox = b->inbox,
	    .uids = some, .to = TEXT("Archive")));
	assert_int_equal(runs_total(&r.from), 2);
	runs_done(&some);
	runs_done(&all);
}

/* The log is trimmed while somebody reads it: what is gone from it is not left
 * out, all is told anew. */
static void
a_log_that_begins_too_late_is_not_trusted(void **state)
{
	struct box *b = *state;
	struct entity e = { ENTITY_ACCOUNT, b->account };
	uint64_t since = changes(b, 0).modseq;
	struct key key = key_u64(KEY_CHANGE, since + 1);
	struct store_changes_reply r;
	struct text row;

	box_set_flags(b, 1, 1, FLAGS_ADD, FLAG_SEEN, "");
	box_set_flags(b, 2, 2, FLAGS_ADD, FLAG_SEEN, "");
	assert_ok(engine_get(b->w->engine, e, key_text(&key), &b->w->arena, &row));
	world_damage(b->w, e, key_text(&key), (struct text){ NULL, 0 });
	r = changes(b, since);
	assert_true(r.full);
	assert_int_equal(runs_total(&r.uids), 5);
	world_damage(b->w, e, key_text(&key), row);
	r = changes(b, since);
	assert_false(r.full);
	assert_true(r.rows.len > 0);
	box_set_flags(b, 3, 3, FLAGS_ADD, FLAG_SEEN, ""); /* the owner reads the version again */
}

/* A commit is read as soon as it is done, its names come with its publication:
 * rows with such names are told with the names, or next time. */
static void
rows_are_told_with_their_names(void **state)
{
	static const uint16_t seventh[] = { 7 };
	struct box *b = *state;
	struct entity e = { ENTITY_ACCOUNT, b->account };
	struct key key = key_hot((uint32_t)b->inbox, hot_block(3));
	uint64_t since = changes(b, 0).modseq;
	struct runs uids = world_uids(3, 3);
	struct store_fetch_reply r;
	struct buffer newer = BUFFER_INIT;
	struct hot h = { .count = 0 };
	struct text row;

	box_set_flags(b, 3, 3, FLAGS_ADD, FLAG_SEEN, "");
	assert_true(changes(b, since).rows.len > 0);
	assert_ok(engine_get(b->w->engine, e, key_text(&key), &b->w->arena, &row));
	assert_ok(hot_decode(row, &b->w->arena, &h));
	hot_find(&h, 3)->keywords = seventh;
	hot_find(&h, 3)->keyword_count = 1;
	hot_encode(&h, &newer);
	world_damage(b->w, e, key_text(&key), buffer_text(&newer));
	assert_ok(ASK(b->w, access, store_fetch, &r, .token = b->token, .mailbox = b->inbox,
	    .uids = uids, .items = FETCH_FLAGS));
	assert_int_equal(r.keyword_total, 8);
	assert_int_equal(changes(b, since).rows.len, 0);
	world_damage(b->w, e, key_text(&key), row);
	assert_true(changes(b, since).rows.len > 0);
	box_set_flags(
	    b, 3, 3, FLAGS_ADD, FLAG_ANSWERED, ""); /* the owner reads the version again */
	buffer_done(&newer);
	runs_done(&uids);
}

static void
repeated_calls_do_nothing(void **state)
{
	struct box *b = *state;
	struct parcel p = world_message(b->w, "twice", "twice", "");
	struct store_append_reply first, second;
	struct store_open_reply open;

	assert_ok(world_deliver_op(b->w, "alice@example.com", &p, 77));
	assert_ok(world_deliver_op(b->w, "alice@example.com", &p, 77));
	assert_ok(ASK(b->w, intake, store_append, &first, .token = b->token, .op = 78,
	    .mailbox = b->inbox, .summary = p.summary, .content = PAYLOAD_OF(p.content),
	    .size = p.raw.len));
	assert_ok(ASK(b->w, intake, store_append, &second, .token = b->token, .op = 78,
	    .mailbox = b->inbox, .summary = p.summary, .content = PAYLOAD_OF(p.content),
	    .size = p.raw.len));
	assert_int_equal(first.uid, second.uid);
	world_crash(b->w);
	assert_ok(world_deliver_op(b->w, "alice@example.com", &p, 77));
	open = world_open_mailbox(b->w, b->token, "INBOX");
	assert_int_equal(runs_total(&open.uids), 7);
}

static uint64_t
thread_of(struct box *b, uint32_t uid)
{
	struct runs uids = world_uids(uid, uid);
	struct store_fetch_reply r;
	struct store_row row;
	struct unpack u;

	assert_ok(ASK(b->w, access, store_fetch, &r, .token = b->token, .mailbox = b->inbox,
	    .uids = uids, .items = FETCH_SUMMARY));
	u = unpack_of(r.rows);
	store_row_unpack(&u, FETCH_SUMMARY, &row);
	assert_true(unpack_end(&u));
	runs_done(&uids);
	return row.thread;
}

static void
threads_join(void **state)
{
	struct box *b = *state;
	struct parcel root = world_message(b->w, "r", "plan", "");
	struct parcel reply = world_message(b->w, "a", "Re: plan", "<r@example.org>");
	struct parcel late = world_message(b->w, "c", "Re: plan", "<r@example.org>");
	struct parcel other = world_message(b->w, "d", "another thing", "<r@example.org>");
	struct store_expunge_reply gone;
	struct runs uid = world_uids(6, 6);

	assert_ok(world_deliver(b->w, "alice@example.com", &root));
	assert_ok(world_deliver(b->w, "alice@example.com", &reply));
	assert_int_equal(thread_of(b, 6), thread_of(b, 7));
	/* The root goes; who answers it still finds the thread. */
	assert_ok(ASK(b->w, access, store_expunge, &gone, .token = b->token, .op = 1,
	    .mailbox = b->inbox, .uids = uid, .force = 1));
	assert_ok(world_deliver(b->w, "alice@example.com", &late));
	assert_ok(world_deliver(b->w, "alice@example.com", &other));
	assert_int_equal(thread_of(b, 7), thread_of(b, 8));
	assert_int_not_equal(thread_of(b, 7), thread_of(b, 9));
	runs_done(&uid);
}

/* The rows of these messages of INBOX, appended to out. */
static void
add_rows(struct box *b, struct runs uids, unsigned items, struct buffer *out)
{
	struct store_fetch_reply r;

	assert_ok(ASK(b->w, access, store_fetch, &r, .token = b->token, .mailbox = b->inbox,
	    .uids = uids, .items = items));
	assert_int_equal(r.resume, 0);
	buffer_add_text(out, r.rows);
}

/* All rows at once are the rows one by one, whatever way they are read in. */
static void
compare_rows(struct box *b, unsigned items, uint32_t last)
{
	struct buffer all = BUFFER_INIT, single = BUFFER_INIT;
	struct runs uids = world_uids(1, last);

	add_rows(b, uids, items, &all);
	runs_done(&uids);
	for (uint32_t uid = 1; uid <= last; uid++) {
		uids = world_uids(uid, uid);
		add_rows(b, uids, items, &single);
		runs_done(&uids);
	}
	assert_true(all.len > 0);
	assert_true(text_equal(buffer_text(&all), buffer_text(&single)));
	buffer_done(&all);
	buffer_done(&single);
}

static void
many_rows_are_as_single_ones(void **state)
{
	struct box *b = *state;
	struct runs some = world_uids(8, 11), first = world_uids(1, 2);
	struct parcel p = world_message(b->w, "x", "x", "");
	struct store_expunge_reply gone;
	struct store_copy_reply copy;

	for (int i = 0; i < 25; i++)
		assert_ok(world_deliver(b->w, "alice@example.com", &p));
	compare_rows(b, FETCH_SUMMARY, 30);
	compare_rows(b, FETCH_SUMMARY | FETCH_PIECE0, 30);
	assert_ok(ASK(b->w, access, store_expunge, &gone, .token = b->token, .op = 1,
	    .mailbox = b->inbox, .uids = some, .force = 1));
	compare_rows(b, FETCH_SUMMARY, 30);
	compare_rows(b, FETCH_HEADER, 30);
	/* Old messages behind new ones. */
	assert_ok(ASK(b->w, access, store_copy, &copy, .token = b->token, .op = 2,
	    .mailbox = b->inbox, .uids = first, .to = TEXT("INBOX")));
	compare_rows(b, FETCH_SUMMARY, 32);
	runs_done(&some);
	runs_done(&first);
}

static void
a_header_moves_no_body(void **state)
{
	struct box *b = *state;
	struct buffer body = BUFFER_INIT, row = BUFFER_INIT, header = BUFFER_INIT;
	struct runs uid = world_uids(6, 6);
	struct store_row r;
	struct content c = { .fetch = NULL };
	struct unpack u;
	struct parcel p;

	buffer_add_string(&body, "Subject: x\r\n\r\n");
	for (int i = 0; i < 500; i++)
		buffer_addf(&body, "%016llx\r\n", (unsigned long long)random_u64());
	p = world_parcel(b->w, buffer_text(&body));
	assert_ok(world_deliver(b->w, "alice@example.com", &p));
	add_rows(b, uid, FETCH_HEADER, &row);
	assert_true(row.len < 200);
	u = unpack_of(buffer_text(&row));
	store_row_unpack(&u, FETCH_HEADER, &r);
	assert_true(unpack_end(&u));
	assert_true(r.prefix.len > 0);
	assert_ok(content_open(r.piece0, &c));
	assert_int_equal(c.size, body.len);
	assert_ok(content_read_buffer(&c, 0, c.header_len, &header));
	assert_text(buffer_text(&header), "Subject: x\r\n\r\n");
	/* Beside the whole piece it is nothing more. */
	buffer_clear(&row);
	add_rows(b, uid, FETCH_HEADER | FETCH_PIECE0, &row);
	assert_true(row.len > 4000);
	runs_done(&uid);
	buffer_done(&body);
	buffer_done(&row);
	buffer_done(&header);
}

static void
quota_is_kept(void **state)
{
	struct box *b = *state;
	struct parcel p = world_message(b->w, "q", "q", "");
	struct store_account_set_reply none;
	struct store_quota_reply q;
	struct store_rcpt_reply rcpt;
	struct store_append_reply append;

	assert_ok(ASK(b->w, access, store_quota, &q, .token = b->token));
	assert_int_equal(q.messages, 5);
	assert_ok(ASK(b->w, admin, store_account_set, &none, .address = TEXT("alice@example.com"),
	    .change = ACCOUNT_QUOTA, .value = q.octets + 10));
	assert_int_equal(world_deliver(b->w, "alice@example.com", &p), STATUS_QUOTA);
	assert_int_equal(ASK(b->w, intake, store_append, &append, .token = b->token, .op = 9,
			     .mailbox = b->inbox, .summary = p.summary,
			     .content = PAYLOAD_OF(p.content), .size = p.raw.len),
	    STATUS_QUOTA);
	assert_ok(ASK(b->w, access, store_quota, &q, .token = b->token));
	assert_int_equal(q.messages, 5);
	/* It may fit another day; it may not ever. */
	assert_ok(ASK(b->w, access, store_rcpt, &rcpt, .address = TEXT("alice@example.com"),
	    .size = q.octets));
	assert_int_equal(rcpt.verdict, RCPT_FULL);
	assert_int_equal(ASK(b->w, access, store_rcpt, &rcpt, .address = TEXT("alice@example.com"),
			     .size = q.octets + 11),
	    STATUS_QUOTA);
}

static void
a_failing_disk_changes_nothing(void **state)
{
	struct box *b = *state;
	struct parcel p = world_message(b->w, "f", "f", "");
	struct store_open_reply before = world_open_mailbox(b->w, b->token, "INBOX"), after;
	uint64_t alarms = log_alarm_count();

	engine_memory_fail(b->w->engine, 3, STATUS_FULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(world_deliver(b->w, "alice@example.com", &p), STATUS_FULL);
	assert_int_equal(log_alarm_count(), alarms + 1);
	after = world_open_mailbox(b->w, b->token, "INBOX");
	assert_int_equal(after.uidnext, before.uidnext);
	assert_int_equal(after.modseq, before.modseq);
	assert_ok(world_deliver(b->w, "alice@example.com", &p));
	after = world_open_mailbox(b->w, b->token, "INBOX");
	assert_int_equal(after.uidnext, before.uidnext + 1);
}

/* However many messages a thread has, each that goes looks at a few of its rows. */
static void
a_long_thread_goes_row_by_row(void **state)
{
	enum { LENGTH = 400 };
	struct box *b = *state;
	struct store_expunge_reply gone;
	struct engine_facts before, after;

	for (int i = 0; i < LENGTH; i++) {
		char id[16];
		struct parcel p;

		(void)snprintf(id, sizeof(id), "long%d", i);
		p = world_message(b->w, id, "long", i == 0 ? "" : "<long0@example.org>");
		assert_ok(world_deliver(b->w, "alice@example.com", &p));
	}
	assert_int_equal(thread_of(b, 6), thread_of(b, 5 + LENGTH));
	engine_facts_of(b->w->engine, &before);
	assert_ok(ASK(b->w, access, store_expunge, &gone, .token = b->token, .op = 1,
	    .mailbox = b->inbox, .all = 1, .force = 1));
	engine_facts_of(b->w->engine, &after);
	assert_int_equal(runs_total(&gone.gone), 5 + LENGTH);
	assert_true(after.keys_scanned - before.keys_scanned < 4 * LENGTH);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, box_filled, box_done)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(flags_are_kept),
		TEST(what_does_not_change_keeps_its_modseq),
		TEST(unchanged_since_guards),
		TEST(copies_and_moves),
		TEST(many_are_copied_moved_and_expunged),
		TEST(quiet_flags_give_no_rows),
		TEST(expunges_what_is_deleted),
		TEST(garbage_is_collected),
		TEST(changes_are_told),
		TEST(old_changes_are_forgotten),
		TEST(who_comes_back_hears_all),
		TEST(the_highest_is_of_the_mailbox),
		TEST(copies_of_all_or_nothing),
		TEST(a_log_that_begins_too_late_is_not_trusted),
		TEST(rows_are_told_with_their_names),
		TEST(repeated_calls_do_nothing),
		TEST(threads_join),
		TEST(many_rows_are_as_single_ones),
		TEST(a_header_moves_no_body),
		TEST(quota_is_kept),
		TEST(a_failing_disk_changes_nothing),
		TEST(a_long_thread_goes_row_by_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
