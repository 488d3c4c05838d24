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

#endif
