/* SPDX-License-Identifier: ISC */
/* For tests of what imap/write.h makes: one buffer that is written to and
 * compared. For *_test.c files only. */
#ifndef IMAP_WRITE_TESTING_H
#define IMAP_WRITE_TESTING_H

#include "base/testing.h"
#include "imap/write.h"

static struct buffer b;

UNUSED static int
clear(void **state)
{
	buffer_done(&b);
	return 0;
}

/* Exactly this was written since the last look. */
UNUSED static void
wrote(const char *want)
{
	if (strcmp(buffer_string(&b), want) != 0)
		fail_msg("got  %s\nwant %s", buffer_string(&b), want);
	buffer_clear(&b);
}

#endif
