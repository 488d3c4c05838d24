/* SPDX-License-Identifier: ISC */
/*
 * The configuration file: only what is needed to start (INTERFACE of the
 * product). One table says which keys there are; `mailstead check` reports
 * what does not fit it, by line. Everything else is a live setting.
 */
#ifndef COMMAND_CONFIG_H
#define COMMAND_CONFIG_H

#include "base/arena.h"
#include "runtime/roles.h"
#include "runtime/session.h"

struct config_listener {
	struct text name; /* a row of config_protocols */
	struct text *addresses;
	uint32_t address_count;
	uint16_t port;
	enum listener_tls tls;
	bool plain_auth, proxy;
	uint32_t line;
};

struct config_tls {
	struct text certificate, key; /* paths of PEM files */
	uint32_t line;
};

struct config_user {
	struct text role, user; /* a name or a number */
	uint32_t line;
};

/* Where mail for a domain goes instead of where the DNS says. */
struct config_route {
	struct text domain; /* in A-labels; "*.example.net": all below; "*": all */
	struct text host;   /* an address, or a name without MX */
	struct text tls;    /* a word of outbound/transport.h */
	struct text user, password;
	struct text protocol; /* "smtp" or "lmtp" */
	uint16_t port;
	uint32_t line;
};

struct config {
	struct text path;
	struct text hostname, dir, engine;
	struct text resolver;		   /* as in lookup/resolver.h; empty: the system's */
	struct text trust_anchor, ca_file; /* paths; empty: the system's, none */
	struct config_listener *listeners;
	uint32_t listener_count;
	struct config_tls *tls;
	uint32_t tls_count;
	struct config_user *users;
	uint32_t user_count;
	struct text log_format; /* "logfmt" or "json" */
	uint32_t intakes;	/* instances; 0: one a core */
	struct config_route *routes;
	uint32_t route_count;
	struct text *sources; /* addresses that mail goes out from */
	uint32_t source_count;
	struct text *proxy_peers;
	uint32_t proxy_peer_count;
};

/* The protocols that can be listened for: default port and kind of TLS. */
struct config_protocol {
	const char *name;
	uint16_t port;
	enum listener_tls tls;
};
const struct config_protocol *config_protocol(struct text name);
const struct config_protocol *config_protocol_at(size_t i); /* NULL at the end */

#define CONFIG_PROBLEMS_MAX 50

struct config_problems {
	struct text at[CONFIG_PROBLEMS_MAX]; /* "line 7: ..." */
	uint32_t count;
};

/* Reads and checks; with problems the result is INVALID and *out untouched.
 * NOT_FOUND or IO with words in f if the file cannot be read. */
enum status config_read(const char *path, struct arena *a, struct config *out,
    struct config_problems *problems, struct failure *f) MUST_CHECK;
/* The same from a text, for tests and the fuzzer. */
enum status config_of_text(struct text file, struct arena *a, struct config *out,
    struct config_problems *problems) MUST_CHECK;
/* Adds "line 7: words", as long as there is room. */
void config_problem(struct config_problems *p, struct arena *a, uint32_t line, const char *words);
/* What is dangerous in a good one. */
void config_warnings(const struct config *c, struct arena *a, struct config_problems *warnings);
/* A whole small file into the arena. */
enum status file_read(
    const char *path, size_t max, struct arena *a, struct text *out, struct failure *f) MUST_CHECK;

#endif
