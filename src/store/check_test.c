/* SPDX-License-Identifier: ISC */
/*
 * The check says what is wrong: each case damages rows behind the store's back
 * and wants its words for it. Cases of the table damage what is on the disk,
 * with the store closed or, where it could not be opened again or the memory
 * is what differs, open.
 */
#include "store/check_test_helper.h"
#include "store/tls_report.h"

/* ---- changes of values ---- */

/* The inbox's only block: UIDs 1 to 3. */
static void
change_hot(void (*change)(struct hot *h))
{
	struct key key = key_hot(bench.inbox, 0);
	struct hot h = { .mailbox = bench.inbox };
	struct buffer b = BUFFER_INIT;

	assert_ok(hot_decode(get(entity_of(bench.alice), key), &bench.w->arena, &h));
	change(&h);
	hot_encode(&h, &b);
	put(entity_of(bench.alice), key, buffer_text(&b));
	buffer_done(&b);
}

static void
hot_size(struct hot *h)
{
	((struct hot_entry *)h->at)[1].size++;
}

static void
hot_modseq(struct hot *h)
{
	h->at[1].modseq = 1000;
}

static void
hot_email(struct hot *h)
{
	h->at[1].email = 1000;
}

static void
hot_keyword(struct hot *h)
{
	static const uint16_t number = 77;

	h->at[1].keywords = &number;
	h->at[1].keyword_count = 1;
}

static void
hot_more(struct hot *h)
{
	struct hot_entry e = h->at[1];

	e.uid = 200;
	hot_append(h, &bench.w->arena, &e);
}

static void
hot_seen(struct hot *h)
{
	h->at[0].flags |= FLAG_SEEN;
}

static void
hot_deleted(struct hot *h)
{
	h->at[0].flags |= FLAG_DELETED;
}

static void
edit_mailbox(void (*change)(struct mailbox *m))
{
	struct key key = key_u32(KEY_MAILBOX, bench.inbox);
	struct mailbox m = { 0 };
	struct buffer b = BUFFER_INIT;

	assert_ok(mailbox_unpack(get(entity_of(bench.alice), key), &m));
	change(&m);
	mailbox_pack(&b, &m);
	put(entity_of(bench.alice), key, buffer_text(&b));
	buffer_done(&b);
}

#define MAILBOX_CHANGE(name, ...)           \
	static void name(struct mailbox *m) \
	{                                   \
		__VA_ARGS__;                \
	}
MAILBOX_CHANGE(mailbox_messages, m->messages++)
MAILBOX_CHANGE(mailbox_unseen, m->unseen++)
MAILBOX_CHANGE(mailbox_deleted, m->deleted++)
MAILBOX_CHANGE(mailbox_octets, m->octets++)
MAILBOX_CHANGE(mailbox_recent, m->recent++)
MAILBOX_CHANGE(mailbox_first_unseen, m->first_unseen = 3)
MAILBOX_CHANGE(mailbox_modseq, m->highest_modseq = 1000)
MAILBOX_CHANGE(mailbox_indexed, m->indexed = m->highest_modseq)
MAILBOX_CHANGE(mailbox_indexed_later, m->indexed = 1000)
MAILBOX_CHANGE(mailbox_not_indexed, m->indexed = 0)
MAILBOX_CHANGE(mailbox_uidvalidity, m->uidvalidity = UINT32_MAX)

/* An index row of the inbox that holds for its last modseq: UIDs, blocks with unseen and
 * with deleted messages, packed. */
static void
index_says(struct text row)
{
	edit_mailbox(mailbox_indexed);
	put(entity_of(bench.alice), key_index(bench.inbox, 0), row);
}

static void
change_head(void (*change)(struct head *h))
{
	struct key key = key_of(KEY_HEAD);
	struct head h;
	struct buffer b = BUFFER_INIT;

	assert_ok(head_unpack(get(entity_of(bench.alice), key), &h));
	change(&h);
	head_pack(&b, 1, &h);
	put(entity_of(bench.alice), key, buffer_text(&b));
	buffer_done(&b);
}

static void
head_octets(struct head *h)
{
	h->octets++;
}

static void
head_messages(struct head *h)
{
	h->messages--;
}

static void
head_next_mailbox(struct head *h)
{
	h->next_mailbox = 1;
}

static void
change_email(void (*change)(struct email *e))
{
	struct text value;
	struct key key = first_row(entity_of(bench.alice), KEY_EMAIL, &value);
	struct email e;
	struct buffer b = BUFFER_INIT;

	assert_ok(email_unpack(value, &bench.w->arena, &e));
	change(&e);
	email_pack(&b, &e);
	put(entity_of(bench.alice), key, buffer_text(&b));
	buffer_done(&b);
}

static void
email_twice(struct email *e)
{
	email_add(e, &bench.w->arena, (struct place){ bench.inbox, 1 });
}

static void
email_elsewhere(struct email *e)
{
	e->at[0].uid = 50;
}

static void
email_nowhere(struct email *e)
{
	e->count = 0;
}

static void
email_thread(struct email *e)
{
	e->thread = 500;
}

static struct blob_id
blob_of(uint64_t account, bool shared)
{
	struct key from = key_of(KEY_EMAIL), until = key_behind(from);
	struct engine_scan *scan;
	struct text key, value;
	struct email e = { .pieces = 0 };

	assert_ok(engine_scan_open(
	    bench.under, entity_of(account), key_text(&from), key_text(&until), &scan));
	do {
		assert_ok(engine_scan_next(scan, &key, &value));
		assert_ok(email_unpack(value, &bench.w->arena, &e));
	} while (e.shared != shared);
	engine_scan_close(scan);
	return e.blob;
}

static void
delete_blob(struct blob_id blob)
{
	struct engine_batch b;

	engine_batch_init(&b, entity_of(bench.alice), 0);
	engine_blob_delete(&b, blob, 10);
	commit(&b);
}

/* ---- damages that need more than a line ---- */

static void
strange_row(struct entity e)
{
	put(e, (struct key){ 1, "Z" }, TEXT("?"));
}

static void
spare_message_id(void)
{
	struct text value;

	(void)first_row(entity_of(bench.alice), KEY_MESSAGE_ID, &value);
	put(entity_of(bench.alice), key_u64(KEY_MESSAGE_ID, 12345), value);
}

static void
take_last_change(void)
{
	struct head h;

	assert_ok(head_unpack(get(entity_of(bench.alice), key_of(KEY_HEAD)), &h));
	take(entity_of(bench.alice), key_u64(KEY_CHANGE, h.modseq));
}

static void
delete_garbage(void)
{
	struct text value;
	struct key key = first_row(entity_of(bench.alice), KEY_GARBAGE, &value);
	struct garbage g;

	assert_ok(garbage_unpack(key_text(&key), value, &g));
	delete_blob(g.blob);
}

static void
staged_without_content(void)
{
	struct blob_id blob = { { 9 } };
	struct buffer b = BUFFER_INIT;

	pack_varint(&b, 9);
	pack_varint(&b, 4);
	put(entity_of(bench.alice), key_named(KEY_STAGED, blob_id_text(&blob)), buffer_text(&b));
	buffer_done(&b);
}

static void
leaving(uint64_t email, uint32_t uid)
{
	struct key key = key_u64(KEY_LEAVING, email);

	key_add(&key, bench.inbox, 4);
	key_add(&key, uid, 4);
	put(entity_of(bench.alice), key, TEXT("\1"));
}

static void
take_one_holder(uint64_t account)
{
	struct blob_id blob = blob_of(bench.bob, true);

	take(reference_entity(blob),
	    reference_key(blob, (struct holder){ HOLDER_ACCOUNT, account }));
}

static void
take_holder(void)
{
	take_one_holder(bench.alice);
}

static void
take_holders(void)
{
	take_one_holder(bench.alice);
	take_one_holder(bench.bob);
}

static void
spare_holder(void)
{
	struct blob_id blob = blob_of(bench.bob, true);

	put(reference_entity(blob), reference_key(blob, (struct holder){ HOLDER_ACCOUNT, 999 }),
	    TEXT("1"));
}

static void
spare_blob(void)
{
	struct engine_batch b;

	engine_batch_init(&b, entity_of(bench.alice), 0);
	engine_blob_put(&b, (struct blob_id){ { 7 } }, 0, TEXT("orphan"));
	commit(&b);
}

static void
spare_record(uint64_t account)
{
	struct record_place place = { .account = account };
	struct record r = { .sender = TEXT("a@b"),
		.blob = blob_of(bench.bob, true),
		.pieces = 1,
		.shared = true,
		.place = &place,
		.count = 1 };
	struct buffer b = BUFFER_INIT;

	record_pack(&b, &r);
	put((struct entity){ ENTITY_QUEUE, 3 }, key_u64(KEY_Q_RECORD, 99), buffer_text(&b));
	buffer_done(&b);
}

static void
take_facts(void)
{
	take(entity_of(bench.bob), key_of(KEY_FACTS));
}

static void
other_facts(void)
{
	put(entity_of(bench.bob), key_of(KEY_FACTS),
	    get(entity_of(bench.alice), key_of(KEY_FACTS)));
}

static struct key
address_of(const char *address)
{
	struct address_key k;

	assert_ok(address_key(text_of(address), &bench.w->arena, &k));
	return address_row(&k);
}

static void
put_address(const char *address, struct address row)
{
	struct buffer b = BUFFER_INIT;

	address_pack(&b, &row);
	put(shard(), address_of(address), buffer_text(&b));
	buffer_done(&b);
}

static void
other_shard(void)
{
	put_address("bob@example.com",
	    (struct address){
		.kind = ADDRESS_ACCOUNT, .account = bench.bob + 1, .has_scram = true });
}

static void
reserved(void)
{
	put_address("carol@example.com",
	    (struct address){ .kind = ADDRESS_RESERVED, .account = bench.bob + SHARDS });
}

static void
strange_address(void)
{
	put_address("a@example.org", (struct address){ .kind = ADDRESS_ALIAS });
}

static void
other_counts(void)
{
	struct text value = get(shard(), key_of(KEY_D_HEAD));
	char *bytes = arena_alloc(&bench.w->arena, value.len);

	memcpy(bytes, value.ptr, value.len);
	bytes[value.len - 2]++; /* accounts, before those without SCRAM keys */
	put(shard(), key_of(KEY_D_HEAD), (struct text){ bytes, value.len });
}

static void
other_domain(void)
{
	struct key key = key_named(KEY_D_DOMAIN, TEXT("example.com"));
	struct text value = get(shard(), key);
	char *bytes = arena_alloc(&bench.w->arena, value.len);

	memcpy(bytes, value.ptr, value.len);
	bytes[1]++; /* accounts, behind the version */
	put(shard(), key, (struct text){ bytes, value.len });
}

/* That UID 1 is the first unseen one is known exactly when it becomes so. */
static void
seen_behind_its_back(void)
{
	struct runs first = world_uids(1, 1);
	struct store_flags_reply flags;

	assert_ok(ASK(bench.w, access, store_flags, &flags, .token = token(bench.alice), .op = 3,
	    .mailbox = bench.inbox, .uids = first, .mode = FLAGS_REMOVE, .flags = FLAG_SEEN,
	    .unchanged_since = UINT64_MAX));
	runs_done(&first);
	change_hot(hot_seen);
}

static void
spare_counts(void)
{
	struct key key = key_u32(KEY_Q_TLS, 20000);
	struct tls_day d = { .due = 1 };
	struct buffer b = BUFFER_INIT;

	key_add_text(&key, TEXT("example.org"));
	tls_day_pack(&b, &d);
	put((struct entity){ ENTITY_QUEUE, 3 }, key, buffer_text(&b));
	buffer_done(&b);
}

/* Found when the shard is read again, after a conflict. */
static void
broken_shard(void)
{
	struct store_catch_all_reply none;

	put(shard(), key_named(KEY_D_DOMAIN, TEXT("example.com")), TEXT("?"));
	assert_int_not_equal(ASK(bench.w, admin, store_catch_all, &none,
				 .domain = TEXT("example.com"), .address = TEXT("bob@example.com")),
	    STATUS_OK);
}

/* ---- the damages ---- */

/* name, whose check, what it says, what is done */
#define ALICE 1
#define SITE 0
#define CLOSED_CASES(X)                                                                            \
	X(a_block_is_missing, ALICE, "messages is 3, counted 0",                                   \
	    take(entity_of(bench.alice), key_hot(bench.inbox, 0)))                                 \
	X(entries_are_missing, ALICE,                                                              \
	    "1 mailbox entries and 0 that are leaving, but emails name 4",                         \
	    take(entity_of(bench.alice), key_hot(bench.inbox, 0)))                                 \
	X(a_block_has_more, ALICE, "UID 200 is not below UIDNEXT", change_hot(hot_more))           \
	X(an_entry_that_no_email_has, ALICE, "UID 200 stands 0 times", change_hot(hot_more))       \
	X(a_size, ALICE, "UID 2: size", change_hot(hot_size))                                      \
	X(a_modseq, ALICE, "UID 2: modseq above the mailbox's", change_hot(hot_modseq))            \
	X(an_email_to_come, ALICE, "UID 2: email not given yet", change_hot(hot_email))            \
	X(an_email_that_is_not_there, ALICE, "UID 2: email 1000 is not there",                     \
	    change_hot(hot_email))                                                                 \
	X(a_keyword, ALICE, "UID 2: unknown keyword", change_hot(hot_keyword))                     \
	X(a_block_of_no_mailbox, ALICE, "messages of mailbox 77, which is not there",              \
	    put(entity_of(bench.alice), key_hot(77, 0),                                            \
		get(entity_of(bench.alice), key_hot(bench.inbox, 0))))                             \
	X(an_email_is_missing, ALICE, "is not there",                                              \
	    take_first(entity_of(bench.alice), KEY_EMAIL))                                         \
	X(a_summary_is_missing, ALICE, "summary of email",                                         \
	    take_first(entity_of(bench.alice), KEY_SUMMARY))                                       \
	X(fewer_summaries, ALICE, "3 emails, 2 summaries, 3 in threads",                           \
	    take_first(entity_of(bench.alice), KEY_SUMMARY))                                       \
	X(an_email_is_somewhere_twice, ALICE, "stands 2 times", change_email(email_twice))         \
	X(an_email_is_elsewhere, ALICE, "stands 0 times", change_email(email_elsewhere))           \
	X(an_email_is_nowhere, ALICE, "stands nowhere", change_email(email_nowhere))               \
	X(an_email_in_no_thread, ALICE, "is not in its thread", change_email(email_thread))        \
	X(a_thread_row_is_missing, ALICE, "is not in its thread",                                  \
	    take_first(entity_of(bench.alice), KEY_THREAD))                                        \
	X(a_message_id_is_missing, ALICE, "a message-id does not lead to it",                      \
	    take_first(entity_of(bench.alice), KEY_MESSAGE_ID))                                    \
	X(a_message_id_too_many, ALICE, "message-ids, threads answer for", spare_message_id())     \
	X(a_gap_in_the_log, ALICE, "the change log has a gap",                                     \
	    take(entity_of(bench.alice), key_u64(KEY_CHANGE, 3)))                                  \
	X(an_end_of_the_log, ALICE, "the change log has", take_last_change())                      \
	X(count_of_messages, ALICE, "messages is 4, counted 3", edit_mailbox(mailbox_messages))    \
	X(count_of_unseen, ALICE, "unseen is 3, counted 2", edit_mailbox(mailbox_unseen))          \
	X(count_of_deleted, ALICE, "deleted is 1, counted 0", edit_mailbox(mailbox_deleted))       \
	X(count_of_recent, ALICE, "recent is 4, counted 3", edit_mailbox(mailbox_recent))          \
	X(count_of_octets, ALICE, "octets is", edit_mailbox(mailbox_octets))                       \
	X(first_unseen, ALICE, "first unseen 2, written 3", edit_mailbox(mailbox_first_unseen))    \
	X(modseq_of_a_mailbox, ALICE, "beyond the account's counters",                             \
	    edit_mailbox(mailbox_modseq))                                                          \
	X(uidvalidity, ALICE, "beyond the account's counters", edit_mailbox(mailbox_uidvalidity))  \
	X(number_of_a_mailbox, ALICE, "beyond the account's counters",                             \
	    change_head(head_next_mailbox))                                                        \
	X(an_index_row_is_missing, ALICE, "the index is of no use",                                \
	    take(entity_of(bench.alice), key_index(bench.inbox, 0)))                               \
	X(an_index_of_other_uids, ALICE, "the UIDs in the index are others",                       \
	    index_says(TEXT("\1\1\2\2\1\0\0\0")))                                                  \
	X(an_index_with_UID_0, ALICE, "the index is of no use",                                    \
	    index_says(TEXT("\1\1\0\2\1\0\0\0")))                                                  \
	X(an_index_without_unseen, ALICE, "unseen messages are missing in the index",              \
	    index_says(TEXT("\1\1\1\2\0\0")))                                                      \
	X(an_index_without_deleted, ALICE, "deleted messages are missing in the index",            \
	    (index_says(TEXT("\1\1\1\2\1\0\0\0")), change_hot(hot_deleted)))                       \
	X(an_index_of_later, ALICE, "an index of later", edit_mailbox(mailbox_indexed_later))      \
	X(an_index_of_no_mailbox, ALICE, "an index of mailbox 77, which has none",                 \
	    put(entity_of(bench.alice), key_index(77, 0), TEXT("\1\0\0\0")))                       \
	X(an_index_that_none_names, ALICE, "an index of mailbox",                                  \
	    edit_mailbox(mailbox_not_indexed))                                                     \
	X(an_index_beyond_the_mailbox, ALICE, "an index row beyond UIDNEXT",                       \
	    put(entity_of(bench.alice), key_index(bench.inbox, 9), TEXT("\1\0\0\0")))              \
	X(quota_octets, ALICE, "quota:", change_head(head_octets))                                 \
	X(quota_messages, ALICE, "quota:", change_head(head_messages))                             \
	X(content_is_missing, ALICE, "content of email", delete_blob(blob_of(bench.alice, false))) \
	X(shared_content_is_missing, ALICE, "content of email",                                    \
	    delete_blob(blob_of(bench.alice, true)))                                               \
	X(content_of_garbage, ALICE, "content of garbage", delete_garbage())                       \
	X(content_in_steps, ALICE, "content of staged row", staged_without_content())              \
	X(a_place_that_is_there, ALICE, "UID 2 is there, but is leaving", leaving(2, 2))           \
	X(a_place_too_many, ALICE, "entries and 1 that are leaving, but emails name",              \
	    leaving(2, 2))                                                                         \
	X(a_place_that_no_email_has, ALICE, "UID 99 stands 0 times in email 2", leaving(2, 99))    \
	X(a_place_of_no_email, ALICE, "UID 2: email 1000 is not there", leaving(1000, 2))          \
	X(a_holder_is_missing, ALICE, "shared content is not held", take_holder())                 \
	X(a_row_of_no_kind, ALICE, "a row of the unknown kind 5a",                                 \
	    put(entity_of(bench.alice), (struct key){ 1, "Z" }, TEXT("?")))                        \
	X(an_account_that_cannot_load, ALICE, "does not load",                                     \
	    put(entity_of(bench.alice), key_of(KEY_HEAD), TEXT("?")))                              \
	X(a_mailbox_that_cannot_load, ALICE, "does not load",                                      \
	    put(entity_of(bench.alice), key_u32(KEY_MAILBOX, bench.inbox), TEXT("?")))             \
	X(an_address_of_no_account, SITE, "leads to account", take_facts())                        \
	X(an_account_of_another_address, SITE, "leads to the account of", other_facts())           \
	X(an_account_of_another_shard, SITE, "account of another shard", other_shard())            \
	X(counts_of_a_shard, SITE, "accounts, 0 without SCRAM; written", other_counts())           \
	X(counts_of_a_domain, SITE, "domain example.com: its counters are wrong", other_domain())  \
	X(a_reserved_address, SITE, "reserved addresses without intents", reserved())              \
	X(an_address_of_no_domain, SITE, "addresses of domain example.org, which is not there",    \
	    strange_address())                                                                     \
	X(an_account_without_address, SITE, "its address alice@example.com does not lead to it",   \
	    take(shard(), address_of("alice@example.com")))                                        \
	X(rows_of_no_account, SITE, "rows of account 4242, which is not there",                    \
	    put(entity_of(4242), key_u64(KEY_CHANGE, 1), TEXT_EMPTY))                              \
	X(content_of_nobody, SITE, "blobs, rows name", spare_blob())                               \
	X(content_that_is_gone, SITE, "blobs, rows name", delete_blob(blob_of(bench.bob, true)))   \
	X(content_of_a_reference, SITE, "content of reference",                                    \
	    delete_blob(blob_of(bench.bob, true)))                                                 \
	X(a_holder_too_many, SITE, "holders of shared content", spare_holder())                    \
	X(content_that_nobody_holds, SITE, "shared content that nobody holds", take_holders())     \
	X(a_row_of_no_kind_in_R, SITE, "R ",                                                       \
	    strange_row(reference_entity(blob_of(bench.bob, true))))

/* With the store open: what it would correct at its start, or could not open. */
#define OPEN_CASES(X)                                                                         \
	X(the_block_in_memory, ALICE, "the block in memory is another", change_hot(hot_size)) \
	X(first_unseen_in_memory, ALICE, "first unseen is not 1", seen_behind_its_back())     \
	X(uids_in_memory, ALICE, "the UIDs in memory are others",                             \
	    take(entity_of(bench.alice), key_hot(bench.inbox, 0)))                            \
	X(a_record_is_left, SITE, "record 99 is left over", spare_record(bench.alice))        \
	X(a_suppression_elsewhere, SITE, "suppressed address Bob@x.test: not where it is",    \
	    put((struct entity){ ENTITY_QUEUE, 3 },                                           \
		key_named(KEY_Q_SUPPRESSED, TEXT("Bob@x.test")), TEXT("\1\0\0\0")))           \
	X(counts_of_tls_in_another_shard, SITE, "counts of TLS sessions in shard 3",          \
	    spare_counts())                                                                   \
	X(a_shard_that_cannot_load, SITE, "does not load", broken_shard())                    \
	X(a_row_of_no_kind_in_D, SITE, "D ", strange_row(shard()))                            \
	X(a_row_of_no_kind_in_Q, SITE, "Q ", strange_row((struct entity){ ENTITY_QUEUE, 3 }))

/* ---- tests ---- */

static void
check_says(int whose, const char *words)
{
	says(whose == ALICE ? bench.alice : 0, words);
}

#define CLOSED_TEST(name, whose, words, damage) \
	static void name(void **state)          \
	{                                       \
		world_close(bench.w);           \
		damage;                         \
		world_open(bench.w);            \
		check_says(whose, words);       \
	}
CLOSED_CASES(CLOSED_TEST)

#define OPEN_TEST(name, whose, words, damage) \
	static void name(void **state)        \
	{                                     \
		damage;                       \
		check_says(whose, words);     \
	}
OPEN_CASES(OPEN_TEST)

/* Every kind of row whose value the check reads. */
static void
rows_that_do_not_decode(void **state)
{
	static const enum key_kind of_alice[] = { KEY_HOT, KEY_EMAIL, KEY_SUMMARY, KEY_THREAD,
		KEY_MESSAGE_ID, KEY_CHANGE, KEY_INDEX, KEY_GARBAGE, KEY_STAGED, KEY_LEAVING,
		KEY_SENT };
	struct blob_id blob = blob_of(bench.bob, true);
	char words[40];

	for (size_t i = 0; i < ARRAY_LEN(of_alice); i++) {
		put(entity_of(bench.alice), key_named(of_alice[i], TEXT("?")), TEXT("?"));
		(void)snprintf(words, sizeof(words), "a row %c does not decode", of_alice[i]);
		says(bench.alice, words);
	}
	put(shard(), key_named(KEY_D_ADDRESS, TEXT("x\0y")), TEXT("?"));
	says(0, "a row a does not decode");
	put(shard(), key_named(KEY_D_INTENT, TEXT("?")), TEXT("?"));
	says(0, "a row i does not decode");
	put(shard(), key_named(KEY_D_DKIM, TEXT("gone.test")), TEXT("?"));
	says(0, "DKIM keys of domain gone.test, which is not there");
	says(0, "a row k does not decode");
	put((struct entity){ ENTITY_QUEUE, 3 }, key_named(KEY_Q_RECORD, TEXT("?")), TEXT("?"));
	says(0, "a row q does not decode");
	put(reference_entity(blob), key_named(KEY_R_HEAD, TEXT("?")), TEXT("?"));
	says(0, "a row h does not decode");
	put(reference_entity(blob), key_named(KEY_R_USER, TEXT("?")), TEXT("?"));
	says(0, "a row r does not decode");
}

static void
rows_of_limits_that_do_not_decode(void **state)
{
	struct key known = key_named(KEY_Q_KNOWN, TEXT("\1aaaaaaaa"));
	struct key slot = key_named(KEY_Q_KNOWN, TEXT("\1aaaaaaaa\7"));

	put((struct entity){ ENTITY_QUEUE, 3 }, known, TEXT("\1abcd"));
	put((struct entity){ ENTITY_QUEUE, 3 }, slot, TEXT("\1abcd"));
	world_check(bench.w, 0);
	put((struct entity){ ENTITY_QUEUE, 3 }, known, TEXT("\1abc"));
	says(0, "a row k does not decode");
	put((struct entity){ ENTITY_QUEUE, 3 }, key_named(KEY_Q_KNOWN, TEXT("\1aaaaaaaa\10")),
	    TEXT("\1abcd"));
	says(0, "a row k does not decode");
	put((struct entity){ ENTITY_QUEUE, 3 }, key_named(KEY_Q_SENT, TEXT("\1aaaaaaaa")),
	    TEXT("?"));
	says(0, "a row w does not decode");
	put((struct entity){ ENTITY_SITE, 1 }, key_named(KEY_S_RULE, TEXT("aaaaaaaa")), TEXT("?"));
	says(0, "a row r does not decode");
}

static void
rows_that_cannot_be_read(void **state)
{
	bench.fail_scan = KEY_CHANGE;
	bench.fail = FAIL_OPEN;
	says(bench.alice, "rows c cannot be read: ");
	bench.fail = FAIL_NEXT;
	says(bench.alice, "rows c end in ");
	bench.fail = FAIL_NOT;
	world_check(bench.w, bench.alice);
}

static unsigned moves;

static void
make_garbage(void)
{
	struct engine_batch b;
	struct text value;
	struct key email = first_row(entity_of(bench.alice), KEY_EMAIL, &value);
	struct key garbage = key_u64(KEY_GARBAGE, UINT32_MAX);
	struct buffer row = BUFFER_INIT;
	struct email e;

	assert_ok(email_unpack(value, &bench.w->arena, &e));
	key_add_text(&garbage, blob_id_text(&e.blob));
	pack_varint(&row, e.pieces);
	pack_u8(&row, e.shared);
	engine_batch_init(&b, entity_of(bench.alice), 0);
	engine_delete(&b, key_text(&email));
	engine_put(&b, key_text(&garbage), buffer_text(&row));
	commit(&b);
	buffer_done(&row);
}

static enum status
moving_scan_open(struct engine *e, struct entity entity, struct text from, struct text until,
    struct engine_scan **out)
{
	if (moves > 0 && entity.id == bench.alice && from.len == 1 && from.ptr[0] == KEY_GARBAGE) {
		moves--;
		make_garbage();
	}
	return breaking_scan_open(e, entity, from, until, out);
}

/* What collection turns from one into the other while it is looked at. */
static void
content_is_named_once(void **state)
{
	moves = 3;
	bench.ops.scan_open = moving_scan_open;
	world_check(bench.w, 0);
	assert_int_equal(moves, 0);
}

/* One that waits has its content, else that is told. */
static void
a_record_without_content(void **state)
{
	struct parcel p = world_message(bench.w, "5", "five", "");
	struct text value;
	struct record r = { .count = 0 };

	atomic_store(&breaking_of(bench.w->engine)->left, 1); /* the record's own */
	assert_ok(world_deliver(bench.w, "alice@example.com bob@example.com", &p));
	store_settle(bench.w->store);
	world_check(bench.w, 0);
	for (uint64_t i = 0; i < QUEUE_SHARDS; i++) {
		struct key from = key_of(KEY_Q_RECORD), until = key_behind(from);
		struct entity e = { ENTITY_QUEUE, i };
		struct engine_scan *scan;
		struct text at;

		assert_ok(
		    engine_scan_open(bench.under, e, key_text(&from), key_text(&until), &scan));
		if (engine_scan_next(scan, &at, &value) == STATUS_OK)
			assert_ok(record_unpack(value, &r));
		engine_scan_close(scan);
	}
	assert_int_equal(r.count, 2);
	delete_blob(r.blob);
	arena_done(&r.arena);
	says(0, "content of record");
}

/* Shared content of an account that went is garbage until it is given back. */
static void
a_removed_account_is_no_problem(void **state)
{
	struct store_account_remove_reply none;

	assert_ok(
	    ASK(bench.w, admin, store_account_remove, &none, .address = TEXT("bob@example.com")));
	store_settle(bench.w->store);
	(void)first_row(entity_of(bench.bob), KEY_GARBAGE, NULL);
	world_check(bench.w, 0);
	store_tend(bench.w->store);
	world_check(bench.w, 0);
}

#define TEST(name, ...) cmocka_unit_test_setup_teardown(name, setup, teardown),

int
main(void)
{
	const struct CMUnitTest tests[] = { CLOSED_CASES(TEST) OPEN_CASES(TEST) /* and */
		TEST(rows_that_do_not_decode) TEST(rows_of_limits_that_do_not_decode)
		    TEST(rows_that_cannot_be_read) TEST(content_is_named_once)
			TEST(a_record_without_content) TEST(a_removed_account_is_no_problem) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
