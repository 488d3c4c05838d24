/* SPDX-License-Identifier: ISC */
/*
 * For tests that nothing is left of a secret: all memory of this process is
 * searched for a word that the test itself holds masked.
 */
#ifndef RUNTIME_MEMORY_TESTING_H
#define RUNTIME_MEMORY_TESTING_H

#include <stdio.h>

#include "base/random.h"
#include "base/testing.h"

#define MEMORY_MASK 0x5a

/* Another word each time, of letters. */
UNUSED static void
memory_word(char *masked, size_t len)
{
	for (size_t i = 0; i < len; i++)
		masked[i] = (char)(('a' + random_below(26)) ^ MEMORY_MASK);
}

/* Whether these octets hold the word, which is never in memory unmasked but
 * where it was left. */
static bool
holds(const char *p, size_t n, const char *masked, size_t len)
{
	const char *at = p, *end = p + n;

	while ((at = memchr(at, masked[0] ^ MEMORY_MASK, (size_t)(end - at))) != NULL &&
	       (size_t)(end - at) >= len) {
		size_t same = 1;

		while (same < len && (char)(at[same] ^ MEMORY_MASK) == masked[same])
			same++;
		if (same == len)
			return true;
		at++;
	}
	return false;
}

/* All that this process may write to, but for what sanitizers reserve. */
UNUSED static bool
memory_holds(const char *masked, size_t len)
{
	static char page[1 << 20];
	FILE *maps = fopen("/proc/self/maps", "r");
	FILE *memory = fopen("/proc/self/mem", "r");
	unsigned long from, until;
	char line[512], rights[8];
	bool found = false;

	assert_non_null(maps);
	assert_non_null(memory);
	while (!found && fgets(line, sizeof(line), maps) != NULL) {
		if (sscanf(line, "%lx-%lx %7s", &from, &until, rights) != 3 || rights[1] != 'w' ||
		    until - from > (256ul << 20))
			continue;
		for (; !found && from < until; from += sizeof(page) - len) {
			size_t part = until - from < sizeof(page) ? until - from : sizeof(page);
			ssize_t n = pread(fileno(memory), page, part, (off_t)from);

			if (n <= 0)
				break;
			if (from <= (uintptr_t)page + sizeof(page) && (uintptr_t)page <= until)
				continue; /* its own copy */
			found = holds(page, (size_t)n, masked, len);
		}
	}
	secret_wipe(page, sizeof(page));
	(void)fclose(memory);
	(void)fclose(maps);
	return found;
}

#endif
