/* SPDX-License-Identifier: ISC */
/*
 * The metrics of this process: one 64-bit number a row of metrics.def, changed
 * and read without order between them. Each stands on a cache line of its own,
 * for some are counted by every thread.
 */
#include "runtime/metrics.h"

#include <stdatomic.h>

#include "base/log.h"

struct value {
	_Alignas(64) _Atomic int64_t n;
};

static struct value values[METRIC_COUNT];

static const struct metric_row rows[METRIC_COUNT] = {
#define METRIC(id, name, type, help) { name, type, help },
#include "runtime/metrics.def"
#undef METRIC
};

const struct metric_row *
metric_row(enum metric m)
{
	CHECK((unsigned)m < METRIC_COUNT);
	return &rows[m];
}

void
metric_add(enum metric m, int64_t n)
{
	atomic_fetch_add_explicit(&values[m].n, n, memory_order_relaxed);
}

void
metric_set(enum metric m, int64_t n)
{
	atomic_store_explicit(&values[m].n, n, memory_order_relaxed);
}

int64_t
metric_get(enum metric m)
{
	/* The log counts these itself, for base knows no metrics. */
	if (m == METRIC_ALARMS)
		return (int64_t)log_alarm_count();
	return atomic_load_explicit(&values[m].n, memory_order_relaxed);
}

/* Label values escape backslash, quote and line feed. */
static void
print_label(struct text value, struct buffer *out)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];

		if (c == '\n') {
			buffer_add_string(out, "\\n");
			continue;
		}
		if (c == '"' || c == '\\')
			buffer_add_byte(out, '\\');
		buffer_add_byte(out, c);
	}
}

void
metrics_print(const struct metric_source *sources, size_t count, struct buffer *out)
{
	for (unsigned m = 0; m < METRIC_COUNT; m++) {
		buffer_addf(out, "# HELP mailstead_%s %s\n# TYPE mailstead_%s %s\n", rows[m].name,
		    rows[m].help, rows[m].name,
		    rows[m].type == METRIC_COUNTER ? "counter" : "gauge");
		for (size_t i = 0; i < count; i++) {
			if (m >= sources[i].count)
				continue;
			buffer_addf(out, "mailstead_%s{role=\"", rows[m].name);
			print_label(sources[i].role, out);
			buffer_addf(out, "\",instance=\"%u\"} %lld\n", sources[i].instance,
			    (long long)(int64_t)sources[i].values[m]);
		}
	}
}
