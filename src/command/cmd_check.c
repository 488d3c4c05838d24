/* SPDX-License-Identifier: ISC */
/* mailstead check: what is wrong with a configuration file, by line. */
#include "command/command.h"
#include "command/config.h"

int
command_check(const struct command *c, const struct options *o)
{
	const char *path = o->config == NULL ? CONFIG_DEFAULT : o->config;
	struct config_problems problems = { .count = 0 };
	struct output out = output_of(o);
	struct arena a = ARENA_INIT;
	struct failure f = { 0 };
	struct config config;
	enum status s;
	int code;

	if (o->arg_count != 0)
		return usage(c);
	s = config_read(path, &a, &config, &problems, &f);
	out.json = json_to(&out.text);
	if (out.as_json) {
		json_object(&out.json);
		json_key(&out.json, "problems");
		json_array(&out.json);
	}
	for (uint32_t i = 0; i < problems.count; i++) {
		if (out.as_json)
			json_text(&out.json, problems.at[i]);
		else
			buffer_addf(&out.text, "%s: %.*s\n", path, TEXT_ARG(problems.at[i]));
	}
	if (out.as_json) {
		json_array_end(&out.json);
		json_object_end(&out.json);
	} else if (s == STATUS_OK) {
		buffer_addf(&out.text, "%s is good\n", path);
	}
	code = output_write(&out);
	if (s != STATUS_OK && problems.count == 0)
		code = refused("%s", f.client);
	arena_done(&a);
	return code == EXIT_DONE && s != STATUS_OK ? EXIT_REFUSED : code;
}
