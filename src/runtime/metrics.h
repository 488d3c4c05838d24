/* SPDX-License-Identifier: ISC */
/*
 * Metrics: one row each in runtime/metrics.def, counted with relaxed atomics,
 * shown by `mailstead metrics` as Prometheus text with the role as a label.
 */
#ifndef RUNTIME_METRICS_H
#define RUNTIME_METRICS_H

#include "base/buffer.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE };

enum metric {
#define METRIC(id, name, type, help) METRIC_##id,
#include "runtime/metrics.def"
#undef METRIC
	METRIC_COUNT
};

struct metric_row {
	const char *name; /* without the "mailstead_" prefix */
	enum metric_type type;
	const char *help;
};

const struct metric_row *metric_row(enum metric m);
void metric_add(enum metric m, int64_t n);
void metric_set(enum metric m, int64_t n);
int64_t metric_get(enum metric m);

/* What one process answered to runtime_metrics. */
struct metric_source {
	struct text role;
	uint32_t instance;
	const uint64_t *values; /* in the order of metrics.def */
	size_t count;
};
/* Prometheus text (exposition format 0.0.4) of all these processes. */
void metrics_print(const struct metric_source *sources, size_t count, struct buffer *out);

#endif
