/* SPDX-License-Identifier: ISC */
/* mailstead network: those that may relay by their address; list, show, freeze,
 * resume, limit. */
#include "codec/date.h"
#include "command/account.h"
#include "store/limits_calls.h"

static void
print(struct output *out, const struct limits_networks_reply *r, uint32_t k)
{
	struct buffer since = BUFFER_INIT;
	bool stopped = r->since.at[k] != 0, listed = k < r->listed;

	if (stopped)
		date_print_rfc3339(&since, (int64_t)r->since.at[k]);
	if (out->as_json) {
		json_object(&out->json);
		json_key(&out->json, "network");
		json_text(&out->json, r->names.at[k]);
		json_key(&out->json, "may_relay");
		json_bool(&out->json, listed);
		json_key(&out->json, "stopped");
		json_bool(&out->json, stopped);
		if (stopped) {
			json_key(&out->json, "since");
			json_text(&out->json, buffer_text(&since));
			json_key(&out->json, "why");
			json_text(&out->json, r->whys.at[k]);
		}
		json_object_end(&out->json);
	} else {
		buffer_add_text(&out->text, r->names.at[k]);
		if (!listed)
			buffer_add_string(&out->text, "\tmay not relay any more");
		if (stopped)
			buffer_addf(&out->text, "\tstopped since %.*s: %.*s",
			    TEXT_ARG(buffer_text(&since)), TEXT_ARG(r->whys.at[k]));
		buffer_add_string(&out->text, "\n");
	}
	buffer_done(&since);
}

static int
list(struct instance *i, const struct options *o)
{
	struct limits_networks_request q = { .none_ = 0 };
	struct output out = output_of(o);
	struct limits_networks_reply r;
	enum status s = limits_networks(i->calls, &q, &i->arena, &r, &i->failure);

	if (s != STATUS_OK)
		return refused_by(s, &i->failure);
	out.json = json_to(&out.text);
	if (out.as_json)
		json_array(&out.json);
	for (uint32_t k = 0; k < r.names.count && k < r.since.count && k < r.whys.count; k++)
		print(&out, &r, k);
	if (out.as_json)
		json_array_end(&out.json);
	return output_write(&out);
}

static int
show(struct instance *i, const struct options *o)
{
	struct output out = output_of(o);

	out.json = json_to(&out.text);
	if (out.as_json)
		json_object(&out.json);
	return account_show_sending(i, text_of(o->args[1]), &out);
}

static int
resume(struct instance *i, const struct options *o)
{
	bool was = false;
	int code = account_unfreeze(i, o, &was);

	if (code != EXIT_DONE)
		return code;
	return was ? output_done(o, "resumed", o->args[1])
		   : refused("sending is not stopped for %s", o->args[1]);
}

static const struct verb verbs[] = {
	{ "list", 0, 0, 0, list },
	{ "show", 1, 1, 0, show },
	{ "freeze", 1, 1, 0, account_freeze },
	{ "resume", 1, 1, 0, resume },
	{ "limit", 3, 3, 0, account_limit },
};

int
command_network(const struct command *c, const struct options *o)
{
	for (int k = 1; k < o->arg_count && k < 2; k++)
		if (text_find_last(text_of(o->args[k]), '@') < text_of(o->args[k]).len)
			return refused("%s is no network, but an address of mail", o->args[k]);
	return verb_run(c, o, verbs, ARRAY_LEN(verbs));
}
