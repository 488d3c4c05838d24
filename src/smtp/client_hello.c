/* SPDX-License-Identifier: ISC */
/*
 * From the greeting to where mail may be sent: EHLO with its fall-back to HELO
 * (RFC 5321 3.2), LHLO (RFC 2033 4.1), STARTTLS (RFC 3207), AUTH. What a server
 * offered in clear is forgotten behind STARTTLS (RFC 3207 4.2).
 */
#include <stdio.h>
#include <string.h>

#include "runtime/settings.h"
#include "smtp/client_private.h"

void
smtp_client_times_set(struct smtp_client_times *out)
{
	*out = (struct smtp_client_times){
		.greeting = setting(SET_OUTBOUND_GREETING_TIMEOUT),
		.hello = setting(SET_OUTBOUND_HELLO_TIMEOUT),
		.mail = setting(SET_OUTBOUND_MAIL_TIMEOUT),
		.rcpt = setting(SET_OUTBOUND_RCPT_TIMEOUT),
		.data = setting(SET_OUTBOUND_DATA_TIMEOUT),
		.block = setting(SET_OUTBOUND_BLOCK_TIMEOUT),
		.dot = setting(SET_OUTBOUND_DOT_TIMEOUT),
		.quit = setting(SET_OUTBOUND_QUIT_TIMEOUT),
		.transaction = setting(SET_OUTBOUND_TRANSACTION_TIMEOUT),
		.min_rate = (uint32_t)setting(SET_OUTBOUND_MIN_RATE),
	};
}

void
smtp_client_init(struct smtp_client *c, struct stream *s, const struct smtp_client_config *config)
{
	memset(c, 0, sizeof(*c));
	c->magic = CLIENT_MAGIC;
	c->stream = s;
	c->config = config;
	c->talking = true;
}

void
smtp_client_done(struct smtp_client *c)
{
	MAGIC_CHECK(c, CLIENT_MAGIC);
	arena_done(&c->arena);
	c->magic = 0;
}

/* ---- the greeting ---- */

static enum status
greeting(struct smtp_client *c)
{
	struct smtp_answer answer;
	enum status st =
	    client_answer(c, SMTP_AT_GREETING, c->config->times.greeting, &answer, NULL);
	struct text name;

	if (st != STATUS_OK)
		return st;
	name = text_of(answer.text);
	name = text_part(name, 0, text_find_byte(name, ' ', 0));
	name = text_part(name, 0, text_find_byte(name, '\n', 0));
	name = text_part(name, 0, sizeof(c->server) - 1);
	memcpy(c->server, name.ptr, name.len);
	c->server[name.len] = '\0';
	return answer.code == 220 ? STATUS_OK : client_refused(c, SMTP_AT_GREETING, &answer);
}

/* ---- hello ---- */

static enum status
say_hello(struct smtp_client *c, const char *verb, struct smtp_answer *answer)
{
	struct buffer command = BUFFER_INIT, lines = BUFFER_INIT;
	enum status st;

	memset(&c->offers, 0, sizeof(c->offers));
	buffer_addf(&command, "%s %.*s\r\n", verb, TEXT_ARG(c->config->helo));
	st = client_command(
	    c, SMTP_AT_HELLO, c->config->times.hello, buffer_text(&command), answer, &lines);
	if (st == STATUS_OK && answer->code == 250 && strcmp(verb, "HELO") != 0)
		client_offers_read(buffer_text(&lines), &c->offers);
	buffer_done(&command);
	buffer_done(&lines);
	return st;
}

static enum status
hello(struct smtp_client *c)
{
	struct smtp_answer answer;
	enum status st = say_hello(c, c->config->lmtp ? "LHLO" : "EHLO", &answer);

	if (st == STATUS_OK && answer.code / 100 == 5 && !c->config->lmtp)
		st = say_hello(c, "HELO", &answer);
	if (st != STATUS_OK)
		return st;
	return answer.code == 250 ? STATUS_OK : client_refused(c, SMTP_AT_HELLO, &answer);
}

/* ---- TLS ---- */

static enum status
handshake(struct smtp_client *c)
{
	struct failure f = { 0 };
	enum status st;

	client_patience(c, c->config->times.hello);
	st = stream_start_tls_client(c->stream, c->config->trust, &c->config->wants, &c->tls, &f);
	if (st == STATUS_OK)
		return STATUS_OK;
	return client_fail(c, SMTP_AT_TLS, st, c->tls.reason[0] != '\0' ? c->tls.reason : f.log);
}

/* There will be no TLS, for which the server's answer (if any) is the reason. */
static enum status
without_tls(struct smtp_client *c, const struct smtp_answer *answer)
{
	struct smtp_fate fate = { .outcome = SMTP_TEMPORARY, .stage = SMTP_AT_STARTTLS };

	c->tls.result = TLS_RESULT_STARTTLS_NOT_SUPPORTED;
	if (c->config->tls != SMTP_TLS_MUST)
		return STATUS_OK;
	if (answer != NULL)
		fate.answer = *answer;
	else
		(void)snprintf(fate.answer.text, sizeof(fate.answer.text),
		    "The server does not offer STARTTLS");
	c->fate = fate;
	return STATUS_DENIED;
}

static enum status
starttls(struct smtp_client *c)
{
	struct smtp_answer answer;
	enum status st;

	if ((c->offers.set & SMTP_OFFERS_STARTTLS) == 0)
		return without_tls(c, NULL);
	st = client_command(
	    c, SMTP_AT_STARTTLS, c->config->times.hello, TEXT("STARTTLS\r\n"), &answer, NULL);
	if (st != STATUS_OK)
		return st;
	if (answer.code != 220)
		return without_tls(c, &answer);
	st = handshake(c);
	return st == STATUS_OK ? hello(c) : st;
}

enum status
smtp_client_open(struct smtp_client *c)
{
	enum smtp_tls_mode tls = c->config->tls;
	enum status st = STATUS_OK;

	MAGIC_CHECK(c, CLIENT_MAGIC);
	if (tls == SMTP_TLS_WRAP)
		st = handshake(c);
	if (st == STATUS_OK)
		st = greeting(c);
	if (st == STATUS_OK)
		st = hello(c);
	if (st == STATUS_OK && (tls == SMTP_TLS_MAY || tls == SMTP_TLS_MUST))
		st = starttls(c);
	if (st == STATUS_OK && c->config->user.len > 0)
		st = client_auth(c);
	c->usable = st == STATUS_OK;
	return st;
}

/* ---- the end ---- */

enum status
smtp_client_reset(struct smtp_client *c)
{
	struct smtp_answer answer;
	enum status st = client_command(
	    c, SMTP_AT_RESET, c->config->times.hello, TEXT("RSET\r\n"), &answer, NULL);

	if (st != STATUS_OK)
		return st;
	if (answer.code / 100 != 2) {
		(void)client_refused(c, SMTP_AT_RESET, &answer);
		c->fate.outcome = SMTP_TEMPORARY; /* it says nothing of any message */
		return STATUS_DENIED;
	}
	c->started = false;
	return STATUS_OK;
}

void
smtp_client_quit(struct smtp_client *c)
{
	struct smtp_fate fate = c->fate;
	struct smtp_answer answer;

	MAGIC_CHECK(c, CLIENT_MAGIC);
	if (!c->talking)
		return;
	c->patience = 0;
	/* How it answers is of no use to anybody. */
	(void)!client_command(
	    c, SMTP_AT_RESET, c->config->times.quit, TEXT("QUIT\r\n"), &answer, NULL);
	c->fate = fate;
	c->usable = c->talking = false;
}
