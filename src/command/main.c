/* SPDX-License-Identifier: ISC */
/*
 * mailstead: one program. The first word is a command; "role" is how the
 * monitor starts the others and is not for people.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "role/roles.h"

static const struct command commands[] = {
	{ "demo", "demo [--dir DIR] [--reset] [--port-base N]",
	    "A whole service in a folder, to try it.", OPT(DIR) | OPT(RESET) | OPT(PORT_BASE),
	    command_demo },
	{ "run", "run [--config FILE]", "Runs the service.", OPT(CONFIG), command_run },
	{ "check", "check [--config FILE]",
	    "Says what is wrong with a configuration file, by line.", OPT(CONFIG) | OPT(JSON),
	    command_check },
	{ "domain",
	    "domain add NAME | remove NAME | show NAME | list\n"
	    "       mailstead domain catch-all NAME [ADDRESS]\n"
	    "       mailstead domain rotate NAME | drop-key NAME SELECTOR",
	    "Mail domains of this site; show: what is to be published in DNS; rotate: new keys for "
	    "signatures.",
	    OPT_INSTANCE, command_domain },
	{ "account",
	    "account add ADDRESS --password-stdin [--admin] [--quota SIZE]\n"
	    "       mailstead account add ADDRESS --hash HASH\n"
	    "       mailstead account add --batch FILE\n"
	    "       mailstead account list [DOMAIN] | show ADDRESS | suspend ADDRESS | resume "
	    "ADDRESS\n"
	    "       mailstead account freeze ADDRESS [--reason WHY]\n"
	    "       mailstead account limit ADDRESS LIMIT NUMBER | default\n"
	    "       mailstead account passwd ADDRESS --password-stdin | quota ADDRESS SIZE | "
	    "remove ADDRESS\n"
	    "       mailstead account forward ADDRESS TARGET... [--keep | --no-keep] | forward "
	    "ADDRESS --off",
	    "People's accounts; freeze stops their sending alone; resume ends that and suspension.",
	    OPT_INSTANCE | OPT(PASSWORD_STDIN) | OPT(BATCH) | OPT(HASH) | OPT(ADMIN) | OPT(QUOTA) |
		OPT(KEEP) | OPT(NO_KEEP) | OPT(OFF) | OPT(REASON),
	    command_account },
	{ "network",
	    "network list | show NETWORK | resume NETWORK\n"
	    "       mailstead network freeze NETWORK [--reason WHY]\n"
	    "       mailstead network limit NETWORK LIMIT NUMBER | default",
	    "Networks that may relay (submission.relay_networks): what they sent; stops it, lets "
	    "it "
	    "go on.",
	    OPT_INSTANCE | OPT(REASON), command_network },
	{ "alias", "alias add ADDRESS TARGET... | remove ADDRESS | list [DOMAIN]",
	    "Addresses that stand for others.", OPT_INSTANCE, command_alias },
	{ "trace",
	    "trace [ID | --message-id ID | --queue-id ID | --from ADDRESS | --to ADDRESS]\n"
	    "                [--since TIME] [--until TIME] [--limit MESSAGES]",
	    "What became of messages, and the words of other servers.",
	    OPT_INSTANCE | OPT(MESSAGE_ID) | OPT(QUEUE_ID) | OPT(FROM) | OPT(TO) | OPT(SINCE) |
		OPT(UNTIL) | OPT(LIMIT),
	    command_trace },
	{ "get", "get [KEY]", "Live settings, with their prose and bounds.", OPT_INSTANCE,
	    command_get },
	{ "set", "set KEY VALUE", "Changes a live setting; an empty value gives the default back.",
	    OPT_INSTANCE, command_set },
	{ "metrics", "metrics", "Counters of all roles, as Prometheus text.", OPT_INSTANCE,
	    command_metrics },
	{ "doctor", "doctor", "What runs, how it is confined, and what should be looked at.",
	    OPT_INSTANCE, command_doctor },
	{ "lookup", "lookup DOMAIN\n       mailstead lookup NAME TYPE",
	    "Where mail for a domain goes, or what the DNS says of a name.", OPT_INSTANCE,
	    command_lookup },
	{ "queue",
	    "queue list [ID...] [SELECTION] [--count | --destinations] [--limit N]\n"
	    "       mailstead queue show ID\n"
	    "       mailstead queue retry | hold | release ID... | SELECTION | --all\n"
	    "       mailstead queue drop ID... | SELECTION | --all [--silent]",
	    "Outgoing mail: what waits and why; tries it now, holds it, lets it go, takes it away.",
	    OPT_INSTANCE | OPT(SENDER) | OPT(RECIPIENT) | OPT(DOMAIN) | OPT(ACCOUNT) |
		OPT(NETWORK) | OPT(OLDER) | OPT(YOUNGER) | OPT(STATE) | OPT(ALL) | OPT(SILENT) |
		OPT(COUNT_ONLY) | OPT(LIMIT) | OPT(DESTINATIONS),
	    command_queue },
	{ "suppression", "suppression list | add ADDRESS | remove ADDRESS",
	    "Addresses elsewhere that refused mail for good, and are not sent to.", OPT_INSTANCE,
	    command_suppression },
	{ "tlsrpt", "tlsrpt show [DOMAIN] | send [DOMAIN] [--now]",
	    "Reports about TLS to other domains: what is collected; sends them before their time.",
	    OPT_INSTANCE | OPT(NOW), command_tlsrpt },
	{ "check-store", "check-store [ADDRESS]",
	    "Verifies the store against itself: rows, counters, change log, content.", OPT_INSTANCE,
	    command_check_store },
};

static const struct {
	const char *name, *help;
	bool takes;
} option_rows[] = {
#define X(id, name, field, takes, help) { name, help, takes },
	OPTION_TABLE(X)
#undef X
};

static void
set_option(struct options *o, enum option id, const char *value)
{
	switch (id) {
#define X(name, word, field, takes, help) \
	case OPTION_##name:               \
		o->field = value;         \
		break;
		OPTION_TABLE(X)
#undef X
	case OPTION_COUNT:
		break;
	}
}

static int
help_all(FILE *out)
{
	fputs("usage: mailstead COMMAND ...\n\n", out);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].help);
	fputs("\n\"mailstead COMMAND --help\" tells more.\n", out);
	return out == stdout ? EXIT_DONE : EXIT_USAGE;
}

static int
help_one(const struct command *c)
{
	printf("%s\n\nusage: mailstead %s\n\n", c->help, c->usage);
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (c->options & (UINT64_C(1) << i))
			printf("  %-18s %s\n", option_rows[i].name, option_rows[i].help);
	return EXIT_DONE;
}

/* "--name", "--name value", "--name=value"; the rest are arguments. Gives the
 * exit code, or -1 to go on. */
static int
parse(const struct command *c, int argc, char **argv, struct options *o)
{
	const char **args = mem_array((size_t)argc + 1, sizeof(char *));
	bool only_args = false;

	o->args = args;
	for (int i = 0; i < argc; i++) {
		size_t k = 0, len = strcspn(argv[i], "=");
		const char *value = argv[i][len] == '=' ? argv[i] + len + 1 : NULL;

		if (only_args || strncmp(argv[i], "--", 2) != 0) {
			args[o->arg_count++] = argv[i];
			continue;
		}
		if (argv[i][2] == '\0') {
			only_args = true;
			continue;
		}
		if (strcmp(argv[i], "--help") == 0)
			return help_one(c);
		while (k < OPTION_COUNT && (strlen(option_rows[k].name) != len ||
					       strncmp(option_rows[k].name, argv[i], len) != 0))
			k++;
		if (k == OPTION_COUNT || !(c->options & (UINT64_C(1) << k)))
			return refused("unknown option %s", argv[i]) + usage(c) - EXIT_REFUSED;
		if (option_rows[k].takes && value == NULL)
			value = i + 1 < argc ? argv[++i] : NULL;
		if (option_rows[k].takes && value == NULL)
			return refused("%s takes a value", option_rows[k].name) + usage(c) -
			       EXIT_REFUSED;
		set_option(o, (enum option)k, option_rows[k].takes ? value : "");
	}
	return -1;
}

int
main(int argc, char **argv)
{
	struct options o = { .arg_count = 0 };
	const struct role_ops *role;
	int code;

	if (argc < 2)
		return help_all(stderr);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
		return help_all(stdout);
	if (strcmp(argv[1], "--version") == 0) {
		puts("mailstead " MAILSTEAD_VERSION);
		return EXIT_DONE;
	}
	if (strcmp(argv[1], "role") == 0) {
		role = argc == 3 ? role_ops_find(text_of(argv[2])) : NULL;
		return role != NULL ? role_run(role) : EXIT_USAGE;
	}
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		code = parse(&commands[i], argc - 2, argv + 2, &o);
		if (code < 0)
			code = commands[i].run(&commands[i], &o);
		mem_free((void *)(uintptr_t)o.args);
		return code;
	}
	refused("unknown command %s", argv[1]);
	return help_all(stderr);
}
