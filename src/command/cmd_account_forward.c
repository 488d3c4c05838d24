/* SPDX-License-Identifier: ISC */
/* mailstead account forward, and what show says of it. */
#include "command/account.h"
#include "store/calls.h"

static int
set(struct instance *i, const struct options *o, struct store_account_forward_request *q,
    const char *done)
{
	struct store_account_forward_reply r;
	enum status s;

	q->address = text_of(o->args[1]);
	s = store_account_forward(i->calls, q, &i->arena, &r, &i->failure);
	if (s != STATUS_OK)
		return refused_by(s, &i->failure);
	return output_done(o, done, o->args[1]);
}

int
account_forward(struct instance *i, const struct options *o)
{
	struct store_account_forward_request q = { .keep = o->no_keep == NULL };

	if (o->off != NULL)
		return refused("--off takes no addresses");
	if (o->keep != NULL && o->no_keep != NULL)
		return refused("either --keep or --no-keep");
	q.targets.count = (uint32_t)o->arg_count - 2;
	q.targets.at = ARENA_ARRAY(&i->arena, struct text, q.targets.count);
	for (uint32_t k = 0; k < q.targets.count; k++)
		q.targets.at[k] = text_of(o->args[k + 2]);
	return set(i, o, &q, q.keep ? "forwarding, with a copy kept," : "forwarding");
}

int
account_forward_off(struct instance *i, const struct options *o)
{
	struct store_account_forward_request q = { .keep = 0 };

	return set(i, o, &q, "no longer forwarding");
}

void
account_forward_text(struct buffer *out, const struct store_account_reply *r)
{
	if (r->forwards.count == 0)
		return;
	buffer_add_string(out, "forwards   ");
	for (uint32_t k = 0; k < r->forwards.count; k++)
		buffer_addf(out, "%s%.*s", k > 0 ? ", " : "", TEXT_ARG(r->forwards.at[k]));
	buffer_addf(out, "\n           %s\n", r->keep ? "a copy is kept" : "no copy is kept");
}

void
account_forward_json(struct json *j, const struct store_account_reply *r)
{
	json_key(j, "forwards");
	json_array(j);
	for (uint32_t k = 0; k < r->forwards.count; k++)
		json_text(j, r->forwards.at[k]);
	json_array_end(j);
	json_key(j, "keep");
	json_bool(j, r->forwards.count == 0 || r->keep != 0);
}
