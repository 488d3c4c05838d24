/* SPDX-License-Identifier: ISC */
/*
 * Scripted answers: DNS records and web pages from tables, for the tests of
 * this folder and of all that ask lookup.
 *
 *	static const struct script_record records[] = {
 *		{ "example.test", 15, .rdata = SCRIPT_MX("\12", "\2mx\7example\4test") },
 *		{ "mx.example.test", 1, .rdata = { "\xc0\0\2\1", 4 }, .secure = true },
 *		{ "slow.test", 0, .outcome = LOOKUP_TEMPORARY },
 *	};
 *	struct script script = { .records = records, .record_count = 3 };
 *	struct dns_source dns = script_dns(&script);
 *	struct https_source https = script_https(&script);
 *	struct lookup *l = lookup_new(&dns, &https);
 *	lookup_serve(l, &config);	then call_pair_new(ROLE_OUTBOUND, &config, ROLE_LOOKUP,
 *&calls)
 */
#ifndef LOOKUP_TESTING_H
#define LOOKUP_TESTING_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/testing.h"
#include "lookup/lookup.h"

/* Rows of one name and type are one answer, whose outcome, secure and
 * canonical are the first row's. Type 0: all types. A name without a row is
 * answered NXDOMAIN, one whose rows are of other types NODATA. */
struct script_record {
	const char *name; /* A-labels, lower case, no last dot */
	uint16_t type;
	struct text rdata; /* as on the wire */
	enum lookup_outcome outcome;
	bool secure;
	const char *canonical; /* NULL: name */
};

/* RDATA of an MX record with the wire form of its host without the last NUL. */
#define SCRIPT_MX(preference, host)                                              \
	{                                                                        \
		"\0" preference host "\0", sizeof("\0" preference host "\0") - 1 \
	}

struct script_page {
	const char *url;
	struct https_answer answer;
	bool waits; /* for script_let_go */
};

struct script {
	const struct script_record *records;
	size_t record_count;
	const struct script_page *pages;
	size_t page_count;
	_Atomic unsigned asked, fetched;
	_Atomic bool gate; /* open: pages that wait are answered */
	pthread_mutex_t lock;
	pthread_cond_t opened;
};

static inline void
script_ask(
    void *source, const char *name, uint16_t type, int64_t deadline, dns_answer_fn fn, void *arg)
{
	struct script *s = source;
	struct text records[64];
	struct dns_answer a = { .outcome = LOOKUP_NXDOMAIN,
		.ttl = 60,
		.canonical = text_of(name),
		.records = { records, 0 },
		.why = TEXT_EMPTY };
	const struct script_record *first = NULL;

	s->asked++;
	for (size_t i = 0; i < s->record_count; i++) {
		const struct script_record *r = &s->records[i];

		if (strcmp(r->name, name) != 0)
			continue;
		if (a.outcome == LOOKUP_NXDOMAIN)
			a.outcome = LOOKUP_NODATA;
		if (r->type != 0 && r->type != type)
			continue;
		if (first == NULL) {
			first = r;
			a.outcome = r->outcome;
			a.secure = r->secure;
			a.canonical = text_of(r->canonical == NULL ? name : r->canonical);
		}
		if (r->outcome == LOOKUP_OK && a.records.count < ARRAY_LEN(records))
			records[a.records.count++] = r->rdata;
	}
	if (a.outcome == LOOKUP_TEMPORARY || a.outcome == LOOKUP_BOGUS)
		a.why = TEXT("as the script says");
	fn(arg, &a);
}

static inline void
script_fetch(void *source, const struct https_request *q, struct arena *a, struct https_answer *out)
{
	struct script *s = source;

	s->fetched++;
	*out = (struct https_answer){ .outcome = LOOKUP_HTTPS_UNREACHABLE,
		.why = TEXT("no such page in the script") };
	for (size_t i = 0; i < s->page_count; i++) {
		if (!text_equal(q->url, text_of(s->pages[i].url)))
			continue;
		*out = s->pages[i].answer;
		pthread_mutex_lock(&s->lock);
		while (s->pages[i].waits && !s->gate)
			pthread_cond_wait(&s->opened, &s->lock);
		pthread_mutex_unlock(&s->lock);
	}
}

static inline struct dns_source
script_dns(struct script *s)
{
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->opened, NULL);
	return (struct dns_source){ script_ask, s };
}

static inline struct https_source
script_https(struct script *s)
{
	return (struct https_source){ script_fetch, s };
}

/* Answers the pages that wait, now and later. */
static inline void
script_let_go(struct script *s)
{
	pthread_mutex_lock(&s->lock);
	s->gate = true;
	pthread_cond_broadcast(&s->opened);
	pthread_mutex_unlock(&s->lock);
}

#endif
