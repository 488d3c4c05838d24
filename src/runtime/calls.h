/* SPDX-License-Identifier: ISC */
/*
 * Calls: how roles talk. A call table (store/calls.h and others) lists every
 * call once: name, request fields, reply fields, the roles that may use it.
 * The macros below make the structs, the encoders, the client functions and
 * the server's dispatch from it. What arrives is bounds-checked like anything
 * from outside, and fuzzed; a request of a role that its row does not name is
 * answered DENIED before it is decoded.
 *
 * A frame: be32 length of what follows, u8 kind, u8 number of descriptors,
 * u16 call, u64 id, u8 status, then the fields one after the other in the
 * order of the table (varints, texts with a varint length, payloads as 0 +
 * text or 1 + length with the memfd beside the frame). A reply whose status is
 * not OK carries the two texts of the failure instead of fields, and a
 * payload in it is refused. No frame is longer than 2 MiB.
 */
#ifndef RUNTIME_CALLS_H
#define RUNTIME_CALLS_H

#include <stddef.h>

#include "base/arena.h"
#include "base/runs.h"
#include "runtime/payload.h"
#include "runtime/roles.h"

#define CALL_FRAME_MAX (2u << 20)
#define CALL_PIECE_MAX (1u << 20) /* a streamed reply's piece */

struct texts {
	struct text *at;
	uint32_t count;
};

struct numbers {
	uint64_t *at;
	uint32_t count;
};

/* Field types: F(U64, size) makes "uint64_t size". What a decoded record
 * points at belongs to its arena or frame: a RUNS of it is read only (copy it
 * with runs_copy to change it, and never runs_done it). */
#define CALL_FIELD_TYPES(X)        \
	X(U64, uint64_t)           \
	X(I64, int64_t)            \
	X(TEXT, struct text)       \
	X(TEXTS, struct texts)     \
	X(NUMBERS, struct numbers) \
	X(RUNS, struct runs)       \
	X(PAYLOAD, struct payload)

enum call_field_type {
#define X(name, type) CALL_##name,
	CALL_FIELD_TYPES(X)
#undef X
};
#define CALL_TYPE_U64 uint64_t
#define CALL_TYPE_I64 int64_t
#define CALL_TYPE_TEXT struct text
#define CALL_TYPE_TEXTS struct texts
#define CALL_TYPE_NUMBERS struct numbers
#define CALL_TYPE_RUNS struct runs
#define CALL_TYPE_PAYLOAD struct payload

struct call_field {
	const char *name;
	enum call_field_type type;
	size_t offset;
};

enum call_flag {
	/* May be sent again after the link broke: it reads, or its request names
	 * an op that the server remembers. Others then give AMBIGUOUS. */
	CALL_AGAIN = 1,
	/* The server answers any number of times until either side ends it. */
	CALL_STREAM = 2,
	/* The handler runs on the thread that reads the link: it takes a few
	 * microseconds and waits for nothing, or hands on (call_hand_on). */
	CALL_QUICK = 4,
	/* The handler runs on the thread that reads the link if the request came
	 * alone and without descriptors: it takes a fraction of a millisecond,
	 * waits for no peer, and steps aside from what is longer
	 * (call_step_aside). Requests that come together go to the pool. */
	CALL_SHORT = 8,
};

/* One row, ready for use. */
struct call {
	const char *name; /* "store.deliver" */
	enum role server;
	uint16_t number;  /* (table << 8) + row */
	unsigned allowed; /* enum role_bit, or-ed */
	unsigned flags;	  /* enum call_flag */
	const struct call_field *request;
	size_t request_count, request_size;
	const struct call_field *reply;
	size_t reply_count, reply_size;
};

/* The tables: name, number (for ever; 6 is kept for scan),
 * folder. A test of the folder role walks all that stand here. */
#define CALL_TABLES(X)                  \
	X(RUNTIME, 1, runtime)          \
	X(STORE, 2, store)              \
	X(AUTH, 3, auth)                \
	X(INTAKE, 4, intake)            \
	X(LOOKUP, 5, lookup)            \
	X(QUEUE, 7, queue)              \
	X(SUBMISSION, 8, submission)    \
	X(TRACE, 9, trace)              \
	X(QUEUE_ADMIN, 10, queue_admin) \
	X(LIMITS, 11, limits)           \
	X(TLS_REPORT, 12, tls_report)   \
	X(OUTBOUND, 13, outbound)

enum call_table {
#define X(name, number, folder) CALLS_##name = (number),
	CALL_TABLES(X)
#undef X
};

/* All links of this process; made by role start-up. Any thread may call. */
struct calls;
struct call;

/* Sends the request and waits for the reply, whose texts and payloads live in
 * the arena. Where several instances of the server role run, the least busy
 * one is taken. UNAVAILABLE: the server is away and did not come back within
 * call.patience; TIMEOUT: no answer within call.timeout; AMBIGUOUS as above;
 * CORRUPT: the reply does not decode. f may be NULL. */
enum status call_do(struct calls *c, const struct call *call, const void *request, struct arena *a,
    void *reply, struct failure *f) MUST_CHECK;

#define CALLS_ANY_INSTANCE UINT32_MAX

/* The same, of this instance of the role; if that is not there, or goes away
 * before it answers, of any. */
enum status call_do_at(struct calls *c, unsigned instance, const struct call *call,
    const void *request, struct arena *a, void *reply, struct failure *f) MUST_CHECK;

/* An instance of the role that has little to do, for calls that had better go to
 * the same one; 0 while there is none. */
unsigned calls_instance(struct calls *c, enum role to);

/* A call under way, of CALL_AGAIN calls only: call_begin sends the request,
 * call_finish waits for the reply as call_do does, with the same request if it
 * must be sent again, and call_abandon lets it be. One of the two frees it. */
struct call_ahead;
struct call_ahead *call_begin(struct calls *c, const struct call *call, const void *request);
/* The same to this instance alone, for what no other can use: if that is not
 * there, or goes away before it answers, call_finish gives UNAVAILABLE. It never
 * sends again, so its request may be NULL. */
struct call_ahead *call_begin_at(
    struct calls *c, unsigned instance, const struct call *call, const void *request);
enum status call_finish(struct call_ahead *h, const void *request, struct arena *a, void *reply,
    struct failure *f) MUST_CHECK;
void call_abandon(struct call_ahead *h);

/*
 * A table is an X-macro of rows X(name, roles, flags), and for each row two
 * field lists, F(S, TYPE, field) each, where a list may be empty:
 *
 *	#define store_rcpt_REQUEST(F, S) F(S, TEXT, address) F(S, U64, size)
 *	#define store_rcpt_REPLY(F, S) F(S, U64, account)
 *	#define STORE_CALLS(X) X(store_rcpt, BY_MX | BY_INTAKE, CALL_AGAIN)
 *	CALLS_DECLARE(store, STORE_CALLS)
 *
 * which makes struct store_rcpt_request and store_rcpt_reply, the client
 * function store_rcpt(calls, &request, arena, &reply, &failure), the row's
 * store_rcpt_call, and store_call_list[] with store_call_count. One .c file
 * has CALLS_DEFINE(store, STORE_CALLS, CALLS_STORE, ROLE_STORE).
 */
#define CALL_MEMBER_(S, type, field) CALL_TYPE_##type field;
#define CALL_FIELD_(S, type, field) { #field, CALL_##type, offsetof(struct S, field) },
#define CALL_ROW_(name, roles, flags) name##_row,
#define CALL_DECLARE_(name, roles, flags)                                                      \
	struct name##_request {                                                                \
		uint8_t none_;                                                                 \
		name##_REQUEST(CALL_MEMBER_, )                                                 \
	};                                                                                     \
	struct name##_reply {                                                                  \
		uint8_t none_;                                                                 \
		name##_REPLY(CALL_MEMBER_, )                                                   \
	};                                                                                     \
	extern const struct call name##_call;                                                  \
	static inline MUST_CHECK enum status name(struct calls *c,                             \
	    const struct name##_request *request, struct arena *a, struct name##_reply *reply, \
	    struct failure *f)                                                                 \
	{                                                                                      \
		return call_do(c, &name##_call, request, a, reply, f);                         \
	}
#define CALLS_DECLARE(folder, LIST)                                    \
	enum folder##_call_row{ LIST(CALL_ROW_) folder##_call_count }; \
	LIST(CALL_DECLARE_)                                            \
	extern const struct call *const folder##_call_list[];

#define CALL_DEFINE_(row, roles, call_flags)                                             \
	static const struct call_field row##_request_fields[] = { { NULL, CALL_U64, 0 }, \
		row##_REQUEST(CALL_FIELD_, row##_request) };                             \
	static const struct call_field row##_reply_fields[] = { { NULL, CALL_U64, 0 },   \
		row##_REPLY(CALL_FIELD_, row##_reply) };                                 \
	const struct call row##_call = {                                                 \
		.name = #row,                                                            \
		.server = (enum role)calls_server_,                                      \
		.number = (uint16_t)(calls_table_ << 8 | row##_row),                     \
		.allowed = (roles),                                                      \
		.flags = (call_flags),                                                   \
		.request = row##_request_fields + 1,                                     \
		.request_count = ARRAY_LEN(row##_request_fields) - 1,                    \
		.request_size = sizeof(struct row##_request),                            \
		.reply = row##_reply_fields + 1,                                         \
		.reply_count = ARRAY_LEN(row##_reply_fields) - 1,                        \
		.reply_size = sizeof(struct row##_reply),                                \
	};
#define CALL_LIST_(name, roles, flags) &name##_call,
#define CALLS_DEFINE(folder, LIST, table, role)                  \
	enum { calls_table_ = (table), calls_server_ = (role) }; \
	LIST(CALL_DEFINE_)                                       \
	const struct call *const folder##_call_list[] = { LIST(CALL_LIST_) NULL };

/* ---- client side ---- */

/* Opens a CALL_STREAM call. fn is called by who reads the link for each answer
 * (status OK) and once at the end (another status; reply NULL), after which
 * the caller may open it again; it must not block or make calls. */
typedef void (*call_stream_fn)(void *arg, enum status s, const void *reply);
enum status call_stream(struct calls *c, const struct call *call, const void *request,
    call_stream_fn fn, void *arg) MUST_CHECK;

/* A call whose answer nobody waits for: sends the request and returns; fn is
 * called once, by who reads the link, with the reply (which lives until fn
 * returns) or with the failure. It must not block or make calls. CLOSED: the
 * link was lost, and whether the server has the request is not known; who may
 * ask again does it with call_do, on a thread that may wait. There is no
 * time-out: this is for who serves a call itself, whose caller has one. Not OK
 * (UNAVAILABLE: no link at this moment): nothing was sent, fn is not called. */
typedef void (*call_reply_fn)(void *arg, enum status s, const void *reply, const struct failure *f);
enum status call_post(struct calls *c, const struct call *call, const void *request,
    call_reply_fn fn, void *arg) MUST_CHECK;

/* ---- server side ---- */

/* A request in hand. Belongs to the handler until it is answered, from any
 * thread and exactly once (a stream: any number of times, then call_end). */
struct call_in;

typedef void (*call_handler)(struct call_in *in, const void *request, void *context);

struct call_row {
	const struct call *call;
	call_handler handle;
};

/* Memory of the request, freed when it is answered. */
struct arena *call_arena(struct call_in *in);
/* Who asks: the role, and a number of the link that is unique in this process
 * (a restarted peer has a new one). */
enum role call_peer(const struct call_in *in);
uint64_t call_link(const struct call_in *in);
/* False: the link broke, and `lost` was called or will be. What a handler keeps
 * for a link must be kept under a lock that `lost` takes too, and only while
 * this is true, else it stays for ever. */
bool call_link_alive(const struct call_in *in);
/* Answer. The reply is encoded at once; sending is batched per link. */
void call_reply(struct call_in *in, const void *reply);
void call_fail(struct call_in *in, enum status s, const struct failure *f);
/* As call_fail with these texts (see fail()). */
void call_refuse(struct call_in *in, enum status s, const char *client, const char *log, ...)
    PRINTF_LIKE(4, 5);
/* Has this function take the request up, from the beginning, on a thread of
 * the pool; from any thread. What hangs on the arena stays. */
void call_hand_on(struct call_in *in, call_handler taker);
/* Whether the handler runs on the thread that reads the link (CALL_SHORT). */
bool call_by_reader(const struct call_in *in);
/* If it does, has it run again, from the beginning, on a thread of the pool: true,
 * and in is not its any more. */
bool call_step_aside(struct call_in *in) MUST_CHECK;
/* One more answer of a stream; false when the peer is gone: call call_end. */
bool call_push(struct call_in *in, const void *reply) MUST_CHECK;
void call_end(struct call_in *in, enum status s);
/* Between these, answers on all links are held back and sent with one write a
 * link: for a thread that completes many calls at once. Pairs may be nested. */
void call_answers_hold(void);
void call_answers_send(void);

/* Called for every link that broke, on its thread, after its streams ended:
 * to drop locks and watches that belonged to it. */
typedef void (*call_link_lost)(uint64_t link, enum role peer, void *context);

struct call_server_config {
	const struct call_row *rows;
	size_t row_count;
	void *context;		/* given to handlers */
	call_link_lost lost;	/* or NULL */
	unsigned threads;	/* that run handlers */
	bool cooperative;	/* of them, see runtime/pool.h */
	unsigned in_flight_max; /* requests of one link that are unanswered; 0: 4,096 */
};

/* ---- encoding, for tests and the fuzzer ---- */

/* Appends the fields; descriptors of payloads (sealed memfds, copies that the
 * caller closes) go to fds[]. LIMIT when the result would exceed
 * CALL_FRAME_MAX or more than four descriptors; UNAVAILABLE when the system
 * has no descriptor or memory for a payload. */
enum status call_encode(const struct call_field *fields, size_t count, const void *record,
    struct buffer *out, int fds[4], unsigned *fd_count) MUST_CHECK;
/* Fills record (zeroed first); its texts are views of bytes. Takes all fds,
 * whatever it returns. INVALID for bytes that are no such record. */
enum status call_decode(const struct call_field *fields, size_t count, size_t size,
    struct text bytes, const int *fds, unsigned fd_count, struct arena *a, void *record) MUST_CHECK;

#endif
