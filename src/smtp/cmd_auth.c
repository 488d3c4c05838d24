/* SPDX-License-Identifier: ISC */
/*
 * AUTH (RFC 4954 4): who sends. The mechanisms are role auth's (auth/client.h);
 * here their messages go through as base64, one a line. Who signed in stays so
 * until the connection ends or TLS begins: there is no second AUTH.
 */
#include "base/log.h"
#include "base/random.h"
#include "codec/base64.h"
#include "smtp/session.h"

#define FAILED_MAX 10 /* sign-ins on one connection */

/* RFC 4954 4, 6. 525: the password was right, there is no reason to ask for it again. */
#define REFUSAL_TABLE(X)                                   \
	X(AUTH_BAD_CREDENTIALS, REPLY_SIGN_IN_WRONG)       \
	X(AUTH_UNAVAILABLE, REPLY_SIGN_IN_LATER)           \
	X(AUTH_NEEDS_TLS, REPLY_SIGN_IN_NEEDS_TLS)         \
	X(AUTH_BAD_MECHANISM, REPLY_SIGN_IN_BAD_MECHANISM) \
	X(AUTH_BAD_MESSAGE, REPLY_SIGN_IN_BAD_MESSAGE)     \
	X(AUTH_SUSPENDED, REPLY_SIGN_IN_SUSPENDED)         \
	X(AUTH_TOO_MANY, REPLY_SIGN_IN_LATER)              \
	X(AUTH_STOPPED, REPLY_SIGN_IN_STOPPED)

static enum smtp_reply
reply_of_refusal(enum auth_refusal code)
{
	switch (code) {
#define X(refusal, reply) \
	case refusal:     \
		return reply;
		REFUSAL_TABLE(X)
#undef X
	}
	return REPLY_SIGN_IN_LATER;
}

static void
forget(struct text *t)
{
	if (t->ptr != NULL)
		secret_wipe((void *)(uintptr_t)t->ptr, t->len);
	mem_free((void *)(uintptr_t)t->ptr);
	*t = (struct text){ NULL, 0 };
}

void
smtp_auth_end(struct smtp_session *x)
{
	if (x->auth == NULL)
		return;
	auth_client_done(x->auth);
	mem_free(x->auth);
	x->auth = NULL;
}

void
smtp_sign_out(struct smtp_session *x)
{
	smtp_auth_end(x);
	forget(&x->token);
	forget(&x->address);
}

bool
smtp_signed_in(const struct smtp_session *x)
{
	return x->token.len > 0;
}

static struct text
owned(struct text t)
{
	return (struct text){ mem_string(t), t.len };
}

static void
signed_in(struct smtp_session *x, const struct auth_outcome *who)
{
	x->token = owned(who->token);
	x->address = owned(who->address);
	LOG_INFO("smtp.signed_in", FIELD_U64("session", x->session.id),
	    FIELD_TEXT("account", who->address));
	smtp_say(x, REPLY_SIGNED_IN);
}

static enum next
refused(struct smtp_session *x, const struct auth_outcome *r)
{
	if (++x->failed_sign_ins >= FAILED_MAX)
		return smtp_say_and_close(x, REPLY_TOO_MANY_SIGN_INS);
	smtp_say_to(x, reply_of_refusal(r->code), &(struct smtp_reply_parts){ .words = r->words });
	return NEXT_PARK;
}

static enum next
go_on(struct smtp_session *x, const struct auth_outcome *r)
{
	struct buffer challenge = BUFFER_INIT;

	if (r->state == AUTH_MORE) {
		base64_encode(&challenge, r->challenge);
		stream_print(&x->session.stream, "334 %s\r\n", buffer_string(&challenge));
		buffer_done(&challenge);
		return NEXT_PARK;
	}
	smtp_auth_end(x);
	if (r->state != AUTH_DONE)
		return refused(x, r);
	signed_in(x, r);
	return NEXT_PARK;
}

enum next
smtp_auth_line(struct smtp_session *x, struct text line)
{
	bool cancelled = text_equal(line, TEXT("*"));
	struct text response = TEXT_EMPTY;
	struct auth_outcome r;

	if (!cancelled && auth_client_decode(line, false, &x->scratch, &response) != STATUS_OK) {
		smtp_auth_end(x);
		return refused(x, &(struct auth_outcome){ .code = AUTH_BAD_MESSAGE });
	}
	auth_client_step(x->auth, x->server->calls, response, cancelled, &x->scratch, &r);
	secret_wipe((void *)(uintptr_t)response.ptr, response.len);
	return go_on(x, &r);
}

/* mechanism [SP initial-response] */
static enum next
begin(struct smtp_session *x, struct text argument)
{
	struct text mechanism = text_part(argument, 0, text_find_byte(argument, ' ', 0));
	struct text rest = text_part(argument, mechanism.len + 1, argument.len);
	struct text initial = TEXT_EMPTY;
	struct auth_outcome r;

	if (rest.len > 0 && auth_client_decode(rest, true, &x->scratch, &initial) != STATUS_OK)
		return refused(x, &(struct auth_outcome){ .code = AUTH_BAD_MESSAGE });
	x->auth = MEM_NEW(struct auth_client);
	auth_client_start(x->auth, x->server->calls, &x->session, "smtp", mechanism,
	    rest.len > 0 ? &initial : NULL, &x->scratch, &r);
	secret_wipe((void *)(uintptr_t)initial.ptr, initial.len);
	return go_on(x, &r);
}

enum next
smtp_cmd_auth(struct smtp_session *x, struct text argument)
{
	if (smtp_signed_in(x))
		smtp_say(x, REPLY_SIGNED_IN_ALREADY);
	else if (x->tx.open)
		smtp_say(x, REPLY_MAIL_ALREADY);
	else
		return begin(x, argument);
	return NEXT_PARK;
}
