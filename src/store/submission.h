/* SPDX-License-Identifier: ISC */
/* The calls of store/submission_calls.h, between their files. */
#ifndef STORE_SUBMISSION_H
#define STORE_SUBMISSION_H

#include "store/core.h"
#include "store/submission_calls.h"

/* Who sends: the account of a token, as it is now, or a client of a network. */
struct submitter {
	uint64_t account;    /* 0: a network's */
	struct text address; /* of the account, or the client's */
	struct text network; /* "192.0.2.0/24", as the setting has it; empty: an account */
};
/* DENIED with words: a bad token, or one without the right to send, or an address
 * that is in none of the networks. AGAIN: the account must be loaded first, and the
 * call was taken up by the pool (call_step_aside); in is not the handler's any more. */
enum status submitter_of(struct store *s, struct call_in *in, struct text token,
    struct text network, struct submitter *out, struct failure *f) MUST_CHECK;
/* The same, as the limits know it. */
static inline struct sending_who
submitter_sends(const struct submitter *who)
{
	struct sending_key key = who->network.len > 0
				     ? sending_network(who->network)
				     : (struct sending_key){ SENDING_ACCOUNT, who->account };

	return (struct sending_who){ key, who->address, who->network };
}
/* NOT_YOURS with words; "" is everybody's. */
enum status submitter_may_write(struct store *s, const struct submitter *who, struct text address,
    struct arena *a, enum submission_verdict *verdict, struct text *words) MUST_CHECK;

/* Every call has a handler of this name. */
#define SUBMISSION_SERVE(name, roles, flags) \
	void serve_##name(struct call_in *in, const void *request, void *context);
SUBMISSION_CALLS(SUBMISSION_SERVE)

#endif
