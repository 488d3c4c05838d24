/* SPDX-License-Identifier: ISC */
/*
 * Linked ends in one process, for tests: the same sockets, threads and checks
 * as between two roles, without a monitor.
 */
#include <sys/socket.h>

#include "runtime/call_links.h"
#include "runtime/role.h"

#define SERVERS_MAX 8

struct call_pair {
	enum role client_role;
	struct calls *client;
	struct calls *servers[SERVERS_MAX];
	enum role roles[SERVERS_MAX];
	unsigned count;
};

static void
link_ends(struct call_pair *p, unsigned i)
{
	int ends[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	CHECK(calls_link(p->servers[i], ends[0], p->client_role, 0) == STATUS_OK);
	CHECK(calls_link(p->client, ends[1], p->roles[i], 0) == STATUS_OK);
}

unsigned
call_pair_add(struct call_pair *p, const struct call_server_config *server, enum role server_role)
{
	const struct calls_config config = { .self = server_role, .server = server };
	unsigned i = p->count++;

	CHECK(i < SERVERS_MAX);
	p->roles[i] = server_role;
	p->servers[i] = calls_new(&config);
	link_ends(p, i);
	calls_open(p->servers[i]);
	return i;
}

struct call_pair *
call_pair_new(enum role client, const struct call_server_config *server, enum role server_role,
    struct calls **out)
{
	static const struct call_server_config nothing = { .threads = 1 };
	const struct calls_config config = { .self = client, .server = &nothing };
	struct call_pair *p = MEM_NEW(struct call_pair);

	p->client_role = client;
	p->client = calls_new(&config);
	calls_open(p->client);
	(void)call_pair_add(p, server, server_role);
	*out = p->client;
	return p;
}

struct calls *
call_pair_server(struct call_pair *p, unsigned i)
{
	CHECK(i < p->count);
	return p->servers[i];
}

void
call_pair_break(struct call_pair *p, unsigned i)
{
	struct link *l;

	CHECK(i < p->count);
	if (calls_take(p->client, p->roles[i], 0, 0, &l) != STATUS_OK)
		return;
	link_close(l);
	link_unref(l);
}

void
call_pair_mend(struct call_pair *p, unsigned i)
{
	CHECK(i < p->count);
	link_ends(p, i);
}

void
call_pair_free(struct call_pair *p)
{
	calls_free(p->client);
	for (unsigned i = 0; i < p->count; i++)
		calls_free(p->servers[i]);
	mem_free(p);
}
