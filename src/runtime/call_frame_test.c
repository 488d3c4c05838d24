/* SPDX-License-Identifier: ISC */
/* Tests of frames: every way to cut them, heads that lie, descriptors. */
#include "runtime/call_frame.h"

#include "base/testing.h"

struct seen {
	unsigned count, fds;
	uint64_t last;
	size_t octets;
};

static void
count_frame(void *arg, struct call_frame *f)
{
	struct seen *s = arg;

	s->count++;
	s->fds += f->fd_count;
	s->last = f->id;
	s->octets += f->len;
	for (size_t i = 0; i < f->len; i++)
		assert_int_equal((unsigned char)f->body[i], f->id & 0xff);
	call_frame_free(f);
}

static void
add_frame(struct buffer *b, uint64_t id, size_t len, unsigned fds)
{
	size_t at = call_frame_begin(b);

	for (size_t i = 0; i < len; i++)
		buffer_add_byte(b, (char)id);
	call_frame_end(b, at, CALL_KIND_REQUEST, 0x0201, id, STATUS_OK, fds);
}

static void
pieces_of_any_size(void **state)
{
	struct buffer b = BUFFER_INIT;

	add_frame(&b, 1, 0, 0);
	add_frame(&b, 2, 1, 0);
	add_frame(&b, 3, 100, 0);
	add_frame(&b, 4, 0, 0);
	for (size_t piece = 1; piece <= b.len; piece++) {
		struct call_assembler as = { 0 };
		struct seen s = { 0 };

		for (size_t at = 0; at < b.len; at += piece)
			assert_ok(call_assembler_add(
			    &as, 0, text_part(buffer_text(&b), at, at + piece), count_frame, &s));
		assert_int_equal(s.count, 4);
		assert_int_equal(s.octets, 101);
		assert_int_equal(s.last, 4);
		call_assembler_done(&as);
	}
	buffer_done(&b);
}

static void
great_frames_are_received_in_place(void **state)
{
	struct call_assembler as = { 0 };
	struct seen s = { 0 };
	struct buffer b = BUFFER_INIT;
	struct iovec room;

	add_frame(&b, 7, 1000000, 0);
	assert_int_equal(call_assembler_room(&as).iov_len, 0);
	assert_ok(call_assembler_add(
	    &as, 0, text_part(buffer_text(&b), 0, CALL_HEAD + 5), count_frame, &s));
	room = call_assembler_room(&as);
	assert_int_equal(room.iov_len, 1000000 - 5);
	memcpy(room.iov_base, b.ptr + CALL_HEAD + 5, room.iov_len);
	assert_int_equal(s.count, 0);
	assert_ok(call_assembler_add(&as, room.iov_len, TEXT_EMPTY, count_frame, &s));
	assert_int_equal(s.octets, 1000000);
	call_assembler_done(&as);
	buffer_done(&b);
}

static enum status
feed_head(const char head[CALL_HEAD])
{
	struct call_assembler as = { 0 };
	struct seen s = { 0 };
	enum status st =
	    call_assembler_add(&as, 0, (struct text){ head, CALL_HEAD }, count_frame, &s);

	call_assembler_done(&as);
	return st;
}

/* Changes one octet of a good head; it must be taken for what it is. */
static enum status
changed_head(size_t at, unsigned char to)
{
	struct buffer b = BUFFER_INIT;
	enum status st;

	add_frame(&b, 9, 0, 0);
	b.ptr[at] = (char)to;
	st = feed_head(b.ptr);
	buffer_done(&b);
	return st;
}

static void
heads_that_lie(void **state)
{
	assert_ok(changed_head(3, CALL_HEAD - 4));
	assert_int_equal(changed_head(3, CALL_HEAD - 5), STATUS_INVALID);
	assert_int_equal(changed_head(3, 0), STATUS_INVALID);
	assert_ok(changed_head(1, 0x1f));
	assert_int_equal(changed_head(1, 0x20), STATUS_INVALID); /* 2 MiB and a little */
	assert_int_equal(changed_head(0, 0x80), STATUS_INVALID);
	assert_ok(changed_head(4, CALL_KIND_PUSH));
	assert_int_equal(changed_head(4, CALL_KIND_COUNT), STATUS_INVALID);
	assert_int_equal(changed_head(5, 1), STATUS_INVALID); /* no such descriptor came */
	assert_int_equal(changed_head(5, CALL_FDS_MAX + 1), STATUS_INVALID);
	assert_int_equal(changed_head(16, STATUS_IO), STATUS_INVALID); /* a failed request */
	assert_int_equal(changed_head(16, STATUS_COUNT), STATUS_INVALID);
}

static void
descriptors_go_to_their_frames(void **state)
{
	struct call_assembler as = { 0 };
	struct seen s = { 0 };
	struct buffer b = BUFFER_INIT;
	int fds[CALL_FDS_WAITING];

	add_frame(&b, 1, 3, 2);
	add_frame(&b, 2, 0, 0);
	add_frame(&b, 3, 0, CALL_FDS_MAX);
	for (size_t i = 0; i < CALL_FDS_WAITING; i++)
		fds[i] = dup(STDERR_FILENO);
	assert_ok(call_assembler_fds(&as, fds, CALL_FDS_WAITING));
	assert_ok(call_assembler_add(&as, 0, buffer_text(&b), count_frame, &s));
	assert_int_equal(s.fds, 2 + CALL_FDS_MAX);
	assert_int_equal(fcntl(fds[0], F_GETFD), -1); /* closed with its frame */
	assert_int_equal(fcntl(fds[CALL_FDS_WAITING - 1], F_GETFD), 0);
	for (size_t i = 0; i < 2 + CALL_FDS_MAX + 1; i++)
		fds[i] = dup(STDERR_FILENO);
	assert_int_equal(call_assembler_fds(&as, fds, 2 + CALL_FDS_MAX + 1), STATUS_INVALID);
	assert_int_equal(fcntl(fds[0], F_GETFD), -1);
	call_assembler_done(&as);
	assert_int_equal(fcntl(fds[CALL_FDS_WAITING - 1], F_GETFD), -1);
	buffer_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_of_any_size),
		cmocka_unit_test(great_frames_are_received_in_place),
		cmocka_unit_test(heads_that_lie),
		cmocka_unit_test(descriptors_go_to_their_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
