/* SPDX-License-Identifier: ISC */
/*
 * For tests of clients that keep a modseq: words with "@3" in them, which stands
 * for the modseq of the box at its beginning and three. For *_test.c files only.
 */
#ifndef IMAP_SYNC_TESTING_H
#define IMAP_SYNC_TESTING_H

#include "imap/session_testing.h"

/* A mailbox with n messages, flags none. */
struct box {
	struct talk t; /* who made it, nothing selected */
	uint64_t base; /* its HIGHESTMODSEQ */
	uint32_t uidvalidity;
};

UNUSED static uint64_t
number_behind(const char *got, const char *word)
{
	const char *at = strstr(got, word);

	if (at == NULL)
		fail_msg("no %s in:\n%s", word, got);
	return strtoull(at + strlen(word), NULL, 10);
}

/* "@3" and "@-3" to numbers, "@V" to the UIDVALIDITY. */
UNUSED static const char *
told(const struct box *b, const char *words, struct buffer *out)
{
	buffer_clear(out);
	for (const char *p = words; *p != '\0'; p++) {
		char *end;

		if (p[0] == '@' && p[1] == 'V') {
			buffer_addf(out, "%u", b->uidvalidity);
			p++;
		} else if (p[0] == '@' && ((p[1] >= '0' && p[1] <= '9') || p[1] == '-')) {
			long long n = strtoll(p + 1, &end, 10);

			buffer_addf(out, "%llu", (unsigned long long)((long long)b->base + n));
			p = end - 1;
		} else {
			buffer_add_byte(out, *p);
		}
	}
	return buffer_string(out);
}

/* The answer is exactly this. */
UNUSED static void
SAYS_AT(const struct box *b, struct talk *t, const char *words, const char *want)
{
	struct buffer say = BUFFER_INIT, expect = BUFFER_INIT;

	says(t, told(b, words, &say), told(b, want, &expect));
	buffer_done(&say);
	buffer_done(&expect);
}

UNUSED static void
HAS_AT(const struct box *b, struct talk *t, const char *words, const char *want)
{
	struct buffer say = BUFFER_INIT, expect = BUFFER_INIT;

	has(t, told(b, words, &say), told(b, want, &expect));
	buffer_done(&say);
	buffer_done(&expect);
}

UNUSED static void
box_open(struct box *b, const char *name, unsigned messages)
{
	char words[100];
	const char *got;

	sign_in(&b->t);
	(void)snprintf(words, sizeof(words), "m CREATE %s\r\n", name);
	HAS(&b->t, words, "m OK");
	for (unsigned i = 0; i < messages; i++)
		append_to(&b->t, name, "", MAIL_A);
	(void)snprintf(words, sizeof(words), "m SELECT %s\r\n", name);
	got = talk_say(&b->t, words);
	b->base = number_behind(got, "[HIGHESTMODSEQ ");
	b->uidvalidity = (uint32_t)number_behind(got, "[UIDVALIDITY ");
	HAS(&b->t, "m UNSELECT\r\n", "m OK");
}

UNUSED static void
box_close(struct box *b)
{
	talk_end(&b->t);
}

/* A session with the box selected; what in front: "ENABLE QRESYNC" or "". */
UNUSED static void
box_select(const char *name, const char *enable, struct talk *t)
{
	char words[200];

	sign_in(t);
	if (enable[0] != '\0') {
		(void)snprintf(words, sizeof(words), "e ENABLE %s\r\n", enable);
		HAS(t, words, "* ENABLED ");
	}
	(void)snprintf(words, sizeof(words), "s SELECT %s\r\n", name);
	HAS(t, words, "s OK [READ-WRITE]");
}

#endif
