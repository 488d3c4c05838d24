/* SPDX-License-Identifier: ISC */
/*
 * STORE (RFC 3501 6.4.6): one call, one commit for the whole set. Without
 * .SILENT the new flags of every message are told; with it, only what others
 * changed meanwhile.
 */
#include "imap/session.h"
#include "imap/write.h"

struct store_args {
	enum flags_mode mode;
	bool silent;
	struct imap_flags flags;
};

/* store-att-flags */
static bool
store_att_flags(struct command *c, struct store_args *out)
{
	if (!imap_sp(&c->args))
		return false;
	out->mode = FLAGS_REPLACE;
	if (cursor_byte(&c->args, '+'))
		out->mode = FLAGS_ADD;
	else if (cursor_byte(&c->args, '-'))
		out->mode = FLAGS_REMOVE;
	out->silent = imap_word(&c->args, TEXT("FLAGS.SILENT"));
	if (!out->silent && !imap_word(&c->args, TEXT("FLAGS")))
		return false;
	return imap_sp(&c->args) && imap_store_flags(&c->args, &c->arena, &out->flags);
}

static void
write_row(struct command *c, const struct store_row *row, struct texts names)
{
	struct view *v = c->im->view;
	uint32_t seq = view_seq(v, row->uid);

	if (seq == 0)
		return;
	buffer_addf(&c->out, "* %u FETCH (", seq);
	if (c->uid)
		buffer_addf(&c->out, "UID %u ", row->uid);
	buffer_add_string(&c->out, "FLAGS ");
	imap_write_flags(&c->out, row->flags, runs_has(&v->recent, row->uid), row->keywords,
	    row->keyword_count, names);
	imap_line(c, ")");
}

/* The answer to each message; *count of them. */
static void
write_rows(struct command *c, struct text rows, uint32_t *count)
{
	struct texts names = keywords_names(c->im->keywords, &c->arena);
	struct unpack u = unpack_of(rows);
	struct store_row row;

	while (unpack_ok(&u) && !unpack_end(&u)) {
		store_row_unpack(&u, FETCH_FLAGS, &row);
		if (!unpack_ok(&u))
			break;
		write_row(c, &row, names);
		++*count;
	}
}

enum outcome
imap_cmd_store(struct command *c)
{
	struct imap *im = c->im;
	struct store_flags_request req = { .token = im->token,
		.op = imap_op(),
		.mailbox = im->view->mailbox,
		.unchanged_since = UINT64_MAX };
	struct store_flags_reply r = { 0 };
	struct failure f = { 0 };
	struct store_args args;
	uint32_t told = 0;
	enum status st;

	if (!imap_arg_set(c, &req.uids))
		return IMAP_DONE;
	if (!store_att_flags(c, &args))
		return imap_bad(c, "Expected FLAGS, +FLAGS or -FLAGS and a list of flags");
	if (!imap_arg_end(c))
		return IMAP_DONE;
	if (im->view->read_only)
		return imap_no(c, "READ-ONLY", "The mailbox is open for reading only");
	req.mode = args.mode;
	req.flags = args.flags.flags;
	req.keywords = args.flags.keywords;
	st = store_flags(im->server->calls, &req, &c->arena, &r, &f);
	if (st != STATUS_OK)
		return imap_failed(c, st, &f);
	imap_need_keywords(im, &c->arena, r.keyword_total, r.modseq);
	if (keywords_count(im->keywords) > im->view->keywords_told)
		imap_write_mailbox_flags(im, &c->arena, false, &c->out);
	if (!args.silent)
		write_rows(c, r.rows, &told);
	if (!view_own_change(im->view, r.modseq)) {
		c->poll = true;
		c->silent = args.silent ? 0 : r.modseq;
	}
	if (!args.silent && !c->uid && told < runs_total(&req.uids)) {
		imap_code(c, "EXPUNGEISSUED");
		return imap_ok(c, "Some of the messages are gone");
	}
	return imap_ok(c, NULL);
}
