/* SPDX-License-Identifier: ISC */
/*
 * Where answers of the DNS come from: the resolver, or a table in a test; and
 * asking several questions at once from linear code. A source promises that
 * every question is answered once, by its deadline or soon after.
 */
#ifndef LOOKUP_DNS_H
#define LOOKUP_DNS_H

#include "lookup/calls.h"

#define DNS_NAME_MAX 253

struct dns_answer {
	enum lookup_outcome outcome;
	bool secure;
	uint32_t ttl;	       /* seconds */
	struct text canonical; /* A-labels, lower case, no last dot */
	struct texts records;  /* RDATA */
	struct text why;       /* of BOGUS and TEMPORARY */
};

/* Must not block, nor ask. What the answer points at ends with the return. */
typedef void (*dns_answer_fn)(void *arg, const struct dns_answer *answer);

struct dns_source {
	/* name: from dns_name; deadline: monotonic. fn is called once, from any
	 * thread, perhaps before this returns. */
	void (*ask)(void *source, const char *name, uint16_t type, int64_t deadline,
	    dns_answer_fn fn, void *arg);
	void *source;
};

/* A name as it is asked for: A-labels in lower case, no last dot, labels with _
 * kept; the root is ".". INVALID for what is none: over 253 octets, labels over
 * 63 or empty, other octets. */
enum status dns_name(struct text name, char out[DNS_NAME_MAX + 1]) MUST_CHECK;

/* One of several questions; answer is filled in and lives in the arena, which
 * is the question's own. */
struct dns_question {
	char name[DNS_NAME_MAX + 1];
	uint16_t type;
	bool asked; /* set to ask it */
	struct dns_answer answer;
	struct arena arena;
	struct dns_asking *asking;
};

/* Waits until all that have asked set are answered. */
void dns_ask_all(
    const struct dns_source *s, struct dns_question *at, size_t count, int64_t deadline);
void dns_questions_done(struct dns_question *at, size_t count);
/* A copy with all that it points at in the arena. */
void dns_answer_copy(const struct dns_answer *from, struct arena *a, struct dns_answer *out);

#endif
