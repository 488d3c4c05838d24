/* SPDX-License-Identifier: ISC */
/* Requests of every field type: what decodes encodes to the same octets. The
 * first octet says how many memfds come with them. */
#include <unistd.h>

#include "runtime/call_frame.h"
#include "runtime/call_toy.h"

CALLS_DEFINE(toy, TOY_CALLS, CALLS_TOY, ROLE_STORE)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct call *c = &toy_echo_call;
	unsigned fd_count = size > 0 ? data[0] % 3 : 0, out_count = 0;
	struct text in = { (const char *)data + 1, size > 0 ? size - 1 : 0 };
	struct toy_echo_request q;
	struct buffer out = BUFFER_INIT;
	struct arena a = ARENA_INIT;
	int fds[CALL_FDS_MAX];

	for (unsigned i = 0; i < fd_count; i++)
		CHECK(payload_seal(text_part(in, 0, 3), &fds[i]) == STATUS_OK);
	if (call_decode(c->request, c->request_count, c->request_size, in, fds, fd_count, &a, &q) ==
	    STATUS_OK) {
		CHECK(call_encode(c->request, c->request_count, &q, &out, fds, &out_count) ==
		      STATUS_OK);
		CHECK(fd_count > 0 || text_equal(in, buffer_text(&out)));
		call_close_fds(fds, out_count);
	}
	arena_done(&a);
	buffer_done(&out);
	return 0;
}
