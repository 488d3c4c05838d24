/* SPDX-License-Identifier: ISC */
/* See store/srs.h, and store_srs in store/calls.h. */
#include "store/srs.h"

#include <openssl/hmac.h>

#include "base/clock.h"
#include "base/random.h"
#include "mailauth/srs.h"
#include "mime/address.h"
#include "store/core.h"
#include "store/directory.h"
#include "store/serve.h"

#define SECRET_LENGTH 32

static void
make_secret(struct store *s, uint8_t secret[SECRET_LENGTH])
{
	static const uint8_t purpose[] = "mailstead srs 1";
	unsigned length = 0;

	CHECK(HMAC(EVP_sha256(), s->token_key, sizeof(s->token_key), purpose, sizeof(purpose) - 1,
		  secret, &length) != NULL &&
	      length == SECRET_LENGTH);
}

/* "local@domain" with the local part unquoted. */
static bool
plain(struct text address, struct arena *a, struct text *local, struct text *out)
{
	struct cursor c = cursor_of(address);
	struct smtp_address parts;

	if (!smtp_address_mailbox(&c, true, a, &parts) || !cursor_done(&c))
		return false;
	*local = parts.local;
	*out = arena_printf(a, "%.*s@%.*s", TEXT_ARG(parts.local), TEXT_ARG(parts.domain));
	return true;
}

/* The other way. */
static struct text
quoted(struct text address, struct arena *a)
{
	size_t at = text_find_last(address, '@');
	struct buffer out = BUFFER_INIT;
	struct text t;

	smtp_address_print(&out, (struct smtp_address){ text_part(address, 0, at),
				     text_part(address, at + 1, address.len) });
	t = arena_copy(a, buffer_text(&out));
	buffer_done(&out);
	return t;
}

bool
srs_looks(struct text address)
{
	return srs_is(text_part(
	    address, text_starts(address, TEXT("\"")) ? 1 : 0, text_find_last(address, '@')));
}

enum status
srs_target(struct store *s, struct text address, struct arena *a, struct text *out)
{
	uint8_t secret[SECRET_LENGTH];
	struct buffer sender = BUFFER_INIT;
	struct text local, whole;
	enum status st;

	if (!plain(address, a, &local, &whole))
		return STATUS_NOT_FOUND;
	make_secret(s, secret);
	st = srs_reverse(local, (struct text){ (const char *)secret, sizeof(secret) },
	    clock_wall() / CLOCK_SECOND, &sender);
	secret_wipe(secret, sizeof(secret));
	if (st == STATUS_OK)
		*out = quoted(buffer_text(&sender), a);
	buffer_done(&sender);
	return st == STATUS_OK ? STATUS_OK : STATUS_NOT_FOUND;
}

/* recipient where the sender has no room. */
static struct text
rewritten(
    struct store *s, struct text sender, struct text domain, struct text recipient, struct arena *a)
{
	uint8_t secret[SECRET_LENGTH];
	struct buffer out = BUFFER_INIT;
	struct text local, whole, t = recipient;

	if (sender.len == 0 || !plain(sender, a, &local, &whole))
		return sender.len == 0 ? TEXT_EMPTY : recipient;
	make_secret(s, secret);
	if (srs_forward(whole, domain, (struct text){ (const char *)secret, sizeof(secret) },
		clock_wall() / CLOCK_SECOND, &out) == STATUS_OK)
		t = quoted(buffer_text(&out), a);
	secret_wipe(secret, sizeof(secret));
	buffer_done(&out);
	return t;
}

void
serve_store_srs(struct call_in *in, const void *request, void *context)
{
	const struct store_srs_request *q = request;
	struct text recipient = q->recipient;
	struct store_srs_reply reply;
	struct address_key k;

	if (text_equal_ci(recipient, TEXT("postmaster"))) /* of this host: without a domain */
		recipient = directory_postmaster(call_arena(in));
	if (address_key(recipient, call_arena(in), &k) != STATUS_OK ||
	    !directory_has_domain(context, k.domain)) {
		call_refuse(in, STATUS_NOT_FOUND, "No such domain here.", "not a domain of ours");
		return;
	}
	reply = (struct store_srs_reply){ .domain = k.domain,
		.sender = rewritten(context, q->sender, k.domain, k.whole, call_arena(in)) };
	call_reply(in, &reply);
}
