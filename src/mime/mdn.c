/* SPDX-License-Identifier: ISC */
/* Building MDNs (RFC 8098 3): see mime/mdn.h. */
#include "mime/mdn.h"

#include "codec/utf8.h"

static const char *const type_words[] = { "displayed", "deleted", "dispatched", "processed" };

static const char *const subjects[] = { "Read", "Deleted", "Sent on", "Processed" };

static void
add_fields(struct buffer *out, const struct mdn *m, bool utf8)
{
	report_field(out, "Reporting-UA", NULL, m->reporting_ua, false);
	if (m->original.len > 0)
		report_address(out, "Original-Recipient", m->original, utf8);
	report_address(out, "Final-Recipient", m->final, utf8);
	report_field(out, "Original-Message-ID", NULL, m->message_id, utf8);
	buffer_addf(out, "Disposition: %s/%s; %s\r\n",
	    m->by_person ? "manual-action" : "automatic-action",
	    m->sent_by_person ? "MDN-sent-manually" : "MDN-sent-automatically",
	    type_words[m->type]);
}

/* A paragraph for each line. */
static void
add_words(struct buffer *out, struct text words)
{
	struct buffer folded = BUFFER_INIT;
	struct text line;

	while (text_split(&words, '\n', &line))
		report_paragraph(&folded, 0, line);
	report_words(out, buffer_text(&folded));
	buffer_done(&folded);
}

void
mdn_build(const struct mdn *m, struct buffer *head, struct buffer *tail)
{
	bool utf8 = m->smtputf8 && !(utf8_is_ascii(m->final) && utf8_is_ascii(m->original));
	bool eight = m->returned != REPORT_NOTHING && (m->returned_8bit || m->returned_utf8);
	struct buffer subject = BUFFER_INIT;
	struct report r = {
		.kind = TEXT("disposition-notification"),
		.unique = m->unique,
		.host = m->host,
		.from = m->from,
		.to = m->to,
		.about = m->message_id,
		.automatic = TEXT("auto-replied"),
		.at = m->at,
		.global = m->smtputf8,
		.eight_bit = utf8 || eight,
	};

	CHECK(m->to.len > 0 && m->final.len > 0);
	buffer_addf(&subject, "%s: %.*s", subjects[m->type], TEXT_ARG(m->subject));
	r.subject = buffer_text(&subject);
	report_begin(head, &r);
	add_words(head, m->words);
	report_part(head, &r,
	    utf8 ? "message/global-disposition-notification" : "message/disposition-notification",
	    utf8 ? "8bit" : "7bit");
	add_fields(head, m, utf8);
	report_part_returned(head, &r, m->returned, m->returned_utf8, m->returned_8bit);
	report_end(tail, &r);
	buffer_done(&subject);
}
