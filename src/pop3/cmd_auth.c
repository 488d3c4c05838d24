/* SPDX-License-Identifier: ISC */
/*
 * Signing in: CAPA (RFC 2449 5), STLS (RFC 2595 4), USER and PASS (RFC 1939
 * 7), AUTH (RFC 5034), with response codes of RFC 2449 8 and RFC 3206 4.
 * Signing in ends with the maildrop taken and listed.
 */
#include "base/log.h"
#include "base/random.h"
#include "codec/base64.h"
#include "codec/utf8.h"
#include "pop3/session.h"

#define FAILED_MAX 10

static bool
may_plain(const struct pop3 *p)
{
	return (auth_client_flags(&p->session) & AUTH_MAY_PLAIN) != 0;
}

static bool
may_start_tls(const struct pop3 *p)
{
	const struct listener *l = p->session.listener;

	return !p->session.tls && l != NULL && l->tls == TLS_STARTTLS;
}

enum pop3_next
pop3_cmd_capa(struct command *c)
{
	struct pop3 *p = c->p;
	struct stream *s = &p->session.stream;
	struct text words;

	if (!pop3_arg_end(c))
		return POP3_GO_ON;
	(void)pop3_ok(c, "Capabilities follow");
	stream_print(s, "TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n"
			"UTF8 USER\r\nLANG\r\n");
	/* What is there before signing in is told after it as well (RFC 2449 5),
	 * but for STLS (RFC 2595 4). */
	words = auth_offer_words(
	    &p->server->offer, p->server->calls, auth_client_flags(&p->session), &c->arena);
	if (may_plain(p))
		stream_print(s, "USER\r\n");
	if (p->state == POP3_AUTHORIZATION && may_start_tls(p))
		stream_print(s, "STLS\r\n");
	if (words.len > 0)
		stream_print(s, "SASL %.*s\r\n", TEXT_ARG(words));
	stream_print(s, "EXPIRE NEVER\r\nIMPLEMENTATION Mailstead\r\n.\r\n");
	return POP3_GO_ON;
}

enum pop3_next
pop3_cmd_stls(struct command *c)
{
	struct pop3 *p = c->p;

	if (!pop3_arg_end(c))
		return POP3_GO_ON;
	if (!may_start_tls(p))
		return pop3_err(
		    c, p->session.tls ? "TLS is on already" : "TLS is not possible here");
	if (p->utf8)
		return pop3_err(c, "STLS comes before UTF8"); /* RFC 6856 2.1 */
	/* What was sent in clear behind the command could be anybody's. */
	if (stream_buffered(&p->session.stream).len > 0) {
		(void)pop3_err(c, "Data was sent behind STLS");
		return POP3_END;
	}
	mem_free(p->user); /* RFC 2595 4: what was said in clear is forgotten */
	p->user = NULL;
	(void)pop3_ok(c, "Begin TLS now");
	return POP3_START_TLS;
}

static enum pop3_next
refused(struct command *c, const struct auth_outcome *r)
{
	/* RFC 3206 6: an account that expired is a matter of credentials too. */
	bool credentials = r->code == AUTH_BAD_CREDENTIALS || r->code == AUTH_SUSPENDED;
	bool soon = r->code == AUTH_UNAVAILABLE || r->code == AUTH_TOO_MANY;
	const char *code = credentials ? "[AUTH] " : soon ? "[SYS/TEMP] " : "";

	(void)pop3_err(c, "%s%s", code,
	    r->words.len > 0 ? arena_string(&c->arena, r->words) : "Sign-in failed");
	return ++c->p->failed_sign_ins < FAILED_MAX ? POP3_GO_ON : POP3_END;
}

static enum pop3_next
signed_in(struct command *c, const struct auth_outcome *r)
{
	struct pop3 *p = c->p;
	struct failure f = { 0 };
	enum status st = pop3_take(c, r->account, r->token, &f);

	if (st == STATUS_CONFLICT)
		return pop3_err(c, "[IN-USE] Another session has the mailbox open");
	if (st != STATUS_OK)
		return pop3_failed(c, st, &f);
	p->token = (struct text){ mem_string(r->token), r->token.len };
	p->state = POP3_TRANSACTION;
	LOG_INFO("pop3.signed_in", FIELD_U64("session", p->session.id),
	    FIELD_TEXT("account", r->address));
	return pop3_ok(
	    c, "%u messages (%llu octets)", p->drop.count, (unsigned long long)p->drop.octets);
}

enum pop3_next
pop3_cmd_user(struct command *c)
{
	struct text name = cursor_rest(&c->args);

	if (!may_plain(c->p))
		return pop3_err(c, "Passwords are taken only over TLS");
	if (name.len == 0)
		return pop3_err(c, "Expected a name");
	if (!utf8_valid(name)) /* RFC 6856 2.2 */
		return pop3_err(c, "[AUTH] Names are in UTF-8");
	mem_free(c->p->user);
	c->p->user = mem_string(name);
	return pop3_ok(c, "And the password");
}

enum pop3_next
pop3_cmd_pass(struct command *c)
{
	struct pop3 *p = c->p;
	struct auth_outcome r;

	if (p->user == NULL)
		return pop3_err(c, "USER comes first");
	if (!utf8_valid(cursor_rest(&c->args)))
		return pop3_err(c, "[AUTH] Passwords are in UTF-8");
	/* The rest of the line, spaces and all (RFC 1939 7). */
	auth_client_password(p->server->calls, &p->session, "pop", text_of(p->user),
	    cursor_rest(&c->args), &c->arena, &r);
	mem_free(p->user);
	p->user = NULL;
	return r.state == AUTH_DONE ? signed_in(c, &r) : refused(c, &r);
}

void
pop3_auth_end(struct pop3 *p)
{
	if (p->auth == NULL)
		return;
	auth_client_done(p->auth);
	mem_free(p->auth);
	p->auth = NULL;
}

static enum pop3_next
go_on(struct command *c, const struct auth_outcome *r)
{
	struct buffer challenge = BUFFER_INIT;

	if (r->state == AUTH_MORE) {
		base64_encode(&challenge, r->challenge);
		stream_print(&c->p->session.stream, "+ %s\r\n", buffer_string(&challenge));
		buffer_done(&challenge);
		return POP3_GO_ON;
	}
	pop3_auth_end(c->p);
	return r->state == AUTH_DONE ? signed_in(c, r) : refused(c, r);
}

enum pop3_next
pop3_auth_line(struct command *c, struct text line)
{
	bool cancelled = text_equal(line, TEXT("*"));
	struct text response = TEXT_EMPTY;
	struct auth_outcome r;

	if (!cancelled && auth_client_decode(line, false, &c->arena, &response) != STATUS_OK) {
		pop3_auth_end(c->p);
		return pop3_err(c, "Expected base64");
	}
	auth_client_step(c->p->auth, c->p->server->calls, response, cancelled, &c->arena, &r);
	secret_wipe((void *)(uintptr_t)response.ptr, response.len);
	return go_on(c, &r);
}

enum pop3_next
pop3_cmd_auth(struct command *c)
{
	struct pop3 *p = c->p;
	struct text mechanism = cursor_until(&c->args, ' '), initial = TEXT_EMPTY;
	bool has_initial = cursor_byte(&c->args, ' ');
	struct auth_outcome r;

	if (mechanism.len == 0)
		return pop3_err(c, "Expected the name of a mechanism");
	if (has_initial &&
	    auth_client_decode(cursor_rest(&c->args), true, &c->arena, &initial) != STATUS_OK)
		return pop3_err(c, "Expected base64");
	p->auth = MEM_NEW(struct auth_client);
	auth_client_start(p->auth, p->server->calls, &p->session, "pop", mechanism,
	    has_initial ? &initial : NULL, &c->arena, &r);
	secret_wipe((void *)(uintptr_t)initial.ptr, initial.len);
	return go_on(c, &r);
}
