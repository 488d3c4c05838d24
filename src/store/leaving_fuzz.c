/* SPDX-License-Identifier: ISC */
/* Any bytes as a row of places that messages left: it is taken whole, within
 * its bound, or refused without a trace. */
#include "store/keys.h"
#include "store/leaving.h"

#define KEY_OCTETS (1 + 8 + 4 + 4)
#define PLACES_MOST 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text all = { (const char *)data, size };
	size_t cut = size < KEY_OCTETS ? size : KEY_OCTETS;
	struct leavings l = { .count = 0 };
	struct arena a = ARENA_INIT;

	leaving_add(&l, &a, 1, (struct place){ 2, 3 });
	if (leaving_unpack(text_part(all, 0, cut), text_part(all, cut, size), &a, &l) == STATUS_OK)
		CHECK(l.count >= 2 && l.count <= 1 + PLACES_MOST &&
		      l.at[1].at.mailbox == l.at[l.count - 1].at.mailbox);
	else
		CHECK(l.count == 1);
	CHECK(l.at[0].email == 1 && l.at[0].at.uid == 3);
	arena_done(&a);
	return 0;
}
