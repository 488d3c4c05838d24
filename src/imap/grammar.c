/* SPDX-License-Identifier: ISC */
/*
 * The rules of RFC 3501 9 that more than one command uses. See grammar.h for
 * what all of them have in common. Where clients are known to stray we follow
 * them: bare LF behind a literal's mark, octets over 127 in quoted strings
 * (which RFC 9051 4.3 allows).
 */
#include "imap/grammar.h"

#include <stdlib.h>

#include "codec/date.h"
#include "store/calls.h"

/* ATOM-CHAR: all of ASCII but atom-specials ( ) { SP CTL % * DQUOTE \ ] */
#define ATOM_CHARS                                                                             \
	[0x21] = true, [0x23 ... 0x24] = true, [0x26 ... 0x27] = true, [0x2c ... 0x5b] = true, \
	[0x5e ... 0x7a] = true, [0x7c ... 0x7e] = true

static const bool tag_char[256] = { ATOM_CHARS, [']'] = true };
const bool imap_atom_char[256] = { ATOM_CHARS, ['+'] = true };
const bool imap_astring_char[256] = { ATOM_CHARS, ['+'] = true, [']'] = true };
static const bool list_char[256] = {
	ATOM_CHARS, ['+'] = true, [']'] = true, ['%'] = true, ['*'] = true, [0x80 ... 0xff] = true
};

bool
imap_sp(struct cursor *c)
{
	return cursor_byte(c, ' ');
}

bool
imap_end(const struct cursor *c)
{
	return cursor_done(c);
}

bool
imap_word(struct cursor *c, struct text word)
{
	struct cursor save = *c;
	int next;

	if (!cursor_text_ci(c, word))
		return false;
	next = cursor_peek(c);
	if (next < 0 || !imap_atom_char[next] || next == '[')
		return true;
	*c = save;
	return false;
}

/* 1* of a class. */
static bool
many(struct cursor *c, const bool class[256], struct text *out)
{
	struct text run = cursor_run(c, class);

	if (run.len == 0)
		return false;
	*out = run;
	return true;
}

bool
imap_tag(struct cursor *c, struct text *out)
{
	return many(c, tag_char, out);
}

bool
imap_atom(struct cursor *c, struct text *out)
{
	return many(c, imap_atom_char, out);
}

/* Undoes the escapes of what stands between the quotes. */
static struct text
unescape(struct arena *a, struct text t)
{
	char *copy = arena_alloc(a, t.len);
	size_t n = 0;

	for (size_t i = 0; i < t.len; i++) {
		if (t.ptr[i] == '\\')
			i++;
		copy[n++] = t.ptr[i];
	}
	return (struct text){ copy, n };
}

bool
imap_quoted(struct cursor *c, struct arena *a, struct text *out)
{
	struct cursor in = *c;
	bool escaped = false;
	const char *start;
	int b;

	if (!cursor_byte(&in, '"'))
		return false;
	start = in.at;
	while ((b = cursor_next(&in)) != '"') {
		if (b == '\\') {
			escaped = true;
			b = cursor_next(&in);
			if (b != '"' && b != '\\')
				return false;
		} else if (b <= 0 || b == '\r' || b == '\n') {
			return false; /* the end, or no TEXT-CHAR */
		}
	}
	*out = (struct text){ start, (size_t)(in.at - 1 - start) };
	if (escaped)
		*out = unescape(a, *out);
	*c = in;
	return true;
}

bool
imap_literal(struct cursor *c, struct text *out)
{
	struct cursor in = *c;
	struct text octets;
	uint64_t n;

	if (!cursor_byte(&in, '{') || !cursor_u64(&in, &n))
		return false;
	cursor_byte(&in, '+');
	if (!cursor_byte(&in, '}'))
		return false;
	cursor_byte(&in, '\r');
	if (!cursor_byte(&in, '\n') || n > cursor_left(&in) ||
	    !cursor_take(&in, (size_t)n, &octets) || text_find_byte(octets, 0, 0) < octets.len)
		return false;
	*out = octets;
	*c = in;
	return true;
}

bool
imap_string(struct cursor *c, struct arena *a, struct text *out)
{
	return imap_quoted(c, a, out) || imap_literal(c, out);
}

bool
imap_astring(struct cursor *c, struct arena *a, struct text *out)
{
	return many(c, imap_astring_char, out) || imap_string(c, a, out);
}

bool
imap_nstring(struct cursor *c, struct arena *a, bool *present, struct text *out)
{
	if (imap_word(c, TEXT("NIL"))) {
		*present = false;
		return true;
	}
	if (!imap_string(c, a, out))
		return false;
	*present = true;
	return true;
}

bool
imap_list_mailbox(struct cursor *c, struct arena *a, struct text *out)
{
	return many(c, list_char, out) || imap_string(c, a, out);
}

bool
imap_number(struct cursor *c, uint32_t *out)
{
	return cursor_u32(c, out);
}

bool
imap_nz_number(struct cursor *c, uint32_t *out)
{
	struct cursor in = *c;
	uint32_t n;

	if (!cursor_u32(&in, &n) || n == 0)
		return false;
	*out = n;
	*c = in;
	return true;
}

bool
imap_number64(struct cursor *c, uint64_t *out)
{
	return cursor_u64(c, out);
}

bool
imap_literal_mark(struct text line, struct literal_mark *out)
{
	struct literal_mark mark = { .waits = true };
	struct cursor digits;
	size_t end = line.len;

	if (end < 3 || line.ptr[end - 1] != '}')
		return false;
	end--;
	if (line.ptr[end - 1] == '+') {
		mark.waits = false;
		end--;
	}
	mark.at = end;
	while (mark.at > 0 && byte_digit(line.ptr[mark.at - 1]))
		mark.at--;
	if (mark.at == end || mark.at == 0 || line.ptr[mark.at - 1] != '{')
		return false;
	digits = cursor_of(text_part(line, mark.at, end));
	mark.at--;
	mark.binary = mark.at > 0 && line.ptr[mark.at - 1] == '~';
	mark.at -= mark.binary;
	if (!cursor_u64(&digits, &mark.octets))
		mark.octets = UINT64_MAX;
	*out = mark;
	return true;
}

/* seq-number = nz-number / "*" */
static bool
seq_number(struct cursor *c, uint32_t *out)
{
	if (!cursor_byte(c, '*'))
		return imap_nz_number(c, out);
	*out = SEQ_STAR;
	return true;
}

/* seq-number, or seq-range = seq-number ":" seq-number */
static bool
seq_range(struct cursor *c, struct seq_range *out)
{
	if (!seq_number(c, &out->first))
		return false;
	if (!cursor_byte(c, ':')) {
		out->last = out->first;
		return true;
	}
	return seq_number(c, &out->last);
}

/* How many ranges stand there at most: commas, plus one. */
static size_t
count_ranges(const struct cursor *c)
{
	size_t n = 1;

	for (const char *p = c->at; p < c->end; p++) {
		if (*p == ',')
			n++;
		else if (!byte_digit(*p) && *p != ':' && *p != '*')
			break;
	}
	return n;
}

bool
imap_sequence_set(struct cursor *c, struct arena *a, struct sequence_set *out)
{
	struct cursor in = *c;
	struct sequence_set set = { 0 };
	int first = cursor_peek(c);

	if (first != '*' && (first < '0' || first > '9'))
		return false;
	set.at = ARENA_ARRAY(a, struct seq_range, count_ranges(c));
	do {
		if (!seq_range(&in, &set.at[set.count]))
			return false;
		set.count++;
	} while (cursor_byte(&in, ','));
	*out = set;
	*c = in;
	return true;
}

bool
imap_message_set(struct cursor *c, struct arena *a, struct sequence_set *out)
{
	if (!cursor_byte(c, '$'))
		return imap_sequence_set(c, a, out);
	*out = (struct sequence_set){ .saved = true };
	return true;
}

static int
by_first(const void *x, const void *y)
{
	const struct seq_range *a = x, *b = y;

	return a->first < b->first ? -1 : a->first > b->first;
}

void
imap_sequence_numbers(const struct sequence_set *set, uint32_t star, struct runs *out)
{
	runs_clear(out);
	for (uint32_t i = 0; i < set->count; i++) {
		struct seq_range *r = &set->at[i];

		if (r->first == SEQ_STAR)
			r->first = star;
		if (r->last == SEQ_STAR)
			r->last = star;
		if (r->first > r->last) {
			uint32_t swap = r->first;

			r->first = r->last;
			r->last = swap;
		}
	}
	/* In order, so that each is appended; a client may send thousands. */
	qsort(set->at, set->count, sizeof(*set->at), by_first);
	for (uint32_t i = 0; i < set->count; i++) {
		const struct seq_range *r = &set->at[i];

		if (r->last > 0)
			runs_add(out, r->first > 0 ? r->first : 1, r->last);
	}
}

static const struct {
	struct text name;
	uint32_t flag;
} system_flags[] = {
	{ { "\\Seen", 5 }, FLAG_SEEN },
	{ { "\\Answered", 9 }, FLAG_ANSWERED },
	{ { "\\Flagged", 8 }, FLAG_FLAGGED },
	{ { "\\Deleted", 8 }, FLAG_DELETED },
	{ { "\\Draft", 6 }, FLAG_DRAFT },
	{ { "\\Recent", 7 }, 0 },
};

bool
imap_is_keyword(struct text t)
{
	struct cursor c = cursor_of(t);

	return t.len > 0 && t.len <= KEYWORD_MAX && cursor_run(&c, imap_atom_char).len == t.len;
}

static bool
has_keyword(const struct imap_flags *f, struct text keyword)
{
	for (uint32_t i = 0; i < f->keywords.count; i++)
		if (text_equal_ci(f->keywords.at[i], keyword))
			return true;
	return false;
}

/* flag = "\Answered" / ... / flag-keyword; f->keywords has room for one more
 * than it holds, up to KEYWORDS_PER_MESSAGE. */
static bool
flag(struct cursor *c, struct imap_flags *f)
{
	struct text word;

	if (cursor_peek(c) == '\\') {
		for (size_t i = 0; i < ARRAY_LEN(system_flags); i++) {
			if (imap_word(c, system_flags[i].name)) {
				f->flags |= system_flags[i].flag;
				return true;
			}
		}
		return false;
	}
	if (!imap_atom(c, &word))
		return false;
	if (has_keyword(f, word))
		return true;
	if (word.len > KEYWORD_MAX || f->keywords.count == KEYWORDS_PER_MESSAGE)
		f->too_many = true; /* RFC 5530 3 LIMIT: no error of grammar */
	else
		f->keywords.at[f->keywords.count++] = word;
	return true;
}

/* [flag *(SP flag)] */
static bool
flags(struct cursor *c, struct arena *a, struct imap_flags *out)
{
	*out = (struct imap_flags){ 0 };
	out->keywords.at = ARENA_ARRAY(a, struct text, KEYWORDS_PER_MESSAGE);
	if (cursor_done(c) || cursor_peek(c) == ')')
		return true;
	do {
		if (!flag(c, out))
			return false;
	} while (imap_sp(c));
	return true;
}

bool
imap_flag_list(struct cursor *c, struct arena *a, struct imap_flags *out)
{
	struct cursor in = *c;

	if (!cursor_byte(&in, '(') || !flags(&in, a, out) || !cursor_byte(&in, ')'))
		return false;
	*c = in;
	return true;
}

bool
imap_store_flags(struct cursor *c, struct arena *a, struct imap_flags *out)
{
	struct cursor in = *c;

	if (imap_flag_list(c, a, out))
		return true;
	if (cursor_done(c) || cursor_peek(c) == ')' || !flags(&in, a, out))
		return false;
	*c = in;
	return true;
}

bool
imap_date_time(struct cursor *c, int64_t *at)
{
	struct cursor in = *c;
	struct text inside;
	struct date d;

	if (!cursor_byte(&in, '"'))
		return false;
	inside = cursor_until(&in, '"');
	if (!cursor_byte(&in, '"') || date_parse_imap(inside, &d) != STATUS_OK)
		return false;
	*at = d.at;
	*c = in;
	return true;
}

bool
imap_date(struct cursor *c, int64_t *day)
{
	struct cursor in = *c;
	bool quoted = cursor_byte(&in, '"');
	struct text inside = cursor_run(&in, imap_atom_char);

	if (quoted && !cursor_byte(&in, '"'))
		return false;
	if (date_parse_imap_day(inside, day) != STATUS_OK)
		return false;
	*c = in;
	return true;
}
