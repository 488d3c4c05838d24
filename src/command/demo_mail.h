/* SPDX-License-Identifier: ISC */
/* The demo's sample mail: conversations, HTML, attachments, lists and writing
 * that is not Latin. It comes in as all mail does, over SMTP. */
#ifndef COMMAND_DEMO_MAIL_H
#define COMMAND_DEMO_MAIL_H

#include "base/text.h"

/* Sends all samples to the SMTP server at 127.0.0.1. now: seconds since 1970;
 * the samples are dated before it. */
enum status demo_mail_send(uint16_t port, int64_t now, struct failure *f) MUST_CHECK;

#endif
