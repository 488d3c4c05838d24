/* SPDX-License-Identifier: ISC */
/*
 * How a function says that it did not do what was asked. A function that can
 * fail returns an enum status, which the caller must look at; its
 * out-parameters come last and are untouched on failure. Where the reason
 * matters to somebody, a struct failure carries it for two audiences: one
 * sentence that is safe and helpful for the client, one for the log.
 */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include <stdarg.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED __attribute__((unused))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* One row a status: name, the word used in logs and JSON. Values travel in
 * calls between roles: add at the end only. */
#define STATUS_TABLE(X)                                                         \
	X(OK, "ok")                                                             \
	X(INVALID, "invalid") /* malformed, or makes no sense */                \
	X(NOT_FOUND, "not-found")                                               \
	X(EXISTS, "exists")                                                     \
	X(DENIED, "denied")	      /* not allowed to this caller */          \
	X(LIMIT, "limit")	      /* a size, count, nesting or rate */      \
	X(QUOTA, "quota")	      /* the account is full */                 \
	X(CONFLICT, "conflict")	      /* a guard did not hold: read again */    \
	X(AMBIGUOUS, "ambiguous")     /* a write that may or may not be done */ \
	X(UNAVAILABLE, "unavailable") /* a role or the disk is away: later */   \
	X(TIMEOUT, "timeout")                                                   \
	X(CLOSED, "closed")   /* the peer is gone */                            \
	X(CORRUPT, "corrupt") /* stored bytes that do not decode */             \
	X(FULL, "full")	      /* no space on the disk */                        \
	X(AGAIN, "again")     /* not whole yet: more input is needed */         \
	X(IO, "io")	      /* the system refused a read or write */

enum status {
#define X(name, word) STATUS_##name,
	STATUS_TABLE(X)
#undef X
	    STATUS_COUNT
};

/* The word of the table; "unknown" for a value outside it. */
const char *status_word(enum status s);

/* Both texts are NUL-terminated and cut, never overflowed. */
struct failure {
	enum status status;
	char client[200]; /* safe to show to a stranger */
	char log[400];	  /* for the operator; may name paths and accounts */
};

/* Fills *f (which may be NULL) and returns s, so that a function can say
 *     return fail(f, STATUS_LIMIT, "Message too large", "size %zu", n);
 * The client text is taken as it is, the log text is a format. */
enum status fail(struct failure *f, enum status s, const char *client, const char *log, ...)
    PRINTF_LIKE(4, 5);

/* Ends the process for a bug or for memory that ran out: never for input.
 * Prints the reason and a backtrace to standard error, then aborts. */
_Noreturn void die(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* An assertion that stays in release builds. */
#define CHECK(cond) ((cond) ? (void)0 : die("%s:%d: check failed: %s", __FILE__, __LINE__, #cond))

/* Long-lived structs begin with an unsigned magic; check it at entry and at
 * every cast from void *. */
#define MAGIC_CHECK(p, m) CHECK((p) != NULL && (p)->magic == (m))

#endif
