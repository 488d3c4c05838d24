/* SPDX-License-Identifier: ISC */
/* mailstead check: what is wrong with a configuration file, by line. */
#include "command/command.h"
#include "command/config.h"
#include "runtime/tls.h"

#define PEM_MAX (1u << 20)

static void
problem(struct config_problems *p, struct arena *a, uint32_t line, const char *words)
{
	if (p->count < CONFIG_PROBLEMS_MAX)
		p->at[p->count++] = arena_printf(a, "line %u: %s", line, words);
}

/* The files of a certificate as the service will read them. */
static void
check_tls(const struct config_tls *t, struct arena *a, struct config_problems *p)
{
	struct failure f = { 0 };
	struct text chain, pem;
	struct tls_key *key;

	if (file_read(arena_string(a, t->certificate), PEM_MAX, a, &chain, &f) != STATUS_OK ||
	    file_read(arena_string(a, t->key), PEM_MAX, a, &pem, &f) != STATUS_OK ||
	    tls_key_load(pem, &key, &f) != STATUS_OK) {
		problem(p, a, t->line, f.client[0] != '\0' ? f.client : f.log);
		return;
	}
	if (tls_key_matches(key, chain) != STATUS_OK)
		problem(p, a, t->line, "this key does not belong to this certificate");
	tls_key_free(key);
}

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
	for (uint32_t i = 0; s == STATUS_OK && i < config.tls_count; i++)
		check_tls(&config.tls[i], &a, &problems);
	if (problems.count > 0)
		s = STATUS_INVALID;
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
