/* SPDX-License-Identifier: ISC */
/*
 * Signing in: STARTTLS, AUTHENTICATE and LOGIN (RFC 3501 6.2), with initial
 * responses (RFC 4959) and response codes (RFC 5530 3). Passwords and SASL are
 * role auth's business (auth/client.h); here they only pass through.
 */
#include "base/random.h"
#include "codec/base64.h"
#include "imap/session.h"
#include "runtime/settings.h"

#define FAILED_MAX 10 /* sign-ins on one connection */

static const struct {
	enum auth_refusal refusal;
	const char *code; /* NULL: BAD */
} codes[] = {
	{ AUTH_BAD_CREDENTIALS, "AUTHENTICATIONFAILED" },
	{ AUTH_UNAVAILABLE, "UNAVAILABLE" },
	{ AUTH_NEEDS_TLS, "PRIVACYREQUIRED" },
	{ AUTH_BAD_MECHANISM, "CANNOT" },
	{ AUTH_BAD_MESSAGE, NULL },
	{ AUTH_SUSPENDED, "CONTACTADMIN" },
	{ AUTH_TOO_MANY, "UNAVAILABLE" },
};

static enum outcome
refused(struct command *c, const struct auth_outcome *r)
{
	const char *words = arena_string(&c->arena, r->words);
	const char *code = "UNAVAILABLE";

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i].refusal == r->code)
			code = codes[i].code;
	if (words[0] == '\0')
		words = "Sign-in failed";
	if (++c->im->failed_sign_ins >= FAILED_MAX)
		return imap_bye(c->im, "Too many failed sign-ins");
	return code == NULL ? imap_bad(c, words) : imap_no(c, code, words);
}

static enum outcome
signed_in(struct command *c, const struct auth_outcome *who)
{
	struct imap *im = c->im;
	struct buffer capabilities = BUFFER_INIT;
	uint64_t key = limits_key_text(who->address);

	if (!limits_enter(
		im->server->limits, key, (unsigned)setting(SET_IMAP_SESSIONS_PER_ACCOUNT)))
		return imap_no(c, "LIMIT", "Too many sessions of this account; close some of them");
	im->limit_key = key;
	imap_signed_in(im, who);
	imap_capabilities(im, &c->arena, &capabilities);
	imap_code(c, "CAPABILITY %s", buffer_string(&capabilities));
	buffer_done(&capabilities);
	return imap_ok(c, "Signed in");
}

static void
end_exchange(struct imap *im)
{
	if (im->auth == NULL)
		return;
	auth_client_done(im->auth);
	mem_free(im->auth);
	im->auth = NULL;
}

static enum outcome go_on(struct command *c, const struct auth_outcome *r);

/* What the client sends after a challenge. */
static enum outcome
answered(struct command *c, struct text line)
{
	struct imap *im = c->im;
	bool cancelled = text_equal(line, TEXT("*"));
	struct text response = TEXT_EMPTY;
	struct auth_outcome r;

	if (!cancelled && auth_client_decode(line, false, &c->arena, &response) != STATUS_OK) {
		end_exchange(im);
		return imap_bad(c, "Expected base64");
	}
	auth_client_step(im->auth, im->server->calls, response, cancelled, &c->arena, &r);
	secret_wipe((void *)(uintptr_t)response.ptr, response.len);
	return go_on(c, &r);
}

static enum outcome
go_on(struct command *c, const struct auth_outcome *r)
{
	struct buffer prompt = BUFFER_INIT;
	enum outcome what;

	if (r->state == AUTH_MORE) {
		base64_encode(&prompt, r->challenge);
		what = imap_expect(c, buffer_text(&prompt), answered);
		buffer_done(&prompt);
		return what;
	}
	end_exchange(c->im);
	return r->state == AUTH_DONE ? signed_in(c, r) : refused(c, r);
}

enum outcome
imap_cmd_authenticate(struct command *c)
{
	struct imap *im = c->im;
	struct text mechanism, encoded, initial = TEXT_EMPTY;
	bool has_initial = false;
	struct auth_outcome r;

	if (!imap_sp(&c->args) || !imap_atom(&c->args, &mechanism))
		return imap_bad(c, "Expected the name of a mechanism");
	if (imap_sp(&c->args)) {
		encoded = cursor_rest(&c->args);
		c->args.at = c->args.end;
		has_initial = true;
		if (auth_client_decode(encoded, true, &c->arena, &initial) != STATUS_OK)
			return imap_bad(c, "Expected base64");
	}
	if (!imap_arg_end(c))
		return IMAP_DONE;
	im->auth = MEM_NEW(struct auth_client);
	auth_client_start(im->auth, im->server->calls, &im->session, "imap", mechanism,
	    has_initial ? &initial : NULL, &c->arena, &r);
	secret_wipe((void *)(uintptr_t)initial.ptr, initial.len);
	return go_on(c, &r);
}

enum outcome
imap_cmd_login(struct command *c)
{
	struct imap *im = c->im;
	struct text name, password;
	struct auth_outcome r;

	if (!imap_sp(&c->args) || !imap_astring(&c->args, &c->arena, &name) || !imap_sp(&c->args) ||
	    !imap_astring(&c->args, &c->arena, &password))
		return imap_bad(c, "Expected a name and a password");
	if (!imap_arg_end(c))
		return IMAP_DONE;
	if ((auth_client_flags(&im->session) & AUTH_MAY_PLAIN) == 0)
		return imap_no(c, "PRIVACYREQUIRED", "Passwords are taken only over TLS");
	auth_client_password(
	    im->server->calls, &im->session, "imap", name, password, &c->arena, &r);
	return r.state == AUTH_DONE ? signed_in(c, &r) : refused(c, &r);
}

enum outcome
imap_cmd_starttls(struct command *c)
{
	struct session *s = &c->im->session;

	if (!imap_arg_end(c))
		return IMAP_DONE;
	if (s->tls)
		return imap_bad(c, "TLS is on already");
	if (s->listener == NULL || s->listener->tls != TLS_STARTTLS)
		return imap_bad(c, "TLS is not possible here");
	/* What was sent in clear behind the command could be anybody's. */
	if (stream_buffered(&s->stream).len > 0)
		return imap_bye(c->im, "Data was sent behind STARTTLS");
	(void)imap_ok(c, "Begin TLS now");
	imap_finish(c);
	return IMAP_START_TLS;
}
