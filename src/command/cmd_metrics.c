/* SPDX-License-Identifier: ISC */
/* mailstead metrics: Prometheus text, one sample a role and instance. */
#include "command/command.h"
#include "runtime/metrics.h"
#include "runtime/runtime_calls.h"

struct sample {
	enum role role;
	unsigned instance;
	struct numbers values;
	uint64_t rss;
};

#define SAMPLES_MAX 256

static unsigned
collect(struct instance *i, struct sample *at)
{
	unsigned count = 0;

	for (int role = 0; role < ROLE_COUNT; role++)
		for (unsigned k = 0; k < runtime_instances(i->calls, (enum role)role); k++) {
			struct runtime_metrics_request q = { 0 };
			struct runtime_metrics_reply r;
			enum status s = runtime_call_to(i->calls, (enum role)role, k,
			    &runtime_metrics_call, &q, &i->arena, &r, &i->failure);

			if (s != STATUS_OK)
				refused("%s %u: %s", role_word((enum role)role), k, status_word(s));
			else if (count < SAMPLES_MAX)
				at[count++] =
				    (struct sample){ (enum role)role, k, r.values, r.rss };
		}
	return count;
}

static void
line(struct buffer *out, const char *name, const struct sample *s, uint64_t value)
{
	buffer_addf(out, "mailstead_%s{role=\"%s\",instance=\"%u\"} %lld\n", name,
	    role_word(s->role), s->instance, (long long)value);
}

static void
as_prometheus(struct buffer *out, const struct sample *at, unsigned count)
{
	for (int m = 0; m < METRIC_COUNT; m++) {
		const struct metric_row *row = metric_row((enum metric)m);

		buffer_addf(out, "# HELP mailstead_%s %s\n# TYPE mailstead_%s %s\n", row->name,
		    row->help, row->name, row->type == METRIC_COUNTER ? "counter" : "gauge");
		for (unsigned i = 0; i < count; i++)
			if ((uint32_t)m < at[i].values.count)
				line(out, row->name, &at[i], at[i].values.at[m]);
	}
	buffer_add_string(out, "# HELP mailstead_resident_bytes Memory in use\n"
			       "# TYPE mailstead_resident_bytes gauge\n");
	for (unsigned i = 0; i < count; i++)
		line(out, "resident_bytes", &at[i], at[i].rss);
}

static void
as_json(struct json *j, const struct sample *at, unsigned count)
{
	json_array(j);
	for (unsigned i = 0; i < count; i++) {
		json_object(j);
		json_key(j, "role");
		json_text(j, text_of(role_word(at[i].role)));
		json_key(j, "instance");
		json_u64(j, at[i].instance);
		json_key(j, "resident_bytes");
		json_u64(j, at[i].rss);
		for (int m = 0; m < METRIC_COUNT && (uint32_t)m < at[i].values.count; m++) {
			json_key(j, metric_row((enum metric)m)->name);
			json_i64(j, (int64_t)at[i].values.at[m]);
		}
		json_object_end(j);
	}
	json_array_end(j);
}

int
command_metrics(const struct command *c, const struct options *o)
{
	struct sample samples[SAMPLES_MAX];
	struct output out = output_of(o);
	struct instance i;
	unsigned count;
	int code;

	if (o->arg_count != 0)
		return usage(c);
	code = instance_join(o, &i);
	if (code != EXIT_DONE)
		return code;
	count = collect(&i, samples);
	out.json = json_to(&out.text);
	if (out.as_json)
		as_json(&out.json, samples, count);
	else
		as_prometheus(&out.text, samples, count);
	instance_leave(&i);
	return output_write(&out);
}
