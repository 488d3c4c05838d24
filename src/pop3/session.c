/* SPDX-License-Identifier: ISC */
/*
 * The life of a POP3 session (RFC 1939 3): greeting, one command after the
 * other (pipelined or not, RFC 2449 6.6), and the end. A session that ends
 * without QUIT deletes nothing.
 */
#include "pop3/session.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"

#define COMMAND_LINE_MAX 512 /* RFC 2449 4 wants 255 */
#define AUTH_LINE_MAX 16384
#define DISCARD_MAX (1u << 20) /* of a line that is too long; then the session ends */
#define ERRORS_MAX 20
#define RELINKED 1 /* the topic that sessions with a maildrop watch */

static const struct {
	struct text name;
	unsigned states;
	enum pop3_next (*run)(struct command *c);
} rows[] = {
#define X(name, states, run) { { name, sizeof(name) - 1 }, states, pop3_cmd_##run },
#include "pop3/commands.def"
#undef X
};

static void PRINTF_LIKE(3, 0) say(struct command *c, const char *first, const char *fmt, va_list ap)
{
	struct buffer b = BUFFER_INIT;

	buffer_add_string(&b, first);
	buffer_addv(&b, fmt, ap);
	buffer_add(&b, "\r\n", 2);
	stream_write(&c->p->session.stream, buffer_text(&b));
	buffer_done(&b);
}

enum pop3_next
pop3_ok(struct command *c, const char *fmt, ...)
{
	va_list ap;

	c->p->errors = 0;
	va_start(ap, fmt);
	say(c, "+OK ", fmt, ap);
	va_end(ap);
	return POP3_GO_ON;
}

enum pop3_next
pop3_err(struct command *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(c, "-ERR ", fmt, ap);
	va_end(ap);
	return ++c->p->errors < ERRORS_MAX ? POP3_GO_ON : POP3_END;
}

enum pop3_next
pop3_failed(struct command *c, enum status st, const struct failure *f)
{
	bool for_good = st == STATUS_CORRUPT || st == STATUS_INVALID || st == STATUS_DENIED;
	const char *words = f->client[0] != '\0' ? f->client
			    : for_good		 ? "Please tell your administrator"
						 : "Try again later";

	return pop3_err(c, "[SYS/%s] %s", for_good ? "PERM" : "TEMP", words);
}

bool
pop3_arg_end(struct command *c)
{
	cursor_wsp(&c->args);
	if (cursor_done(&c->args))
		return true;
	(void)pop3_err(c, "Too many arguments");
	return false;
}

bool
pop3_arg_message(struct command *c, uint32_t *number)
{
	if (!cursor_u32(&c->args, number)) {
		(void)pop3_err(c, "Expected the number of a message");
		return false;
	}
	if (maildrop_has(&c->p->drop, *number))
		return true;
	(void)pop3_err(c, "There is no such message");
	return false;
}

static bool
is_first(struct pop3 *p, uint64_t account)
{
	struct pop3_server *server = p->server;
	bool first;

	pthread_mutex_lock(&server->lock);
	first = map_get_u64(&server->holders, account) == NULL;
	if (first)
		(void)map_put_u64(&server->holders, account, p);
	pthread_mutex_unlock(&server->lock);
	return first;
}

static void
forget_holder(struct pop3 *p)
{
	if (p->account == 0)
		return;
	pthread_mutex_lock(&p->server->lock);
	(void)map_remove_u64(&p->server->holders, p->account);
	pthread_mutex_unlock(&p->server->lock);
	p->account = 0;
}

enum status
pop3_take(struct command *c, uint64_t account, struct text token, struct failure *f)
{
	struct pop3 *p = c->p;
	enum status st;

	if (!is_first(p, account))
		return STATUS_CONFLICT;
	p->account = account;
	st = maildrop_open(&p->drop, p->server->calls, token, p->server->epoch, &c->arena, f);
	if (st != STATUS_OK)
		forget_holder(p);
	return st;
}

void
pop3_give_back(struct pop3 *p)
{
	maildrop_done(&p->drop, p->server->calls, p->token);
	forget_holder(p);
}

enum status
pop3_hold(struct command *c, struct failure *f)
{
	struct pop3 *p = c->p;

	if (p->state != POP3_TRANSACTION)
		return STATUS_OK;
	return maildrop_hold(&p->drop, p->server->calls, p->token, p->server->epoch, &c->arena, f);
}

/* Runs a row's handler, if nobody took the maildrop while the store was away:
 * then the session ends as it does without QUIT (RFC 1939 6), nothing deleted. */
static enum pop3_next
run_row(struct command *c, enum pop3_next (*run)(struct command *c))
{
	struct failure f = { 0 };
	enum status st = run == pop3_cmd_quit ? STATUS_OK : pop3_hold(c, &f);

	if (st == STATUS_OK)
		return run(c);
	if (st != STATUS_CONFLICT)
		return pop3_failed(c, st, &f);
	(void)pop3_err(c, "[IN-USE] Another session has the mailbox open; closing");
	return POP3_END;
}

static enum pop3_next
run_command(struct command *c, struct text line)
{
	struct text name;

	metric_add(METRIC_POP3_COMMANDS, 1);
	if (text_find_byte(line, '\0', 0) < line.len)
		return pop3_err(c, "NUL is no character of a command");
	c->args = cursor_of(line);
	name = cursor_until(&c->args, ' ');
	(void)cursor_byte(&c->args, ' ');
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!text_equal_ci(rows[i].name, name))
			continue;
		if ((rows[i].states & c->p->state) == 0)
			return pop3_err(c, c->p->state == POP3_AUTHORIZATION
					       ? "Sign in first"
					       : "Not after signing in");
		return run_row(c, rows[i].run);
	}
	return pop3_err(c, "No such command");
}

/* The next line, copied. AGAIN, LIMIT; INVALID: it does not seem to end. */
static enum status
next_line(struct pop3 *p, struct arena *a, struct text *line)
{
	struct text in = stream_buffered(&p->session.stream);
	size_t max = p->auth != NULL ? AUTH_LINE_MAX : COMMAND_LINE_MAX;
	size_t at = text_find_byte(in, '\n', p->scanned);

	if (p->discard) {
		stream_consume(&p->session.stream, at < in.len ? at + 1 : in.len);
		p->scanned = 0;
		p->discarded += at;
		if (at == in.len)
			return p->discarded > DISCARD_MAX ? STATUS_INVALID : STATUS_AGAIN;
		p->discard = false;
		return STATUS_LIMIT;
	}
	if (at == in.len) {
		p->scanned = in.len;
		p->discard = in.len > max;
		p->discarded = 0;
		return STATUS_AGAIN;
	}
	*line = arena_copy(a, text_part(in, 0, at > 0 && in.ptr[at - 1] == '\r' ? at - 1 : at));
	stream_consume(&p->session.stream, at + 1);
	p->scanned = 0;
	return at > max ? STATUS_LIMIT : STATUS_OK;
}

/* Takes one line and runs it. AGAIN: there is none. */
static enum status
step(struct pop3 *p, enum pop3_next *next)
{
	struct command c = { .p = p };
	struct text line = TEXT_EMPTY;
	enum status st = next_line(p, &c.arena, &line);

	*next = POP3_GO_ON;
	if (st == STATUS_LIMIT || st == STATUS_INVALID) {
		pop3_auth_end(p);
		*next = pop3_err(&c, "Line too long");
		if (st == STATUS_INVALID)
			*next = POP3_END;
	} else if (st == STATUS_OK) {
		*next = p->auth != NULL ? pop3_auth_line(&c, line) : run_command(&c, line);
		if (p->state == POP3_AUTHORIZATION || p->auth != NULL)
			secret_wipe((void *)(uintptr_t)line.ptr, line.len);
	}
	arena_done(&c.arena);
	return st == STATUS_AGAIN ? STATUS_AGAIN : STATUS_OK;
}

static bool
is_late(const struct pop3 *p)
{
	return p->state == POP3_AUTHORIZATION && clock_mono() >= p->sign_in_by;
}

static enum next
serve(struct pop3 *p)
{
	enum pop3_next next;

	for (;;) {
		enum status st = step(p, &next);

		if (next == POP3_END || is_late(p))
			return NEXT_CLOSE;
		if (next == POP3_START_TLS)
			return NEXT_START_TLS;
		if (st == STATUS_OK)
			continue;
		st = stream_fill_now(&p->session.stream);
		if (st == STATUS_AGAIN)
			return NEXT_PARK;
		if (st != STATUS_OK)
			return NEXT_CLOSE;
	}
}

static void
begin(struct pop3 *p)
{
	p->magic = POP3_MAGIC;
	p->state = POP3_AUTHORIZATION;
	p->sign_in_by = clock_mono() + setting(SET_ACCESS_SIGN_IN_TIMEOUT);
	if (p->server == NULL)
		p->server = service_context(p->session.service);
	stream_print(&p->session.stream, "+OK %s ready\r\n", p->server->hostname);
}

/* The store was lost and has forgotten who has the maildrop: the session says
 * so again before another can come. Who was faster is told to the client when
 * it speaks. */
static void
say_it_is_ours(struct pop3 *p)
{
	struct command c = { .p = p };
	struct failure f = { 0 };

	if (pop3_hold(&c, &f) != STATUS_OK)
		LOG_WARN("pop3.maildrop_not_retaken", FIELD_U64("session", p->session.id));
	arena_done(&c.arena);
}

static void
set_patience(struct pop3 *p)
{
	p->quiet_until = p->state == POP3_AUTHORIZATION
			     ? p->sign_in_by
			     : clock_mono() + setting(SET_POP3_IDLE_TIMEOUT);
	if (p->state == POP3_TRANSACTION && p->session.service != NULL)
		session_watch(&p->session, RELINKED);
}

static enum next
pop3_run(struct session *s, enum wake why)
{
	struct pop3 *p = (struct pop3 *)s;
	enum next next;

	switch (why) {
	case WAKE_START:
		begin(p);
		break;
	case WAKE_INPUT:
		break;
	case WAKE_EVENT:
		say_it_is_ours(p);
		break;
	case WAKE_TIMER:
		return NEXT_CLOSE; /* RFC 1939 3: without a word */
	case WAKE_STOP:
		stream_print(&s->stream, "-ERR [SYS/TEMP] The server stops\r\n");
		return NEXT_CLOSE;
	}
	next = serve(p);
	if (why != WAKE_EVENT)
		set_patience(p);
	s->park_until = p->quiet_until;
	return next;
}

static void
pop3_done(struct session *s)
{
	struct pop3 *p = (struct pop3 *)s;

	if (p->magic != POP3_MAGIC)
		return; /* it never began */
	pop3_give_back(p);
	pop3_auth_end(p);
	mem_free(p->user);
	mem_free((void *)(uintptr_t)p->token.ptr);
}

const struct session_class pop3_session_class = {
	.name = "pop3",
	.size = sizeof(struct pop3),
	.run = pop3_run,
	.done = pop3_done,
	.busy = "-ERR [SYS/TEMP] Too many connections, try again later\r\n",
};

struct pop3_server *
pop3_server_new(struct calls *calls, struct text hostname)
{
	struct pop3_server *server = MEM_NEW(struct pop3_server);

	server->calls = calls;
	server->hostname = mem_string(hostname);
	auth_offer_init(&server->offer);
	pthread_mutex_init(&server->lock, NULL);
	return server;
}

void
pop3_server_relinked(struct pop3_server *server)
{
	server->epoch++;
}

void
pop3_server_free(struct pop3_server *server)
{
	auth_offer_done(&server->offer);
	map_done(&server->holders);
	pthread_mutex_destroy(&server->lock);
	mem_free(server->hostname);
	mem_free(server);
}
