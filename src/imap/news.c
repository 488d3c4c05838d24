/* SPDX-License-Identifier: ISC */
/*
 * "* 3 FETCH (UID 9 FLAGS (\\Seen) MODSEQ (12))" (RFC 3501 7.4.2, RFC 7162 3.2.4,
 * RFC 9051 7.5.2): what is new of a message that the client knows; and of many
 * that have the same flags, where all but the numbers is made once.
 */
#include "imap/session.h"
#include "imap/write.h"

/* What follows the numbers. */
struct news_end {
	uint32_t flags, keyword_count;
	const uint16_t *keywords;
	uint64_t modseq;
	bool recent;
};

#define NUMBERS_MAX 64 /* octets: "* 1 FETCH (UID 1 ", with numbers of any size */

/* To where there is room for NUMBERS_MAX; gives what is behind them. */
static char *
put_numbers(char *to, uint32_t seq, uint32_t uid, unsigned parts)
{
	to = mempcpy(to, "* ", 2);
	to = buffer_put_u64(to, seq);
	to = mempcpy(to, " FETCH (", 8);
	if ((parts & NEWS_UID) == 0)
		return to;
	to = mempcpy(to, "UID ", 4);
	to = buffer_put_u64(to, uid);
	*to = ' ';
	return to + 1;
}

/* A line at once: there are as many as there are messages. */
static void
write_line(struct buffer *out, uint32_t seq, uint32_t uid, unsigned parts, struct text end)
{
	char *at = buffer_room(out, NUMBERS_MAX + end.len), *to;

	if (at == NULL)
		return; /* overflow is set */
	to = put_numbers(at, seq, uid, parts);
	to = mempcpy(to, end.ptr, end.len);
	buffer_added(out, (size_t)(to - at));
}

static void
write_end(struct imap *im, const struct news_end *e, unsigned parts, struct texts names,
    struct buffer *out)
{
	if ((parts & NEWS_FLAGS) != 0) {
		buffer_add_string(out, "FLAGS ");
		imap_write_flags(out, e->flags, e->recent, e->keywords, e->keyword_count, names);
	}
	if ((parts & NEWS_MODSEQ) != 0) {
		if ((parts & NEWS_FLAGS) != 0)
			buffer_add_byte(out, ' ');
		imap_write_modseq(im, e->modseq, out);
	}
	buffer_add(out, ")\r\n", 3);
}

void
imap_write_news(struct imap *im, const struct store_row *row, unsigned parts, struct texts names,
    struct buffer *out)
{
	const struct news_end e = { row->flags, row->keyword_count, row->keywords, row->modseq,
		runs_has(&im->view->recent, row->uid) };

	write_line(out, view_seq(im->view, row->uid), row->uid, parts, TEXT_EMPTY);
	write_end(im, &e, parts, names, out);
}

void
imap_write_news_span(
    struct command *c, const struct store_span *span, unsigned parts, struct texts names)
{
	struct imap *im = c->im;
	struct news_end e = { span->flags, span->keyword_count, span->keywords, span->modseq,
		false };
	struct buffer end[2] = { BUFFER_INIT, BUFFER_INIT }; /* of old and of recent ones */
	uint32_t uid = 0, seq;
	uint32_t left = uidset_run(&im->view->uids, span->first, &uid);

	if (left == 0 || uid > span->last)
		return;
	seq = view_seq(im->view, uid);
	write_end(im, &e, parts, names, &end[0]);
	e.recent = true;
	write_end(im, &e, parts, names, &end[1]);
	for (; left > 0 && uid <= span->last; seq++) {
		write_line(&c->out, seq, uid, parts,
		    buffer_text(&end[runs_has(&im->view->recent, uid) ? 1 : 0]));
		imap_push_some(c);
		if (--left > 0)
			uid++;
		else if (uid < span->last)
			left = uidset_run(&im->view->uids, uid + 1, &uid);
	}
	buffer_done(&end[0]);
	buffer_done(&end[1]);
}

void
imap_write_modseq(struct imap *im, uint64_t modseq, struct buffer *out)
{
	buffer_add_string(out, "MODSEQ (");
	buffer_add_u64(out, modseq);
	buffer_add_byte(out, ')');
	if (modseq > im->view->shown)
		im->view->shown = modseq;
}

unsigned
imap_news_parts(const struct imap *im, bool uid)
{
	/* RFC 7162 3.2.4 */
	if ((im->enabled & ENABLED_CONDSTORE) != 0)
		return NEWS_UID | NEWS_FLAGS | NEWS_MODSEQ;
	return uid || (im->enabled & ENABLED_REV2) != 0 /* RFC 9051 7.5.2 */
		   ? NEWS_UID | NEWS_FLAGS
		   : NEWS_FLAGS;
}
