/* SPDX-License-Identifier: ISC */
/*
 * mailstead demo: a whole service in a folder, with two people and some mail.
 * It is an ordinary instance whose configuration is made here; people and
 * mail are put in by a child process, as an operator and a stranger would.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "command/account.h"
#include "command/demo_mail.h"
#include "command/demo_tls.h"
#include "command/domain_keys.h"
#include "command/start.h"
#include "runtime/settings.h"
#include "store/calls.h"

#define DOMAIN "demo.test"
#define HOSTNAME "mail.demo.test"
#define PASSWORD "demo"
#define PORT_BASE 20000

struct demo {
	const char *dir;
	uint16_t base;
};

static const struct {
	const char *address;
	bool admin;
} people[] = { { "alice@" DOMAIN, false }, { "bob@" DOMAIN, false }, { "admin@" DOMAIN, true } };

/* ---- what is in it ---- */

static enum status
add_person(struct instance *i, const char *address, bool admin)
{
	struct store_account_add_request q = { .address = text_of(address), .admin = admin };
	struct store_account_add_reply r;
	struct auth_verifier_reply v;
	enum status s;

	s = account_verifier(i->calls, TEXT(PASSWORD), TEXT_EMPTY, &i->arena, &v, &i->failure);
	if (s != STATUS_OK)
		return s;
	q.verifier = v.verifier;
	q.has_scram = v.has_scram;
	return store_account_add(i->calls, &q, &i->arena, &r, &i->failure);
}

/* Mail for postmaster goes to the admin (RFC 5321 4.5.1). */
static enum status
name_postmaster(struct instance *i)
{
	const struct store_setting_set_request q = {
		.name = text_of(setting_row(SET_STORE_POSTMASTER)->name),
		.value = TEXT("admin@" DOMAIN),
	};
	struct store_setting_set_reply r;

	return store_setting_set(i->calls, &q, &i->arena, &r, &i->failure);
}

static int
populate(struct instance *i, const struct demo *d)
{
	struct store_domain_add_request q = { .name = TEXT(DOMAIN) };
	struct store_domain_add_reply r;
	enum status s = store_domain_add(i->calls, &q, &i->arena, &r, &i->failure);
	bool fresh = s == STATUS_OK;

	/* A start that was cut off is finished by the next one. */
	if (s == STATUS_EXISTS)
		s = STATUS_OK;
	if (s == STATUS_OK)
		s = domain_keys_make(i->calls, q.name, true, &i->arena, &i->failure);
	for (size_t k = 0; k < ARRAY_LEN(people) && s == STATUS_OK; k++) {
		s = add_person(i, people[k].address, people[k].admin);
		fresh = fresh || s == STATUS_OK;
		if (s == STATUS_EXISTS)
			s = STATUS_OK;
	}
	if (s == STATUS_OK && fresh)
		s = name_postmaster(i);
	if (s == STATUS_OK && fresh)
		s = demo_mail_send(
		    (uint16_t)(d->base + 25), clock_wall() / CLOCK_SECOND, &i->failure);
	return s == STATUS_OK ? EXIT_DONE
			      : refused("demo: %s (%s)", i->failure.client, i->failure.log);
}

static void
print_table(const struct demo *d)
{
	static const struct {
		const char *protocol, *how;
		int port;
	} rows[] = {
		{ "smtp", "mail from other servers", 25 },
		{ "lmtp", "mail from another MTA", 24 },
		{ "submissions", "mail apps that send, TLS", 465 },
		{ "submission", "mail apps that send, STARTTLS", 587 },
		{ "imap", "mail apps, STARTTLS", 143 },
		{ "imaps", "mail apps, TLS", 993 },
		{ "pop3", "mail apps, STARTTLS", 110 },
		{ "pop3s", "mail apps, TLS", 995 },
	};

	printf("\nMailstead demo in %s: host %s, domain %s\n", d->dir, HOSTNAME, DOMAIN);
	for (size_t i = 0; i < ARRAY_LEN(people); i++)
		printf("  %-18s password %s\n", people[i].address, PASSWORD);
	printf("\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		printf("  127.0.0.1:%-6d %-11s %s\n", d->base + rows[i].port, rows[i].protocol,
		    rows[i].how);
	printf(
	    "\nTry:\n"
	    "  curl --cacert %s/tls/ca.pem -u alice@demo.test:demo --resolve %s:%d:127.0.0.1 \\\n"
	    "      'imaps://%s:%d/INBOX;MAILINDEX=1'\n"
	    "  printf 'From: alice@demo.test\\nSubject: Hello\\n\\nHello, Bob.\\n' | \\\n"
	    "  curl --cacert %s/tls/ca.pem -u alice@demo.test:demo --resolve %s:%d:127.0.0.1 \\\n"
	    "      --mail-from alice@demo.test --mail-rcpt bob@demo.test -T - \\\n"
	    "      smtps://%s:%d\n"
	    "  %s doctor --dir %s\n\n",
	    d->dir, HOSTNAME, d->base + 993, HOSTNAME, d->base + 993, d->dir, HOSTNAME,
	    d->base + 465, HOSTNAME, d->base + 465, program_invocation_name, d->dir);
	puts("ready");
	fflush(stdout);
}

_Noreturn static void
furnish_and_leave(const struct demo *d)
{
	struct options o = { .dir = d->dir };
	struct instance i;
	int code = instance_join(&o, &i);

	if (code == EXIT_DONE) {
		code = populate(&i, d);
		instance_leave(&i);
	}
	if (code == EXIT_DONE)
		print_table(d);
	else
		kill(getppid(), SIGTERM);
	_exit(code);
}

/* In a child: the monitor itself makes no calls and reads no answers. */
static int
furnish(void *arg)
{
	pid_t child = fork();

	if (child == 0)
		furnish_and_leave(arg);
	if (child < 0)
		LOG_ALARM("demo.fork", FIELD_STRING("why", strerror(errno)));
	return child < 0 ? -1 : pidfd_open(child, 0);
}

/* ---- the folder ---- */

/* Removes what a demo makes, and nothing else that may lie there. */
static enum status
remove_tree(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	char child[PATH_MAX];
	struct stat st;
	enum status s = STATUS_OK;

	if (dir == NULL)
		return errno == ENOENT ? STATUS_OK : STATUS_IO;
	while ((e = readdir(dir)) != NULL && s == STATUS_OK) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if ((size_t)snprintf(child, sizeof(child), "%s/%s", path, e->d_name) >=
			sizeof(child) ||
		    lstat(child, &st) != 0)
			s = STATUS_IO;
		else if (S_ISDIR(st.st_mode))
			s = remove_tree(child);
		else if (unlink(child) != 0)
			s = STATUS_IO;
	}
	closedir(dir);
	return s == STATUS_OK && rmdir(path) != 0 ? STATUS_IO : s;
}

static enum status
reset(const char *dir)
{
	static const char *const parts[] = { "store", "keys", "tls" };
	char path[PATH_MAX];
	enum status s = STATUS_OK;

	for (size_t i = 0; i < ARRAY_LEN(parts) && s == STATUS_OK; i++) {
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, parts[i]) >= sizeof(path))
			return STATUS_LIMIT;
		s = remove_tree(path);
	}
	return s;
}

/* ---- the configuration ---- */

static void
configure(const struct demo *d, struct arena *a, struct config *c)
{
	static struct text loopback[] = { { "127.0.0.1", 9 }, { "::1", 3 } };
	const struct config_protocol *p;
	size_t count = 0;

	while (config_protocol_at(count) != NULL)
		count++;
	*c = (struct config){
		.hostname = TEXT(HOSTNAME),
		.dir = text_of(d->dir),
		.engine = TEXT("rocksdb"),
		.log_format = TEXT("logfmt"),
		.listener_count = (uint32_t)count,
		.tls_count = 1,
	};
	c->listeners = ARENA_ARRAY(a, struct config_listener, count);
	for (size_t i = 0; i < count; i++) {
		p = config_protocol_at(i);
		c->listeners[i] = (struct config_listener){
			.name = text_of(p->name),
			.addresses = loopback,
			.address_count = 2,
			.port = (uint16_t)(d->base + p->port),
			.tls = p->tls,
			.plain_auth = true,
		};
	}
	c->tls = ARENA_NEW(a, struct config_tls);
	c->tls->certificate = arena_printf(a, "%s/tls/cert.pem", d->dir);
	c->tls->key = arena_printf(a, "%s/tls/key.pem", d->dir);
}

static int
port_base(const struct options *o, uint16_t *out)
{
	uint32_t n = PORT_BASE;

	if (o->port_base != NULL &&
	    (text_to_u32(text_of(o->port_base), &n) != STATUS_OK || n > 65535 - 9999))
		return refused("--port-base takes a number up to 55536");
	*out = (uint16_t)n;
	return EXIT_DONE;
}

int
command_demo(const struct command *c, const struct options *o)
{
	struct demo d = { .dir = o->dir != NULL ? o->dir : "demo" };
	struct arena a = ARENA_INIT;
	struct failure f = { 0 };
	char real[PATH_MAX];
	struct config config;
	int code;

	if (o->arg_count != 0)
		return usage(c);
	code = port_base(o, &d.base);
	if (code != EXIT_DONE)
		return code;
	if (mkdir(d.dir, 0700) != 0 && errno != EEXIST)
		return refused("cannot make %s: %s", d.dir, strerror(errno));
	if (realpath(d.dir, real) == NULL)
		return refused("cannot use %s: %s", d.dir, strerror(errno));
	d.dir = real;
	if (o->reset != NULL && reset(d.dir) != STATUS_OK)
		return refused("cannot empty %s: %s", d.dir, strerror(errno));
	if (demo_tls_make(d.dir, HOSTNAME, &f) != STATUS_OK)
		return refused("%s (%s)", f.client, f.log);
	configure(&d, &a, &config);
	code = start_instance(&config, furnish, &d);
	arena_done(&a);
	return code;
}
