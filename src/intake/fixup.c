/* SPDX-License-Identifier: ISC */
/* See intake/fixup.h. The header ends at its empty line, or in front of the
 * first line that is neither a field nor the continuation of one. */
#include "intake/fixup.h"

#include "codec/date.h"
#include "codec/idna.h"
#include "intake/authors.h"
#include "intake/octets.h"
#include "mime/header.h"
#include "mime/summary.h"

#define AUTHORS_MAX 100 /* addresses of one From or Sender */

/* What becomes of a field. ONCE: a second one is refused. FILLED: without a
 * value it counts as absent, and is taken out. */
enum fate { ONCE = 1, FILLED = 2, OUT = 4, SENT_COPY = 8 };

#define FIELD_TABLE(X)                               \
	X(FROM, "From", ONCE | FILLED)               \
	X(SENDER, "Sender", ONCE | FILLED)           \
	X(REPLY_TO, "Reply-To", ONCE)                \
	X(SUBJECT, "Subject", ONCE)                  \
	X(DATE, "Date", ONCE | FILLED)               \
	X(MESSAGE_ID, "Message-ID", ONCE | FILLED)   \
	X(BCC, "Bcc", OUT | SENT_COPY)               \
	X(RESENT_BCC, "Resent-Bcc", OUT | SENT_COPY) \
	X(RETURN_PATH, "Return-Path", OUT)           \
	X(CONTENT_LENGTH, "Content-Length", OUT)

enum field {
#define X(id, name, fate) FIELD_##id,
	FIELD_TABLE(X)
#undef X
	    FIELD_COUNT
};

static const struct {
	struct text name;
	unsigned fate;
} fields[FIELD_COUNT] = {
#define X(id, name, fate) [FIELD_##id] = { { name, sizeof(name) - 1 }, fate },
	FIELD_TABLE(X)
#undef X
};

struct work {
	const struct fixup *how;
	struct arena *arena;
	struct text value[FIELD_COUNT]; /* of the first; ptr NULL: it is not there */
	struct buffer kept, added, bcc;
	struct fixed *out;
	struct failure *f;
};

static enum field
field_of(struct text name)
{
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (text_equal_ci(name, fields[i].name))
			return (enum field)i;
	return FIELD_COUNT;
}

/* ---- the walk ---- */

static enum status
twice(struct work *w, enum field id)
{
	struct text words =
	    arena_printf(w->arena, "The message has more than one %s field", fields[id].name.ptr);

	return fail(w->f, STATUS_INVALID, arena_string(w->arena, words), "%.*s twice",
	    TEXT_ARG(fields[id].name));
}

static void
keep(struct buffer *to, struct text field)
{
	buffer_add_text(to, field);
	if (!text_ends(field, TEXT("\n")))
		buffer_add_string(to, "\r\n");
}

static enum status
take_field(struct work *w, struct text name, struct text field)
{
	enum field id = field_of(name);
	unsigned fate = id < FIELD_COUNT ? fields[id].fate : 0;
	struct text value = text_part(field, text_find_byte(field, ':', 0) + 1, field.len);

	if ((fate & FILLED) && text_trim(value).len == 0)
		return STATUS_OK;
	if ((fate & ONCE) && w->value[id].ptr != NULL)
		return twice(w, id);
	if (fate & SENT_COPY)
		keep(&w->bcc, field);
	if (id < FIELD_COUNT && w->value[id].ptr == NULL)
		w->value[id] = value;
	if (!(fate & OUT))
		keep(&w->kept, field);
	return STATUS_OK;
}

static enum status
walk(struct work *w, struct text message)
{
	struct cursor c = cursor_of(message);
	struct text name;
	const char *value;

	while (!cursor_done(&c) && header_mbox_line(c.at, c.end))
		c.at = header_line_end(c.at, c.end);
	while (!cursor_done(&c) && header_name(c.at, c.end, &name, &value)) {
		const char *start = c.at;
		enum status s;

		do {
			c.at = header_line_end(c.at, c.end);
		} while (header_continues(c.at, c.end));
		s = take_field(w, name, (struct text){ start, (size_t)(c.at - start) });
		if (s != STATUS_OK)
			return s;
	}
	if (!cursor_done(&c) && header_blank_line(c.at, c.end))
		c.at = header_line_end(c.at, c.end);
	w->out->body = cursor_rest(&c);
	if (w->how->binary &&
	    !octets_lines_good(text_part(message, 0, message.len - w->out->body.len)))
		return fail(w->f, STATUS_INVALID,
		    "The header has a CR or LF that is no end of a line", "binary header");
	return STATUS_OK;
}

/* ---- who wrote it ---- */

static void
add_author(struct fixed *out, struct text address)
{
	for (uint32_t i = 0; i < out->author_count; i++)
		if (text_equal(out->authors[i], address))
			return;
	out->authors[out->author_count++] = address;
}

/* The addresses of a field; how many there are. */
static enum status
read_authors(struct work *w, enum field id, uint32_t *count)
{
	struct mime_addresses list = { 0 };
	struct buffer address = BUFFER_INIT;
	bool good;

	*count = 0;
	mime_addresses_parse(w->arena, w->value[id], AUTHORS_MAX, &list);
	good = !list.cut && authors_are_clear(w->value[id]);
	for (uint32_t i = 0; i < list.count; i++) {
		const struct mime_address *at = &list.at[i];

		if (at->group_start || at->group_end)
			continue;
		good = good && at->mailbox.len > 0 && at->host.len > 0;
		buffer_clear(&address);
		smtp_address_print(&address, (struct smtp_address){ at->mailbox, at->host });
		add_author(w->out, arena_copy(w->arena, buffer_text(&address)));
		if ((*count)++ == 0 && id == FIELD_FROM)
			w->out->domain = arena_lower(w->arena, at->host);
	}
	buffer_done(&address);
	if (good && *count > 0)
		return STATUS_OK;
	return fail(w->f, STATUS_INVALID,
	    arena_string(
		w->arena, arena_printf(w->arena, "The %s field does not hold proper addresses",
			      fields[id].name.ptr)),
	    "%.*s: no address", TEXT_ARG(fields[id].name));
}

static enum status
find_authors(struct work *w)
{
	uint32_t count, senders;
	enum status s;

	w->out->authors = ARENA_ARRAY(w->arena, struct text, 2 * AUTHORS_MAX + 1);
	if (w->value[FIELD_FROM].ptr == NULL) {
		if (w->how->sender.len == 0)
			return fail(w->f, STATUS_INVALID, "The message has no From field",
			    "no From, null sender");
		buffer_addf(&w->added, "From: %.*s\r\n", TEXT_ARG(w->how->sender));
		w->value[FIELD_FROM] = w->how->sender;
	}
	s = read_authors(w, FIELD_FROM, &count);
	if (s != STATUS_OK)
		return s;
	if (w->value[FIELD_SENDER].ptr != NULL)
		return read_authors(w, FIELD_SENDER, &senders);
	if (count == 1)
		return STATUS_OK;
	if (w->how->sender.len == 0)
		return fail(w->f, STATUS_INVALID,
		    "The message has several authors and no Sender field", "no Sender");
	buffer_addf(&w->added, "Sender: %.*s\r\n", TEXT_ARG(w->how->sender));
	add_author(w->out, w->how->sender);
	return STATUS_OK;
}

/* ---- what is added ---- */

static void
add_date(struct work *w)
{
	buffer_add_string(&w->added, "Date: ");
	date_print_mail(&w->added, (struct date){ .at = w->how->now });
	buffer_add_string(&w->added, "\r\n");
}

/* At the domain of From, so that the name of no client shows (RFC 5322 3.6.4). */
static void
add_message_id(struct work *w)
{
	struct buffer domain = BUFFER_INIT;

	if (idna_to_ascii(w->out->domain, &domain) != STATUS_OK)
		buffer_add_text(&domain, w->how->hostname);
	buffer_addf(&w->added, "Message-ID: <%016llx.%016llx@%.*s>\r\n",
	    (unsigned long long)w->how->random[0], (unsigned long long)w->how->random[1],
	    TEXT_ARG(buffer_text(&domain)));
	buffer_done(&domain);
}

static void
finish(struct work *w)
{
	struct fixed *out = w->out;

	if (w->value[FIELD_DATE].ptr == NULL)
		add_date(w);
	if (w->value[FIELD_MESSAGE_ID].ptr == NULL)
		add_message_id(w);
	buffer_add_string(&w->kept, "\r\n");
	out->header = arena_join(w->arena, buffer_text(&w->added), buffer_text(&w->kept));
	out->bcc = arena_copy(w->arena, buffer_text(&w->bcc));
	if (out->bcc.len > 0) {
		struct mime_summary s;

		mime_parse(out->bcc, NULL, w->arena, &s);
		out->to_bcc = s.envelope.bcc;
	}
}

enum status
fixup(const struct fixup *how, struct text message, struct arena *a, struct fixed *out,
    struct failure *f)
{
	struct fixed made = { .body = TEXT_EMPTY };
	struct work w = { .how = how, .arena = a, .out = &made, .f = f };
	enum status s;

	if (!how->binary && !octets_lines_good(message))
		message = octets_mend_lines(message, a);
	s = walk(&w, message);
	if (s == STATUS_OK)
		s = find_authors(&w);
	if (s == STATUS_OK) {
		finish(&w);
		*out = made;
	}
	buffer_done(&w.kept);
	buffer_done(&w.added);
	buffer_done(&w.bcc);
	return s;
}
