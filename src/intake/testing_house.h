/* SPDX-License-Identifier: ISC */
/*
 * For tests of the protocols: a house with a real store on the memory engine
 * and a real intake, joined by real calls, and an auth that knows one password.
 * Sessions run on memory streams on the test's own thread, so nothing waits.
 */
#ifndef INTAKE_TESTING_HOUSE_H
#define INTAKE_TESTING_HOUSE_H

#include <sys/mman.h>
#include <unistd.h>

#include "auth/calls.h"
#include "auth/token.h"
#include "base/clock.h"
#include "base/random.h"
#include "intake/calls.h"
#include "intake/intake.h"
#include "runtime/role.h"
#include "runtime/session.h"
#include "store/board.h"
#include "store/calls.h"
#include "store/content.h"
#include "store/store.h"

#define HOUSE_KEY "0123456789abcdef0123456789abcdef"

struct house {
	struct engine *engine;
	struct store *store;
	struct intake intake;
	struct call_pair *access, *inner, *operator_;
	struct calls *calls;	    /* of role access */
	struct calls *intake_calls; /* of role intake, to the store */
	struct calls *admin;
	unsigned intake_link;	   /* of access: its number in that pair */
	unsigned long plain_signs; /* sign-ins by PLAIN that auth has seen */
	struct call_row store_rows[128], intake_rows[16];
	int board_file;
	struct board *board; /* of the store; for the fronts, too */
};

/* ---- a store that refuses calls for a while ---- */

/* So many of the next. */
static _Atomic unsigned house_fetches_refused, house_changes_refused;
static call_handler house_fetch_row, house_changes_row;

UNUSED static void
house_refuse(struct call_in *in, const void *request, void *context, _Atomic unsigned *refused,
    call_handler row)
{
	if (*refused == 0) {
		row(in, request, context);
		return;
	}
	(*refused)--;
	call_refuse(in, STATUS_UNAVAILABLE, "", "refused by the test");
}

UNUSED static void
house_fetch(struct call_in *in, const void *request, void *context)
{
	house_refuse(in, request, context, &house_fetches_refused, house_fetch_row);
}

UNUSED static void
house_changes(struct call_in *in, const void *request, void *context)
{
	house_refuse(in, request, context, &house_changes_refused, house_changes_row);
}

/* What happens before the store answers the nth store_match from now on. */
static void (*house_meanwhile)(void);
static _Atomic unsigned house_matches_before;
static call_handler house_match_row;

UNUSED static void
house_match(struct call_in *in, const void *request, void *context)
{
	if (house_meanwhile != NULL && house_matches_before > 0 && --house_matches_before == 0)
		house_meanwhile();
	house_match_row(in, request, context);
}

/* What happens when store_append_all comes to the store, before it is looked at and
 * when it was handed on. */
static void (*house_before_filing)(void), (*house_behind_filing)(void);
static call_handler house_append_all_row;

UNUSED static void
house_append_all(struct call_in *in, const void *request, void *context)
{
	if (house_before_filing != NULL)
		house_before_filing();
	house_append_all_row(in, request, context);
	if (house_behind_filing != NULL)
		house_behind_filing();
}

/* How often intake was asked to file several. */
static _Atomic unsigned house_filings;
static call_handler house_filing_row;

UNUSED static void
house_filing(struct call_in *in, const void *request, void *context)
{
	house_filings++;
	house_filing_row(in, request, context);
}

UNUSED static void
house_counts_filings(struct house *h, struct call_server_config *intake)
{
	CHECK(intake->row_count <= ARRAY_LEN(h->intake_rows));
	for (size_t i = 0; i < intake->row_count; i++) {
		h->intake_rows[i] = intake->rows[i];
		if (intake->rows[i].call != &intake_append_all_call)
			continue;
		house_filing_row = intake->rows[i].handle;
		h->intake_rows[i].handle = house_filing;
	}
	intake->rows = h->intake_rows;
}

/* Puts it between the store and who asks. */
UNUSED static void
house_may_refuse(struct house *h, struct call_server_config *store)
{
	CHECK(store->row_count <= ARRAY_LEN(h->store_rows));
	for (size_t i = 0; i < store->row_count; i++) {
		struct call_row *row = &h->store_rows[i];

		*row = store->rows[i];
		if (row->call == &store_fetch_call) {
			house_fetch_row = row->handle;
			row->handle = house_fetch;
		}
		if (row->call == &store_match_call) {
			house_match_row = row->handle;
			row->handle = house_match;
		}
		if (row->call == &store_append_all_call) {
			house_append_all_row = row->handle;
			row->handle = house_append_all;
		}
		if (row->call == &store_changes_call) {
			house_changes_row = row->handle;
			row->handle = house_changes;
		}
	}
	store->rows = h->store_rows;
}

/* ---- auth: PLAIN with the password "demo", and X-TALK, which asks "name?"
 * and has the last word ---- */

UNUSED static void
house_mechanisms(struct call_in *in, const void *request, void *context)
{
	const struct auth_mechanisms_request *r = request;
	struct text names[] = { TEXT("X-TALK"), TEXT("PLAIN") };
	struct auth_mechanisms_reply reply = { .names = { names,
						   (r->flags & AUTH_MAY_PLAIN) != 0 ? 2 : 1 } };

	call_reply(in, &reply);
}

UNUSED static void
house_welcome(struct house *h, struct call_in *in, struct text address, struct text last_word)
{
	struct store_account_request req = { .address = address };
	struct store_account_reply account;
	struct auth_start_reply reply = { .state = AUTH_NO,
		.code = AUTH_BAD_CREDENTIALS,
		.text = TEXT("Wrong name or password") };
	struct buffer token = BUFFER_INIT;

	if (store_account(h->admin, &req, call_arena(in), &account, NULL) == STATUS_OK) {
		const struct token t = { .account = account.account,
			.generation = 1,
			.scope = SCOPE_ALL,
			.expires = clock_wall() / CLOCK_SECOND + 3600 };

		token_make(TEXT(HOUSE_KEY), &t, &token);
		reply = (struct auth_start_reply){ .state = AUTH_DONE,
			.token = buffer_text(&token),
			.account = account.account,
			.challenge = last_word,
			.address = address };
	}
	call_reply(in, &reply);
	buffer_done(&token);
}

UNUSED static void
house_start(struct call_in *in, const void *request, void *context)
{
	const struct auth_start_request *r = request;
	struct house *h = context;
	struct text rest = r->initial, part[3] = { TEXT_EMPTY, TEXT_EMPTY, TEXT_EMPTY };
	struct auth_start_reply reply = { .state = AUTH_NO };

	if (text_equal_ci(r->mechanism, TEXT("X-TALK"))) {
		reply.state = AUTH_MORE;
		reply.exchange = 77;
		reply.challenge = TEXT("name?");
	} else if (!text_equal_ci(r->mechanism, TEXT("PLAIN"))) {
		reply.code = AUTH_BAD_MECHANISM;
		reply.text = TEXT("No such mechanism");
	} else if (!r->has_initial) {
		reply.state = AUTH_MORE;
		reply.exchange = 78;
	} else {
		h->plain_signs++;
		for (int i = 0; i < 3 && text_split(&rest, '\0', &part[i]); i++)
			;
		if (text_equal(part[2], TEXT("demo"))) {
			house_welcome(h, in, part[1], TEXT_EMPTY);
			return;
		}
		reply.code = AUTH_BAD_CREDENTIALS;
		reply.text = TEXT("Wrong name or password");
	}
	call_reply(in, &reply);
}

UNUSED static void
house_step(struct call_in *in, const void *request, void *context)
{
	const struct auth_step_request *r = request;
	struct auth_step_reply reply = { .state = AUTH_NO, .code = AUTH_BAD_MESSAGE };
	struct text rest = r->response, part[3] = { TEXT_EMPTY, TEXT_EMPTY, TEXT_EMPTY };

	if (!r->cancelled && r->exchange == 77) {
		house_welcome(context, in, r->response, TEXT("welcome"));
		return;
	}
	for (int i = 0; i < 3 && text_split(&rest, '\0', &part[i]); i++)
		;
	if (!r->cancelled && text_equal(part[2], TEXT("demo"))) {
		house_welcome(context, in, part[1], TEXT_EMPTY);
		return;
	}
	reply.text = r->cancelled ? TEXT("Cancelled") : TEXT("Wrong");
	call_reply(in, &reply);
}

/* ---- the house ---- */

UNUSED static void
house_add_account(struct house *h, const char *address)
{
	struct arena a = ARENA_INIT;
	struct store_account_add_request req = { .address = text_of(address),
		.verifier = TEXT("sealed") };
	struct store_account_add_reply reply;

	CHECK(store_account_add(h->admin, &req, &a, &reply, NULL) == STATUS_OK);
	arena_done(&a);
}

UNUSED static void
house_make_domain(struct house *h)
{
	struct arena a = ARENA_INIT;
	struct store_domain_add_request req = { .name = TEXT("demo.test") };
	struct store_domain_add_reply reply;

	CHECK(store_domain_add(h->admin, &req, &a, &reply, NULL) == STATUS_OK);
	arena_done(&a);
}

/* With the domain demo.test and the account alice@demo.test. */
UNUSED static void
house_open(struct house *h)
{
	static const struct call_row auth_rows[] = {
		{ &auth_mechanisms_call, house_mechanisms },
		{ &auth_start_call, house_start },
		{ &auth_step_call, house_step },
	};
	struct store_config config = { .token_key = TEXT(HOUSE_KEY), .untended = true };
	const struct call_server_config auth = {
		.rows = auth_rows, .row_count = ARRAY_LEN(auth_rows), .context = h, .threads = 1
	};
	struct call_server_config store = { .threads = 2 }, intake = { .threads = 1 };
	struct failure f;

	*h = (struct house){ .engine = engine_memory_new() };
	h->board_file = memfd_create("board", MFD_CLOEXEC);
	CHECK(h->board_file >= 0 && ftruncate(h->board_file, BOARD_SIZE) == 0);
	config.board = h->board = board_write(h->board_file);
	if (store_new(h->engine, &config, &h->store, &f) != STATUS_OK)
		die("store_new: %s", f.log);
	store_serve(h->store, &store);
	house_may_refuse(h, &store);
	h->operator_ = call_pair_new(ROLE_ADMIN, &store, ROLE_STORE, &h->admin);
	h->inner = call_pair_new(ROLE_INTAKE, &store, ROLE_STORE, &h->intake_calls);
	h->intake.calls = h->intake_calls;
	h->intake.notes = notes_new(-1);
	intake_serve(&h->intake, &intake);
	house_counts_filings(h, &intake);
	h->access = call_pair_new(ROLE_ACCESS, &store, ROLE_STORE, &h->calls);
	(void)call_pair_add(h->access, &auth, ROLE_AUTH);
	h->intake_link = call_pair_add(h->access, &intake, ROLE_INTAKE);
	house_make_domain(h);
	house_add_account(h, "alice@demo.test");
}

UNUSED static void
house_close(struct house *h)
{
	call_pair_free(h->access);
	call_pair_free(h->inner);
	call_pair_free(h->operator_);
	notes_free(h->intake.notes);
	store_free(h->store);
	board_close(h->board);
	(void)close(h->board_file);
	engine_free(h->engine);
}

/* A message comes in for alice, as mx would bring it. */
UNUSED static void
house_deliver(struct house *h, struct text message)
{
	struct arena a = ARENA_INIT;
	struct buffer content = BUFFER_INIT, packed = BUFFER_INIT;
	struct text to[] = { TEXT("alice@demo.test") };
	struct mime_summary s;
	struct store_deliver_request req = { .op = random_u64(),
		.id = TEXT("test"),
		.sender = TEXT("sender@example.org"),
		.recipients = { to, 1 },
		.size = message.len,
		.received = clock_wall() / CLOCK_SECOND };
	struct store_deliver_reply reply;

	mime_parse(message, NULL, &a, &s);
	mime_summary_pack(&s, &packed);
	content_pack(TEXT_EMPTY, message, s.header_len, &content);
	req.summary = buffer_text(&packed);
	req.content = PAYLOAD_OF(buffer_text(&content));
	CHECK(store_deliver(h->intake_calls, &req, &a, &reply, NULL) == STATUS_OK);
	CHECK(reply.verdicts.count == 1 && reply.verdicts.at[0] == STATUS_OK);
	buffer_done(&content);
	buffer_done(&packed);
	arena_done(&a);
}

/* ---- a session on a memory stream ---- */

struct talk {
	struct session *s;
	struct buffer out;
	enum next next;
};

/* Runs the protocol's first step; the server is set by the caller before. */
UNUSED static struct session *
talk_begin(struct talk *t, const struct session_class *class, const struct listener *l)
{
	struct session *s = mem_new(class->size);

	*t = (struct talk){ .s = s };
	s->magic = SESSION_MAGIC;
	s->class = class;
	s->listener = l;
	s->id = 1;
	stream_init_memory(&s->stream, TEXT_EMPTY, &t->out);
	return s;
}

/* The client says this, and the session acts until it wants more; gives what
 * it answered, good until the next call. */
UNUSED static const char *
talk_run(struct talk *t, struct text in, enum wake why)
{
	buffer_clear(&t->out);
	t->s->stream.memory_in = in;
	t->s->stream.broken = STATUS_OK;
	t->s->stream.ended = false;
	t->next = t->s->class->run(t->s, why);
	(void)stream_flush(&t->s->stream);
	return buffer_string(&t->out);
}

UNUSED static const char *
talk_say(struct talk *t, const char *words)
{
	return talk_run(t, text_of(words), WAKE_INPUT);
}

UNUSED static void
talk_end(struct talk *t)
{
	if (t->s->class->done != NULL)
		t->s->class->done(t->s);
	stream_done(&t->s->stream);
	buffer_done(&t->out);
	mem_free(t->s);
}

#endif
