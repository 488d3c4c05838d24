/* SPDX-License-Identifier: ISC */
/*
 * The operator's command as a role: it asks the monitor over operator.sock,
 * which checks who it is, and gets one end of a new link to every role that
 * runs. It keeps no connection: links that break are not made again.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/call_links.h"
#include "runtime/control.h"

static int
connect_to(const char *path, struct failure *f)
{
	struct sockaddr_un address;
	int folder, fd, error;

	if (control_address(path, &address, &folder) != STATUS_OK) {
		(void)fail(f, STATUS_UNAVAILABLE, "Mailstead is not running there",
		    "%s: no such folder", path);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	error =
	    fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ? errno : 0;
	if (folder >= 0)
		(void)close(folder);
	if (error == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	(void)fail(f, STATUS_UNAVAILABLE, "Mailstead is not running there", "%s: %s", path,
	    strerror(error));
	return -1;
}

/* AGAIN: more will come. */
static enum status
take_message(struct calls *c, struct control_message *m, struct failure *f)
{
	const struct control_LINK *link = m->record;
	const struct control_FAILED *failed = m->record;
	enum status st;

	switch (m->type) {
	case CONTROL_DONE:
		return STATUS_OK;
	case CONTROL_FAILED:
		return fail(f, STATUS_DENIED, "You may not operate this service", "%.*s",
		    TEXT_ARG(failed->words));
	case CONTROL_LINK:
		if (m->fd_count != 1 || link->role >= ROLE_COUNT)
			return fail(f, STATUS_INVALID, "The monitor gave a bad answer", "bad link");
		st = calls_link(c, m->fds[0], (enum role)link->role, (unsigned)link->instance);
		m->fds[0] = -1;
		return st == STATUS_OK ? STATUS_AGAIN
				       : fail(f, st, "No more threads can be started", "link");
	default:
		return fail(
		    f, STATUS_INVALID, "The monitor gave a bad answer", "type %d", (int)m->type);
	}
}

static enum status
take_links(struct calls *c, int fd, struct failure *f)
{
	enum status st = STATUS_AGAIN;

	while (st == STATUS_AGAIN) {
		struct control_message m;

		st = control_receive(fd, &m);
		if (st != STATUS_OK)
			return fail(f, STATUS_UNAVAILABLE, "Mailstead is stopping",
			    "the monitor closed the connection: %s", status_word(st));
		st = take_message(c, &m, f);
		control_done(&m);
	}
	return st;
}

enum status
role_join_as_admin(const char *socket_path, struct calls **out, struct failure *f)
{
	static const struct call_server_config nothing = { .threads = 1 };
	const struct calls_config config = {
		.self = ROLE_ADMIN, .server = &nothing, .no_patience = true
	};
	struct calls *c;
	enum status st;
	int fd = connect_to(socket_path, f);

	if (fd < 0)
		return STATUS_UNAVAILABLE;
	c = calls_new(&config);
	calls_open(c);
	st = take_links(c, fd, f);
	(void)close(fd);
	if (st == STATUS_OK)
		*out = c;
	else
		calls_free(c);
	return st;
}
