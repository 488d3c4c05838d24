/* SPDX-License-Identifier: ISC */
/*
 * Names as they are asked for (RFC 1035 2.3.4, RFC 5891), and waiting for
 * several answers.
 */
#include "lookup/dns.h"

#include <pthread.h>

#include "codec/idna.h"
#include "codec/utf8.h"
#include "runtime/thread.h"

#define LABEL_MAX 63

/* ---- names ---- */

static bool
plain_label(struct text label, struct buffer *out)
{
	for (size_t i = 0; i < label.len; i++) {
		char c = label.ptr[i];

		if (!byte_alpha(c) && !byte_digit(c) && c != '-' && c != '_')
			return false;
		buffer_add_byte(out, byte_lower(c));
	}
	return label.len > 0 && label.len <= LABEL_MAX;
}

/* Service labels (RFC 8552) are ASCII whatever stands behind them. */
static bool
add_labels(struct text name, struct buffer *out)
{
	struct text label;

	while (text_starts(name, TEXT("_")) && text_split(&name, '.', &label)) {
		if (!plain_label(label, out) || name.len == 0)
			return false;
		buffer_add_byte(out, '.');
	}
	if (!utf8_is_ascii(name))
		return idna_to_ascii(name, out) == STATUS_OK;
	while (text_split(&name, '.', &label)) {
		if (!plain_label(label, out))
			return false;
		if (name.len > 0)
			buffer_add_byte(out, '.');
	}
	return true;
}

enum status
dns_name(struct text name, char out[DNS_NAME_MAX + 1])
{
	struct buffer ascii = BUFFER_INIT;
	enum status s = STATUS_INVALID;

	if (text_equal(name, TEXT(".")))
		return text_to_string(name, out, DNS_NAME_MAX + 1);
	if (text_ends(name, TEXT(".")))
		name = text_part(name, 0, name.len - 1);
	if (name.len > 0 && !text_ends(name, TEXT(".")) && add_labels(name, &ascii) &&
	    ascii.len <= DNS_NAME_MAX)
		s = text_to_string(buffer_text(&ascii), out, DNS_NAME_MAX + 1);
	buffer_done(&ascii);
	return s;
}

/* ---- waiting ---- */

struct dns_asking {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t open;
};

void
dns_answer_copy(const struct dns_answer *from, struct arena *a, struct dns_answer *out)
{
	*out = *from;
	out->canonical = arena_copy(a, from->canonical);
	out->why = arena_copy(a, from->why);
	out->records.at = ARENA_ARRAY(a, struct text, from->records.count + 1);
	for (uint32_t i = 0; i < from->records.count; i++)
		out->records.at[i] = arena_copy(a, from->records.at[i]);
}

static void
answered(void *arg, const struct dns_answer *answer)
{
	struct dns_question *q = arg;
	struct dns_asking *asking = q->asking;

	dns_answer_copy(answer, &q->arena, &q->answer);
	pthread_mutex_lock(&asking->lock);
	if (--asking->open == 0)
		pthread_cond_signal(&asking->changed);
	pthread_mutex_unlock(&asking->lock);
}

void
dns_ask_all(const struct dns_source *s, struct dns_question *at, size_t count, int64_t deadline)
{
	struct dns_asking asking = { .open = 0 };

	pthread_mutex_init(&asking.lock, NULL);
	pthread_cond_init(&asking.changed, NULL);
	for (size_t i = 0; i < count; i++)
		asking.open += at[i].asked;
	for (size_t i = 0; i < count; i++) {
		if (!at[i].asked)
			continue;
		at[i].asking = &asking;
		s->ask(s->source, at[i].name, at[i].type, deadline, answered, &at[i]);
	}
	thread_blocks();
	pthread_mutex_lock(&asking.lock);
	while (asking.open > 0)
		pthread_cond_wait(&asking.changed, &asking.lock);
	pthread_mutex_unlock(&asking.lock);
	thread_goes_on();
	pthread_cond_destroy(&asking.changed);
	pthread_mutex_destroy(&asking.lock);
}

void
dns_questions_done(struct dns_question *at, size_t count)
{
	for (size_t i = 0; i < count; i++)
		arena_done(&at[i].arena);
}
