/* SPDX-License-Identifier: ISC */
/* mailstead domain: add, list, show, remove, catch-all. */
#include <stdio.h>
#include <string.h>

#include "command/command.h"
#include "store/calls.h"

static int
simple(struct instance *i, enum status s, const char *done, const char *name)
{
	if (s != STATUS_OK)
		return refused_by(s, &i->failure);
	fprintf(stdout, "%s %s\n", done, name);
	return EXIT_DONE;
}

static void
print_row(struct output *out, const struct store_domains_reply *r, uint32_t i)
{
	struct text catch_all = i < r->catch_all.count ? r->catch_all.at[i] : TEXT_EMPTY;

	if (!out->as_json) {
		buffer_addf(&out->text, "%.*s\t%llu accounts\t%llu aliases%s%.*s\n",
		    TEXT_ARG(r->names.at[i]), (unsigned long long)r->accounts.at[i],
		    (unsigned long long)r->aliases.at[i], catch_all.len > 0 ? "\tcatch-all " : "",
		    TEXT_ARG(catch_all));
		return;
	}
	json_object(&out->json);
	json_key(&out->json, "name");
	json_text(&out->json, r->names.at[i]);
	json_key(&out->json, "accounts");
	json_u64(&out->json, r->accounts.at[i]);
	json_key(&out->json, "aliases");
	json_u64(&out->json, r->aliases.at[i]);
	json_key(&out->json, "catchAll");
	if (catch_all.len > 0)
		json_text(&out->json, catch_all);
	else
		json_null(&out->json);
	json_object_end(&out->json);
}

/* All domains, or only this one. */
static int
list(struct instance *i, const struct options *o, const char *only)
{
	struct output out = output_of(o);
	struct store_domains_request q = { .after = TEXT_EMPTY };
	struct store_domains_reply r;
	bool found = false;
	enum status s;

	out.json = json_to(&out.text);
	if (out.as_json && only == NULL)
		json_array(&out.json);
	do {
		s = store_domains(i->calls, &q, &i->arena, &r, &i->failure);
		if (s != STATUS_OK) {
			buffer_done(&out.text);
			return refused_by(s, &i->failure);
		}
		for (uint32_t k = 0; k < r.names.count; k++)
			if (only == NULL || text_equal_ci(r.names.at[k], text_of(only))) {
				print_row(&out, &r, k);
				found = true;
			}
		q.after = r.resume;
	} while (r.resume.len > 0);
	if (out.as_json && only == NULL)
		json_array_end(&out.json);
	if (only != NULL && !found) {
		buffer_done(&out.text);
		return refused("no such domain: %s", only);
	}
	return output_write(&out);
}

static int
act(const struct command *c, const struct options *o, struct instance *i)
{
	const char *verb = o->args[0], *name = o->arg_count > 1 ? o->args[1] : NULL;
	struct text text = text_of(name);
	struct store_catch_all_request all = { .domain = text };

	if (strcmp(verb, "list") == 0 && o->arg_count == 1)
		return list(i, o, NULL);
	if (name == NULL)
		return usage(c);
	if (strcmp(verb, "show") == 0 && o->arg_count == 2)
		return list(i, o, name);
	if (strcmp(verb, "add") == 0 && o->arg_count == 2)
		return simple(i,
		    store_domain_add(i->calls, &(struct store_domain_add_request){ .name = text },
			&i->arena, &(struct store_domain_add_reply){ 0 }, &i->failure),
		    "added", name);
	if (strcmp(verb, "remove") == 0 && o->arg_count == 2)
		return simple(i,
		    store_domain_remove(i->calls,
			&(struct store_domain_remove_request){ .name = text }, &i->arena,
			&(struct store_domain_remove_reply){ 0 }, &i->failure),
		    "removed", name);
	if (strcmp(verb, "catch-all") == 0 && o->arg_count <= 3) {
		if (o->arg_count == 3)
			all.address = text_of(o->args[2]);
		return simple(i,
		    store_catch_all(i->calls, &all, &i->arena, &(struct store_catch_all_reply){ 0 },
			&i->failure),
		    "catch-all set for", name);
	}
	return usage(c);
}

int
command_domain(const struct command *c, const struct options *o)
{
	struct instance i;
	int code;

	if (o->arg_count == 0)
		return usage(c);
	code = instance_join(o, &i);
	if (code != EXIT_DONE)
		return code;
	code = act(c, o, &i);
	instance_leave(&i);
	return code;
}
