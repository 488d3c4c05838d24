/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the PROXY header: what is read is the same however the input is cut,
 * and never more than the limit is waited for.
 */
#include "runtime/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text in = { (const char *)data, size };
	struct proxy_header h;
	enum status st;
	size_t used = 0;

	st = proxy_parse(in, &h, &used);
	CHECK(st == STATUS_OK || st == STATUS_AGAIN || st == STATUS_INVALID);
	CHECK(st != STATUS_AGAIN || size < PROXY_HEADER_MAX);
	if (st != STATUS_OK)
		return 0;
	CHECK(used <= size && used <= PROXY_HEADER_MAX);
	CHECK(h.own || h.peer.ss_family == AF_INET || h.peer.ss_family == AF_INET6);
	CHECK(h.own || h.peer.ss_family == h.local.ss_family);
	for (size_t n = 0; n < used; n++)
		CHECK(proxy_parse(text_part(in, 0, n), &h, &used) == STATUS_AGAIN);
	return 0;
}
