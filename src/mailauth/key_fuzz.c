/* SPDX-License-Identifier: ISC */
/* Any bytes as a key record: a key that is taken is of the sizes that are
 * promised, and says no to a signature of nothing. */
#include "mailauth/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t digest[DIGEST_LENGTH];
	struct arena a = ARENA_INIT;
	struct dkim_public key;
	const char *why = "";

	if (dkim_record_parse((struct text){ (const char *)data, size }, &a, &key, &why) ==
	    STATUS_OK) {
		CHECK(key.revoked || (key.bits >= 256 && key.bits <= DKIM_RSA_BITS_MAX));
		CHECK(!dkim_public_verify(&key, digest, TEXT("no signature")));
	} else {
		CHECK(why != NULL && *why != '\0');
	}
	arena_done(&a);
	return 0;
}
