/* SPDX-License-Identifier: ISC */
/*
 * A column of numbers, one for each message of a hot block (store/hot.h). Where
 * neighbours mostly have the same, which flags and modseqs do after a STORE of a
 * range, it is kept as runs of them: t octets, and in these u8 0 and a v each, or
 * u8 1 and for each run v number, v how many.
 */
#ifndef STORE_COLUMN_H
#define STORE_COLUMN_H

#include "base/pack.h"

#define COLUMN_MOST 256u /* numbers */

void column_pack(struct buffer *out, const uint64_t *at, uint32_t count);
/* Fills in count numbers; anything else than so many leaves u->bad set, and all of
 * them 0. */
void column_unpack(struct unpack *u, uint64_t *at, uint32_t count);
/* The same without the numbers, for a fraction of it. */
void column_skip(struct unpack *u, uint32_t count);

#endif
