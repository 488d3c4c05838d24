/* SPDX-License-Identifier: ISC */
/* mailstead get and set: live settings (runtime/settings.h). */
#include <stdio.h>

#include "command/command.h"
#include "runtime/settings.h"
#include "store/calls.h"

/* Takes what the instance has over this process's defaults. */
static enum status
take_all(struct instance *i)
{
	struct store_settings_reply r;
	enum setting id;
	enum status s;

	s = store_settings(
	    i->calls, &(struct store_settings_request){ 0 }, &i->arena, &r, &i->failure);
	for (uint32_t k = 0; s == STATUS_OK && k < r.names.count && k < r.values.count; k++)
		if (setting_find(r.names.at[k], &id) != STATUS_OK ||
		    setting_apply(id, r.values.at[k]) != STATUS_OK)
			refused("the instance has a setting this program does not know: %.*s",
			    TEXT_ARG(r.names.at[k]));
	return s;
}

static void
value_words(enum setting id, struct buffer *out)
{
	char words[4096];

	if (setting_row(id)->type != SETTING_TEXT) {
		setting_print(id, setting(id), out);
		return;
	}
	setting_text(id, words, sizeof(words));
	buffer_add_string(out, words);
}

/* A member with the value as a person writes it. */
static void
bound(struct json *j, const char *key, enum setting id, int64_t value)
{
	struct buffer words = BUFFER_INIT;

	setting_print(id, value, &words);
	json_key(j, key);
	json_text(j, buffer_text(&words));
	buffer_done(&words);
}

static void
bounds(struct json *j, enum setting id)
{
	const struct setting_row *row = setting_row(id);

	if (row->type == SETTING_TEXT) {
		json_key(j, "longest");
		json_i64(j, row->high);
		return;
	}
	bound(j, "low", id, row->low);
	bound(j, "high", id, row->high);
	bound(j, "default", id, row->value);
}

static void
one(struct output *out, enum setting id, bool whole)
{
	const struct setting_row *row = setting_row(id);
	struct buffer value = BUFFER_INIT;

	value_words(id, &value);
	if (out->as_json) {
		json_object(&out->json);
		json_key(&out->json, "name");
		json_text(&out->json, text_of(row->name));
		json_key(&out->json, "value");
		json_text(&out->json, buffer_text(&value));
		json_key(&out->json, "help");
		json_text(&out->json, text_of(row->prose));
		json_key(&out->json, "unit");
		json_text(&out->json, text_of(row->unit));
		bounds(&out->json, id);
		json_object_end(&out->json);
	} else {
		buffer_addf(&out->text, "%s = %s\n", row->name, buffer_string(&value));
		if (whole) {
			buffer_addf(&out->text, "    %s\n    ", row->prose);
			if (row->type != SETTING_TEXT) {
				setting_print(id, row->low, &out->text);
				buffer_add_string(&out->text, " to ");
				setting_print(id, row->high, &out->text);
				buffer_add_string(&out->text, "; by default ");
				setting_print(id, row->value, &out->text);
			} else {
				buffer_addf(&out->text, "a text of at most %lld octets",
				    (long long)row->high);
			}
			buffer_addf(&out->text, " (%s)\n", row->unit);
		}
	}
	buffer_done(&value);
}

int
command_get(const struct command *c, const struct options *o)
{
	struct output out = output_of(o);
	enum setting only = SETTING_COUNT;
	struct instance i;
	enum status s;
	int code;

	if (o->arg_count > 1)
		return usage(c);
	if (o->arg_count == 1 && setting_find(text_of(o->args[0]), &only) != STATUS_OK)
		return refused("no such setting: %s (\"mailstead get\" lists them)", o->args[0]);
	code = instance_join(o, &i);
	if (code != EXIT_DONE)
		return code;
	s = take_all(&i);
	if (s != STATUS_OK) {
		code = refused_by(s, &i.failure);
		instance_leave(&i);
		return code;
	}
	out.json = json_to(&out.text);
	if (only != SETTING_COUNT) {
		one(&out, only, true);
	} else {
		if (out.as_json)
			json_array(&out.json);
		for (int id = 0; id < SETTING_COUNT; id++)
			one(&out, (enum setting)id, true);
		if (out.as_json)
			json_array_end(&out.json);
	}
	instance_leave(&i);
	return output_write(&out);
}

int
command_set(const struct command *c, const struct options *o)
{
	struct store_setting_set_request q = { 0 };
	struct store_setting_set_reply r;
	struct output out = output_of(o);
	struct instance i;
	enum setting id;
	enum status s;
	int code;

	if (o->arg_count != 2)
		return usage(c);
	if (setting_find(text_of(o->args[0]), &id) != STATUS_OK)
		return refused("no such setting: %s (\"mailstead get\" lists them)", o->args[0]);
	code = instance_join(o, &i);
	if (code != EXIT_DONE)
		return code;
	q.name = text_of(o->args[0]);
	q.value = text_of(o->args[1]);
	s = store_setting_set(i.calls, &q, &i.arena, &r, &i.failure);
	if (s == STATUS_OK)
		s = take_all(&i);
	if (s != STATUS_OK) {
		code = refused_by(s, &i.failure);
	} else {
		out.json = json_to(&out.text);
		one(&out, id, false);
		code = output_write(&out);
	}
	instance_leave(&i);
	return code;
}
