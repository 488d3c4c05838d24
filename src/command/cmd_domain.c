/* SPDX-License-Identifier: ISC */
/* mailstead domain: add, list, show, remove, catch-all, rotate, drop-key. */
#include "command/domain_keys.h"
#include "store/calls.h"

/* In JSON the object stays open. */
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
}

/* The row, and of the only one what it needs in DNS. */
static enum status
print_one(struct instance *i, struct output *out, const struct store_domains_reply *r, uint32_t k,
    bool whole)
{
	enum status s = STATUS_OK;

	print_row(out, r, k);
	if (whole)
		s = domain_keys_print(i->calls, r->names.at[k], &i->arena, out, &i->failure);
	if (out->as_json)
		json_object_end(&out->json);
	return s;
}

/* All domains, or only this one. */
static int
print(struct instance *i, const struct options *o, const char *only)
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
		for (uint32_t k = 0; s == STATUS_OK && k < r.names.count; k++)
			if (only == NULL || text_equal_ci(r.names.at[k], text_of(only))) {
				s = print_one(i, &out, &r, k, only != NULL);
				found = true;
			}
		if (s != STATUS_OK) {
			buffer_done(&out.text);
			return refused_by(s, &i->failure);
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
list(struct instance *i, const struct options *o)
{
	return print(i, o, NULL);
}

static int
show(struct instance *i, const struct options *o)
{
	return print(i, o, o->args[1]);
}

static int
simple(struct instance *i, const struct options *o, enum status s, const char *done)
{
	return s == STATUS_OK ? output_done(o, done, o->args[1]) : refused_by(s, &i->failure);
}

static int
add(struct instance *i, const struct options *o)
{
	struct store_domain_add_request q = { .name = text_of(o->args[1]) };
	struct store_domain_add_reply r;
	enum status s = store_domain_add(i->calls, &q, &i->arena, &r, &i->failure);

	if (s == STATUS_OK)
		s = domain_keys_make(i->calls, q.name, true, &i->arena, &i->failure);
	return simple(i, o, s, "added");
}

/* New keys, which take over when their records are known everywhere. */
static int
rotate(struct instance *i, const struct options *o)
{
	return simple(i, o,
	    domain_keys_make(i->calls, text_of(o->args[1]), false, &i->arena, &i->failure),
	    "new keys for");
}

static int
drop_key(struct instance *i, const struct options *o)
{
	struct store_dkim_remove_request q = { .domain = text_of(o->args[1]),
		.selector = text_of(o->args[2]) };
	struct store_dkim_remove_reply r;

	return simple(
	    i, o, store_dkim_remove(i->calls, &q, &i->arena, &r, &i->failure), "key dropped of");
}

static int
drop(struct instance *i, const struct options *o)
{
	struct store_domain_remove_request q = { .name = text_of(o->args[1]) };
	struct store_domain_remove_reply r;

	return simple(
	    i, o, store_domain_remove(i->calls, &q, &i->arena, &r, &i->failure), "removed");
}

/* Without an address: none any more. */
static int
catch_all(struct instance *i, const struct options *o)
{
	struct store_catch_all_request q = { .domain = text_of(o->args[1]),
		.address = text_of(o->args[2]) };
	struct store_catch_all_reply r;

	return simple(
	    i, o, store_catch_all(i->calls, &q, &i->arena, &r, &i->failure), "catch-all set for");
}

static const struct verb verbs[] = {
	{ "add", 1, 1, 0, add },
	{ "remove", 1, 1, 0, drop },
	{ "show", 1, 1, 0, show },
	{ "list", 0, 0, 0, list },
	{ "catch-all", 1, 2, 0, catch_all },
	{ "rotate", 1, 1, 0, rotate },
	{ "drop-key", 2, 2, 0, drop_key },
};

int
command_domain(const struct command *c, const struct options *o)
{
	return verb_run(c, o, verbs, ARRAY_LEN(verbs));
}
