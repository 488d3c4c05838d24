/* SPDX-License-Identifier: ISC */
/*
 * load-queue DIR RECIPIENTS [GIVEN]: fills the queue of a new store in the
 * folder with so many recipients, then gives 5,000 of them (or GIVEN) away as
 * outbound would, starts the store again, and gives as many. Prints as JSON what
 * each part costs, so that a queue of 1,000,000 can be held against one of
 * 10,000. With GIVEN 0 it fills the queue and no more, with mail that is to be
 * sent in an hour: for tests of what looks at a queue.
 *
 * A message has ten recipients at ten of 1,000 destinations: ten runs.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "auth/token.h"
#include "base/log.h"
#include "base/random.h"
#include "codec/json.h"
#include "codec/trace_id.h"
#include "mime/summary.h"
#include "runtime/role.h"
#include "runtime/settings.h"
#include "store/calls.h"
#include "store/content.h"
#include "store/engine.h"
#include "store/queue_admin_calls.h"
#include "store/schedule.h"
#include "store/store.h"
#include "store/submission_calls.h"

#define TOKEN_KEY TEXT("0123456789abcdef0123456789abcdef")
#define THREADS 8u
#define EACH 10u /* recipients of a message */
#define DESTINATIONS 1000u
#define SENDERS 100u
#define GIVEN 5000u /* unless said otherwise */

struct bench {
	struct engine *engine;
	struct store *store;
	struct call_pair *pair[3];
	struct calls *intake, *outbound, *admin;
	struct arena arena;
	struct text summary, content;
	struct text token[SENDERS];
	uint64_t size;
	int64_t not_before; /* seconds */
	struct buffer text;
	struct json json;
	_Atomic uint64_t next, until; /* recipients */
};

struct moment {
	int64_t wall, cpu; /* microseconds */
};

static struct moment
moment(void)
{
	struct rusage u;

	CHECK(getrusage(RUSAGE_SELF, &u) == 0);
	return (
	    struct moment){ clock_mono(), (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * CLOCK_SECOND +
					      u.ru_utime.tv_usec + u.ru_stime.tv_usec };
}

/* Octets of this process that are in memory and no file's. */
static double
memory(void)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");
	double kib = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "RssAnon: %lf kB", &kib) == 1)
			break;
	if (f != NULL)
		(void)fclose(f);
	return kib * 1024;
}

static void
die_of(enum status s, const char *what)
{
	fprintf(stderr, "load-queue: %s: %s\n", what, status_word(s));
	exit(1);
}

/* "name_us": of the processor, each; "name_rate": a second. */
static void
tell(struct bench *b, const char *what, uint64_t n, struct moment from)
{
	struct moment now = moment();
	double cpu = (double)(now.cpu - from.cpu), wall = (double)(now.wall - from.wall);

	if (n == 0)
		return;
	json_key(&b->json, arena_string(&b->arena, arena_printf(&b->arena, "%s_us", what)));
	json_double(&b->json, cpu / (double)n);
	json_key(&b->json, arena_string(&b->arena, arena_printf(&b->arena, "%s_rate", what)));
	json_double(&b->json, (double)n * 1e6 / wall);
}

/* ---- the store ---- */

static void
start(struct bench *b)
{
	struct store_config config = { .token_key = TOKEN_KEY, .threads = 2, .untended = true };
	struct call_server_config server = { .threads = 4 };
	struct queue_resume_request hello = { .none_ = 0 };
	struct queue_resume_reply reply;
	struct failure f = { 0 };
	enum status s = store_new(b->engine, &config, &b->store, &f);

	if (s != STATUS_OK)
		die_of(s, f.log);
	store_serve(b->store, &server);
	b->pair[0] = call_pair_new(ROLE_INTAKE, &server, ROLE_STORE, &b->intake);
	b->pair[1] = call_pair_new(ROLE_OUTBOUND, &server, ROLE_STORE, &b->outbound);
	b->pair[2] = call_pair_new(ROLE_ADMIN, &server, ROLE_STORE, &b->admin);
	s = queue_resume(b->outbound, &hello, &b->arena, &reply, &f);
	if (s != STATUS_OK)
		die_of(s, "queue_resume");
}

static void
stop(struct bench *b)
{
	store_settle(b->store);
	for (size_t i = 0; i < ARRAY_LEN(b->pair); i++)
		call_pair_free(b->pair[i]);
	store_free(b->store);
}

/* A message of about 2 KB, as intake hands it on. */
static void
make_message(struct bench *b)
{
	struct buffer raw = BUFFER_INIT, out = BUFFER_INIT;
	struct mime_summary s;

	buffer_add_string(&raw, "From: a@example.org\r\nSubject: news\r\n"
				"Message-ID: <one@example.org>\r\n\r\n");
	while (raw.len < 2000)
		buffer_addf(&raw, "%016llx and so on.\r\n", (unsigned long long)random_u64());
	b->size = raw.len;
	mime_parse(buffer_text(&raw), NULL, &b->arena, &s);
	mime_summary_pack(&s, &out);
	b->summary = arena_copy(&b->arena, buffer_text(&out));
	buffer_clear(&out);
	content_pack(TEXT_EMPTY, buffer_text(&raw), s.header_len, &out);
	b->content = arena_copy(&b->arena, buffer_text(&out));
	buffer_done(&out);
	buffer_done(&raw);
}

/* ---- who sends ---- */

static struct text
sender_of(struct arena *a, uint64_t i)
{
	return arena_printf(a, "sender%llu@example.com", (unsigned long long)i);
}

static void
make_senders(struct bench *b)
{
	struct store_domain_add_request domain = { .name = TEXT("example.com") };
	struct store_domain_add_reply none;
	struct failure f = { 0 };
	enum status s = store_domain_add(b->admin, &domain, &b->arena, &none, &f);

	for (uint64_t i = 0; s == STATUS_OK && i < SENDERS; i++) {
		struct store_account_add_request q = { .address = sender_of(&b->arena, i),
			.verifier = TEXT("none") };
		struct token t = { .generation = 1,
			.scope = SCOPE_SEND,
			.expires = clock_wall() / CLOCK_SECOND + 86400 };
		struct store_account_add_reply reply;
		struct buffer token = BUFFER_INIT;

		s = store_account_add(b->admin, &q, &b->arena, &reply, &f);
		t.account = reply.account;
		token_make(TOKEN_KEY, &t, &token);
		b->token[i] = arena_copy(&b->arena, buffer_text(&token));
		buffer_done(&token);
	}
	if (s != STATUS_OK)
		die_of(s, "an account");
}

/* ---- mail in ---- */

static void
submit(struct bench *b, uint64_t from)
{
	struct arena a = ARENA_INIT;
	struct text address[EACH], orcpt[EACH];
	uint64_t notify[EACH] = { 0 };
	char id[TRACE_ID_LENGTH];
	struct submission_commit_request q = { .token = b->token[from / EACH % SENDERS],
		.op = random_by_time(),
		.received = clock_wall() / CLOCK_SECOND,
		.size = b->size,
		.summary = b->summary,
		.recipients = { address, EACH },
		.orcpts = { orcpt, EACH },
		.notify = { notify, EACH },
		.not_before = b->not_before,
		.content = PAYLOAD_OF(b->content) };
	struct submission_commit_reply reply;
	struct failure f = { 0 };
	enum status s;

	for (uint64_t i = 0; i < EACH; i++) {
		address[i] =
		    arena_printf(&a, "user%llu@d%llu.example", (unsigned long long)(from + i),
			(unsigned long long)((from + i) % DESTINATIONS));
		orcpt[i] = TEXT_EMPTY;
	}
	q.sender = sender_of(&a, from / EACH % SENDERS);
	trace_id_print(q.op, id);
	q.id = (struct text){ id, sizeof(id) };
	s = submission_commit(b->intake, &q, &a, &reply, &f);
	if (s != STATUS_OK)
		die_of(s, "submission_commit");
	arena_done(&a);
}

static void *
submitter(void *arg)
{
	struct bench *b = arg;
	uint64_t from;

	while ((from = atomic_fetch_add(&b->next, EACH)) < b->until)
		submit(b, from);
	return NULL;
}

/* ---- mail out ---- */

static bool
give_one(struct bench *b)
{
	struct arena a = ARENA_INIT;
	struct queue_lease_request ask = { .none_ = 0 };
	struct queue_lease_reply lease;
	struct queue_report_reply reply;
	struct failure f = { 0 };
	enum status s = queue_lease(b->outbound, &ask, &a, &lease, &f);
	uint64_t delivered[SCHEDULE_RUN_MAX] = { 0 }; /* QUEUE_DELIVERED */
	struct text said[SCHEDULE_RUN_MAX];
	bool any;

	if (s != STATUS_OK)
		die_of(s, "queue_lease");
	any = lease.message != 0;
	for (uint32_t i = 0; i < lease.numbers.count; i++)
		said[i] = TEXT("250 2.0.0 taken");
	if (any) {
		struct queue_report_request r = { .op = random_u64(),
			.message = lease.message,
			.first = lease.first,
			.numbers = lease.numbers,
			.outcomes = { delivered, lease.numbers.count },
			.replies = { said, lease.numbers.count },
			.server = TEXT("mx.example") };

		s = queue_report(b->outbound, &r, &a, &reply, &f);
		if (s != STATUS_OK)
			die_of(s, "queue_report");
	}
	arena_done(&a);
	return any;
}

static void *
giver(void *arg)
{
	struct bench *b = arg;

	while (atomic_fetch_add(&b->next, 1) < b->until)
		if (!give_one(b))
			die_of(STATUS_NOT_FOUND, "nothing to give");
	return NULL;
}

/* Recipients from..until, by all threads. */
static void
work(struct bench *b, const char *what, void *(*worker)(void *), uint64_t from, uint64_t until)
{
	struct moment begun = moment();
	pthread_t thread[THREADS];

	b->next = from;
	b->until = until;
	for (size_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&thread[i], NULL, worker, b) == 0);
	for (size_t i = 0; i < THREADS; i++)
		CHECK(pthread_join(thread[i], NULL) == 0);
	tell(b, what, until - from, begun);
}

/* ---- the operator ---- */

static void
look(struct bench *b)
{
	struct queue_admin_list_request first = { .most = 100 };
	struct queue_admin_list_reply list;
	struct queue_admin_show_request one = { .first = 0 };
	struct queue_admin_show_reply shown;
	struct queue_admin_list_request count = { .count_only = 1 };
	uint64_t waiting = 0;
	struct moment begun = moment();
	struct failure f = { 0 };
	enum status s = queue_admin_list(b->admin, &first, &b->arena, &list, &f);

	if (s != STATUS_OK)
		die_of(s, "queue_admin_list");
	tell(b, "list", 1, begun);
	one.message = list.messages.at[0];
	begun = moment();
	s = queue_admin_show(b->admin, &one, &b->arena, &shown, &f);
	if (s != STATUS_OK)
		die_of(s, "queue_admin_show");
	tell(b, "show", 1, begun);
	begun = moment();
	do {
		s = queue_admin_list(b->admin, &count, &b->arena, &list, &f);
		if (s != STATUS_OK)
			die_of(s, "queue_admin_list");
		waiting += list.waiting;
		count.after = list.resume;
	} while (list.resume.len > 0);
	tell(b, "count", waiting, begun);
}

/* As many as there are, of few senders. */
static void
lift_limits(void)
{
	for (unsigned i = SET_SENDING_MESSAGES_HOUR; i <= SET_SENDING_FIRST_DAY; i++)
		CHECK(setting_apply((enum setting)i, TEXT("0")) == STATUS_OK);
}

/* What is done with a queue that is full. */
static void
give(struct bench *b, uint64_t all, uint64_t given)
{
	struct moment begun;
	double before;

	look(b);
	work(b, "dispatch", giver, 0, given);
	stop(b);
	before = memory();
	begun = moment();
	start(b);
	tell(b, "start", all - given, begun);
	json_key(&b->json, "memory_octets");
	json_double(&b->json, (memory() - before) / (double)(all - given));
	work(b, "dispatch_again", giver, 0, given);
	stop(b);
}

int
main(int argc, char **argv)
{
	struct bench b = { .arena = ARENA_INIT };
	struct failure f = { 0 };
	uint64_t all = 0, given = GIVEN;

	if (argc < 3 || argc > 4 || text_to_u64(text_of(argv[2]), &all) != STATUS_OK ||
	    (argc == 4 && text_to_u64(text_of(argv[3]), &given) != STATUS_OK) || all < 2 * given ||
	    all < 10 * EACH) {
		fprintf(stderr, "usage: load-queue DIR RECIPIENTS [GIVEN]\n");
		return 2;
	}
	log_set_fd(-1);
	b.json = json_to(&b.text);
	json_object(&b.json);
	if (engine_rocksdb_open(argv[1], &b.engine, &f) != STATUS_OK)
		die_of(STATUS_IO, f.log);
	make_message(&b);
	b.not_before = given == 0 ? clock_wall() / CLOCK_SECOND + 3600 : 0;
	start(&b);
	lift_limits();
	make_senders(&b);
	work(&b, "enqueue", submitter, 0, all);
	if (given > 0)
		give(&b, all, given);
	else
		stop(&b);
	json_object_end(&b.json);
	printf("%.*s\n", TEXT_ARG(buffer_text(&b.text)));
	buffer_done(&b.text);
	engine_free(b.engine);
	arena_done(&b.arena);
	return 0;
}
