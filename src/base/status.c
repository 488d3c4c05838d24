/* SPDX-License-Identifier: ISC */
/*
 * The words of the statuses, the filling of a failure, and the one way in
 * which the process ends itself. die() must work when memory is gone and in
 * any thread, so it formats on the stack and writes to the descriptor.
 */
#include "base/status.h"

#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const words[STATUS_COUNT] = {
#define X(name, word) [STATUS_##name] = word,
	STATUS_TABLE(X)
#undef X
};

const char *
status_word(enum status s)
{
	return (unsigned)s < STATUS_COUNT ? words[s] : "unknown";
}

enum status
fail(struct failure *f, enum status s, const char *client, const char *log, ...)
{
	va_list ap;

	if (f == NULL)
		return s;
	f->status = s;
	(void)snprintf(f->client, sizeof(f->client), "%s", client);
	va_start(ap, log);
	(void)vsnprintf(f->log, sizeof(f->log), log, ap);
	va_end(ap);
	return s;
}

void
die(const char *fmt, ...)
{
	char line[1024];
	void *frames[64];
	va_list ap;
	int n, depth;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		n = 0;
	if ((size_t)n > sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	line[n] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n + 1) > 0) {
		depth = backtrace(frames, (int)ARRAY_LEN(frames));
		backtrace_symbols_fd(frames, depth, STDERR_FILENO);
	}
	abort();
}
