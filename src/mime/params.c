/* SPDX-License-Identifier: ISC */
/*
 * Parameters of MIME fields. First every "name=value" is read as it stands,
 * an extended name (RFC 2231 3) cut into name, number and star; then pieces
 * of one name are joined in order of their numbers and decoded once. A value
 * ends at ";", or where a new line begins with another "name=".
 */
#include "mime/params.h"

#include <stdlib.h>
#include <string.h>

#include "codec/charset.h"
#include "codec/mimewords.h"
#include "mime/lexical.h"

#define PARAMS_MAX 100	 /* of one field; more are passed over */
#define NAME_MAX_LEN 100 /* longer names are no parameters */
#define VALUE_MAX 16384	 /* octets of UTF-8 in one value */
#define PIECE_NONE UINT32_MAX

struct piece {
	struct text name;  /* lower case, without star and number */
	struct text value; /* unquoted, not decoded */
	uint32_t number;   /* of a continuation, or PIECE_NONE */
	uint32_t order;	   /* as met */
	bool extended;	   /* percent-encoded, perhaps with a charset */
};

static bool
name_byte(char c)
{
	return !lexical_blank(c) && c != ';' && c != '=' && c != '"' && c != '(' && c != ',' &&
	       c != '\0';
}

/* Whether "name=" stands at the cursor. */
static bool
at_param(const struct cursor *in)
{
	const char *p = in->at;

	while (p < in->end && p - in->at < NAME_MAX_LEN && name_byte(*p))
		p++;
	return p > in->at && p < in->end && *p == '=';
}

/* "title*1*" to its parts. */
static void
split_name(struct text name, struct piece *out)
{
	size_t star = text_find_byte(name, '*', 0);
	struct text rest = text_part(name, star + 1, name.len);
	uint32_t number;

	out->name = text_part(name, 0, star);
	out->number = PIECE_NONE;
	out->extended = false;
	if (star == name.len)
		return;
	out->extended = text_ends(name, TEXT("*"));
	if (out->extended && rest.len > 0)
		rest.len--;
	if (rest.len > 0 && text_to_u32(rest, &number) == STATUS_OK && number < PIECE_NONE)
		out->number = number;
}

/* What is not quoted: up to ";", a comment behind a blank, or a new line with
 * the next parameter. */
static struct text
bare_value(struct lexical *l, struct arena *a)
{
	const char *start = l->in.at;
	bool after_lf = false;

	while (l->in.at < l->in.end && *l->in.at != ';') {
		char c = *l->in.at;
		bool after_blank = l->in.at > start && lexical_blank(l->in.at[-1]);

		if (c == '\n')
			after_lf = true;
		else if (after_lf && !lexical_blank(c) && after_blank && at_param(&l->in))
			break;
		else if (!lexical_blank(c))
			after_lf = false;
		if (c == '(' && after_blank && lexical_comment(l) != NULL)
			break;
		l->in.at++;
	}
	return lexical_unfold((struct text){ start, (size_t)(l->in.at - start) }, a);
}

static struct text
quoted_value(struct lexical *l, struct arena *a)
{
	const char *start = l->in.at + 1, *past = lexical_quoted(l);
	size_t len = (size_t)((past != NULL ? past - 1 : l->in.end) - start);

	l->in.at = past != NULL ? past : l->in.end;
	/* An unclosed string ends with the field. */
	if (past == NULL)
		while (len > 0 && (start[len - 1] == '\n' || start[len - 1] == '\r'))
			len--;
	return lexical_unquote((struct text){ start, len }, a);
}

/* One parameter at the cursor; false when it is none (something is passed
 * over all the same). */
static bool
read_piece(struct lexical *l, struct arena *a, struct piece *out)
{
	struct text name = { l->in.at, 0 };

	while (l->in.at < l->in.end && name_byte(*l->in.at))
		l->in.at++;
	name.len = (size_t)(l->in.at - name.ptr);
	lexical_skip(l);
	if (!cursor_byte(&l->in, '=') || name.len == 0 || name.len > NAME_MAX_LEN) {
		/* Junk: go on behind the next semicolon. */
		cursor_until(&l->in, ';');
		return false;
	}
	split_name(arena_lower(a, name), out);
	lexical_skip(l);
	if (cursor_peek(&l->in) == '"') {
		out->value = quoted_value(l, a);
		return out->name.len > 0;
	}
	out->value = bare_value(l, a);
	return out->name.len > 0 && out->value.len > 0;
}

static uint32_t
read_pieces(struct lexical *l, struct arena *a, struct piece pieces[PARAMS_MAX])
{
	uint32_t count = 0;

	for (;;) {
		lexical_skip(l);
		while (cursor_byte(&l->in, ';'))
			lexical_skip(l);
		if (cursor_done(&l->in) || count == PARAMS_MAX)
			return count;
		if (!read_piece(l, a, &pieces[count]))
			continue;
		pieces[count].order = count;
		count++;
	}
}

static struct text
to_arena(struct buffer *b, struct arena *a)
{
	struct text t = b->len > 0 ? arena_copy(a, buffer_text(b)) : TEXT_EMPTY;

	buffer_done(b);
	return t;
}

/* A value that is not extended: encoded words have no place in it, but that
 * is how many write it. */
static struct text
decode_plain(struct text value, struct arena *a)
{
	struct buffer b = BUFFER_INIT;
	bool ascii = true;

	for (size_t i = 0; i < value.len && ascii; i++)
		ascii = (unsigned char)value.ptr[i] < 0x80;
	if (text_find(value, TEXT("=?"), 0) < value.len)
		mimewords_decode(value, VALUE_MAX, &b);
	else if (!ascii)
		charset_to_utf8(TEXT_EMPTY, value, VALUE_MAX, &b);
	else
		return value;
	return to_arena(&b, a);
}

/* NUL has no place in what IMAP prints. */
static void
drop_nul(struct buffer *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++)
		if (b->ptr[i] != '\0' && b->ptr[i] != '\r' && b->ptr[i] != '\n')
			b->ptr[n++] = b->ptr[i];
	if (b->len > 0)
		buffer_cut(b, n);
}

/* Joins count pieces of one name, in order of number. */
static struct text
decode_pieces(const struct piece *pieces, uint32_t count, struct arena *a)
{
	struct buffer octets = BUFFER_INIT, b = BUFFER_INIT;
	struct text charset = TEXT_EMPTY;

	for (uint32_t i = 0; i < count; i++) {
		struct text value = pieces[i].value;

		if (!pieces[i].extended) {
			buffer_add_text(&octets, value);
			continue;
		}
		if (i == 0) {
			size_t first = text_find_byte(value, '\'', 0);
			size_t second =
			    first < value.len ? text_find_byte(value, '\'', first + 1) : value.len;

			if (second < value.len) {
				charset = text_part(value, 0, first);
				value = text_part(value, second + 1, value.len);
			}
		}
		mimewords_percent(value, &octets);
	}
	charset_to_utf8(charset, buffer_text(&octets), VALUE_MAX, &b);
	buffer_done(&octets);
	drop_nul(&b);
	return to_arena(&b, a);
}

/* Pieces of one name side by side: numbered ones first, in order, then an
 * extended one, then a plain one, so that the best comes first. */
static int
compare(const void *va, const void *vb)
{
	const struct piece *a = va, *b = vb;
	int by_name = text_compare(a->name, b->name);

	if (by_name != 0)
		return by_name;
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	if (a->extended != b->extended)
		return a->extended ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

struct joined {
	struct mime_param param;
	uint32_t order;
};

static int
compare_order(const void *va, const void *vb)
{
	const struct joined *a = va, *b = vb;

	return a->order < b->order ? -1 : 1;
}

/* One value a name, in the order in which the names were met. */
static void
join(struct piece *pieces, uint32_t count, struct arena *a, struct mime_params *out)
{
	struct joined joined[PARAMS_MAX];
	uint32_t n = 0;

	qsort(pieces, count, sizeof(*pieces), compare);
	for (uint32_t i = 0, end; i < count; i = end) {
		uint32_t take = 1, order = pieces[i].order;

		for (end = i + 1; end < count && text_equal(pieces[end].name, pieces[i].name);
		     end++) {
			take += pieces[end].number != PIECE_NONE;
			if (pieces[end].order < order)
				order = pieces[end].order;
		}
		joined[n].param.name = pieces[i].name;
		joined[n].order = order;
		joined[n++].param.value = pieces[i].extended || pieces[i].number != PIECE_NONE
					      ? decode_pieces(pieces + i, take, a)
					      : decode_plain(pieces[i].value, a);
	}
	qsort(joined, n, sizeof(*joined), compare_order);
	out->count = n;
	out->at = n > 0 ? ARENA_ARRAY(a, struct mime_param, n) : NULL;
	for (uint32_t i = 0; i < n; i++)
		out->at[i] = joined[i].param;
}

/* The word before "/", ";", a blank or a comment, in lower case. */
static struct text
read_word(struct lexical *l, bool stop_at_slash, struct arena *a)
{
	struct text word = { NULL, 0 };

	lexical_skip(l);
	word.ptr = l->in.at;
	while (l->in.at < l->in.end && !lexical_blank(*l->in.at) && *l->in.at != ';' &&
	       *l->in.at != '(' && *l->in.at != '\0' && !(stop_at_slash && *l->in.at == '/'))
		l->in.at++;
	word.len = (size_t)(l->in.at - word.ptr);
	lexical_skip(l);
	for (size_t i = 0; i < word.len; i++)
		if (word.ptr[i] >= 'A' && word.ptr[i] <= 'Z')
			return arena_lower(a, word);
	return word;
}

void
mime_type_parse(struct text value, struct arena *a, struct mime_type *out)
{
	struct lexical l = lexical_of(value);
	struct piece pieces[PARAMS_MAX];
	uint32_t count;

	*out = (struct mime_type){ 0 };
	out->type = read_word(&l, true, a);
	if (cursor_byte(&l.in, '/'))
		out->subtype = read_word(&l, false, a);
	count = read_pieces(&l, a, pieces);
	for (uint32_t i = 0; i < count && out->boundary.len == 0; i++)
		if (!pieces[i].extended && pieces[i].number == PIECE_NONE &&
		    text_equal(pieces[i].name, TEXT("boundary")))
			out->boundary = pieces[i].value;
	if (count > 0)
		join(pieces, count, a, &out->params);
	/* In pieces or extended: nobody should, somebody does. */
	if (out->boundary.len == 0)
		(void)mime_param_get(&out->params, TEXT("boundary"), &out->boundary);
	while (out->boundary.len > 0 && lexical_blank(out->boundary.ptr[out->boundary.len - 1]))
		out->boundary.len--;
}

static const struct text encodings[] = {
	[MIME_7BIT] = { "7bit", 4 },
	[MIME_8BIT] = { "8bit", 4 },
	[MIME_BINARY] = { "binary", 6 },
	[MIME_BASE64] = { "base64", 6 },
	[MIME_QP] = { "quoted-printable", 16 },
	[MIME_UNKNOWN_ENCODING] = { "", 0 },
};

struct text
mime_encoding_name(enum mime_encoding encoding)
{
	return encodings[encoding];
}

/* Also "7-bit", "8 bit", "7bits", "quoted printable". */
enum mime_encoding
mime_encoding_parse(struct text value)
{
	struct lexical l = lexical_of(value);
	char word[20];
	size_t n = 0;

	while (lexical_skip(&l), l.in.at < l.in.end && *l.in.at != ';') {
		char c = byte_lower(*l.in.at++);

		if (c == '"' || (c == '-' && n < 6))
			continue;
		if (n == sizeof(word))
			return MIME_UNKNOWN_ENCODING;
		word[n++] = c;
	}
	if (n == 0)
		return MIME_7BIT;
	if (n == 5 && word[4] == 's' && byte_digit(word[0]))
		n--;
	for (size_t i = 0; i < MIME_UNKNOWN_ENCODING; i++)
		if (text_equal((struct text){ word, n }, encodings[i]))
			return (enum mime_encoding)i;
	return text_equal((struct text){ word, n }, TEXT("quotedprintable"))
		   ? MIME_QP
		   : MIME_UNKNOWN_ENCODING;
}

bool
mime_param_get(const struct mime_params *params, struct text name, struct text *out)
{
	for (uint32_t i = 0; i < params->count; i++) {
		if (text_equal(params->at[i].name, name)) {
			*out = params->at[i].value;
			return true;
		}
	}
	return false;
}
