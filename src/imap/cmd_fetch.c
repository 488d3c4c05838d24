/* SPDX-License-Identifier: ISC */
/*
 * FETCH (RFC 3501 6.4.5, 7.4.2; CHANGEDSINCE and VANISHED, RFC 7162 3.1.4,
 * 3.2.6). Rows come from the store in replies of some 128 KiB and are written
 * as they come; a body goes from piece to piece into the stream. A body that is
 * not peeked at sets \Seen: for the whole set in one commit, before anything is
 * sent, so that the FLAGS shown are true.
 */
#include "imap/fetch.h"
#include "imap/write.h"

static bool
is_rev2(const struct fetch *f)
{
	return (f->c->im->enabled & ENABLED_REV2) != 0;
}

typedef void (*item_writer)(struct fetch *f, struct message *m);

static void
write_uid(struct fetch *f, struct message *m)
{
	buffer_add(&f->c->out, "UID ", 4);
	buffer_add_u64(&f->c->out, m->row->uid);
}

static void
write_flags(struct fetch *f, struct message *m)
{
	buffer_add(&f->c->out, "FLAGS ", 6);
	/* RFC 9051 knows no \Recent. */
	imap_write_flags(&f->c->out, m->row->flags,
	    !is_rev2(f) && runs_has(&f->c->im->view->recent, m->row->uid), m->row->keywords,
	    m->row->keyword_count, f->names);
}

static void
write_modseq(struct fetch *f, struct message *m)
{
	imap_write_modseq(f->c->im, m->row->modseq, &f->c->out);
}

static void
write_internaldate(struct fetch *f, struct message *m)
{
	buffer_add_string(&f->c->out, "INTERNALDATE ");
	imap_write_date(&f->c->out, m->row->date);
}

static void
write_size(struct fetch *f, struct message *m)
{
	buffer_add_string(&f->c->out, "RFC822.SIZE ");
	buffer_add_u64(&f->c->out, m->row->size);
}

static void
write_envelope(struct fetch *f, struct message *m)
{
	buffer_add_string(&f->c->out, "ENVELOPE ");
	imap_write_envelope(&f->c->out, &imap_message_shown(m)->envelope, is_rev2(f));
}

static void
write_bodystructure(struct fetch *f, struct message *m)
{
	buffer_add_string(&f->c->out, "BODYSTRUCTURE ");
	imap_write_body(&f->c->out, &imap_message_shown(m)->root, true, is_rev2(f));
}

static void
write_body(struct fetch *f, struct message *m)
{
	buffer_add_string(&f->c->out, "BODY ");
	imap_write_body(&f->c->out, &imap_message_shown(m)->root, false, is_rev2(f));
}

static const item_writer writers[] = {
#define X(id, name, needs, writer) write_##writer,
#include "imap/fetch_items.def"
#undef X
};

/* ---- messages ---- */

/* \Seen came with this command: news of flags (RFC 7162 3.2.4), as far as it
 * does not stand there anyway. */
static void
write_seen(struct fetch *f, struct message *m)
{
	bool sync = (imap_news_parts(f->c->im, f->c->uid) & NEWS_MODSEQ) != 0;

	if (sync && !f->items.has_uid) {
		buffer_add_byte(&f->c->out, ' ');
		write_uid(f, m);
	}
	if (!f->items.has_flags) {
		buffer_add_byte(&f->c->out, ' ');
		write_flags(f, m);
	}
	if (sync && !f->items.has_modseq) {
		buffer_add_byte(&f->c->out, ' ');
		write_modseq(f, m);
	}
}

static void
write_item(struct fetch *f, struct message *m, const struct item *item)
{
	switch (item->id) {
	case ITEM_SECTION:
		imap_fetch_section(f, m, item);
		break;
	case ITEM_BINARY:
		imap_fetch_binary(f, m, item);
		break;
	case ITEM_BINARY_SIZE:
		imap_fetch_binary_size(f, m, item);
		break;
	default:
		writers[item->id](f, m);
		break;
	}
}

static void
write_message(struct fetch *f, const struct store_row *row, uint32_t seq)
{
	struct buffer *out = &f->c->out;
	struct message *m = &f->at;

	imap_message_init(m, f->c->im, row, &f->message);
	buffer_add(out, "* ", 2);
	buffer_add_u64(out, seq);
	buffer_add_string(out, " FETCH (");
	for (uint32_t i = 0; i < f->items.count && !f->cut; i++) {
		const struct item *item = &f->items.at[i];

		if (i > 0)
			buffer_add_byte(out, ' ');
		write_item(f, m, item);
	}
	if (!f->cut) { /* else the client would take this for the literal's */
		if (runs_has(&f->newly_seen, row->uid))
			write_seen(f, m);
		buffer_add(out, ")\r\n", 3);
		imap_push_some(f->c);
	}
	arena_reset(&f->message);
}

static enum status
write_rows(struct fetch *f, struct text rows)
{
	struct unpack u = unpack_of(rows);
	struct store_row row;

	imap_transfer_begins(f->c->im);
	while (unpack_ok(&u) && !unpack_end(&u)) {
		uint32_t seq;

		store_row_unpack(&u, f->items.needs, &row);
		if (!unpack_ok(&u))
			return STATUS_CORRUPT;
		seq = view_seq(f->c->im->view, row.uid);
		if (seq == 0)
			continue;
		imap_saw_modseq(f->c, row.modseq);
		write_message(f, &row, seq);
		f->told++;
		if (f->cut || imap_gone(f->c->im))
			return STATUS_CLOSED;
	}
	return STATUS_OK;
}

/* So many messages are asked for by themselves, if there are more: they are
 * written while the store reads the others. */
#define FIRST_REPLY 256u

typedef enum status (*rows_fn)(struct fetch *f, struct text rows);

static struct call_ahead *
begin_fetch(struct fetch *f, const struct store_fetch_request *req)
{
	return call_begin(f->c->im->server->calls, &store_fetch_call, req);
}

/* Reply by reply; the store reads the next one while this one is written. next:
 * the call that was begun. */
static enum status
replies_of(struct fetch *f, struct store_fetch_request *req, struct call_ahead *next, rows_fn fn,
    struct failure *why)
{
	struct store_fetch_reply r;
	enum status st;

	do {
		st = call_finish(next, req, &f->batch, &r, why);
		next = NULL;
		if (st == STATUS_OK)
			st = imap_take_keywords(f->c, r.keyword_total, &f->names);
		if (st != STATUS_OK)
			break;
		imap_saw_modseq(f->c, r.modseq);
		if (r.resume > 1)
			runs_remove(&req->uids, 1, (uint32_t)r.resume - 1);
		if (r.resume != 0)
			next = begin_fetch(f, req);
		st = fn(f, r.rows);
		arena_reset(&f->batch);
	} while (st == STATUS_OK && next != NULL);
	if (next != NULL)
		call_abandon(next);
	return st;
}

/* All rows of the UIDs with these items, in order. */
static enum status
each_reply(
    struct fetch *f, const struct runs *uids, unsigned items, rows_fn fn, struct failure *why)
{
	struct store_fetch_request first = { .token = f->c->im->token,
		.mailbox = f->c->im->view->mailbox,
		.items = items,
		.since = f->since.modseq };
	struct store_fetch_request rest = first;
	struct call_ahead *next, *behind = NULL;
	enum status st;

	runs_copy(&first.uids, uids);
	if (runs_total(&first.uids) > 2 * FIRST_REPLY) {
		runs_copy(&rest.uids, uids);
		runs_remove(&first.uids, runs_at(&first.uids, FIRST_REPLY) + 1, UINT32_MAX);
		runs_remove_all(&rest.uids, &first.uids);
	}
	next = begin_fetch(f, &first);
	if (!runs_empty(&rest.uids))
		behind = begin_fetch(f, &rest);
	st = replies_of(f, &first, next, fn, why);
	if (behind != NULL && st == STATUS_OK)
		st = replies_of(f, &rest, behind, fn, why);
	else if (behind != NULL)
		call_abandon(behind);
	runs_done(&first.uids);
	runs_done(&rest.uids);
	return st;
}

/* ---- \Seen ---- */

static enum status
collect_unseen(struct fetch *f, struct text rows)
{
	struct unpack u = unpack_of(rows);
	struct store_row row;

	while (unpack_ok(&u) && !unpack_end(&u)) {
		store_row_unpack(&u, FETCH_FLAGS, &row);
		if (unpack_ok(&u) && (row.flags & FLAG_SEEN) == 0)
			runs_add(&f->newly_seen, row.uid, row.uid);
	}
	return unpack_ok(&u) ? STATUS_OK : STATUS_CORRUPT;
}

/* Where it cannot be set (a full disk), reading goes on all the same. */
static void
set_seen(struct fetch *f, const struct runs *uids)
{
	struct imap *im = f->c->im;
	struct store_flags_request req = { .token = im->token,
		.op = imap_op(),
		.mailbox = im->view->mailbox,
		.mode = FLAGS_ADD,
		.flags = FLAG_SEEN,
		.unchanged_since = UINT64_MAX,
		.quiet = true };
	struct store_flags_reply r = { 0 };

	if (each_reply(f, uids, FETCH_FLAGS, collect_unseen, NULL) != STATUS_OK)
		runs_clear(&f->newly_seen);
	if (runs_empty(&f->newly_seen))
		return;
	req.uids = f->newly_seen;
	if (store_flags(im->server->calls, &req, &f->batch, &r, NULL) == STATUS_OK) {
		/* FLAGS of these messages are in the response anyway. */
		f->c->told[f->c->told_count++] =
		    (struct told){ .uids = &f->newly_seen, .modseq = r.modseq };
	} else {
		runs_clear(&f->newly_seen);
	}
	arena_reset(&f->batch);
}

static enum outcome
answer(struct fetch *f, const struct runs *uids, enum status st, const struct failure *why)
{
	struct runs asked = *uids;

	if (f->cut || st == STATUS_CLOSED)
		return IMAP_CLOSE; /* in the middle of a literal nothing can be said */
	if (st != STATUS_OK)
		return imap_failed(f->c, st, why);
	if (f->unreadable)
		return imap_no(f->c, "SERVERBUG", "Some messages could not be read");
	if (f->unknown_encoding)
		return imap_no(
		    f->c, "UNKNOWN-CTE", "Some parts have an encoding that is not known");
	if (f->cut_header)
		return imap_no(f->c, "LIMIT", "Fields beyond 1 MiB of a header were left out");
	if (f->gone || (!f->c->uid && !f->changed_since && f->told < runs_total(&asked))) {
		imap_code(f->c, "EXPUNGEISSUED");
		return imap_ok(f->c, "Some of the messages are gone");
	}
	return imap_ok(f->c, NULL);
}

/* With the command, whose end still looks at newly_seen. */
static void
free_fetch(void *arg)
{
	struct fetch *f = arg;

	runs_done(&f->newly_seen);
	imap_since_done(&f->since);
	arena_done(&f->message);
	arena_done(&f->batch);
}

/* ---- modifiers ---- */

/* [SP "(" fetch-modifier *(SP fetch-modifier) ")"] */
static bool
modifiers(struct fetch *f)
{
	struct cursor *in = &f->c->args;

	if (imap_end(in))
		return true;
	if (!imap_sp(in) || !cursor_byte(in, '('))
		return false;
	do {
		bool *which = imap_word(in, TEXT("CHANGEDSINCE")) ? &f->changed_since
			      : imap_word(in, TEXT("VANISHED"))	  ? &f->vanished
								  : NULL;

		if (which == NULL || *which)
			return false;
		*which = true;
		if (which == &f->changed_since &&
		    (!imap_sp(in) || !imap_modseq(in, &f->since.modseq)))
			return false;
	} while (imap_sp(in));
	return cursor_byte(in, ')');
}

/* False with the reply made. */
static bool
may_modify(struct fetch *f)
{
	struct command *c = f->c;

	if (!f->vanished)
		return true;
	if (!c->uid || !f->changed_since)
		(void)imap_bad(c, "VANISHED goes with UID FETCH and CHANGEDSINCE");
	else if ((c->im->enabled & ENABLED_QRESYNC) == 0)
		(void)imap_bad(c, "Switch on QRESYNC with ENABLE first");
	else
		return true;
	return false;
}

/* CHANGEDSINCE: of the UIDs those remain that may have changed. What went is
 * told in front, of what the client asked about (set: its own words), whether
 * the view ever had it or not. "*" is then the last UID that was given. */
static enum status
narrow(struct fetch *f, struct cursor set, struct runs *uids, struct failure *why)
{
	struct command *c = f->c;
	struct runs asked = RUNS_INIT, changed = RUNS_INIT;
	struct sequence_set words;
	enum status st;

	if (f->vanished && imap_sp(&set) && imap_sequence_set(&set, &c->arena, &words))
		imap_sequence_numbers(&words, c->im->view->uidnext - 1, &asked);
	runs_add_all(&asked, uids);
	st = imap_since(c, &asked, &f->since, why);
	runs_done(&asked);
	if (st != STATUS_OK)
		return st;
	if (f->vanished)
		imap_write_earlier(c, &f->since.vanished);
	runs_both(&changed, &f->since.changed, uids);
	runs_done(&f->since.changed);
	*uids = f->since.changed = changed;
	return STATUS_OK;
}

static bool
parse(struct fetch *f, struct runs *uids)
{
	struct command *c = f->c;

	if (!imap_arg_set(c, uids))
		return false;
	if (!imap_sp(&c->args) || !imap_fetch_items(&c->args, &c->arena, &f->items)) {
		if (f->items.limited)
			(void)imap_no(c, "LIMIT", "Too many items, or a part nested too deep");
		else
			(void)imap_bad(c, "Expected items to fetch");
		return false;
	}
	if (!modifiers(f)) {
		(void)imap_bad(c, "Expected CHANGEDSINCE and a modseq, or VANISHED");
		return false;
	}
	return imap_arg_end(c) && may_modify(f);
}

enum outcome
imap_cmd_fetch(struct command *c)
{
	struct fetch *f = ARENA_NEW(&c->arena, struct fetch);
	struct cursor set = c->args;
	struct failure why = { 0 };
	struct runs uids;
	enum status st = STATUS_OK;

	f->c = c;
	arena_on_done(&c->arena, free_fetch, f);
	if (!parse(f, &uids))
		return IMAP_DONE;
	if (f->changed_since)
		imap_fetch_add_modseq(&f->items);
	if (f->items.has_modseq)
		imap_enable(c, ENABLED_CONDSTORE);
	if (c->uid)
		imap_fetch_add_uid(&f->items);
	f->names = keywords_names(c->im->keywords, &c->arena);
	arena_init(&f->message, 16384, 0);
	if (f->changed_since)
		st = narrow(f, set, &uids, &why);
	if (st == STATUS_OK && f->items.sets_seen && !c->im->view->read_only)
		set_seen(f, &uids);
	if (st == STATUS_OK && !runs_empty(&uids))
		st = each_reply(f, &uids, f->items.needs | FETCH_FLAGS, write_rows, &why);
	return answer(f, &uids, st, &why);
}
