/* SPDX-License-Identifier: ISC */
/* Zeros ahead of what is written to the log; see store/engine/ahead.h. */
#include "store/engine/ahead.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/status.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
/* Of RocksDB's log: a record's header never crosses one, and zeros at its
 * beginning end the reading of it. */
#define LOG_BLOCK (32 << 10)
/* Octets that are written before a disk that took no zeros is asked again. */
#define PATIENCE (16 << 20)

static bool
gains(const char *path)
{
	struct statfs s;

	return statfs(path, &s) == 0 &&
	       (s.f_type == EXT4_SUPER_MAGIC || s.f_type == XFS_SUPER_MAGIC);
}

/* ---- one step ---- */

static uint64_t
newest_log(DIR *d)
{
	const struct dirent *entry;
	uint64_t newest = 0;

	while ((entry = readdir(d)) != NULL) {
		uint64_t number;
		char rest[8] = "";

		if (sscanf(entry->d_name, "%" SCNu64 "%7s", &number, rest) == 2 &&
		    strcmp(rest, ".log") == 0 && number > newest)
			newest = number;
	}
	return newest;
}

/* The current log, for appending; -1 when there is none. */
static int
open_log(const char *path, uint64_t *number)
{
	DIR *d = opendir(path);
	char name[32];
	int fd;

	if (d == NULL)
		return -1;
	*number = newest_log(d);
	(void)snprintf(name, sizeof(name), "%06" PRIu64 ".log", *number);
	fd = openat(dirfd(d), name, O_WRONLY | O_APPEND | O_CLOEXEC);
	(void)closedir(d);
	return fd;
}

static bool
append_zeros(int fd, size_t len)
{
	static const char zeros[64 << 10];

	while (len > 0) {
		ssize_t n = write(fd, zeros, len < sizeof(zeros) ? len : sizeof(zeros));

		if (n <= 0)
			return false;
		len -= (size_t)n;
	}
	return fdatasync(fd) == 0;
}

/* True when the log has a step more of zeros than it had. */
static bool
extend(struct ahead *a, int fd, uint64_t log)
{
	struct stat before, after;
	size_t len;

	if (fstat(fd, &before) != 0)
		return false;
	len = AHEAD_STEP - (size_t)(before.st_size % LOG_BLOCK);
	if (!append_zeros(fd, len) || fstat(fd, &after) != 0)
		return false;
	if (log == a->log && before.st_size == a->end)
		(void)atomic_fetch_add(&a->left, (int64_t)len);
	else
		atomic_store(&a->left, (int64_t)len); /* the writer was at the end */
	a->log = log;
	a->end = after.st_size;
	return true;
}

static void
step(struct ahead *a)
{
	uint64_t log = 0;
	int fd = open_log(a->path, &log);

	if (fd < 0 || !extend(a, fd, log))
		atomic_store(&a->left, PATIENCE);
	if (fd >= 0)
		(void)close(fd);
}

/* ---- the thread ---- */

static bool
await(struct ahead *a)
{
	bool wanted;

	pthread_mutex_lock(&a->lock);
	while (!a->wanted && !a->stopping)
		pthread_cond_wait(&a->due, &a->lock);
	wanted = a->wanted;
	a->wanted = false;
	pthread_mutex_unlock(&a->lock);
	return wanted;
}

static void *
run(void *arg)
{
	struct ahead *a = arg;

	while (await(a)) {
		step(a);
		atomic_store(&a->busy, false);
	}
	return NULL;
}

static void
say(struct ahead *a, bool *what)
{
	pthread_mutex_lock(&a->lock);
	*what = true;
	pthread_mutex_unlock(&a->lock);
	pthread_cond_signal(&a->due);
}

void
ahead_start(struct ahead *a, const char *path)
{
	*a = (struct ahead){ .path = NULL };
	if (!gains(path))
		return;
	a->path = mem_string(text_of(path));
	CHECK(pthread_mutex_init(&a->lock, NULL) == 0);
	CHECK(pthread_cond_init(&a->due, NULL) == 0);
	CHECK(pthread_create(&a->thread, NULL, run, a) == 0);
}

void
ahead_stop(struct ahead *a)
{
	if (a->path == NULL)
		return;
	say(a, &a->stopping);
	CHECK(pthread_join(a->thread, NULL) == 0);
	(void)pthread_cond_destroy(&a->due);
	(void)pthread_mutex_destroy(&a->lock);
	mem_free(a->path);
	a->path = NULL;
}

void
ahead_wrote(struct ahead *a, size_t bytes)
{
	int64_t left;

	if (a->path == NULL)
		return;
	a->usual = (a->usual * 7 + bytes) / 8;
	left = atomic_fetch_sub(&a->left, (int64_t)bytes) - (int64_t)bytes;
	if (left >= AHEAD_STEP / 2 || a->usual > AHEAD_SMALL || atomic_load(&a->busy))
		return;
	atomic_store(&a->busy, true);
	say(a, &a->wanted);
}
