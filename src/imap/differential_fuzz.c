/* SPDX-License-Identifier: ISC */
/* Random valid FETCH and SEARCH commands over messages of odd shape are
 * answered as a naive reading of the same octets says (testing_random.h). */
#include "base/fuzz_threads.h"
#include "base/log.h"
#include "imap/testing_random_fetch.h"
#include "imap/testing_random_search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct random_talk r;

	log_set_fd(-1);
	if (r.server == NULL)
		random_begin(&r);
	random_reset(&r);
	r.data = data;
	r.size = size;
	r.pos = 0;
	r.rev2 = random_pick(&r, 2) == 1;
	while (random_left(&r)) {
		if (random_pick(&r, 2) == 1)
			random_fetch(&r);
		else
			random_search(&r);
	}
	return 0;
}
