/* SPDX-License-Identifier: ISC */
/* mailstead alias: add, list, remove. */
#include <stdio.h>
#include <string.h>

#include "command/command.h"
#include "store/calls.h"

static int
add(struct instance *i, const struct options *o)
{
	struct store_alias_add_request q = { .address = text_of(o->args[1]) };
	struct store_alias_add_reply r;
	enum status s;

	q.targets.count = (uint32_t)o->arg_count - 2;
	q.targets.at = ARENA_ARRAY(&i->arena, struct text, q.targets.count);
	for (uint32_t k = 0; k < q.targets.count; k++)
		q.targets.at[k] = text_of(o->args[k + 2]);
	s = store_alias_add(i->calls, &q, &i->arena, &r, &i->failure);
	if (s != STATUS_OK)
		return refused_by(s, &i->failure);
	printf("added %s\n", o->args[1]);
	return EXIT_DONE;
}

static int
drop(struct instance *i, const char *address)
{
	struct store_alias_remove_request q = { .address = text_of(address) };
	struct store_alias_remove_reply r;
	enum status s = store_alias_remove(i->calls, &q, &i->arena, &r, &i->failure);

	if (s != STATUS_OK)
		return refused_by(s, &i->failure);
	printf("removed %s\n", address);
	return EXIT_DONE;
}

static int
list(struct instance *i, const struct options *o, const char *domain)
{
	struct output out = output_of(o);
	struct store_aliases_request q = { .domain = text_of(domain) };
	struct store_aliases_reply r;
	enum status s;

	out.json = json_to(&out.text);
	if (out.as_json)
		json_object(&out.json);
	do {
		s = store_aliases(i->calls, &q, &i->arena, &r, &i->failure);
		if (s != STATUS_OK) {
			buffer_done(&out.text);
			return refused_by(s, &i->failure);
		}
		for (uint32_t k = 0; k < r.addresses.count && k < r.targets.count; k++) {
			if (out.as_json) {
				json_key(&out.json, arena_string(&i->arena, r.addresses.at[k]));
				json_text(&out.json, r.targets.at[k]);
			} else {
				buffer_addf(&out.text, "%.*s\t%.*s\n", TEXT_ARG(r.addresses.at[k]),
				    TEXT_ARG(r.targets.at[k]));
			}
		}
		q.after = r.resume;
	} while (r.resume.len > 0);
	if (out.as_json)
		json_object_end(&out.json);
	return output_write(&out);
}

int
command_alias(const struct command *c, const struct options *o)
{
	const char *verb = o->arg_count > 0 ? o->args[0] : "";
	struct instance i;
	int code;

	code = instance_join(o, &i);
	if (code != EXIT_DONE)
		return code;
	if (strcmp(verb, "add") == 0 && o->arg_count >= 3)
		code = add(&i, o);
	else if (strcmp(verb, "remove") == 0 && o->arg_count == 2)
		code = drop(&i, o->args[1]);
	else if (strcmp(verb, "list") == 0 && o->arg_count <= 2)
		code = list(&i, o, o->arg_count == 2 ? o->args[1] : NULL);
	else
		code = usage(c);
	instance_leave(&i);
	return code;
}
