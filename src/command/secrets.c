/* SPDX-License-Identifier: ISC */
/* The data folder and its secrets. */
#include "command/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "command/config.h"

#define SECRET_LENGTH 32

static enum status
sys_fail(struct failure *f, const char *what, const char *path)
{
	char words[200];
	enum status s = errno == ENOSPC || errno == EDQUOT ? STATUS_FULL : STATUS_IO;

	snprintf(words, sizeof(words), "cannot %s %s: %s", what, path, strerror(errno));
	return fail(f, s, words, "%s", words);
}

static enum status
make_dir(const char *path, unsigned mode, struct failure *f)
{
	if (mkdir(path, mode) != 0 && errno != EEXIST)
		return sys_fail(f, "make the folder", path);
	return STATUS_OK;
}

enum status
folder_prepare(const char *dir, uint32_t store_uid, uint32_t store_gid, struct failure *f)
{
	char path[4096];
	enum status s = make_dir(dir, store_uid != 0 ? 0711 : 0700, f);

	if (s != STATUS_OK)
		return s;
	snprintf(path, sizeof(path), "%s/keys", dir);
	s = make_dir(path, 0700, f);
	if (s != STATUS_OK)
		return s;
	snprintf(path, sizeof(path), "%s/store", dir);
	s = make_dir(path, 0700, f);
	if (s == STATUS_OK && store_uid != 0 && chown(path, store_uid, store_gid) != 0)
		s = sys_fail(f, "give to the store's user", path);
	return s;
}

static bool
write_all(int fd, struct text t)
{
	while (t.len > 0) {
		ssize_t n = write(fd, t.ptr, t.len);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			t = text_part(t, (size_t)n, t.len);
	}
	return true;
}

/* Makes a rename durable. */
static bool
sync_parent(const char *path)
{
	char dir[4096];
	int fd;
	bool good;

	snprintf(dir, sizeof(dir), "%s", path);
	if (strrchr(dir, '/') == NULL)
		snprintf(dir, sizeof(dir), ".");
	else
		*strrchr(dir, '/') = '\0';
	fd = open(dir[0] == '\0' ? "/" : dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	good = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return good;
}

enum status
file_write(const char *path, struct text bytes, unsigned mode, struct failure *f)
{
	char temporary[4096];
	bool good;
	int fd;

	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.new", path) >= sizeof(temporary))
		return fail(f, STATUS_LIMIT, "a path is too long", "%s", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0)
		return sys_fail(f, "make", temporary);
	good = write_all(fd, bytes) && fsync(fd) == 0;
	good = close(fd) == 0 && good;
	if (good && rename(temporary, path) == 0 && sync_parent(path))
		return STATUS_OK;
	(void)unlink(temporary);
	return sys_fail(f, "write", path);
}

enum status
secret_load(const char *dir, const char *name, struct arena *a, struct text *out, struct failure *f)
{
	char path[4096];
	uint8_t fresh[SECRET_LENGTH];
	struct text bytes = { (const char *)fresh, sizeof(fresh) };
	enum status s;

	snprintf(path, sizeof(path), "%s/keys/%s", dir, name);
	s = file_read(path, SECRET_LENGTH, a, out, f);
	if (s == STATUS_OK && out->len != SECRET_LENGTH)
		return fail(f, STATUS_INVALID,
		    "a key file in keys/ does not have 32 octets: restore it from a backup",
		    "%s has %zu octets", path, out->len);
	if (s != STATUS_NOT_FOUND)
		return s;
	random_bytes(fresh, sizeof(fresh));
	s = file_write(path, bytes, 0600, f);
	if (s == STATUS_OK)
		*out = arena_copy(a, bytes);
	secret_wipe(fresh, sizeof(fresh));
	return s;
}
