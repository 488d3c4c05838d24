/* SPDX-License-Identifier: ISC */
/*
 * Zeros ahead of what RocksDB writes to its log. An append changes the size of
 * a file, so its sync writes the journal of the file system, too, and flushes
 * the disk twice. Where zeros lie already, the same octets change nothing else
 * and the disk is flushed once.
 *
 * A thread of its own puts them there, through a descriptor that appends: the
 * kernel places them behind the end of the file, so that they never meet what
 * RocksDB has written, or writes meanwhile at its own position. To who reads
 * the log zeros are no record; RocksDB cuts off what is left when it closes it.
 *
 * Each octet of the log is written twice by that, so it is done only while groups
 * are so small that a sync costs more, and on file systems that overwrite in
 * place.
 */
#ifndef STORE_ENGINE_AHEAD_H
#define STORE_ENGINE_AHEAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Octets of zeros that are put there at a time. */
#define AHEAD_STEP (1 << 20)
/* Groups that are larger on average need none. */
#define AHEAD_SMALL (32 << 10)

struct ahead {
	char *path; /* of the database; NULL: this file system gains nothing */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t due;
	bool wanted, stopping;
	_Atomic bool busy;
	_Atomic int64_t left; /* zeros before the writer, about; negative: none */
	size_t usual;	      /* octets of a group; the writer's */
	/* The log that got the last ones, and where they ended. */
	uint64_t log;
	off_t end;
};

/* path: the folder of the database, whose log is the NUMBER.log with the highest. */
void ahead_start(struct ahead *a, const char *path);
/* After what was under way. */
void ahead_stop(struct ahead *a);
/* A group of so many octets is in the log. By one thread at a time. */
void ahead_wrote(struct ahead *a, size_t bytes);

#endif
