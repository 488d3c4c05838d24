/* SPDX-License-Identifier: ISC */
/*
 * For fuzzers whose target works on threads: these allocate and take branches
 * while an input runs, whichever it is. libFuzzer would look for leaks after
 * each input in whose time more was allocated than freed, and would weigh
 * inputs by how rare their branches are; both cost far more than the input
 * itself. Leaks are still looked for when it ends. For one *_fuzz.c file of a
 * program only.
 */
#ifndef BASE_FUZZ_THREADS_H
#define BASE_FUZZ_THREADS_H

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static char entropic[] = "-entropic=0", leaks[] = "-detect_leaks=0";
	size_t count = (size_t)*argc;
	char **more = calloc(count + 3, sizeof(*more));

	if (more == NULL)
		abort();
	memcpy(more, *argv, count * sizeof(*more));
	more[count++] = entropic;
	more[count++] = leaks;
	*argc = (int)count;
	*argv = more;
	return 0;
}

#endif
