/* SPDX-License-Identifier: ISC */
/*
 * Questions in flight. One struct question for each name and type, with those
 * who wait for it; one thread that takes libunbound's answers and looks at the
 * times. Two engines share the work: one validates, one does not and is only
 * asked when the resolvers upstream turn out to drop signatures.
 *
 * All is under one lock, which is not held while answers are handed out.
 * libunbound calls us from ub_process alone, and holds no lock then.
 */
#include "lookup/resolver.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unbound.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "lookup/resolver_parts.h"
#include "mailauth/records.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"
#include "runtime/thread.h"

#define MAGIC 0x4e5010e1u
#define TICK (100 * CLOCK_MS) /* times are looked at no more often */
#define CLASS_IN 1

enum engine { VALIDATING, PLAIN, ENGINES };

/* What is known of the resolvers upstream. */
enum sight { SIGHT_UNKNOWN, SIGHT_DNSSEC, SIGHT_BLIND };

struct waiter {
	struct list node;
	int64_t deadline;
	dns_answer_fn fn;
	void *arg;
};

struct question {
	struct list node; /* of the resolver's questions, or those who wait for sight */
	struct resolver *resolver;
	struct list waiters;
	char *key; /* "16 _dmarc.example.org" */
	const char *name;
	uint16_t type;
	enum engine engine;
	int id;	       /* libunbound's */
	int64_t asked; /* when */
	bool is_probe; /* of the root's keys */
	char *why;     /* while it waits for sight: of a bogus answer */
};

struct timed_out {
	struct list node;
	char *key;
	int64_t until;
};

struct resolver {
	unsigned magic;
	struct ub_ctx *engines[ENGINES];
	FILE *log;
	pthread_mutex_t lock;
	struct list questions, blind; /* blind: bogus, until it is known who is to blame */
	struct map by_key;
	size_t open; /* waiters */
	struct map timed_out;
	struct list timed_out_by_age;
	enum sight sight;
	int64_t blind_until;
	bool probing;
	bool can_validate; /* there are anchors */
	char *anchor_key;  /* of the question for the keys of the first of them */
	int64_t look_at;   /* when a waiter's time may be over; INT64_MAX: nobody waits */
	int wake;	   /* eventfd */
	bool stop, started;
	pthread_t thread;
};

static const struct dns_answer answer_late = {
	.outcome = LOOKUP_TEMPORARY,
	.canonical = { "", 0 },
	.why = { "the DNS did not answer in time", 30 },
};

static const struct dns_answer answer_busy = {
	.outcome = LOOKUP_TEMPORARY,
	.canonical = { "", 0 },
	.why = { "too many questions to the DNS at once", 37 },
};

static const struct dns_answer answer_failed = {
	.outcome = LOOKUP_TEMPORARY,
	.canonical = { "", 0 },
	.why = { "the DNS server failed to answer", 31 },
};

/* ---- names that timed out ---- */

static void
forget_timed_out(struct resolver *r, struct timed_out *t)
{
	(void)map_remove(&r->timed_out, text_of(t->key));
	list_remove(&t->node);
	mem_free(t->key);
	mem_free(t);
}

static void
remember_timed_out(struct resolver *r, const char *key, int64_t now)
{
	struct timed_out *t = map_get(&r->timed_out, text_of(key));

	if (t != NULL)
		forget_timed_out(r, t);
	if (r->timed_out.count >= RESOLVER_TIMED_OUT_MAX)
		forget_timed_out(r, LIST_OWNER(r->timed_out_by_age.next, struct timed_out, node));
	t = MEM_NEW(struct timed_out);
	t->key = mem_string(text_of(key));
	t->until = now + RESOLVER_TIMED_OUT_KEEP;
	list_add_last(&r->timed_out_by_age, &t->node);
	(void)map_put(&r->timed_out, text_of(key), t);
}

static bool
has_timed_out(struct resolver *r, const char *key, int64_t now)
{
	struct timed_out *t = map_get(&r->timed_out, text_of(key));

	if (t == NULL)
		return false;
	if (now < t->until)
		return true;
	forget_timed_out(r, t);
	return false;
}

/* ---- answers ---- */

/* Out of all lists; its waiters are the caller's. */
static void
take_out(struct question *q, struct list *waiters)
{
	struct resolver *r = q->resolver;

	list_init(waiters);
	if (!list_empty(&q->waiters)) {
		*waiters = q->waiters;
		waiters->next->prev = waiters->prev->next = waiters;
		list_init(&q->waiters);
	}
	LIST_EACH(waiters, it)
	{
		r->open--;
	}
	list_remove(&q->node);
	if (map_get(&r->by_key, text_of(q->key)) == q)
		(void)map_remove(&r->by_key, text_of(q->key));
}

static void
question_free(struct question *q)
{
	mem_free(q->why);
	mem_free(q->key);
	mem_free(q);
}

/* Without the lock. */
static void
hand_out(struct list *waiters, const struct dns_answer *answer)
{
	struct list *node;

	while ((node = list_take_first(waiters)) != NULL) {
		struct waiter *w = LIST_OWNER(node, struct waiter, node);

		w->fn(w->arg, answer);
		mem_free(w);
	}
}

static struct text
canonical_of(const struct ub_result *u, const struct question *q, char name[DNS_NAME_MAX + 2])
{
	struct text t = text_of(u->canonname);
	size_t n = 0;

	if (t.len == 0 || t.len > DNS_NAME_MAX + 1)
		t = text_of(q->name);
	for (; n < t.len; n++)
		name[n] = byte_lower(t.ptr[n]);
	if (n > 1 && name[n - 1] == '.')
		n--;
	return (struct text){ name, n };
}

/* Answers with what libunbound found; frees the question. Takes the lock back. */
static void
conclude(struct resolver *r, struct question *q, const struct ub_result *u)
{
	char name[DNS_NAME_MAX + 2];
	struct text records[LOOKUP_RECORDS_MAX];
	struct dns_answer a = answer_failed;
	struct list waiters;

	if (u != NULL && (u->rcode == 0 || u->rcode == 3)) {
		a = (struct dns_answer){
			.outcome = u->nxdomain	 ? LOOKUP_NXDOMAIN
				   : u->havedata ? LOOKUP_OK
						 : LOOKUP_NODATA,
			.secure = q->engine == VALIDATING && u->secure,
			.ttl = (uint32_t)(u->ttl < 0 ? 0 : u->ttl),
			.canonical = canonical_of(u, q, name),
			.records = { records, 0 },
			.why = TEXT_EMPTY,
		};
		for (int i = 0; u->havedata && u->data[i] != NULL && i < LOOKUP_RECORDS_MAX; i++)
			records[a.records.count++] = (struct text){ u->data[i], (size_t)u->len[i] };
	}
	take_out(q, &waiters);
	pthread_mutex_unlock(&r->lock);
	hand_out(&waiters, &a);
	pthread_mutex_lock(&r->lock);
	question_free(q);
}

static void
conclude_bogus(struct resolver *r, struct question *q, const char *why)
{
	struct dns_answer a = {
		.outcome = LOOKUP_BOGUS,
		.canonical = TEXT_EMPTY,
		.why = text_part(text_of(why), 0, 300),
	};
	struct list waiters;

	if (a.why.len == 0)
		a.why = TEXT("DNSSEC validation failed");
	take_out(q, &waiters);
	pthread_mutex_unlock(&r->lock);
	hand_out(&waiters, &a);
	pthread_mutex_lock(&r->lock);
	question_free(q);
}

/* ---- asking ---- */

static void on_answer(void *arg, int error, struct ub_result *u);

/* False: libunbound does not take it. */
static bool
start(struct resolver *r, struct question *q, int64_t now)
{
	q->asked = now;
	return ub_resolve_async(
		   r->engines[q->engine], q->name, q->type, CLASS_IN, q, on_answer, &q->id) == 0;
}

static struct question *
question_new(struct resolver *r, const char *key, uint16_t type)
{
	struct question *q = MEM_NEW(struct question);

	q->resolver = r;
	q->key = mem_string(text_of(key));
	q->name = strchr(q->key, ' ') + 1;
	q->type = type;
	q->engine = r->can_validate && r->sight != SIGHT_BLIND ? VALIDATING : PLAIN;
	list_init(&q->waiters);
	list_add_last(&r->questions, &q->node);
	return q;
}

/* ---- resolvers that drop signatures ---- */

static void
settle_blind(struct resolver *r, enum sight sight, int64_t now)
{
	struct list *node;

	r->probing = false;
	if (sight == SIGHT_BLIND && r->sight != SIGHT_BLIND)
		LOG_WARN("lookup.no_dnssec",
		    FIELD_STRING("why", "the resolver does not hand on signatures of DNSSEC"));
	r->sight = sight;
	r->blind_until = now + RESOLVER_BLIND_KEEP;
	metric_set(METRIC_LOOKUP_BLIND, sight == SIGHT_BLIND);
	while ((node = list_take_first(&r->blind)) != NULL) {
		struct question *q = LIST_OWNER(node, struct question, node);

		q->engine = PLAIN;
		list_add_last(&r->questions, &q->node);
		if (sight == SIGHT_DNSSEC)
			conclude_bogus(r, q, q->why);
		else if (sight == SIGHT_UNKNOWN || !start(r, q, now))
			conclude(r, q, NULL);
	}
}

/* Asks for the keys of the anchor, mostly the root's, which every resolver has
 * that knows DNSSEC. */
static void
probe(struct resolver *r, int64_t now)
{
	struct question *q;

	if (r->probing)
		return;
	r->probing = true;
	q = question_new(r, r->anchor_key, RECORD_DNSKEY);
	q->is_probe = true;
	q->engine = VALIDATING;
	if (!start(r, q, now)) {
		struct list none;

		take_out(q, &none);
		question_free(q);
		settle_blind(r, SIGHT_UNKNOWN, now);
	}
}

/* True: the question waits until it is known whether the answer is forged. */
static bool
waits_for_sight(struct resolver *r, struct question *q, const char *why, int64_t now)
{
	if (r->sight == SIGHT_DNSSEC || q->engine == PLAIN)
		return false;
	list_remove(&q->node);
	list_add_last(&r->blind, &q->node);
	q->why = mem_string(text_of(why));
	probe(r, now);
	return true;
}

static void
probed(struct resolver *r, struct question *q, const struct ub_result *u, int64_t now)
{
	struct list none;
	enum sight sight = u == NULL   ? SIGHT_UNKNOWN
			   : u->secure ? SIGHT_DNSSEC
			   : u->bogus  ? SIGHT_BLIND
				       : SIGHT_UNKNOWN;

	take_out(q, &none);
	question_free(q);
	settle_blind(r, sight, now);
}

/* On the resolver's thread, in ub_process. */
static void
on_answer(void *arg, int error, struct ub_result *u)
{
	struct question *q = arg;
	struct resolver *r = q->resolver;
	int64_t now = clock_mono();

	pthread_mutex_lock(&r->lock);
	if (error != 0 || u == NULL)
		u = NULL;
	if (u != NULL && u->secure && q->engine == VALIDATING && r->sight == SIGHT_UNKNOWN)
		r->sight = SIGHT_DNSSEC;
	if (q->is_probe)
		probed(r, q, u, now);
	else if (u == NULL || !u->bogus)
		conclude(r, q, u);
	else if (!waits_for_sight(r, q, u->why_bogus, now))
		conclude_bogus(r, q, u->why_bogus);
	pthread_mutex_unlock(&r->lock);
	ub_resolve_free(u);
}

/* ---- times ---- */

/* Takes those whose time is over off the question; true: nobody is left. */
static bool
give_up_late(struct resolver *r, struct question *q, int64_t now, struct list *late)
{
	LIST_EACH_SAFE(&q->waiters, it)
	{
		struct waiter *w = LIST_OWNER(it, struct waiter, node);

		if (w->deadline <= now) {
			list_remove(it);
			list_add_last(late, it);
			r->open--;
		} else if (w->deadline < r->look_at) {
			r->look_at = w->deadline;
		}
	}
	return list_empty(&q->waiters) && !q->is_probe;
}

static void
look_at_list(struct resolver *r, struct list *questions, int64_t now, struct list *late)
{
	int64_t most = setting(SET_LOOKUP_QUESTION_TIMEOUT);

	LIST_EACH_SAFE(questions, it)
	{
		struct question *q = LIST_OWNER(it, struct question, node);
		struct list none;

		if (!give_up_late(r, q, now, late))
			continue;
		if (now - q->asked >= most - TICK)
			remember_timed_out(r, q->key, now);
		if (questions == &r->questions)
			(void)ub_cancel(r->engines[q->engine], q->id);
		take_out(q, &none);
		question_free(q);
	}
}

static void
look_at_times(struct resolver *r)
{
	int64_t now = clock_mono();
	struct list late;

	list_init(&late);
	pthread_mutex_lock(&r->lock);
	if (now >= r->look_at) {
		r->look_at = INT64_MAX;
		look_at_list(r, &r->questions, now, &late);
		look_at_list(r, &r->blind, now, &late);
	}
	pthread_mutex_unlock(&r->lock);
	hand_out(&late, &answer_late);
}

static int
wait_ms(struct resolver *r)
{
	int64_t at, now = clock_mono();

	pthread_mutex_lock(&r->lock);
	at = r->look_at;
	pthread_mutex_unlock(&r->lock);
	if (at == INT64_MAX)
		return -1;
	return at <= now ? 0 : (int)((at - now + CLOCK_MS - 1) / CLOCK_MS);
}

static void *
resolver_main(void *arg)
{
	struct resolver *r = arg;
	struct pollfd p[ENGINES + 1] = { { .fd = r->wake, .events = POLLIN } };
	uint64_t count;

	for (unsigned i = 0; i < ENGINES; i++)
		p[i + 1] = (struct pollfd){ ub_fd(r->engines[i]), POLLIN, 0 };
	for (;;) {
		(void)poll(p, ENGINES + 1, wait_ms(r));
		if (p[0].revents != 0)
			(void)!read(r->wake, &count, sizeof(count));
		pthread_mutex_lock(&r->lock);
		count = r->stop;
		pthread_mutex_unlock(&r->lock);
		if (count)
			return NULL;
		for (unsigned i = 0; i < ENGINES; i++)
			if (p[i + 1].revents != 0)
				(void)ub_process(r->engines[i]);
		look_at_times(r);
	}
}

static void
wake(struct resolver *r)
{
	const uint64_t one = 1;

	(void)!write(r->wake, &one, sizeof(one));
}

/* ---- the source ---- */

/* An answer that is given at once, or NULL and the waiter is in a question's list. */
static const struct dns_answer *
enqueue(struct resolver *r, struct waiter *w, const char *key, uint16_t type, int64_t now)
{
	struct question *q = map_get(&r->by_key, text_of(key));

	if (has_timed_out(r, key, now))
		return &answer_late;
	if (r->stop || !r->started || r->open >= (size_t)setting(SET_LOOKUP_QUESTIONS_MAX))
		return &answer_busy;
	if (r->sight == SIGHT_BLIND && now >= r->blind_until)
		r->sight = SIGHT_UNKNOWN;
	if (q == NULL) {
		struct list none;

		q = question_new(r, key, type);
		if (!start(r, q, now)) {
			take_out(q, &none);
			question_free(q);
			return &answer_failed;
		}
		(void)map_put(&r->by_key, text_of(key), q);
	}
	list_add_last(&q->waiters, &w->node);
	r->open++;
	return NULL;
}

static void
ask(void *source, const char *name, uint16_t type, int64_t deadline, dns_answer_fn fn, void *arg)
{
	struct resolver *r = source;
	struct waiter *w = MEM_NEW(struct waiter);
	int64_t now = clock_mono(), most = now + setting(SET_LOOKUP_QUESTION_TIMEOUT);
	const struct dns_answer *at_once;
	char key[DNS_NAME_MAX + 8];
	bool earlier = false;

	MAGIC_CHECK(r, MAGIC);
	(void)snprintf(key, sizeof(key), "%u %s", type, name);
	deadline = deadline < most ? deadline : most;
	*w = (struct waiter){ .deadline = deadline, .fn = fn, .arg = arg };
	pthread_mutex_lock(&r->lock);
	at_once = enqueue(r, w, key, type, now);
	if (at_once == NULL && (deadline + TICK - 1) / TICK * TICK < r->look_at) {
		r->look_at = (deadline + TICK - 1) / TICK * TICK;
		earlier = true;
	}
	pthread_mutex_unlock(&r->lock);
	metric_add(METRIC_LOOKUP_QUESTIONS, 1);
	if (earlier)
		wake(r);
	if (at_once != NULL) {
		fn(arg, at_once);
		mem_free(w);
	}
}

struct dns_source
resolver_source(struct resolver *r)
{
	return (struct dns_source){ ask, r };
}

/* ---- life ---- */

/* The owner of the first anchor as the key of a question. */
static char *
anchor_key(struct text anchors)
{
	struct buffer key = BUFFER_INIT;
	struct text line, owner;
	char *copy;

	do {
		if (!text_split(&anchors, '\n', &line))
			line = TEXT(".");
		line = text_trim(text_part(line, 0, text_find_byte(line, ';', 0)));
	} while (line.len == 0);
	(void)text_split(&line, ' ', &owner);
	owner = text_part(owner, 0, text_find_byte(owner, '\t', 0));
	buffer_addf(&key, "%u %.*s", RECORD_DNSKEY, TEXT_ARG(owner));
	copy = mem_string(buffer_text(&key));
	buffer_done(&key);
	return copy;
}

static ssize_t
log_line(void *cookie, const char *text, size_t len)
{
	LOG_INFO("lookup.unbound", FIELD_TEXT("says", text_trim((struct text){ text, len })));
	return (ssize_t)len;
}

/* libunbound reads its configuration from a file. */
static enum status
configure(struct ub_ctx *ctx, struct text words, struct failure *f)
{
	int fd = memfd_create("resolver", MFD_CLOEXEC), error = -1;
	char path[64];

	if (fd >= 0 && write(fd, words.ptr, words.len) == (ssize_t)words.len) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		error = ub_ctx_config(ctx, path);
	}
	if (fd >= 0)
		(void)close(fd);
	if (error == 0)
		return STATUS_OK;
	return fail(f, STATUS_INVALID, "The resolver cannot be set up.", "libunbound: %s",
	    error == -1 ? strerror(errno) : ub_strerror(error));
}

static enum status
engine_new(
    struct resolver *r, const struct resolver_config *config, enum engine which, struct failure *f)
{
	struct buffer words = BUFFER_INIT;
	struct ub_ctx *ctx = ub_ctx_create();
	enum status s;

	if (ctx == NULL)
		return fail(f, STATUS_UNAVAILABLE, "The resolver cannot be set up.",
		    "ub_ctx_create: %s", strerror(errno));
	r->engines[which] = ctx;
	(void)ub_ctx_debugout(ctx, r->log);
	(void)ub_ctx_async(ctx, 1);
	if (!resolver_text(config, which == VALIDATING, &words))
		s = fail(f, STATUS_INVALID, "resolver or trust_anchor cannot be read.",
		    "resolver %.*s", TEXT_ARG(config->servers));
	else
		s = configure(ctx, buffer_text(&words), f);
	buffer_done(&words);
	return s;
}

enum status
resolver_new(const struct resolver_config *config, struct resolver **out, struct failure *f)
{
	static const cookie_io_functions_t to_log = { .write = log_line };
	struct resolver *r = MEM_NEW(struct resolver);
	enum status s = STATUS_OK;

	r->magic = MAGIC;
	list_init(&r->questions);
	list_init(&r->blind);
	list_init(&r->timed_out_by_age);
	r->look_at = INT64_MAX;
	pthread_mutex_init(&r->lock, NULL);
	r->can_validate = config->anchors.len > 0;
	r->anchor_key = anchor_key(config->anchors);
	r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->log = fopencookie(NULL, "w", to_log);
	if (r->wake < 0 || r->log == NULL)
		s = fail(
		    f, STATUS_UNAVAILABLE, "The resolver cannot be set up.", "%s", strerror(errno));
	else
		(void)setvbuf(r->log, NULL, _IOLBF, 1024);
	for (unsigned i = 0; i < ENGINES && s == STATUS_OK; i++)
		s = engine_new(r, config, (enum engine)i, f);
	if (s == STATUS_OK)
		*out = r;
	else
		resolver_free(r);
	return s;
}

enum status
resolver_start(struct resolver *r)
{
	enum status s;

	MAGIC_CHECK(r, MAGIC);
	s = thread_start("resolver", 0, resolver_main, r, &r->thread);
	r->started = s == STATUS_OK;
	return s;
}

static void
end_all(struct resolver *r, struct list *questions)
{
	struct list waiters;

	pthread_mutex_lock(&r->lock);
	while (!list_empty(questions)) {
		struct question *q = LIST_OWNER(questions->next, struct question, node);

		take_out(q, &waiters);
		question_free(q);
		pthread_mutex_unlock(&r->lock);
		hand_out(&waiters, &answer_failed);
		pthread_mutex_lock(&r->lock);
	}
	pthread_mutex_unlock(&r->lock);
}

void
resolver_stop(struct resolver *r)
{
	bool was;

	MAGIC_CHECK(r, MAGIC);
	pthread_mutex_lock(&r->lock);
	was = r->stop;
	r->stop = true;
	pthread_mutex_unlock(&r->lock);
	if (was)
		return;
	if (r->started) {
		wake(r);
		(void)pthread_join(r->thread, NULL);
	}
	end_all(r, &r->questions);
	end_all(r, &r->blind);
}

void
resolver_free(struct resolver *r)
{
	resolver_stop(r);
	for (unsigned i = 0; i < ENGINES; i++)
		if (r->engines[i] != NULL)
			ub_ctx_delete(r->engines[i]);
	while (!list_empty(&r->timed_out_by_age))
		forget_timed_out(r, LIST_OWNER(r->timed_out_by_age.next, struct timed_out, node));
	map_done(&r->timed_out);
	map_done(&r->by_key);
	if (r->log != NULL)
		(void)fclose(r->log);
	if (r->wake >= 0)
		(void)close(r->wake);
	pthread_mutex_destroy(&r->lock);
	mem_free(r->anchor_key);
	mem_free(r);
}
