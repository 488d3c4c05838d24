/* SPDX-License-Identifier: ISC */
/*
 * One exchange with a server, and every way in which it can fail. Whatever
 * happens, the session gets one fate: the server's own words where there are
 * any, ours with code 0 where there are none.
 */
#include <stdio.h>
#include <string.h>

#include "smtp/client_private.h"

static const char *const stage_words[SMTP_STAGE_COUNT] = {
#define X(id, word) [SMTP_AT_##id] = word,
	SMTP_STAGES(X)
#undef X
};

const char *
smtp_stage_word(enum smtp_stage s)
{
	return s < SMTP_STAGE_COUNT ? stage_words[s] : "unknown";
}

void
client_patience(struct smtp_client *c, int64_t time)
{
	int64_t end = clock_mono() + time;

	if (c->patience != 0 && c->patience < end)
		end = c->patience;
	stream_set_deadline(c->stream, end);
}

struct smtp_fate
client_fate(enum smtp_stage stage, const struct smtp_answer *answer)
{
	return (
	    struct smtp_fate){ .outcome = answer->code / 100 == 5 ? SMTP_PERMANENT : SMTP_TEMPORARY,
		.stage = stage,
		.answer = *answer };
}

static enum status
over(struct smtp_client *c, const struct smtp_fate *fate, enum status why)
{
	if (c->fate.stage == SMTP_AT_NONE)
		c->fate = *fate;
	c->usable = false;
	return why;
}

enum status
client_fail(struct smtp_client *c, enum smtp_stage stage, enum status why, const char *words)
{
	struct smtp_fate fate = { .outcome = SMTP_TEMPORARY, .stage = stage };

	(void)snprintf(fate.answer.text, sizeof(fate.answer.text), "%s", words);
	c->talking = false;
	return over(c, &fate, why);
}

enum status
client_refused(struct smtp_client *c, enum smtp_stage stage, const struct smtp_answer *answer)
{
	struct smtp_fate fate = client_fate(stage, answer);

	return over(c, &fate, STATUS_DENIED);
}

/* Why there is no answer, in words. */
static enum status
no_answer(
    struct smtp_client *c, enum smtp_stage stage, enum status why, const struct smtp_answer *answer)
{
	char words[SMTP_ANSWER_TEXT];

	switch (why) {
	case STATUS_TIMEOUT:
		return client_fail(c, stage, why, "The server did not answer in time");
	case STATUS_LIMIT:
		return client_fail(c, stage, why, "The server's answer is too long");
	case STATUS_INVALID:
		(void)snprintf(
		    words, sizeof(words), "The server's answer makes no sense: %s", answer->text);
		return client_fail(c, stage, why, words);
	case STATUS_CLOSED:
		return client_fail(c, stage, why, "The server closed the connection");
	default:
		return client_fail(c, stage, why, "The connection failed");
	}
}

enum status
client_answer(struct smtp_client *c, enum smtp_stage stage, int64_t time, struct smtp_answer *out,
    struct buffer *lines)
{
	struct smtp_answer answer = { 0 };
	struct smtp_fate fate;
	enum status st;

	client_patience(c, time);
	if (stream_flush(c->stream) == STATUS_CLOSED)
		stream_last_words(c->stream);
	st = smtp_answer_read(c->stream, &answer, lines);
	if (st != STATUS_OK)
		return no_answer(c, stage, st, &answer);
	if (answer.code == 421) {
		fate = client_fate(stage, &answer);
		c->talking = false;
		return over(c, &fate, STATUS_CLOSED);
	}
	*out = answer;
	return STATUS_OK;
}

bool
client_heard(struct smtp_client *c)
{
	return stream_buffered(c->stream).len > 0 ||
	       (stream_fill_now(c->stream) == STATUS_OK && stream_buffered(c->stream).len > 0);
}

/* An answer to no question may be a farewell: its words are kept, but it says
 * nothing lasting about a message that it did not see. */
enum status
client_out_of_turn(struct smtp_client *c, enum smtp_stage stage)
{
	struct smtp_answer answer = { 0 };
	struct smtp_fate fate;
	enum status st;

	client_patience(c, c->config->times.hello);
	st = smtp_answer_read(c->stream, &answer, NULL);
	if (st != STATUS_OK)
		return no_answer(c, stage, st, &answer);
	if (answer.code < 400)
		return client_fail(
		    c, stage, STATUS_INVALID, "The server answered what was not asked");
	fate = client_fate(stage, &answer);
	fate.outcome = SMTP_TEMPORARY;
	c->talking = false;
	return over(c, &fate, STATUS_CLOSED);
}

enum status
client_command(struct smtp_client *c, enum smtp_stage stage, int64_t time, struct text command,
    struct smtp_answer *out, struct buffer *lines)
{
	if (client_heard(c))
		return client_out_of_turn(c, stage);
	client_patience(c, time);
	stream_write(c->stream, command);
	return client_answer(c, stage, time, out, lines);
}
