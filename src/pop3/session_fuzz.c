/* SPDX-License-Identifier: ISC */
/* Whole POP3 sessions of any bytes, signed in or not, with a real store: every
 * line of an answer begins as one, and nothing is left behind. */
#include "base/log.h"
#include "intake/testing_house.h"
#include "pop3/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct listener plain = { .name = "pop3", .plain_auth = true };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct house house;
	static struct pop3_server *server;
	struct talk t;

	if (server == NULL) {
		log_set_fd(-1);
		house_open(&house);
		server = pop3_server_new(house.calls, TEXT("host"));
		house_deliver(&house, TEXT("Subject: x\r\n\r\n.\r\nbody\r\n"));
	}
	((struct pop3 *)talk_begin(&t, &pop3_session_class, &plain))->server = server;
	(void)talk_run(&t, TEXT_EMPTY, WAKE_START);
	if (size > 0 && (data[0] & 1) != 0)
		(void)talk_say(&t, "USER alice@demo.test\r\nPASS demo\r\n");
	if (size > 0)
		(void)talk_run(&t, (struct text){ (const char *)data + 1, size - 1 }, WAKE_INPUT);
	CHECK(t.out.len == 0 || t.out.ptr[0] == '+' || t.out.ptr[0] == '-');
	CHECK(t.out.len == 0 || text_ends(buffer_text(&t.out), TEXT("\r\n")));
	talk_end(&t);
	return 0;
}
