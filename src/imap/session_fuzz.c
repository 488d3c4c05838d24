/* SPDX-License-Identifier: ISC */
/*
 * Whole IMAP sessions of any bytes, signed in with a mailbox selected or not,
 * with a real store and intake behind them; a second session that has the same
 * mailbox selected follows what happens. A house in which much has changed
 * gives way to a new one: mail does not pile up, and an input that is run by
 * itself meets the mail that stands here.
 */
#include "base/fuzz_threads.h"
#include "base/log.h"
#include "imap/session.h"
#include "intake/testing_house.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHANGES_MAX 64 /* inputs that changed something */

static const struct listener plain = { .name = "imap", .plain_auth = true };
static struct house house;
static struct imap_server *server;
static struct talk other;
static unsigned changes; /* in this house */

static struct imap *
begin(struct talk *t)
{
	struct imap *im = (struct imap *)talk_begin(t, &imap_session_class, &plain);

	im->server = server;
	(void)talk_run(t, TEXT_EMPTY, WAKE_START);
	return im;
}

static void
open_all(void)
{
	house_open(&house);
	server = imap_server_new(house.calls, TEXT("host"));
	house_deliver(&house, TEXT("Subject: one\r\n\r\nbody\r\n"));
	house_deliver(
	    &house, TEXT("Subject: two\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
			 "--b\r\n\r\npart\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
			 "Subject: in\r\n\r\ninner\r\n--b--\r\n"));
	(void)begin(&other);
	(void)talk_say(&other, "s LOGIN alice@demo.test demo\r\ns SELECT INBOX\r\n");
	CHECK(((struct imap *)other.s)->state == IMAP_SELECTED);
}

static void
close_all(void)
{
	talk_end(&other);
	imap_server_free(server);
	house_close(&house);
	server = NULL;
	changes = 0;
}

/* The same as LOGIN and SELECT, without asking auth each time. */
static void
select_inbox(struct talk *t, struct imap *im)
{
	const struct imap *who = (struct imap *)other.s;

	imap_signed_in(im, &(struct auth_outcome){ .state = AUTH_DONE,
			       .token = who->token,
			       .account = who->account,
			       .address = TEXT("alice@demo.test") });
	(void)talk_say(t, "s SELECT INBOX\r\n");
	CHECK(im->state == IMAP_SELECTED);
}

/* What the other session is told. False: the house has served its time. */
static bool
follow(void)
{
	const struct imap *im = (struct imap *)other.s;
	uint64_t before = im->view->modseq;

	(void)talk_say(&other, "o NOOP\r\n");
	/* A mailbox that was deleted or renamed away is the only reason to part. */
	CHECK(text_ends(buffer_text(&other.out), TEXT("\r\no OK NOOP done\r\n")) ||
	      text_starts(buffer_text(&other.out), TEXT("o OK NOOP done\r\n")) || im->told_bye);
	if (im->told_bye)
		return false;
	changes += im->view->modseq != before;
	return changes < CHANGES_MAX;
}

/* What a client may keep is never more than it was told (RFC 7162 3.2, 6). */
static void
check_view(const struct imap *im)
{
	const struct view *v = im->view;

	if (v != NULL)
		CHECK(v->counted <= v->settled && v->settled <= v->highest &&
		      v->highest <= v->modseq);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct talk t;
	struct imap *im;
	bool goes_on;

	log_set_fd(-1);
	if (size == 0)
		return 0;
	if (server == NULL)
		open_all();
	im = begin(&t);
	if ((data[0] & 1) != 0)
		select_inbox(&t, im);
	if ((data[0] & 2) != 0)
		(void)talk_say(&t, "s ENABLE QRESYNC\r\n");
	(void)talk_run(&t, (struct text){ (const char *)data + 1, size - 1 }, WAKE_INPUT);
	(void)talk_run(&t, TEXT_EMPTY, WAKE_EVENT);
	if (t.next != NEXT_CLOSE)
		check_view(im);
	goes_on = follow();
	talk_end(&t);
	if (!goes_on)
		close_all();
	return 0;
}
