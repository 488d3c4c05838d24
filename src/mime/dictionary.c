/* SPDX-License-Identifier: ISC */
/*
 * The dictionary of packed summaries: an array by number, and a hash table
 * over it that is filled once per process. The hash looks at the ends of a
 * word only, which is quick and keeps these words apart well enough.
 */
#include "mime/dictionary.h"

#include <pthread.h>
#include <string.h>

#define SLOTS 1024 /* power of two, several times the rows */

static const struct text words[] = {
#define X(word) { word, sizeof(word) - 1 },
	DICTIONARY_TABLE(X)
#undef X
};

_Static_assert(ARRAY_LEN(words) < SLOTS / 4, "the dictionary wants more slots");

static uint16_t slots[SLOTS]; /* number + 1; 0: free */

static uint32_t
hash(struct text word)
{
	uint32_t first = 0, last = 0;
	size_t n = word.len < sizeof(first) ? word.len : sizeof(first);

	memcpy(&first, word.ptr, n);
	memcpy(&last, word.ptr + word.len - n, n);
	first = first * 0x9e3779b1u + last * 0x85ebca6bu + (uint32_t)word.len * 0xc2b2ae35u;
	return first >> 16 & (SLOTS - 1);
}

static void
fill(void)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		uint32_t at = hash(words[i]);

		while (slots[at] != 0)
			at = (at + 1) & (SLOTS - 1);
		slots[at] = (uint16_t)(i + 1);
	}
}

int
dictionary_find(struct text word)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (word.len == 0 || word.len > 32)
		return -1;
	CHECK(pthread_once(&once, fill) == 0);
	for (uint32_t at = hash(word); slots[at] != 0; at = (at + 1) & (SLOTS - 1))
		if (text_equal(words[slots[at] - 1], word))
			return slots[at] - 1;
	return -1;
}

bool
dictionary_word(uint64_t number, struct text *out)
{
	if (number >= ARRAY_LEN(words))
		return false;
	*out = words[number];
	return true;
}
