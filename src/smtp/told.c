/* SPDX-License-Identifier: ISC */
/*
 * What a front tells the trace: senders, recipients and messages that were
 * refused, with the reply. What is accepted the store notes itself. Nobody waits
 * for it. Refused recipients are collected, and told with their message, or
 * when the transaction ends without one. Strangers may try as much as they like
 * to be refused, so that there is a bound for each client and for all.
 */
#include "base/clock.h"
#include "base/random.h"
#include "runtime/limits.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"
#include "smtp/session.h"
#include "store/trace_calls.h"

#define NOTED_MAX 100u /* recipients of a transaction that are named */
#define KIB 1024u
#define HOUR_SECONDS 3600.0

static void
told(void *arg, enum status s, const void *reply, const struct failure *f)
{
	if (s != STATUS_OK)
		metric_add(METRIC_TRACE_ROWS_LOST, 1);
}

/* The reply as the client got it, in one line. */
static struct text
line_of(struct arena *a, enum smtp_reply reply, struct text detail, struct text words)
{
	const struct smtp_reply_row *row = smtp_reply_row(reply);
	size_t at;

	if (words.len == 0)
		words = text_of(row->words);
	at = text_find(words, TEXT("{}"), 0);
	if (at < words.len)
		words = arena_printf(a, "%.*s%.*s%.*s", TEXT_ARG(text_part(words, 0, at)),
		    TEXT_ARG(detail), TEXT_ARG(text_part(words, at + 2, words.len)));
	return arena_printf(a, "%u %s%s%.*s", row->code, row->enhanced,
	    row->enhanced[0] != '\0' ? " " : "", TEXT_ARG(words));
}

static bool
takes(struct limits *l, uint64_t key, enum setting an_hour, double cost)
{
	double most = (double)setting(an_hour);

	return most > 0 && limits_take(l, key, most / HOUR_SECONDS, most, cost) == 0;
}

/* Whether so much more may be told. LMTP's peers speak for many. */
static bool
within_bounds(const struct smtp_session *x, size_t octets)
{
	size_t kib = 1 + octets / KIB;
	double cost = (double)kib;
	uint64_t client =
	    smtp_signed_in(x) ? limits_key_text(x->address) : limits_key_address(&x->session.peer);

	return (x->profile->peers_listed ||
		   takes(x->server->telling, client, SET_TRACE_REFUSED_CLIENT, cost)) &&
	       takes(x->server->telling, limits_key_text(TEXT("*")), SET_TRACE_REFUSED, cost);
}

static bool
is_told(const struct smtp_session *x)
{
	return x->server->telling != NULL && setting(SET_TRACE_KEEP) != 0;
}

/* The first event has what is known of the message. */
static void
tell(struct smtp_session *x, struct text id, struct text sender, struct trace_event *e,
    uint32_t count, uint64_t octets)
{
	struct text row;
	struct trace_add_request q = { .ids = { &id, 1 }, .rows = { &row, 1 } };
	struct buffer b = BUFFER_INIT;

	for (uint32_t i = 0; i < count; i++) {
		e[i].what = TRACE_REFUSED;
		e[i].at = clock_wall();
	}
	e[0].has_sender = true;
	e[0].sender = sender;
	e[0].facts = smtp_came(x);
	e[0].size = octets;
	trace_row_pack(&b, &(struct trace_row){ e, count });
	row = buffer_text(&b);
	if (!within_bounds(x, row.len))
		metric_add(METRIC_TRACE_REFUSED_UNTOLD, 1);
	else if (call_post(x->server->calls, &trace_add_call, &q, told, NULL) != STATUS_OK)
		metric_add(METRIC_TRACE_ROWS_LOST, 1);
	buffer_done(&b);
}

/* Those who were refused at RCPT, by what they were told: behind count events. */
static uint32_t
add_noted(struct smtp_session *x, struct trace_event *e, uint32_t count)
{
	const struct smtp_noted *n = &x->tx.noted;
	uint32_t begin = count;

	for (uint32_t i = 0; i < n->recipients.count; i++) {
		if (count == begin || !text_equal(e[count - 1].words, n->lines.at[i]))
			e[count++] =
			    (struct trace_event){ .recipients = { &n->recipients.at[i], 0 },
				    .words = n->lines.at[i] };
		e[count - 1].recipients.count++;
	}
	if (count > begin)
		e[count - 1].more = n->more;
	return count;
}

void
smtp_tell_refused(struct smtp_session *x, struct text id, const struct smtp_told *at,
    uint32_t count, uint64_t octets)
{
	struct arena *a = &x->scratch;
	struct trace_event *e;

	if (!is_told(x) || count + x->tx.noted.recipients.count == 0)
		return;
	e = ARENA_ARRAY(a, struct trace_event, count + x->tx.noted.recipients.count);
	for (uint32_t i = 0; i < count; i++)
		e[i] = (struct trace_event){ .recipients = at[i].recipients,
			.words = line_of(a, at[i].reply, at[i].detail, at[i].words) };
	count = add_noted(x, e, count);
	x->tx.noted = (struct smtp_noted){ .more = 0 };
	tell(x, id, x->tx.sender, e, count, octets);
}

void
smtp_tell_recipients(struct smtp_session *x)
{
	if (x->tx.noted.recipients.count > 0)
		smtp_tell_refused(x, smtp_id(&x->scratch, random_by_time()), NULL, 0, 0);
}

void
smtp_tell_sender(struct smtp_session *x, struct text sender, enum smtp_reply reply,
    struct text detail, struct text words)
{
	struct trace_event e = { .words = line_of(&x->scratch, reply, detail, words) };

	if (is_told(x))
		tell(x, smtp_id(&x->scratch, random_by_time()), sender, &e, 1, 0);
}

void
smtp_note_recipient(struct smtp_session *x, struct text address, enum smtp_reply reply,
    struct text detail, struct text words)
{
	struct smtp_noted *n = &x->tx.noted;
	uint32_t i = n->recipients.count;

	if (!is_told(x))
		return;
	if (i == NOTED_MAX) {
		n->more++;
		return;
	}
	if (i == 0) {
		n->recipients.at = ARENA_ARRAY(&x->tx.arena, struct text, NOTED_MAX);
		n->lines.at = ARENA_ARRAY(&x->tx.arena, struct text, NOTED_MAX);
	}
	n->recipients.at[n->recipients.count++] = arena_copy(&x->tx.arena, address);
	n->lines.at[n->lines.count++] = line_of(&x->tx.arena, reply, detail, words);
}
