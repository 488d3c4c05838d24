/* SPDX-License-Identifier: ISC */
/* The store as a whole: its start, its end, and its table of handlers. */
#include "store/store.h"

#include <string.h>

#include "base/log.h"
#include "base/random.h"
#include "runtime/metrics.h"
#include "store/core.h"
#include "store/queue_walk.h"
#include "store/serve.h"
#include "store/submission.h"
#include "store/tls_report.h"

void
core_busy(struct store *s, int change)
{
	pthread_mutex_lock(&s->lock);
	s->busy = (unsigned)((int)s->busy + change);
	if (s->busy == 0)
		pthread_cond_broadcast(&s->idle);
	pthread_mutex_unlock(&s->lock);
}

/* One alarm when trouble begins, not one for each message it meets. */
void
core_wrote(struct store *s, enum status how)
{
	if (how == STATUS_OK) {
		if (atomic_load_explicit(&s->alarmed, memory_order_relaxed) &&
		    atomic_exchange(&s->alarmed, false))
			LOG_WARN("store.writes_again");
		return;
	}
	metric_add(METRIC_STORE_FAILURES, 1);
	if (!atomic_exchange(&s->alarmed, true)) {
		LOG_ALARM("store.write_failed", FIELD_STATUS(how));
		metric_add(METRIC_ALARMS, 1);
	}
}

struct blob_id
core_blob_id(struct store *s)
{
	uint64_t n = atomic_fetch_add_explicit(&s->blob_count, 1, memory_order_relaxed);
	struct blob_id id;

	memcpy(id.byte, s->blob_seed, sizeof(s->blob_seed));
	for (unsigned i = 0; i < 8; i++)
		id.byte[8 + i] = (uint8_t)(n >> (56 - 8 * i));
	return id;
}

/* ---- start and end ---- */

/* The first MAC of a process makes OpenSSL set itself up, which takes as long as
 * some dozen calls: the first client need not wait for it. */
static void
warm_up(struct store *s)
{
	struct text key = { s->token_key, sizeof(s->token_key) };
	struct buffer token = BUFFER_INIT;

	token_make(key, &(struct token){ .expires = 0 }, &token);
	buffer_done_secret(&token);
}

static struct store *
core_new(struct engine *e, const struct store_config *config)
{
	struct store *s = MEM_NEW(struct store);
	struct pool_config pool = {
		.name = "store", .min = 1, .max = config->threads == 0 ? 2 : config->threads
	};

	s->magic = STORE_MAGIC;
	s->engine = e;
	s->config = *config;
	CHECK(config->token_key.len == sizeof(s->token_key));
	memcpy(s->token_key, config->token_key.ptr, sizeof(s->token_key));
	s->config.token_key = TEXT_EMPTY;
	warm_up(s);
	random_bytes(s->blob_seed, sizeof(s->blob_seed));
	atomic_store(&s->batch_id, random_u64());
	CHECK(pthread_mutex_init(&s->lock, NULL) == 0);
	CHECK(pthread_cond_init(&s->idle, NULL) == 0);
	list_init(&s->lru);
	s->pool = pool_new(&pool);
	feed_init(&s->feed);
	bell_init(&s->directory_bell);
	tender_init(s);
	staging_init(&s->staging);
	trace_init(s);
	sending_init(s);
	return s;
}

enum status
store_new(
    struct engine *e, const struct store_config *config, struct store **out, struct failure *f)
{
	struct store *s = core_new(e, config);
	enum status how = site_init(s, f), next;

	next = directory_init(s);
	if (how == STATUS_OK && next != STATUS_OK)
		how = fail(
		    f, next, "The directory cannot be read.", "directory: %s", status_word(next));
	next = sending_load(s);
	if (how == STATUS_OK && next != STATUS_OK)
		how = fail(f, next, "The rules of sending cannot be read.", "sending: %s",
		    status_word(next));
	next = queue_init(s);
	if (how == STATUS_OK && next != STATUS_OK)
		how = fail(f, next, "The queue cannot be read.", "queue: %s", status_word(next));
	if (how == STATUS_OK)
		how = directory_finish_intents(s);
	if (how != STATUS_OK) {
		store_free(s);
		return how;
	}
	queue_start(s);
	if (!s->config.untended)
		tender_start(s);
	*out = s;
	return STATUS_OK;
}

void
store_free(struct store *s)
{
	MAGIC_CHECK(s, STORE_MAGIC);
	atomic_store(&s->closing, true);
	tender_stop(s);
	trace_flush(s);
	pthread_mutex_lock(&s->lock);
	while (s->busy > 0)
		pthread_cond_wait(&s->idle, &s->lock);
	pthread_mutex_unlock(&s->lock);
	pool_free(s->pool);
	feed_done(&s->feed);
	bell_done(&s->directory_bell);
	account_cache_free(s);
	queue_done(s);
	sending_done(s);
	directory_done(&s->directory);
	site_done(s);
	tender_done(s);
	staging_done(&s->staging);
	trace_done(s);
	(void)pthread_cond_destroy(&s->idle);
	(void)pthread_mutex_destroy(&s->lock);
	secret_wipe(s->token_key, sizeof(s->token_key));
	s->magic = 0;
	mem_free(s);
}

void
store_settle(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	while (s->busy > 0)
		pthread_cond_wait(&s->idle, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

/* ---- serving ---- */

static void
lost(uint64_t link, enum role peer, void *context)
{
	struct store *s = context;

	feed_lost(&s->feed, link);
	bell_lost(&s->directory_bell, link);
	outgoing_lost(s, link);
}

#define SERVE_ROW(name, roles, flags) { &name##_call, serve_##name },
static const struct call_row rows[] = { STORE_CALLS(SERVE_ROW) QUEUE_CALLS(SERVE_ROW)
	    QUEUE_ADMIN_CALLS(SERVE_ROW) SUBMISSION_CALLS(SERVE_ROW) TRACE_CALLS(SERVE_ROW)
		TLS_REPORT_CALLS(SERVE_ROW) LIMITS_CALLS(SERVE_ROW) };

void
store_serve(struct store *s, struct call_server_config *out)
{
	MAGIC_CHECK(s, STORE_MAGIC);
	out->rows = rows;
	out->row_count = ARRAY_LEN(rows);
	out->context = s;
	out->lost = lost;
}
