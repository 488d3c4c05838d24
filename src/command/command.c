/* SPDX-License-Identifier: ISC */
/* What commands share: the way to the instance, and the way out. */
#include "command/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command/config.h"
#include "runtime/role.h"

int
usage(const struct command *c)
{
	fprintf(stderr, "usage: mailstead %s\n", c->usage);
	return EXIT_USAGE;
}

int
refused(const char *fmt, ...)
{
	va_list ap;

	fputs("mailstead: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return EXIT_REFUSED;
}

int
refused_by(enum status s, const struct failure *f)
{
	if (f->client[0] != '\0')
		return refused("%s", f->client);
	return refused(
	    "%s", s == STATUS_UNAVAILABLE ? "the instance does not answer" : status_word(s));
}

/* The data folder: --dir, or what the configuration file says. */
static int
find_dir(const struct options *o, struct arena *a, const char **out)
{
	const char *path = o->config == NULL ? CONFIG_DEFAULT : o->config;
	struct config_problems problems = { .count = 0 };
	struct config config;
	struct failure f = { 0 };
	enum status s;

	if (o->dir != NULL) {
		*out = o->dir;
		return EXIT_DONE;
	}
	s = config_read(path, a, &config, &problems, &f);
	if (problems.count > 0)
		return refused("%s: %.*s", path, TEXT_ARG(problems.at[0]));
	if (s != STATUS_OK)
		return refused("%s (use --dir DIR or --config FILE)", f.client);
	*out = arena_string(a, config.dir);
	return EXIT_DONE;
}

int
instance_join(const struct options *o, struct instance *out)
{
	struct instance i = { .calls = NULL };
	const char *dir;
	char path[108];
	int code = find_dir(o, &i.arena, &dir);

	if (code != EXIT_DONE) {
		arena_done(&i.arena);
		return code;
	}
	if ((size_t)snprintf(path, sizeof(path), "%s/operator.sock", dir) >= sizeof(path))
		code = refused("the name of the data folder is too long: %s", dir);
	else if (role_join_as_admin(path, &i.calls, &i.failure) != STATUS_OK)
		code = refused("%s: %s", dir,
		    i.failure.client[0] != '\0' ? i.failure.client : "no instance runs here");
	if (code != EXIT_DONE)
		arena_done(&i.arena);
	else
		*out = i;
	return code;
}

void
instance_leave(struct instance *i)
{
	calls_free(i->calls);
	arena_done(&i->arena);
}

static bool
has_any(const struct options *o, uint64_t wanted)
{
	uint64_t there = 0;

#define X(id, name, field, takes, help) there |= o->field != NULL ? OPT(id) : 0;
	OPTION_TABLE(X)
#undef X
	return wanted == 0 || (there & wanted) != 0;
}

int
verb_run(const struct command *c, const struct options *o, const struct verb *rows, size_t count)
{
	const char *name = o->arg_count > 0 ? o->args[0] : "";
	struct instance i;
	size_t k = 0;
	int code;

	while (k < count && (strcmp(rows[k].name, name) != 0 || o->arg_count - 1 < rows[k].least ||
				o->arg_count - 1 > rows[k].most || !has_any(o, rows[k].wants_any)))
		k++;
	if (k == count)
		return usage(c);
	code = instance_join(o, &i);
	if (code != EXIT_DONE)
		return code;
	code = rows[k].run(&i, o);
	instance_leave(&i);
	return code;
}

struct output
output_of(const struct options *o)
{
	return (struct output){ .as_json = o->json != NULL };
}

int
output_flush(struct output *out)
{
	size_t at = 0;
	ssize_t n = 0;

	while (at < out->text.len && n >= 0) {
		n = write(STDOUT_FILENO, out->text.ptr + at, out->text.len - at);
		if (n > 0)
			at += (size_t)n;
		else if (n < 0 && errno == EINTR)
			n = 0;
	}
	buffer_clear(&out->text);
	return n < 0 ? refused("cannot write the answer: %s", strerror(errno)) : EXIT_DONE;
}

int
output_write(struct output *out)
{
	int code;

	if (out->as_json)
		buffer_add_byte(&out->text, '\n');
	code = output_flush(out);
	buffer_done(&out->text);
	return code;
}

int
output_done(const struct options *o, const char *done, const char *name)
{
	struct output out = output_of(o);

	out.json = json_to(&out.text);
	if (out.as_json) {
		json_object(&out.json);
		json_key(&out.json, "done");
		json_text(&out.json, text_of(done));
		json_key(&out.json, "name");
		json_text(&out.json, text_of(name));
		json_object_end(&out.json);
	} else {
		buffer_addf(&out.text, "%s %s\n", done, name);
	}
	return output_write(&out);
}
