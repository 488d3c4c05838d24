/* SPDX-License-Identifier: ISC */
/*
 * The calls that every role serves: who it is, its metrics, a setting that
 * changed. Their handlers get struct calls itself as context.
 */
#include "runtime/runtime_calls.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "runtime/call_links.h"
#include "runtime/metrics.h"
#include "runtime/sandbox.h"
#include "runtime/settings.h"

/* Every role serves these; which one is meant, the link says. */
CALLS_DEFINE(runtime, RUNTIME_CALLS, CALLS_RUNTIME, ROLE_COUNT)

static void
handle_ping(struct call_in *in, const void *request, void *context)
{
	const struct calls *c = context;
	const struct runtime_ping_reply r = {
		.pid = (uint64_t)getpid(),
		.started = (uint64_t)c->started,
		.sandbox = sandbox_active(),
		.instance = c->config.instance,
	};

	call_reply(in, &r);
}

static _Atomic int statm = -1;

void
runtime_calls_prepare(void)
{
	if (statm < 0)
		statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

/* The second number of statm: resident pages. */
static uint64_t
resident(void)
{
	char line[128];
	ssize_t n = statm < 0 ? -1 : pread(statm, line, sizeof(line), 0);
	struct text rest = { line, n > 0 ? (size_t)n : 0 }, word;
	uint64_t pages = 0;

	for (int i = 0; i < 2; i++)
		if (!text_split(&rest, ' ', &word))
			return 0;
	if (text_to_u64(word, &pages) != STATUS_OK)
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void
handle_metrics(struct call_in *in, const void *request, void *context)
{
	uint64_t values[METRIC_COUNT];
	const struct runtime_metrics_reply r = {
		.values = { values, METRIC_COUNT },
		.rss = resident(),
	};

	for (unsigned m = 0; m < METRIC_COUNT; m++)
		values[m] = (uint64_t)metric_get((enum metric)m);
	call_reply(in, &r);
}

static void
handle_setting(struct call_in *in, const void *request, void *context)
{
	const struct runtime_setting_request *q = request;
	const struct runtime_setting_reply r = { 0 };
	enum setting s;
	enum status st = setting_find(q->name, &s);

	if (st == STATUS_OK)
		st = setting_apply(s, q->value);
	if (st != STATUS_OK) {
		call_refuse(in, st, "No such setting or value", "setting %.*s refused: %s",
		    TEXT_ARG(q->name), status_word(st));
		return;
	}
	LOG_INFO("setting.changed", FIELD_TEXT("name", q->name), FIELD_TEXT("value", q->value));
	call_reply(in, &r);
}

const struct call_row runtime_rows[] = {
	{ &runtime_ping_call, handle_ping },
	{ &runtime_metrics_call, handle_metrics },
	{ &runtime_setting_call, handle_setting },
};
const size_t runtime_row_count = ARRAY_LEN(runtime_rows);
