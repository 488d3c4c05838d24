/* SPDX-License-Identifier: ISC */
/* mailstead alias: add, list, remove. */
#include <limits.h>

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
	return output_done(o, "added", o->args[1]);
}

static int
drop(struct instance *i, const struct options *o)
{
	struct store_alias_remove_request q = { .address = text_of(o->args[1]) };
	struct store_alias_remove_reply r;
	enum status s = store_alias_remove(i->calls, &q, &i->arena, &r, &i->failure);

	if (s != STATUS_OK)
		return refused_by(s, &i->failure);
	return output_done(o, "removed", o->args[1]);
}

static int
list(struct instance *i, const struct options *o)
{
	struct output out = output_of(o);
	struct store_aliases_request q = { .domain = text_of(o->args[1]) };
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

static const struct verb verbs[] = {
	{ "add", 2, INT_MAX, 0, add },
	{ "remove", 1, 1, 0, drop },
	{ "list", 0, 1, 0, list },
};

int
command_alias(const struct command *c, const struct options *o)
{
	return verb_run(c, o, verbs, ARRAY_LEN(verbs));
}
