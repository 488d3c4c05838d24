/* SPDX-License-Identifier: ISC */
/*
 * mailstead trace: what became of a message, told in the order of time with the
 * other servers' exact words. A message is found by the id that its sender was
 * told, or by what else is known of it; the newest are told last, next to the
 * prompt.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "codec/date.h"
#include "command/command.h"
#include "command/terminal.h"
#include "runtime/settings.h"
#include "store/trace_calls.h"

#define LIMIT_DEFAULT 20u
#define WORD_COLUMN 10 /* of the events' words */

/* ---- what is asked ---- */

/* "2026-11-30", "2026-11-30 14:05", "2026-11-30T14:05:09Z" in UTC, or how long
 * ago: "2 h". Microseconds. */
static int
time_of(const char *word, int64_t *out)
{
	static const char *const forms[] = { "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M",
		"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ" };
	struct failure f = { 0 };
	int64_t ago;

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct tm tm = { .tm_mday = 1 };
		const char *end = strptime(word, forms[i], &tm);

		if (end != NULL && *end == '\0') {
			*out = timegm(&tm) * CLOCK_SECOND;
			return EXIT_DONE;
		}
	}
	if (setting_parse(SET_TRACE_KEEP, text_of(word), &ago, &f) != STATUS_OK)
		return refused("not a time: %s (write \"2 h\" for two hours ago, or 2026-11-30 "
			       "14:05, in UTC)",
		    word);
	*out = clock_wall() - ago;
	return EXIT_DONE;
}

static struct text
option_text(const char *word)
{
	return word == NULL ? TEXT_EMPTY : text_of(word);
}

static int
question_of(const struct options *o, struct trace_find_request *q, uint64_t *limit)
{
	int code = EXIT_DONE;

	*q = (struct trace_find_request){
		.id = o->arg_count > 0 ? text_of(o->args[0]) : option_text(o->queue_id),
		.message_id = option_text(o->message_id),
		.sender = option_text(o->from),
		.recipient = option_text(o->to),
	};
	*limit = LIMIT_DEFAULT;
	if (o->limit != NULL && (text_to_u64(text_of(o->limit), limit) != STATUS_OK || *limit == 0))
		code = refused("--limit takes a number of messages");
	if (code == EXIT_DONE && o->since != NULL)
		code = time_of(o->since, &q->since);
	if (code == EXIT_DONE && o->until != NULL)
		code = time_of(o->until, &q->until);
	return code;
}

/* ---- for people ---- */

/* Words of strangers are shown on a terminal. */
static void
print(struct buffer *out, struct text t)
{
	terminal_print(out, t, " / ");
}

static void
print_time(struct buffer *out, int64_t at)
{
	struct buffer b = BUFFER_INIT;
	struct text t;

	date_print_rfc3339(&b, at / CLOCK_SECOND);
	t = buffer_text(&b);
	buffer_addf(out, "%.*s %.*s.%03d", TEXT_ARG(text_part(t, 0, 10)),
	    TEXT_ARG(text_part(t, 11, 19)), (int)(at / CLOCK_MS % 1000));
	buffer_done(&b);
}

static void
print_recipients(struct buffer *out, const struct trace_event *e)
{
	for (uint32_t i = 0; i < e->recipients.count; i++) {
		buffer_add_string(out, i == 0 ? "<" : ", <");
		print(out, e->recipients.at[i]);
		buffer_add_byte(out, '>');
	}
	if (e->more > 0)
		buffer_addf(out, " and %llu more", (unsigned long long)e->more);
}

/* One fact of an event on the line, behind what is there. */
static void
print_part(struct buffer *out, const char *before, struct text t, const char *after)
{
	if (t.len == 0)
		return;
	buffer_add_string(out, before);
	print(out, t);
	buffer_add_string(out, after);
}

static void
print_came(struct buffer *out, const struct trace_event *e)
{
	if (e->has_sender) {
		buffer_add_string(out, " from <");
		print(out, e->sender);
		buffer_add_byte(out, '>');
	}
	if (e->recipients.count > 0 || e->more > 0) {
		buffer_add_string(out, e->has_sender || e->what == TRACE_DELIVERED ? " to "
				       : e->server.len > 0			   ? " "
										   : " for ");
		print_recipients(out, e);
	}
	if (e->size > 0)
		buffer_addf(out, ", %llu octets", (unsigned long long)e->size);
	print_part(out, ", Message-ID <", e->message_id, ">");
}

static void
print_attempt(struct buffer *out, const struct trace_event *e)
{
	print_part(out, " by ", e->server, "");
	print_part(out, e->server.len > 0 ? " [" : ", ", e->facts, e->server.len > 0 ? "]" : "");
	print_part(out, ": \"", e->words, "\"");
	print_part(out, e->what == TRACE_QUEUED ? ", in the queue as " : ": ", e->other, "");
	if (e->tries > 0)
		buffer_addf(out, ", attempt %u", e->tries);
	if (e->took > 0)
		buffer_addf(out, ", took %llu.%03llu s", (unsigned long long)e->took / 1000,
		    (unsigned long long)e->took % 1000);
	if (e->until > 0) {
		buffer_add_string(out, e->what == TRACE_DEFERRED ? ", again at " : ", until ");
		date_print_rfc3339(out, e->until);
	}
}

static void
print_notice(struct buffer *out, const struct trace_event *e)
{
	print_part(out, " of a ", e->words, "");
	print_part(out, ", in message ", e->other, "");
}

static void
print_event(struct buffer *out, const struct trace_event *e)
{
	buffer_add_string(out, "  ");
	print_time(out, e->at);
	buffer_addf(out, "  %-*s", WORD_COLUMN, trace_word(e->what));
	if (e->what == TRACE_NOTIFIED) {
		print_notice(out, e);
	} else {
		print_came(out, e);
		print_attempt(out, e);
	}
	buffer_add_byte(out, '\n');
}

/* ---- for programs ---- */

static void
json_part(struct json *j, const char *name, struct text t)
{
	if (t.len == 0)
		return;
	json_key(j, name);
	json_text(j, t);
}

static void
json_number(struct json *j, const char *name, uint64_t n)
{
	if (n == 0)
		return;
	json_key(j, name);
	json_u64(j, n);
}

static void
json_event(struct json *j, const struct trace_event *e)
{
	json_object(j);
	json_key(j, "what");
	json_text(j, text_of(trace_word(e->what)));
	json_key(j, "at_us");
	json_i64(j, e->at);
	if (e->has_sender) {
		json_key(j, "sender");
		json_text(j, e->sender);
	}
	if (e->recipients.count > 0) {
		json_key(j, "recipients");
		json_array(j);
		for (uint32_t i = 0; i < e->recipients.count; i++)
			json_text(j, e->recipients.at[i]);
		json_array_end(j);
	}
	json_number(j, "more_recipients", e->more);
	json_part(j, "message_id", e->message_id);
	json_part(j, "server", e->server);
	json_part(j, "facts", e->facts);
	json_part(j, "words", e->words);
	json_part(j, "other", e->other);
	json_number(j, "account", e->account);
	json_number(j, "size", e->size);
	json_number(j, "attempt", e->tries);
	json_number(j, "took_ms", e->took);
	json_number(j, "until", (uint64_t)e->until);
	json_object_end(j);
}

/* ---- stories ---- */

static enum status
tell_row(struct output *out, struct instance *i, struct text row)
{
	struct trace_row r;
	enum status s = trace_row_unpack(row, &i->arena, &r);

	for (uint32_t k = 0; s == STATUS_OK && k < r.count; k++) {
		if (out->as_json)
			json_event(&out->json, &r.at[k]);
		else
			print_event(&out->text, &r.at[k]);
	}
	return s;
}

static void
begin_story(struct output *out, struct text id)
{
	if (!out->as_json) {
		print(&out->text, id);
		buffer_add_byte(&out->text, '\n');
		return;
	}
	json_object(&out->json);
	json_key(&out->json, "id");
	json_text(&out->json, id);
	json_key(&out->json, "events");
	json_array(&out->json);
}

static void
end_story(struct output *out)
{
	if (!out->as_json)
		return;
	json_array_end(&out->json);
	json_object_end(&out->json);
}

/* Where each story of a page begins. */
static uint32_t
begins_of(const struct trace_find_reply *r, uint32_t *begins)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->ids.count; i++)
		if (i == 0 || !text_equal(r->ids.at[i], r->ids.at[i - 1]))
			begins[n++] = i;
	begins[n] = r->ids.count;
	return n;
}

struct pages {
	struct trace_find_reply at[64];
	uint32_t count;
	uint64_t cut;
	bool more;
};

/* All that is asked for, page by page; newest first as they come. */
static enum status
fetch(struct instance *i, struct trace_find_request *q, uint64_t limit, struct pages *out)
{
	enum status s = STATUS_OK;
	uint64_t left = limit;

	while (left > 0 && out->count < ARRAY_LEN(out->at)) {
		struct trace_find_reply *r = &out->at[out->count];
		uint32_t *begins, n;

		q->limit = left < TRACE_PAGE ? left : TRACE_PAGE;
		s = trace_find(i->calls, q, &i->arena, r, &i->failure);
		if (s != STATUS_OK)
			return s;
		begins = ARENA_ARRAY(&i->arena, uint32_t, r->ids.count + 1);
		n = begins_of(r, begins);
		left -= n < left ? n : left;
		out->count++;
		out->cut += r->cut;
		out->more = r->resume.len > 0;
		q->after = r->resume;
		if (r->resume.len == 0)
			break;
	}
	return STATUS_OK;
}

static enum status
tell_page(struct output *out, struct instance *i, const struct trace_find_reply *r)
{
	uint32_t *begins = ARENA_ARRAY(&i->arena, uint32_t, r->ids.count + 1);
	uint32_t n = begins_of(r, begins);
	enum status s = STATUS_OK;

	while (n-- > 0 && s == STATUS_OK) {
		begin_story(out, r->ids.at[begins[n]]);
		for (uint32_t k = begins[n]; k < begins[n + 1] && s == STATUS_OK; k++)
			s = tell_row(out, i, r->rows.at[k]);
		end_story(out);
	}
	return s;
}

static int
tell(struct instance *i, const struct options *o, const struct pages *p)
{
	struct output out = output_of(o);
	enum status s = STATUS_OK;

	out.json = json_to(&out.text);
	if (out.as_json)
		json_array(&out.json);
	for (uint32_t k = p->count; k-- > 0 && s == STATUS_OK;)
		s = tell_page(&out, i, &p->at[k]);
	if (out.as_json)
		json_array_end(&out.json);
	if (s != STATUS_OK) {
		buffer_done(&out.text);
		return refused("the trace cannot be read: %s", status_word(s));
	}
	if (p->cut > 0)
		(void)refused(
		    "%llu rows of long stories are not shown", (unsigned long long)p->cut);
	if (p->more)
		(void)refused("there are older ones: ask for more with --limit");
	return output_write(&out);
}

static bool
is_usage(const struct options *o)
{
	int by = (o->message_id != NULL) + (o->from != NULL) + (o->to != NULL) +
		 (o->queue_id != NULL) + (o->arg_count > 0);

	return by <= 1 && o->arg_count <= 1;
}

int
command_trace(const struct command *c, const struct options *o)
{
	struct trace_find_request q;
	struct pages p = { .count = 0 };
	struct instance i;
	uint64_t limit;
	int code;

	if (!is_usage(o))
		return usage(c);
	code = question_of(o, &q, &limit);
	if (code == EXIT_DONE)
		code = instance_join(o, &i);
	if (code != EXIT_DONE)
		return code;
	if (fetch(&i, &q, limit, &p) != STATUS_OK)
		code = refused_by(i.failure.status, &i.failure);
	else if (p.count == 0 || p.at[0].ids.count == 0)
		code = refused("the trace knows no such message");
	else
		code = tell(&i, o, &p);
	instance_leave(&i);
	return code;
}
