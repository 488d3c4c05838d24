/* SPDX-License-Identifier: ISC */
/* The change feed and the locks of maildrops; see store/feed.h. */
#include "store/feed.h"

#include "store/core.h"
#include "store/serve.h"

/* One process of a front. */
struct feed_link {
	uint64_t id;
	struct call_in *stream; /* or NULL */
	struct map watched;	/* accounts */
	struct map drops;	/* accounts whose maildrop it holds */
};

/* Who has the maildrop of an account. */
struct drop {
	struct feed_link *link;
	uint64_t holder;
};

/* The links that watch an account: mostly one. */
struct watchers {
	struct feed_link **at;
	uint32_t count, cap;
};

void
feed_init(struct feed *f)
{
	CHECK(pthread_mutex_init(&f->lock, NULL) == 0);
}

/* The link that the call came by; NULL if it is gone, so that nothing is made
 * for it behind feed_lost. */
static struct feed_link *
link_of(struct feed *f, const struct call_in *in)
{
	uint64_t id = call_link(in);
	struct feed_link *l = map_get_u64(&f->links, id);

	if (l == NULL && call_link_alive(in)) {
		l = MEM_NEW(struct feed_link);
		l->id = id;
		(void)map_put_u64(&f->links, id, l);
	}
	return l;
}

static void
watch(struct feed *f, struct feed_link *l, uint64_t account)
{
	struct watchers *w = map_get_u64(&f->accounts, account);

	if (map_put_u64(&l->watched, account, l) != NULL)
		return;
	if (w == NULL) {
		w = MEM_NEW(struct watchers);
		(void)map_put_u64(&f->accounts, account, w);
	}
	if (w->count == w->cap) {
		w->cap = w->cap == 0 ? 1 : w->cap * 2;
		w->at = mem_resize(w->at, w->cap, sizeof(struct feed_link *));
	}
	w->at[w->count++] = l;
}

static void
unwatch(struct feed *f, struct feed_link *l, uint64_t account)
{
	struct watchers *w = map_get_u64(&f->accounts, account);

	if (map_remove_u64(&l->watched, account) == NULL || w == NULL)
		return;
	for (uint32_t i = 0; i < w->count; i++)
		if (w->at[i] == l) {
			w->at[i] = w->at[--w->count];
			break;
		}
	if (w->count > 0)
		return;
	(void)map_remove_u64(&f->accounts, account);
	mem_free(w->at);
	mem_free(w);
}

static struct call_in *
link_drop(struct feed *f, struct feed_link *l)
{
	struct call_in *stream = l->stream;
	uint64_t account;
	size_t at = 0;

	while (map_each(&l->drops, &at, NULL, &account, NULL))
		mem_free(map_remove_u64(&f->drops, account));
	for (at = 0; map_each(&l->watched, &at, NULL, &account, NULL);)
		unwatch(f, l, account);
	map_done(&l->drops);
	map_done(&l->watched);
	(void)map_remove_u64(&f->links, l->id);
	mem_free(l);
	return stream;
}

void
feed_lost(struct feed *f, uint64_t link)
{
	struct call_in *stream = NULL;
	struct feed_link *l;

	pthread_mutex_lock(&f->lock);
	l = map_get_u64(&f->links, link);
	if (l != NULL)
		stream = link_drop(f, l);
	pthread_mutex_unlock(&f->lock);
	if (stream != NULL)
		call_end(stream, STATUS_CLOSED);
}

void
feed_done(struct feed *f)
{
	uint64_t id;
	size_t at = 0;

	while (map_each(&f->links, &at, NULL, &id, NULL)) {
		feed_lost(f, id);
		at = 0;
	}
	map_done(&f->links);
	map_done(&f->accounts);
	map_done(&f->drops);
	(void)pthread_mutex_destroy(&f->lock);
}

void
feed_publish(struct feed *f, uint64_t account, uint64_t modseq)
{
	struct store_feed_reply reply = { .account = account, .modseq = modseq };
	struct watchers *w;

	pthread_mutex_lock(&f->lock);
	w = map_get_u64(&f->accounts, account);
	for (uint32_t i = 0; w != NULL && i < w->count; i++) {
		struct feed_link *l = w->at[i];

		/* A peer that is gone ends by feed_lost. */
		if (l->stream != NULL && !call_push(l->stream, &reply)) {
			call_end(l->stream, STATUS_CLOSED);
			l->stream = NULL;
		}
	}
	pthread_mutex_unlock(&f->lock);
}

/* ---- calls ---- */

void
serve_store_feed(struct call_in *in, const void *request, void *context)
{
	struct feed *f = &((struct store *)context)->feed;
	struct call_in *old = in;
	struct feed_link *l;

	pthread_mutex_lock(&f->lock);
	l = link_of(f, in);
	if (l != NULL) {
		old = l->stream;
		l->stream = in;
	}
	pthread_mutex_unlock(&f->lock);
	if (old != NULL)
		call_end(old, STATUS_CLOSED);
}

struct watch_op {
	struct account_op o; /* first */
	uint64_t modseq;
};

/* Watched before the modseq is read: no change falls between. */
static enum status
watch_read(struct account *a, struct op *op)
{
	const struct store_watch_request *r = op->request;
	struct watch_op *w = (struct watch_op *)(void *)op;
	struct feed *f = &a->owner.store->feed;
	enum status s = STATUS_OK;
	struct feed_link *l;

	pthread_mutex_lock(&f->lock);
	l = link_of(f, op->in);
	if (l == NULL)
		s = STATUS_CLOSED; /* nobody hears it */
	else if (!r->on)
		unwatch(f, l, a->id);
	else if (l->watched.count < WATCHES_PER_LINK)
		watch(f, l, a->id);
	else
		s = STATUS_LIMIT;
	pthread_mutex_unlock(&f->lock);
	pthread_mutex_lock(&a->owner.lock);
	w->modseq = a->head.modseq;
	pthread_mutex_unlock(&a->owner.lock);
	return s;
}

static void
watch_answer(struct op *op)
{
	struct watch_op *w = (struct watch_op *)(void *)op;
	struct store_watch_reply reply = { .modseq = w->modseq };

	call_reply(op->in, &reply);
}

void
serve_store_watch(struct call_in *in, const void *request, void *context)
{
	const struct store_watch_request *r = request;
	struct watch_op *w = ARENA_NEW(call_arena(in), struct watch_op);

	w->o.read = watch_read;
	w->o.answer = watch_answer;
	serve_read(context, in, request, &w->o, r->token);
}

static void
give_drop(struct feed *f, struct drop *d, uint64_t account)
{
	(void)map_remove_u64(&d->link->drops, account);
	(void)map_remove_u64(&f->drops, account);
	mem_free(d);
}

static void
take_drop(struct feed *f, struct feed_link *l, uint64_t account, uint64_t holder)
{
	struct drop *d = MEM_NEW(struct drop);

	*d = (struct drop){ .link = l, .holder = holder };
	(void)map_put_u64(&f->drops, account, d);
	(void)map_put_u64(&l->drops, account, l);
}

static enum status
maildrop_read(struct account *a, struct op *op)
{
	const struct store_maildrop_request *r = op->request;
	struct feed *f = &a->owner.store->feed;
	enum status s = STATUS_OK;
	struct feed_link *l;
	struct drop *d;

	pthread_mutex_lock(&f->lock);
	l = link_of(f, op->in);
	d = map_get_u64(&f->drops, a->id);
	if (l == NULL) {
		s = STATUS_CLOSED;
	} else if (d != NULL && d->holder != r->holder) {
		if (r->take)
			s = op_refuse(op, STATUS_CONFLICT,
			    "The maildrop is in use by another session.", "maildrop locked");
	} else {
		if (d != NULL)
			give_drop(f, d, a->id); /* perhaps it was over another link */
		if (r->take)
			take_drop(f, l, a->id, r->holder);
	}
	pthread_mutex_unlock(&f->lock);
	return s;
}

void
serve_store_maildrop(struct call_in *in, const void *request, void *context)
{
	const struct store_maildrop_request *r = request;
	struct account_op *o = ARENA_NEW(call_arena(in), struct account_op);

	o->read = maildrop_read;
	o->answer = serve_done;
	serve_read(context, in, request, o, r->token);
}
