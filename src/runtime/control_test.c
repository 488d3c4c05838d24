/* SPDX-License-Identifier: ISC */
/* Tests of control messages: all kinds, descriptors, and packets that lie. */
#include "runtime/control.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/testing.h"

static void
pair(int ends[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
}

static void
unpair(int ends[2])
{
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void
a_start_with_everything(void **state)
{
	struct text names[] = { TEXT("smtp"), TEXT("imaps") };
	struct text secrets[] = { TEXT("one"), TEXT_EMPTY };
	uint64_t tls[] = { TLS_STARTTLS, TLS_IMPLICIT }, flags[] = { 1, 2 }, ports[] = { 25, 993 };
	struct buffer great = BUFFER_INIT;
	struct control_START s = {
		.role = ROLE_MX,
		.hostname = TEXT("mail.example.org"),
		.secrets = { secrets, 2 },
		.listeners = { names, 2 },
		.listener_tls = { tls, 2 },
		.listener_flags = { flags, 2 },
		.listener_ports = { ports, 2 },
		.has_notes = 1,
	};
	const struct control_START *got;
	struct control_message m;
	struct stat before, after;
	int ends[2], fds[3];

	for (unsigned i = 0; i < 100000; i++)
		buffer_add_byte(&great, 'c');
	s.certificates = PAYLOAD_OF(buffer_text(&great));
	for (unsigned i = 0; i < 3; i++)
		fds[i] = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(fstat(fds[2], &before), 0);
	pair(ends);
	assert_ok(control_send(ends[0], CONTROL_START, &s, fds, 3));
	assert_ok(control_receive(ends[1], &m));
	assert_int_equal(m.type, CONTROL_START);
	got = m.record;
	assert_int_equal(got->role, ROLE_MX);
	assert_text(got->hostname, "mail.example.org");
	assert_text(got->secrets.at[0], "one");
	assert_int_equal(got->certificates.bytes.len, 100000);
	assert_text(got->listeners.at[1], "imaps");
	assert_int_equal(got->listener_ports.at[1], 993);
	/* The payload's descriptor is not among those of the message. */
	assert_int_equal(m.fd_count, 3);
	assert_int_equal(fstat(m.fds[2], &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	control_done(&m);
	for (unsigned i = 0; i < 3; i++)
		(void)close(fds[i]);
	unpair(ends);
	buffer_done(&great);
}

static void
ends_and_emptiness(void **state)
{
	struct control_message m;
	int ends[2];

	pair(ends);
	assert_ok(control_send(ends[0], CONTROL_READY, &(struct control_READY){ 0 }, NULL, 0));
	assert_ok(control_receive(ends[1], &m));
	assert_int_equal(m.type, CONTROL_READY);
	control_done(&m);
	assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(control_receive(ends[1], &m), STATUS_AGAIN);
	(void)close(ends[0]);
	assert_int_equal(control_receive(ends[1], &m), STATUS_CLOSED);
	assert_int_equal(
	    control_send(ends[1], CONTROL_READY, &(struct control_READY){ 0 }, NULL, 0),
	    STATUS_CLOSED);
	(void)close(ends[1]);
}

static void
what_is_too_large_is_not_sent(void **state)
{
	char *great = mem_new(CONTROL_SIZE_MAX);
	const struct control_FAILED m = { .words = { great, CONTROL_SIZE_MAX } };
	int ends[2], many[CONTROL_FDS_MAX + 1] = { 0 };

	pair(ends);
	assert_int_equal(control_send(ends[0], CONTROL_FAILED, &m, NULL, 0), STATUS_LIMIT);
	assert_int_equal(control_send(ends[0], CONTROL_READY, &(struct control_READY){ 0 }, many,
			     CONTROL_FDS_MAX + 1),
	    STATUS_LIMIT);
	unpair(ends);
	mem_free(great);
}

/* A peer that does not read is noticed, not waited for. */
static void
a_full_socket_is_an_answer(void **state)
{
	static char words[60000];
	const struct control_FAILED m = { .words = { words, sizeof(words) } };
	enum status st = STATUS_OK;
	int ends[2];

	pair(ends);
	for (unsigned i = 0; i < 10000 && st == STATUS_OK; i++)
		st = control_send(ends[0], CONTROL_FAILED, &m, NULL, 0);
	assert_int_equal(st, STATUS_AGAIN);
	unpair(ends);
}

static void
refused(struct text packet)
{
	struct control_message m;
	int ends[2];

	pair(ends);
	assert_int_equal(send(ends[0], packet.ptr, packet.len, 0), packet.len);
	assert_int_equal(control_receive(ends[1], &m), STATUS_INVALID);
	unpair(ends);
}

static void
packets_that_lie(void **state)
{
	refused(TEXT("\x01"));		   /* no head */
	refused(TEXT("\x7f\x00"));	   /* no such type */
	refused(TEXT("\x04\x05"));	   /* more payloads than there are */
	refused(TEXT("\x02\x01\x01\x05")); /* a payload whose memfd did not come */
	refused(TEXT("\x03\x00"));	   /* STOP without its field */
	refused(TEXT("\x04\x00 "));	   /* READY with more than it has */
}

static void
certificates_in_one_payload(void **state)
{
	const struct role_certificate two[] = { { TEXT("chain"), TEXT("key") },
		{ TEXT(""), TEXT("k2") } };
	struct role_certificate *at = NULL;
	struct arena a = ARENA_INIT;
	struct buffer b = BUFFER_INIT;
	uint32_t count = 9;

	assert_ok(control_unpack_certificates(TEXT_EMPTY, &a, &at, &count));
	assert_int_equal(count, 0);
	control_pack_certificates(&b, two, 2);
	assert_ok(control_unpack_certificates(buffer_text(&b), &a, &at, &count));
	assert_int_equal(count, 2);
	assert_text(at[0].chain, "chain");
	assert_text(at[1].key, "k2");
	assert_int_equal(
	    control_unpack_certificates(text_part(buffer_text(&b), 0, b.len - 1), &a, &at, &count),
	    STATUS_INVALID);
	buffer_done(&b);
	arena_done(&a);
}

/* A folder's name may be longer than the address of a socket. */
static void
addresses_of_long_paths(void **state)
{
	char dir[] = "/tmp/mailstead-control-XXXXXX", path[512], deep[400];
	struct sockaddr_un address;
	int folder, fd;

	assert_ok(control_address("/tmp/x.sock", &address, &folder));
	assert_string_equal(address.sun_path, "/tmp/x.sock");
	assert_int_equal(folder, -1);
	assert_non_null(mkdtemp(dir));
	(void)snprintf(deep, sizeof(deep), "%s/%0200d", dir, 1);
	assert_int_equal(mkdir(deep, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/operator.sock", deep);
	assert_ok(control_address(path, &address, &folder));
	assert_true(folder >= 0);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	(void)close(fd);
	(void)close(folder);
	assert_int_equal(unlink(path), 0); /* it is where it should be */
	assert_int_equal(rmdir(deep), 0);
	assert_int_equal(control_address(path, &address, &folder), STATUS_INVALID);
	assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_start_with_everything),
		cmocka_unit_test(ends_and_emptiness),
		cmocka_unit_test(what_is_too_large_is_not_sent),
		cmocka_unit_test(a_full_socket_is_an_answer),
		cmocka_unit_test(packets_that_lie),
		cmocka_unit_test(certificates_in_one_payload),
		cmocka_unit_test(addresses_of_long_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
