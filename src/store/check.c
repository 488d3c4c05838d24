/* SPDX-License-Identifier: ISC */
/* The store's own check, by account: so far that the account loads. */
#include "store/core.h"
#include "store/serve.h"

void
serve_store_check(struct call_in *in, const void *request, void *context)
{
	const struct store_check_request *r = request;
	struct store_check_reply reply = { .rows = 0 };
	struct account *a = account_get(context, r->account);
	enum status s = owner_wait_loaded(&a->owner);

	account_put(a);
	if (s == STATUS_OK)
		call_reply(in, &reply);
	else
		call_refuse(in, s, "The account does not load.", "%s", status_word(s));
}
