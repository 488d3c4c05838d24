/* SPDX-License-Identifier: ISC */
/*
 * The dice of the strict memory engine: what befalls each batch, decided from
 * the seed alone, in the order in which batches come. Every batch and every
 * notice draws the same number of times whatever happens to it, so that one
 * knob of struct engine_strictness does not move the others' dice.
 */
#ifndef STORE_ENGINE_STRICT_H
#define STORE_ENGINE_STRICT_H

#include "store/engine.h"

struct dice {
	struct engine_strictness how;
	uint64_t state;	     /* of commits and notices; the writer's own */
	uint64_t read_state; /* of reads; under the engine's lock */
};

enum fate { FATE_GOOD, FATE_FULL, FATE_CONFLICT, FATE_AMBIGUOUS_LOST, FATE_AMBIGUOUS_DONE };
enum notice_fate { NOTICE_IN_TIME, NOTICE_LOST, NOTICE_LATE, NOTICE_DOUBLED };

void dice_init(struct dice *d, const struct engine_strictness *how);
enum fate dice_commit(struct dice *d);
enum notice_fate dice_notice(struct dice *d);
/* Microseconds; 0 when there is no latency. */
int64_t dice_commit_latency(struct dice *d);
int64_t dice_read_latency(struct dice *d);

#endif
