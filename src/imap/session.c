/* SPDX-License-Identifier: ISC */
/*
 * The life of an IMAP session (RFC 3501 3): greeting, one command after the
 * other as they become whole, and the end. Between commands nothing of a
 * command is held: no arena, no output, no view of the stream's buffer.
 */
#include "imap/session.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"

#define BAD_MAX 20		       /* commands in a row that are no commands */
#define UNKNOWN_PATIENCE CLOCK_MINUTE  /* to the next input of who has not signed in */
#define NEWS_AGAIN (10 * CLOCK_SECOND) /* to the next try where IDLE has no news */
#define LINE_MAX_OCTETS 16384	       /* DONE, and SASL answers (RFC 4422 has no limit) */

uint64_t
imap_op(void)
{
	return random_u64();
}

/* ---- leaving ---- */

void
imap_deselect(struct imap *im)
{
	if (im->view == NULL)
		return;
	view_done(im->view);
	mem_free(im->view);
	im->view = NULL;
	im->state = IMAP_SIGNED_IN;
}

static void
end_more(struct imap *im)
{
	im->more = NULL;
	mem_free(im->more_tag);
	im->more_tag = NULL;
}

static void
imap_done(struct session *s)
{
	struct imap *im = (struct imap *)s;

	if (im->magic != IMAP_MAGIC)
		return; /* it never began */
	imap_deselect(im);
	imap_watch_leave(im);
	end_more(im);
	if (im->auth != NULL)
		auth_client_done(im->auth);
	mem_free(im->auth);
	if (im->keywords != NULL)
		keywords_put(im->keywords);
	if (im->limit_key != 0)
		limits_leave(im->server->limits, im->limit_key);
	mem_free((void *)(uintptr_t)im->token.ptr);
}

/* ---- one command ---- */

static void
command_init(struct command *c, struct imap *im)
{
	*c = (struct command){
		.im = im, .words = TEXT_EMPTY, .code = TEXT_EMPTY, .behind = TEXT_EMPTY
	};
	arena_init(&c->arena, 4096, 0);
}

static void
command_done(struct command *c)
{
	if (c->row != NULL && (c->row->flags & COMMAND_SECRET) != 0)
		secret_wipe((void *)(uintptr_t)c->line.ptr, c->line.len);
	buffer_done(&c->out);
	arena_done(&c->arena);
}

/* No expunge while numbers are answered (RFC 3501 7.4.1, RFC 7162 3.2.10.2).
 * What is no command at all may have been meant as one of these. */
static bool
may_expunge(const struct command *c)
{
	if (c->row == NULL)
		return false;
	return (c->row->flags & COMMAND_HOLDS) == 0 || (c->uid && !c->numbers);
}

static void
tell_known(struct command *c)
{
	imap_tell_view(c->im, may_expunge(c), &c->out);
	view_settle(c->im->view);
}

/* News of the selected mailbox at the end of a command (RFC 3501 5.2). */
static enum status
tell_changes(struct command *c)
{
	struct imap *im = c->im;
	bool polls = c->poll || (c->row != NULL && (c->row->flags & COMMAND_POLLS) != 0);
	enum status st = STATUS_OK;

	if (im->view == NULL)
		return STATUS_OK;
	if (polls)
		st = imap_changes_after(c, may_expunge(c));
	if (!polls || st != STATUS_OK)
		tell_known(c); /* what this command did itself, at least */
	return st;
}

/* What became of asking for news. Why a session to which they cannot be told
 * any more must end; NULL: it goes on. */
static const char *
no_more_news(struct imap *im, enum status st)
{
	im->ask_again = 0;
	if (st == STATUS_OK)
		return NULL;
	if (st == STATUS_NOT_FOUND)
		return "The selected mailbox was deleted";
	if (st == STATUS_DENIED)
		return "Your sign-in is not valid any more, sign in again";
	LOG_WARN("imap.news_failed", FIELD_U64("session", im->session.id),
	    FIELD_U64("account", im->account), FIELD_STATUS(st));
	im->ask_again = clock_mono() + NEWS_AGAIN;
	return NULL;
}

/* Whether the store takes the token at all. */
static bool
token_lives(struct command *c)
{
	const struct store_quota_request req = { .token = c->im->token };
	struct store_quota_reply r;

	return store_quota(c->im->server->calls, &req, &c->arena, &r, NULL) != STATUS_DENIED;
}

static enum outcome
finish(struct command *c)
{
	struct imap *im = c->im;
	const char *over = no_more_news(im, tell_changes(c));

	if (over == NULL && c->denied && !token_lives(c))
		over = no_more_news(im, STATUS_DENIED);
	im->errors = c->word[0] == 'B' ? im->errors + 1 : 0;
	imap_tell_highest(c);
	imap_finish(c); /* what was done is answered, even where the session ends */
	if (over == NULL && im->errors >= BAD_MAX)
		over = "Too many bad commands";
	return over == NULL ? IMAP_DONE : imap_bye(im, over);
}

static enum outcome
run_row(struct command *c)
{
	if (c->tag.len == 0)
		return imap_bad(c, "Expected a tag and a command");
	if (c->row == NULL)
		return imap_bad(c, "No such command");
	if ((c->row->states & c->im->state) == 0)
		return imap_bad(c, c->im->state == IMAP_UNKNOWN ? "Sign in first"
				   : (c->row->states & IMAP_SELECTED) != 0
				       ? "Select a mailbox first"
				       : "Already signed in");
	return c->row->run(c);
}

/* After a handler: the end of its command, or what it waits for. */
static enum outcome
conclude(struct command *c, enum outcome what)
{
	const char *over = NULL;

	if (what == IMAP_DONE) {
		end_more(c->im);
		return finish(c);
	}
	if (what == IMAP_MORE && c->poll) /* IDLE begins with the news */
		over = no_more_news(c->im, tell_changes(c));
	imap_push(c);
	return over == NULL ? what : imap_bye(c->im, over);
}

static enum outcome
run_command(struct command *c)
{
	metric_add(METRIC_IMAP_COMMANDS, 1);
	return conclude(c, run_row(c));
}

/* A command that was too long: what is left of it is being thrown away. */
static enum outcome
refuse_long(struct command *c)
{
	if (c->im->state == IMAP_UNKNOWN)
		return imap_bye(c->im, "Command too long");
	(void)imap_bad(c, "Command too long");
	imap_code(c, "TOOBIG"); /* RFC 4469 4.2 */
	return conclude(c, IMAP_DONE);
}

static enum outcome
run_more(struct command *c, struct text line)
{
	struct imap *im = c->im;

	c->line = line;
	c->row = im->more_row;
	c->tag = arena_copy(&c->arena, text_of(im->more_tag));
	return conclude(c, im->more(c, line));
}

/* What waits for a line cannot mean one so long. What is left of it is thrown
 * away behind the reply, as a command that is too long is. */
static enum outcome
refuse_long_line(struct command *c)
{
	if (c->im->state == IMAP_UNKNOWN)
		return imap_bye(c->im, "Line too long");
	imap_discard_line(c->im);
	return run_more(c, TEXT_EMPTY);
}

/* Takes one command or line out of the buffer and runs it. AGAIN: there is
 * none. */
static enum status
step(struct imap *im, enum outcome *out)
{
	struct command c;
	struct text line;
	enum outcome what = IMAP_DONE;
	enum status st;

	command_init(&c, im);
	if (im->more != NULL) {
		st = imap_assemble_line(im, &c.arena, LINE_MAX_OCTETS, &line);
		if (st == STATUS_OK)
			what = run_more(&c, line);
		else if (st == STATUS_LIMIT)
			what = refuse_long_line(&c);
	} else {
		st = imap_assemble(im, &c);
		if (st == STATUS_OK)
			what = run_command(&c);
		else if (st == STATUS_LIMIT)
			what = refuse_long(&c);
		else if (st == STATUS_INVALID)
			what = imap_bye(im, "Command too long");
	}
	command_done(&c);
	*out = what;
	return st == STATUS_AGAIN ? STATUS_AGAIN : STATUS_OK;
}

static bool
is_late(const struct imap *im)
{
	return im->state == IMAP_UNKNOWN && clock_mono() >= im->sign_in_by;
}

static enum next
serve(struct imap *im)
{
	enum outcome what;

	for (;;) {
		enum status st = step(im, &what);

		if (what == IMAP_CLOSE)
			return NEXT_CLOSE;
		if (is_late(im)) {
			(void)imap_bye(im, "You did not sign in in time");
			return NEXT_CLOSE;
		}
		if (what == IMAP_START_TLS)
			return NEXT_START_TLS;
		if (st == STATUS_OK)
			continue;
		st = stream_fill_now(&im->session.stream);
		if (st == STATUS_AGAIN)
			return NEXT_PARK;
		if (st != STATUS_OK)
			return NEXT_CLOSE;
	}
}

/* ---- between commands ---- */

static void
greet(struct imap *im)
{
	struct arena a = ARENA_INIT;
	struct buffer capabilities = BUFFER_INIT;

	imap_capabilities(im, &a, &capabilities);
	stream_print(&im->session.stream, "* OK [CAPABILITY %s] %s ready\r\n",
	    buffer_string(&capabilities), im->server->hostname);
	buffer_done(&capabilities);
	arena_done(&a);
}

static void
begin(struct imap *im)
{
	im->magic = IMAP_MAGIC;
	im->state = IMAP_UNKNOWN;
	im->sign_in_by = clock_mono() + setting(SET_ACCESS_SIGN_IN_TIMEOUT);
	if (im->server == NULL)
		im->server = service_context(im->session.service);
}

/* Something happened in the account. The client is told while it is in IDLE;
 * an event that was published just before DONE may come behind it. */
static enum status
event(struct imap *im)
{
	struct arena a = ARENA_INIT;
	struct buffer out = BUFFER_INIT;
	enum status st = STATUS_OK;

	if (im->more != NULL && im->view != NULL && im->watching) {
		st = imap_watch_enter(im, &a); /* the link may have been lost */
		if (st == STATUS_OK)
			st = imap_changes(im, &a, true, &out);
	}
	stream_write(&im->session.stream, buffer_text(&out));
	buffer_done(&out);
	arena_done(&a);
	return st;
}

static void
set_patience(struct imap *im)
{
	int64_t patience =
	    im->state == IMAP_UNKNOWN ? UNKNOWN_PATIENCE : setting(SET_IMAP_IDLE_TIMEOUT);

	im->quiet_until = clock_mono() + patience;
	if (im->state == IMAP_UNKNOWN && im->quiet_until > im->sign_in_by)
		im->quiet_until = im->sign_in_by;
}

/* In IDLE nobody asks but the session itself. */
static bool
asks_again(const struct imap *im)
{
	return im->more != NULL && im->ask_again != 0 && im->ask_again < im->quiet_until;
}

static enum next
imap_run(struct session *s, enum wake why)
{
	struct imap *im = (struct imap *)s;
	enum next next = NEXT_CLOSE;
	const char *over;

	if (why == WAKE_TIMER && asks_again(im))
		why = WAKE_EVENT;
	switch (why) {
	case WAKE_START:
		begin(im);
		greet(im);
		break;
	case WAKE_INPUT:
		break;
	case WAKE_EVENT:
		over = no_more_news(im, event(im));
		if (over != NULL) {
			(void)imap_bye(im, over);
			return NEXT_CLOSE;
		}
		break;
	case WAKE_TIMER:
		(void)imap_bye(im,
		    is_late(im) ? "You did not sign in in time" : "You were silent for too long");
		return NEXT_CLOSE;
	case WAKE_STOP:
		(void)imap_bye(im, "The server stops, connect again soon");
		return NEXT_CLOSE;
	}
	next = serve(im);
	if (why != WAKE_EVENT)
		set_patience(im);
	s->park_until = asks_again(im) ? im->ask_again : im->quiet_until;
	return next;
}

const struct session_class imap_session_class = {
	.name = "imap",
	.size = sizeof(struct imap),
	.run = imap_run,
	.done = imap_done,
	.busy = "* BYE Too many connections, try again later\r\n",
};

void
imap_signed_in(struct imap *im, const struct auth_outcome *who)
{
	im->state = IMAP_SIGNED_IN;
	im->account = who->account;
	im->token = (struct text){ mem_string(who->token), who->token.len };
	if (token_read(im->token, &im->rights) != STATUS_OK)
		im->rights = (struct token){ .expires = 0 };
	im->keywords = keywords_get(&im->server->keywords, who->account);
	LOG_INFO("imap.signed_in", FIELD_U64("session", im->session.id),
	    FIELD_TEXT("account", who->address));
}

/* ---- the server ---- */

struct imap_server *
imap_server_new(struct calls *calls, struct text hostname)
{
	struct imap_server *server = MEM_NEW(struct imap_server);

	server->calls = calls;
	server->hostname = mem_string(hostname);
	keyword_cache_init(&server->keywords);
	uid_cache_init(&server->uids);
	auth_offer_init(&server->offer);
	server->limits = limits_new(100000);
	server->watch = imap_watch_new();
	return server;
}

void
imap_server_free(struct imap_server *server)
{
	imap_watch_free(server->watch);
	limits_free(server->limits);
	auth_offer_done(&server->offer);
	uid_cache_done(&server->uids);
	keyword_cache_done(&server->keywords);
	mem_free(server->hostname);
	mem_free(server);
}

void
imap_server_board(struct imap_server *server, const struct board *board)
{
	server->board = board;
}

void
imap_server_relinked(struct imap_server *server)
{
	imap_watch_forget(server->watch);
}
