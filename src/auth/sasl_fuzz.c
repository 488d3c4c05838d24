/* SPDX-License-Identifier: ISC */
/* Any octets to any mechanism, in up to three messages: the first octet
 * chooses the mechanism, 0xff parts the messages. */
#include "auth/sasl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text in = { (const char *)data, size }, said;
	struct buffer out = BUFFER_INIT;
	struct sasl s = { .exporter = TEXT("binding"), .offers_plus = true };
	enum sasl_step step = SASL_CHALLENGE;

	if (size == 0)
		return 0;
	s.mechanism = sasl_at(data[0] % 4);
	in = text_part(in, 1, in.len);
	while (step == SASL_CHALLENGE && text_split(&in, '\xff', &said)) {
		buffer_clear(&out);
		step = s.mechanism->step(&s, said, &out);
		if (step == SASL_LOOKUP) {
			s.verifier = (struct verifier){ .has_scram = true, .iterations = 4096 };
			s.verifier.salt = TEXT("salt");
			step = s.mechanism->proceed(&s, &out);
		}
	}
	CHECK(step != SASL_DONE);
	arena_done(&s.arena);
	buffer_done(&out);
	return 0;
}
