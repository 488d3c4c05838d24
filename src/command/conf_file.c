/* SPDX-License-Identifier: ISC */
/*
 * Recursive descent over the configuration file's grammar, one function a
 * rule. The parser keeps the line for messages; it never looks at meanings.
 */
#include "command/conf_file.h"

#include <stdio.h>

#include "base/buffer.h"
#include "base/cursor.h"

struct parser {
	struct cursor c;
	const char *start;
	struct arena *a;
	struct failure *f;
	uint32_t nodes;
};

static uint32_t
line_now(const struct parser *p)
{
	uint32_t line = 1;

	for (const char *at = p->start; at < p->c.at; at++)
		line += *at == '\n';
	return line;
}

static enum status
wrong(struct parser *p, const char *what)
{
	char words[160];

	snprintf(words, sizeof(words), "line %u: %s", line_now(p), what);
	return fail(p->f, STATUS_INVALID, words, "%s", words);
}

/* White space and comments; newlines too unless stop_at_newline. */
static bool
skip(struct parser *p, bool stop_at_newline)
{
	for (;;) {
		int b = cursor_peek(&p->c);

		if (b == '#') {
			(void)cursor_until(&p->c, '\n');
		} else if (b == '/' && cursor_left(&p->c) > 1 && p->c.at[1] == '*') {
			size_t end = text_find(cursor_rest(&p->c), TEXT("*/"), 2);

			if (end == cursor_left(&p->c))
				return false;
			p->c.at += end + 2;
		} else if (b == ' ' || b == '\t' || b == '\r' || (b == '\n' && !stop_at_newline)) {
			p->c.at++;
		} else {
			return true;
		}
	}
}

static bool
word_byte(int b)
{
	return b > ' ' && b != '"' && b != '{' && b != '}' && b != '[' && b != ']' && b != ';' &&
	       b != ',' && b != '=' && b != '#' && b != 0x7f;
}

static bool
escape(int b, char *out)
{
	static const char from[] = "\"\\/nrt", to[] = "\"\\/\n\r\t";

	for (size_t i = 0; i + 1 < sizeof(from); i++)
		if (b == from[i]) {
			*out = to[i];
			return true;
		}
	return false;
}

static enum status
quoted(struct parser *p, struct text *out)
{
	struct buffer b = BUFFER_INIT;
	enum status s = STATUS_OK;
	char c;
	int next;

	while ((next = cursor_next(&p->c)) != '"' && s == STATUS_OK) {
		if (next < 0 || next == '\n' || next == 0)
			s = wrong(p, "a quoted text is not closed on its line");
		else if (next != '\\')
			buffer_add_byte(&b, (char)next);
		else if (escape(cursor_next(&p->c), &c))
			buffer_add_byte(&b, c);
		else
			s = wrong(p, "unknown escape in a quoted text");
	}
	if (s == STATUS_OK)
		*out = arena_copy(p->a, buffer_text(&b));
	buffer_done(&b);
	return s;
}

/* A quoted text or a bare word; a colon inside a word belongs to it
 * (addresses), one at its end does not (key: value). */
static enum status
value(struct parser *p, const char *missing, struct text *out)
{
	const char *from = p->c.at;

	if (cursor_byte(&p->c, '"'))
		return quoted(p, out);
	while (word_byte(cursor_peek(&p->c)))
		p->c.at++;
	if (p->c.at > from && p->c.at[-1] == ':' && p->c.at - from > 1 && p->c.at[-2] != ':')
		p->c.at--;
	if (p->c.at == from)
		return wrong(p, missing);
	*out = arena_copy(p->a, (struct text){ from, (size_t)(p->c.at - from) });
	return STATUS_OK;
}

static enum status
list(struct parser *p, struct conf_node *n)
{
	struct text items[256];
	enum status s;

	n->is_list = true;
	for (;;) {
		if (!skip(p, false))
			return wrong(p, "a comment is not closed");
		if (cursor_byte(&p->c, ']'))
			break;
		if (n->value_count == ARRAY_LEN(items))
			return wrong(p, "more than 256 members in a list");
		s = value(p, "expected a value or ]", &items[n->value_count]);
		if (s != STATUS_OK)
			return s;
		n->value_count++;
		if (!skip(p, false))
			return wrong(p, "a comment is not closed");
		if (!cursor_byte(&p->c, ',') && cursor_peek(&p->c) != ']')
			return wrong(p, "expected , or ] in a list");
	}
	n->values = ARENA_ARRAY(p->a, struct text, n->value_count + 1);
	for (uint32_t i = 0; i < n->value_count; i++)
		n->values[i] = items[i];
	return STATUS_OK;
}

static enum status nodes(struct parser *p, unsigned depth, struct conf_node **out);

/* Behind the key: "{ ... }", "label { ... }", "= value", ": value", " value". */
static enum status
node_body(struct parser *p, unsigned depth, struct conf_node *n)
{
	bool sign;
	enum status s;

	if (!skip(p, true))
		return wrong(p, "a comment is not closed");
	sign = cursor_byte(&p->c, '=') || cursor_byte(&p->c, ':');
	if (!skip(p, sign ? false : true))
		return wrong(p, "a comment is not closed");
	if (cursor_byte(&p->c, '['))
		return list(p, n);
	if (cursor_peek(&p->c) != '{') {
		n->values = ARENA_NEW(p->a, struct text);
		n->value_count = 1;
		s = value(p, "expected a value", n->values);
		if (s != STATUS_OK || sign)
			return s;
		if (!skip(p, true))
			return wrong(p, "a comment is not closed");
		if (cursor_peek(&p->c) != '{')
			return STATUS_OK;
		n->label = n->values[0];
		n->value_count = 0;
	}
	p->c.at++;
	n->is_section = true;
	if (depth + 1 >= CONF_DEPTH_MAX)
		return wrong(p, "sections are nested too deeply");
	s = nodes(p, depth + 1, &n->child);
	if (s == STATUS_OK && !cursor_byte(&p->c, '}'))
		s = wrong(p, "expected } at the end of a section");
	return s;
}

/* Up to the end or a closing brace. */
static enum status
nodes(struct parser *p, unsigned depth, struct conf_node **out)
{
	struct conf_node *first = NULL, **last = &first, *n;
	enum status s;

	for (;;) {
		if (!skip(p, false))
			return wrong(p, "a comment is not closed");
		if (cursor_byte(&p->c, ';') || cursor_byte(&p->c, ','))
			continue;
		if (cursor_done(&p->c) || cursor_peek(&p->c) == '}')
			break;
		if (++p->nodes > CONF_NODES_MAX)
			return wrong(p, "too many settings");
		n = ARENA_NEW(p->a, struct conf_node);
		n->line = line_now(p);
		s = value(p, "expected the name of a setting", &n->key);
		if (s == STATUS_OK)
			s = node_body(p, depth, n);
		if (s != STATUS_OK)
			return s;
		*last = n;
		last = &n->next;
	}
	*out = first;
	return STATUS_OK;
}

enum status
conf_parse(struct text file, struct arena *a, struct conf_node **out, struct failure *f)
{
	struct parser p = { .c = cursor_of(file), .start = file.ptr, .a = a, .f = f };
	enum status s;

	if (file.len > CONF_FILE_MAX)
		return fail(f, STATUS_LIMIT, "The configuration file is larger than 1 MiB.",
		    "%zu octets", file.len);
	s = nodes(&p, 0, out);
	if (s == STATUS_OK && !cursor_done(&p.c))
		return wrong(&p, "a } without a section");
	return s;
}
