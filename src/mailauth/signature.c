/* SPDX-License-Identifier: ISC */
/* Fields that carry signatures: see mailauth/signature.h. */
#include "mailauth/signature.h"

#include <string.h>

#include "codec/idna.h"
#include "mailauth/tags.h"

#define INSTANCES_MAX 50 /* RFC 8617 4.2.1 */

struct reader {
	const struct tags *tags;
	struct arena *arena;
	struct signature *to;
};

/* Each step reads some tags; it gives NULL, or what is wrong with them, and
 * then has left alone what must not be of that value. */

static const char *
read_version(struct reader *r)
{
	const struct tag *v = tags_get(r->tags, TEXT("v"));

	if (r->to->kind == SIGNATURE_DKIM)
		return v != NULL && text_equal(v->value, TEXT("1")) ? NULL : "v= is not 1";
	/* RFC 8617 4.1.2: the message signature has none. */
	return v == NULL ? NULL : "v= does not belong there";
}

static const char *
read_algorithm(struct reader *r)
{
	const struct tag *a = tags_get(r->tags, TEXT("a"));

	if (a == NULL)
		return "a= is missing";
	return dkim_algorithm_parse(a->value, &r->to->algorithm) == STATUS_OK
		   ? NULL
		   : "the algorithm is unknown or not allowed";
}

static const char *
read_key_place(struct reader *r)
{
	struct buffer name = BUFFER_INIT;
	enum status s;

	r->to->domain = tags_value(r->tags, TEXT("d"));
	r->to->selector = tags_value(r->tags, TEXT("s"));
	if (r->to->domain.len == 0)
		return "d= is missing";
	if (r->to->selector.len == 0)
		return "s= is missing";
	s = signature_key_name(r->to, &name);
	buffer_done(&name);
	return s == STATUS_OK ? NULL : "d= or s= is no domain name";
}

static const char *
read_signature(struct reader *r)
{
	const struct tag *b = tags_get(r->tags, TEXT("b"));

	if (b == NULL)
		return "b= is missing";
	r->to->hole = b->span;
	return tags_base64(b->value, r->arena, &r->to->octets) == STATUS_OK ? NULL
									    : "b= is not base64";
}

static bool
canon_parse(struct text word, enum canon *out)
{
	if (text_equal(word, TEXT("simple")))
		*out = CANON_SIMPLE;
	else if (text_equal(word, TEXT("relaxed")))
		*out = CANON_RELAXED;
	else
		return false;
	return true;
}

/* sig-c-tag (RFC 6376 3.5) */
static const char *
read_canon(struct reader *r)
{
	const struct tag *c = tags_get(r->tags, TEXT("c"));
	size_t slash;

	r->to->header_canon = r->to->body_canon = CANON_SIMPLE;
	if (c == NULL)
		return NULL;
	slash = text_find_byte(c->value, '/', 0);
	if (!canon_parse(text_part(c->value, 0, slash), &r->to->header_canon) ||
	    (slash < c->value.len &&
		!canon_parse(text_part(c->value, slash + 1, c->value.len), &r->to->body_canon)))
		return "the canonicalisation is unknown";
	return NULL;
}

static const char *
read_body_hash(struct reader *r)
{
	const struct tag *bh = tags_get(r->tags, TEXT("bh")), *l = tags_get(r->tags, TEXT("l"));
	struct text raw;

	if (bh == NULL)
		return "bh= is missing";
	if (tags_base64(bh->value, r->arena, &raw) != STATUS_OK || raw.len != DIGEST_LENGTH)
		return "bh= is no hash";
	memcpy(r->to->body_hash, raw.ptr, DIGEST_LENGTH);
	if (l != NULL &&
	    (text_to_u64(l->value, &r->to->length) != STATUS_OK || r->to->length == MESSAGE_WHOLE))
		return "l= is no length";
	return NULL;
}

static const char *
read_names(struct reader *r)
{
	struct text list = tags_value(r->tags, TEXT("h")), name;
	bool from = false;

	if (list.len == 0)
		return "h= is missing";
	r->to->names = ARENA_ARRAY(r->arena, struct text, SIGNATURE_NAMES_MAX);
	while (text_split(&list, ':', &name)) {
		name = text_trim(name);
		if (name.len == 0)
			return "h= names an empty field";
		if (r->to->name_count == SIGNATURE_NAMES_MAX)
			return "h= names too many fields";
		from = from || text_equal_ci(name, TEXT("from"));
		/* RFC 8617 4.1.2 */
		if (r->to->kind == SIGNATURE_ARC_MESSAGE && text_equal_ci(name, TEXT("arc-seal")))
			return "h= names a seal";
		r->to->names[r->to->name_count++] = name;
	}
	return from ? NULL : "h= does not name From"; /* RFC 6376 6.1.1 */
}

static const char *
read_time(struct reader *r, struct text name, int64_t *out)
{
	const struct tag *t = tags_get(r->tags, name);
	uint64_t seconds;

	*out = SIGNATURE_NO_TIME;
	if (t == NULL)
		return NULL;
	if (text_to_u64(t->value, &seconds) != STATUS_OK || t->value.len > 12)
		return "a time is no number"; /* RFC 6376 3.5: up to year 200,000 */
	*out = (int64_t)seconds;
	return NULL;
}

static const char *
read_times(struct reader *r)
{
	const char *why = read_time(r, TEXT("t"), &r->to->signed_at);

	if (why == NULL)
		why = read_time(r, TEXT("x"), &r->to->expires);
	if (why == NULL && r->to->expires != SIGNATURE_NO_TIME &&
	    r->to->signed_at != SIGNATURE_NO_TIME && r->to->expires <= r->to->signed_at)
		why = "it expires before it was made";
	return why;
}

/* i=: an address in the domain or below it (RFC 6376 3.5). */
static const char *
read_identity(struct reader *r)
{
	struct text i = tags_value(r->tags, TEXT("i")), host, d = r->to->domain;

	r->to->identity = i;
	if (tags_get(r->tags, TEXT("i")) == NULL)
		return NULL;
	host = text_part(i, text_find_last(i, '@') + 1, i.len);
	if (host.len == 0)
		return "i= is no identity";
	if (text_equal_ci(host, d) ||
	    (text_ends_ci(host, d) && host.ptr[host.len - d.len - 1] == '.'))
		return NULL;
	return "i= is not in d="; /* RFC 6376 6.1.1 */
}

static const char *
read_query(struct reader *r)
{
	const struct tag *q = tags_get(r->tags, TEXT("q"));

	return q == NULL || tags_list_has(q->value, TEXT("dns/txt")) ? NULL : "q= is not dns/txt";
}

static const char *
read_instance(struct reader *r)
{
	const struct tag *i = tags_get(r->tags, TEXT("i"));
	uint32_t instance;

	if (i == NULL || text_to_u32(i->value, &instance) != STATUS_OK || instance == 0 ||
	    instance > INSTANCES_MAX)
		return "i= is no instance";
	r->to->instance = instance;
	return NULL;
}

static const char *
read_chain(struct reader *r)
{
	/* RFC 8617 4.1.3: h= must fail the seal. */
	if (tags_get(r->tags, TEXT("h")) != NULL)
		return "a seal has no h=";
	r->to->header_canon = r->to->body_canon = CANON_RELAXED;
	r->to->chain = tags_value(r->tags, TEXT("cv"));
	return r->to->chain.len > 0 ? NULL : "cv= is missing";
}

#define OF(kind) (1U << (kind))
#define OF_MESSAGES (OF(SIGNATURE_DKIM) | OF(SIGNATURE_ARC_MESSAGE))
#define OF_ARC (OF(SIGNATURE_ARC_MESSAGE) | OF(SIGNATURE_ARC_SEAL))
#define OF_ALL (OF_MESSAGES | OF(SIGNATURE_ARC_SEAL))

static const struct {
	const char *(*read)(struct reader *r);
	unsigned kinds;
} steps[] = {
	/* First what reports want of a signature that is no good. */
	{ read_signature, OF_ALL },
	{ read_key_place, OF_ALL },
	{ read_algorithm, OF_ALL },
	{ read_version, OF_MESSAGES },
	{ read_instance, OF_ARC },
	{ read_canon, OF_MESSAGES },
	{ read_body_hash, OF_MESSAGES },
	{ read_names, OF_MESSAGES },
	{ read_times, OF_ALL },
	{ read_identity, OF(SIGNATURE_DKIM) },
	{ read_query, OF(SIGNATURE_DKIM) },
	{ read_chain, OF(SIGNATURE_ARC_SEAL) },
};

enum status
signature_parse(enum signature_kind kind, struct text field, struct arena *a, struct signature *out,
    const char **why)
{
	struct text value = text_part(field, text_find_byte(field, ':', 0) + 1, field.len);
	struct tags tags;
	struct reader r = { &tags, a, out };
	const char *bad = NULL;

	*out = (struct signature){ .kind = kind, .field = field, .length = MESSAGE_WHOLE };
	if (field.len > SIGNATURE_FIELD_MAX) {
		*why = "the field is too long";
		return STATUS_INVALID;
	}
	if (tags_parse(value, &tags) != STATUS_OK) {
		*why = "the field is malformed";
		return STATUS_INVALID;
	}
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		const char *said = (steps[i].kinds & OF(kind)) != 0 ? steps[i].read(&r) : NULL;

		bad = bad == NULL ? said : bad;
	}
	*why = bad;
	return bad == NULL ? STATUS_OK : STATUS_INVALID;
}

/* A selector is one or more labels (RFC 6376 3.1); underscores, too, stand in
 * some that are in use. */
static enum status
add_selector(struct text selector, struct buffer *out)
{
	struct arena a = ARENA_INIT;
	struct text plain = arena_lower(&a, selector);
	char *letters = arena_string(&a, plain);
	struct buffer checked = BUFFER_INIT;
	enum status s;

	for (size_t i = 0; i < plain.len; i++)
		if (letters[i] == '_')
			letters[i] = 'x';
	s = idna_to_ascii((struct text){ letters, plain.len }, &checked);
	if (s == STATUS_OK)
		buffer_add_text(out, checked.len == plain.len ? plain : buffer_text(&checked));
	buffer_done(&checked);
	arena_done(&a);
	return s;
}

enum status
signature_key_name(const struct signature *s, struct buffer *out)
{
	struct buffer whole = BUFFER_INIT;
	enum status st;

	/* d= has more than one label, or there is no such domain in the world. */
	if (text_find_byte(s->domain, '.', 0) == s->domain.len)
		return STATUS_INVALID;
	st = add_selector(s->selector, &whole);
	if (st == STATUS_OK) {
		buffer_add_string(&whole, "._domainkey.");
		st = idna_to_ascii(s->domain, &whole);
	}
	if (st == STATUS_OK && whole.len > 253)
		st = STATUS_INVALID;
	if (st == STATUS_OK)
		buffer_add_text(out, buffer_text(&whole));
	buffer_done(&whole);
	return st;
}

void
signature_digest(
    const struct signature *s, const struct signed_message *m, uint8_t digest[DIGEST_LENGTH])
{
	struct signature_hash h;

	signature_hash_init(&h);
	signature_hash_fields(&h, m, s->header_canon, s->names, s->name_count, s->field);
	canon_field(&h.sink, s->header_canon, s->field, s->hole, false);
	signature_hash_end(&h, digest);
}
