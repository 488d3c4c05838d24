/* SPDX-License-Identifier: ISC */
/*
 * The store's own check: whether the rows of an account agree with each other,
 * with the counters, with the change log and with the content. It runs in the
 * account's queue, where no commit is under way, and reads rows one by one,
 * with no more memory than the account itself takes. That hot rows and email
 * rows name each other is shown by two facts: every hot row is a place of its
 * email, as is every place that is being left, and there are as many places as
 * both together.
 */
#include "store/check.h"

#include <stdio.h>

#include "store/core.h"
#include "store/leaving.h"
#include "store/reference.h"
#include "store/sent.h"
#include "store/serve.h"
#include "store/thread.h"

#define TRIES 10u /* to see one moment, while commits come in between */

void
problem(struct findings *f, const char *format, ...)
{
	char words[300];
	va_list ap;

	if (f->count == PROBLEMS_MAX)
		return;
	va_start(ap, format);
	(void)vsnprintf(words, sizeof(words), format, ap);
	va_end(ap);
	f->at[f->count++] = arena_copy(f->arena, text_of(words));
}

static struct engine_scan *
open_rows(struct store *s, struct entity entity, enum key_kind kind, struct findings *f)
{
	struct key from = key_of(kind), until = key_behind(from);
	struct engine_scan *scan;
	enum status how =
	    engine_scan_open(s->engine, entity, key_text(&from), key_text(&until), &scan);

	if (how == STATUS_OK)
		return scan;
	problem(f, "rows %c cannot be read: %s", (char)kind, status_word(how));
	return NULL;
}

static void
walk_rows(
    struct engine_scan *scan, enum key_kind kind, txn_row_fn fn, void *arg, struct findings *f)
{
	struct text key, value;
	enum status how;

	if (scan == NULL)
		return;
	while ((how = engine_scan_next(scan, &key, &value)) == STATUS_OK) {
		f->rows++;
		if (fn(arg, key, value) != STATUS_OK)
			problem(f, "a row %c does not decode", (char)kind);
	}
	engine_scan_close(scan);
	if (how != STATUS_NOT_FOUND)
		problem(f, "rows %c end in %s", (char)kind, status_word(how));
}

void
check_rows(struct store *s, struct entity entity, enum key_kind kind, txn_row_fn fn, void *arg,
    struct findings *f)
{
	walk_rows(open_rows(s, entity, kind, f), kind, fn, arg, f);
}

void
check_rows_together(struct store *s, struct entity entity, const struct kind_rows *kinds,
    size_t count, void *arg, struct findings *f)
{
	struct engine_scan *scan[KINDS_TOGETHER] = { NULL };
	uint64_t before, after;
	bool one_moment = false;

	CHECK(count <= KINDS_TOGETHER);
	for (unsigned i = 0; i < TRIES && !one_moment; i++) {
		for (size_t k = 0; k < count; k++)
			engine_scan_close(scan[k]);
		one_moment = engine_version(s->engine, entity, &before) != STATUS_OK;
		for (size_t k = 0; k < count; k++)
			scan[k] = open_rows(s, entity, kinds[k].kind, f);
		one_moment |=
		    engine_version(s->engine, entity, &after) != STATUS_OK || after == before;
	}
	for (size_t k = 0; k < count; k++)
		walk_rows(scan[k], kinds[k].kind, kinds[k].fn, arg, f);
}

void
check_kinds(struct store *s, struct entity entity, struct text known, struct findings *f)
{
	struct engine_scan *scan;
	struct text key, value;

	if (engine_scan_open(s->engine, entity, TEXT_EMPTY, TEXT_EMPTY, &scan) != STATUS_OK)
		return; /* told by check_rows */
	while (engine_scan_next(scan, &key, &value) == STATUS_OK)
		if (text_find_byte(known, key.ptr[0], 0) == known.len)
			problem(f, "%c %llu: a row of the unknown kind %02x", (char)entity.kind,
			    (unsigned long long)entity.id, (unsigned char)key.ptr[0]);
	engine_scan_close(scan);
}

void
check_blob(struct store *s, struct blob_id blob, uint32_t pieces, const char *whose, uint64_t id,
    struct findings *f)
{
	struct arena a = ARENA_INIT;
	struct text bytes;
	enum status how = engine_blob_get(s->engine, blob, 0, &a, &bytes);

	if (how == STATUS_OK && pieces > 1)
		how = engine_blob_get(s->engine, blob, (uint16_t)(pieces - 1), &a, &bytes);
	if (how != STATUS_OK)
		problem(
		    f, "content of %s %llu: %s", whose, (unsigned long long)id, status_word(how));
	arena_done(&a);
}

bool
check_holder(struct store *s, struct blob_id blob, struct holder h)
{
	struct key key = reference_key(blob, h);
	struct arena a = ARENA_INIT;
	struct text value;
	bool there =
	    engine_get(s->engine, reference_entity(blob), key_text(&key), &a, &value) == STATUS_OK;

	arena_done(&a);
	return there;
}

/* ---- one account ---- */

struct audit {
	struct account *a;
	struct store *store;
	struct findings *f;
	struct map sums; /* mailbox -> struct sums */
	struct arena arena;
	uint64_t hot, leaving, places, emails, summaries, threads, hashes, message_ids, changes,
	    next;
	uint64_t octets;
};

struct sums {
	uint64_t messages, unseen, deleted, recent, octets, modseq;
	uint32_t first_unseen;
	struct uidset uids, unseen_blocks, deleted_blocks; /* as in struct index */
};

static enum status
get(struct audit *x, struct key key, struct arena *a, struct text *value)
{
	return engine_get(x->store->engine, x->a->owner.entity, key_text(&key), a, value);
}

/* None if it is not there. */
static struct email
audit_get(struct audit *x, uint64_t id, struct place at, struct arena *a)
{
	struct email e = { .count = 0 };
	struct text value;

	if (get(x, key_u64(KEY_EMAIL, id), a, &value) != STATUS_OK ||
	    email_unpack(value, a, &e) != STATUS_OK)
		problem(x->f, "mailbox %u UID %u: email %llu is not there", at.mailbox, at.uid,
		    (unsigned long long)id);
	return e;
}

/* It stands there once. */
static void
audit_place(struct audit *x, uint64_t id, const struct email *e, struct place at)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < e->count; i++)
		found += e->at[i].mailbox == at.mailbox && e->at[i].uid == at.uid;
	if (found != 1)
		problem(x->f, "mailbox %u UID %u stands %u times in email %llu", at.mailbox, at.uid,
		    found, (unsigned long long)id);
}

static void
audit_cold(struct audit *x, uint32_t mailbox, const struct hot_entry *h)
{
	struct arena a = ARENA_INIT;
	struct summary_row s = { .size = 0 };
	struct place at = { mailbox, h->uid };
	struct email e = audit_get(x, h->email, at, &a);
	struct text value;

	audit_place(x, h->email, &e, at);
	if (get(x, key_u64(KEY_SUMMARY, h->email), &a, &value) != STATUS_OK ||
	    summary_row_unpack(value, &s) != STATUS_OK)
		problem(x->f, "summary of email %llu is not there", (unsigned long long)h->email);
	else if (h->size != s.size + s.prefix.len)
		problem(x->f, "mailbox %u UID %u: size %llu, its email's is %llu", mailbox, h->uid,
		    (unsigned long long)h->size, (unsigned long long)(s.size + s.prefix.len));
	arena_done(&a);
}

static void
audit_entry(struct audit *x, const struct mailbox *m, struct sums *sum, const struct hot_entry *h)
{
	uint32_t block = hot_block(h->uid) + 1;

	if (h->uid >= m->uidnext)
		problem(
		    x->f, "mailbox %u: UID %u is not below UIDNEXT %u", m->id, h->uid, m->uidnext);
	if (h->modseq > m->highest_modseq)
		problem(x->f, "mailbox %u UID %u: modseq above the mailbox's", m->id, h->uid);
	if (h->email >= x->a->head.next_email)
		problem(x->f, "mailbox %u UID %u: email not given yet", m->id, h->uid);
	for (uint32_t i = 0; i < h->keyword_count; i++)
		if (h->keywords[i] >= x->a->head.keywords)
			problem(x->f, "mailbox %u UID %u: unknown keyword", m->id, h->uid);
	sum->messages++;
	sum->octets += h->size;
	sum->deleted += (h->flags & FLAG_DELETED) != 0;
	sum->recent += h->uid >= m->recent_from;
	if ((h->flags & FLAG_SEEN) == 0 && sum->unseen++ == 0)
		sum->first_unseen = h->uid;
	uidset_add(&sum->uids, h->uid, h->uid);
	if ((h->flags & FLAG_SEEN) == 0)
		uidset_add(&sum->unseen_blocks, block, block);
	if (h->flags & FLAG_DELETED)
		uidset_add(&sum->deleted_blocks, block, block);
	audit_cold(x, m->id, h);
	x->hot++;
}

static enum status
audit_block(void *arg, struct text key, struct text value)
{
	struct audit *x = arg;
	struct hot h = { .count = 0 };
	struct kept_mailbox *k;
	struct sums *sum;

	if (key.len != 8)
		return STATUS_CORRUPT;
	h.mailbox = (uint32_t)key_number(key, 1, 4);
	h.block = (uint32_t)key_number(key, 5, 3);
	if (hot_decode(value, &x->arena, &h) != STATUS_OK)
		return STATUS_CORRUPT;
	k = map_get_u64(&x->a->by_id, h.mailbox);
	if (k == NULL && !runs_has(&x->a->dying, h.mailbox))
		problem(x->f, "messages of mailbox %u, which is not there", h.mailbox);
	if (k == NULL)
		return STATUS_OK;
	if (k->tail_bytes.len > 0 && k->tail == h.block &&
	    !text_equal(buffer_text(&k->tail_bytes), value))
		problem(x->f, "mailbox %u: the block in memory is another", h.mailbox);
	sum = map_get_u64(&x->sums, h.mailbox);
	for (uint32_t i = 0; i < h.count; i++)
		audit_entry(x, &k->m, sum, &h.at[i]);
	return STATUS_OK;
}

static void
audit_email_rest(struct audit *x, uint64_t id, const struct email *e)
{
	struct arena a = ARENA_INIT;
	struct text value;

	if (get(x, key_u64_u64(KEY_THREAD, e->thread, id), &a, &value) != STATUS_OK)
		problem(x->f, "email %llu is not in its thread", (unsigned long long)id);
	check_blob(x->store, e->blob, e->pieces, "email", id, x->f);
	if (e->shared != 0 && !check_holder(x->store, e->blob,
				  (struct holder){ (enum holder_kind)e->shared, x->a->id }))
		problem(x->f, "email %llu: shared content is not held", (unsigned long long)id);
	arena_done(&a);
}

static enum status
audit_email(void *arg, struct text key, struct text value)
{
	struct audit *x = arg;
	struct arena a = ARENA_INIT;
	struct email e;
	bool good = key.len == 9 && email_unpack(value, &a, &e) == STATUS_OK;
	uint64_t id = good ? key_number(key, 1, 8) : 0;

	x->emails++;
	for (uint32_t i = 0; good && i < e.count; i++)
		x->places += !runs_has(&x->a->dying, e.at[i].mailbox);
	if (good && e.count == 0)
		problem(x->f, "email %llu stands nowhere", (unsigned long long)id);
	if (good)
		audit_email_rest(x, id, &e);
	arena_done(&a);
	return good ? STATUS_OK : STATUS_CORRUPT;
}

static enum status
count_summary(void *arg, struct text key, struct text value)
{
	struct summary_row s;

	((struct audit *)arg)->summaries++;
	return summary_row_unpack(value, &s);
}

static enum status
audit_thread(void *arg, struct text key, struct text value)
{
	struct audit *x = arg;
	struct thread_row row;

	if (key.len != 17 || thread_row_unpack(value, &row) != STATUS_OK)
		return STATUS_CORRUPT;
	x->threads++;
	for (uint32_t i = 0; i < row.count; i++) {
		struct message_id_row m = { .thread = 0 };
		struct arena a = ARENA_INIT;
		struct text found;

		if (get(x, key_u64(KEY_MESSAGE_ID, row.hash[i]), &a, &found) != STATUS_OK ||
		    message_id_unpack(found, &m) != STATUS_OK || m.thread != key_number(key, 1, 8))
			problem(x->f, "thread %llu: a message-id does not lead to it",
			    (unsigned long long)key_number(key, 1, 8));
		x->hashes++;
		arena_done(&a);
	}
	return STATUS_OK;
}

static enum status
count_message_id(void *arg, struct text key, struct text value)
{
	struct message_id_row m;

	((struct audit *)arg)->message_ids++;
	return message_id_unpack(value, &m);
}

static enum status
audit_change(void *arg, struct text key, struct text value)
{
	struct audit *x = arg;
	struct unpack u = unpack_of(value);
	struct change c;

	if (key.len != 9 || key_number(key, 1, 8) != x->next++)
		problem(x->f, "the change log has a gap");
	x->changes++;
	while (change_next(&u, &c))
		runs_done(&c.uids);
	return unpack_ok(&u) ? STATUS_OK : STATUS_CORRUPT;
}

static enum status
audit_garbage(void *arg, struct text key, struct text value)
{
	struct audit *x = arg;
	struct garbage g;

	if (garbage_unpack(key, value, &g) != STATUS_OK)
		return STATUS_CORRUPT;
	if (!g.shared)
		check_blob(x->store, g.blob, g.pieces, "garbage", x->f->rows, x->f);
	return STATUS_OK;
}

static enum status
audit_staged(void *arg, struct text key, struct text value)
{
	struct audit *x = arg;
	struct staged g;

	if (staged_unpack(key, value, &g) != STATUS_OK)
		return STATUS_CORRUPT;
	check_blob(x->store, g.blob, g.written, "staged row", x->f->rows, x->f);
	return STATUS_OK;
}

static enum status
audit_sent(void *arg, struct text key, struct text value)
{
	struct sent_notes n;

	return key.len == 1 ? sent_notes_unpack(value, &n) : STATUS_CORRUPT;
}

/* Blocks were looked at before. */
static enum status
audit_leaving(void *arg, struct text key, struct text value)
{
	struct audit *x = arg;
	struct arena a = ARENA_INIT;
	struct leavings l = { .count = 0 };
	struct email e;
	enum status s = leaving_unpack(key, value, &a, &l);

	for (uint32_t i = 0; i < l.count; i++) {
		const struct sums *sum = map_get_u64(&x->sums, l.at[i].at.mailbox);

		if (i == 0 || l.at[i].email != l.at[i - 1].email)
			e = audit_get(x, l.at[i].email, l.at[i].at, &a);
		audit_place(x, l.at[i].email, &e, l.at[i].at);
		if (sum != NULL && uidset_has(&sum->uids, l.at[i].at.uid))
			problem(x->f, "mailbox %u UID %u is there, but is leaving",
			    l.at[i].at.mailbox, l.at[i].at.uid);
		x->leaving += !runs_has(&x->a->dying, l.at[i].at.mailbox);
	}
	arena_done(&a);
	return s;
}

static void
compare(struct audit *x, const char *what, uint32_t mailbox, uint64_t counted, uint64_t written)
{
	if (counted != written)
		problem(x->f, "mailbox %u: %s is %llu, counted %llu", mailbox, what,
		    (unsigned long long)written, (unsigned long long)counted);
}

static bool
has_all(const struct uidset *set, const struct uidset *part)
{
	struct runs of_part = RUNS_INIT, both = RUNS_INIT;
	bool all;

	uidset_to_runs(part, &of_part);
	uidset_both(&both, set, &of_part);
	all = runs_total(&both) == uidset_total(part);
	runs_done(&of_part);
	runs_done(&both);
	return all;
}

static void
compare_index(struct audit *x, uint32_t mailbox, const struct index *index, const struct sums *sum,
    const char *where)
{
	if (!uidset_equal(&index->uids, &sum->uids))
		problem(x->f, "mailbox %u: the UIDs %s are others", mailbox, where);
	if (!has_all(&index->unseen, &sum->unseen_blocks))
		problem(x->f, "mailbox %u: unseen messages are missing %s", mailbox, where);
	if (!has_all(&index->deleted, &sum->deleted_blocks))
		problem(x->f, "mailbox %u: deleted messages are missing %s", mailbox, where);
}

/* What the next start would take from the index rows. */
static void
audit_index(struct audit *x, const struct kept_mailbox *k, const struct sums *sum)
{
	struct index index = { .uids = UIDSET_INIT };
	enum status s = index_from_rows(x->a, k, &index);

	if (s == STATUS_OK)
		compare_index(x, k->m.id, &index, sum, "in the index");
	else if (s != STATUS_NOT_FOUND)
		problem(x->f, "mailbox %u: the index is of no use: %s", k->m.id, status_word(s));
	index_done(&index);
}

static enum status
audit_index_row(void *arg, struct text key, struct text value)
{
	struct audit *x = arg;
	uint32_t mailbox = key.len == 7 ? (uint32_t)key_number(key, 1, 4) : 0;
	struct kept_mailbox *k = map_get_u64(&x->a->by_id, mailbox);

	if (key.len != 7)
		return STATUS_CORRUPT;
	if (k == NULL ? !runs_has(&x->a->dying, mailbox) : k->m.indexed == 0)
		problem(x->f, "an index of mailbox %u, which has none", mailbox);
	if (k != NULL && key_number(key, 5, 2) > (k->m.uidnext - 1) / INDEX_SPAN)
		problem(x->f, "mailbox %u: an index row beyond UIDNEXT", mailbox);
	return STATUS_OK;
}

static void
audit_mailbox(struct audit *x, const struct kept_mailbox *k)
{
	const struct sums *sum = map_get_u64(&x->sums, k->m.id);

	compare(x, "messages", k->m.id, sum->messages, k->m.messages);
	compare(x, "unseen", k->m.id, sum->unseen, k->m.unseen);
	compare(x, "deleted", k->m.id, sum->deleted, k->m.deleted);
	compare(x, "recent", k->m.id, sum->recent, k->m.recent);
	compare(x, "octets", k->m.id, sum->octets, k->m.octets);
	if (sum->unseen > 0 && sum->first_unseen < k->m.first_unseen)
		problem(x->f, "mailbox %u: first unseen %u, written %u", k->m.id, sum->first_unseen,
		    k->m.first_unseen);
	if (sum->unseen > 0 && k->m.unseen_exact && sum->first_unseen != k->m.first_unseen)
		problem(x->f, "mailbox %u: first unseen is not %u", k->m.id, k->m.first_unseen);
	if (k->uids_known)
		compare_index(x, k->m.id, &k->index, sum, "in memory");
	audit_index(x, k, sum);
	if (k->m.indexed > x->a->head.modseq)
		problem(x->f, "mailbox %u: an index of later", k->m.id);
	if (k->m.highest_modseq > x->a->head.modseq || k->m.uidvalidity > x->a->head.uidvalidity ||
	    k->m.id >= x->a->head.next_mailbox)
		problem(x->f, "mailbox %u: beyond the account's counters", k->m.id);
	x->octets += k->m.octets;
}

static void
audit_totals(struct audit *x)
{
	const struct head *h = &x->a->head;
	uint64_t messages = 0;

	for (size_t i = 0; i < x->a->mailboxes; i++) {
		audit_mailbox(x, x->a->sorted[i]);
		messages += x->a->sorted[i]->m.messages;
	}
	if (messages != h->messages || x->octets != h->octets)
		problem(x->f, "quota: %llu messages, %llu octets are counted, not %llu, %llu",
		    (unsigned long long)messages, (unsigned long long)x->octets,
		    (unsigned long long)h->messages, (unsigned long long)h->octets);
	if (x->hot + x->leaving != x->places)
		problem(x->f,
		    "%llu mailbox entries and %llu that are leaving, but emails name %llu",
		    (unsigned long long)x->hot, (unsigned long long)x->leaving,
		    (unsigned long long)x->places);
	if (x->emails != x->summaries || x->emails != x->threads)
		problem(x->f, "%llu emails, %llu summaries, %llu in threads",
		    (unsigned long long)x->emails, (unsigned long long)x->summaries,
		    (unsigned long long)x->threads);
	if (x->hashes != x->message_ids)
		problem(x->f, "%llu message-ids, threads answer for %llu",
		    (unsigned long long)x->message_ids, (unsigned long long)x->hashes);
	if (x->changes != h->modseq + 1 - h->log_low)
		problem(x->f, "the change log has %llu rows from %llu to %llu",
		    (unsigned long long)x->changes, (unsigned long long)h->log_low,
		    (unsigned long long)h->modseq);
}

void
check_account(struct account *a, struct findings *f)
{
	struct store *s = a->owner.store;
	struct entity e = a->owner.entity;
	static const char kinds[] = { ACCOUNT_KEYS(KEY_FIRST) 0 };
	struct audit x = { .a = a, .store = s, .f = f, .next = a->head.log_low };
	size_t at = 0;
	void *p;

	for (size_t i = 0; i < a->mailboxes; i++)
		(void)map_put_u64(&x.sums, a->sorted[i]->m.id, ARENA_NEW(f->arena, struct sums));
	check_rows(s, e, KEY_HOT, audit_block, &x, f);
	check_rows(s, e, KEY_INDEX, audit_index_row, &x, f);
	check_rows(s, e, KEY_LEAVING, audit_leaving, &x, f);
	check_rows(s, e, KEY_EMAIL, audit_email, &x, f);
	check_rows(s, e, KEY_SUMMARY, count_summary, &x, f);
	check_rows(s, e, KEY_THREAD, audit_thread, &x, f);
	check_rows(s, e, KEY_MESSAGE_ID, count_message_id, &x, f);
	check_rows(s, e, KEY_CHANGE, audit_change, &x, f);
	check_rows(s, e, KEY_GARBAGE, audit_garbage, &x, f);
	check_rows(s, e, KEY_STAGED, audit_staged, &x, f);
	check_rows(s, e, KEY_SENT, audit_sent, &x, f);
	check_kinds(s, e, text_of(kinds), f);
	audit_totals(&x);
	while (map_each(&x.sums, &at, NULL, NULL, &p)) {
		uidset_done(&((struct sums *)p)->uids);
		uidset_done(&((struct sums *)p)->unseen_blocks);
		uidset_done(&((struct sums *)p)->deleted_blocks);
	}
	map_done(&x.sums);
	arena_done(&x.arena);
}

/* ---- the call ---- */

struct check_op {
	struct account_op o; /* first */
	struct findings f;
	uint64_t next;
};

static enum status
check_run(struct account_txn *t, struct op *op)
{
	struct check_op *c = (struct check_op *)(void *)op;

	if (t->a->missing)
		return STATUS_OK; /* what is left of it is looked for in check_site.c */
	if (t->txn.changes > 0)
		return STATUS_AGAIN; /* once more, alone */
	c->f.count = 0;
	check_account(t->a, &c->f);
	return STATUS_OK;
}

static void
answer(struct call_in *in, struct store *s, uint64_t account, struct findings *f)
{
	struct store_check_reply reply = { .problems = { f->at, f->count }, .rows = f->rows };

	if (engine_next_entity(s->engine, ENTITY_ACCOUNT, account, account == 0, &reply.next) !=
	    STATUS_OK)
		reply.next = 0;
	call_reply(in, &reply);
}

static void
check_answer(struct op *op)
{
	struct check_op *c = (struct check_op *)(void *)op;

	answer(op->in, c->o.a->owner.store, c->o.a->id, &c->f);
}

/* What cannot be loaded is a finding like any other. */
static void
check_finish(struct op *op, enum status s)
{
	struct check_op *c = (struct check_op *)(void *)op;
	struct account *a = c->o.a;

	if (s == STATUS_CORRUPT) {
		c->f.count = 0;
		problem(&c->f, "account %llu does not load", (unsigned long long)a->id);
	}
	if (s == STATUS_OK || s == STATUS_CORRUPT)
		check_answer(op);
	else
		call_fail(op->in, s, &op->failure);
	account_put(a);
}

void
serve_store_check(struct call_in *in, const void *request, void *context)
{
	const struct store_check_request *r = request;
	struct check_op *c = ARENA_NEW(call_arena(in), struct check_op);

	c->f.arena = call_arena(in);
	if (r->account == 0) {
		check_site(context, &c->f);
		answer(in, context, 0, &c->f);
		return;
	}
	c->o.op.in = in;
	c->o.op.arena = call_arena(in);
	c->o.run = check_run;
	c->o.op.finish = check_finish;
	serve_trusted(context, r->account, &c->o);
}
