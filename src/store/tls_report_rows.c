/* SPDX-License-Identifier: ISC */
/* See store/tls_report_rows.h. */
#include "store/tls_report_rows.h"

#include "base/pack.h"

#define VERSION 1
#define SENDING 1u
#define PART 2u

static const char *const words[TLS_POLICY_COUNT] = {
#define X(id, word) [TLS_POLICY_##id] = word,
	TLS_POLICY_TABLE(X)
#undef X
};

const char *
tls_policy_word(enum tls_policy_type t)
{
	return t < TLS_POLICY_COUNT ? words[t] : "unknown";
}

static struct text
cut(struct text t, size_t most)
{
	return text_part(t, 0, t.len < most ? t.len : most);
}

/* ---- one policy ---- */

static void
count_pack(struct buffer *out, const struct tls_count *c)
{
	pack_varint(out, c->type);
	pack_text(out, cut(c->policy, TLS_COUNT_POLICY));
	pack_varint(out, c->good);
	pack_varint(out, c->failed);
	pack_varint(out, c->failure_count);
	for (uint32_t i = 0; i < c->failure_count; i++) {
		const struct tls_failure *f = &c->failures[i];

		pack_varint(out, f->result);
		pack_varint(out, f->sessions);
		pack_text(out, cut(f->mx, TLS_COUNT_TEXT));
		pack_text(out, cut(f->local, TLS_COUNT_TEXT));
		pack_text(out, cut(f->remote, TLS_COUNT_TEXT));
		pack_text(out, cut(f->reason, TLS_COUNT_TEXT));
	}
}

static void
count_unpack(struct unpack *u, struct arena *a, struct tls_count *c)
{
	c->type = (enum tls_policy_type)unpack_varint_max(u, TLS_POLICY_COUNT - 1);
	c->policy = unpack_text(u);
	c->good = unpack_varint(u);
	c->failed = unpack_varint(u);
	c->failure_count = (uint32_t)unpack_varint_max(u, TLS_COUNT_FAILURES);
	if (!unpack_ok(u))
		return;
	c->failures = ARENA_ARRAY(a, struct tls_failure, c->failure_count + 1);
	for (uint32_t i = 0; i < c->failure_count; i++) {
		struct tls_failure *f = &c->failures[i];

		f->result = (enum tls_result)unpack_varint_max(u, TLS_RESULT_COUNT - 1);
		f->sessions = unpack_varint(u);
		f->mx = unpack_text(u);
		f->local = unpack_text(u);
		f->remote = unpack_text(u);
		f->reason = unpack_text(u);
	}
}

void
tls_count_pack(struct buffer *out, const struct tls_count *c)
{
	pack_u8(out, VERSION);
	count_pack(out, c);
}

enum status
tls_count_unpack(struct text t, struct arena *a, struct tls_count *out)
{
	struct unpack u = unpack_of(t);
	struct tls_count c = { .domain = TEXT_EMPTY };
	uint8_t version = unpack_u8(&u);

	count_unpack(&u, a, &c);
	if (!unpack_end(&u) || version != VERSION)
		return STATUS_CORRUPT;
	*out = c;
	return STATUS_OK;
}

/* ---- a day ---- */

void
tls_day_pack(struct buffer *out, const struct tls_day *d)
{
	bool part = d->from != 0 || d->until != 0;

	pack_u8(out, VERSION);
	pack_u8(out, (uint8_t)((d->sending ? SENDING : 0) | (part ? PART : 0)));
	pack_signed(out, d->due);
	if (part) {
		pack_signed(out, d->from);
		pack_signed(out, d->until);
	}
	pack_varint(out, d->count);
	for (uint32_t i = 0; i < d->count; i++)
		count_pack(out, &d->at[i]);
}

enum status
tls_day_unpack(struct text t, struct arena *a, struct tls_day *out)
{
	struct unpack u = unpack_of(t);
	struct tls_day d = { .count = 0 };
	uint8_t version = unpack_u8(&u);
	unsigned seen = 0, bits = unpack_u8(&u);

	d.sending = (bits & SENDING) != 0;
	d.due = unpack_signed(&u);
	if (bits & PART) {
		d.from = unpack_signed(&u);
		d.until = unpack_signed(&u);
	}
	d.count = (uint32_t)unpack_varint_max(&u, TLS_POLICY_COUNT);
	if (!unpack_ok(&u))
		return STATUS_CORRUPT;
	for (uint32_t i = 0; i < d.count; i++) {
		count_unpack(&u, a, &d.at[i]);
		if ((seen & 1u << d.at[i].type) != 0)
			return STATUS_CORRUPT;
		seen |= 1u << d.at[i].type;
	}
	if (!unpack_end(&u) || version != VERSION || (bits & ~(SENDING | PART)) != 0)
		return STATUS_CORRUPT;
	*out = d;
	return STATUS_OK;
}

/* ---- adding up ---- */

static void
add_failure(struct tls_count *c, const struct tls_failure *more)
{
	for (uint32_t i = 0; i < c->failure_count; i++) {
		struct tls_failure *f = &c->failures[i];

		if (f->result == more->result && text_equal(f->mx, more->mx) &&
		    text_equal(f->remote, more->remote) && text_equal(f->local, more->local)) {
			f->sessions += more->sessions;
			return;
		}
	}
	if (c->failure_count < TLS_COUNT_FAILURES)
		c->failures[c->failure_count++] = *more;
}

static struct tls_count *
of_type(struct tls_day *d, enum tls_policy_type type)
{
	for (uint32_t i = 0; i < d->count; i++)
		if (d->at[i].type == type)
			return &d->at[i];
	CHECK(d->count < TLS_POLICY_COUNT);
	d->at[d->count] = (struct tls_count){ .type = type, .policy = TEXT_EMPTY };
	return &d->at[d->count++];
}

void
tls_day_add(struct tls_day *d, const struct tls_count *more, struct arena *a)
{
	struct tls_count *c = of_type(d, more->type);
	struct tls_failure *room = ARENA_ARRAY(a, struct tls_failure, TLS_COUNT_FAILURES);

	for (uint32_t i = 0; i < c->failure_count; i++)
		room[i] = c->failures[i];
	c->failures = room;
	c->good += more->good;
	c->failed += more->failed;
	if (more->policy.len > 0)
		c->policy = more->policy;
	for (uint32_t i = 0; i < more->failure_count; i++)
		add_failure(c, &more->failures[i]);
}
