/* SPDX-License-Identifier: ISC */
/*
 * Payloads and the spool that collects one. A spool writes its memfd in pieces
 * of PAYLOAD_INLINE_MAX, so that small additions cost no system call. All four
 * seals are put on a memfd before anybody else sees it, and looked for on one
 * that was received: only then can its mapping neither change nor shrink.
 */
#include "runtime/payload.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define SEAL_TRIES 20
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static enum status
memfd_new(int *out)
{
	int fd = memfd_create("payload", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return STATUS_UNAVAILABLE;
	*out = fd;
	return STATUS_OK;
}

/* At its place: what a write that failed half-way left is written over. */
static enum status
write_all(int fd, size_t at, struct text t)
{
	while (t.len > 0) {
		ssize_t n = pwrite(fd, t.ptr, t.len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return STATUS_UNAVAILABLE;
		at += (size_t)n;
		t = text_part(t, (size_t)n, t.len);
	}
	return STATUS_OK;
}

/* Private, since older kernels refuse a shared mapping of a sealed file. */
static char *
map_bytes(int fd, size_t len)
{
	void *map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);

	return map == MAP_FAILED ? NULL : map;
}

void
spool_init(struct spool *s, size_t limit)
{
	*s = (struct spool){ .fd = -1, .limit = limit };
}

void
spool_unmap(struct spool *s)
{
	if (s->map != NULL)
		(void)munmap(s->map, s->len);
	s->map = NULL;
}

static void
spool_drop(struct spool *s)
{
	buffer_done(&s->small);
	spool_unmap(s);
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
	s->sealed = false;
	s->len = 0;
}

static enum status
spill(struct spool *s)
{
	enum status st = s->fd < 0 ? memfd_new(&s->fd) : STATUS_OK;

	if (st == STATUS_OK)
		st = write_all(s->fd, s->len - s->small.len, buffer_text(&s->small));
	if (st == STATUS_OK)
		buffer_clear(&s->small);
	return st;
}

enum status
spool_add(struct spool *s, struct text bytes)
{
	enum status st;

	CHECK(!s->sealed);
	if (s->overflow)
		return STATUS_OK;
	if (s->limit != 0 && bytes.len > s->limit - s->len) {
		spool_drop(s);
		s->overflow = true;
		return STATUS_OK;
	}
	if (bytes.len > PAYLOAD_INLINE_MAX - s->small.len) {
		st = spill(s);
		if (st == STATUS_OK && bytes.len > PAYLOAD_INLINE_MAX) {
			st = write_all(s->fd, s->len, bytes);
			if (st == STATUS_OK)
				s->len += bytes.len;
			return st;
		}
		if (st != STATUS_OK)
			return st;
	}
	buffer_add_text(&s->small, bytes);
	s->len += bytes.len;
	return STATUS_OK;
}

void
spool_cut(struct spool *s, size_t len)
{
	size_t in_file = s->len - s->small.len;

	CHECK(!s->sealed && len <= s->len);
	buffer_cut(&s->small, len > in_file ? len - in_file : 0);
	s->len = len;
}

/* The kernel says EBUSY while it holds a page of the file itself for a moment
 * (on its way to a list, being moved); it waits a little, and so do we. */
static enum status
seal(int fd)
{
	for (int i = 0; i < SEAL_TRIES; i++) {
		if (fcntl(fd, F_ADD_SEALS, SEALS) == 0)
			return STATUS_OK;
		if (errno != EBUSY)
			break;
	}
	LOG_WARN("payload.not-sealed", FIELD_STRING("why", strerror(errno)));
	return STATUS_UNAVAILABLE;
}

/* Nothing is added to its file any more. */
static enum status
spool_seal(struct spool *s)
{
	enum status st = s->sealed ? STATUS_OK : spill(s);

	if (st == STATUS_OK && !s->sealed) {
		st = ftruncate(s->fd, (off_t)s->len) == 0 ? seal(s->fd) : STATUS_UNAVAILABLE;
		s->sealed = st == STATUS_OK;
	}
	return st;
}

enum status
spool_payload(struct spool *s, struct payload *out)
{
	enum status st;

	if (s->overflow)
		return STATUS_LIMIT;
	if (s->fd < 0) {
		*out = PAYLOAD_OF(buffer_text(&s->small));
		return STATUS_OK;
	}
	if (s->map == NULL) {
		st = spool_seal(s);
		if (st != STATUS_OK)
			return st;
		s->map = map_bytes(s->fd, s->len);
		if (s->map == NULL)
			return STATUS_UNAVAILABLE;
		buffer_done(&s->small);
	}
	*out = (struct payload){ { s->map, s->len }, s->fd };
	return STATUS_OK;
}

void
spool_done(struct spool *s)
{
	spool_drop(s);
	s->overflow = false;
}

/* What an arena holds of a payload that came in. */
struct mapped {
	char *map;
	size_t len;
	int fd;
};

static void
mapped_done(void *arg)
{
	struct mapped *m = arg;

	if (m->map != NULL)
		(void)munmap(m->map, m->len);
	(void)close(m->fd);
}

enum status
payload_map(int fd, struct arena *a, struct payload *out)
{
	struct mapped *m;
	struct stat st;
	char *map = NULL;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) != 0 || st.st_size < 0) {
		(void)close(fd);
		return STATUS_INVALID;
	}
	if (st.st_size > 0) {
		map = map_bytes(fd, (size_t)st.st_size);
		if (map == NULL) {
			(void)close(fd);
			return STATUS_UNAVAILABLE;
		}
	}
	m = ARENA_NEW(a, struct mapped);
	*m = (struct mapped){ map, (size_t)st.st_size, fd };
	arena_on_done(a, mapped_done, m);
	*out = (struct payload){ map == NULL ? TEXT_EMPTY : (struct text){ map, m->len }, fd };
	return STATUS_OK;
}

enum status
payload_seal(struct text bytes, int *fd)
{
	enum status st;
	int made;

	st = memfd_new(&made);
	if (st != STATUS_OK)
		return st;
	st = write_all(made, 0, bytes);
	if (st == STATUS_OK)
		st = seal(made);
	if (st != STATUS_OK) {
		(void)close(made);
		return st;
	}
	*fd = made;
	return STATUS_OK;
}
