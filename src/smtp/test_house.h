/* SPDX-License-Identifier: ISC */
/*
 * What the tests and the fuzzer of the SMTP server share: a server on real
 * calls to a store and an intake that answer by the address, and sessions over
 * memory streams or a socket pair. For *_test.c and *_fuzz.c only.
 */
#ifndef SMTP_TEST_HOUSE_H
#define SMTP_TEST_HOUSE_H

#ifndef HOUSE_WITHOUT_CMOCKA
#include "base/testing.h"
#endif

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "intake/calls.h"
#include "runtime/call_links.h"
#include "runtime/role.h"
#include "runtime/settings.h"
#include "smtp/session.h"
#include "smtp/testing_submission.h"
#include "store/calls.h"
#include "store/trace_calls.h"

enum test_class { TEST_MX, TEST_LMTP, TEST_SUBMISSION };

/* The last message that intake was given. */
struct delivery {
	uint64_t op;
	struct buffer sender, recipients, trace, came, message, helo, wishes;
	uint32_t recipient_count;
};

struct house {
	struct calls *calls, *store, *intake;
	struct calls *access, *desk_auth, *desk_store, *desk_intake;
	struct smtp_server server, submission;
	struct listener listener;
	bool tls;	   /* of the sessions to come, as they say */
	const char *opens; /* an address that the store takes mail for, wherever it is; or NULL */
	bool silent;	   /* the store cannot answer */
	struct desk desk;
	struct buffer out, codes;
	_Atomic unsigned delivered, asked;
	pthread_mutex_t told_lock;
	pthread_cond_t told_changed;
	struct buffer told; /* the last row that the trace was told */
	struct delivery last;
	int client_fd; /* of the socket session */
};

/* ---- the store: a verdict by the local part ---- */

struct house_verdict {
	const char *address;
	enum rcpt_verdict verdict;
	enum status status; /* not OK: the call fails */
};

static const struct house_verdict house_directory[] = {
	{ "alice@demo.test", RCPT_OK, STATUS_OK },
	{ "bob@demo.test", RCPT_OK, STATUS_OK },
	{ "j\303\274rgen@demo.test", RCPT_OK, STATUS_OK },
	{ "postmaster@demo.test", RCPT_OK, STATUS_OK },
	{ "forward@demo.test", RCPT_OK, STATUS_OK },
	{ "late-gone@demo.test", RCPT_OK, STATUS_OK },
	{ "late-full@demo.test", RCPT_OK, STATUS_OK },
	{ "late-denied@demo.test", RCPT_OK, STATUS_OK },
	{ "late-down@demo.test", RCPT_OK, STATUS_OK },
	{ "SRS0=abcdef=aa=far.test=bob@demo.test", RCPT_OK, STATUS_OK },
	{ "suspended@demo.test", RCPT_SUSPENDED, STATUS_OK },
	{ "full@demo.test", RCPT_FULL, STATUS_OK },
	{ "strange@demo.test", (enum rcpt_verdict)99, STATUS_OK },
	{ "small@demo.test", RCPT_OK, STATUS_QUOTA },
	{ "down@demo.test", RCPT_OK, STATUS_UNAVAILABLE },
	{ "invalid@demo.test", RCPT_OK, STATUS_INVALID },
};

static void
house_rcpt(struct call_in *in, const void *request, void *context)
{
	const struct store_rcpt_request *q = request;
	struct store_rcpt_reply r = { .verdict = RCPT_NOT_OURS, .canonical = q->address };
	struct house *h = context;

	atomic_fetch_add(&h->asked, 1);
	if (text_ends(q->address, TEXT("@demo.test")))
		r.verdict = RCPT_NO_SUCH_USER;
	for (size_t i = 0; i < ARRAY_LEN(house_directory); i++) {
		const struct house_verdict *v = &house_directory[i];

		if (!text_equal(q->address, text_of(v->address)))
			continue;
		if (v->status != STATUS_OK) {
			call_refuse(in, v->status, "As the test wants it", "test");
			return;
		}
		r.verdict = v->verdict;
	}
	if (h->silent) {
		call_refuse(in, STATUS_UNAVAILABLE, "As the test wants it", "test");
		return;
	}
	if (h->opens != NULL && text_equal(q->address, text_of(h->opens)))
		r.verdict = RCPT_OK;
	r.forwards = text_equal(q->address, TEXT("forward@demo.test"));
	call_reply(in, &r);
}

/* ---- intake: an outcome by sender and recipient ---- */

static const struct {
	const char *who;
	enum status status;
	const char *words;
} house_outcomes[] = {
	{ "late-gone@demo.test", STATUS_NOT_FOUND, "" },
	{ "late-full@demo.test", STATUS_QUOTA, "" },
	{ "late-denied@demo.test", STATUS_DENIED, "Not on a Sunday" },
	{ "late-down@demo.test", STATUS_UNAVAILABLE, "" },
}, house_failures[] = {
	{ "unavailable@y.test", STATUS_UNAVAILABLE, "" },
	{ "timeout@y.test", STATUS_TIMEOUT, "" },
	{ "full@y.test", STATUS_FULL, "" },
	{ "ambiguous@y.test", STATUS_AMBIGUOUS, "" },
	{ "limit@y.test", STATUS_LIMIT, "" },
	{ "invalid@y.test", STATUS_INVALID, "" },
	{ "denied@y.test", STATUS_DENIED, "" },
};

static void
house_keep(struct buffer *b, struct text t)
{
	buffer_clear(b);
	buffer_add_text(b, t);
}

static void
house_remember(struct house *h, const struct intake_deliver_request *q)
{
	struct delivery *d = &h->last;

	d->op = q->op;
	house_keep(&d->sender, q->sender);
	house_keep(&d->trace, q->trace);
	house_keep(&d->came, q->came);
	house_keep(&d->message, q->message.bytes);
	house_keep(&d->helo, q->helo);
	buffer_clear(&d->recipients);
	for (uint32_t i = 0; i < q->recipients.count; i++) {
		buffer_add_text(&d->recipients, q->recipients.at[i]);
		buffer_add_byte(&d->recipients, ' ');
	}
	d->recipient_count = q->recipients.count;
	buffer_clear(&d->wishes);
	buffer_addf(&d->wishes, "needs=%llu ret=%llu envid=%.*s forwards=%llu",
	    (unsigned long long)q->needs, (unsigned long long)q->ret, TEXT_ARG(q->envid),
	    (unsigned long long)q->forwards);
	for (uint32_t i = 0; i < q->recipients.count; i++)
		buffer_addf(&d->wishes, " %llu %.*s", (unsigned long long)q->notify.at[i],
		    TEXT_ARG(q->orcpts.at[i]));
	atomic_fetch_add(&h->delivered, 1);
}

static void
house_deliver(struct call_in *in, const void *request, void *context)
{
	const struct intake_deliver_request *q = request;
	struct arena *a = call_arena(in);
	uint32_t n = q->recipients.count;
	struct intake_deliver_reply r = {
		.verdicts = { ARENA_ARRAY(a, uint64_t, n), n },
		.texts = { ARENA_ARRAY(a, struct text, n), n },
	};

	house_remember(context, q);
	for (size_t f = 0; f < ARRAY_LEN(house_failures); f++)
		if (text_equal(q->sender, text_of(house_failures[f].who))) {
			call_refuse(in, house_failures[f].status, "As the test wants it", "test");
			return;
		}
	if (text_equal(q->sender, TEXT("miscounted@y.test")))
		r.verdicts.count--;
	for (uint32_t i = 0; i < n; i++)
		for (size_t o = 0; o < ARRAY_LEN(house_outcomes); o++)
			if (text_equal(q->recipients.at[i], text_of(house_outcomes[o].who))) {
				r.verdicts.at[i] = house_outcomes[o].status;
				r.texts.at[i] = text_of(house_outcomes[o].words);
			}
	call_reply(in, &r);
}

/* ---- the house ---- */

static struct calls *
house_serve(struct calls *client, enum role client_role, enum role role,
    const struct call_row *rows, size_t count, void *context)
{
	const struct call_server_config server = {
		.rows = rows,
		.row_count = count,
		.context = context,
		.threads = 1,
	};
	const struct calls_config config = { .self = role, .server = &server, .no_patience = true };
	struct calls *c = calls_new(&config);
	int ends[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	CHECK(calls_link(c, ends[0], client_role, 0) == STATUS_OK);
	CHECK(calls_link(client, ends[1], role, 0) == STATUS_OK);
	calls_open(c);
	return c;
}

static void
house_open_desk(struct house *h)
{
	const struct calls_config config = { .self = ROLE_ACCESS, .no_patience = true };

	h->access = calls_new(&config);
	h->desk_auth = house_serve(
	    h->access, ROLE_ACCESS, ROLE_AUTH, desk_auth_rows, ARRAY_LEN(desk_auth_rows), &h->desk);
	h->desk_store = house_serve(h->access, ROLE_ACCESS, ROLE_STORE, desk_store_rows,
	    ARRAY_LEN(desk_store_rows), &h->desk);
	h->desk_intake = house_serve(h->access, ROLE_ACCESS, ROLE_INTAKE, desk_intake_rows,
	    ARRAY_LEN(desk_intake_rows), &h->desk);
	h->submission =
	    (struct smtp_server){ .calls = h->access, .hostname = TEXT("mail.demo.test") };
	auth_offer_init(&h->submission.offer);
}

static void
house_close_desk(struct house *h)
{
	calls_free(h->access);
	calls_free(h->desk_auth);
	calls_free(h->desk_store);
	calls_free(h->desk_intake);
	auth_offer_done(&h->submission.offer);
	desk_done(&h->desk);
}

static void
house_told(struct call_in *in, const void *request, void *context)
{
	const struct trace_add_request *q = request;
	struct house *h = context;

	pthread_mutex_lock(&h->told_lock);
	house_keep(&h->told, q->rows.at[0]);
	pthread_cond_signal(&h->told_changed);
	pthread_mutex_unlock(&h->told_lock);
	call_reply(in, &(struct trace_add_reply){ .none_ = 0 });
}

/* Waits until the trace was told something of this sender. */
UNUSED static struct text
house_await_told(struct house *h, struct text sender)
{
	pthread_mutex_lock(&h->told_lock);
	while (text_find(buffer_text(&h->told), sender, 0) == h->told.len)
		pthread_cond_wait(&h->told_changed, &h->told_lock);
	pthread_mutex_unlock(&h->told_lock);
	return buffer_text(&h->told);
}

/* Port 25 asks what submission asks, for who may relay. */
static void
house_relay_sender(struct call_in *in, const void *request, void *context)
{
	desk_sender(in, request, &((struct house *)context)->desk);
}

static void
house_relay_rcpt(struct call_in *in, const void *request, void *context)
{
	desk_rcpt(in, request, &((struct house *)context)->desk);
}

static void
house_relay_submit(struct call_in *in, const void *request, void *context)
{
	desk_submit(in, request, &((struct house *)context)->desk);
}

UNUSED static void
house_open(struct house *h)
{
	static const struct call_row store_rows[] = { { &store_rcpt_call, house_rcpt },
		{ &trace_add_call, house_told }, { &submission_sender_call, house_relay_sender },
		{ &submission_rcpt_call, house_relay_rcpt } };
	static const struct call_row intake_rows[] = { { &intake_deliver_call, house_deliver },
		{ &intake_submit_call, house_relay_submit } };
	const struct calls_config config = { .self = ROLE_MX, .no_patience = true };
	enum setting size;

	log_set_fd(-1);
	h->calls = calls_new(&config);
	CHECK(pthread_mutex_init(&h->told_lock, NULL) == 0 &&
	      pthread_cond_init(&h->told_changed, NULL) == 0);
	h->store = house_serve(h->calls, ROLE_MX, ROLE_STORE, store_rows, ARRAY_LEN(store_rows), h);
	h->intake =
	    house_serve(h->calls, ROLE_MX, ROLE_INTAKE, intake_rows, ARRAY_LEN(intake_rows), h);
	house_open_desk(h);
	h->server = (struct smtp_server){
		.calls = h->calls,
		.hostname = TEXT("mail.demo.test"),
		.greeters = smtp_greeters_new(100),
		.telling = limits_new(100),
	};
	h->listener = (struct listener){ .name = "smtp", .tls = TLS_NONE, .fd = -1 };
	h->client_fd = -1;
	CHECK(setting_find(TEXT("smtp.message_size_max"), &size) == STATUS_OK);
	CHECK(setting_apply(size, TEXT("64 KiB")) == STATUS_OK);
}

UNUSED static void
house_close(struct house *h)
{
	calls_free(h->calls);
	calls_free(h->store);
	calls_free(h->intake);
	house_close_desk(h);
	smtp_greeters_free(h->server.greeters);
	limits_free(h->server.telling);
	buffer_done(&h->out);
	buffer_done(&h->codes);
	buffer_done(&h->last.sender);
	buffer_done(&h->last.recipients);
	buffer_done(&h->told);
	(void)pthread_cond_destroy(&h->told_changed);
	(void)pthread_mutex_destroy(&h->told_lock);
	buffer_done(&h->last.trace);
	buffer_done(&h->last.came);
	buffer_done(&h->last.message);
	buffer_done(&h->last.helo);
	buffer_done(&h->last.wishes);
}

UNUSED static int
house_setup(void **state)
{
	struct house *h = MEM_NEW(struct house);

	house_open(h);
	*state = h;
	return 0;
}

UNUSED static int
house_teardown(void **state)
{
	house_close(*state);
	mem_free(*state);
	return 0;
}

UNUSED static unsigned
house_delivered(struct house *h)
{
	return atomic_load(&h->delivered);
}

/* ---- sessions ---- */

static struct smtp_session *
house_session_new(struct house *h, enum test_class class, const char *peer)
{
	static const struct session_class *const classes[] = { &smtp_mx_class, &smtp_lmtp_class,
		&smtp_submission_class };
	const struct session_class *c = classes[class];
	struct smtp_session *x = mem_new(c->size);
	struct sockaddr_in *four = (struct sockaddr_in *)(void *)&x->session.peer;

	h->listener.class = c;
	x->session.magic = SESSION_MAGIC;
	x->session.class = c;
	x->session.listener = &h->listener;
	four->sin_family = AF_INET;
	CHECK(inet_pton(AF_INET, peer, &four->sin_addr) == 1);
	x->session.tls = h->tls;
	x->server = class == TEST_SUBMISSION ? &h->submission : &h->server;
	return x;
}

/* Its whole input is there; replies go to h->out. */
UNUSED static struct smtp_session *
house_session(struct house *h, enum test_class class, struct text in)
{
	struct smtp_session *x = house_session_new(h, class, "127.0.0.1");

	buffer_clear(&h->out);
	stream_init_memory(&x->session.stream, in, &h->out);
	return x;
}

/* As the runtime would, up to the end of the input. */
UNUSED static void
house_run(struct house *h, struct smtp_session *x)
{
	const struct session_class *c = x->session.class;
	enum next next = c->run(&x->session, WAKE_START);

	(void)stream_flush(&x->session.stream);
	if (next == NEXT_PARK)
		next = c->run(&x->session, WAKE_INPUT);
	(void)stream_flush(&x->session.stream);
	CHECK(next == NEXT_CLOSE); /* a memory stream ends */
}

UNUSED static void
house_end(struct house *h, struct smtp_session *x)
{
	x->session.class->done(&x->session);
	stream_done(&x->session.stream);
	if (h->client_fd >= 0)
		(void)close(h->client_fd);
	h->client_fd = -1;
	mem_free(x);
}

/* A whole dialogue: all that the server says. */
UNUSED static struct text
house_talk(struct house *h, enum test_class class, struct text in)
{
	struct smtp_session *x = house_session(h, class, in);

	house_run(h, x);
	house_end(h, x);
	return buffer_text(&h->out);
}

/* The same as "250:2.1.0 354 ...", without the greeting and the lines that
 * are followed by more of their reply. */
UNUSED static const char *
house_codes(struct house *h, enum test_class class, struct text in)
{
	struct text out = house_talk(h, class, in), line;

	buffer_clear(&h->codes);
	CHECK(text_starts(out, TEXT("220 ")));
	(void)text_split(&out, '\n', &line);
	while (text_split(&out, '\n', &line)) {
		struct text code = text_part(line, 0, 3), word;

		CHECK(line.len > 4 && text_ends(line, TEXT("\r")));
		CHECK(line.len < REPLY_LINE_MAX);
		if (line.ptr[3] == '-')
			continue;
		line = text_part(line, 4, line.len);
		(void)text_split(&line, ' ', &word);
		if (h->codes.len > 0)
			buffer_add_byte(&h->codes, ' ');
		buffer_add_text(&h->codes, code);
		if (word.len >= 5 && word.ptr[1] == '.' && word.ptr[0] == code.ptr[0])
			buffer_addf(&h->codes, ":%.*s", TEXT_ARG(word));
	}
	return buffer_string(&h->codes);
}

/* ---- dialogues ---- */

#define HELO "EHLO client.test\r\n"
#define MAIL "MAIL FROM:<x@y.test>\r\n"
#define RCPT "RCPT TO:<alice@demo.test>\r\n"
#define BEGIN HELO MAIL RCPT
#define QUIT "QUIT\r\n"

#define MESSAGE "Subject: x\r\n\r\nbody\r\n.\r\n"
#define TO(who) "RCPT TO:<" who "@demo.test>\r\n"
#define OK_TO_DATA "250 250:2.1.0 250:2.1.5 " /* the codes of BEGIN */

UNUSED static void
house_set(const char *name, const char *value)
{
	enum setting s;

	CHECK(setting_find(text_of(name), &s) == STATUS_OK);
	CHECK(setting_apply(s, text_of(value)) == STATUS_OK);
}

#ifndef HOUSE_WITHOUT_CMOCKA
struct dialogue {
	const char *script;
	const char *codes; /* behind the greeting */
};

UNUSED static void
house_check(struct house *h, enum test_class class, const struct dialogue *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *got = house_codes(h, class, text_of(rows[i].script));

		if (strcmp(got, rows[i].codes) != 0)
			fail_msg("%s\nwanted %s\n   got %s", rows[i].script, rows[i].codes, got);
	}
}
#endif

/* ---- sessions over a socket, step by step ---- */

UNUSED static struct smtp_session *
house_socket_session(struct house *h, enum test_class class, const char *peer)
{
	struct smtp_session *x = house_session_new(h, class, peer);
	int ends[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
	stream_init_fd(&x->session.stream, ends[0]);
	h->client_fd = ends[1];
	return x;
}

UNUSED static enum next
house_wake(struct house *h, struct smtp_session *x, enum wake why)
{
	enum next next = x->session.class->run(&x->session, why);

	(void)stream_flush(&x->session.stream);
	return next;
}

UNUSED static void
house_say(struct house *h, struct smtp_session *x, struct text words)
{
	CHECK(write(h->client_fd, words.ptr, words.len) == (ssize_t)words.len);
}

/* What the client has received since the last time. */
UNUSED static struct text
house_heard(struct house *h, struct smtp_session *x)
{
	buffer_clear(&h->out);
	for (;;) {
		char *room = buffer_room(&h->out, 4096);
		ssize_t n = read(h->client_fd, room, 4096);

		if (n <= 0)
			return buffer_text(&h->out);
		buffer_added(&h->out, (size_t)n);
	}
}

#endif
