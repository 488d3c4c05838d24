/* SPDX-License-Identifier: ISC */
/*
 * A store's folder; see store/engine/files.h. The format file is made whole
 * under another name, synced and renamed before RocksDB makes its first file,
 * so that a db folder without it was never ours.
 */
#include "store/engine/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

#define PATH_ROOM 4096
#define ROOM_MORE ((uint64_t)8 << 20)

static enum status
failed(struct failure *f, const char *what, const char *path)
{
	int e = errno;
	enum status s = STATUS_IO;

	if (e == ENOSPC || e == EDQUOT)
		s = STATUS_FULL;
	else if (e == EACCES || e == EPERM || e == EROFS)
		s = STATUS_DENIED;
	return fail(f, s, "The store cannot be opened", "%s %s: %s", what, path, strerror(e));
}

static enum status
path_of(char out[static PATH_ROOM], const char *dir, const char *name, struct failure *f)
{
	int n = snprintf(out, PATH_ROOM, "%s/%s", dir, name);

	if (n < 0 || n >= PATH_ROOM)
		return fail(f, STATUS_INVALID, "The store cannot be opened",
		    "store folder %.200s: the path is too long", dir);
	return STATUS_OK;
}

static bool
write_synced(int fd, struct text t)
{
	return write(fd, t.ptr, t.len) == (ssize_t)t.len && fsync(fd) == 0;
}

static bool
sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool synced = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		(void)close(fd);
	return synced;
}

static enum status
format_create(const char *dir, const char *path, struct failure *f)
{
	char fresh[PATH_ROOM];
	enum status s = path_of(fresh, dir, "format.new", f);
	bool written;
	int fd;

	if (s != STATUS_OK)
		return s;
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return failed(f, "cannot create", fresh);
	written = write_synced(fd, TEXT(FILES_FORMAT));
	if (close(fd) != 0 || !written)
		return failed(f, "cannot write", fresh);
	if (rename(fresh, path) != 0 || !sync_dir(dir))
		return failed(f, "cannot create", path);
	return STATUS_OK;
}

static enum status
format_check(int fd, const char *path, struct failure *f)
{
	char line[64] = "";
	ssize_t n = read(fd, line, sizeof(line) - 1);

	if (n < 0)
		return failed(f, "cannot read", path);
	if (text_equal((struct text){ line, (size_t)n }, TEXT(FILES_FORMAT)))
		return STATUS_OK;
	line[strcspn(line, "\n")] = 0;
	return fail(f, STATUS_INVALID, "The store has a format that this version does not know",
	    "%s says \"%s\"; this version reads and writes \"%.*s\" only", path, line,
	    (int)sizeof(FILES_FORMAT) - 2, FILES_FORMAT);
}

/* Without a format file there must be no database either. */
static enum status
format_missing(const char *dir, const char *path, struct failure *f)
{
	char db[PATH_ROOM];
	enum status s = path_of(db, dir, "db", f);

	if (s != STATUS_OK)
		return s;
	if (access(db, F_OK) == 0)
		return fail(f, STATUS_INVALID, "The folder is not a store of this program",
		    "%s holds a database, but no file %s", dir, path);
	return format_create(dir, path, f);
}

enum status
files_prepare(const char *dir, struct failure *f)
{
	char path[PATH_ROOM];
	enum status s = path_of(path, dir, "format", f);
	int fd;

	if (s != STATUS_OK)
		return s;
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return failed(f, "cannot create", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? format_missing(dir, path, f)
				       : failed(f, "cannot open", path);
	s = format_check(fd, path, f);
	(void)close(fd);
	return s;
}

/* Octets in the files of the write-ahead log. */
static uint64_t
log_size(const char *db)
{
	DIR *d = opendir(db);
	const struct dirent *entry;
	uint64_t size = 0;
	struct stat st;

	if (d == NULL)
		return 0;
	while ((entry = readdir(d)) != NULL)
		if (text_ends(text_of(entry->d_name), TEXT(".log")) &&
		    fstatat(dirfd(d), entry->d_name, &st, 0) == 0)
			size += (uint64_t)st.st_size;
	(void)closedir(d);
	return size;
}

bool
files_have_room(const char *dir)
{
	char path[PATH_ROOM], db[PATH_ROOM];
	bool room;
	int fd;

	if (path_of(path, dir, "probe", NULL) != STATUS_OK ||
	    path_of(db, dir, "db", NULL) != STATUS_OK)
		return false;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	room = posix_fallocate(fd, 0, (off_t)(log_size(db) + ROOM_MORE)) == 0 &&
	       write_synced(fd, TEXT("probe"));
	(void)close(fd);
	(void)unlink(path);
	return room;
}
