/* SPDX-License-Identifier: ISC */
/* See outbound/tls_reporter.h. */
#include "outbound/tls_reporter.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "codec/trace_id.h"
#include "codec/utf8.h"
#include "intake/calls.h"
#include "lookup/calls.h"
#include "mailauth/records.h"
#include "mailauth/tlsrpt.h"
#include "outbound/tls_report.h"
#include "runtime/settings.h"
#include "runtime/thread.h"
#include "store/tls_report_calls.h"

#define DAY INT64_C(86400)
#define AGAIN 3600	   /* seconds until another attempt */
#define GIVEN_UP (2 * DAY) /* after the day's end */
#define BATCH_OCTETS (256u << 10)

struct tls_reporter {
	struct calls *calls;
	struct tls_results *results;
	struct text hostname;
	uint64_t day;		/* of what is counted now */
	pthread_mutex_t taking; /* of what follows */
	/* Taken, and not all in the store yet. */
	struct arena arena;
	struct texts domains, counts;
	uint64_t taken_day, op; /* op of the batch that begins the lists */
	pthread_t thread;
	bool started;
	_Atomic uint32_t rung;
	_Atomic bool stopping;
	_Atomic uint32_t ended;
};

static uint64_t
today(void)
{
	return (uint64_t)(clock_wall() / CLOCK_SECOND / DAY);
}

struct tls_reporter *
tls_reporter_new(struct calls *calls, struct tls_results *results, struct text hostname)
{
	struct tls_reporter *r = MEM_NEW(struct tls_reporter);

	r->calls = calls;
	r->results = results;
	r->hostname = hostname;
	r->day = today();
	CHECK(pthread_mutex_init(&r->taking, NULL) == 0);
	return r;
}

void
tls_reporter_free(struct tls_reporter *r)
{
	arena_done(&r->arena);
	(void)pthread_mutex_destroy(&r->taking);
	mem_free(r);
}

/* ---- to the store ---- */

static void
take(struct tls_reporter *r)
{
	struct buffer b = BUFFER_INIT;
	struct tls_count *at;
	size_t n;

	arena_done(&r->arena);
	tls_results_take(r->results, &r->arena, &at, &n);
	r->domains = (struct texts){ ARENA_ARRAY(&r->arena, struct text, n + 1), (uint32_t)n };
	r->counts = (struct texts){ ARENA_ARRAY(&r->arena, struct text, n + 1), (uint32_t)n };
	for (size_t i = 0; i < n; i++) {
		buffer_clear(&b);
		tls_count_pack(&b, &at[i]);
		r->domains.at[i] = at[i].domain;
		r->counts.at[i] = arena_copy(&r->arena, buffer_text(&b));
	}
	buffer_done(&b);
	r->taken_day = r->day;
	r->day = today();
	r->op = random_u64();
}

static uint32_t
batch(const struct tls_reporter *r)
{
	size_t octets = 0;
	uint32_t n = 0;

	while (n < r->counts.count && n < TLS_REPORT_BATCH && octets < BATCH_OCTETS)
		octets += r->counts.at[n++].len;
	return n;
}

/* False: the store is away; the same batch is given to it later. What it does
 * not want is left out. */
static bool
add(struct tls_reporter *r, uint32_t n)
{
	struct tls_report_add_request q = { .op = r->op,
		.day = r->taken_day,
		.domains = { r->domains.at, n },
		.counts = { r->counts.at, n } };
	struct tls_report_add_reply reply;
	struct arena a = ARENA_INIT;
	struct failure f;
	enum status how = tls_report_add(r->calls, &q, &a, &reply, &f);

	if (how == STATUS_INVALID)
		LOG_WARN("outbound.tls_counts_refused", FIELD_STRING("reason", f.log));
	arena_done(&a);
	return how == STATUS_OK || how == STATUS_INVALID;
}

static enum status
flush(struct tls_reporter *r)
{
	for (int rounds = 0; rounds < 2; rounds++) {
		while (r->domains.count > 0) {
			uint32_t n = batch(r);

			if (!add(r, n))
				return STATUS_UNAVAILABLE;
			r->domains = (struct texts){ r->domains.at + n, r->domains.count - n };
			r->counts = (struct texts){ r->counts.at + n, r->counts.count - n };
			r->op = random_u64();
		}
		if (rounds == 0)
			take(r);
	}
	return STATUS_OK;
}

enum status
tls_reporter_flush(struct tls_reporter *r)
{
	enum status how;

	pthread_mutex_lock(&r->taking);
	how = flush(r);
	pthread_mutex_unlock(&r->taking);
	return how;
}

static void
wake(struct tls_reporter *r)
{
	r->rung++;
	thread_wake(&r->rung);
}

enum status
tls_reporter_want(struct tls_reporter *r, enum outbound_tls_want want, struct text domain,
    struct arena *a, uint64_t *reports, struct failure *f)
{
	struct tls_report_now_request q = {
		.op = random_u64(), .domain = domain, .today = want == OUTBOUND_TLS_TODAY
	};
	struct tls_report_now_reply reply = { .reports = 0 };
	enum status how;

	if (want != OUTBOUND_TLS_COUNTED && !setting(SET_TLSRPT_SEND))
		return fail(f, STATUS_DENIED,
		    "No reports about TLS are sent while the setting tlsrpt.send is off.",
		    "tlsrpt.send is off");
	how = tls_reporter_flush(r);
	if (how != STATUS_OK)
		return fail(f, how, "The store is away. Try again later.", "counts of TLS");
	if (want != OUTBOUND_TLS_COUNTED)
		how = tls_report_now(r->calls, &q, a, &reply, f);
	if (how != STATUS_OK)
		return how;
	wake(r);
	*reports = reply.reports;
	return STATUS_OK;
}

/* ---- one report ---- */

struct sending {
	struct tls_reporter *r;
	struct tls_report report;
	struct tls_day facts;
	struct arena *a;
	struct text compressed;
	int64_t until;
	bool later, taken; /* somebody is yet to get it; somebody has it */
};

/* tlsrpt.contact, or the postmaster; an address in ASCII. */
static struct text
contact_of(struct tls_reporter *r, struct arena *a)
{
	static const enum setting from[] = { SET_TLSRPT_CONTACT, SET_STORE_POSTMASTER };
	char word[400];

	for (size_t i = 0; i < ARRAY_LEN(from); i++) {
		struct text t;
		size_t at;

		setting_text(from[i], word, sizeof(word));
		t = text_of(word);
		at = text_find_last(t, '@');
		if (at > 0 && at + 1 < t.len && utf8_is_ascii(t))
			return arena_copy(a, t);
	}
	return arena_printf(a, "postmaster@%.*s", TEXT_ARG(r->hostname));
}

static void
say(const struct sending *s, struct text to, enum status how, const char *why)
{
	if (how == STATUS_OK)
		LOG_INFO("outbound.tls_report", FIELD_TEXT("domain", s->report.domain),
		    FIELD_TEXT("to", to), FIELD_U64("day", s->report.day));
	else
		LOG_WARN("outbound.no_tls_report", FIELD_TEXT("domain", s->report.domain),
		    FIELD_TEXT("to", to), FIELD_STATUS(how), FIELD_STRING("reason", why));
}

/* It leaves by the queue, like any notice of this site. */
static void
by_mail(struct sending *s, struct text to)
{
	char id[TRACE_ID_LENGTH];
	struct buffer message = BUFFER_INIT;
	struct intake_notice_request q = { .op = tls_report_op(&s->report, to), .recipient = to };
	struct intake_notice_reply reply;
	struct failure f;
	enum status how;

	trace_id_print(q.op, id);
	q.id = (struct text){ id, sizeof(id) };
	tls_report_mail(&s->report, s->compressed, to, &message);
	q.message = PAYLOAD_OF(buffer_text(&message));
	how = intake_notice(s->r->calls, &q, s->a, &reply, &f);
	say(s, to, how, f.log);
	s->taken |= how == STATUS_OK;
	s->later |= how == STATUS_UNAVAILABLE || how == STATUS_TIMEOUT || how == STATUS_AMBIGUOUS ||
		    how == STATUS_FULL || how == STATUS_IO;
	buffer_done(&message);
}

/* RFC 8460 5.4: any 2xx is success; what a server refuses for good it refuses. */
static void
by_https(struct sending *s, struct text to)
{
	struct lookup_https_request q = { .method = TEXT("POST"),
		.url = to,
		.type = TEXT("application/tlsrpt+gzip"),
		.body = PAYLOAD_OF(s->compressed),
		.most = 64u << 10 };
	struct lookup_https_reply reply;
	struct failure f;
	enum status how = lookup_https(s->r->calls, &q, s->a, &reply, &f);
	bool answered = how == STATUS_OK && reply.outcome == LOOKUP_HTTPS_ANSWERED;

	if (answered && reply.status / 100 == 2) {
		s->taken = true;
		say(s, to, STATUS_OK, "");
		return;
	}
	say(s, to, STATUS_UNAVAILABLE,
	    answered	       ? "the server refused it"
	    : how == STATUS_OK ? arena_string(s->a, reply.why)
			       : f.log);
	s->later |= answered ? reply.status / 100 == 5
			     : how != STATUS_OK || reply.outcome != LOOKUP_HTTPS_FORBIDDEN;
}

static enum status
step(struct sending *s, enum tls_report_step what)
{
	struct tls_report_step_request q = { .op = random_u64(),
		.day = s->report.day,
		.domain = s->report.domain,
		.until = s->until,
		.step = what,
		.due = s->report.now + AGAIN };
	struct tls_report_step_reply reply;

	return tls_report_step(s->r->calls, &q, s->a, &reply, NULL);
}

/* Where reports are wanted (RFC 8460 3). NOT_FOUND: nowhere; UNAVAILABLE: that is
 * not known now. */
static enum status
places(struct sending *s, struct tlsrpt *out)
{
	struct lookup_dns_request q = { .type = RECORD_TXT,
		.name = arena_printf(s->a, "_smtp._tls.%.*s", TEXT_ARG(s->report.domain)) };
	struct lookup_dns_reply reply;
	struct texts txts;

	if (lookup_dns(s->r->calls, &q, s->a, &reply, NULL) != STATUS_OK ||
	    reply.outcome == LOOKUP_TEMPORARY)
		return STATUS_UNAVAILABLE;
	if (reply.outcome != LOOKUP_OK)
		return STATUS_NOT_FOUND;
	txts = (struct texts){ ARENA_ARRAY(s->a, struct text, reply.records.count + 1), 0 };
	for (uint32_t i = 0; i < reply.records.count; i++)
		if (record_txt(reply.records.at[i], s->a, &txts.at[txts.count]) == STATUS_OK)
			txts.count++;
	return tlsrpt_record_of(txts.at, txts.count, s->a, out) == STATUS_OK ? STATUS_OK
									     : STATUS_NOT_FOUND;
}

static void
compress(struct sending *s)
{
	struct buffer json = BUFFER_INIT, gz = BUFFER_INIT;

	tls_report_json(&s->report, &json);
	tls_report_gzip(buffer_text(&json), &gz);
	s->compressed = arena_copy(s->a, buffer_text(&gz));
	buffer_done(&json);
	buffer_done(&gz);
}

static enum status
deliver(struct sending *s, const struct tlsrpt *t)
{
	enum status how = step(s, TLS_REPORT_SENDING);

	if (how != STATUS_OK)
		return how;
	compress(s);
	for (uint32_t i = 0; i < t->count; i++)
		if (!t->rua[i].https)
			by_mail(s, t->rua[i].to);
		else if (!s->facts.sending)
			by_https(s, t->rua[i].to);
	return step(s, s->later && !s->taken ? TLS_REPORT_LATER : TLS_REPORT_DONE);
}

static enum status
report(struct sending *s)
{
	struct tlsrpt t;
	enum status how;

	if (!setting(SET_TLSRPT_SEND) || s->facts.count == 0 ||
	    s->report.now > ((int64_t)s->report.day + 1) * DAY + GIVEN_UP)
		return step(s, TLS_REPORT_DONE);
	how = places(s, &t);
	if (how == STATUS_OK)
		return deliver(s, &t);
	return step(s, how == STATUS_NOT_FOUND ? TLS_REPORT_DONE : TLS_REPORT_LATER);
}

enum status
tls_reporter_one(struct tls_reporter *r, int64_t *due)
{
	struct tls_report_next_request q = { .none_ = 0 };
	struct tls_report_next_reply reply;
	struct arena a = ARENA_INIT;
	struct sending s = { .r = r, .a = &a };
	enum status how = tls_report_next(r->calls, &q, &a, &reply, NULL);

	if (how == STATUS_OK && reply.domain.len == 0) {
		*due = reply.due;
		how = STATUS_NOT_FOUND;
	} else if (how == STATUS_OK) {
		s.until = reply.until;
		s.report = (struct tls_report){ .contact = contact_of(r, &a),
			.domain = reply.domain,
			.day = reply.day,
			.facts = &s.facts,
			.now = clock_wall() / CLOCK_SECOND };
		if (tls_day_unpack(reply.facts, &a, &s.facts) == STATUS_OK)
			how = report(&s);
		else
			how = step(&s, TLS_REPORT_DONE);
	}
	arena_done(&a);
	return how;
}

/* ---- the thread ---- */

/* Microseconds: a minute, but not over midnight, nor over what is due. */
static int64_t
pause_of(int64_t due)
{
	int64_t now = clock_wall(), pause = CLOCK_MINUTE;
	int64_t midnight = ((int64_t)today() + 1) * DAY * CLOCK_SECOND - now;

	if (midnight < pause)
		pause = midnight;
	if (due != 0 && due * CLOCK_SECOND - now < pause)
		pause = due * CLOCK_SECOND - now;
	return pause > CLOCK_SECOND ? pause : CLOCK_SECOND;
}

static void *
run(void *arg)
{
	struct tls_reporter *r = arg;

	while (!r->stopping) {
		uint32_t rung = r->rung;
		int64_t due = 0;

		if (tls_reporter_flush(r) == STATUS_OK)
			while (!r->stopping && tls_reporter_one(r, &due) == STATUS_OK)
				continue;
		(void)thread_sleep(&r->rung, rung, thread_time() + pause_of(due));
	}
	if (tls_reporter_flush(r) != STATUS_OK)
		LOG_WARN("outbound.tls_counts_lost");
	r->ended = 1;
	thread_wake(&r->ended);
	return NULL;
}

enum status
tls_reporter_start(struct tls_reporter *r)
{
	enum status how = thread_start("tls reports", 0, run, r, &r->thread);

	r->started = how == STATUS_OK;
	return how;
}

bool
tls_reporter_stop(struct tls_reporter *r, int64_t deadline)
{
	r->stopping = true;
	if (!r->started)
		return true;
	wake(r);
	while (r->ended == 0)
		if (!thread_sleep(&r->ended, 0, deadline) && r->ended == 0)
			return false;
	CHECK(pthread_join(r->thread, NULL) == 0);
	r->started = false;
	return true;
}
