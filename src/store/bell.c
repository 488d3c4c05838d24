/* SPDX-License-Identifier: ISC */
/*
 * See store/bell.h. A stream whose peer is gone ends with its link, or at the
 * next push.
 */
#include "store/bell.h"

#include "base/status.h"

/* Any reply without fields. */
static const uint8_t nothing;

void
bell_init(struct bell *b)
{
	CHECK(pthread_mutex_init(&b->lock, NULL) == 0);
}

void
bell_lost(struct bell *b, uint64_t link)
{
	struct call_in *stream;

	pthread_mutex_lock(&b->lock);
	stream = map_remove_u64(&b->streams, link);
	pthread_mutex_unlock(&b->lock);
	if (stream != NULL)
		call_end(stream, STATUS_CLOSED);
}

void
bell_done(struct bell *b)
{
	size_t at = 0;
	void *stream;

	while (map_each(&b->streams, &at, NULL, NULL, &stream))
		call_end(stream, STATUS_CLOSED);
	map_done(&b->streams);
	(void)pthread_mutex_destroy(&b->lock);
}

void
bell_ring(struct bell *b)
{
	uint64_t link;
	size_t at = 0;
	void *stream;

	pthread_mutex_lock(&b->lock);
	while (map_each(&b->streams, &at, NULL, &link, &stream))
		if (!call_push(stream, &nothing)) {
			(void)map_remove_u64(&b->streams, link);
			call_end(stream, STATUS_CLOSED);
		}
	pthread_mutex_unlock(&b->lock);
}

void
bell_open(struct bell *b, struct call_in *in)
{
	struct call_in *before;
	bool there;

	pthread_mutex_lock(&b->lock);
	before = map_put_u64(&b->streams, call_link(in), in);
	there = call_push(in, &nothing);
	if (!there)
		(void)map_remove_u64(&b->streams, call_link(in));
	pthread_mutex_unlock(&b->lock);
	if (before != NULL)
		call_end(before, STATUS_CLOSED);
	if (!there)
		call_end(in, STATUS_CLOSED);
}
