/* SPDX-License-Identifier: ISC */
/*
 * See smtp/stranger.h. Every try is a session of its own, up to RCPT, and what
 * counts is the recipient that the transaction keeps: one whose domain is not
 * our host's would be relayed. An address below our own name may well be
 * accepted, of who takes all mail of a domain, but must stay below it.
 */
#include "smtp/stranger.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/metrics.h"
#include "smtp/session.h"

#define FAR "far.invalid" /* RFC 6761 6.4: nobody's */

/* %s: our own name. */
static const char *const senders[] = {
	"<a@near.invalid>",
	"<>",
	"<postmaster@%s>",
	"<a@[192.0.2.1]>",
};
static const char *const recipients[] = {
	"<a@" FAR ">",
	"<\"a\"@" FAR ">",
	"<a@" FAR ".>",
	"<@%s:a@" FAR ">",
	"<@%s,@" FAR ":a@" FAR ">",
	"<a@[192.0.2.2]>",
	"<a@[IPv6:2001:db8::2]>",
	"<a%%" FAR "@%s>",
	"<\"a@" FAR "\"@%s>",
	"<\"a%%" FAR "\"@%s>",
	"<" FAR "!a@%s>",
	"<" FAR "!a>",
	"<a%%" FAR ">",
	"<a@" FAR "@%s>",
	"<a@%s@" FAR ">",
	"<a@%s." FAR ">",
	"<\xc3\xa4@" FAR ">",
	"<a@\xc3\xa4." FAR ">",
	"<a\xef\xbc\xa0" FAR "@%s>",   /* fullwidth commercial at */
	"<a@%s\xef\xbc\x8e" FAR ">",   /* fullwidth full stop */
	"<SRS0=aaaa=aa=" FAR "=a@%s>", /* a sender rewritten by somebody else */
	"<SRS1=aaaa=" FAR "==aaaa=aa=" FAR "=a@%s>",
	"a@far.invalid",
};

/* A path with our own name in it. */
static void
add_path(struct buffer *b, const char *form, struct text own)
{
	for (const char *p = form; *p != '\0'; p++) {
		if (*p != '%')
			buffer_add_byte(b, *p);
		else if (*++p == 's')
			buffer_add_text(b, own);
		else
			buffer_add_byte(b, *p);
	}
}

static bool
is_ours(struct text address, struct text own)
{
	size_t at = text_find_last(address, '@');

	/* without a domain it is the postmaster's */
	return at == address.len || text_equal_ci(text_part(address, at + 1, address.len), own);
}

/* What became of the session: of the last reply, whether anybody could say. */
static enum smtp_stranger
verdict(const struct smtp_session *x, struct text said)
{
	struct text line, last = TEXT_EMPTY;

	for (uint32_t i = 0; i < x->tx.recipients.count; i++)
		if (!is_ours(x->tx.recipients.at[i], x->server->hostname))
			return STRANGER_RELAYS;
	while (text_split(&said, '\n', &line))
		if (line.len > 0)
			last = line;
	return last.len > 0 && last.ptr[0] == '4' ? STRANGER_UNKNOWN : STRANGER_REFUSED;
}

static enum smtp_stranger
talk(struct smtp_server *server, const struct session_class *class, struct text script)
{
	const struct listener listener = { .name = class->name, .class = class };
	struct smtp_session *x = mem_new(class->size);
	struct sockaddr_in *peer = (struct sockaddr_in *)(void *)&x->session.peer;
	struct buffer said = BUFFER_INIT;
	enum smtp_stranger v;

	x->session.magic = SESSION_MAGIC;
	x->session.class = class;
	x->session.listener = &listener;
	peer->sin_family = AF_INET;
	peer->sin_addr.s_addr = htonl(0xc0000201);
	x->server = server;
	stream_init_memory(&x->session.stream, script, &said);
	(void)class->run(&x->session, WAKE_INPUT); /* to the greeting */
	x->phase = SMTP_COMMANDS;		   /* it has waited for it */
	x->command_by = x->sign_in_by = clock_mono() + CLOCK_MINUTE;
	(void)class->run(&x->session, WAKE_INPUT);
	(void)stream_flush(&x->session.stream);
	v = verdict(x, buffer_text(&said));
	class->done(&x->session);
	stream_done(&x->session.stream);
	buffer_done(&said);
	mem_free(x);
	return v;
}

static enum smtp_stranger
try_one(struct smtp_server *server, const struct session_class *class, const char *sender,
    const char *recipient)
{
	bool plain = recipient[0] == '<';
	struct buffer script = BUFFER_INIT;
	enum smtp_stranger v;

	for (const char *p = recipient; *p != '\0'; p++)
		plain = plain && (unsigned char)*p < 0x80;
	buffer_add_string(&script, "EHLO near.invalid\r\nMAIL FROM:");
	add_path(&script, sender, server->hostname);
	buffer_add_string(&script, plain ? "\r\nRCPT TO:" : " SMTPUTF8\r\nRCPT TO:");
	add_path(&script, recipient, server->hostname);
	buffer_add_string(&script, "\r\n");
	v = talk(server, class, buffer_text(&script));
	if (v == STRANGER_RELAYS)
		LOG_ALARM("smtp.open_relay", FIELD_STRING("listener", class->name),
		    FIELD_STRING("sender", sender), FIELD_STRING("recipient", recipient));
	buffer_done(&script);
	return v;
}

enum smtp_stranger
smtp_stranger_try(struct smtp_server *server, const struct session_class *class)
{
	int64_t refused = metric_get(METRIC_SMTP_REFUSED);
	enum smtp_stranger worst = STRANGER_REFUSED;
	unsigned tries = 0;

	for (size_t s = 0; s < ARRAY_LEN(senders); s++)
		for (size_t r = 0; r < ARRAY_LEN(recipients) && worst == STRANGER_REFUSED; r++) {
			worst = try_one(server, class, senders[s], recipients[r]);
			tries++;
		}
	metric_set(METRIC_SMTP_STRANGER, worst);
	metric_add(METRIC_SMTP_REFUSED, refused - metric_get(METRIC_SMTP_REFUSED)); /* nobody's */
	if (worst == STRANGER_UNKNOWN)
		LOG_WARN("smtp.stranger_untested", FIELD_STRING("listener", class->name));
	else if (worst == STRANGER_REFUSED)
		LOG_INFO("smtp.stranger_refused", FIELD_STRING("listener", class->name),
		    FIELD_U64("tries", tries));
	return worst;
}
