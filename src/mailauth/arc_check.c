/* SPDX-License-Identifier: ISC */
/*
 * Validation of ARC chains (RFC 8617 5.2). Anything that is not exactly a
 * chain fails: a set with a part missing, twice, or out of the numbers. Old
 * message signatures may be broken by later hops and are only looked at for
 * their number; seals all have to hold.
 */
#include "mailauth/arc.h"

#include <string.h>

const char *
arc_result_word(enum arc_result r)
{
	static const char *const words[] = { "none", "pass", "fail" };

	return words[r];
}

static void
fail_chain(struct arc_check *c, const char *why)
{
	if (c->result == ARC_FAIL)
		return;
	c->result = ARC_FAIL;
	c->why = why;
	c->keys = 0;
}

/* arc-info (RFC 8617 4.1.1): "i=1;" stands first. 0: it does not. */
static uint32_t
results_instance(struct text field)
{
	struct text value = text_part(field, text_find_byte(field, ':', 0) + 1, field.len);
	struct text spec = text_trim(text_part(value, 0, text_find_byte(value, ';', 0)));
	size_t equals = text_find_byte(spec, '=', 0);
	uint32_t instance;

	if (spec.len == 0 || text_find_byte(value, ';', 0) == value.len ||
	    !text_equal(text_trim(text_part(spec, 0, equals)), TEXT("i")) ||
	    text_to_u32(text_trim(text_part(spec, equals + 1, spec.len)), &instance) != STATUS_OK ||
	    instance > ARC_SETS_MAX)
		return 0;
	return instance;
}

/* The set that instance belongs to; NULL and a failed chain if there is none. */
static struct arc_set *
set_of(struct arc_check *c, struct arena *a, uint32_t instance)
{
	if (instance == 0) {
		fail_chain(c, "a field has no instance");
		return NULL;
	}
	if (c->sets == NULL)
		c->sets = ARENA_ARRAY(a, struct arc_set, ARC_SETS_MAX);
	if (instance > c->count)
		c->count = instance;
	return &c->sets[instance - 1];
}

static void
take_results(struct arc_check *c, struct arena *a, struct text field)
{
	struct arc_set *set = set_of(c, a, results_instance(field));

	if (set == NULL)
		return;
	if (set->results.ptr != NULL)
		fail_chain(c, "a set has results twice");
	set->results = field;
}

static void
take_signature(struct arc_check *c, struct arena *a, enum signature_kind kind, struct text field)
{
	struct signature s;
	const char *why;
	bool good = signature_parse(kind, field, a, &s, &why) == STATUS_OK;
	struct arc_set *set = set_of(c, a, s.instance);

	if (set == NULL)
		return;
	if (kind == SIGNATURE_ARC_SEAL) {
		if (set->has_seal)
			fail_chain(c, "a set has two seals");
		set->has_seal = true;
		set->seal = s;
		set->seal_why = good ? NULL : why;
	} else {
		if (set->has_message)
			fail_chain(c, "a set has two message signatures");
		set->has_message = true;
		set->message = s;
		set->message_why = good ? NULL : why;
	}
}

static void
collect(struct arc_check *c, const struct signed_message *m)
{
	for (uint32_t i = 0; i < m->count && c->result != ARC_FAIL; i++) {
		const struct message_field *f = &m->fields[i];

		if (!text_starts_ci(f->name, TEXT("arc-")))
			continue;
		if (text_equal_ci(f->name, TEXT("arc-authentication-results")))
			take_results(c, m->arena, f->raw);
		else if (text_equal_ci(f->name, TEXT("arc-message-signature")))
			take_signature(c, m->arena, SIGNATURE_ARC_MESSAGE, f->raw);
		else if (text_equal_ci(f->name, TEXT("arc-seal")))
			take_signature(c, m->arena, SIGNATURE_ARC_SEAL, f->raw);
	}
}

/* RFC 8617 5.2 steps 2 and 3 */
static const char *
structure(const struct arc_check *c)
{
	const struct arc_set *newest = &c->sets[c->count - 1];

	if (newest->has_seal && text_equal(newest->seal.chain, TEXT("fail")))
		return "the chain was found broken before";
	for (uint32_t i = 0; i < c->count; i++) {
		const struct arc_set *s = &c->sets[i];

		if (s->results.ptr == NULL || !s->has_message || !s->has_seal)
			return "a set is not whole";
		if (s->seal_why != NULL)
			return s->seal_why;
		if (!text_equal(s->seal.chain, i == 0 ? TEXT("none") : TEXT("pass")))
			return "cv= is not what stands in a chain";
	}
	return newest->message_why;
}

/* Each seal covers all sets up to its own (RFC 8617 5.1.1), so the hash of
 * one begins with that of the one before. */
static void
digest_seals(struct arc_check *c)
{
	struct signature_hash all, one;
	uint8_t unused[DIGEST_LENGTH];

	signature_hash_init(&all);
	for (uint32_t i = 0; i < c->count; i++) {
		struct arc_set *s = &c->sets[i];

		canon_field(&all.sink, CANON_RELAXED, s->results, TEXT_EMPTY, true);
		canon_field(&all.sink, CANON_RELAXED, s->message.field, TEXT_EMPTY, true);
		signature_hash_copy(&one, &all);
		canon_field(&one.sink, CANON_RELAXED, s->seal.field, s->seal.hole, false);
		signature_hash_end(&one, s->seal_digest);
		canon_field(&all.sink, CANON_RELAXED, s->seal.field, TEXT_EMPTY, true);
	}
	signature_hash_end(&all, unused); /* to free it */
}

void
arc_check_begin(struct arc_check *c, struct signed_message *m)
{
	const struct signature *newest;
	const char *why;

	*c = (struct arc_check){ .message = m, .why = "", .hash = MESSAGE_NO_HASH };
	collect(c, m);
	if (c->result == ARC_FAIL || c->count == 0)
		return;
	why = structure(c);
	if (why != NULL) {
		fail_chain(c, why);
		return;
	}
	newest = &c->sets[c->count - 1].message;
	c->hash = signed_message_want(m, newest->body_canon, newest->length);
	if (c->hash == MESSAGE_NO_HASH) {
		fail_chain(c, "too many different body hashes");
		return;
	}
	digest_seals(c);
	c->keys = c->count + 1;
}

/* Number 0 is the newest message signature, then the seals from the first. */
const struct signature *
arc_check_signature(const struct arc_check *c, uint32_t i)
{
	CHECK(i <= c->count);
	return i == 0 ? &c->sets[c->count - 1].message : &c->sets[i - 1].seal;
}

static const char *
body_wrong(const struct arc_check *c, const struct signature *s)
{
	const struct message_hash *body = signed_message_hash(c->message, c->hash);

	if (!body->known)
		return "the body is shorter than was signed";
	return memcmp(body->digest, s->body_hash, DIGEST_LENGTH) == 0 ? NULL
								      : "the body was changed";
}

void
arc_check_key(
    struct arc_check *c, uint32_t i, enum status found, const struct text *records, uint32_t count)
{
	const struct signature *s;
	uint8_t digest[DIGEST_LENGTH];
	struct signature_judgement j;
	const char *why = NULL;

	if (c->keys == 0)
		return;
	s = arc_check_signature(c, i);
	if (i == 0) {
		why = body_wrong(c, s);
		signature_digest(s, c->message, digest);
	} else {
		memcpy(digest, c->sets[i - 1].seal_digest, DIGEST_LENGTH);
	}
	signature_judge(s, digest, found, records, count, c->message->arena, &j);
	if (j.result == DKIM_TEMPERROR)
		c->temporary = true;
	if (j.result != DKIM_PASS)
		why = j.why;
	if (why != NULL) {
		fail_chain(c, why);
		return;
	}
	if (++c->good == c->keys)
		c->result = ARC_PASS;
}
