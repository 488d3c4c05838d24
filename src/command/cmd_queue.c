/* SPDX-License-Identifier: ISC */
/* mailstead queue: retry, hold, release, drop, and what selects; list and show
 * are in files of their own. */
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/cursor.h"
#include "codec/date.h"
#include "codec/idna.h"
#include "codec/trace_id.h"
#include "command/queue.h"
#include "command/terminal.h"
#include "store/limits_calls.h"

#define START_TRIES 60
#define START_PAUSE 250 /* ms */

static const struct {
	const char *word;
	uint64_t states;
} states[] = {
	{ "waiting", QUEUE_ADMIN_WAITING },
	{ "held", QUEUE_ADMIN_HELD },
	{ "due", QUEUE_ADMIN_DUE },
	{ "owed", QUEUE_ADMIN_OWED },
};

/* The last is for what lasts longer. */
static const struct {
	char letter;
	const char *word;
	int64_t seconds;
} units[] = {
	{ 's', "s", 1 },
	{ 'm', "min", 60 },
	{ 'h', "h", 3600 },
	{ 'd', "d", 86400 },
	{ 'w', "weeks", 7 * 86400 },
};

/* ---- what selects ---- */

/* "2d", "90 min" */
static int
age_of(const char *word, int64_t *out)
{
	struct cursor c = cursor_of(text_of(word));
	struct text unit;
	uint64_t n;

	if (cursor_u64(&c, &n) && n <= UINT32_MAX) {
		cursor_wsp(&c);
		unit = cursor_rest(&c);
		for (size_t i = 0; unit.len > 0 && i < ARRAY_LEN(units); i++)
			if (unit.ptr[0] == units[i].letter) {
				*out = (int64_t)n * units[i].seconds;
				return EXIT_DONE;
			}
	}
	return refused("not an age: %s (write 30m, 12h, 2d)", word);
}

static int
ages_of(const struct options *o, struct queue_choice *q)
{
	int64_t now = clock_wall() / CLOCK_SECOND, age = 0;
	int code = EXIT_DONE;

	if (o->older != NULL) {
		code = age_of(o->older, &age);
		q->until = now - age;
	}
	if (code == EXIT_DONE && o->younger != NULL) {
		code = age_of(o->younger, &age);
		q->since = now - age;
	}
	return code;
}

static int
state_of(const char *word, uint64_t *out)
{
	for (size_t i = 0; word != NULL && i < ARRAY_LEN(states); i++)
		if (strcmp(states[i].word, word) == 0) {
			*out = states[i].states;
			return EXIT_DONE;
		}
	return word == NULL ? EXIT_DONE
			    : refused("not a state: %s (waiting, held, due, owed)", word);
}

/* The account, or network, whose mail is meant. */
static int
sender_of(struct instance *i, const struct options *o, uint64_t *out)
{
	const char *name = o->account != NULL ? o->account : o->network;
	struct limits_show_request q = { .address = text_of(name) };
	struct limits_show_reply r;
	enum status s;

	if (name == NULL)
		return EXIT_DONE;
	if (o->account != NULL && o->network != NULL)
		return refused("mail is sent by an account or by a network");
	s = limits_show(i->calls, &q, &i->arena, &r, &i->failure);
	if (s != STATUS_OK)
		return refused_by(s, &i->failure);
	if ((r.name.len > 0) != (o->network != NULL))
		return refused("%s is no %s", name, o->network != NULL ? "network" : "account");
	*out = r.number;
	return EXIT_DONE;
}

static int
domain_of(struct instance *i, const char *name, struct text *out)
{
	struct buffer ascii = BUFFER_INIT;
	enum status s;

	if (name == NULL)
		return EXIT_DONE;
	s = idna_to_ascii(text_of(name), &ascii);
	*out = arena_copy(&i->arena, buffer_text(&ascii));
	buffer_done(&ascii);
	return s == STATUS_OK ? EXIT_DONE : refused("not a domain: %s", name);
}

int
queue_id_parse(const char *word, uint64_t *out)
{
	return trace_id_parse(text_of(word), out) == STATUS_OK
		   ? EXIT_DONE
		   : refused("not the id of a message: %s", word);
}

int
queue_choice(struct instance *i, const struct options *o, struct queue_choice *out)
{
	struct queue_choice q = { .sender = text_of(o->sender),
		.recipient = text_of(o->recipient) };
	uint32_t n = (uint32_t)o->arg_count - 1;
	int code = n > QUEUE_ADMIN_MESSAGES_MAX
		       ? refused("more than %u ids", QUEUE_ADMIN_MESSAGES_MAX)
		       : EXIT_DONE;

	q.messages = (struct numbers){ ARENA_ARRAY(&i->arena, uint64_t, n), n };
	for (uint32_t k = 0; k < n && code == EXIT_DONE; k++)
		code = queue_id_parse(o->args[k + 1], &q.messages.at[k]);
	if (code == EXIT_DONE)
		code = ages_of(o, &q);
	if (code == EXIT_DONE)
		code = state_of(o->state, &q.states);
	if (code == EXIT_DONE)
		code = domain_of(i, o->domain, &q.destination);
	if (code == EXIT_DONE)
		code = sender_of(i, o, &q.account);
	if (code == EXIT_DONE)
		*out = q;
	return code;
}

/* ---- for people ---- */

void
queue_print_age(struct buffer *out, int64_t seconds)
{
	size_t k = ARRAY_LEN(units) - 1;

	while (k > 0 && seconds < 2 * units[k].seconds)
		k--;
	buffer_addf(out, "%lld %s", (long long)(seconds < 0 ? 0 : seconds / units[k].seconds),
	    units[k].word);
}

void
queue_print_octets(struct buffer *out, uint64_t octets)
{
	static const char *const words[] = { "B", "KiB", "MiB", "GiB" };
	size_t k = 0;

	for (; octets >= 10240 && k + 1 < ARRAY_LEN(words); k++)
		octets /= 1024;
	buffer_addf(out, "%llu %s", (unsigned long long)octets, words[k]);
}

void
queue_print_safe(struct buffer *out, struct text t)
{
	terminal_print(out, t, " ");
}

void
queue_json_id(struct json *j, uint64_t message)
{
	char id[TRACE_ID_LENGTH];

	trace_id_print(message, id);
	json_key(j, "id");
	json_text(j, (struct text){ id, sizeof(id) });
}

void
queue_json_time(struct json *j, const char *key, int64_t at)
{
	struct buffer b = BUFFER_INIT;

	json_key(j, key);
	date_print_rfc3339(&b, at);
	if (at == 0)
		json_null(j);
	else
		json_text(j, buffer_text(&b));
	buffer_done(&b);
}

/* ---- changes ---- */

struct change {
	enum queue_admin_change change;
	const char *done; /* what was done with recipients */
};

static int
tell(const struct options *o, const struct change *c, uint64_t changed, uint64_t busy)
{
	struct output out = output_of(o);

	out.json = json_to(&out.text);
	if (out.as_json) {
		json_object(&out.json);
		json_key(&out.json, "done");
		json_text(&out.json, text_of(c->done));
		json_key(&out.json, "recipients");
		json_u64(&out.json, changed);
		json_key(&out.json, "underWay");
		json_u64(&out.json, busy);
		json_object_end(&out.json);
		return output_write(&out);
	}
	buffer_addf(&out.text, "%s %llu recipient%s\n", c->done, (unsigned long long)changed,
	    changed == 1 ? "" : "s");
	if (busy > 0)
		buffer_addf(&out.text,
		    "%llu more left as they are: a delivery to them is under way; see again in "
		    "some minutes\n",
		    (unsigned long long)busy);
	return output_write(&out);
}

/* Just after a start it takes some seconds until it is known what is under way. */
static enum status
step(struct instance *i, const struct queue_admin_change_request *q,
    struct queue_admin_change_reply *r)
{
	enum status s = STATUS_AGAIN;

	for (int tries = 0; s == STATUS_AGAIN && tries < START_TRIES; tries++) {
		if (tries > 0)
			(void)poll(NULL, 0, START_PAUSE);
		s = queue_admin_change(i->calls, q, &i->arena, r, &i->failure);
	}
	return s;
}

static int
change(struct instance *i, const struct options *o, const struct change *c)
{
	struct queue_admin_change_reply r;
	struct queue_choice q;
	uint64_t changed = 0, busy = 0;
	int code = queue_choice(i, o, &q);

	while (code == EXIT_DONE) {
		struct queue_admin_change_request request = {
			QUEUE_CHOICE_FIELDS(q).change = c->change, .silent = o->silent != NULL
		};
		enum status s = step(i, &request, &r);

		if (s != STATUS_OK && changed > 0)
			(void)refused(
			    "%s %llu recipients, then:", c->done, (unsigned long long)changed);
		if (s != STATUS_OK)
			return refused_by(s, &i->failure);
		changed += r.changed;
		busy += r.busy;
		q.after = r.resume;
		if (r.resume.len == 0)
			return tell(o, c, changed, busy);
	}
	return code;
}

static int
retry(struct instance *i, const struct options *o)
{
	return change(i, o, &(struct change){ QUEUE_ADMIN_RETRY, "made due" });
}

static int
hold(struct instance *i, const struct options *o)
{
	return change(i, o, &(struct change){ QUEUE_ADMIN_HOLD, "held" });
}

static int
release(struct instance *i, const struct options *o)
{
	return change(i, o, &(struct change){ QUEUE_ADMIN_RELEASE, "released" });
}

static int
drop(struct instance *i, const struct options *o)
{
	return change(i, o, &(struct change){ QUEUE_ADMIN_DROP, "dropped" });
}

#define ANY (OPT_SELECTION | OPT(ALL))

static const struct verb verbs[] = {
	{ "list", 0, INT_MAX, 0, queue_list },
	{ "show", 1, 1, 0, queue_show },
	{ "retry", 1, INT_MAX, 0, retry },
	{ "retry", 0, 0, ANY, retry },
	{ "hold", 1, INT_MAX, 0, hold },
	{ "hold", 0, 0, ANY, hold },
	{ "release", 1, INT_MAX, 0, release },
	{ "release", 0, 0, ANY, release },
	{ "drop", 1, INT_MAX, 0, drop },
	{ "drop", 0, 0, ANY, drop },
};

int
command_queue(const struct command *c, const struct options *o)
{
	return verb_run(c, o, verbs, ARRAY_LEN(verbs));
}
