/* SPDX-License-Identifier: ISC */
/*
 * See intake/piece.h. The message that a client will see is trace + what was
 * received (below the store's prefix), so that is what is parsed, as one text:
 * offsets in the summary count from the first octet of the trace. Each thread
 * keeps an arena and some buffers from message to message.
 */
#include "intake/piece.h"

#include <pthread.h>
#include <string.h>

#include "base/log.h"
#include "intake/prepared.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"
#include "runtime/thread.h"
#include "store/calls.h"
#include "store/content.h"

/* A summary larger than this is not worth its keep, and must fit a call. */
#define SUMMARY_MAX (512u << 10)
#define PASSES_MAX (64u << 10) /* what passes and is larger is compressed, too */
/* What a thread keeps for its next message. */
#define KEEP_MAX (1u << 20)

static pthread_key_t worker_key;
static pthread_once_t worker_once = PTHREAD_ONCE_INIT;

static void
worker_free(void *arg)
{
	struct worker *w = arg;

	arena_done(&w->arena);
	buffer_done(&w->summary);
	buffer_done(&w->sent);
	buffer_done(&w->content);
	mem_free(w->summary_sizes);
	mem_free(w->content_sizes);
	mem_free(w);
}

static void
worker_key_make(void)
{
	if (pthread_key_create(&worker_key, worker_free) != 0)
		die("no key for threads");
}

struct worker *
worker_take(void)
{
	(void)pthread_once(&worker_once, worker_key_make);
	struct worker *w = pthread_getspecific(worker_key);

	if (w == NULL) {
		w = MEM_NEW(struct worker);
		arena_init(&w->arena, 64u << 10, 0);
		(void)pthread_setspecific(worker_key, w);
	}
	return w;
}

static void
buffer_rest(struct buffer *b)
{
	if (b->cap > KEEP_MAX)
		buffer_done(b);
	else
		buffer_clear(b);
}

void
worker_rest(struct worker *w)
{
	if (w->arena.used > KEEP_MAX)
		arena_done(&w->arena);
	else
		arena_reset(&w->arena);
	buffer_rest(&w->summary);
	buffer_rest(&w->sent);
	buffer_rest(&w->content);
}

/* ---- large messages ---- */

/* A large message is in memory some times over (received, as a whole, packed):
 * only so many octets are worked on at the same time, or one message that is
 * more; the others wait, in the order in which they came. */
#define LARGE_AT_ONCE 8
#define LARGE_OCTETS (256u << 20)

static pthread_mutex_t large_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t large_left = PTHREAD_COND_INITIALIZER;
static uint64_t large_came, large_went_in;
static unsigned large_inside;
static size_t large_octets;

static bool
large_fits(const struct intake *in, size_t octets)
{
	size_t most = in->large_octets == 0 ? LARGE_OCTETS : in->large_octets;

	return large_inside == 0 ||
	       (large_inside < LARGE_AT_ONCE && octets < most && large_octets <= most - octets);
}

void
large_enter(const struct intake *in, size_t octets)
{
	uint64_t place;

	if (octets < LARGE)
		return;
	thread_blocks(); /* until it leaves: it works for long, others go on */
	(void)pthread_mutex_lock(&large_lock);
	place = large_came++;
	while (place != large_went_in || !large_fits(in, octets))
		(void)pthread_cond_wait(&large_left, &large_lock);
	large_went_in++;
	large_inside++;
	large_octets += octets;
	(void)pthread_cond_broadcast(&large_left);
	(void)pthread_mutex_unlock(&large_lock);
}

void
large_leave(size_t octets)
{
	if (octets < LARGE)
		return;
	(void)pthread_mutex_lock(&large_lock);
	large_inside--;
	large_octets -= octets;
	(void)pthread_cond_broadcast(&large_left);
	(void)pthread_mutex_unlock(&large_lock);
	thread_goes_on();
}

size_t
large_now(void)
{
	size_t octets;

	(void)pthread_mutex_lock(&large_lock);
	octets = large_octets;
	(void)pthread_mutex_unlock(&large_lock);
	return octets;
}

/* ---- a message ---- */

static struct text
whole(struct worker *w, const struct piece_of_mail *m)
{
	size_t len = m->trace.len + m->message.len;

	if (m->trace.len == 0)
		return m->message;
	char *p = arena_alloc(&w->arena, len);

	memcpy(p, m->trace.ptr, m->trace.len);
	if (m->message.len > 0)
		memcpy(p + m->trace.len, m->message.ptr, m->message.len);
	return (struct text){ p, len };
}

static void
opaque(struct worker *w, const struct piece_of_mail *m, struct text all, const char *why,
    struct mime_summary *out)
{
	metric_add(METRIC_INTAKE_OPAQUE, 1);
	LOG_ALARM("intake.opaque", FIELD_TEXT("id", m->id), FIELD_U64("op", m->op),
	    FIELD_U64("octets", all.len), FIELD_STRING("why", why));
	mime_opaque(all, &w->arena, out);
}

static void
parse(struct intake *in, struct worker *w, const struct piece_of_mail *m, struct text all,
    struct mime_summary *out)
{
	struct notes_hold hold;

	if (notes_begin(in->notes, m->op, &hold) == NOTES_POISON) {
		opaque(w, m, all, "the parser ended twice at this message", out);
		return;
	}
	(in->parse != NULL ? in->parse : mime_parse)(all, NULL, &w->arena, out);
	notes_end(in->notes, &hold);
}

/* As the one who sent it sees it: with who else got it. */
static void
summarise_sent(struct worker *w, struct piece_of_mail *m, struct mime_summary *s)
{
	s->envelope.bcc = m->bcc;
	mime_summary_pack(s, &w->sent);
	if (w->sent.len > SUMMARY_MAX)
		buffer_clear(&w->sent);
	m->sent_summary = buffer_text(&w->sent);
}

static void
summarise(struct intake *in, struct worker *w, struct piece_of_mail *m)
{
	struct text all = whole(w, m);
	struct mime_summary s;
	size_t before = w->summary.len;
	uint64_t header_len;

	metric_add(METRIC_INTAKE_MESSAGES, 1);
	parse(in, w, m, all, &s);
	mime_summary_pack(&s, &w->summary);
	if (w->summary.len - before > SUMMARY_MAX) {
		buffer_cut(&w->summary, before);
		opaque(w, m, all, "the summary is too large", &s);
		mime_summary_pack(&s, &w->summary);
	}
	header_len = s.header_len;
	if (m->bcc.count > 0)
		summarise_sent(w, m, &s);
	if (all.len >= LARGE)
		arena_done(&w->arena); /* the message as a whole, and all of s */
	if (m->passes && m->trace.len + m->message.len <= PASSES_MAX)
		content_wrap(m->trace, m->message, header_len, &w->content);
	else
		content_pack(m->trace, m->message, header_len, &w->content);
}

static void
make_room(struct worker *w, uint32_t count)
{
	if (count <= w->room)
		return;
	w->summary_sizes = mem_resize(w->summary_sizes, count, sizeof(*w->summary_sizes));
	w->content_sizes = mem_resize(w->content_sizes, count, sizeof(*w->content_sizes));
	w->room = count;
}

/* Messages from .. until of several, whose octets begin with text; each as if
 * it had come alone. */
struct stretch {
	struct intake *in;
	const struct piece_of_mail *m;
	uint64_t *summary_sizes, *content_sizes; /* of all */
	uint32_t from, until;
	struct text text;
	struct buffer summaries, contents; /* what another thread made */
};

static void
summarise_stretch(struct worker *w, const struct stretch *s)
{
	struct text rest = s->text;

	for (uint32_t i = s->from; i < s->until; i++) {
		struct piece_of_mail one = { .op = s->m->op + i };
		size_t summaries = w->summary.len, contents = w->content.len;

		one.message = text_part(rest, 0, (size_t)s->m->sizes.at[i]);
		rest = text_part(rest, one.message.len, rest.len);
		summarise(s->in, w, &one);
		arena_reset(&w->arena);
		s->summary_sizes[i] = w->summary.len - summaries;
		s->content_sizes[i] = w->content.len - contents;
	}
}

static void *
stretch_main(void *arg)
{
	struct stretch *s = arg;
	struct worker *w = worker_take();

	summarise_stretch(w, s);
	s->summaries = w->summary;
	s->contents = w->content;
	w->summary = w->content = (struct buffer)BUFFER_INIT;
	return NULL;
}

/* Where half of the octets are over, or only the last message is left. */
static uint32_t
middle(const struct stretch *s, size_t *octets)
{
	uint32_t i = s->from;

	for (*octets = 0; i + 1 < s->until && *octets < s->text.len / 2; i++)
		*octets += (size_t)s->m->sizes.at[i];
	return i;
}

/* Many octets are worked on by two threads: nobody goes on before all are done. */
#define HALVES_FROM (256u << 10)

static void
summarise_halves(struct worker *w, const struct stretch *all)
{
	struct stretch first = *all, second = *all;
	pthread_t thread;
	size_t octets;

	if (all->text.len >= HALVES_FROM && all->until - all->from > 1) {
		first.until = second.from = middle(all, &octets);
		second.text = text_part(all->text, octets, all->text.len);
		if (thread_start("intake-half", 0, stretch_main, &second, &thread) != STATUS_OK)
			first.until = all->until;
	}
	summarise_stretch(w, &first);
	if (first.until == all->until)
		return;
	(void)pthread_join(thread, NULL);
	buffer_add_text(&w->summary, buffer_text(&second.summaries));
	buffer_add_text(&w->content, buffer_text(&second.contents));
	buffer_done(&second.summaries);
	buffer_done(&second.contents);
}

/* ---- what was prepared while they came ---- */

static void
use_prepared(struct worker *w, const struct prepared *p)
{
	size_t bytes = p->count * sizeof(*p->sizes);

	memcpy(w->summary_sizes + p->first, p->summary_sizes, bytes);
	memcpy(w->content_sizes + p->first, p->content_sizes, bytes);
	buffer_add_text(&w->summary, buffer_text(&p->summaries));
	buffer_add_text(&w->content, buffer_text(&p->contents));
	metric_add(METRIC_INTAKE_PREPARED, p->count);
}

/* The first messages, which are here already. AGAIN: they are not. */
static enum status
take_prepared(struct worker *w, const struct piece_of_mail *m)
{
	struct list all;
	uint32_t i = 0;

	prepared_take(m->op, &all);
	LIST_EACH(&all, it)
	{
		const struct prepared *p = LIST_OWNER(it, struct prepared, node);

		if (i >= m->prepared || !prepared_fits(p, i, m->sizes))
			break;
		use_prepared(w, p);
		i += p->count;
	}
	prepared_free_all(&all);
	return i == m->prepared ? STATUS_OK : STATUS_AGAIN;
}

static enum status
check_sizes(const struct piece_of_mail *m, struct failure *f)
{
	size_t left = m->message.len;

	if (m->sizes.count > APPEND_ALL_MAX)
		return fail(f, STATUS_LIMIT, "Too many messages for one command", "%u messages",
		    m->sizes.count);
	for (uint32_t i = m->prepared; i < m->sizes.count; i++) {
		if (m->sizes.at[i] > left)
			return fail(f, STATUS_INVALID, "The messages are not whole",
			    "message %u of %u is cut off", i, m->sizes.count);
		left -= (size_t)m->sizes.at[i];
	}
	if (left > 0 || m->prepared > m->sizes.count)
		return fail(
		    f, STATUS_INVALID, "The messages are not whole", "%zu octets more", left);
	return STATUS_OK;
}

static enum status
summarise_several(
    struct intake *in, struct worker *w, const struct piece_of_mail *m, struct failure *f)
{
	enum status s = check_sizes(m, f);

	if (s != STATUS_OK)
		return s;
	make_room(w, m->sizes.count);
	if (m->prepared > 0 && take_prepared(w, m) != STATUS_OK)
		return fail(f, STATUS_AGAIN, "Please try again", "what was prepared is gone");
	const struct stretch rest = { .in = in,
		.m = m,
		.summary_sizes = w->summary_sizes,
		.content_sizes = w->content_sizes,
		.from = m->prepared,
		.until = m->sizes.count,
		.text = m->message };

	if (rest.until > rest.from)
		summarise_halves(w, &rest);
	return STATUS_OK;
}

size_t
piece_octets(const struct piece_of_mail *m)
{
	size_t octets = 0;

	if (!m->several)
		return m->message.len;
	for (uint32_t i = 0; i < m->sizes.count; i++)
		if (__builtin_add_overflow(octets, m->sizes.at[i], &octets))
			return SIZE_MAX;
	return octets < m->message.len ? m->message.len : octets;
}

enum status
piece_prepare(struct intake *in, struct worker *w, struct piece_of_mail *m, struct failure *f)
{
	uint64_t size_max = (uint64_t)setting(SET_SMTP_MESSAGE_SIZE_MAX);
	size_t octets = piece_octets(m);
	enum status s = STATUS_OK;

	if (octets > size_max)
		return fail(f, STATUS_LIMIT, "The message is too large", "%zu octets of %llu",
		    octets, (unsigned long long)size_max);
	if (m->several)
		s = summarise_several(in, w, m, f);
	else
		summarise(in, w, m);
	m->summary = buffer_text(&w->summary);
	m->content = PAYLOAD_OF(buffer_text(&w->content));
	m->summary_sizes = (struct numbers){ w->summary_sizes, m->sizes.count };
	m->content_sizes = (struct numbers){ w->content_sizes, m->sizes.count };
	return s;
}
