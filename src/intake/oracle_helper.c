/* SPDX-License-Identifier: ISC */
/*
 * What goes out, for tests/intake_oracle.py, which has others check it.
 * Requests come on standard input as two frames, what to do and a message, and
 * are answered by one frame on standard output; a frame is four octets of
 * length (big-endian) and the octets. The domain is one.test, the selectors are
 * r (RSA) and e (Ed25519).
 *
 *   "record 0", "record 1"   of r and e
 *   "submit"                 the message as it goes out
 *   "forward"                the same of one that came in and goes on
 */
#include "intake/submit_testing.h"

#include "mailauth/testing_frames.h"

static struct text
submitted(struct rig *r, struct calls *access, struct text message)
{
	struct text to[] = { TEXT("bob@two.test") };
	const struct intake_submit_request q = { .sender = TEXT("ann@one.test"),
		.recipients = { to, 1 },
		.trace = TEXT("Received: from c ([192.0.2.1])\r\n\tby mx.one.test; date\r\n"),
		.message = PAYLOAD_OF(message) };
	struct intake_submit_reply reply;

	CHECK(intake_submit(access, &q, &r->arena, &reply, NULL) == STATUS_OK);
	CHECK(reply.verdict == SUBMISSION_OK);
	return stored(r, r->commit.content);
}

static struct text
forwarded(struct rig *r, struct calls *mx, struct text message)
{
	struct text to[] = { TEXT("alias@one.test") };
	const struct intake_deliver_request q = { .sender = TEXT("zed@far.test"),
		.recipients = { to, 1 },
		.forwards = 1,
		.trace = TEXT("Received: from c ([192.0.2.1])\r\n\tby mx.one.test; date\r\n"),
		.message = PAYLOAD_OF(message) };
	struct intake_deliver_reply reply;

	CHECK(intake_deliver(mx, &q, &r->arena, &reply, NULL) == STATUS_OK);
	return arena_join(&r->arena, r->deliver.forward_prefix, stored(r, r->deliver.content));
}

int
main(void)
{
	struct buffer request = BUFFER_INIT, message = BUFFER_INIT;
	struct call_server_config intake = { .threads = 1 };
	struct call_pair *pair;
	struct calls *mx;
	struct rig r;

	rig_open(&r, ROLE_ACCESS);
	intake_serve(&r.in, &intake);
	pair = call_pair_new(ROLE_MX, &intake, ROLE_INTAKE, &mx);
	while (frame_read(&request) && frame_read(&message)) {
		struct text what = buffer_text(&request);

		arena_reset(&r.arena);
		if (text_equal(what, TEXT("submit")))
			frame_write(submitted(&r, r.client, buffer_text(&message)));
		else if (text_equal(what, TEXT("forward")))
			frame_write(forwarded(&r, mx, buffer_text(&message)));
		else
			frame_write(key_record(&r, what.ptr[what.len - 1] == '0' ? 0 : 1));
	}
	call_pair_free(pair);
	rig_close(&r);
	buffer_done(&request);
	buffer_done(&message);
	return 0;
}
