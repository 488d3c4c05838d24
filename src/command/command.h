/* SPDX-License-Identifier: ISC */
/*
 * The command line: one command, one file, one row in main.c's table. A
 * command exits with 0 (done), 1 (refused or failed, the reason on standard
 * error) or 2 (usage). Most talk to the running instance as role ADMIN, over
 * the operator's socket in the data folder.
 */
#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

#include "base/arena.h"
#include "base/buffer.h"
#include "codec/json.h"
#include "runtime/calls.h"

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

#define CONFIG_DEFAULT "/etc/mailstead/mailstead.conf"

/* What may stand on the command line; a command's row says which. */
#define OPTION_TABLE(X)                                                                       \
	X(DIR, "--dir", dir, true, "data folder of the running instance")                     \
	X(CONFIG, "--config", config, true, "configuration file")                             \
	X(JSON, "--json", json, false, "print JSON")                                          \
	X(RESET, "--reset", reset, false, "start with an empty folder")                       \
	X(PORT_BASE, "--port-base", port_base, true, "first port minus 25 and so on")         \
	X(PASSWORD_STDIN, "--password-stdin", password_stdin, false,                          \
	    "read the password from standard input")                                          \
	X(BATCH, "--batch", batch, true,                                                      \
	    "file with ADDRESS<TAB>PASSWORD (or a ready hash) a line")                        \
	X(HASH, "--hash", hash, true, "ready password hash")                                  \
	X(ADMIN, "--admin", admin, false, "the account may administer")                       \
	X(QUOTA, "--quota", quota, true, "most octets of mail, as 10 GiB; 0 for none")        \
	X(ROLE, "--role", role, true, "only this role")                                       \
	X(SENDER, "--sender", sender, true, "of this address, @DOMAIN or <>")                 \
	X(RECIPIENT, "--recipient", recipient, true, "to this address or @DOMAIN")            \
	X(DOMAIN, "--domain", domain, true, "to this destination")                            \
	X(ACCOUNT, "--account", account, true, "sent by this account")                        \
	X(NETWORK, "--network", network, true, "sent by this network that may relay")         \
	X(OLDER, "--older", older, true, "received before so long: 30m, 12h, 2d")             \
	X(YOUNGER, "--younger", younger, true, "received since so long")                      \
	X(STATE, "--state", state, true, "waiting, held, due or owed")                        \
	X(ALL, "--all", all, false, "all of them")                                            \
	X(SILENT, "--silent", silent, false, "the senders are not told")                      \
	X(COUNT_ONLY, "--count", count, false, "only how many")                               \
	X(LIMIT, "--limit", limit, true, "so many at most")                                   \
	X(DESTINATIONS, "--destinations", destinations, false, "where mail goes, most first") \
	X(MESSAGE_ID, "--message-id", message_id, true, "Message-ID of the header")           \
	X(QUEUE_ID, "--queue-id", queue_id, true, "id in the queue")                          \
	X(FROM, "--from", from, true, "sender of the envelope; \"<>\" for none")              \
	X(TO, "--to", to, true, "recipient of the envelope")                                  \
	X(SINCE, "--since", since, true, "not older: \"2 h\", or a time in UTC")              \
	X(UNTIL, "--until", until, true, "older")                                             \
	X(KEEP, "--keep", keep, false, "a copy of what is forwarded stays here (default)")    \
	X(NO_KEEP, "--no-keep", no_keep, false, "no copy stays here")                         \
	X(OFF, "--off", off, false, "mail is not forwarded any more")                         \
	X(REASON, "--reason", reason, true, "why, as the account is told")                    \
	X(NOW, "--now", now, false, "also of the day that is not over")

enum option {
#define X(id, name, field, takes, help) OPTION_##id,
	OPTION_TABLE(X)
#undef X
	    OPTION_COUNT
};
#define OPT(id) (UINT64_C(1) << OPTION_##id)
/* Every command that talks to the instance. */
#define OPT_INSTANCE (OPT(DIR) | OPT(CONFIG) | OPT(JSON))

struct options {
#define X(id, name, field, takes, help) const char *field;
	OPTION_TABLE(X)
#undef X
	const char *const *args; /* what is no option */
	int arg_count;
};

struct command {
	const char *name;
	const char *usage; /* behind the name, one line a form */
	const char *help;  /* one sentence */
	uint64_t options;  /* OPT(...) or-ed */
	int (*run)(const struct command *c, const struct options *o);
};

/* Prints the usage to standard error; EXIT_USAGE. */
int usage(const struct command *c);
/* Prints "mailstead: ..." to standard error; EXIT_REFUSED. */
int refused(const char *fmt, ...) PRINTF_LIKE(1, 2);
int refused_by(enum status s, const struct failure *f);

/* The instance that --dir or --config names, joined as ADMIN. */
struct instance {
	struct calls *calls;
	struct arena arena; /* for requests and replies */
	struct failure failure;
};
/* EXIT_DONE, or the exit code after the reason was printed. */
int instance_join(const struct options *o, struct instance *out);
void instance_leave(struct instance *i);

/* A command of several verbs: a row each, found by the first argument, by how
 * many follow it, and by an option that the row wants. */
struct verb {
	const char *name;
	int least, most;    /* arguments behind the verb */
	uint64_t wants_any; /* OPT(...) of which one must be there; 0: none */
	int (*run)(struct instance *i, const struct options *o);
};
/* Joins the instance and runs the row; usage, before anything else, if no row
 * fits. */
int verb_run(const struct command *c, const struct options *o, const struct verb *rows,
    size_t count) MUST_CHECK;

/* What a command prints: built in a buffer, written at the end. */
struct output {
	struct buffer text;
	struct json json;
	bool as_json;
};
struct output output_of(const struct options *o);
/* Writes and frees; EXIT_DONE, or EXIT_REFUSED if writing fails. */
int output_write(struct output *out);
/* Writes what is there, to go on afterwards. */
int output_flush(struct output *out) MUST_CHECK;
/* "added NAME", or {"done":"added","name":"NAME"}: what a change says. */
int output_done(const struct options *o, const char *done, const char *name);

int command_demo(const struct command *c, const struct options *o);
int command_run(const struct command *c, const struct options *o);
int command_check(const struct command *c, const struct options *o);
int command_domain(const struct command *c, const struct options *o);
int command_account(const struct command *c, const struct options *o);
int command_network(const struct command *c, const struct options *o);
int command_alias(const struct command *c, const struct options *o);
int command_get(const struct command *c, const struct options *o);
int command_set(const struct command *c, const struct options *o);
int command_metrics(const struct command *c, const struct options *o);
int command_doctor(const struct command *c, const struct options *o);
int command_suppression(const struct command *c, const struct options *o);
int command_tlsrpt(const struct command *c, const struct options *o);
int command_trace(const struct command *c, const struct options *o);
int command_lookup(const struct command *c, const struct options *o);
int command_queue(const struct command *c, const struct options *o);
int command_check_store(const struct command *c, const struct options *o);

#endif
