/* SPDX-License-Identifier: ISC */
/*
 * See intake/notes.h. The file is an array of slots {op, crashes so far}. A
 * slot is taken by its op, so that the order of writes is: op, then the count,
 * then the parse; and after it the op is cleared. States of a slot:
 *   op 0            free
 *   op, count 1     in hand for the first time, or left by one crash
 *   op, count 2     in hand alone, or left by two crashes: poison
 * Slots whose message never comes back are taken over in turn.
 */
#include "intake/notes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/status.h"

struct slot {
	_Atomic uint64_t op;
	_Atomic uint64_t count;
};

#define SLOTS (NOTES_FILE_SIZE / sizeof(struct slot))

struct notes {
	struct slot *slots;
	/* Read: parsing among others. Write: parsing a suspect, alone. */
	pthread_rwlock_t parsing;
	_Atomic uint32_t turn; /* where the search for a slot goes on */
};

struct notes *
notes_new(int fd)
{
	struct notes *n = MEM_NEW(struct notes);
	void *map = MAP_FAILED;

	if (fd >= 0)
		map = mmap(NULL, NOTES_FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		map = mmap(NULL, NOTES_FILE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		die("no memory for %d octets of notes", NOTES_FILE_SIZE);
	n->slots = map;
	(void)pthread_rwlock_init(&n->parsing, NULL);
	return n;
}

void
notes_free(struct notes *n)
{
	if (n == NULL)
		return;
	(void)munmap(n->slots, NOTES_FILE_SIZE);
	(void)pthread_rwlock_destroy(&n->parsing);
	mem_free(n);
}

static int
find(const struct notes *n, uint64_t op)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (atomic_load_explicit(&n->slots[i].op, memory_order_relaxed) == op)
			return (int)i;
	return -1;
}

/* A free slot, or else the one whose turn it is to be forgotten. */
static int
take_slot(struct notes *n, uint64_t op)
{
	for (size_t i = 0; i < SLOTS; i++) {
		size_t at = atomic_fetch_add(&n->turn, 1) % SLOTS;
		uint64_t free_op = 0;

		if (atomic_compare_exchange_strong(&n->slots[at].op, &free_op, op))
			return (int)at;
	}
	size_t at = atomic_fetch_add(&n->turn, 1) % SLOTS;

	atomic_store(&n->slots[at].count, 0);
	atomic_store(&n->slots[at].op, op);
	return (int)at;
}

enum notes_verdict
notes_begin(struct notes *n, uint64_t op, struct notes_hold *hold)
{
	*hold = (struct notes_hold){ .slot = -1 };
	if (op != 0)
		hold->slot = find(n, op);
	if (hold->slot >= 0 && atomic_load(&n->slots[hold->slot].count) >= 2)
		return NOTES_POISON;
	if (hold->slot >= 0) {
		hold->alone = true;
		(void)pthread_rwlock_wrlock(&n->parsing);
		atomic_store(&n->slots[hold->slot].count, 2);
		return NOTES_CLEAN;
	}
	(void)pthread_rwlock_rdlock(&n->parsing);
	if (op != 0) {
		hold->slot = take_slot(n, op);
		atomic_store(&n->slots[hold->slot].count, 1);
	}
	return NOTES_CLEAN;
}

void
notes_end(struct notes *n, const struct notes_hold *hold)
{
	if (hold->slot >= 0) {
		atomic_store(&n->slots[hold->slot].count, 0);
		atomic_store(&n->slots[hold->slot].op, 0);
	}
	(void)pthread_rwlock_unlock(&n->parsing);
}
