/* SPDX-License-Identifier: ISC */
/*
 * Sealing (RFC 8617 5.1): an ARC set of our own on top of a chain. The seal of
 * a chain that holds covers every set; that of a broken one covers itself
 * alone (RFC 8617 5.1.2).
 */
#include "mailauth/arc.h"

static enum status
may_seal(const struct arc_check *chain)
{
	CHECK(chain->keys == 0 || chain->result == ARC_PASS);
	if (chain->count == 0)
		return STATUS_OK;
	if (chain->sets[chain->count - 1].has_seal &&
	    text_equal(chain->sets[chain->count - 1].seal.chain, TEXT("fail")))
		return STATUS_DENIED;
	return chain->count == ARC_SETS_MAX ? STATUS_LIMIT : STATUS_OK;
}

enum status
arc_seal_begin(struct arc_seal *s, const struct signed_message *m, const struct arc_check *chain,
    const struct dkim_how *how, struct text results, struct arena *a)
{
	enum status st = may_seal(chain);

	if (st != STATUS_OK)
		return st;
	*s = (struct arc_seal){
		.chain = chain, .how = *how, .arena = a, .instance = chain->count + 1
	};
	s->results = arena_printf(a, "ARC-Authentication-Results: i=%u; %.*s\r\n", s->instance,
	    TEXT_ARG(text_trim(results)));
	return dkim_sign_prepare_as(m, how, SIGNATURE_ARC_MESSAGE, s->instance, a, &s->part);
}

static struct text
finished(const struct dkim_prepared *p, struct text signature, struct arena *a)
{
	struct buffer field = BUFFER_INIT;
	struct text t;

	dkim_sign_finish(p, signature, &field);
	t = arena_copy(a, buffer_text(&field));
	buffer_done(&field);
	return t;
}

void
arc_seal_next(struct arc_seal *s, struct text signature)
{
	const struct arc_check *chain = s->chain;
	struct signature_hash h;

	s->message = finished(&s->part, signature, s->arena);
	s->part.field = arena_printf(s->arena,
	    "ARC-Seal: i=%u; a=%.*s; cv=%s;\r\n\td=%.*s; s=%.*s;\r\n\tt=%lld;\r\n\tb=", s->instance,
	    TEXT_ARG(dkim_algorithm_name(s->how.algorithm)), arc_result_word(chain->result),
	    TEXT_ARG(s->how.domain), TEXT_ARG(s->how.selector), (long long)s->how.at);
	signature_hash_init(&h);
	for (uint32_t i = 0; chain->result == ARC_PASS && i < chain->count; i++) {
		const struct arc_set *set = &chain->sets[i];

		canon_field(&h.sink, CANON_RELAXED, set->results, TEXT_EMPTY, true);
		canon_field(&h.sink, CANON_RELAXED, set->message.field, TEXT_EMPTY, true);
		canon_field(&h.sink, CANON_RELAXED, set->seal.field, TEXT_EMPTY, true);
	}
	canon_field(&h.sink, CANON_RELAXED, s->results, TEXT_EMPTY, true);
	canon_field(&h.sink, CANON_RELAXED, s->message, TEXT_EMPTY, true);
	canon_field(&h.sink, CANON_RELAXED, s->part.field, TEXT_EMPTY, false);
	signature_hash_end(&h, s->part.digest);
}

void
arc_seal_finish(const struct arc_seal *s, struct text signature, struct buffer *out)
{
	dkim_sign_finish(&s->part, signature, out);
	buffer_add_text(out, s->message);
	buffer_add_text(out, s->results);
}
