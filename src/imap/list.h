/* SPDX-License-Identifier: ISC */
/*
 * What LIST and LSUB share: the arguments (RFC 3501 6.3.8, RFC 9051 6.3.9,
 * RFC 5258) and the walk over the account's mailboxes, of which only the
 * stretches that the patterns can match are read, page by page.
 */
#ifndef IMAP_LIST_H
#define IMAP_LIST_H

#include "imap/names.h"
#include "imap/session.h"

/* Selection and return options, as bits. REMOTE adds nothing: all mailboxes
 * are here. */
enum list_option {
	LIST_SUBSCRIBED = 1,
	LIST_REMOTE = 2,
	LIST_RECURSIVEMATCH = 4,
	LIST_SPECIAL_USE = 8, /* RFC 6154 */
	LIST_CHILDREN = 16,
	LIST_STATUS = 32, /* RFC 5819 */
};

struct list_args {
	bool extended; /* of RFC 5258: options, or several patterns */
	bool root;     /* asks for the separator alone */
	unsigned select, returns;
	unsigned status; /* items of imap/status.h */
	struct name_pattern *pattern;
	size_t count; /* without those that no name matches */
};

#define LIST_PATTERNS_MAX 100
/* What stands behind the command's name, to its end; false with the reply made. */
bool imap_list_args(struct command *c, struct list_args *out);
/* The same for LSUB. */
bool imap_lsub_args(struct command *c, struct list_args *out);

/* "* LIST (\HasNoChildren) "/" Drafts", without the end of the line. options:
 * LIST_SUBSCRIBED tells of that; modern: as RFC 5258 names what is not there. */
void imap_write_listed(
    struct command *c, const struct store_mailbox *m, unsigned options, bool modern);

bool imap_list_matches(const struct list_args *args, struct text name);

/* Calls fn for every row that could match, in mailbox_order; what it points at
 * is gone afterwards. below: also for what is below a name without wildcards. */
typedef void (*list_row_fn)(void *arg, const struct store_mailbox *m);
enum status imap_list_walk(struct command *c, const struct list_args *args, bool below,
    list_row_fn fn, void *arg, struct failure *f) MUST_CHECK;

#endif
