/* SPDX-License-Identifier: ISC */
/*
 * What tests of crashes share: a process in which 64 threads commit and say so
 * in a pipe, and one that opens the folder afterwards and holds it against what
 * was said. What was acknowledged is there, whole; what was not is there whole
 * or not at all. For *_test.c files only.
 *
 * Each sender has an entity of its own; its n-th commit writes row n, a blob,
 * and the count n, and raises the version to n.
 */
#ifndef STORE_ENGINE_SENDERS_H
#define STORE_ENGINE_SENDERS_H

#include <pthread.h>

#include "base/log.h"
#include "store/engine/engine_child.h"
#include "store/engine/engine_subject.h"
#include "store/engine/keys.h"

#define SENDERS 64
#define CHILD_REFUSED 3 /* a commit did not end in OK */

struct ack {
	uint32_t sender, n;
};

struct place {
	char dir[80];
	int pipe;
	/* How many of them commit: with few the groups are small. */
	uint32_t senders;
	uint32_t acked[SENDERS];
	/* What was said while the power went: may be there or not. Zero where a
	 * process is killed. */
	uint32_t late[SENDERS];
};

struct sender {
	pthread_t thread;
	struct engine *engine;
	int pipe;
	uint32_t number;
};

static struct entity
entity_of(uint32_t sender)
{
	return (struct entity){ ENTITY_ACCOUNT, sender };
}

static struct blob_id
blob_of(uint32_t sender, uint32_t n)
{
	struct blob_id id = { { 0 } };

	memcpy(id.byte, &sender, sizeof(sender));
	memcpy(id.byte + 8, &n, sizeof(n));
	return id;
}

/* Some below and some above the size from which values go to blob files. */
static struct text
bytes_of(uint32_t sender, uint32_t n, char out[static 4096])
{
	size_t len = 16 + (sender * 37 + n * 101) % 4000;

	memset(out, (int)(sender + n), len);
	return (struct text){ out, len };
}

static struct text
key_of(uint32_t n, char out[static 16])
{
	return (struct text){ out, (size_t)snprintf(out, 16, "row%08x", n) };
}

static void
send_one(struct sender *s, uint32_t n)
{
	struct ack ack = { s->number, n };
	char key[16], bytes[4096];
	struct engine_batch b;

	engine_batch_init(&b, entity_of(s->number), n - 1);
	engine_put(&b, key_of(n, key), TEXT("row"));
	engine_put(&b, TEXT("count"), (struct text){ (char *)&n, sizeof(n) });
	engine_blob_put(&b, blob_of(s->number, n), 0, bytes_of(s->number, n, bytes));
	if (engine_commit_wait(s->engine, &b) != STATUS_OK)
		_exit(CHILD_REFUSED);
	engine_batch_done(&b);
	CHECK(write(s->pipe, &ack, sizeof(ack)) == sizeof(ack));
}

static void *
send_for_ever(void *arg)
{
	struct sender *s = arg;
	uint64_t version;

	CHECK(engine_version(s->engine, entity_of(s->number), &version) == STATUS_OK);
	for (uint32_t n = (uint32_t)version + 1;; n++)
		send_one(s, n);
	return NULL;
}

UNUSED static int
serve(void *arg)
{
	static struct sender senders[SENDERS];
	struct place *p = arg;
	struct engine *e = open_rocksdb(p->dir);

	CHECK(e != NULL);
	log_set_fd(-1);
	for (uint32_t i = 0; i < p->senders; i++) {
		senders[i] = (struct sender){ .engine = e, .pipe = p->pipe, .number = i };
		CHECK(pthread_create(&senders[i].thread, NULL, send_for_ever, &senders[i]) == 0);
	}
	for (uint32_t i = 0; i < p->senders; i++)
		CHECK(pthread_join(senders[i].thread, NULL) == 0);
	return 1;
}

static void
check_sender(struct engine *e, uint32_t sender, uint32_t acked, uint32_t late)
{
	struct arena a = ARENA_INIT;
	struct text value = { NULL, 0 };
	char key[16], bytes[4096];
	uint64_t version;
	uint32_t count = 0;
	enum status s = engine_get(e, entity_of(sender), TEXT("count"), &a, &value);

	CHECK(s == STATUS_OK || s == STATUS_NOT_FOUND);
	if (s == STATUS_OK)
		memcpy(&count, value.ptr, sizeof(count));
	CHECK(engine_version(e, entity_of(sender), &version) == STATUS_OK);
	CHECK(version == count);
	CHECK(count >= acked && count <= acked + late + 1);
	for (uint32_t n = 1; n <= count + 1; n++) {
		enum status row = engine_get(e, entity_of(sender), key_of(n, key), &a, &value);
		enum status blob = engine_blob_get(e, blob_of(sender, n), 0, &a, &value);

		CHECK(row == (n <= count ? STATUS_OK : STATUS_NOT_FOUND));
		CHECK(blob == row);
		CHECK(blob != STATUS_OK || text_equal(value, bytes_of(sender, n, bytes)));
	}
	arena_done(&a);
}

UNUSED static int
verify(void *arg)
{
	struct place *p = arg;
	struct engine *e = open_rocksdb(p->dir);

	CHECK(e != NULL);
	for (uint32_t i = 0; i < SENDERS; i++)
		check_sender(e, i, p->acked[i], p->late[i]);
	engine_free(e);
	return 0;
}

/* A commit that was applied, but not acknowledged before the kill, counts. */
static int
tell_counts(void *arg)
{
	struct place *p = arg;
	struct engine *e = open_rocksdb(p->dir);

	CHECK(e != NULL);
	for (uint32_t i = 0; i < SENDERS; i++) {
		uint64_t version;
		struct ack ack = { i, 0 };

		CHECK(engine_version(e, entity_of(i), &version) == STATUS_OK);
		ack.n = (uint32_t)version;
		CHECK(write(p->pipe, &ack, sizeof(ack)) == sizeof(ack));
	}
	engine_free(e);
	return 0;
}

UNUSED static void
learn_counts(struct place *p)
{
	struct ack ack;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	p->pipe = ends[1];
	child_run(tell_counts, p);
	assert_int_equal(close(ends[1]), 0);
	memset(p->late, 0, sizeof(p->late));
	while (read(ends[0], &ack, sizeof(ack)) == sizeof(ack))
		p->acked[ack.sender] = ack.n;
	assert_int_equal(close(ends[0]), 0);
}

#endif
