/* SPDX-License-Identifier: ISC */
/*
 * mailstead account add --batch FILE: ADDRESS<TAB>PASSWORD a line, or a ready
 * hash in the place of the password. Some lines are on their way at once, so
 * that all cores make Argon2id hashes and commits are shared; the lines that
 * failed are told one by one and the others stand.
 */
#include <pthread.h>
#include <stdio.h>

#include "base/random.h"
#include "command/account.h"
#include "command/config.h"
#include "store/calls.h"

#define BATCH_FILE_MAX (256u << 20)
#define WORKERS 16
#define FAILURES_SHOWN 20

struct batch {
	struct calls *calls;
	pthread_mutex_t lock; /* of all below */
	struct text rest;
	uint64_t line, added, failed;
};

/* The next line that is not empty; false at the end. */
static bool
next_line(struct batch *b, struct text *out, uint64_t *number)
{
	bool found = false;

	pthread_mutex_lock(&b->lock);
	while (!found && text_split(&b->rest, '\n', out)) {
		*number = ++b->line;
		if (text_ends(*out, TEXT("\r")))
			out->len--;
		found = out->len > 0 && out->ptr[0] != '#';
	}
	pthread_mutex_unlock(&b->lock);
	return found;
}

static bool
is_hash(struct text t)
{
	static const struct text starts[] = { { "$argon2id$", 10 }, { "$y$", 3 }, { "$6$", 3 },
		{ "$2a$", 4 }, { "$2b$", 4 }, { "$2y$", 4 }, { "SCRAM-SHA-256$", 14 } };

	for (size_t i = 0; i < ARRAY_LEN(starts); i++)
		if (text_starts(t, starts[i]))
			return true;
	return false;
}

static enum status
add_line(struct batch *b, struct text line, struct arena *a, struct failure *f)
{
	struct store_account_add_request q = { 0 };
	struct store_account_add_reply r;
	struct auth_verifier_reply v;
	struct text secret = line, none = TEXT_EMPTY;
	enum status s;

	if (!text_split(&secret, '\t', &q.address) || q.address.len == line.len)
		return fail(f, STATUS_INVALID, "no tab between address and password", "no tab");
	s = is_hash(secret) ? account_verifier(b->calls, none, secret, a, &v, f)
			    : account_verifier(b->calls, secret, none, a, &v, f);
	if (s != STATUS_OK)
		return s;
	q.verifier = v.verifier;
	q.has_scram = v.has_scram;
	return store_account_add(b->calls, &q, a, &r, f);
}

static void *
work(void *arg)
{
	struct batch *b = arg;
	struct text line;
	uint64_t number;

	while (next_line(b, &line, &number)) {
		struct arena a = ARENA_INIT;
		struct failure f = { 0 };
		enum status s = add_line(b, line, &a, &f);

		arena_done(&a);
		pthread_mutex_lock(&b->lock);
		if (s == STATUS_OK)
			b->added++;
		else if (b->failed++ < FAILURES_SHOWN)
			refused("line %llu: %s", (unsigned long long)number,
			    f.client[0] != '\0' ? f.client : status_word(s));
		pthread_mutex_unlock(&b->lock);
	}
	return NULL;
}

static int
say_counts(const struct options *o, const struct batch *b)
{
	struct output out = output_of(o);

	out.json = json_to(&out.text);
	if (out.as_json) {
		json_object(&out.json);
		json_key(&out.json, "added");
		json_u64(&out.json, b->added);
		json_key(&out.json, "failed");
		json_u64(&out.json, b->failed);
		json_object_end(&out.json);
	} else {
		buffer_addf(&out.text, "added %llu, failed %llu\n", (unsigned long long)b->added,
		    (unsigned long long)b->failed);
	}
	return output_write(&out);
}

int
account_add_batch(struct instance *i, const struct options *o)
{
	struct batch b = { .calls = i->calls };
	pthread_t threads[WORKERS];
	int code;

	if (file_read(o->batch, BATCH_FILE_MAX, &i->arena, &b.rest, &i->failure) != STATUS_OK)
		return refused("%s", i->failure.client);
	pthread_mutex_init(&b.lock, NULL);
	for (size_t k = 0; k < WORKERS; k++)
		CHECK(pthread_create(&threads[k], NULL, work, &b) == 0);
	for (size_t k = 0; k < WORKERS; k++)
		pthread_join(threads[k], NULL);
	pthread_mutex_destroy(&b.lock);
	code = say_counts(o, &b);
	return code == EXIT_DONE && b.failed > 0 ? EXIT_REFUSED : code;
}
