/* SPDX-License-Identifier: ISC */
/*
 * Who may talk to whom. The table is the trust diagram: two roles that do not
 * stand in one row never hold a socket to each other. An operator, once it is
 * clear who that is, gets a link to everybody.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/monitor_parts.h"

/* A link that broke while both of its ends live is made again after this. */
#define RELINK_AFTER CLOCK_SECOND

static const struct {
	enum role a, b;
} trusted[] = {
	{ ROLE_MX, ROLE_INTAKE },	/* messages of strangers */
	{ ROLE_MX, ROLE_STORE },	/* recipients, settings */
	{ ROLE_MX, ROLE_AUTH },		/* TLS signatures */
	{ ROLE_INTAKE, ROLE_STORE },	/* commits */
	{ ROLE_INTAKE, ROLE_AUTH },	/* DKIM signatures */
	{ ROLE_INTAKE, ROLE_LOOKUP },	/* keys of who signed what is forwarded */
	{ ROLE_ACCESS, ROLE_STORE },	/* mail of who signed in */
	{ ROLE_ACCESS, ROLE_AUTH },	/* sign-in, TLS signatures */
	{ ROLE_ACCESS, ROLE_INTAKE },	/* APPEND, submission */
	{ ROLE_AUTH, ROLE_STORE },	/* verifiers; accounts to forget */
	{ ROLE_LOOKUP, ROLE_STORE },	/* settings */
	{ ROLE_OUTBOUND, ROLE_STORE },	/* the queue, settings */
	{ ROLE_OUTBOUND, ROLE_LOOKUP }, /* where mail goes */
	{ ROLE_OUTBOUND, ROLE_INTAKE }, /* notices to senders */
	/* roles that are not built yet */
	{ ROLE_WEB, ROLE_STORE }, { ROLE_WEB, ROLE_AUTH }, { ROLE_WEB, ROLE_INTAKE },
	{ ROLE_INTAKE, ROLE_SCAN }, { ROLE_SCAN, ROLE_STORE }, /* settings */
};

bool
monitor_trusts(enum role a, enum role b)
{
	for (size_t i = 0; i < ARRAY_LEN(trusted); i++)
		if ((trusted[i].a == a && trusted[i].b == b) ||
		    (trusted[i].a == b && trusted[i].b == a))
			return true;
	return false;
}

static bool
takes_links(const struct child *c)
{
	return c->state >= CHILD_READY && !c->stopping;
}

static enum role
role_of(const struct child *c)
{
	return c->config->role;
}

static void
link_two(struct monitor *m, unsigned i, unsigned k)
{
	struct child *a = &m->children[i], *b = &m->children[k];
	uint64_t number = ++m->last_link;
	const struct control_LINK to_a = {
		.role = role_of(b), .instance = b->instance, .number = number
	};
	const struct control_LINK to_b = {
		.role = role_of(a), .instance = a->instance, .number = number
	};
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
		LOG_ALARM("monitor.no_link", FIELD_STRING("reason", strerror(errno)));
		a->link_at[k] = b->link_at[i] = clock_mono() + RELINK_AFTER;
		return;
	}
	child_tell(a, CONTROL_LINK, &to_a, &ends[0], 1);
	child_tell(b, CONTROL_LINK, &to_b, &ends[1], 1);
	(void)close(ends[0]);
	(void)close(ends[1]);
	a->linked[k] = b->linked[i] = number;
}

int64_t
monitor_link_all(struct monitor *m, int64_t now)
{
	int64_t next = INT64_MAX;

	for (unsigned i = 0; i < m->count; i++)
		for (unsigned k = i + 1; k < m->count; k++) {
			struct child *a = &m->children[i], *b = &m->children[k];

			if (!takes_links(a) || !takes_links(b) || a->linked[k] ||
			    !monitor_trusts(role_of(a), role_of(b)))
				continue;
			if (a->link_at[k] <= now)
				link_two(m, i, k);
			else if (a->link_at[k] < next)
				next = a->link_at[k];
		}
	return next;
}

void
monitor_unlink(struct monitor *m, struct child *c)
{
	unsigned self = (unsigned)(c - m->children);

	for (unsigned i = 0; i < m->count; i++) {
		c->linked[i] = m->children[i].linked[self] = 0;
		c->link_at[i] = m->children[i].link_at[self] = 0;
	}
}

/* A link breaks when one end dies, which the monitor sees anyway, or when one
 * end will not go on with the other, which must not become a busy loop. */
void
monitor_link_lost(struct monitor *m, struct child *c, const struct control_LOST *lost, int64_t now)
{
	unsigned self = (unsigned)(c - m->children);

	for (unsigned i = 0; i < m->count; i++) {
		struct child *peer = &m->children[i];

		if (lost->number == 0 || c->linked[i] != lost->number)
			continue;
		c->linked[i] = peer->linked[self] = 0;
		c->link_at[i] = peer->link_at[self] = now + RELINK_AFTER;
	}
}

/* ---- operators ---- */

enum status
monitor_listen_operators(struct monitor *m)
{
	struct sockaddr_un address;
	struct buffer path = BUFFER_INIT;
	int folder;
	bool done;

	buffer_addf(&path, "%.*s/operator.sock", TEXT_ARG(m->config->dir));
	m->operator_path = mem_string(buffer_text(&path));
	buffer_done(&path);
	if (control_address(m->operator_path, &address, &folder) != STATUS_OK)
		return STATUS_INVALID;
	m->operators = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)unlink(address.sun_path); /* of a monitor that was killed */
	done = m->operators >= 0 &&
	       bind(m->operators, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	       chmod(address.sun_path, 0600) == 0 && listen(m->operators, 64) == 0;
	if (folder >= 0)
		(void)close(folder);
	return done ? STATUS_OK : STATUS_IO;
}

static void
admit_to(struct monitor *m, struct child *c, int guest)
{
	const struct control_LINK to_role = { .role = ROLE_ADMIN, .instance = m->last_operator };
	const struct control_LINK to_operator = { .role = role_of(c), .instance = c->instance };
	enum status st;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return;
	st = control_send(guest, CONTROL_LINK, &to_operator, &ends[1], 1);
	if (st == STATUS_OK)
		child_tell(c, CONTROL_LINK, &to_role, &ends[0], 1);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void
admit(struct monitor *m, int guest)
{
	const struct control_FAILED no = { .words = TEXT("only root and the service's own user") };
	struct ucred who;
	socklen_t len = sizeof(who);
	enum status st;

	if (getsockopt(guest, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0 ||
	    (who.uid != 0 && who.uid != geteuid())) {
		st = control_send(guest, CONTROL_FAILED, &no, NULL, 0);
		LOG_WARN("monitor.operator_refused", FIELD_U64("uid", who.uid), FIELD_STATUS(st));
		return;
	}
	m->last_operator++;
	for (unsigned i = 0; i < m->count; i++)
		if (takes_links(&m->children[i]))
			admit_to(m, &m->children[i], guest);
	st = control_send(guest, CONTROL_DONE, &(struct control_DONE){ 0 }, NULL, 0);
	LOG_DEBUG("monitor.operator", FIELD_U64("uid", who.uid), FIELD_I64("pid", who.pid),
	    FIELD_STATUS(st));
}

void
monitor_admit(struct monitor *m)
{
	int guest = accept4(m->operators, NULL, NULL, SOCK_CLOEXEC);

	if (guest < 0)
		return;
	admit(m, guest);
	(void)close(guest);
}
