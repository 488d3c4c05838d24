/* SPDX-License-Identifier: ISC */
/* mailstead run: the real thing, from a configuration file. */
#include <systemd/sd-daemon.h>

#include "command/command.h"
#include "command/start.h"

static int
tell_systemd(void *arg)
{
	(void)arg;
	(void)sd_notify(0, "READY=1");
	return -1;
}

int
command_run(const struct command *c, const struct options *o)
{
	const char *path = o->config == NULL ? CONFIG_DEFAULT : o->config;
	struct config_problems problems = { .count = 0 };
	struct arena a = ARENA_INIT;
	struct failure f = { 0 };
	struct config config;
	enum status s;
	int code = EXIT_REFUSED;

	if (o->arg_count != 0)
		return usage(c);
	s = config_read(path, &a, &config, &problems, &f);
	for (uint32_t i = 0; i < problems.count; i++)
		refused("%s: %.*s", path, TEXT_ARG(problems.at[i]));
	if (s == STATUS_OK)
		code = start_instance(&config, tell_systemd, NULL);
	else if (problems.count == 0)
		refused("%s", f.client);
	arena_done(&a);
	return code;
}
