/* SPDX-License-Identifier: ISC */
/*
 * Role intake between a caller and a store that remembers: what it makes of a
 * message, what it passes on, and a parser that dies. Calls are real.
 */
#include "base/testing.h"

#include <fts.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "base/log.h"
#include "intake/calls.h"
#include "intake/intake.h"
#include "runtime/call_links.h"
#include "runtime/role.h"
#include "runtime/settings.h"
#include "store/calls.h"
#include "store/content.h"

/* What the store was given last, copied. */
struct given {
	struct store_deliver_request deliver;
	struct text orcpt; /* the second */
	struct store_append_request append;
	struct store_append_all_request append_all;
	struct arena arena;
};

struct rig {
	struct calls *store, *intake, *client;
	struct intake in;
	struct given given;
	enum status store_says;
	struct arena arena; /* of replies */
};

static struct numbers
copy_numbers(struct arena *a, struct numbers n)
{
	uint64_t *at = ARENA_ARRAY(a, uint64_t, n.count);

	if (n.count > 0)
		memcpy(at, n.at, n.count * sizeof(*at));
	return (struct numbers){ at, n.count };
}

static void
store_deliver_fake(struct call_in *in, const void *request, void *context)
{
	struct rig *r = context;
	struct given *g = &r->given;
	uint64_t verdicts[] = { STATUS_OK, STATUS_NOT_FOUND };

	arena_reset(&g->arena);
	g->deliver = *(const struct store_deliver_request *)request;
	g->deliver.id = arena_copy(&g->arena, g->deliver.id);
	g->deliver.sender = arena_copy(&g->arena, g->deliver.sender);
	g->deliver.summary = arena_copy(&g->arena, g->deliver.summary);
	g->deliver.content.bytes = arena_copy(&g->arena, g->deliver.content.bytes);
	g->deliver.envid = arena_copy(&g->arena, g->deliver.envid);
	g->deliver.notify = copy_numbers(&g->arena, g->deliver.notify);
	if (g->deliver.orcpts.count > 0)
		g->orcpt = arena_copy(&g->arena, g->deliver.orcpts.at[1]);
	if (r->store_says != STATUS_OK)
		call_refuse(in, r->store_says, "Words for the client", "words for the log");
	else
		call_reply(in, &(struct store_deliver_reply){ .verdicts = { verdicts, 2 } });
}

static void
store_append_fake(struct call_in *in, const void *request, void *context)
{
	struct rig *r = context;
	struct given *g = &r->given;

	arena_reset(&g->arena);
	g->append = *(const struct store_append_request *)request;
	g->append.token = arena_copy(&g->arena, g->append.token);
	g->append.summary = arena_copy(&g->arena, g->append.summary);
	g->append.content.bytes = arena_copy(&g->arena, g->append.content.bytes);
	if (r->store_says != STATUS_OK)
		call_refuse(in, r->store_says, "Words for the client", "words for the log");
	else
		call_reply(
		    in, &(struct store_append_reply){ .uidvalidity = 5, .uid = 6, .modseq = 7 });
}

static void
store_append_all_fake(struct call_in *in, const void *request, void *context)
{
	struct rig *r = context;
	struct given *g = &r->given;

	arena_reset(&g->arena);
	g->append_all = *(const struct store_append_all_request *)request;
	g->append_all.dates = copy_numbers(&g->arena, g->append_all.dates);
	g->append_all.summary_sizes = copy_numbers(&g->arena, g->append_all.summary_sizes);
	g->append_all.content_sizes = copy_numbers(&g->arena, g->append_all.content_sizes);
	g->append_all.summaries.bytes = arena_copy(&g->arena, g->append_all.summaries.bytes);
	g->append_all.contents.bytes = arena_copy(&g->arena, g->append_all.contents.bytes);
	call_reply(in, &(struct store_append_all_reply){ .uidvalidity = 5, .uid = 6, .modseq = 7 });
}

static void
link_up(struct calls *a, enum role a_role, struct calls *b, enum role b_role)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_ok(calls_link(a, ends[0], b_role, 0));
	assert_ok(calls_link(b, ends[1], a_role, 0));
}

static void
rig_open(struct rig *r, int notes_fd, enum role client)
{
	static const struct call_row rows[] = { { &store_deliver_call, store_deliver_fake },
		{ &store_append_call, store_append_fake },
		{ &store_append_all_call, store_append_all_fake } };
	const struct call_server_config store = {
		.rows = rows, .row_count = ARRAY_LEN(rows), .context = r, .threads = 1
	};
	struct call_server_config intake = { .threads = 2 };

	r->in.notes = notes_new(notes_fd);
	intake_serve(&r->in, &intake);
	r->store = calls_new(
	    &(struct calls_config){ .self = ROLE_STORE, .server = &store, .no_patience = true });
	r->intake = calls_new(
	    &(struct calls_config){ .self = ROLE_INTAKE, .server = &intake, .no_patience = true });
	r->client = calls_new(&(struct calls_config){ .self = client, .no_patience = true });
	r->in.calls = r->intake;
	link_up(r->intake, ROLE_INTAKE, r->store, ROLE_STORE);
	link_up(r->client, client, r->intake, ROLE_INTAKE);
	calls_open(r->store);
	calls_open(r->intake);
}

static void
rig_close(struct rig *r)
{
	calls_free(r->client);
	calls_free(r->intake);
	calls_free(r->store);
	notes_free(r->in.notes);
	arena_done(&r->given.arena);
	arena_done(&r->arena);
}

static int
setup(void **state)
{
	struct rig *r = MEM_NEW(struct rig);

	log_set_fd(-1);
	rig_open(r, -1, ROLE_MX);
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	rig_close(*state);
	mem_free(*state);
	return 0;
}

static enum status
deliver(struct rig *r, uint64_t op, struct text trace, struct text message)
{
	struct text to[] = { TEXT("a@b.test"), TEXT("c@d.test") };
	struct text orcpts[] = { TEXT_EMPTY, TEXT("rfc822;c@d.test") };
	uint64_t notify[] = { 0, 2 };
	const struct intake_deliver_request q = {
		.op = op,
		.id = TEXT("id"),
		.sender = TEXT("x@y.test"),
		.recipients = { to, 2 },
		.ret = 1,
		.envid = TEXT("env"),
		.orcpts = { orcpts, 2 },
		.notify = { notify, 2 },
		.trace = trace,
		.message = PAYLOAD_OF(message),
	};
	struct intake_deliver_reply reply;
	struct failure f;
	enum status s;

	arena_reset(&r->arena);
	s = intake_deliver(r->client, &q, &r->arena, &reply, &f);
	if (s == STATUS_OK) {
		assert_int_equal(reply.verdicts.count, 2);
		assert_int_equal(reply.verdicts.at[0], STATUS_OK);
		assert_int_equal(reply.verdicts.at[1], STATUS_NOT_FOUND);
	} else
		assert_string_equal(f.client,
		    s == STATUS_LIMIT ? "The message is too large" : "Words for the client");
	return s;
}

/* Pieces of a container. */
struct pieces {
	struct text at[4096];
};

static enum status
fetch(void *arg, uint32_t piece, struct arena *a, struct text *bytes)
{
	*bytes = ((struct pieces *)arg)->at[piece];
	return STATUS_OK;
}

/* The container holds exactly trace + message. */
static void
assert_content(struct text container, struct text trace, struct text message)
{
	struct pieces *p = MEM_NEW(struct pieces);
	struct content c;
	struct buffer out = BUFFER_INIT;
	uint32_t count;

	assert_ok(content_pieces(container, ARRAY_LEN(p->at), p->at, &count));
	assert_ok(content_open(p->at[0], &c));
	c.fetch = fetch;
	c.arg = p;
	assert_int_equal(c.size, trace.len + message.len);
	assert_ok(content_read_buffer(&c, 0, c.size, &out));
	assert_true(text_equal(text_part(buffer_text(&out), 0, trace.len), trace));
	assert_true(text_equal(text_part(buffer_text(&out), trace.len, out.len), message));
	buffer_done(&out);
	mem_free(p);
}

#define TRACE "Received: from c ([192.0.2.1])\r\n\tby h; date\r\n"
#define MESSAGE "Subject: Hello\r\nFrom: a@b.test\r\n\r\nBody\r\n"

static void
delivery_is_one_message_with_its_trace(void **state)
{
	struct rig *r = *state;
	const struct store_deliver_request *g = &r->given.deliver;
	struct mime_summary s;

	assert_ok(deliver(r, 77, TEXT(TRACE), TEXT(MESSAGE)));
	assert_int_equal(g->op, 77);
	assert_text(g->id, "id");
	assert_text(g->sender, "x@y.test");
	assert_int_equal(g->size, sizeof(TRACE MESSAGE) - 1);
	assert_true(g->received > 1700000000);
	assert_int_equal(g->ret, 1);
	assert_text(g->envid, "env");
	assert_int_equal(g->notify.count, 2);
	assert_int_equal(g->notify.at[1], 2);
	assert_text(r->given.orcpt, "rfc822;c@d.test");
	assert_content(g->content.bytes, TEXT(TRACE), TEXT(MESSAGE));
	assert_ok(mime_summary_unpack(g->summary, &r->arena, &s));
	assert_int_equal(s.size, sizeof(TRACE MESSAGE) - 1);
	assert_int_equal(s.header_len, sizeof(TRACE MESSAGE) - 1 - 6);
	assert_text(s.subject, "Hello");
	assert_int_equal(s.field_count, 3);
	assert_text(s.fields[0].name, "Received");
	assert_int_equal(s.fields[1].at, sizeof(TRACE) - 1);
}

static void
messages_without_anything(void **state)
{
	struct rig *r = *state;

	assert_ok(deliver(r, 1, TEXT(TRACE), TEXT_EMPTY));
	assert_content(r->given.deliver.content.bytes, TEXT(TRACE), TEXT_EMPTY);
	assert_ok(deliver(r, 2, TEXT_EMPTY, TEXT_EMPTY));
	assert_content(r->given.deliver.content.bytes, TEXT_EMPTY, TEXT_EMPTY);
}

static void
what_the_store_says_is_passed_on(void **state)
{
	struct rig *r = *state;
	static const enum status said[] = { STATUS_FULL, STATUS_QUOTA, STATUS_UNAVAILABLE };

	for (size_t i = 0; i < ARRAY_LEN(said); i++) {
		r->store_says = said[i];
		assert_int_equal(deliver(r, 3 + i, TEXT(TRACE), TEXT(MESSAGE)), said[i]);
	}
	r->store_says = STATUS_OK;
}

static void
set_size_max(const char *value)
{
	enum setting size;

	assert_ok(setting_find(TEXT("smtp.message_size_max"), &size));
	assert_ok(setting_apply(size, text_of(value)));
}

static void
large_messages(void **state)
{
	struct rig *r = *state;
	struct buffer m = BUFFER_INIT;

	buffer_add_string(&m, "Subject: large\r\n\r\n");
	for (uint64_t i = 0; m.len < 300000; i++)
		buffer_addf(&m, "%llx\r\n", (unsigned long long)(i * 0x9e3779b97f4a7c15u));
	assert_ok(deliver(r, 10, TEXT(TRACE), buffer_text(&m)));
	assert_content(r->given.deliver.content.bytes, TEXT(TRACE), buffer_text(&m));
	assert_true(r->given.deliver.content.bytes.len > PAYLOAD_INLINE_MAX);
	set_size_max("128 KiB");
	assert_int_equal(deliver(r, 11, TEXT(TRACE), buffer_text(&m)), STATUS_LIMIT);
	set_size_max("");
	buffer_done(&m);
}

/* ---- several large messages at once ---- */

#define CROWD 4
#define EACH 10

static _Atomic unsigned inside, inside_most;

static void
counting_parse(struct text message, const struct mime_limits *limits, struct arena *a,
    struct mime_summary *out)
{
	unsigned now = atomic_fetch_add(&inside, 1) + 1, most = atomic_load(&inside_most);

	while (now > most && !atomic_compare_exchange_weak(&inside_most, &most, now))
		;
	mime_parse(message, limits, a, out);
	atomic_fetch_sub(&inside, 1);
}

struct sender {
	struct rig *r;
	struct text message;
	uint64_t op;
	pthread_t thread;
};

static void *
send_some(void *arg)
{
	struct sender *s = arg;

	for (unsigned i = 0; i < EACH; i++) {
		struct intake_deliver_request q = { .op = s->op + i,
			.recipients = { &(struct text){ "a@b.c", 5 }, 1 },
			.message = PAYLOAD_OF(s->message) };
		struct intake_deliver_reply reply;
		struct arena a = ARENA_INIT;

		CHECK(intake_deliver(s->r->client, &q, &a, &reply, NULL) == STATUS_OK);
		arena_done(&a);
	}
	return NULL;
}

/* The most that were parsed at the same time. */
static unsigned
crowd(struct rig *r, struct text message)
{
	struct sender senders[CROWD];

	inside_most = 0;
	for (unsigned i = 0; i < CROWD; i++) {
		senders[i] = (struct sender){ r, message, 1000 + i * EACH, 0 };
		assert_int_equal(
		    pthread_create(&senders[i].thread, NULL, send_some, &senders[i]), 0);
	}
	for (unsigned i = 0; i < CROWD; i++)
		assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
	return inside_most;
}

static void
large_messages_take_turns(void **state)
{
	struct rig *r = *state;
	struct buffer m = BUFFER_INIT;

	buffer_add_string(&m, "Subject: large\r\n\r\n");
	while (m.len < 3u << 19)
		buffer_add_string(&m, "a line of the body, many times over\r\n");
	r->in.parse = counting_parse;
	r->in.large_octets = 2u << 20; /* room for one and a half */
	assert_int_equal(crowd(r, buffer_text(&m)), 1);
	r->in.large_octets = 1u << 20; /* for none, and yet each has its turn */
	assert_int_equal(crowd(r, buffer_text(&m)), 1);
	r->in.large_octets = 0;
	r->in.parse = NULL;
	buffer_done(&m);
}

static void
append_carries_the_token(void **state)
{
	struct rig r = { .store_says = STATUS_OK };
	const struct store_append_request *g = &r.given.append;
	struct intake_append_request q = {
		.token = TEXT("token"),
		.op = 9,
		.mailbox = 3,
		.flags = 5,
		.date = 1234,
		.message = PAYLOAD_OF(TEXT(MESSAGE)),
	};
	struct intake_append_reply reply;
	struct failure f;

	rig_open(&r, -1, ROLE_ACCESS);
	assert_ok(intake_append(r.client, &q, &r.arena, &reply, &f));
	assert_int_equal(reply.uidvalidity, 5);
	assert_int_equal(reply.uid, 6);
	assert_int_equal(reply.modseq, 7);
	assert_text(g->token, "token");
	assert_int_equal(g->op, 9);
	assert_int_equal(g->mailbox, 3);
	assert_int_equal(g->flags, 5);
	assert_int_equal(g->date, 1234);
	assert_content(g->content.bytes, TEXT_EMPTY, TEXT(MESSAGE));
	q.date = 0; /* now */
	assert_ok(intake_append(r.client, &q, &r.arena, &reply, &f));
	assert_true(g->date > 1700000000);
	r.store_says = STATUS_QUOTA;
	assert_int_equal(intake_append(r.client, &q, &r.arena, &reply, &f), STATUS_QUOTA);
	assert_string_equal(f.client, "Words for the client");
	rig_close(&r);
}

/* Each message of several is what it had been alone. */
static void
several_are_as_each(void **state)
{
	static const struct text second = { "Subject: second\r\n\r\nbody of it\r\n", 31 };
	struct rig r = { .store_says = STATUS_OK };
	const struct store_append_all_request *g = &r.given.append_all;
	struct buffer octets = BUFFER_INIT, summary = BUFFER_INIT;
	uint64_t flags[] = { 0, 1 }, counts[] = { 0, 0 }, dates[] = { 0, 1234 };
	uint64_t sizes[] = { sizeof(MESSAGE) - 1, second.len };
	struct intake_append_all_request q = { .token = TEXT("token"),
		.op = 9,
		.mailbox = 3,
		.flags = { flags, 2 },
		.keyword_counts = { counts, 2 },
		.dates = { dates, 2 },
		.sizes = { sizes, 2 } };
	struct intake_append_all_reply reply;
	struct mime_summary s;
	struct failure f;

	rig_open(&r, -1, ROLE_ACCESS);
	buffer_add_string(&octets, MESSAGE);
	buffer_add_text(&octets, second);
	q.messages = PAYLOAD_OF(buffer_text(&octets));
	assert_ok(intake_append_all(r.client, &q, &r.arena, &reply, &f));
	assert_int_equal(reply.uid, 6);
	assert_int_equal(g->summary_sizes.count, 2);
	assert_int_equal(g->summary_sizes.at[0] + g->summary_sizes.at[1], g->summaries.bytes.len);
	assert_int_equal(g->content_sizes.at[0] + g->content_sizes.at[1], g->contents.bytes.len);
	assert_content(
	    text_part(g->contents.bytes, 0, g->content_sizes.at[0]), TEXT_EMPTY, TEXT(MESSAGE));
	assert_content(text_part(g->contents.bytes, g->content_sizes.at[0], g->contents.bytes.len),
	    TEXT_EMPTY, second);
	mime_parse(second, NULL, &r.arena, &s);
	mime_summary_pack(&s, &summary);
	assert_true(text_equal(
	    text_part(g->summaries.bytes, g->summary_sizes.at[0], g->summaries.bytes.len),
	    buffer_text(&summary)));
	assert_true(g->dates.at[0] > 1700000000);
	assert_int_equal(g->dates.at[1], 1234);
	sizes[1]++;
	assert_int_equal(intake_append_all(r.client, &q, &r.arena, &reply, &f), STATUS_INVALID);
	buffer_done(&summary);
	buffer_done(&octets);
	rig_close(&r);
}

/* Many octets are worked on by two threads, with nothing lost between them. */
static void
many_are_as_each(void **state)
{
	enum { COUNT = 50 };
	struct rig r = { .store_says = STATUS_OK };
	const struct store_append_all_request *g = &r.given.append_all;
	struct buffer octets = BUFFER_INIT;
	uint64_t zero[COUNT] = { 0 }, sizes[COUNT];
	struct intake_append_all_request q = { .token = TEXT("token"),
		.flags = { zero, COUNT },
		.keyword_counts = { zero, COUNT },
		.dates = { zero, COUNT },
		.sizes = { sizes, COUNT } };
	struct intake_append_all_reply reply;
	struct failure f;
	size_t at = 0, from = 0;

	rig_open(&r, -1, ROLE_ACCESS);
	for (size_t i = 0; i < COUNT; i++) {
		size_t before = octets.len;

		buffer_addf(&octets, "Subject: %zu\r\n\r\n", i);
		for (size_t k = 0; k < 20 * i; k++)
			buffer_addf(&octets, "line %zu of message %zu\r\n", k, i);
		sizes[i] = octets.len - before;
	}
	assert_true(octets.len > 400000);
	q.messages = PAYLOAD_OF(buffer_text(&octets));
	assert_ok(intake_append_all(r.client, &q, &r.arena, &reply, &f));
	for (size_t i = 0; i < COUNT; i++) {
		assert_content(text_part(g->contents.bytes, at, at + g->content_sizes.at[i]),
		    TEXT_EMPTY, text_part(buffer_text(&octets), from, from + sizes[i]));
		at += g->content_sizes.at[i];
		from += sizes[i];
	}
	assert_int_equal(at, g->contents.bytes.len);
	buffer_done(&octets);
	rig_close(&r);
}

static pthread_t parsers[2];
static _Atomic uint32_t parsed;

static void
noting_parse(struct text message, const struct mime_limits *limits, struct arena *a,
    struct mime_summary *out)
{
	parsers[atomic_fetch_add(&parsed, 1) % 2] = pthread_self();
	mime_parse(message, limits, a, out);
}

/* However large the last one is, it has a thread of its own, and that is waited
 * for. */
static void
the_last_is_most_of_them(void **state)
{
	struct rig r = { .store_says = STATUS_OK };
	const struct store_append_all_request *g = &r.given.append_all;
	struct buffer octets = BUFFER_INIT;
	uint64_t zero[2] = { 0 }, sizes[2] = { sizeof(MESSAGE) - 1 };
	struct intake_append_all_request q = { .token = TEXT("token"),
		.flags = { zero, 2 },
		.keyword_counts = { zero, 2 },
		.dates = { zero, 2 },
		.sizes = { sizes, 2 } };
	struct intake_append_all_reply reply;
	struct failure f;

	rig_open(&r, -1, ROLE_ACCESS);
	r.in.parse = noting_parse;
	parsed = 0;
	buffer_add_string(&octets, MESSAGE "Subject: large\r\n\r\n");
	while (octets.len < 300000)
		buffer_add_string(&octets, "a line of the body, many times over\r\n");
	sizes[1] = octets.len - sizes[0];
	q.messages = PAYLOAD_OF(buffer_text(&octets));
	assert_ok(intake_append_all(r.client, &q, &r.arena, &reply, &f));
	assert_int_equal(parsed, 2);
	assert_false(pthread_equal(parsers[0], parsers[1]));
	assert_content(text_part(g->contents.bytes, g->content_sizes.at[0], g->contents.bytes.len),
	    TEXT_EMPTY, text_part(buffer_text(&octets), sizes[0], octets.len));
	r.in.parse = NULL;
	buffer_done(&octets);
	rig_close(&r);
}

static void
too_many_are_refused(void **state)
{
	static uint64_t sizes[APPEND_ALL_MAX + 1];
	struct rig r = { .store_says = STATUS_OK };
	struct intake_append_all_request q = { .token = TEXT("token"),
		.sizes = { sizes, APPEND_ALL_MAX + 1 } };
	struct intake_append_all_reply reply;
	struct failure f;

	rig_open(&r, -1, ROLE_ACCESS);
	assert_int_equal(intake_append_all(r.client, &q, &r.arena, &reply, &f), STATUS_LIMIT);
	assert_int_equal(r.given.append_all.summary_sizes.count, 0);
	rig_close(&r);
}

/* ---- a parser that fails ---- */

static bool
is_opaque(struct rig *r)
{
	struct mime_summary s;

	assert_ok(mime_summary_unpack(r->given.deliver.summary, &r->arena, &s));
	assert_int_equal(s.size, sizeof(TRACE MESSAGE) - 1);
	return s.facts & MIME_OPAQUE;
}

static void
parse_endless(struct text message, const struct mime_limits *limits, struct arena *a,
    struct mime_summary *out)
{
	size_t n = 600u << 10;

	mime_parse(message, limits, a, out);
	out->envelope.subject = (struct text){ memset(arena_alloc(a, n), 'x', n), n };
}

static void
a_summary_has_a_limit(void **state)
{
	struct rig *r = *state;

	r->in.parse = parse_endless;
	assert_ok(deliver(r, 20, TEXT(TRACE), TEXT(MESSAGE)));
	assert_true(is_opaque(r));
	r->in.parse = NULL;
	assert_ok(deliver(r, 20, TEXT(TRACE), TEXT(MESSAGE)));
	assert_false(is_opaque(r));
}

static void
parse_and_die(struct text message, const struct mime_limits *limits, struct arena *a,
    struct mime_summary *out)
{
	(void)raise(SIGKILL);
}

enum life_end { DIED, KEPT_UNREAD, READ };

/* The child's side of life(): a process that never had another thread. */
static int
live(int notes_fd, bool deadly)
{
	struct rig r = { .store_says = STATUS_OK };
	bool opaque;

	rig_open(&r, notes_fd, ROLE_MX);
	r.in.parse = deadly ? parse_and_die : NULL;
	assert_ok(deliver(&r, 42, TEXT(TRACE), TEXT(MESSAGE)));
	opaque = is_opaque(&r);
	rig_close(&r);
	return opaque ? KEPT_UNREAD : READ;
}

/* One life of the role, which is given the message; how it ended. */
static int
life(int notes_fd, bool deadly)
{
	char fd[16];
	int ended = 0;
	pid_t child;

	(void)snprintf(fd, sizeof(fd), "%d", notes_fd);
	child = fork();
	if (child == 0) {
		(void)execl("/proc/self/exe", "life", fd, deadly ? "deadly" : "well", NULL);
		_exit(127);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &ended, 0), child);
	if (WIFSIGNALED(ended) && WTERMSIG(ended) == SIGKILL)
		return DIED;
	assert_true(WIFEXITED(ended));
	return WEXITSTATUS(ended);
}

static void
what_ended_two_lives_is_kept_unread(void **state)
{
	int fd = memfd_create("notes", 0); /* handed on */

	assert_int_equal(ftruncate(fd, NOTES_FILE_SIZE), 0);
	assert_int_equal(life(fd, true), DIED);
	assert_int_equal(life(fd, true), DIED);
	assert_int_equal(life(fd, true), KEPT_UNREAD);
	assert_int_equal(close(fd), 0);
}

/* It was in hand when something else ended the role. */
static void
who_was_only_near_is_read(void **state)
{
	int fd = memfd_create("notes", 0); /* handed on */

	assert_int_equal(ftruncate(fd, NOTES_FILE_SIZE), 0);
	assert_int_equal(life(fd, true), DIED);
	assert_int_equal(life(fd, false), READ);
	assert_int_equal(life(fd, true), DIED);
	assert_int_equal(close(fd), 0);
}

/* ---- the corpus ---- */

static bool
read_file(const char *path, struct buffer *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	buffer_clear(out);
	while (fd >= 0 && n > 0) {
		n = read(fd, buffer_room(out, 65536), 65536);
		if (n > 0)
			buffer_added(out, (size_t)n);
	}
	if (fd >= 0)
		(void)close(fd);
	return fd >= 0 && n == 0;
}

static void
every_message_of_the_corpus_passes(void **state)
{
	struct rig *r = *state;
	const char *shared = getenv("MAILSTEAD_SHARED");
	struct buffer path = BUFFER_INIT, m = BUFFER_INIT;
	struct mime_summary s;
	unsigned count = 0;

	buffer_addf(&path, "%s/vectors/mime", shared != NULL ? shared : "");
	if (shared == NULL || access(buffer_string(&path), R_OK) != 0) {
		print_message("no corpus at %s\n", buffer_string(&path));
		buffer_done(&path);
		skip();
	}
	FTS *tree = fts_open((char *[]){ path.ptr, NULL }, FTS_PHYSICAL | FTS_NOCHDIR, NULL);

	assert_non_null(tree);
	for (FTSENT *f; (f = fts_read(tree)) != NULL;) {
		if (f->fts_info != FTS_F || !read_file(f->fts_path, &m))
			continue;
		assert_ok(deliver(r, ++count, TEXT(TRACE), buffer_text(&m)));
		assert_content(r->given.deliver.content.bytes, TEXT(TRACE), buffer_text(&m));
		assert_ok(mime_summary_unpack(r->given.deliver.summary, &r->arena, &s));
		assert_int_equal(s.size, sizeof(TRACE) - 1 + m.len);
	}
	assert_true(count > 100);
	(void)fts_close(tree);
	buffer_done(&path);
	buffer_done(&m);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delivery_is_one_message_with_its_trace),
		cmocka_unit_test(messages_without_anything),
		cmocka_unit_test(what_the_store_says_is_passed_on),
		cmocka_unit_test(large_messages),
		cmocka_unit_test(large_messages_take_turns),
		cmocka_unit_test(append_carries_the_token),
		cmocka_unit_test(several_are_as_each),
		cmocka_unit_test(the_last_is_most_of_them),
		cmocka_unit_test(too_many_are_refused),
		cmocka_unit_test(many_are_as_each),
		cmocka_unit_test(a_summary_has_a_limit),
		cmocka_unit_test(what_ended_two_lives_is_kept_unread),
		cmocka_unit_test(who_was_only_near_is_read),
		cmocka_unit_test(every_message_of_the_corpus_passes),
	};

	if (argc == 3 && strcmp(argv[0], "life") == 0)
		_exit(live((int)strtol(argv[1], NULL, 10), strcmp(argv[2], "deadly") == 0));
	return cmocka_run_group_tests(tests, setup, teardown);
}
