/* SPDX-License-Identifier: ISC */
/* Whole IMAP sessions of any bytes, signed in with a mailbox selected or not,
 * with a real store and intake behind them; a second session that has the same
 * mailbox selected follows what happens. */
#include "base/log.h"
#include "imap/session.h"
#include "intake/testing_house.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct listener plain = { .name = "imap", .plain_auth = true };
static struct house house;
static struct imap_server *server;

static void
begin(struct talk *t, bool selected)
{
	((struct imap *)talk_begin(t, &imap_session_class, &plain))->server = server;
	(void)talk_run(t, TEXT_EMPTY, WAKE_START);
	if (selected)
		(void)talk_say(t, "s LOGIN alice@demo.test demo\r\ns SELECT INBOX\r\n");
}

static void
once(void)
{
	log_set_fd(-1);
	house_open(&house);
	server = imap_server_new(house.calls, TEXT("host"));
	house_deliver(&house, TEXT("Subject: one\r\n\r\nbody\r\n"));
	house_deliver(
	    &house, TEXT("Subject: two\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
			 "--b\r\n\r\npart\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
			 "Subject: in\r\n\r\ninner\r\n--b--\r\n"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct talk t, other;

	if (server == NULL)
		once();
	begin(&t, size > 0 && (data[0] & 1) != 0);
	begin(&other, true);
	if (size > 0)
		(void)talk_run(&t, (struct text){ (const char *)data + 1, size - 1 }, WAKE_INPUT);
	(void)talk_run(&t, TEXT_EMPTY, WAKE_EVENT);
	(void)talk_say(&other, "o NOOP\r\n");
	/* A mailbox that was deleted or renamed away is the only reason to part. */
	CHECK(text_ends(buffer_text(&other.out), TEXT("\r\no OK NOOP done\r\n")) ||
	      text_starts(buffer_text(&other.out), TEXT("o OK NOOP done\r\n")) ||
	      other.next == NEXT_CLOSE);
	talk_end(&other);
	talk_end(&t);
	return 0;
}
