/* SPDX-License-Identifier: ISC */
/*
 * The shelf of outbound/connection.h. Idle connections stand in the order in
 * which they came, so the one to end is always the first. They are few, and
 * looking for one walks them all.
 */
#include <sys/socket.h>

#include "outbound/connection.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"

#define FRESH CLOCK_SECOND

void
shelf_init(struct shelf *s)
{
	pthread_mutex_init(&s->lock, NULL);
	list_init(&s->idle);
	list_init(&s->open);
}

void
shelf_done(struct shelf *s)
{
	CHECK(list_empty(&s->open));
	pthread_mutex_destroy(&s->lock);
}

bool
connection_good(const struct connection *c)
{
	return c->client.usable && c->client.talking && !c->tls_optional &&
	       c->messages < (unsigned)setting(SET_OUTBOUND_MESSAGES_MAX) &&
	       clock_mono() < c->opened + setting(SET_OUTBOUND_CONNECTION_LIFE);
}

/* Under the lock. */
static void
take_off(struct shelf *s, struct connection *c)
{
	list_remove(&c->node);
	s->idle_count--;
	metric_set(METRIC_OUTBOUND_IDLE, (int64_t)s->idle_count);
}

static struct connection *
find(struct shelf *s, struct text destination, bool strict)
{
	struct connection *found = NULL;

	pthread_mutex_lock(&s->lock);
	LIST_EACH(&s->idle, it)
	{
		struct connection *c = LIST_OWNER(it, struct connection, node);

		/* the youngest is the likeliest to live */
		if (text_equal(c->destination, destination) && (c->strict || !strict))
			found = c;
	}
	if (found != NULL)
		take_off(s, found);
	pthread_mutex_unlock(&s->lock);
	return found;
}

/* Whether its server is asked depends on how long it rested: if it has gone just
 * now, no message is lost by it (see outcome_take). */
static bool
is_there(struct connection *c)
{
	return clock_mono() < c->since + FRESH || smtp_client_reset(&c->client) == STATUS_OK;
}

struct connection *
shelf_take(struct shelf *s, struct text destination, bool strict)
{
	struct connection *c;

	while ((c = find(s, destination, strict)) != NULL) {
		if (connection_good(c) && is_there(c)) {
			c->reused = true;
			return c;
		}
		connection_end(s, c);
	}
	return NULL;
}

void
shelf_put(struct shelf *s, struct connection *c)
{
	bool kept;

	pthread_mutex_lock(&s->lock);
	kept = !s->closed && setting(SET_OUTBOUND_IDLE_TIME) > 0 && connection_good(c) &&
	       s->idle_count < (size_t)setting(SET_OUTBOUND_IDLE_MAX);
	if (kept) {
		(void)stream_idle(&c->stream);
		c->since = clock_mono();
		list_add_last(&s->idle, &c->node);
		s->idle_count++;
		metric_set(METRIC_OUTBOUND_IDLE, (int64_t)s->idle_count);
	}
	pthread_mutex_unlock(&s->lock);
	if (!kept)
		connection_end(s, c);
}

struct connection *
shelf_expired(struct shelf *s, int64_t *next)
{
	struct connection *c = NULL;

	*next = INT64_MAX;
	pthread_mutex_lock(&s->lock);
	if (!list_empty(&s->idle)) {
		c = LIST_OWNER(s->idle.next, struct connection, node);
		*next = c->since + setting(SET_OUTBOUND_IDLE_TIME);
		if (s->closed || clock_mono() >= *next)
			take_off(s, c);
		else
			c = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	return c;
}

void
shelf_close(struct shelf *s, bool break_off)
{
	pthread_mutex_lock(&s->lock);
	s->closed = true;
	s->broken_off = s->broken_off || break_off;
	if (break_off)
		LIST_EACH(&s->open, it)
	(void)shutdown(LIST_OWNER(it, struct connection, open)->stream.fd, SHUT_RDWR);
	pthread_mutex_unlock(&s->lock);
}
