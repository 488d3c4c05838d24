/* SPDX-License-Identifier: ISC */
/* Whole POP3 sessions of any bytes, signed in or not, with a real store: every
 * line of an answer begins as one, and nothing is left behind. A maildrop that
 * was emptied is filled again for the next. */
#include "base/fuzz_threads.h"
#include "base/log.h"
#include "intake/testing_house.h"
#include "pop3/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct listener plain = { .name = "pop3", .plain_auth = true };

static struct house house;
static struct pop3_server *server;

#define SIGN_IN "USER alice@demo.test\r\nPASS demo\r\n"

static void
begin(struct talk *t, bool signed_in)
{
	((struct pop3 *)talk_begin(t, &pop3_session_class, &plain))->server = server;
	(void)talk_run(t, TEXT_EMPTY, WAKE_START);
	if (signed_in)
		(void)talk_say(t, SIGN_IN);
}

static void
fill(void)
{
	struct talk t;
	bool empty;

	begin(&t, true);
	empty = text_starts(text_of(talk_say(&t, "STAT\r\n")), TEXT("+OK 0 "));
	talk_end(&t);
	if (!empty)
		return;
	house_deliver(&house, TEXT("Subject: x\r\n\r\n.\r\nbody\r\n"));
	house_deliver(&house, TEXT("Subject: y\r\n\r\nno line end"));
	house_deliver(&house, TEXT("Subject: \xc3\xa4\r\nTo: \xc3\xa4@b.test\r\n\r\n"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct talk t;

	if (size == 0)
		return 0;
	if (server == NULL) {
		log_set_fd(-1);
		house_open(&house);
		server = pop3_server_new(house.calls, TEXT("host"));
		fill();
	}
	begin(&t, (data[0] & 1) != 0);
	(void)talk_run(&t, (struct text){ (const char *)data + 1, size - 1 }, WAKE_INPUT);
	CHECK(t.out.len == 0 || t.out.ptr[0] == '+' || t.out.ptr[0] == '-');
	CHECK(t.out.len == 0 || text_ends(buffer_text(&t.out), TEXT("\r\n")));
	talk_end(&t);
	if (text_find_ci((struct text){ (const char *)data, size }, TEXT("DELE"), 0) < size)
		fill();
	return 0;
}
