/* SPDX-License-Identifier: ISC */
/*
 * A role's life: the monitor executes the binary again for it, hands it over
 * one control socket (descriptor 3) what it needs and nothing else, and later
 * the links to its peers; the role prepares, drops its privileges, enters the
 * sandbox, says that it is ready, serves its calls, and stops when told.
 *
 * The messages between the two are in runtime/control.h. A role that cannot
 * start says why; one that dies is started again by the monitor, and its peers
 * get new links to it.
 */
#ifndef RUNTIME_ROLE_H
#define RUNTIME_ROLE_H

#include "base/arena.h"
#include "runtime/calls.h"
#include "runtime/session.h"

/* A secret that a role gets at start: key material by name. The table of
 * monitor_start.c says which role gets which. */
enum secret {
	SECRET_TOKEN,	 /* 32 octets; auth and store: MAC of tokens */
	SECRET_VERIFIER, /* 32 octets; auth: seals password verifiers */
	SECRET_COUNT
};

/* One certificate with its key, as the files have it; to auth alone. */
struct role_certificate {
	struct text chain, key; /* PEM */
};

/* A listening socket that was bound by the monitor. */
struct role_listener {
	struct text name; /* "smtp", "imaps", ... */
	enum listener_tls tls;
	bool plain_auth, proxy;
	int fd;
	uint16_t port;
};

#define ROLE_ROUTE_FIELDS 7
#define BOARD_SIZE 65536u /* octets */

/* Lives as long as the process. */
struct role_start {
	enum role role;
	uint32_t instance; /* 0.. among those of the same role */
	struct text hostname;
	struct text dir;    /* data folder; store only, else empty */
	struct text engine; /* store: "rocksdb" or "memory" */
	/* lookup: addresses of DNS servers, and paths of files to read in prepare
	 * (of them ca_file outbound too); empty where the configuration says nothing */
	struct text resolver, trust_anchor, ca_file;
	struct texts own; /* outbound: "192.0.2.1:25", where the site takes mail itself */
	/* outbound: ROLE_ROUTE_FIELDS texts a route (domain, host, port, tls, protocol,
	 * user, password), and the addresses that mail goes out from */
	struct texts routes, sources;
	uint32_t uid, gid; /* 0: keep */
	bool sandbox_off;
	uint32_t log_format, log_level;
	uint32_t threads; /* workers for calls, by the configuration; 0: the role's default */
	struct text secret[SECRET_COUNT]; /* empty unless the table grants it */
	struct role_certificate *certificates;
	uint32_t certificate_count;
	struct role_listener *listeners;
	uint32_t listener_count;
	struct texts proxy_peers; /* networks that may speak PROXY */
	int notes; /* intake: a memfd of 4,096 octets, made once by the monitor and the
		      same for every instance and life of the role; else -1 */
	int board; /* store and access: a memfd of BOARD_SIZE octets, made once by the
		      monitor and the same for all lives of both (store/board.h). The
		      store alone may write it. Else -1 */
};

/* What a role is made of; each file in src/role has one and nothing else that
 * is not static. */
struct role_ops {
	enum role role;
	/* Opens what needs files or privileges that the sandbox takes away. Starts no
	 * thread: Landlock confines the calling thread and those it starts later.
	 * Then the sandbox closes. */
	enum status (*prepare)(const struct role_start *start, void **context, struct failure *f);
	/* Inside the sandbox: opens what may be opened there (the store its engine)
	 * and fills in the calls that this role serves. */
	enum status (*serve)(void *context, struct call_server_config *config, struct failure *f);
	/* Links may be used from here on; starts services. Calls of others are
	 * handed to this role's handlers only after begin returned: a role must
	 * not wait here for a peer that waits for it. Fronts ask auth, auth and
	 * intake ask the store. */
	enum status (*begin)(void *context, struct calls *calls, struct failure *f);
	/* New certificates: files for auth (count > 0), a hint for fronts to
	 * ask auth, which has them by then. May be NULL. */
	void (*certificates)(void *context, const struct role_certificate *at, uint32_t count);
	/* A link to this peer was lost and is there again. May be NULL. */
	void (*relinked)(void *context, enum role peer);
	/* Graceful: finish what was acknowledged, by the deadline (monotonic).
	 * New requests are refused by then, and none is in hand but streams; no
	 * handler, `lost` or stream function is called any more. Calls to others
	 * work until it returns. */
	void (*stop)(void *context, int64_t deadline);
};

/* Runs the role to its end, as "mailstead role NAME" with the control socket as
 * descriptor 3; the process's exit code. Once in a process. */
int role_run(const struct role_ops *ops);

/* The operator's side: joins over dir/operator.sock as role ADMIN. Gives links
 * to every role that runs. UNAVAILABLE: no monitor there; DENIED: not root and
 * not the user of the monitor. */
enum status role_join_as_admin(
    const char *socket_path, struct calls **out, struct failure *f) MUST_CHECK;
void calls_free(struct calls *c);

/* Tests: a pair of linked ends in one process, without a monitor: a client
 * that speaks as role client, and a server of these rows. */
struct call_pair;
struct call_pair *call_pair_new(enum role client, const struct call_server_config *server,
    enum role server_role, struct calls **out);
/* One more server for the same client; gives its number (the first is 0). */
unsigned call_pair_add(
    struct call_pair *p, const struct call_server_config *server, enum role server_role);
/* The server's own end: to call the client's runtime_calls. */
struct calls *call_pair_server(struct call_pair *p, unsigned number);
/* The link breaks, as when the server died; and a new one is there. */
void call_pair_break(struct call_pair *p, unsigned number);
void call_pair_mend(struct call_pair *p, unsigned number);
void call_pair_free(struct call_pair *p);

#endif
