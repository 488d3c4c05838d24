/* SPDX-License-Identifier: ISC */
/* Operations on shards of the directory, for the directory_*.c files. */
#ifndef STORE_DIRECTORY_OP_H
#define STORE_DIRECTORY_OP_H

#include "store/directory.h"
#include "store/serve.h"

struct directory_op {
	struct op op;		/* first */
	struct address_key key; /* domain only, for calls about domains */
};

static inline struct directory_op *
directory_op_of(struct op *op)
{
	return (struct directory_op *)(void *)op;
}

/* In the request's arena; finish replies with an empty reply. */
struct directory_op *directory_op_new(struct call_in *in, const void *request);
void directory_finish(struct op *op, enum status s);
/* False: the call was refused. Its address is one, and becomes the key. */
bool directory_named(struct call_in *in, struct text address, struct directory_op *o);
/* False: the call was refused. Every target must be an address that leads
 * somewhere, or one elsewhere. */
bool directory_targets_good(struct store *s, struct call_in *in, struct texts targets);
/* All domains behind `after`, in order. */
enum status directory_domains(struct store *s, struct text after, struct arena *a,
    struct domain **out, size_t *count) MUST_CHECK;

#endif
