/* SPDX-License-Identifier: ISC */
/* Any bytes as a message with ARC sets: a verdict with words, and a seal on
 * top of whatever chain may be sealed, which is then found again. */
#include "mailauth/arc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct dkim_how how = { DKIM_RSA_SHA256, { "hop.example", 11 }, { "s", 1 }, 1528637909,
	SIGNATURE_NO_TIME };

static void
check(struct signed_message *m, struct text header, struct text body, struct arena *a,
    struct arc_check *c)
{
	const struct text record =
	    TEXT("k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
	uint32_t keys;

	signed_message_init(m, header, a);
	dkim_sign_want(m);
	arc_check_begin(c, m);
	signed_message_body(m, body);
	signed_message_end(m);
	keys = c->keys;
	CHECK(keys <= ARC_SETS_MAX + 1 && (keys == 0) == (c->result == ARC_FAIL || c->count == 0));
	for (uint32_t i = 0; i < keys; i++)
		arc_check_key(c, i, STATUS_OK, &record, 1);
	CHECK((c->result == ARC_FAIL) == (*c->why != '\0'));
	CHECK(c->count == 0 || c->result != ARC_NONE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text whole = { (const char *)data, size }, header, body;
	size_t split = text_find(whole, TEXT("\r\n\r\n"), 0);
	struct buffer fields = BUFFER_INIT;
	struct arena a = ARENA_INIT;
	struct signed_message m, again;
	struct arc_check c, sealed;
	struct arc_seal s;

	header = text_part(whole, 0, split + 2);
	body = text_part(whole, split + 4, whole.len);
	check(&m, header, body, &a, &c);
	if (arc_seal_begin(&s, &m, &c, &how, TEXT("mx; none"), &a) == STATUS_OK) {
		arc_seal_next(&s, TEXT("one"));
		arc_seal_finish(&s, TEXT("two"), &fields);
		buffer_add_text(&fields, header);
		check(&again, buffer_text(&fields), body, &a, &sealed);
		CHECK(sealed.count >= s.instance);
	}
	buffer_done(&fields);
	arena_done(&a);
	return 0;
}
