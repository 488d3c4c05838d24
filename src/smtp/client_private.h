/* SPDX-License-Identifier: ISC */
/*
 * What the files of the SMTP client share: client.c (transactions),
 * client_talk.c (commands and how they fail), client_hello.c (from the greeting
 * to AUTH), client_auth.c, client_needs.c (what is asked for and offered),
 * client_data.c (the message). Nobody else includes this.
 */
#ifndef SMTP_CLIENT_PRIVATE_H
#define SMTP_CLIENT_PRIVATE_H

#include "smtp/client.h"

#define CLIENT_MAGIC 0x5c11e471u

/* ---- client_talk.c ---- */

/* Gives the stream so long, within the transaction. */
void client_patience(struct smtp_client *c, int64_t time);
/* Flushes what was written and reads a reply. Anything but OK ends the session
 * with its fate; 421 does so too, as CLOSED (RFC 5321 3.8). */
enum status client_answer(struct smtp_client *c, enum smtp_stage stage, int64_t time,
    struct smtp_answer *out, struct buffer *lines) MUST_CHECK;
/* One command, with its CRLF, outside a pipeline, and its reply. A server that
 * has said something unasked before ends the session. */
enum status client_command(struct smtp_client *c, enum smtp_stage stage, int64_t time,
    struct text command, struct smtp_answer *out, struct buffer *lines) MUST_CHECK;
/* Whether the server said something, or is gone: looks without waiting. */
bool client_heard(struct smtp_client *c);
/* Reads what was heard out of turn and ends the session. */
enum status client_out_of_turn(struct smtp_client *c, enum smtp_stage stage);
/* Ends the session: by words of ours, or by the server's answer, which is as
 * lasting as its code says. */
enum status client_fail(
    struct smtp_client *c, enum smtp_stage stage, enum status why, const char *words);
enum status client_refused(
    struct smtp_client *c, enum smtp_stage stage, const struct smtp_answer *answer);
/* The fate that an answer means; a code that is neither 4yz nor 5yz is nonsense. */
struct smtp_fate client_fate(enum smtp_stage stage, const struct smtp_answer *answer);

/* ---- client_auth.c ---- */

enum status client_auth(struct smtp_client *c) MUST_CHECK;

/* ---- client_needs.c ---- */

void client_offers_read(struct text lines, struct smtp_offers *out);
/* How the transaction in hand is to be spelled. */
struct client_form {
	bool utf8; /* SMTPUTF8 is asked for */
};
/* MAIL and RCPT with their parameters and CRLF; needs are met. */
void client_mail_print(const struct smtp_client *c, const struct smtp_envelope *e,
    const struct client_form *form, struct buffer *out);
void client_rcpt_print(const struct smtp_client *c, const struct smtp_recipient *r,
    const struct client_form *form, struct buffer *out);
/* What is in the way of this recipient alone. */
enum smtp_lack client_rcpt_lacks(const struct smtp_client *c, const struct smtp_recipient *r);
bool client_needs_utf8(struct text address);
struct smtp_fate client_lack_fate(enum smtp_lack lack);

/* ---- client_data.c ---- */

/* The message, by DATA (up to and with the final dot) or as one chunk. OK when
 * all of it is with the system; else the session is over. */
enum status client_message(
    struct smtp_client *c, const struct smtp_envelope *e, bool chunk) MUST_CHECK;

#endif
