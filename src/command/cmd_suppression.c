/* SPDX-License-Identifier: ISC */
/* mailstead suppression: addresses that are not sent to; list, add, remove. */
#include "codec/date.h"
#include "command/queue.h"

static int
change(struct instance *i, const struct options *o, bool off)
{
	struct queue_admin_suppress_request q = { .address = text_of(o->args[1]), .remove = off };
	struct queue_admin_suppress_reply r;
	enum status s = queue_admin_suppress(i->calls, &q, &i->arena, &r, &i->failure);

	if (s != STATUS_OK)
		return refused_by(s, &i->failure);
	if (r.changed == 0)
		return refused("not on the list: %s", o->args[1]);
	return output_done(o, off ? "removed" : "added", o->args[1]);
}

static int
add(struct instance *i, const struct options *o)
{
	return change(i, o, false);
}

static int
drop(struct instance *i, const struct options *o)
{
	return change(i, o, true);
}

static void
print(struct output *out, const struct queue_admin_suppressed_reply *r, uint32_t k)
{
	if (out->as_json) {
		json_object(&out->json);
		json_key(&out->json, "address");
		json_text(&out->json, r->addresses.at[k]);
		queue_json_time(&out->json, "since", (int64_t)r->times.at[k]);
		json_key(&out->json, "by");
		json_text(&out->json, r->operators.at[k] ? TEXT("operator") : TEXT("bounce"));
		json_key(&out->json, "words");
		json_text(&out->json, r->words.at[k]);
		json_object_end(&out->json);
		return;
	}
	queue_print_safe(&out->text, r->addresses.at[k]);
	buffer_add_byte(&out->text, '\t');
	date_print_rfc3339(&out->text, (int64_t)r->times.at[k]);
	buffer_add_byte(&out->text, '\t');
	if (r->operators.at[k])
		buffer_add_string(&out->text, "by the operator");
	queue_print_safe(&out->text, r->words.at[k]);
	buffer_add_byte(&out->text, '\n');
}

static int
list(struct instance *i, const struct options *o)
{
	struct output out = output_of(o);
	struct queue_admin_suppressed_request q = { .after = TEXT_EMPTY };
	struct queue_admin_suppressed_reply r;

	out.json = json_to(&out.text);
	if (out.as_json)
		json_array(&out.json);
	do {
		enum status s = queue_admin_suppressed(i->calls, &q, &i->arena, &r, &i->failure);

		if (s != STATUS_OK) {
			buffer_done(&out.text);
			return refused_by(s, &i->failure);
		}
		for (uint32_t k = 0; k < r.addresses.count; k++)
			print(&out, &r, k);
		q.after = r.resume;
	} while (r.resume.len > 0);
	if (out.as_json)
		json_array_end(&out.json);
	return output_write(&out);
}

static const struct verb verbs[] = {
	{ "list", 0, 0, 0, list },
	{ "add", 1, 1, 0, add },
	{ "remove", 1, 1, 0, drop },
};

int
command_suppression(const struct command *c, const struct options *o)
{
	return verb_run(c, o, verbs, ARRAY_LEN(verbs));
}
