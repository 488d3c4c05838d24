/* SPDX-License-Identifier: ISC */
/*
 * See outbound/fate.h. Enhanced codes for what no server spoke (RFC 3463 3.5):
 * 4.4.1 no connection, 4.4.2 it broke, 4.7.5 TLS, 4.3.0 ourselves, 4.5.0
 * nonsense.
 */
#include "outbound/fate.h"

#include <stdio.h>
#include <string.h>

#include "base/cursor.h"

static void
enhanced_set(const char *enhanced, unsigned out[3])
{
	struct cursor c = cursor_of(text_of(enhanced));

	for (size_t i = 0; i < 3; i++) {
		(void)cursor_u32(&c, &out[i]);
		(void)cursor_byte(&c, '.');
	}
}

struct smtp_fate
fate_ours(enum smtp_stage stage, const char *enhanced, const char *words, ...)
{
	struct smtp_fate f = { .stage = stage,
		.outcome = enhanced[0] == '5' ? SMTP_PERMANENT : SMTP_TEMPORARY };
	va_list ap;

	enhanced_set(enhanced, f.answer.enhanced);
	va_start(ap, words);
	(void)vsnprintf(f.answer.text, sizeof(f.answer.text), words, ap);
	va_end(ap);
	return f;
}

struct smtp_fate
fate_of_route(const struct route *r)
{
	return fate_ours(SMTP_AT_NONE, route_verdict_code(r->verdict), "%.*s", TEXT_ARG(r->words));
}

static const char *
enhanced_of_stage(enum smtp_stage s)
{
	switch (s) {
	case SMTP_AT_CONNECT:
		return "4.4.1";
	case SMTP_AT_STARTTLS:
	case SMTP_AT_TLS:
		return "4.7.5";
	case SMTP_AT_AUTH:
		return "4.7.8";
	default:
		return "4.4.2";
	}
}

struct text
fate_reply(const struct smtp_fate *f, struct arena *a)
{
	char enhanced[16];

	/* what a server lacks it did not say itself */
	if (f->answer.code != 0 && f->stage != SMTP_AT_NEEDS)
		return arena_printf(a, "%u %s", f->answer.code, f->answer.text);
	(void)smtp_answer_enhanced(&f->answer, enhanced);
	return arena_printf(a, "%s %s",
	    enhanced[0] != '\0' ? enhanced : enhanced_of_stage(f->stage), f->answer.text);
}

enum queue_outcome
fate_outcome(const struct smtp_fate *f)
{
	switch (f->outcome) {
	case SMTP_PASSED_ON:
		return QUEUE_DELIVERED;
	case SMTP_DELIVERED:
		return QUEUE_KEPT;
	case SMTP_RELAYED:
		return QUEUE_RELAYED;
	case SMTP_PERMANENT:
		return QUEUE_FAILED;
	case SMTP_TEMPORARY:
		return QUEUE_LATER;
	default:
		return QUEUE_UNTRIED;
	}
}

/* RFC 5321 3.8: 421 is said of the connection. 4.3.2, 4.4.5 and x.4.5: RFC 3463
 * 3.4, 3.5. */
static bool
says_busy(const struct smtp_answer *a)
{
	const unsigned *e = a->enhanced;

	return a->code == 421 ||
	       (a->code / 100 == 4 && ((e[1] == 3 && e[2] == 2) || (e[1] == 4 && e[2] == 5)));
}

enum schedule_end
fate_end(const struct smtp_fate *f)
{
	switch (f->outcome) {
	case SMTP_UNTRIED:
		return SCHEDULE_NEITHER;
	case SMTP_TEMPORARY:
		if (says_busy(&f->answer))
			return SCHEDULE_BUSY;
		return f->stage < SMTP_AT_NEEDS ? SCHEDULE_DOWN : SCHEDULE_NEITHER;
	case SMTP_PERMANENT:
		/* before MAIL it is a host that takes no mail */
		return f->stage != SMTP_AT_NONE && f->stage < SMTP_AT_NEEDS ? SCHEDULE_DOWN
									    : SCHEDULE_WELL;
	default:
		return SCHEDULE_WELL;
	}
}

bool
fate_elsewhere(const struct smtp_fate *f)
{
	if (f->outcome == SMTP_TEMPORARY)
		return !f->perhaps;
	return f->outcome == SMTP_PERMANENT && f->stage > SMTP_AT_NONE && f->stage <= SMTP_AT_NEEDS;
}
