/* SPDX-License-Identifier: ISC */
/* What befalls batches and notices in strict mode; see store/engine/strict.h. */
#include "store/engine/strict.h"

/* splitmix64: any seed is a good one. */
static uint64_t
draw(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static bool
befalls(uint64_t *state, unsigned per_thousand)
{
	return draw(state) % 1000 < per_thousand;
}

void
dice_init(struct dice *d, const struct engine_strictness *how)
{
	*d = (struct dice){ .how = *how, .state = how->seed, .read_state = ~how->seed };
}

enum fate
dice_commit(struct dice *d)
{
	bool full = befalls(&d->state, d->how.full);
	bool conflict = befalls(&d->state, d->how.conflict);
	bool lost = befalls(&d->state, d->how.ambiguous_lost);
	bool done = befalls(&d->state, d->how.ambiguous_done);

	if (full)
		return FATE_FULL;
	if (conflict)
		return FATE_CONFLICT;
	if (lost)
		return FATE_AMBIGUOUS_LOST;
	return done ? FATE_AMBIGUOUS_DONE : FATE_GOOD;
}

/* Of the late ones, every other comes in time as well. */
enum notice_fate
dice_notice(struct dice *d)
{
	bool lost = befalls(&d->state, d->how.notice_lost);
	bool late = befalls(&d->state, d->how.notice_late);
	bool twice = befalls(&d->state, 500);

	if (lost)
		return NOTICE_LOST;
	if (late)
		return twice ? NOTICE_DOUBLED : NOTICE_LATE;
	return NOTICE_IN_TIME;
}

static int64_t
latency(uint64_t *state, int64_t most)
{
	return most <= 0 ? 0 : (int64_t)(draw(state) % ((uint64_t)most + 1));
}

int64_t
dice_commit_latency(struct dice *d)
{
	return latency(&d->state, d->how.latency);
}

int64_t
dice_read_latency(struct dice *d)
{
	return latency(&d->read_state, d->how.latency);
}
