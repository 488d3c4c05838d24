/* SPDX-License-Identifier: ISC */
/*
 * Tests of what a server does about its peers: permissions, requests that do
 * not decode, a peer that does not keep the rules or does not read; and the
 * calls that every role serves.
 */
#include <sys/socket.h>

#include "base/log.h"
#include "runtime/call_permission_test_helper.h"
#include "runtime/call_toy_test_helper.h"
#include "runtime/metrics.h"
#include "runtime/runtime_calls.h"
#include "runtime/settings.h"

CALLS_DEFINE(toy, TOY_CALLS, CALLS_TOY, ROLE_STORE)

static void
permissions(void **state)
{
	log_set_fd(-1);
	call_permissions_hold(toy_call_list, toy_call_count, ROLE_STORE);
	log_set_fd(STDERR_FILENO);
}

static void
denied_calls_are_counted(void **state)
{
	const struct toy_nobody_request q = { .number = 1 };
	struct toy t;
	struct toy_nobody_reply r;
	struct arena a = ARENA_INIT;
	int64_t before = metric_get(METRIC_CALLS_REFUSED);

	toy_start(&t, 1, 0);
	log_set_fd(-1);
	assert_int_equal(toy_nobody(t.calls, &q, &a, &r, NULL), STATUS_DENIED);
	log_set_fd(STDERR_FILENO);
	assert_int_equal(metric_get(METRIC_CALLS_REFUSED) - before, 1);
	assert_int_equal(t.handled, 0);
	arena_done(&a);
	call_pair_free(t.pair);
}

/* A peer that we play by hand, on a server of its own. */
struct raw_peer {
	struct toy toy;
	struct call_server_config config;
	struct calls *server;
	int fd;
};

static void
raw_start(struct raw_peer *p)
{
	struct calls_config config = { .self = ROLE_STORE, .server = &p->config };
	int ends[2];

	p->toy =
	    (struct toy){ .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	p->config = (struct call_server_config){
		.rows = toy_rows, .row_count = ARRAY_LEN(toy_rows), .context = &p->toy, .threads = 1
	};
	p->server = calls_new(&config);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_ok(calls_link(p->server, ends[0], ROLE_MX, 0));
	calls_open(p->server);
	p->fd = ends[1];
}

static void
raw_send(struct raw_peer *p, enum call_kind kind, uint16_t number, struct text body)
{
	struct buffer b = BUFFER_INIT;
	size_t at = call_frame_begin(&b);

	buffer_add_text(&b, body);
	call_frame_end(&b, at, kind, number, 1, STATUS_OK, 0);
	assert_int_equal(write(p->fd, b.ptr, b.len), b.len);
	buffer_done(&b);
}

/* The status of the next frame, or -1 when the server has closed the link. */
static int
raw_status(struct raw_peer *p)
{
	unsigned char head[CALL_HEAD], body[4096];
	uint32_t len;

	if (recv(p->fd, head, sizeof(head), MSG_WAITALL) != sizeof(head))
		return -1;
	memcpy(&len, head, 4);
	len = __builtin_bswap32(len) - (CALL_HEAD - 4);
	assert_true(len <= sizeof(body));
	if (len > 0)
		assert_int_equal(recv(p->fd, body, len, MSG_WAITALL), len);
	return head[16];
}

static void
raw_done(struct raw_peer *p)
{
	(void)close(p->fd);
	calls_free(p->server);
}

static void
fields_that_do_not_decode_are_invalid(void **state)
{
	struct raw_peer p;

	raw_start(&p);
	log_set_fd(-1);
	raw_send(&p, CALL_KIND_REQUEST, toy_echo_call.number, TEXT("nonsense"));
	assert_int_equal(raw_status(&p), STATUS_INVALID);
	raw_send(&p, CALL_KIND_REQUEST, toy_hold_call.number, TEXT("\x01"));
	toy_answer(toy_take(&p.toy), 1);
	assert_int_equal(raw_status(&p), STATUS_OK);
	log_set_fd(STDERR_FILENO);
	raw_done(&p);
}

static void
loses_its_link(enum call_kind kind, uint16_t number)
{
	struct raw_peer p;

	raw_start(&p);
	raw_send(&p, kind, number, TEXT("\x01"));
	assert_int_equal(raw_status(&p), -1);
	raw_done(&p);
}

static void
who_sends_garbage_loses_its_link(void **state)
{
	struct raw_peer p;

	log_set_fd(-1);
	loses_its_link(CALL_KIND_REQUEST, 0x7777);	       /* no such call */
	loses_its_link(CALL_KIND_REPLY, toy_hold_call.number); /* nobody asked */
	loses_its_link(CALL_KIND_PUSH, toy_hold_call.number);
	raw_start(&p);
	assert_int_equal(write(p.fd, "EHLO a.stranger.example\r\n", 25), 25);
	assert_int_equal(raw_status(&p), -1);
	raw_done(&p);
	log_set_fd(STDERR_FILENO);
}

/* A server whose peer asks much and reads nothing goes on serving others, and
 * its threads do not hang on the full socket. */
static void
a_peer_that_does_not_read_holds_nobody(void **state)
{
	struct raw_peer p;
	struct buffer b = BUFFER_INIT;

	raw_start(&p);
	pack_varint(&b, 100000);
	pack_varint(&b, 0);
	for (unsigned i = 0; i < 20; i++)
		raw_send(&p, CALL_KIND_REQUEST, toy_size_call.number, buffer_text(&b));
	raw_send(&p, CALL_KIND_REQUEST, toy_hold_call.number, TEXT("\x01"));
	toy_answer(toy_take(&p.toy), 1);
	buffer_done(&b);
	raw_done(&p);
}

/* ---- the calls of every role ---- */

static void
runtime_calls(void **state)
{
	const struct call_server_config config = { .threads = 1 };
	const struct runtime_setting_request q = { .name = TEXT("smtp.hops_max"),
		.value = TEXT("33") };
	struct runtime_ping_reply ping;
	struct runtime_metrics_reply metrics;
	struct runtime_setting_reply set;
	struct arena a = ARENA_INIT;
	struct calls *c;
	struct call_pair *pair;

	runtime_calls_prepare();
	pair = call_pair_new(ROLE_ADMIN, &config, ROLE_STORE, &c);
	assert_int_equal(runtime_instances(c, ROLE_STORE), 1);
	assert_int_equal(runtime_instances(c, ROLE_AUTH), 0);
	assert_ok(runtime_call_to(c, ROLE_STORE, 0, &runtime_ping_call,
	    &(struct runtime_ping_request){ 0 }, &a, &ping, NULL));
	assert_int_equal(ping.pid, getpid());
	assert_int_equal(ping.instance, 0);
	metric_add(METRIC_POP3_COMMANDS, 3);
	assert_ok(runtime_call_to(c, ROLE_STORE, 0, &runtime_metrics_call,
	    &(struct runtime_metrics_request){ 0 }, &a, &metrics, NULL));
	assert_int_equal(metrics.values.count, METRIC_COUNT);
	assert_int_equal(metrics.values.at[METRIC_POP3_COMMANDS], metric_get(METRIC_POP3_COMMANDS));
	assert_true(metrics.rss > 100000);
	assert_ok(runtime_call_to(c, ROLE_STORE, 0, &runtime_setting_call, &q, &a, &set, NULL));
	assert_int_equal(setting(SET_SMTP_HOPS_MAX), 33);
	assert_int_equal(runtime_call_to(c, ROLE_STORE, 1, &runtime_ping_call,
			     &(struct runtime_ping_request){ 0 }, &a, &ping, NULL),
	    STATUS_NOT_FOUND);
	arena_done(&a);
	call_pair_free(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(permissions),
		cmocka_unit_test(denied_calls_are_counted),
		cmocka_unit_test(fields_that_do_not_decode_are_invalid),
		cmocka_unit_test(who_sends_garbage_loses_its_link),
		cmocka_unit_test(a_peer_that_does_not_read_holds_nobody),
		cmocka_unit_test(runtime_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
