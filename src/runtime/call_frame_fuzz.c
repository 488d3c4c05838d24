/* SPDX-License-Identifier: ISC */
/* A link's octets: cut into pieces in any way, the same frames come out. The
 * first octet is the size of the pieces. */
#include <fcntl.h>

#include "runtime/call_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
note(void *arg, struct call_frame *f)
{
	struct buffer *seen = arg;

	buffer_addf(seen, "%u %u %u %llu %u %zu\n", f->kind, f->status, f->number,
	    (unsigned long long)f->id, f->fd_count, f->len);
	buffer_add(seen, f->body, f->len);
	call_frame_free(f);
}

static void
feed(struct text in, size_t piece, bool direct, struct buffer *seen)
{
	struct call_assembler as = { 0 };
	enum status st = STATUS_OK;

	for (unsigned i = 0; i < 3; i++) {
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		CHECK(call_assembler_fds(&as, &fd, 1) == STATUS_OK);
	}
	while (in.len > 0 && st == STATUS_OK) {
		struct iovec room = call_assembler_room(&as);
		size_t n = piece < in.len ? piece : in.len, into = 0;

		if (direct)
			into = n < room.iov_len ? n : room.iov_len;
		if (into > 0)
			__builtin_memcpy(room.iov_base, in.ptr, into);
		st = call_assembler_add(&as, into, text_part(in, into, n), note, seen);
		in = text_part(in, n, in.len);
	}
	buffer_addf(seen, "%s", st == STATUS_OK ? "" : "refused");
	call_assembler_done(&as);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text in = { (const char *)data + 1, size > 0 ? size - 1 : 0 };
	struct buffer whole = BUFFER_INIT, pieces = BUFFER_INIT;

	if (size == 0)
		return 0;
	feed(in, SIZE_MAX, false, &whole);
	feed(in, (size_t)data[0] + 1, data[0] & 1, &pieces);
	CHECK(text_equal(buffer_text(&whole), buffer_text(&pieces)));
	buffer_done(&whole);
	buffer_done(&pieces);
	return 0;
}
