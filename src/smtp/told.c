/* SPDX-License-Identifier: ISC */
/*
 * What a front tells the trace: messages that were refused after their
 * recipients had been accepted, with the reply. What is accepted the store
 * notes itself. Nobody waits for it. Connections without a recipient that we
 * have leave nothing, so that guessing addresses does not fill the disk.
 */
#include "base/clock.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"
#include "smtp/session.h"
#include "store/trace_calls.h"

static void
told(void *arg, enum status s, const void *reply, const struct failure *f)
{
	if (s != STATUS_OK)
		metric_add(METRIC_TRACE_ROWS_LOST, 1);
}

/* The reply as the client got it, in one line. */
static struct text
line_of(struct arena *a, const struct smtp_told *t)
{
	const struct smtp_reply_row *row = smtp_reply_row(t->reply);
	struct text words = t->words.len > 0 ? t->words : text_of(row->words);
	size_t at = text_find(words, TEXT("{}"), 0);

	if (at < words.len)
		words = arena_printf(a, "%.*s%.*s%.*s", TEXT_ARG(text_part(words, 0, at)),
		    TEXT_ARG(t->detail), TEXT_ARG(text_part(words, at + 2, words.len)));
	return arena_printf(a, "%u %s%s%.*s", row->code, row->enhanced,
	    row->enhanced[0] != '\0' ? " " : "", TEXT_ARG(words));
}

void
smtp_tell_refused(struct smtp_session *x, struct text id, const struct smtp_told *at,
    uint32_t count, uint64_t octets)
{
	struct arena *a = &x->scratch;
	struct trace_event *e;
	struct text row;
	struct trace_add_request q = { .ids = { &id, 1 }, .rows = { &row, 1 } };
	struct buffer b = BUFFER_INIT;

	if (count == 0 || setting(SET_TRACE_KEEP) == 0)
		return;
	e = ARENA_ARRAY(a, struct trace_event, count);
	for (uint32_t i = 0; i < count; i++)
		e[i] = (struct trace_event){ .what = TRACE_REFUSED,
			.at = clock_wall(),
			.recipients = at[i].recipients,
			.words = line_of(a, &at[i]) };
	e[0].has_sender = true;
	e[0].sender = x->tx.sender;
	e[0].facts = smtp_came(x);
	e[0].size = octets;
	trace_row_pack(&b, &(struct trace_row){ e, count });
	row = buffer_text(&b);
	if (call_post(x->server->calls, &trace_add_call, &q, told, NULL) != STATUS_OK)
		metric_add(METRIC_TRACE_ROWS_LOST, 1);
	buffer_done(&b);
}
