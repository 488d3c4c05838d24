/* SPDX-License-Identifier: ISC */
/*
 * Crash notes: which messages were being parsed when a life of role intake
 * ended. They lie in a shared memory file that the monitor makes once and
 * hands to every instance and every life of the role, so that a message that
 * kills its parser is known by its op when the call is made again.
 *
 * A fault is not caught and survived in the process: after a wild write the
 * heap, the locks and the other messages in hand cannot be trusted. The
 * process ends, as for any bug; the notes make its next life wiser.
 *
 * A message found in the notes once is a suspect: many may have been in hand.
 * It is parsed alone, with nothing else being parsed in the process. If that
 * ends the process too, it was this message, and it gets an opaque summary.
 *
 * What the file holds are hints and nothing more: another instance could write
 * anything there, and the worst that comes of it is a message without summary
 * or a process that ends once more. Any thread may call.
 */
#ifndef INTAKE_NOTES_H
#define INTAKE_NOTES_H

#include <stdbool.h>
#include <stdint.h>

#define NOTES_FILE_SIZE 4096 /* octets of the file */

struct notes;

/* Takes the shared file (a memfd of NOTES_FILE_SIZE, zeroed when new); fd -1,
 * or a file that cannot be mapped: notes for this life alone. */
struct notes *notes_new(int fd);
void notes_free(struct notes *n);

enum notes_verdict {
	NOTES_CLEAN,  /* parse it, then notes_end */
	NOTES_POISON, /* do not: it has ended two lives; no notes_end */
};

/* Around the parsing of a message. begin may wait until other messages
 * are done; what lies between is short. An op of 0 is not noted. */
struct notes_hold {
	int slot; /* -1: none */
	bool alone;
};
enum notes_verdict notes_begin(struct notes *n, uint64_t op, struct notes_hold *hold);
void notes_end(struct notes *n, const struct notes_hold *hold);

#endif
