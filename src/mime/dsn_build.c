/* SPDX-License-Identifier: ISC */
/*
 * Building DSNs (RFC 3464 2, RFC 3461 6, RFC 6533 4). What comes from others,
 * replies and addresses, goes through report_field, which no line end leaves.
 */
#include "codec/date.h"
#include "codec/utf8.h"
#include "mime/dsn.h"

static const char *const action_words[] = {
#define X(name, word) word,
	DSN_ACTION_TABLE(X)
#undef X
};

const char *
dsn_action_word(enum dsn_action action)
{
	return action < DSN_UNKNOWN ? action_words[action] : "unknown";
}

/* In the order in which a report is named by its worst news; the parts of a
 * sentence that goes on with "to:". */
static const struct {
	enum dsn_action action;
	const char *subject, *sentence;
} kinds[] = {
	{ DSN_FAILED, "Not delivered", "could not be delivered" },
	{ DSN_DELAYED, "Delayed", "has not been delivered yet" },
	{ DSN_RELAYED, "Handed on", "was handed on" },
	{ DSN_EXPANDED, "Handed on", "was handed on" },
	{ DSN_DELIVERED, "Delivered", "was delivered" },
};

static bool
has_action(const struct dsn *d, enum dsn_action action)
{
	for (uint32_t i = 0; i < d->count; i++)
		if (d->recipients[i].action == action)
			return true;
	return false;
}

/* ---- the words ---- */

static void
person_recipient(struct buffer *out, const struct dsn_recipient *r)
{
	const struct dsn_meaning m = dsn_meaning(r->status, r->action);
	struct buffer line = BUFFER_INIT;

	report_paragraph(out, 2, r->final);
	report_paragraph(out, 4, text_of(m.what));
	if (*m.todo != '\0')
		report_paragraph(out, 4, text_of(m.todo));
	if (r->words.len > 0)
		report_paragraph(out, 4, r->words);
	if (r->diagnostic.len > 0) {
		if (r->remote.len > 0)
			buffer_addf(&line, "The server %.*s said: ", TEXT_ARG(r->remote));
		buffer_add_text(&line, r->diagnostic);
		report_paragraph(out, 4, buffer_text(&line));
	}
	if (r->action == DSN_DELAYED && r->retry_until != 0) {
		buffer_clear(&line);
		buffer_add_string(&line, "It will be tried again until ");
		date_print_mail(&line, (struct date){ r->retry_until, 0 });
		buffer_add_byte(&line, '.');
		report_paragraph(out, 4, buffer_text(&line));
	}
	buffer_add_string(out, "\r\n");
	buffer_done(&line);
}

static void
person_opening(struct buffer *out, const struct dsn *d)
{
	struct buffer line = BUFFER_INIT;

	buffer_addf(&line, "This is the mail service of %.*s.", TEXT_ARG(d->reporting_mta));
	report_paragraph(out, 0, buffer_text(&line));
	buffer_clear(&line);
	buffer_add_string(&line, "Your message");
	if (d->subject.len > 0)
		buffer_addf(&line, " \"%.*s\"", TEXT_ARG(d->subject));
	if (d->arrived != 0) {
		buffer_add_string(&line, " of ");
		date_print_mail(&line, (struct date){ d->arrived, 0 });
	}
	buffer_add_string(out, "\r\n");
	report_paragraph(out, 0, buffer_text(&line));
	buffer_done(&line);
}

static void
person_closing(struct buffer *out, const struct dsn *d)
{
	struct buffer line = BUFFER_INIT;

	if (has_action(d, DSN_DELAYED) && !has_action(d, DSN_FAILED))
		report_paragraph(
		    out, 0, TEXT("You need not do anything, and need not send it again."));
	if (d->returned != REPORT_NOTHING)
		report_paragraph(out, 0,
		    d->returned == REPORT_MESSAGE ? TEXT("The message is attached.")
						  : TEXT("The header of the message is attached."));
	if (d->trace.len > 0) {
		buffer_addf(
		    &line, "If you ask for help, name this number: %.*s", TEXT_ARG(d->trace));
		report_paragraph(out, 0, buffer_text(&line));
	}
	buffer_done(&line);
}

static void
add_words(struct buffer *out, const struct dsn *d)
{
	struct buffer words = BUFFER_INIT;

	person_opening(&words, d);
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		if (!has_action(d, kinds[k].action))
			continue;
		buffer_addf(&words, "%s to:\r\n\r\n", kinds[k].sentence);
		for (uint32_t i = 0; i < d->count; i++)
			if (d->recipients[i].action == kinds[k].action)
				person_recipient(&words, &d->recipients[i]);
	}
	person_closing(&words, d);
	report_words(out, buffer_text(&words));
	buffer_done(&words);
}

/* ---- the fields ---- */

static void
recipient_fields(struct buffer *out, const struct dsn_recipient *r, bool utf8)
{
	struct buffer type = BUFFER_INIT;

	buffer_add_string(out, "\r\n");
	if (text_equal_ci(r->original_type, TEXT("rfc822")) ||
	    text_equal_ci(r->original_type, TEXT("utf-8")))
		report_address(out, "Original-Recipient", r->original, utf8);
	else if (r->original_type.len > 0) {
		buffer_add_text(&type, r->original_type);
		report_field(out, "Original-Recipient", buffer_string(&type), r->original, utf8);
	}
	report_address(out, "Final-Recipient", r->final, utf8);
	report_field(out, "Action", NULL, text_of(dsn_action_word(r->action)), false);
	report_field(out, "Status", NULL, r->status, false);
	report_field(out, "Remote-MTA", "dns", r->remote, false);
	report_field(out, "Diagnostic-Code", "smtp", r->diagnostic, utf8);
	report_date(out, "Last-Attempt-Date", r->last_attempt);
	if (r->action == DSN_DELAYED)
		report_date(out, "Will-Retry-Until", r->retry_until);
	buffer_done(&type);
}

static void
add_fields(struct buffer *out, const struct dsn *d, bool utf8)
{
	report_field(out, "Original-Envelope-Id", NULL, d->envelope_id, utf8);
	report_field(out, "Reporting-MTA", "dns", d->reporting_mta, false);
	report_date(out, "Arrival-Date", d->arrived);
	for (uint32_t i = 0; i < d->count; i++)
		recipient_fields(out, &d->recipients[i], utf8);
}

/* Whether the fields need octets over 127. */
static bool
fields_utf8(const struct dsn *d)
{
	for (uint32_t i = 0; i < d->count; i++)
		if (!utf8_is_ascii(d->recipients[i].final) ||
		    !utf8_is_ascii(d->recipients[i].original) ||
		    !utf8_is_ascii(d->recipients[i].diagnostic))
			return true;
	return false;
}

/* ---- the whole ---- */

void
dsn_build(const struct dsn *d, struct buffer *head, struct buffer *tail)
{
	bool utf8 = d->smtputf8 && fields_utf8(d);
	bool returned = d->returned != REPORT_NOTHING;
	struct buffer subject = BUFFER_INIT;
	struct report r = {
		.kind = TEXT("delivery-status"),
		.unique = d->unique,
		.host = d->reporting_mta,
		.from = d->from,
		.to = d->to,
		.about = d->message_id,
		.automatic = TEXT("auto-replied"),
		.at = d->at,
		.global = d->smtputf8,
		.eight_bit = utf8 || (returned && (d->returned_8bit || d->returned_utf8)),
	};
	size_t k = 0;

	CHECK(d->count > 0 && d->to.len > 0);
	while (k < ARRAY_LEN(kinds) - 1 && !has_action(d, kinds[k].action))
		k++;
	buffer_add_string(&subject, kinds[k].subject);
	if (d->subject.len > 0)
		buffer_addf(&subject, ": %.*s", TEXT_ARG(d->subject));
	r.subject = buffer_text(&subject);
	report_begin(head, &r);
	add_words(head, d);
	report_part(head, &r, utf8 ? "message/global-delivery-status" : "message/delivery-status",
	    utf8 ? "8bit" : "7bit");
	add_fields(head, d, utf8);
	report_part_returned(head, &r, d->returned, d->returned_utf8, d->returned_8bit);
	report_end(tail, &r);
	buffer_done(&subject);
}
