/* SPDX-License-Identifier: ISC */
/*
 * A bench of one engine: threads that deliver as the store does, each delivery
 * a blob and three small rows in one guarded batch, acknowledged when durable.
 * Prints deliveries a second, CPU and device octets of a delivery, and how
 * large the groups were.
 *
 *     engine-bench rocksdb DIR [threads 64] [seconds 5] [blob 4096]
 *     engine-bench memory - ...
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/random.h"
#include "store/engine.h"
#include "store/engine/inbox.h"

#define ACCOUNTS 16 /* of a thread */
#define MOST_THREADS 1024
#define SAMPLES 100000

static struct {
	struct engine *engine;
	_Atomic bool stop;
	size_t blob;
	char *noise; /* what blobs are cut from */
} bench;

#define NOISE ((size_t)8 << 20)

struct sender {
	pthread_t thread;
	uint64_t first_account, count;
	uint32_t *took; /* microseconds */
};

static void
number(char *to, size_t n, uint64_t value)
{
	for (size_t i = n; i-- > 0; value >>= 8)
		to[i] = (char)value;
}

/* The rows of the store's model: a mailbox entry, a message, a change. */
static void
add_rows(struct engine_batch *b, uint64_t n)
{
	char key[16] = "u", value[300] = "";

	number(key + 1, 8, n);
	engine_put(b, (struct text){ key, 9 }, (struct text){ value, 40 });
	key[0] = 'e';
	memcpy(value, bench.noise + n % 4096, sizeof(value) / 2);
	engine_put(b, (struct text){ key, 9 }, (struct text){ value, sizeof(value) });
	key[0] = 'c';
	engine_put(b, (struct text){ key, 9 }, (struct text){ value, 24 });
}

static void
deliver(uint64_t account, uint64_t n, uint64_t version)
{
	struct engine_batch b;
	struct blob_id id;
	enum status s;

	number((char *)id.byte, 8, UINT64_C(0x1234567890abcdef));
	number((char *)id.byte + 8, 8, account << 40 | n);
	engine_batch_init(&b, (struct entity){ ENTITY_ACCOUNT, account }, version);
	add_rows(&b, n);
	engine_blob_put(
	    &b, id, 0, (struct text){ bench.noise + n * 7919 % (NOISE - bench.blob), bench.blob });
	s = engine_commit_wait(bench.engine, &b);
	if (s != STATUS_OK)
		die("commit: %s", status_word(s));
	engine_batch_done(&b);
}

static void *
send_all(void *arg)
{
	struct sender *s = arg;
	uint64_t version[ACCOUNTS] = { 0 };

	for (size_t i = 0; i < ACCOUNTS; i++)
		if (engine_version(bench.engine,
			(struct entity){ ENTITY_ACCOUNT, s->first_account + i },
			&version[i]) != STATUS_OK)
			die("version");
	while (!atomic_load_explicit(&bench.stop, memory_order_relaxed)) {
		size_t i = s->count % ACCOUNTS;
		int64_t start = inbox_now();

		deliver(s->first_account + i, version[i], version[i]);
		version[i]++;
		s->took[s->count++ % SAMPLES] = (uint32_t)(inbox_now() - start);
	}
	return NULL;
}

static double
cpu_seconds(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static uint64_t
bytes_to_disk(void)
{
	FILE *f = fopen("/proc/self/io", "re");
	unsigned long long n = 0;
	char line[128];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "write_bytes:", 12) == 0)
			n = strtoull(line + 12, NULL, 10);
	if (f != NULL)
		(void)fclose(f);
	return n;
}

static int
by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
print_latency(const struct sender *senders, size_t threads)
{
	size_t n = 0;
	uint32_t *all = mem_array(threads * SAMPLES, sizeof(*all));

	for (size_t i = 0; i < threads; i++)
		for (size_t j = 0; j < senders[i].count && j < SAMPLES; j++)
			all[n++] = senders[i].took[j];
	qsort(all, n, sizeof(*all), by_number);
	if (n > 0)
		printf("latency p50 %u us, p99 %u us\n", all[n / 2], all[n * 99 / 100]);
	mem_free(all);
}

static void
run(size_t threads, int64_t seconds)
{
	static struct sender senders[MOST_THREADS];
	double cpu = cpu_seconds(), delivered = 0, took;
	uint64_t disk = bytes_to_disk();
	int64_t start = inbox_now();
	struct engine_facts facts;
	struct timespec pause = { (time_t)seconds, 0 };

	for (size_t i = 0; i < threads; i++) {
		senders[i].first_account = i * ACCOUNTS;
		senders[i].took = mem_array(SAMPLES, sizeof(uint32_t));
		CHECK(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]) == 0);
	}
	(void)nanosleep(&pause, NULL);
	atomic_store(&bench.stop, true);
	for (size_t i = 0; i < threads; i++) {
		CHECK(pthread_join(senders[i].thread, NULL) == 0);
		delivered += (double)senders[i].count;
	}
	took = (double)(inbox_now() - start) / 1e6;
	engine_facts_of(bench.engine, &facts);
	printf("%.0f deliveries/s, %.1f us CPU each, %.1f a group, %.0f octets to disk each\n",
	    delivered / took, (cpu_seconds() - cpu) * 1e6 / delivered,
	    (double)facts.commits / (double)facts.groups,
	    (double)(bytes_to_disk() - disk) / delivered);
	print_latency(senders, threads);
}

static size_t
argument(int argc, char **argv, int i, size_t otherwise, size_t most)
{
	size_t n = argc > i ? strtoul(argv[i], NULL, 10) : otherwise;

	return n < 1 ? 1 : n > most ? most : n;
}

int
main(int argc, char **argv)
{
	struct failure f;

	if (argc < 3) {
		(void)fprintf(
		    stderr, "usage: engine-bench rocksdb|memory DIR [threads] [seconds] [blob]\n");
		return 2;
	}
	bench.blob = argument(argc, argv, 5, 4096, (size_t)1 << 20);
	bench.noise = mem_new(NOISE);
	random_bytes(bench.noise, NOISE);
	if (strcmp(argv[1], "memory") == 0)
		bench.engine = engine_memory_new();
	else if (engine_rocksdb_open(argv[2], &bench.engine, &f) != STATUS_OK)
		die("%s", f.log);
	run(argument(argc, argv, 3, 64, MOST_THREADS), (int64_t)argument(argc, argv, 4, 5, 3600));
	engine_free(bench.engine);
	mem_free(bench.noise);
	return 0;
}
