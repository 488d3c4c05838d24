/* SPDX-License-Identifier: ISC */
/* Rows of the trace; see store/trace_rows.h. */
#include "store/trace_rows.h"

#include "store/keys.h"

#define VERSION 1

/* What an event has, in the order in which it stands in the row. */
enum has {
	HAS_SENDER = 1,
	HAS_RECIPIENTS = 2,
	HAS_MORE = 4,
	HAS_MESSAGE_ID = 8,
	HAS_FACTS = 16,
	HAS_SERVER = 32,
	HAS_WORDS = 64,
	HAS_OTHER = 128,
	HAS_ACCOUNT = 256,
	HAS_SIZE = 512,
	HAS_UNTIL = 1024,
	HAS_TOOK = 2048,
	HAS_TRIES = 4096,
	HAS_ALL = 8191,
};

const char *
trace_word(enum trace_what what)
{
	static const char *const words[] = {
#define X(id, word) word,
		TRACE_EVENTS(X)
#undef X
	};

	return words[what];
}

/* ---- writing ---- */

static unsigned
has_of(const struct trace_event *e)
{
	return (e->has_sender ? HAS_SENDER : 0) | (e->recipients.count > 0 ? HAS_RECIPIENTS : 0) |
	       (e->more > 0 || e->recipients.count > TRACE_RECIPIENTS_MAX ? HAS_MORE : 0) |
	       (e->message_id.len > 0 ? HAS_MESSAGE_ID : 0) | (e->facts.len > 0 ? HAS_FACTS : 0) |
	       (e->server.len > 0 ? HAS_SERVER : 0) | (e->words.len > 0 ? HAS_WORDS : 0) |
	       (e->other.len > 0 ? HAS_OTHER : 0) | (e->account > 0 ? HAS_ACCOUNT : 0) |
	       (e->size > 0 ? HAS_SIZE : 0) | (e->until > 0 ? HAS_UNTIL : 0) |
	       (e->took > 0 ? HAS_TOOK : 0) | (e->tries > 0 ? HAS_TRIES : 0);
}

static void
pack_cut(struct buffer *out, struct text t)
{
	pack_text(out, text_part(t, 0, t.len < TRACE_WORDS_MAX ? t.len : TRACE_WORDS_MAX));
}

static void
pack_recipients(struct buffer *out, const struct trace_event *e)
{
	uint32_t n = e->recipients.count;

	if (n > TRACE_RECIPIENTS_MAX)
		n = TRACE_RECIPIENTS_MAX;
	pack_varint(out, n);
	for (uint32_t i = 0; i < n; i++)
		pack_cut(out, e->recipients.at[i]);
	if (e->more > 0 || n < e->recipients.count)
		pack_varint(out, e->more + (e->recipients.count - n));
}

static void
pack_texts(struct buffer *out, const struct trace_event *e, unsigned has)
{
	if (has & HAS_MESSAGE_ID)
		pack_cut(out, e->message_id);
	if (has & HAS_FACTS)
		pack_cut(out, e->facts);
	if (has & HAS_SERVER)
		pack_cut(out, e->server);
	if (has & HAS_WORDS)
		pack_cut(out, e->words);
	if (has & HAS_OTHER)
		pack_cut(out, e->other);
}

static void
pack_event(struct buffer *out, const struct trace_event *e, int64_t base)
{
	unsigned has = has_of(e);

	pack_varint(out, e->what);
	pack_signed(out, (int64_t)((uint64_t)e->at - (uint64_t)base));
	pack_varint(out, has);
	if (has & HAS_SENDER)
		pack_cut(out, e->sender);
	if (has & (HAS_RECIPIENTS | HAS_MORE))
		pack_recipients(out, e);
	pack_texts(out, e, has);
	if (has & HAS_ACCOUNT)
		pack_varint(out, e->account);
	if (has & HAS_SIZE)
		pack_varint(out, e->size);
	if (has & HAS_UNTIL)
		pack_varint(out, (uint64_t)e->until);
	if (has & HAS_TOOK)
		pack_varint(out, e->took);
	if (has & HAS_TRIES)
		pack_varint(out, e->tries);
}

void
trace_row_pack(struct buffer *out, const struct trace_row *r)
{
	uint32_t n = r->count < TRACE_EVENTS_MAX ? r->count : TRACE_EVENTS_MAX;

	CHECK(n > 0);
	pack_u8(out, VERSION);
	pack_signed(out, r->at[0].at);
	pack_varint(out, n);
	for (uint32_t i = 0; i < n; i++)
		pack_event(out, &r->at[i], r->at[0].at);
}

/* ---- reading ---- */

static struct text
unpack_cut(struct unpack *u)
{
	return unpack_bytes(u, unpack_varint_max(u, TRACE_WORDS_MAX));
}

static void
unpack_recipients(struct unpack *u, struct arena *a, unsigned has, struct trace_event *e)
{
	uint64_t n = unpack_varint_max(u, TRACE_RECIPIENTS_MAX);

	if (!unpack_ok(u) || n > cursor_left(&u->in)) {
		u->bad = true;
		return;
	}
	e->recipients.at = ARENA_ARRAY(a, struct text, n);
	e->recipients.count = (uint32_t)n;
	for (uint64_t i = 0; i < n; i++)
		e->recipients.at[i] = unpack_cut(u);
	if (has & HAS_MORE)
		e->more = unpack_varint_max(u, UINT32_MAX);
}

static void
unpack_texts(struct unpack *u, unsigned has, struct trace_event *e)
{
	if (has & HAS_MESSAGE_ID)
		e->message_id = unpack_cut(u);
	if (has & HAS_FACTS)
		e->facts = unpack_cut(u);
	if (has & HAS_SERVER)
		e->server = unpack_cut(u);
	if (has & HAS_WORDS)
		e->words = unpack_cut(u);
	if (has & HAS_OTHER)
		e->other = unpack_cut(u);
}

static struct trace_event
unpack_event(struct unpack *u, struct arena *a, int64_t base)
{
	struct trace_event e = { .what = (enum trace_what)unpack_varint_max(u, TRACE_WHATS - 1) };
	unsigned has;

	e.at = (int64_t)((uint64_t)base + (uint64_t)unpack_signed(u));
	has = (unsigned)unpack_varint_max(u, HAS_ALL);
	e.has_sender = (has & HAS_SENDER) != 0;
	if (e.has_sender)
		e.sender = unpack_cut(u);
	if (has & (HAS_RECIPIENTS | HAS_MORE))
		unpack_recipients(u, a, has, &e);
	unpack_texts(u, has, &e);
	if (has & HAS_ACCOUNT)
		e.account = unpack_varint(u);
	if (has & HAS_SIZE)
		e.size = unpack_varint(u);
	if (has & HAS_UNTIL)
		e.until = (int64_t)unpack_varint_max(u, INT64_MAX);
	if (has & HAS_TOOK)
		e.took = unpack_varint(u);
	if (has & HAS_TRIES)
		e.tries = (uint32_t)unpack_varint_max(u, UINT32_MAX);
	return e;
}

enum status
trace_row_unpack(struct text value, struct arena *a, struct trace_row *out)
{
	struct unpack u = unpack_of(value);
	uint8_t version = unpack_u8(&u);
	int64_t base = unpack_signed(&u);
	uint64_t count = unpack_varint_max(&u, TRACE_EVENTS_MAX);
	struct trace_event *at;

	if (!unpack_ok(&u) || version != VERSION || count == 0 || count > cursor_left(&u.in))
		return STATUS_CORRUPT;
	at = ARENA_ARRAY(a, struct trace_event, count);
	for (uint64_t i = 0; i < count && unpack_ok(&u); i++)
		at[i] = unpack_event(&u, a, base);
	if (!unpack_end(&u))
		return STATUS_CORRUPT;
	*out = (struct trace_row){ at, (uint32_t)count };
	return STATUS_OK;
}

/* ---- marks ---- */

/* As addresses are compared here: without regard to case. */
static uint64_t
hash_of(struct text t)
{
	char low[TRACE_WORDS_MAX];
	size_t n = t.len < sizeof(low) ? t.len : sizeof(low);

	for (size_t i = 0; i < n; i++)
		low[i] = byte_lower(t.ptr[i]);
	return text_hash_stable((struct text){ low, n });
}

struct trace_mark
trace_mark_message_id(struct text id)
{
	if (id.len >= 2 && id.ptr[0] == '<' && id.ptr[id.len - 1] == '>')
		id = text_part(id, 1, id.len - 1);
	return (struct trace_mark){ KEY_T_MESSAGE_ID, text_hash_stable(id) };
}

struct trace_mark
trace_mark_sender(struct text address)
{
	return (struct trace_mark){ KEY_T_SENDER, hash_of(address) };
}

struct trace_mark
trace_mark_recipient(struct text address)
{
	return (struct trace_mark){ KEY_T_RECIPIENT, hash_of(address) };
}

/* Those of a row with few are told once; the same again does no harm. */
#define COMPARED 16u

static uint32_t
add_mark(struct trace_mark *out, uint32_t n, struct trace_mark m)
{
	if (n == TRACE_MARKS_MAX)
		return n;
	for (uint32_t i = 0; i < n && i < COMPARED; i++)
		if (out[i].kind == m.kind && out[i].hash == m.hash)
			return n;
	out[n] = m;
	return n + 1;
}

/* Attempts are found by what was accepted. */
static bool
names_recipients(enum trace_what what)
{
	return what == TRACE_ACCEPTED || what == TRACE_REFUSED || what == TRACE_DELIVERED;
}

uint32_t
trace_marks_most(const struct trace_row *r)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < r->count; i++)
		n += 2 + (names_recipients(r->at[i].what) ? r->at[i].recipients.count : 0);
	return n < TRACE_MARKS_MAX ? (uint32_t)n : TRACE_MARKS_MAX;
}

uint32_t
trace_marks(const struct trace_row *r, struct trace_mark *out)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->count; i++) {
		const struct trace_event *e = &r->at[i];

		if (e->message_id.len > 0)
			n = add_mark(out, n, trace_mark_message_id(e->message_id));
		if (e->has_sender)
			n = add_mark(out, n, trace_mark_sender(e->sender));
		for (uint32_t k = 0; names_recipients(e->what) && k < e->recipients.count &&
				     k < TRACE_RECIPIENTS_MAX;
		     k++)
			n = add_mark(out, n, trace_mark_recipient(e->recipients.at[k]));
	}
	return n;
}

/* ---- what a batch wrote ---- */

void
trace_noted_pack(struct buffer *out, int64_t base, const struct trace_noted *n)
{
	pack_text(out, n->id);
	pack_signed(out, (int64_t)((uint64_t)n->at - (uint64_t)base));
	pack_be32(out, n->number);
	pack_varint(out, n->marks);
	for (uint32_t i = 0; i < n->marks; i++) {
		pack_u8(out, n->mark[i].kind);
		pack_be64(out, n->mark[i].hash);
	}
}

static bool
is_mark(uint8_t kind)
{
	return kind == KEY_T_MESSAGE_ID || kind == KEY_T_SENDER || kind == KEY_T_RECIPIENT;
}

enum status
trace_noted_unpack(struct unpack *u, int64_t base, struct arena *a, struct trace_noted *out)
{
	struct trace_noted n = { .id = unpack_bytes(u, unpack_varint_max(u, TRACE_ID_MAX)) };

	n.at = (int64_t)((uint64_t)base + (uint64_t)unpack_signed(u));
	n.number = unpack_be32(u);
	n.marks = (uint32_t)unpack_varint_max(u, TRACE_MARKS_MAX);
	if (!unpack_ok(u) || n.id.len == 0 || n.marks > cursor_left(&u->in))
		return STATUS_CORRUPT;
	n.mark = ARENA_ARRAY(a, struct trace_mark, n.marks);
	for (uint32_t i = 0; i < n.marks; i++) {
		n.mark[i].kind = unpack_u8(u);
		n.mark[i].hash = unpack_be64(u);
		u->bad |= !is_mark(n.mark[i].kind);
	}
	if (!unpack_ok(u))
		return STATUS_CORRUPT;
	*out = n;
	return STATUS_OK;
}
