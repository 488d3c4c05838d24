/* SPDX-License-Identifier: ISC */
/*
 * What the keys of the configuration file mean. A table a section: key, how
 * often and what kind of value, and the function that takes it. All problems
 * are collected, so that one run of `mailstead check` shows them all.
 */
#include "command/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "codec/idna.h"
#include "command/conf_file.h"
#include "lookup/resolver.h"
#include "outbound/transport.h"

struct reader {
	struct arena *a;
	struct config *config;
	struct config_problems *problems;
};

static void problem(struct reader *r, uint32_t line, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void
problem(struct reader *r, uint32_t line, const char *fmt, ...)
{
	struct buffer b = BUFFER_INIT;
	va_list ap;

	if (r->problems->count == CONFIG_PROBLEMS_MAX)
		return;
	if (line > 0)
		buffer_addf(&b, "line %u: ", line);
	va_start(ap, fmt);
	buffer_addv(&b, fmt, ap);
	va_end(ap);
	r->problems->at[r->problems->count++] = arena_copy(r->a, buffer_text(&b));
	buffer_done(&b);
}

/* ---- protocols ---- */

static const struct config_protocol protocols[] = {
	{ "smtp", 25, TLS_STARTTLS },
	{ "lmtp", 24, TLS_NONE },
	{ "submission", 587, TLS_STARTTLS },
	{ "submissions", 465, TLS_IMPLICIT },
	{ "imap", 143, TLS_STARTTLS },
	{ "imaps", 993, TLS_IMPLICIT },
	{ "pop3", 110, TLS_STARTTLS },
	{ "pop3s", 995, TLS_IMPLICIT },
};

const struct config_protocol *
config_protocol_at(size_t i)
{
	return i < ARRAY_LEN(protocols) ? &protocols[i] : NULL;
}

const struct config_protocol *
config_protocol(struct text name)
{
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
		if (text_equal(name, text_of(protocols[i].name)))
			return &protocols[i];
	return NULL;
}

/* ---- values ---- */

static bool
one(struct reader *r, const struct conf_node *n, struct text *out)
{
	if (n->is_section || n->value_count != 1) {
		problem(r, n->line, "%.*s takes one value", TEXT_ARG(n->key));
		return false;
	}
	*out = n->values[0];
	return true;
}

static bool
number(struct reader *r, const struct conf_node *n, uint32_t max, uint32_t *out)
{
	struct text t;

	if (!one(r, n, &t))
		return false;
	if (text_to_u32(t, out) != STATUS_OK || *out > max) {
		problem(r, n->line, "%.*s takes a number up to %u", TEXT_ARG(n->key), max);
		return false;
	}
	return true;
}

static bool
yes_or_no(struct reader *r, const struct conf_node *n, bool *out)
{
	static const char *const yes[] = { "true", "yes", "on" }, *const no[] = { "false", "no",
		"off" };
	struct text t;

	if (!one(r, n, &t))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		if (text_equal_ci(t, text_of(yes[i])) || text_equal_ci(t, text_of(no[i]))) {
			*out = text_equal_ci(t, text_of(yes[i]));
			return true;
		}
	problem(r, n->line, "%.*s takes yes or no", TEXT_ARG(n->key));
	return false;
}

/* One of a few words. */
static bool
word(struct reader *r, const struct conf_node *n, const char *const *words, struct text *out)
{
	struct buffer all = BUFFER_INIT;
	struct text t;

	if (!one(r, n, &t))
		return false;
	for (size_t i = 0; words[i] != NULL; i++) {
		if (text_equal(t, text_of(words[i]))) {
			*out = t;
			buffer_done(&all);
			return true;
		}
		buffer_addf(&all, "%s%s", i > 0 ? ", " : "", words[i]);
	}
	problem(r, n->line, "%.*s is one of %s, not \"%.*s\"", TEXT_ARG(n->key),
	    buffer_string(&all), TEXT_ARG(t));
	buffer_done(&all);
	return false;
}

/* ---- sections ---- */

struct config_key {
	const char *name;
	void (*take)(struct reader *r, const struct conf_node *n, void *into);
	bool many;
};

static void
section(struct reader *r, const struct conf_node *first, const struct config_key *keys,
    size_t count, void *into, const char *where)
{
	uint64_t seen = 0;

	for (const struct conf_node *n = first; n != NULL; n = n->next) {
		size_t i = 0;

		while (i < count && !text_equal(n->key, text_of(keys[i].name)))
			i++;
		if (i == count) {
			problem(r, n->line, "unknown setting \"%.*s\"%s", TEXT_ARG(n->key), where);
			continue;
		}
		if (!keys[i].many && (seen & UINT64_C(1) << i)) {
			problem(r, n->line, "%s is set twice", keys[i].name);
			continue;
		}
		seen |= UINT64_C(1) << i;
		keys[i].take(r, n, into);
	}
}

static bool
is_address(struct text word)
{
	char name[INET6_ADDRSTRLEN + 1];
	struct in6_addr any;

	return text_to_string(word, name, sizeof(name)) == STATUS_OK &&
	       (inet_pton(AF_INET, name, &any) == 1 || inet_pton(AF_INET6, name, &any) == 1);
}

static void
take_addresses(struct reader *r, const struct conf_node *n, void *into)
{
	struct config_listener *l = into;

	if (n->is_section || n->value_count == 0) {
		problem(r, n->line, "address takes an address or a list of addresses");
		return;
	}
	for (uint32_t i = 0; i < n->value_count; i++)
		if (!is_address(n->values[i]))
			problem(r, n->line, "not an IP address: %.*s", TEXT_ARG(n->values[i]));
	l->addresses = n->values;
	l->address_count = n->value_count;
}

static void
take_port(struct reader *r, const struct conf_node *n, void *into)
{
	struct config_listener *l = into;
	uint32_t port;

	if (number(r, n, 65535, &port))
		l->port = (uint16_t)port;
}

static void
take_listener_tls(struct reader *r, const struct conf_node *n, void *into)
{
	static const char *const words[] = { "none", "starttls", "implicit", NULL };
	struct config_listener *l = into;
	struct text t;

	if (word(r, n, words, &t))
		l->tls = t.ptr[0] == 'n' ? TLS_NONE : t.ptr[0] == 's' ? TLS_STARTTLS : TLS_IMPLICIT;
}

static void
take_plain_auth(struct reader *r, const struct conf_node *n, void *into)
{
	(void)yes_or_no(r, n, &((struct config_listener *)into)->plain_auth);
}

static void
take_proxy(struct reader *r, const struct conf_node *n, void *into)
{
	(void)yes_or_no(r, n, &((struct config_listener *)into)->proxy);
}

static const struct config_key listener_keys[] = {
	{ "address", take_addresses, false },
	{ "port", take_port, false },
	{ "tls", take_listener_tls, false },
	{ "plain_auth", take_plain_auth, false },
	{ "proxy", take_proxy, false },
};

/* Room for one more in a growing list of the arena. */
static void *
append(struct arena *a, void *list, uint32_t count, size_t size)
{
	char *wider;

	if ((count & (count - 1)) != 0)
		return list;
	wider = arena_array(a, count == 0 ? 1 : (size_t)count * 2, size);
	if (count > 0)
		memcpy(wider, list, count * size);
	return wider;
}

static void
take_listen(struct reader *r, const struct conf_node *n, void *into)
{
	static struct text any[] = { { "0.0.0.0", 7 }, { "::", 2 } };
	const struct config_protocol *p = config_protocol(n->label);
	struct config *c = into;
	struct config_listener *l;

	if (!n->is_section || p == NULL) {
		problem(r, n->line,
		    "listen takes a protocol and a section: listen smtp { ... }; the "
		    "protocols are smtp, lmtp, submission, submissions, imap, imaps, pop3 and "
		    "pop3s");
		return;
	}
	c->listeners = append(r->a, c->listeners, c->listener_count, sizeof(*c->listeners));
	l = &c->listeners[c->listener_count++];
	*l = (struct config_listener){
		.name = n->label,
		.addresses = any,
		.address_count = 2,
		.port = p->port,
		.tls = p->tls,
		.line = n->line,
	};
	section(r, n->child, listener_keys, ARRAY_LEN(listener_keys), l, " in listen");
}

/* ---- routes ---- */

static void
take_route_host(struct reader *r, const struct conf_node *n, void *into)
{
	struct config_route *t = into;
	struct buffer ascii = BUFFER_INIT;

	if (!one(r, n, &t->host) || is_address(t->host))
		return;
	if (idna_to_ascii(t->host, &ascii) != STATUS_OK)
		problem(r, n->line, "host is no address and no name: \"%.*s\"", TEXT_ARG(t->host));
	else
		t->host = arena_copy(r->a, buffer_text(&ascii));
	buffer_done(&ascii);
}

static void
take_route_port(struct reader *r, const struct conf_node *n, void *into)
{
	uint32_t port;

	if (number(r, n, 65535, &port))
		((struct config_route *)into)->port = (uint16_t)port;
}

static void
take_route_tls(struct reader *r, const struct conf_node *n, void *into)
{
	(void)word(r, n, transport_tls_words, &((struct config_route *)into)->tls);
}

static void
take_route_protocol(struct reader *r, const struct conf_node *n, void *into)
{
	static const char *const words[] = { "smtp", "lmtp", NULL };

	(void)word(r, n, words, &((struct config_route *)into)->protocol);
}

static void
take_route_user(struct reader *r, const struct conf_node *n, void *into)
{
	(void)one(r, n, &((struct config_route *)into)->user);
}

static void
take_route_password(struct reader *r, const struct conf_node *n, void *into)
{
	(void)one(r, n, &((struct config_route *)into)->password);
}

static const struct config_key route_keys[] = {
	{ "host", take_route_host, false },
	{ "port", take_route_port, false },
	{ "tls", take_route_tls, false },
	{ "protocol", take_route_protocol, false },
	{ "user", take_route_user, false },
	{ "password", take_route_password, false },
};

/* "*", "*.example.net" or "example.net". */
static bool
route_domain(struct reader *r, struct text label, struct text *out)
{
	bool below = text_starts(label, TEXT("*."));
	struct buffer ascii = BUFFER_INIT;
	bool good = true;

	if (text_equal(label, TEXT("*"))) {
		*out = label;
		return true;
	}
	if (below)
		buffer_add_string(&ascii, "*.");
	good = idna_to_ascii(text_part(label, below ? 2 : 0, label.len), &ascii) == STATUS_OK;
	if (good)
		*out = arena_copy(r->a, buffer_text(&ascii));
	buffer_done(&ascii);
	return good;
}

/* A name and password go to nobody who has not proved who he is. */
static void
route_complete(struct reader *r, struct config_route *t)
{
	if (t->host.len == 0)
		problem(r, t->line, "route needs a host");
	if ((t->user.len == 0) != (t->password.len == 0))
		problem(r, t->line, "route needs both user and password, or neither");
	if (t->tls.len == 0)
		t->tls = t->user.len > 0 ? TEXT("verify") : TEXT("may");
	if (t->port == 0)
		t->port = text_equal(t->protocol, TEXT("lmtp"))	 ? 24
			  : text_equal(t->tls, TEXT("implicit")) ? 465
			  : t->user.len > 0			 ? 587
								 : 25;
}

static void
take_route(struct reader *r, const struct conf_node *n, void *into)
{
	struct config *c = into;
	struct config_route *t;
	struct text domain = TEXT_EMPTY;

	if (!n->is_section || !route_domain(r, n->label, &domain)) {
		problem(r, n->line,
		    "route takes a domain and a section: route \"example.net\" { host = "
		    "\"192.0.2.1\" }; the domain may be \"*.example.net\" or \"*\"");
		return;
	}
	c->routes = append(r->a, c->routes, c->route_count, sizeof(*c->routes));
	t = &c->routes[c->route_count++];
	*t = (struct config_route){ .domain = domain, .protocol = TEXT("smtp"), .line = n->line };
	section(r, n->child, route_keys, ARRAY_LEN(route_keys), t, " in route");
	route_complete(r, t);
}

static void
take_source(struct reader *r, const struct conf_node *n, void *into)
{
	struct config *c = into;

	if (n->is_section || n->value_count == 0)
		problem(r, n->line, "source takes an address of this host, or a list of them");
	for (uint32_t i = 0; i < n->value_count; i++)
		if (!is_address(n->values[i]))
			problem(r, n->line, "not an IP address: %.*s", TEXT_ARG(n->values[i]));
	c->sources = n->values;
	c->source_count = n->value_count;
}

/* ---- the rest ---- */

static void
take_certificate(struct reader *r, const struct conf_node *n, void *into)
{
	(void)one(r, n, &((struct config_tls *)into)->certificate);
}

static void
take_key(struct reader *r, const struct conf_node *n, void *into)
{
	(void)one(r, n, &((struct config_tls *)into)->key);
}

static const struct config_key tls_keys[] = {
	{ "certificate", take_certificate, false },
	{ "key", take_key, false },
};

static void
take_tls(struct reader *r, const struct conf_node *n, void *into)
{
	struct config *c = into;
	struct config_tls *t;

	if (!n->is_section) {
		problem(r, n->line,
		    "tls takes a section: tls { certificate = \"...\"; key = \"...\" }");
		return;
	}
	c->tls = append(r->a, c->tls, c->tls_count, sizeof(*c->tls));
	t = &c->tls[c->tls_count++];
	*t = (struct config_tls){ .line = n->line };
	section(r, n->child, tls_keys, ARRAY_LEN(tls_keys), t, " in tls");
	if (t->certificate.len == 0 || t->key.len == 0)
		problem(r, n->line, "tls needs both certificate and key");
}

static void
take_engine(struct reader *r, const struct conf_node *n, void *into)
{
	static const char *const words[] = { "rocksdb", NULL };

	(void)word(r, n, words, &((struct config *)into)->engine);
}

static const struct config_key store_keys[] = { { "engine", take_engine, false } };

static void
take_store(struct reader *r, const struct conf_node *n, void *into)
{
	if (!n->is_section)
		problem(r, n->line, "store takes a section: store { engine = rocksdb }");
	else
		section(r, n->child, store_keys, ARRAY_LEN(store_keys), into, " in store");
}

static void
take_users(struct reader *r, const struct conf_node *n, void *into)
{
	struct config *c = into;
	struct config_user *u;
	enum role role;
	struct text user;

	if (!n->is_section) {
		problem(r, n->line, "users takes a section: users { store = mailstead-store }");
		return;
	}
	for (const struct conf_node *k = n->child; k != NULL; k = k->next) {
		if (role_of_word(k->key, &role) != STATUS_OK || role == ROLE_MONITOR ||
		    role == ROLE_ADMIN) {
			problem(
			    r, k->line, "\"%.*s\" is no role that has a user", TEXT_ARG(k->key));
			continue;
		}
		if (!one(r, k, &user))
			continue;
		c->users = append(r->a, c->users, c->user_count, sizeof(*c->users));
		u = &c->users[c->user_count++];
		*u = (struct config_user){ k->key, user, k->line };
	}
}

static void
take_log_format(struct reader *r, const struct conf_node *n, void *into)
{
	static const char *const words[] = { "logfmt", "json", NULL };

	(void)word(r, n, words, &((struct config *)into)->log_format);
}

static const struct config_key log_keys[] = { { "format", take_log_format, false } };

static void
take_log(struct reader *r, const struct conf_node *n, void *into)
{
	if (!n->is_section)
		problem(r, n->line, "log takes a section: log { format = json }");
	else
		section(r, n->child, log_keys, ARRAY_LEN(log_keys), into, " in log");
}

static void
take_hostname(struct reader *r, const struct conf_node *n, void *into)
{
	struct config *c = into;
	struct buffer ascii = BUFFER_INIT;
	struct text name;

	if (!one(r, n, &name))
		return;
	if (idna_to_ascii(name, &ascii) != STATUS_OK || text_find_byte(name, '.', 0) == name.len)
		problem(r, n->line, "hostname is no full domain name: \"%.*s\"", TEXT_ARG(name));
	else
		c->hostname = arena_copy(r->a, buffer_text(&ascii));
	buffer_done(&ascii);
}

static void
take_path(struct reader *r, const struct conf_node *n, struct text *out)
{
	if (one(r, n, out) && (out->len == 0 || out->ptr[0] != '/'))
		problem(r, n->line, "%.*s takes a path from the root: \"%.*s\"", TEXT_ARG(n->key),
		    TEXT_ARG(*out));
}

static void
take_dir(struct reader *r, const struct conf_node *n, void *into)
{
	take_path(r, n, &((struct config *)into)->dir);
}

static void
take_resolver(struct reader *r, const struct conf_node *n, void *into)
{
	struct buffer all = BUFFER_INIT;

	for (uint32_t i = 0; i < n->value_count; i++)
		buffer_addf(&all, "%s%.*s", i > 0 ? " " : "", TEXT_ARG(n->values[i]));
	if (n->is_section || !resolver_servers_good(buffer_text(&all)))
		problem(r, n->line,
		    "resolver takes an address or a list of up to eight, each perhaps with a port: "
		    "[\"192.0.2.1\", \"[2001:db8::1]:5353\"]");
	else
		((struct config *)into)->resolver = arena_copy(r->a, buffer_text(&all));
	buffer_done(&all);
}

static void
take_trust_anchor(struct reader *r, const struct conf_node *n, void *into)
{
	take_path(r, n, &((struct config *)into)->trust_anchor);
}

static void
take_ca_file(struct reader *r, const struct conf_node *n, void *into)
{
	take_path(r, n, &((struct config *)into)->ca_file);
}

static void
take_intakes(struct reader *r, const struct conf_node *n, void *into)
{
	(void)number(r, n, 64, &((struct config *)into)->intakes);
}

static void
take_proxy_peers(struct reader *r, const struct conf_node *n, void *into)
{
	struct config *c = into;

	if (n->is_section)
		problem(r, n->line, "proxy_peers takes networks: [\"192.0.2.0/24\"]");
	c->proxy_peers = n->values;
	c->proxy_peer_count = n->value_count;
}

static const struct config_key top_keys[] = {
	{ "hostname", take_hostname, false },
	{ "dir", take_dir, false },
	{ "resolver", take_resolver, false },
	{ "trust_anchor", take_trust_anchor, false },
	{ "ca_file", take_ca_file, false },
	{ "listen", take_listen, true },
	{ "tls", take_tls, true },
	{ "store", take_store, false },
	{ "users", take_users, false },
	{ "log", take_log, false },
	{ "intakes", take_intakes, false },
	{ "route", take_route, true },
	{ "source", take_source, false },
	{ "proxy_peers", take_proxy_peers, false },
};

enum status
config_of_text(
    struct text file, struct arena *a, struct config *out, struct config_problems *problems)
{
	struct config c = { .engine = TEXT("rocksdb"), .log_format = TEXT("logfmt") };
	struct reader r = { a, &c, problems };
	struct conf_node *first = NULL;
	struct failure f;

	if (conf_parse(file, a, &first, &f) != STATUS_OK) {
		problem(&r, 0, "%s", f.client);
		return STATUS_INVALID;
	}
	section(&r, first, top_keys, ARRAY_LEN(top_keys), &c, "");
	if (problems->count == 0 && c.hostname.len == 0)
		problem(&r, 0, "hostname is missing: the name other servers know this one by");
	if (problems->count == 0 && c.dir.len == 0)
		problem(&r, 0, "dir is missing: the folder for all mail");
	if (problems->count == 0 && c.listener_count == 0)
		problem(&r, 0, "nothing is listened for: add listen sections");
	if (problems->count > 0)
		return STATUS_INVALID;
	*out = c;
	return STATUS_OK;
}

enum status
file_read(const char *path, size_t max, struct arena *a, struct text *out, struct failure *f)
{
	struct buffer b = BUFFER_INIT;
	ssize_t n = 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char words[200];

	if (fd < 0) {
		snprintf(words, sizeof(words), "Cannot open %s: %s.", path, strerror(errno));
		return fail(f, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO, words, "%s", words);
	}
	while (n > 0 && b.len <= max) {
		n = read(fd, buffer_room(&b, 65536), 65536);
		if (n > 0)
			buffer_added(&b, (size_t)n);
	}
	close(fd);
	if (n < 0 || b.len > max) {
		buffer_done(&b);
		snprintf(words, sizeof(words), "Cannot read %s: %s.", path,
		    n < 0 ? strerror(errno) : "it is too large");
		return fail(f, STATUS_IO, words, "%s", words);
	}
	*out = arena_copy(a, buffer_text(&b));
	buffer_done_secret(&b);
	return STATUS_OK;
}

enum status
config_read(const char *path, struct arena *a, struct config *out, struct config_problems *problems,
    struct failure *f)
{
	struct text file;
	enum status s = file_read(path, CONF_FILE_MAX, a, &file, f);

	if (s != STATUS_OK)
		return s;
	s = config_of_text(file, a, out, problems);
	if (s == STATUS_OK)
		out->path = arena_copy(a, text_of(path));
	return s;
}
