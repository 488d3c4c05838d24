/* SPDX-License-Identifier: ISC */
/*
 * See store/directory_feed.h. The first push says that the feed stands, each
 * further one that something changed; they have nothing in them. A stream
 * whose peer is gone ends with its link, or at the next push.
 */
#include "store/directory_feed.h"

#include "store/core.h"
#include "store/serve.h"

void
directory_feed_init(struct directory_feed *f)
{
	CHECK(pthread_mutex_init(&f->lock, NULL) == 0);
}

void
directory_feed_lost(struct directory_feed *f, uint64_t link)
{
	struct call_in *stream;

	pthread_mutex_lock(&f->lock);
	stream = map_remove_u64(&f->streams, link);
	pthread_mutex_unlock(&f->lock);
	if (stream != NULL)
		call_end(stream, STATUS_CLOSED);
}

void
directory_feed_done(struct directory_feed *f)
{
	size_t at = 0;
	void *stream;

	while (map_each(&f->streams, &at, NULL, NULL, &stream))
		call_end(stream, STATUS_CLOSED);
	map_done(&f->streams);
	(void)pthread_mutex_destroy(&f->lock);
}

void
directory_feed_tell(struct directory_feed *f)
{
	struct store_directory_feed_reply reply = { 0 };
	uint64_t link;
	size_t at = 0;
	void *stream;

	pthread_mutex_lock(&f->lock);
	while (map_each(&f->streams, &at, NULL, &link, &stream))
		if (!call_push(stream, &reply)) {
			(void)map_remove_u64(&f->streams, link);
			call_end(stream, STATUS_CLOSED);
		}
	pthread_mutex_unlock(&f->lock);
}

void
serve_store_directory_feed(struct call_in *in, const void *request, void *context)
{
	struct directory_feed *f = &((struct store *)context)->directory_feed;
	struct store_directory_feed_reply reply = { 0 };
	struct call_in *before;
	bool there;

	(void)request;
	pthread_mutex_lock(&f->lock);
	before = map_put_u64(&f->streams, call_link(in), in);
	there = call_push(in, &reply);
	if (!there)
		(void)map_remove_u64(&f->streams, call_link(in));
	pthread_mutex_unlock(&f->lock);
	if (before != NULL)
		call_end(before, STATUS_CLOSED);
	if (!there)
		call_end(in, STATUS_CLOSED);
}
