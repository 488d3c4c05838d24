/* SPDX-License-Identifier: ISC */
/* Random FETCH commands (RFC 3501 6.4.5, RFC 3516) and their answers; see
 * testing_random.h. */
#ifndef IMAP_TESTING_RANDOM_FETCH_H
#define IMAP_TESTING_RANDOM_FETCH_H

#include "imap/testing_naive_structure.h"
#include "imap/testing_random.h"

#define RANDOM_ITEMS 4
#define RANDOM_DEPTH 4

enum random_kind {
	RANDOM_UID,
	RANDOM_FLAGS,
	RANDOM_DATE,
	RANDOM_SIZE,
	RANDOM_RFC822,
	RANDOM_RFC822_HEADER,
	RANDOM_RFC822_TEXT,
	RANDOM_ENVELOPE,
	RANDOM_STRUCTURE, /* BODY */
	RANDOM_BODYSTRUCTURE,
	RANDOM_BINARY,
	RANDOM_BINARY_SIZE,
	RANDOM_BODY, /* this one and all behind it */
};

struct random_item {
	uint32_t kind;
	uint32_t part[RANDOM_DEPTH], depth;
	const char *text; /* "HEADER" and so on, or "" */
	const char *fields[2];
	uint32_t field_count;
	bool peek, partial;
	uint64_t from, len;
};

struct random_fetch {
	struct random_talk *r;
	struct random_item at[RANDOM_ITEMS];
	uint32_t count;
	bool in[MAILS];
	bool sets_seen, has_flags, has_uid, unknown;
};

/* "[1.2.HEADER.FIELDS (a b)]" */
UNUSED static void
random_write_section(const struct random_item *i, struct buffer *out)
{
	buffer_add_byte(out, '[');
	for (uint32_t k = 0; k < i->depth; k++)
		buffer_addf(out, "%s%u", k > 0 ? "." : "", i->part[k]);
	buffer_addf(out, "%s%s", i->depth > 0 && i->text[0] != '\0' ? "." : "", i->text);
	for (uint32_t k = 0; k < i->field_count; k++)
		buffer_addf(out, "%s%s", k == 0 ? " (" : " ", i->fields[k]);
	buffer_add_string(out, i->field_count > 0 ? ")]" : "]");
}

UNUSED static void
random_section(struct random_talk *r, struct random_item *i)
{
	static const char *const texts[] = { "", "", "HEADER", "TEXT", "HEADER.FIELDS",
		"HEADER.FIELDS.NOT", "MIME" };
	static const char *const names[] = { "Subject", "x-twice", "Content-Type", "X-None",
		"FROM" };
	static const uint8_t depths[] = { 0, 1, 1, 1, 2, 2, 3, RANDOM_DEPTH },
			     parts[] = { 1, 1, 1, 1, 2, 2, 3, 4 };

	/* Mostly parts that some message has. */
	i->depth = depths[random_pick(r, ARRAY_LEN(depths))];
	for (uint32_t k = 0; k < i->depth; k++)
		i->part[k] = parts[random_pick(r, ARRAY_LEN(parts))];
	i->text = "";
	if (i->kind >= RANDOM_BODY)
		i->text = texts[random_pick(r, ARRAY_LEN(texts) - (i->depth == 0))];
	i->field_count = text_starts(text_of(i->text), TEXT("HEADER.")) ? 1 + random_pick(r, 2) : 0;
	for (uint32_t k = 0; k < i->field_count; k++)
		i->fields[k] = names[random_pick(r, ARRAY_LEN(names))];
	i->peek = random_pick(r, 4) > 0;
	i->partial = i->kind != RANDOM_BINARY_SIZE && random_pick(r, 2) == 1;
	i->from = random_pick(r, 16) * (uint64_t)random_pick(r, 8);
	i->len = 1 + random_pick(r, 100);
}

UNUSED static void
random_say_item(struct random_talk *r, const struct random_item *i)
{
	static const char *const names[] = { "UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE",
		"RFC822", "RFC822.HEADER", "RFC822.TEXT", "ENVELOPE", "BODY", "BODYSTRUCTURE",
		"BINARY", "BINARY.SIZE", "BODY" };
	uint32_t kind = i->kind < RANDOM_BODY ? i->kind : RANDOM_BODY;

	buffer_add_string(&r->say, names[kind]);
	if (kind < RANDOM_BINARY)
		return;
	if (i->peek && kind != RANDOM_BINARY_SIZE)
		buffer_add_string(&r->say, ".PEEK");
	random_write_section(i, &r->say);
	if (i->partial)
		buffer_addf(&r->say, "<%lu.%lu>", (unsigned long)i->from, (unsigned long)i->len);
}

UNUSED static void
random_item(struct random_fetch *f)
{
	struct random_item *i = &f->at[f->count++];

	*i = (struct random_item){ .kind = random_pick(f->r, 24), .text = "" };
	if (i->kind >= RANDOM_BINARY)
		random_section(f->r, i);
	if (i->kind == RANDOM_BINARY_SIZE || i->kind <= RANDOM_SIZE ||
	    i->kind == RANDOM_RFC822_HEADER ||
	    (i->kind >= RANDOM_ENVELOPE && i->kind <= RANDOM_BODYSTRUCTURE))
		i->peek = true;
	f->sets_seen |= !i->peek;
	f->has_flags |= i->kind == RANDOM_FLAGS;
	f->has_uid |= i->kind == RANDOM_UID;
	random_say_item(f->r, i);
}

/* ---- what is wanted ---- */

UNUSED static void
random_want_flags(struct random_talk *r, const struct random_message *m)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} names[] = { { FLAG_ANSWERED, "\\Answered " }, { FLAG_FLAGGED, "\\Flagged " },
		{ FLAG_DELETED, "\\Deleted " }, { FLAG_SEEN, "\\Seen " },
		{ FLAG_DRAFT, "\\Draft " } };

	buffer_add_string(&r->want, "FLAGS (");
	for (size_t k = 0; k < ARRAY_LEN(names); k++)
		if ((m->flags & names[k].flag) != 0)
			buffer_add_string(&r->want, names[k].name);
	buffer_add_string(&r->want, r->rev2 ? "" : "\\Recent ");
	buffer_add_string(&r->want, (m->mail->keywords & 1) != 0 ? "$Work " : "");
	buffer_add_string(&r->want, (m->mail->keywords & 2) != 0 ? "$Home " : "");
	if (r->want.ptr[r->want.len - 1] == ' ')
		buffer_cut(&r->want, r->want.len - 1);
	buffer_add_byte(&r->want, ')');
}

UNUSED static void
random_want_octets(struct random_talk *r, const struct random_item *i, struct text t)
{
	if (i->partial) {
		t = text_part(t, i->from < t.len ? (size_t)i->from : t.len, t.len);
		t = text_part(t, 0, i->len < t.len ? (size_t)i->len : t.len);
	}
	if (text_find_byte(t, '\0', 0) < t.len)
		buffer_add_byte(&r->want, '~');
	buffer_addf(&r->want, "{%zu}\r\n", t.len);
	buffer_add_text(&r->want, t);
}

/* The fields that are named, or all others. */
UNUSED static void
random_pick_fields(const struct random_item *i, struct text header, struct buffer *out)
{
	bool not = text_ends(text_of(i->text), TEXT(".NOT"));
	struct text field;

	while (naive_next_field(&header, &field)) {
		bool named = false;

		for (uint32_t k = 0; k < i->field_count; k++)
			named = named || naive_is_field(field, text_of(i->fields[k]));
		if (named != not )
			buffer_add_text(out, field);
	}
	buffer_add_string(out, "\r\n");
}

UNUSED static void
random_want_body(struct random_talk *r, const struct random_item *i, const struct random_message *m)
{
	struct naive root = random_root(m), e;
	struct buffer picked = BUFFER_INIT;
	bool message = i->depth == 0;

	if (!naive_find(&root, i->part, i->depth, &e)) {
		buffer_add_string(&r->want, "NIL");
		return;
	}
	if (strcmp(i->text, "MIME") == 0) {
		random_want_octets(r, i, e.header);
		return;
	}
	if (i->text[0] == '\0') {
		random_want_octets(r, i, message ? m->mail->octets : e.body);
		return;
	}
	if (!message && !naive_is_type(&e, "message/rfc822")) {
		buffer_add_string(&r->want, "NIL");
		return;
	}
	if (!message)
		e = naive_split(e.body, false);
	if (i->field_count > 0) {
		random_pick_fields(i, e.header, &picked);
		random_want_octets(r, i, buffer_text(&picked));
	} else {
		random_want_octets(r, i, strcmp(i->text, "TEXT") == 0 ? e.body : e.header);
	}
	buffer_done(&picked);
}

UNUSED static void
random_want_binary(
    struct random_fetch *f, const struct random_item *i, const struct random_message *m)
{
	struct random_talk *r = f->r;
	struct naive root = random_root(m), e;
	struct buffer octets = BUFFER_INIT;
	bool size = i->kind == RANDOM_BINARY_SIZE, there = true;

	if (i->depth == 0) {
		buffer_add_text(&octets, m->mail->octets);
	} else if (!naive_find(&root, i->part, i->depth, &e)) {
		there = false;
	} else if (!naive_decode(&e, &octets)) {
		there = false;
		f->unknown = true;
	}
	if (size)
		buffer_addf(&r->want, "%zu", there ? octets.len : 0);
	else if (there)
		random_want_octets(r, i, buffer_text(&octets));
	else
		buffer_add_string(&r->want, "NIL");
	buffer_done(&octets);
}

UNUSED static void
random_want_section(
    struct random_fetch *f, const struct random_item *i, const struct random_message *m)
{
	struct random_talk *r = f->r;

	buffer_add_string(&r->want, i->kind == RANDOM_BINARY	    ? "BINARY"
				    : i->kind == RANDOM_BINARY_SIZE ? "BINARY.SIZE"
								    : "BODY");
	random_write_section(i, &r->want);
	if (i->partial)
		buffer_addf(&r->want, "<%lu>", (unsigned long)i->from);
	buffer_add_byte(&r->want, ' ');
	if (i->kind >= RANDOM_BODY)
		random_want_body(r, i, m);
	else
		random_want_binary(f, i, m);
}

UNUSED static void
random_want_item(
    struct random_fetch *f, const struct random_item *i, const struct random_message *m)
{
	struct random_talk *r = f->r;
	struct naive root = random_root(m);

	switch (i->kind) {
	case RANDOM_UID:
		buffer_addf(&r->want, "UID %u", m->uid);
		break;
	case RANDOM_FLAGS:
		random_want_flags(r, m);
		break;
	case RANDOM_DATE:
		buffer_addf(&r->want, "INTERNALDATE \"%s\"", m->mail->date);
		break;
	case RANDOM_SIZE:
		buffer_addf(&r->want, "RFC822.SIZE %zu", m->mail->octets.len);
		break;
	case RANDOM_RFC822:
		buffer_add_string(&r->want, "RFC822 ");
		random_want_octets(r, i, m->mail->octets);
		break;
	case RANDOM_RFC822_HEADER:
		buffer_add_string(&r->want, "RFC822.HEADER ");
		random_want_octets(r, i, root.header);
		break;
	case RANDOM_RFC822_TEXT:
		buffer_add_string(&r->want, "RFC822.TEXT ");
		random_want_octets(r, i, root.body);
		break;
	case RANDOM_ENVELOPE:
		buffer_add_string(&r->want, "ENVELOPE ");
		naive_envelope(&root, r->rev2, &r->want);
		break;
	case RANDOM_STRUCTURE:
	case RANDOM_BODYSTRUCTURE:
		buffer_add_string(
		    &r->want, i->kind == RANDOM_STRUCTURE ? "BODY " : "BODYSTRUCTURE ");
		naive_structure(&root, i->kind == RANDOM_BODYSTRUCTURE, r->rev2, &r->want);
		break;
	default:
		random_want_section(f, i, m);
		break;
	}
}

UNUSED static void
random_want_fetch(struct random_fetch *f, uint32_t n)
{
	struct random_talk *r = f->r;
	struct random_message *m = &r->at[n];
	bool newly = f->sets_seen && (m->flags & FLAG_SEEN) == 0;

	if (newly)
		m->flags |= FLAG_SEEN;
	buffer_addf(&r->want, "* %u FETCH (", n + 1);
	if (r->uid && !f->has_uid)
		buffer_addf(&r->want, "UID %u ", m->uid);
	for (uint32_t i = 0; i < f->count; i++) {
		if (i > 0)
			buffer_add_byte(&r->want, ' ');
		random_want_item(f, &f->at[i], m);
	}
	if (newly && !f->has_flags) {
		buffer_add_byte(&r->want, ' ');
		random_want_flags(r, m);
	}
	buffer_add_string(&r->want, ")\r\n");
}

UNUSED static void
random_fetch(struct random_talk *r)
{
	struct random_fetch f = { .r = r };
	uint32_t n = 1 + random_pick(r, RANDOM_ITEMS);

	random_tag(r, "FETCH");
	random_set(r, r->uid, r->uid, f.in);
	buffer_add_string(&r->say, " (");
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0)
			buffer_add_byte(&r->say, ' ');
		random_item(&f);
	}
	buffer_add_byte(&r->say, ')');
	for (uint32_t i = 0; i < r->count; i++)
		if (f.in[i])
			random_want_fetch(&f, i);
	if (!f.unknown) {
		random_done(r, "FETCH");
		return;
	}
	buffer_add_string(&r->say, "\r\n");
	buffer_add_string(
	    &r->want, "t NO [UNKNOWN-CTE] Some parts have an encoding that is not known\r\n");
	random_run(r);
}

#endif
