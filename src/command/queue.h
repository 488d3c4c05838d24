/* SPDX-License-Identifier: ISC */
/* What the files of `mailstead queue` share. */
#ifndef COMMAND_QUEUE_H
#define COMMAND_QUEUE_H

#include "command/command.h"
#include "store/queue_admin_calls.h"

/* The options that select; a command that changes wants one, or an id. */
#define OPT_SELECTION                                                                            \
	(OPT(SENDER) | OPT(RECIPIENT) | OPT(DOMAIN) | OPT(ACCOUNT) | OPT(NETWORK) | OPT(OLDER) | \
	    OPT(YOUNGER) | OPT(STATE))

/* The fields of QUEUE_ADMIN_SELECTION. */
struct queue_choice {
	QUEUE_ADMIN_SELECTION(CALL_MEMBER_, )
};
#define QUEUE_CHOICE_FIELD(S, type, field) .field = (S).field,
/* Designators for a request. */
#define QUEUE_CHOICE_FIELDS(choice) QUEUE_ADMIN_SELECTION(QUEUE_CHOICE_FIELD, choice)

/* What options and arguments behind the verb select. EXIT_DONE, or the exit code
 * after the reason was printed. */
int queue_choice(struct instance *i, const struct options *o, struct queue_choice *out) MUST_CHECK;
int queue_id_parse(const char *word, uint64_t *out) MUST_CHECK;

/* For people: a time that passed or is to come ("3 h"), octets, and text of
 * strangers without what a terminal would obey. */
void queue_print_age(struct buffer *out, int64_t seconds);
void queue_print_octets(struct buffer *out, uint64_t octets);
void queue_print_safe(struct buffer *out, struct text t);
/* "id": the id. */
void queue_json_id(struct json *j, uint64_t message);
void queue_json_time(struct json *j, const char *key, int64_t at);

int queue_list(struct instance *i, const struct options *o);
int queue_show(struct instance *i, const struct options *o);

#endif
