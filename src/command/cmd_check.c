/* SPDX-License-Identifier: ISC */
/* mailstead check: what is wrong with a configuration file, by line, and what is
 * dangerous in it. */
#include "command/command.h"
#include "command/config.h"
#include "runtime/tls.h"

#define PEM_MAX (1u << 20)

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
		config_problem(p, a, t->line, f.client[0] != '\0' ? f.client : f.log);
		return;
	}
	if (tls_key_matches(key, chain) != STATUS_OK)
		config_problem(p, a, t->line, "this key does not belong to this certificate");
	tls_key_free(key);
}

/* For people line by line, else a list under its name. */
static void
show(struct output *out, const char *name, const char *path, const struct config_problems *p)
{
	if (out->as_json) {
		json_key(&out->json, name);
		json_array(&out->json);
	}
	for (uint32_t i = 0; i < p->count; i++) {
		if (out->as_json)
			json_text(&out->json, p->at[i]);
		else
			buffer_addf(&out->text, "%s: %.*s\n", path, TEXT_ARG(p->at[i]));
	}
	if (out->as_json)
		json_array_end(&out->json);
}

int
command_check(const struct command *c, const struct options *o)
{
	const char *path = o->config == NULL ? CONFIG_DEFAULT : o->config;
	struct config_problems problems = { .count = 0 }, warnings = { .count = 0 };
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
	if (s == STATUS_OK)
		config_warnings(&config, &a, &warnings);
	if (problems.count > 0)
		s = STATUS_INVALID;
	out.json = json_to(&out.text);
	if (out.as_json)
		json_object(&out.json);
	show(&out, "problems", path, &problems);
	show(&out, "warnings", path, &warnings);
	if (out.as_json)
		json_object_end(&out.json);
	else if (s == STATUS_OK)
		buffer_addf(&out.text, "%s is good\n", path);
	code = output_write(&out);
	if (s != STATUS_OK && problems.count == 0)
		code = refused("%s", f.client);
	arena_done(&a);
	return code == EXIT_DONE && s != STATUS_OK ? EXIT_REFUSED : code;
}
