/* SPDX-License-Identifier: ISC */
/* mailstead check-store: the store verified against itself. Exit 1 if anything
 * does not agree. */
#include "command/command.h"
#include "store/calls.h"

struct tally {
	struct output *out;
	uint64_t entities, rows, problems;
};

static enum status
check(struct instance *i, uint64_t account, struct tally *t, uint64_t *next)
{
	struct store_check_request q = { .account = account };
	struct store_check_reply r;
	struct arena a = ARENA_INIT;
	enum status s = store_check(i->calls, &q, &a, &r, &i->failure);

	if (s == STATUS_OK) {
		t->entities++;
		t->rows += r.rows;
		t->problems += r.problems.count;
		for (uint32_t k = 0; k < r.problems.count; k++) {
			if (t->out->as_json)
				json_text(&t->out->json, r.problems.at[k]);
			else
				buffer_addf(&t->out->text, "account %llu: %.*s\n",
				    (unsigned long long)account, TEXT_ARG(r.problems.at[k]));
		}
		*next = r.next;
	}
	arena_done(&a);
	return s;
}

static enum status
check_one(struct instance *i, const char *address, struct tally *t)
{
	struct store_account_request q = { .address = text_of(address) };
	struct store_account_reply r;
	uint64_t next;
	enum status s = store_account(i->calls, &q, &i->arena, &r, &i->failure);

	return s == STATUS_OK ? check(i, r.account, t, &next) : s;
}

/* 0 is the directory, the queue and what is shared; next names the first
 * account, and so on to 0. */
static enum status
check_all(struct instance *i, struct tally *t)
{
	uint64_t account = 0;
	enum status s;

	do
		s = check(i, account, t, &account);
	while (s == STATUS_OK && account != 0);
	return s;
}

int
command_check_store(const struct command *c, const struct options *o)
{
	struct output out = output_of(o);
	struct tally t = { .out = &out };
	struct instance i;
	enum status s;
	int code;

	if (o->arg_count > 1)
		return usage(c);
	code = instance_join(o, &i);
	if (code != EXIT_DONE)
		return code;
	out.json = json_to(&out.text);
	if (out.as_json) {
		json_object(&out.json);
		json_key(&out.json, "problems");
		json_array(&out.json);
	}
	s = o->arg_count == 1 ? check_one(&i, o->args[0], &t) : check_all(&i, &t);
	if (out.as_json) {
		json_array_end(&out.json);
		json_key(&out.json, "rows");
		json_u64(&out.json, t.rows);
		json_object_end(&out.json);
	} else {
		buffer_addf(&out.text, "%llu rows in %llu parts, %llu problems\n",
		    (unsigned long long)t.rows, (unsigned long long)t.entities,
		    (unsigned long long)t.problems);
	}
	code = output_write(&out);
	if (s != STATUS_OK)
		code = refused_by(s, &i.failure);
	instance_leave(&i);
	return code == EXIT_DONE && t.problems > 0 ? EXIT_REFUSED : code;
}
