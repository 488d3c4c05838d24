/* SPDX-License-Identifier: ISC */
/*
 * Parsing what FETCH asks for (RFC 3501 6.4.5, 9, RFC 3516 7). Macros are written out into
 * items; the names of RFC 822 become the sections that they stand for, under
 * their own label.
 */
#include "imap/fetch_items.h"

#include <stdlib.h>
#include <string.h>

#include "imap/write.h"

static const struct {
	struct text name;
	unsigned needs;
} simple_items[] = {
#define X(id, name, needs, writer) { { name, sizeof(name) - 1 }, needs },
#include "imap/fetch_items.def"
#undef X
};

static const struct {
	struct text name;
	enum section_text text;
	bool peek;
} rfc822_items[] = {
	{ { "RFC822.HEADER", 13 }, SECTION_HEADER, true },
	{ { "RFC822.TEXT", 11 }, SECTION_BODY, false },
	{ { "RFC822", 6 }, SECTION_ALL, false },
};

static const struct {
	struct text name;
	enum fetch_item_id items[5];
	uint32_t count;
} macros[] = {
	{ { "ALL", 3 }, { ITEM_FLAGS, ITEM_INTERNALDATE, ITEM_SIZE, ITEM_ENVELOPE }, 4 },
	{ { "FAST", 4 }, { ITEM_FLAGS, ITEM_INTERNALDATE, ITEM_SIZE }, 3 },
	{ { "FULL", 4 }, { ITEM_FLAGS, ITEM_INTERNALDATE, ITEM_SIZE, ITEM_ENVELOPE, ITEM_BODY },
	    5 },
};

/* What stands in front of a section's brackets; a longer name before its
 * beginning. */
static const struct {
	struct text name, label;
	enum fetch_item_id id;
	bool peek;
} section_items[] = {
	{ { "BODY.PEEK", 9 }, { "BODY[", 5 }, ITEM_SECTION, true },
	{ { "BODY", 4 }, { "BODY[", 5 }, ITEM_SECTION, false },
	{ { "BINARY.SIZE", 11 }, { "BINARY.SIZE[", 12 }, ITEM_BINARY_SIZE, true },
	{ { "BINARY.PEEK", 11 }, { "BINARY[", 7 }, ITEM_BINARY, true },
	{ { "BINARY", 6 }, { "BINARY[", 7 }, ITEM_BINARY, false },
};

static bool
has_section(const struct item *item)
{
	return item->id >= ITEM_SECTION;
}

/* The header of the message stands apart; anything else may be in its body. */
static unsigned
section_needs(const struct section *s)
{
	if (s->depth > 0)
		return FETCH_PIECE0 | FETCH_SHOWN;
	return s->text == SECTION_ALL || s->text == SECTION_BODY ? FETCH_PIECE0 : FETCH_HEADER;
}

static bool
add(struct fetch_items *list, const struct item *item)
{
	if (list->count == FETCH_ITEMS_MAX) {
		list->limited = true;
		return false;
	}
	list->at[list->count++] = *item;
	if (has_section(item)) {
		list->needs |= section_needs(&item->section);
		list->sets_seen |= !item->peek;
	} else {
		list->needs |= simple_items[item->id].needs;
		list->has_flags |= item->id == ITEM_FLAGS;
		list->has_uid |= item->id == ITEM_UID;
		list->has_modseq |= item->id == ITEM_MODSEQ;
	}
	return true;
}

/* section-part = nz-number *("." nz-number); a dot that no number follows is
 * left for section-text. */
static bool
section_part(struct cursor *c, struct arena *a, struct section *out)
{
	uint32_t number;

	if (!imap_nz_number(c, &number))
		return true; /* none */
	out->part = ARENA_ARRAY(a, uint32_t, SECTION_DEPTH_MAX);
	do {
		struct cursor dot = *c;

		if (out->depth == SECTION_DEPTH_MAX)
			return false;
		out->part[out->depth++] = number;
		if (!cursor_byte(&dot, '.') || !imap_nz_number(&dot, &number))
			return true;
		*c = dot;
	} while (true);
}

/* One more; room doubles, so a list costs what it holds. */
static void
add_name(struct texts *list, uint32_t *room, struct arena *a, struct text name)
{
	if (list->count == *room) {
		struct text *at = ARENA_ARRAY(a, struct text, 2 * *room + 4);

		if (list->count > 0)
			memcpy(at, list->at, list->count * sizeof(*at));
		list->at = at;
		*room = 2 * *room + 4;
	}
	list->at[list->count++] = name;
}

/* header-list = "(" header-fld-name *(SP header-fld-name) ")" */
static bool
header_list(struct cursor *c, struct arena *a, struct texts *out)
{
	uint32_t room = 0;
	struct text name;

	if (!imap_sp(c) || !cursor_byte(c, '('))
		return false;
	do {
		if (!imap_astring(c, a, &name))
			return false;
		add_name(out, &room, a, name);
	} while (imap_sp(c));
	return cursor_byte(c, ')');
}

static int
by_name(const void *x, const void *y)
{
	return text_compare_ci(*(const struct text *)x, *(const struct text *)y);
}

/* A list may be long, and each field of each header is looked up in it. */
static void
sort_fields(struct arena *a, struct section *s)
{
	uint32_t count = s->fields.count;

	s->sorted = (struct texts){ .at = ARENA_ARRAY(a, struct text, count), .count = count };
	memcpy(s->sorted.at, s->fields.at, count * sizeof(struct text));
	qsort(s->sorted.at, count, sizeof(struct text), by_name);
}

/* section-msgtext / "MIME" */
static bool
section_text(struct cursor *c, struct arena *a, struct section *out)
{
	if (imap_word(c, TEXT("HEADER.FIELDS.NOT")))
		out->text = SECTION_FIELDS_NOT;
	else if (imap_word(c, TEXT("HEADER.FIELDS")))
		out->text = SECTION_FIELDS;
	else if (imap_word(c, TEXT("HEADER")))
		out->text = SECTION_HEADER;
	else if (imap_word(c, TEXT("TEXT")))
		out->text = SECTION_BODY;
	else if (out->depth > 0 && imap_word(c, TEXT("MIME")))
		out->text = SECTION_MIME;
	else
		return false;
	if (out->text != SECTION_FIELDS && out->text != SECTION_FIELDS_NOT)
		return true;
	if (!header_list(c, a, &out->fields))
		return false;
	sort_fields(a, out);
	return true;
}

bool
imap_section(struct cursor *c, struct arena *a, struct section *out)
{
	struct cursor in = *c;

	*out = (struct section){ .text = SECTION_ALL };
	if (!cursor_byte(&in, '[') || !section_part(&in, a, out))
		return false;
	if (!cursor_byte(&in, ']')) {
		if (out->depth > 0 && !cursor_byte(&in, '.'))
			return false;
		if (!section_text(&in, a, out) || !cursor_byte(&in, ']'))
			return false;
	}
	*c = in;
	return true;
}

/* ["<" number "." nz-number ">"], of 64 bits (RFC 9051 9 partial) */
static bool
partial(struct cursor *c, struct item *out)
{
	if (!cursor_byte(c, '<'))
		return true;
	out->partial = true;
	return imap_number64(c, &out->from) && cursor_byte(c, '.') && imap_number64(c, &out->len) &&
	       out->len > 0 && cursor_byte(c, '>');
}

static void
add_section_label(struct buffer *b, const struct section *s)
{
	static const char *const words[] = { "", "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT",
		"TEXT", "MIME" };

	for (uint32_t i = 0; i < s->depth; i++) {
		if (i > 0)
			buffer_add_byte(b, '.');
		buffer_add_u64(b, s->part[i]);
	}
	if (s->depth > 0 && s->text != SECTION_ALL)
		buffer_add_byte(b, '.');
	buffer_add_string(b, words[s->text]);
	if (s->text != SECTION_FIELDS && s->text != SECTION_FIELDS_NOT)
		return;
	for (uint32_t i = 0; i < s->fields.count; i++) {
		buffer_add_string(b, i == 0 ? " (" : " ");
		imap_write_astring(b, s->fields.at[i]);
	}
	buffer_add_byte(b, ')');
}

static struct text
label_of(const struct item *item, struct text begin, struct arena *a)
{
	struct buffer b = BUFFER_INIT;
	struct text label;

	buffer_add_text(&b, begin);
	add_section_label(&b, &item->section);
	buffer_add_byte(&b, ']');
	if (item->partial) {
		buffer_add_byte(&b, '<');
		buffer_add_u64(&b, item->from);
		buffer_add_byte(&b, '>');
	}
	label = arena_copy(a, buffer_text(&b));
	buffer_done(&b);
	return label;
}

/* section-binary = "[" [section-part] "]"; BINARY.SIZE has no partial. */
static bool
fits(const struct item *item)
{
	if (item->id == ITEM_SECTION)
		return true;
	return item->section.text == SECTION_ALL &&
	       !(item->id == ITEM_BINARY_SIZE && item->partial);
}

/* "BODY" section, "BODY.PEEK" section, "BINARY" section-binary and so on, each
 * with its partial. */
static bool
section_item(struct cursor *c, struct arena *a, struct item *out, bool *limited)
{
	for (size_t i = 0; i < ARRAY_LEN(section_items); i++) {
		struct cursor in = *c;

		if (!cursor_text_ci(&in, section_items[i].name) || cursor_peek(&in) != '[')
			continue;
		*out = (struct item){ .id = section_items[i].id, .peek = section_items[i].peek };
		if (!imap_section(&in, a, &out->section) || !partial(&in, out) || !fits(out)) {
			*limited |= out->section.depth == SECTION_DEPTH_MAX;
			return false;
		}
		out->label = label_of(out, section_items[i].label, a);
		*c = in;
		return true;
	}
	return false;
}

static bool
fetch_att(struct cursor *c, struct arena *a, struct fetch_items *list)
{
	struct item item;

	if (section_item(c, a, &item, &list->limited))
		return add(list, &item);
	for (size_t i = 0; i < ARRAY_LEN(simple_items); i++) {
		if (imap_word(c, simple_items[i].name)) {
			item = (struct item){ .id = (enum fetch_item_id)i };
			/* "BODY[" that is no section is not BODY. */
			return cursor_peek(c) != '[' && add(list, &item);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(rfc822_items); i++) {
		if (imap_word(c, rfc822_items[i].name)) {
			item = (struct item){ .id = ITEM_SECTION,
				.section = { .text = rfc822_items[i].text },
				.peek = rfc822_items[i].peek,
				.label = rfc822_items[i].name };
			return cursor_peek(c) != '[' && add(list, &item);
		}
	}
	return false;
}

static bool
macro(struct cursor *c, struct fetch_items *list)
{
	for (size_t i = 0; i < ARRAY_LEN(macros); i++) {
		if (!imap_word(c, macros[i].name))
			continue;
		for (uint32_t k = 0; k < macros[i].count; k++) {
			const struct item item = { .id = macros[i].items[k] };

			(void)add(list, &item);
		}
		return true;
	}
	return false;
}

/* A macro, one item, or a list of them. */
static bool
items(struct cursor *c, struct arena *a, struct fetch_items *list)
{
	if (!cursor_byte(c, '('))
		return macro(c, list) || fetch_att(c, a, list);
	do {
		if (!fetch_att(c, a, list))
			return false;
	} while (imap_sp(c));
	return cursor_byte(c, ')');
}

bool
imap_fetch_items(struct cursor *c, struct arena *a, struct fetch_items *out)
{
	struct cursor in = *c;
	struct fetch_items list = { 0 };

	/* More than the limit: UID and MODSEQ may be put in front. */
	list.at = ARENA_ARRAY(a, struct item, FETCH_ITEMS_MAX + 2);
	if (!items(&in, a, &list)) {
		*out = (struct fetch_items){ .limited = list.limited };
		return false;
	}
	*out = list;
	*c = in;
	return true;
}

static void
put_in_front(struct fetch_items *items, enum fetch_item_id id)
{
	memmove(&items->at[1], &items->at[0], items->count * sizeof(items->at[0]));
	items->at[0] = (struct item){ .id = id };
	items->count++;
}

void
imap_fetch_add_uid(struct fetch_items *items)
{
	if (!items->has_uid)
		put_in_front(items, ITEM_UID);
	items->has_uid = true;
}

void
imap_fetch_add_modseq(struct fetch_items *items)
{
	if (!items->has_modseq)
		put_in_front(items, ITEM_MODSEQ);
	items->has_modseq = true;
}
