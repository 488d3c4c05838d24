/* SPDX-License-Identifier: ISC */
/* What an account sends: under which names, to whom, and that all of it is there
 * once: mailboxes of this site, the copy, recipients elsewhere. */
#include "store/engine/backend.h"
#include "store/outgoing_test_helper.h"
#include "store/queue_admin_calls.h"

#define ALICE "alice@example.com"
#define BOB "bob@example.com"

static int
setup_site(void **state)
{
	struct store_alias_add_reply none;
	struct text to = TEXT(ALICE);
	struct rig *r;

	(void)setup(state);
	r = *state;
	(void)world_account(r->w, BOB);
	assert_ok(ASK(r->w, admin, store_alias_add, &none, .address = TEXT("sales@example.com"),
	    .targets = { &to, 1 }));
	return 0;
}

static void
all_is_well(struct rig *r)
{
	uint64_t account = 0;

	store_settle(r->w->store);
	for (int i = 0; i < 2; i++)
		store_tend(r->w->store);
	store_settle(r->w->store);
	do {
		struct store_check_reply reply;

		world_check(r->w, account);
		assert_ok(ASK(r->w, admin, store_check, &reply, .account = account));
		account = reply.next;
	} while (account != 0);
}

static int
teardown_site(void **state)
{
	all_is_well(*state);
	return teardown(state);
}

/* ---- names ---- */

static uint64_t
sender(struct rig *r, const char *address, struct text *words)
{
	struct submission_sender_reply reply;

	assert_ok(ASK(r->w, access, submission_sender, &reply, .token = r->token,
	    .address = text_of(address)));
	*words = reply.words;
	return reply.verdict;
}

static void
who_may_write_as_whom(void **state)
{
	static const char *const good[] = { "", ALICE, "Alice@EXAMPLE.com", "alice+tag@example.com",
		"sales@example.com", "sales+x@example.com" };
	static const char *const bad[] = { BOB, "nobody@example.com", "alice@elsewhere.example",
		"alice", "bob+alice@example.com" };
	struct rig *r = *state;
	struct store_catch_all_reply none;
	struct text words;

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(sender(r, good[i], &words), SUBMISSION_OK);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(sender(r, bad[i], &words), SUBMISSION_NOT_YOURS);
	assert_int_equal(sender(r, BOB, &words), SUBMISSION_NOT_YOURS);
	assert_text(words, "You are signed in as alice@example.com and may not write as "
			   "bob@example.com.");
	assert_ok(ASK(r->w, admin, store_catch_all, &none, .domain = TEXT("example.com"),
	    .address = TEXT(ALICE)));
	assert_int_equal(sender(r, "anything@example.com", &words), SUBMISSION_OK);
	assert_int_equal(sender(r, BOB, &words), SUBMISSION_NOT_YOURS);
}

static void
a_token_must_allow_it(void **state)
{
	struct rig *r = *state;
	struct token t = { .account = r->alice,
		.generation = 1,
		.scope = SCOPE_MAIL_READ | SCOPE_MAIL_WRITE,
		.expires = NOW + 3600 };
	struct submission_sender_reply reply;
	struct buffer b = BUFFER_INIT;
	uint64_t message;

	token_make(WORLD_KEY, &t, &b);
	assert_int_equal(ASK(r->w, access, submission_sender, &reply, .token = buffer_text(&b),
			     .address = TEXT(ALICE)),
	    STATUS_DENIED);
	r->token = buffer_text(&b);
	assert_int_equal(submit_op(r, "x@example.org", 1, &message), STATUS_DENIED);
	assert_int_equal(rows(r), 0);
	buffer_done(&b);
}

/* ---- recipients ---- */

static uint64_t
rcpt(struct rig *r, const char *address, uint64_t size, struct submission_rcpt_reply *out)
{
	assert_ok(ASK(r->w, access, submission_rcpt, out, .token = r->token,
	    .address = text_of(address), .size = size));
	return out->verdict;
}

static void
recipients_here_and_elsewhere(void **state)
{
	static const char *const bad[] = { "x", "x@", "@example.org", "x@-.org", "x@[1.2.3]",
		"x@[IPv6:zz]", "x y@example.org" };
	struct rig *r = *state;
	struct submission_rcpt_reply got;

	assert_int_equal(rcpt(r, "Bob@Example.COM", 0, &got), SUBMISSION_OK);
	assert_int_equal(got.local, 1);
	assert_text(got.canonical, BOB);
	assert_int_equal(rcpt(r, "nobody@example.com", 0, &got), SUBMISSION_NO_SUCH_USER);
	assert_true(got.words.len > 0);
	assert_int_equal(rcpt(r, "Some.One@B\303\274cher.EXAMPLE", 0, &got), SUBMISSION_OK);
	assert_int_equal(got.local, 0);
	assert_text(got.canonical, "Some.One@xn--bcher-kva.example");
	assert_int_equal(rcpt(r, "x@[192.0.2.1]", 0, &got), SUBMISSION_OK);
	assert_text(got.canonical, "x@[192.0.2.1]");
	assert_int_equal(rcpt(r, "x@[IPv6:2001:DB8::1]", 0, &got), SUBMISSION_OK);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(rcpt(r, bad[i], 0, &got), SUBMISSION_BAD_ADDRESS);
}

static void
set_bob(struct rig *r, enum account_change change, uint64_t value)
{
	struct store_account_set_reply none;

	assert_ok(ASK(r->w, admin, store_account_set, &none, .address = TEXT(BOB), .change = change,
	    .value = value));
}

static void
recipients_that_cannot_take_it(void **state)
{
	struct rig *r = *state;
	struct submission_rcpt_reply got;

	set_bob(r, ACCOUNT_QUOTA, 1000);
	assert_int_equal(rcpt(r, BOB, 900, &got), SUBMISSION_OK);
	assert_int_equal(rcpt(r, BOB, 1100, &got), SUBMISSION_FULL);
	set_bob(r, ACCOUNT_SUSPENDED, 1);
	assert_int_equal(rcpt(r, BOB, 900, &got), SUBMISSION_SUSPENDED);
}

/* ---- the message ---- */

static struct store_row
fetch(struct rig *r, const char *address, const char *mailbox, uint32_t uid)
{
	struct text token = token_of(r, address);
	struct runs one = world_uids(uid, uid);
	struct store_fetch_reply reply;
	struct store_row row;
	struct unpack u;

	assert_ok(ASK(r->w, access, store_fetch, &reply, .token = token,
	    .mailbox = world_open_mailbox(r->w, token, mailbox).mailbox, .uids = one,
	    .items = FETCH_FLAGS | FETCH_SUMMARY | FETCH_PIECE0));
	runs_done(&one);
	u = unpack_of(reply.rows);
	store_row_unpack(&u, FETCH_FLAGS | FETCH_SUMMARY | FETCH_PIECE0, &row);
	assert_true(unpack_ok(&u));
	return row;
}

/* Everybody gets it once, and when all is done nothing is left in the queue. */
static void
one_batch_for_all(void **state)
{
	struct rig *r = *state;
	struct store_row row;

	r->copy = 1;
	(void)submit(r, "x@example.org bob@example.com sales@example.com y@example.org");
	assert_int_equal(in_mailbox(r, ALICE, "Sent"), 1);
	assert_int_equal(in_mailbox(r, ALICE, "INBOX"), 1);
	assert_int_equal(in_mailbox(r, BOB, "INBOX"), 1);
	row = fetch(r, ALICE, "Sent", 1);
	assert_int_equal(row.flags, FLAG_SEEN);
	assert_int_equal(row.prefix.len, 0);
	assert_true(text_equal(row.summary, r->p.summary));
	row = fetch(r, BOB, "INBOX", 1);
	assert_int_equal(row.flags, 0);
	assert_text(
	    row.prefix, "Return-Path: <alice@example.com>\r\nDelivered-To: bob@example.com\r\n");
	all_is_well(r);
	assert_int_equal(take(r), 2);
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	assert_int_equal(take(r), 0);
	assert_int_equal(in_mailbox(r, ALICE, "Sent"), 1);
}

/* A call that is made again, over the end of the process too, changes nothing. */
static void
made_again(void **state)
{
	struct rig *r = *state;
	uint64_t message, again;

	r->copy = 1;
	assert_ok(submit_op(r, "x@example.org bob@example.com", 77, &message));
	assert_ok(submit_op(r, "x@example.org bob@example.com", 77, &again));
	assert_int_equal(again, message);
	crash(r);
	assert_ok(submit_op(r, "x@example.org bob@example.com", 77, &again));
	assert_int_equal(again, message);
	assert_int_equal(in_mailbox(r, BOB, "INBOX"), 1);
	assert_int_equal(in_mailbox(r, ALICE, "Sent"), 1);
	assert_int_equal(take(r), 1);
	assert_int_equal(take(r), 0);
}

static void
large(struct rig *r, size_t octets)
{
	struct buffer raw = BUFFER_INIT;

	buffer_add_string(&raw, "Subject: large\r\nMessage-ID: <large@example.com>\r\n\r\n");
	while (raw.len < octets)
		buffer_addf(&raw, "%016llx%016llx%016llx\r\n", (unsigned long long)random_u64(),
		    (unsigned long long)random_u64(), (unsigned long long)random_u64());
	r->p = world_parcel(r->w, arena_copy(&r->w->arena, buffer_text(&raw)));
	buffer_done(&raw);
}

static unsigned
blobs(struct rig *r)
{
	struct blob_id id = { { 0 } };
	uint32_t pieces;
	unsigned n = 0;

	store_settle(r->w->store);
	while (engine_next_blob(r->w->engine, id, &id, &pieces) == STATUS_OK)
		n++;
	return n;
}

static void
expunge_all(struct rig *r, const char *mailbox)
{
	struct store_expunge_reply reply;

	assert_ok(ASK(r->w, access, store_expunge, &reply, .token = r->token, .op = random_u64(),
	    .mailbox = world_open_mailbox(r->w, r->token, mailbox).mailbox, .all = 1, .force = 1));
}

/* Content is there once, whoever has it: the sender twice, bob and the queue. */
static void
shared_content(struct rig *r, size_t octets)
{
	set(r, "store.blob_keep", "0");
	large(r, octets);
	r->copy = 1;
	(void)submit(r, "x@example.org alice@example.com bob@example.com");
	assert_int_equal(in_mailbox(r, ALICE, "INBOX"), 1);
	assert_int_equal(in_mailbox(r, ALICE, "Sent"), 1);
	assert_int_equal(blobs(r), 1);
	all_is_well(r);
	crash(r);
	all_is_well(r);
	assert_int_equal(take(r), 1);
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	all_is_well(r);
	expunge_all(r, "INBOX");
	all_is_well(r);
	assert_int_equal(blobs(r), 1);
	expunge_all(r, "Sent");
	all_is_well(r);
	assert_int_equal(blobs(r), 1);
	r->token = token_of(r, BOB);
	expunge_all(r, "INBOX");
	all_is_well(r);
	assert_int_equal(blobs(r), 0);
	set(r, "store.blob_keep", "");
}

static void
large_content_is_there_once(void **state)
{
	shared_content(*state, 200000);
}

static void
staged_content_is_there_once(void **state)
{
	shared_content(*state, 12u << 20);
}

/* Without local accounts and a copy, large content is staged all the same. */
static void
staged_content_that_only_goes_out(void **state)
{
	struct rig *r = *state;

	large(r, 20u << 20);
	(void)submit(r, "x@example.org");
	crash(r);
	all_is_well(r);
	assert_int_equal(take(r), 1);
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	all_is_well(r);
	assert_int_equal(blobs(r), 0);
}

static void
a_literal_is_a_place_to_go(void **state)
{
	struct rig *r = *state;
	struct text to = TEXT("y@[IPv6:2001:db8::1]");
	struct store_alias_add_reply none;

	(void)submit(r, "x@[192.0.2.1]");
	assert_int_equal(take(r), 1);
	assert_text(r->lease.destination, "[192.0.2.1]");
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	assert_ok(ASK(r->w, admin, store_alias_add, &none, .address = TEXT("far@example.com"),
	    .targets = { &to, 1 }));
	(void)submit(r, "far@example.com");
	assert_int_equal(take(r), 1);
	assert_text(r->lease.destination, "[ipv6:2001:db8::1]");
}

static uint64_t
verdict_of(struct rig *r, const char *author, const char *to)
{
	struct submission_commit_reply reply;
	struct text a = text_of(author), address = text_of(to), none = TEXT_EMPTY;
	uint64_t notify = 0;

	assert_ok(ASK(r->w, intake, submission_commit, &reply, .token = r->token,
	    .op = random_u64(), .id = TEXT("ID1"), .sender = text_of(r->sender), .received = NOW,
	    .size = r->p.raw.len, .summary = r->p.summary, .authors = { &a, 1 },
	    .recipients = { &address, 1 }, .orcpts = { &none, 1 }, .notify = { &notify, 1 },
	    .content = PAYLOAD_OF(r->p.content)));
	return reply.verdict;
}

static void
what_is_refused(void **state)
{
	struct rig *r = *state;
	struct buffer to = BUFFER_INIT;
	uint64_t message;

	assert_int_equal(verdict_of(r, BOB, "x@example.org"), SUBMISSION_NOT_YOURS);
	r->sender = BOB;
	assert_int_equal(verdict_of(r, ALICE, "x@example.org"), SUBMISSION_NOT_YOURS);
	r->sender = ALICE;
	set(r, "submission.recipients_max", "100");
	for (int i = 0; i < 101; i++)
		buffer_addf(&to, "%sx%d@example.org", i > 0 ? " " : "", i);
	assert_ok(submit_op(r, buffer_string(&to), 1, &message));
	assert_int_equal(message, 0);
	set(r, "submission.recipients_max", "");
	assert_int_equal(rows(r), 0);
	assert_int_equal(verdict_of(r, ALICE, "x@example.org"), SUBMISSION_OK);
	buffer_done(&to);
}

/* ---- what the sender is owed ---- */

static void
owed(struct rig *r, uint64_t kind, const char *recipient)
{
	struct queue_owed_reply reply;

	assert_ok(ASK(r->w, outbound, queue_owed, &reply));
	assert_true(reply.message != 0);
	assert_int_equal(reply.kind, kind);
	assert_int_equal(reply.recipients.count, 1);
	assert_true(text_equal(reply.recipients.at[0], text_of(recipient)));
	assert_text(reply.sender, ALICE);
}

static void
who_cannot_be_served_has_failed(void **state)
{
	static const char *const lost[] = { "gone@example.com", BOB, "x@" };
	struct rig *r = *state;

	set_bob(r, ACCOUNT_QUOTA, 10);
	for (size_t i = 0; i < ARRAY_LEN(lost); i++) {
		(void)submit(r, lost[i]);
		assert_int_equal(take(r), 0);
		owed(r, QUEUE_OWED_FAILURE, lost[i]);
	}
	assert_int_equal(in_mailbox(r, BOB, "INBOX"), 0);
}

static const struct engine_ops *whole_ops;
static struct engine_ops broken_ops;

static enum status
addresses_unread(
    struct engine *e, struct entity entity, struct text key, struct arena *a, struct text *value)
{
	if (key.ptr[0] == KEY_D_ADDRESS)
		return STATUS_IO;
	return whole_ops->get(e, entity, key, a, value);
}

/* Nobody fails for good of what cannot be read just now. */
static void
while_the_directory_cannot_tell_it_waits(void **state)
{
	struct rig *r = *state;
	uint64_t message;
	enum status how;

	assert_ok(submit_op(r, ALICE, 1, &message)); /* a name that the cache has */
	store_settle(r->w->store);
	whole_ops = r->w->engine->ops;
	broken_ops = *whole_ops;
	broken_ops.get = addresses_unread;
	r->w->engine->ops = &broken_ops;
	how = submit_op(r, "alice@example.com bob@example.com x@example.org", 2, &message);
	store_settle(r->w->store);
	r->w->engine->ops = whole_ops;
	assert_int_equal(how, STATUS_UNAVAILABLE);
	assert_ok(submit_op(r, "alice@example.com bob@example.com x@example.org", 2, &message));
	assert_int_equal(in_mailbox(r, BOB, "INBOX"), 1);
	assert_int_equal(in_mailbox(r, ALICE, "INBOX"), 2);
	assert_int_equal(take(r), 1);
}

static void
success_here_is_told_if_wanted(void **state)
{
	struct rig *r = *state;

	assert_int_equal(submit(r, BOB), 0);
	r->notify = QUEUE_NOTIFY_SUCCESS;
	(void)submit(r, BOB);
	assert_int_equal(in_mailbox(r, BOB, "INBOX"), 2);
	owed(r, QUEUE_OWED_SUCCESS, BOB);
}

static void
nothing_is_owed_without_a_sender(void **state)
{
	struct rig *r = *state;

	r->sender = "";
	r->notify = QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_FAILURE;
	assert_int_equal(submit(r, BOB), 0);
	assert_int_equal(submit(r, "gone@example.com"), 0);
	assert_int_equal(in_mailbox(r, BOB, "INBOX"), 1);
	assert_int_equal(rows(r), blobs(r));
}

/* RFC 4865: nobody gets it before, whether here or elsewhere. */
static void
held_until_its_time(void **state)
{
	struct rig *r = *state;

	r->copy = 1;
	r->not_before = NOW + 3600;
	(void)submit(r, "x@example.org bob@example.com");
	store_tend(r->w->store);
	assert_int_equal(take(r), 0);
	assert_int_equal(in_mailbox(r, BOB, "INBOX"), 0);
	crash(r);
	assert_int_equal(in_mailbox(r, BOB, "INBOX"), 0);
	at(NOW + 3601);
	store_tend(r->w->store);
	assert_int_equal(in_mailbox(r, BOB, "INBOX"), 1);
	assert_int_equal(in_mailbox(r, ALICE, "Sent"), 1);
	assert_int_equal(take(r), 1);
}

static void
drop(struct rig *r, uint64_t message, const char *recipient)
{
	struct queue_admin_change_reply reply;

	assert_ok(ASK(r->w, admin, queue_admin_change, &reply, .change = QUEUE_ADMIN_DROP,
	    .messages = { &message, 1 }, .recipient = text_of(recipient), .silent = 1));
	assert_int_equal(reply.changed, 1);
}

static void
when_its_time_has_come(struct rig *r)
{
	store_settle(r->w->store);
	at(NOW + 3601);
	store_tend(r->w->store);
	assert_int_equal(take(r), 0);
	r->token = world_token(r->w, r->alice);
}

/* All of it: mailboxes of this site and the copy, too. */
static void
dropped_before_its_time(struct rig *r, size_t octets, bool crashes)
{
	large(r, octets);
	r->copy = 1;
	r->not_before = NOW + 3600;
	drop(r, submit(r, "x@example.org bob@example.com alice@example.com"), "");
	if (crashes)
		crash(r);
	when_its_time_has_come(r);
	assert_int_equal(in_mailbox(r, BOB, "INBOX"), 0);
	assert_int_equal(in_mailbox(r, ALICE, "INBOX"), 0);
	assert_int_equal(in_mailbox(r, ALICE, "Sent"), 0);
	all_is_well(r);
	assert_int_equal(rows(r), 0);
}

static void
what_is_dropped_before_its_time_is_for_nobody(void **state)
{
	dropped_before_its_time(*state, 1000, false);
}

static void
large_content_that_is_dropped_before_its_time(void **state)
{
	dropped_before_its_time(*state, 200000, false);
}

static void
what_is_dropped_stays_so_after_a_crash(void **state)
{
	dropped_before_its_time(*state, 200000, true);
}

static void
only_who_is_named_is_dropped(void **state)
{
	struct rig *r = *state;

	r->copy = 1;
	r->not_before = NOW + 3600;
	drop(r, submit(r, "x@example.org bob@example.com"), "x@example.org");
	when_its_time_has_come(r);
	assert_int_equal(in_mailbox(r, BOB, "INBOX"), 1);
	assert_int_equal(in_mailbox(r, ALICE, "Sent"), 1);
}

/* ---- one copy ---- */

static void
append(struct rig *r)
{
	struct store_append_reply reply;

	assert_ok(ASK(r->w, intake, store_append, &reply, .token = r->token, .op = random_u64(),
	    .name = TEXT("Sent"), .flags = FLAG_FLAGGED, .date = clock_wall() / CLOCK_SECOND,
	    .summary = r->p.summary, .content = PAYLOAD_OF(r->p.content), .size = r->p.raw.len));
}

static void
append_twice(struct rig *r)
{
	const struct parcel *p = &r->p;
	struct parcel other = world_message(r->w, "other", "s", "");
	uint64_t flags[] = { FLAG_FLAGGED, 0 }, counts[] = { 0, 0 }, dates[] = { NOW, NOW };
	uint64_t sizes[] = { p->raw.len, other.raw.len };
	uint64_t summaries[] = { p->summary.len, other.summary.len };
	uint64_t contents[] = { p->content.len, other.content.len };
	struct store_append_all_reply reply;

	assert_ok(ASK(r->w, intake, store_append_all, &reply, .token = r->token, .op = random_u64(),
	    .name = TEXT("Sent"), .flags = { flags, 2 }, .keyword_counts = { counts, 2 },
	    .dates = { dates, 2 }, .sizes = { sizes, 2 }, .summary_sizes = { summaries, 2 },
	    .summaries = PAYLOAD_OF(arena_join(&r->w->arena, p->summary, other.summary)),
	    .content_sizes = { contents, 2 },
	    .contents = PAYLOAD_OF(arena_join(&r->w->arena, p->content, other.content))));
}

static void
the_clients_copy_stays(void **state)
{
	struct rig *r = *state;

	r->copy = 1;
	(void)submit(r, "x@example.org");
	assert_int_equal(in_mailbox(r, ALICE, "Sent"), 1);
	append(r);
	assert_int_equal(in_mailbox(r, ALICE, "Sent"), 1);
	assert_int_equal(fetch(r, ALICE, "Sent", 2).flags, FLAG_FLAGGED);
	append(r); /* what a client files twice is there twice */
	assert_int_equal(in_mailbox(r, ALICE, "Sent"), 2);
}

static void
the_clients_copy_stays_of_several(void **state)
{
	struct rig *r = *state;

	r->copy = 1;
	(void)submit(r, "x@example.org");
	assert_int_equal(in_mailbox(r, ALICE, "Sent"), 1);
	append_twice(r);
	assert_int_equal(in_mailbox(r, ALICE, "Sent"), 2);
	assert_int_equal(fetch(r, ALICE, "Sent", 2).flags, FLAG_FLAGGED);
}

/* Small and large content: what was held for the copy is given back. */
static void
a_copy_that_the_client_filed_before(void **state)
{
	struct rig *r = *state;

	r->copy = 1;
	append(r);
	(void)submit(r, "x@example.org");
	assert_int_equal(in_mailbox(r, ALICE, "Sent"), 1);
	large(r, 200000);
	append(r);
	(void)submit(r, "x@example.org");
	assert_int_equal(in_mailbox(r, ALICE, "Sent"), 2);
}

static void
long_afterwards_it_is_another_message(void **state)
{
	struct rig *r = *state;

	r->copy = 1;
	(void)submit(r, "x@example.org");
	assert_int_equal(in_mailbox(r, ALICE, "Sent"), 1);
	at(NOW + 11 * 60);
	r->token = world_token(r->w, r->alice);
	append(r);
	assert_int_equal(in_mailbox(r, ALICE, "Sent"), 2);
}

static void
a_mailbox_for_the_copy_is_made(void **state)
{
	struct rig *r = *state;
	struct store_remove_reply none;

	assert_ok(ASK(
	    r->w, access, store_remove, &none, .token = r->token, .op = 3, .name = TEXT("Sent")));
	r->copy = 1;
	(void)submit(r, "x@example.org");
	store_settle(r->w->store);
	assert_int_equal(world_open_mailbox(r->w, r->token, "Sent").use, USE_SENT);
	assert_int_equal(in_mailbox(r, ALICE, "Sent"), 1);
}

/* ---- aliases to elsewhere ---- */

static uint64_t
from_outside(struct rig *r, const char *sender, const char *srs, uint64_t notify)
{
	struct text to = TEXT("list@example.com"), orcpt = TEXT_EMPTY;
	struct store_deliver_reply reply;

	assert_ok(ASK(r->w, intake, store_deliver, &reply, .op = random_u64(), .id = TEXT("ID2"),
	    .sender = text_of(sender), .recipients = { &to, 1 }, .orcpts = { &orcpt, 1 },
	    .notify = { &notify, 1 }, .summary = r->p.summary, .content = PAYLOAD_OF(r->p.content),
	    .size = r->p.raw.len, .received = NOW, .forward_sender = text_of(srs),
	    .forward_prefix = TEXT("X: 1\r\n")));
	return reply.verdicts.at[0];
}

static void
an_alias_leads_here_and_elsewhere(void **state)
{
	struct text to[] = { TEXT(BOB), TEXT("Out@Example.ORG") };
	struct rig *r = *state;
	struct store_alias_add_reply none;
	struct store_rcpt_reply rcpt_reply;
	struct queue_owed_reply owed_reply;

	assert_ok(ASK(r->w, admin, store_alias_add, &none, .address = TEXT("list@example.com"),
	    .targets = { to, 2 }));
	assert_ok(ASK(r->w, access, store_rcpt, &rcpt_reply, .address = TEXT("list@example.com")));
	assert_int_equal(rcpt_reply.verdict, RCPT_OK);
	assert_int_equal(rcpt_reply.forwards, 1);
	assert_int_equal(from_outside(r, "a@remote.example", "", 0), STATUS_UNAVAILABLE);
	assert_int_equal(rows(r), 0);
	assert_int_equal(
	    from_outside(r, "a@remote.example", "SRS0=x@example.com", QUEUE_NOTIFY_SUCCESS),
	    STATUS_OK);
	assert_int_equal(in_mailbox(r, BOB, "INBOX"), 1);
	assert_int_equal(take(r), 1);
	assert_text(r->lease.sender, "SRS0=x@example.com");
	assert_text(r->lease.recipients.at[0], "Out@example.org");
	assert_text(r->lease.orcpts.at[0], "rfc822;list@example.com");
	assert_int_equal(r->lease.notify.at[0], QUEUE_NOTIFY_NEVER); /* RFC 3461 5.2.7 */
	assert_text(r->lease.prefix, "Delivered-To: list@example.com\r\nX: 1\r\n");
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	at(NOW + 60);
	assert_ok(ASK(r->w, outbound, queue_owed, &owed_reply));
	assert_int_equal(owed_reply.kind, QUEUE_OWED_SUCCESS);
	assert_text(owed_reply.sender, "a@remote.example");
	assert_text(owed_reply.recipients.at[0], "list@example.com");
	assert_int_equal(from_outside(r, "", "", 0), STATUS_OK); /* a bounce goes on as one */
	assert_int_equal(take(r), 1);
	assert_text(r->lease.sender, "");
}

/* ---- messages of the site ---- */

static void
notice(struct rig *r, const char *to, uint64_t op)
{
	struct submission_notice_reply none;

	assert_ok(ASK(r->w, intake, submission_notice, &none, .op = op, .id = TEXT("N1"),
	    .recipient = text_of(to), .summary = r->p.summary, .size = r->p.raw.len,
	    .content = PAYLOAD_OF(r->p.content)));
}

static void
notices(void **state)
{
	struct rig *r = *state;

	notice(r, BOB, 5);
	notice(r, BOB, 5);
	assert_int_equal(in_mailbox(r, BOB, "INBOX"), 1);
	assert_text(fetch(r, BOB, "INBOX", 1).prefix,
	    "Return-Path: <>\r\nDelivered-To: bob@example.com\r\n");
	notice(r, "nobody@example.com", 6);
	assert_int_equal(take(r), 0);
	notice(r, "x@Example.ORG", 7);
	assert_int_equal(take(r), 1);
	assert_text(r->lease.sender, "");
	assert_text(r->lease.recipients.at[0], "x@example.org");
	report(r, QUEUE_FAILED, SCHEDULE_WELL);
	all_is_well(r);
	assert_int_equal(rows(r), blobs(r));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_site, teardown_site)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(who_may_write_as_whom),
		CASE(a_token_must_allow_it),
		CASE(recipients_here_and_elsewhere),
		CASE(recipients_that_cannot_take_it),
		CASE(one_batch_for_all),
		CASE(made_again),
		CASE(large_content_is_there_once),
		CASE(staged_content_is_there_once),
		CASE(staged_content_that_only_goes_out),
		CASE(a_literal_is_a_place_to_go),
		CASE(what_is_refused),
		CASE(who_cannot_be_served_has_failed),
		CASE(while_the_directory_cannot_tell_it_waits),
		CASE(success_here_is_told_if_wanted),
		CASE(nothing_is_owed_without_a_sender),
		CASE(held_until_its_time),
		CASE(what_is_dropped_before_its_time_is_for_nobody),
		CASE(large_content_that_is_dropped_before_its_time),
		CASE(what_is_dropped_stays_so_after_a_crash),
		CASE(only_who_is_named_is_dropped),
		CASE(the_clients_copy_stays),
		CASE(the_clients_copy_stays_of_several),
		CASE(a_copy_that_the_client_filed_before),
		CASE(long_afterwards_it_is_another_message),
		CASE(a_mailbox_for_the_copy_is_made),
		CASE(an_alias_leads_here_and_elsewhere),
		CASE(notices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
