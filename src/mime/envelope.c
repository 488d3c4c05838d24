/* SPDX-License-Identifier: ISC */
/*
 * What IMAP calls the envelope (RFC 9051 7.5.2), and the message-ids that
 * threads are made of (RFC 5256 3). Values are kept as they stand, unfolded;
 * the protocol fills in Sender and Reply-To from From when it prints.
 */
#include <string.h>

#include "mime/lexical.h"
#include "mime/parse.h"

static void
read_text(const struct header_values *values, enum header_id id, struct arena *a, bool *has,
    struct text *out)
{
	*has = values->at[id].ptr != NULL;
	if (*has)
		*out = lexical_unfold(values->at[id], a);
}

static void
read_list(const struct header_values *values, enum header_id id, uint32_t max, struct arena *a,
    struct mime_addresses *out)
{
	if (values->at[id].ptr != NULL)
		mime_addresses_parse(a, values->at[id], max, out);
}

/* All fields of one destination. */
static void
read_destination(const struct header_values *values, enum header_id id, uint32_t max,
    struct arena *a, struct mime_addresses *out)
{
	const struct header_more *more = &values->more[id - HEADER_TO];
	struct text *all;

	if (more->count == 0) {
		read_list(values, id, max, a, out);
		return;
	}
	all = ARENA_ARRAY(a, struct text, more->count + 1);
	all[0] = values->at[id];
	memcpy(all + 1, more->at, more->count * sizeof(*all));
	mime_addresses_parse_fields(a, all, more->count + 1, max, out);
}

void
mime_envelope_read(const struct header_values *values, uint32_t max_addresses, struct arena *a,
    struct mime_envelope *out)
{
	read_text(values, HEADER_DATE, a, &out->has_date, &out->date);
	read_text(values, HEADER_SUBJECT, a, &out->has_subject, &out->subject);
	read_text(values, HEADER_IN_REPLY_TO, a, &out->has_in_reply_to, &out->in_reply_to);
	read_text(values, HEADER_MESSAGE_ID, a, &out->has_message_id, &out->message_id);
	read_list(values, HEADER_FROM, max_addresses, a, &out->from);
	read_list(values, HEADER_SENDER, max_addresses, a, &out->sender);
	read_list(values, HEADER_REPLY_TO, max_addresses, a, &out->reply_to);
	read_destination(values, HEADER_TO, max_addresses, a, &out->to);
	read_destination(values, HEADER_CC, max_addresses, a, &out->cc);
	read_destination(values, HEADER_BCC, max_addresses, a, &out->bcc);
}

/* The next message-id in an unfolded value: what stands in angle brackets; in
 * a value without any, words. */
static bool
next_id(struct text *rest, bool brackets, struct text *out)
{
	while (rest->len > 0) {
		size_t start = 0, end;

		if (brackets) {
			start = text_find_byte(*rest, '<', 0) + 1;
			end = start <= rest->len ? text_find_byte(*rest, '>', start) : rest->len;
		} else {
			while (start < rest->len && lexical_blank(rest->ptr[start]))
				start++;
			for (end = start; end < rest->len && !lexical_blank(rest->ptr[end]);)
				end++;
		}
		*out = text_trim(text_part(*rest, start, end));
		*rest = text_part(*rest, end + 1, rest->len);
		if (out->len > 0)
			return true;
	}
	return false;
}

/* The newest ids, in order, none twice. */
struct ids {
	struct text at[MIME_REFERENCES_MAX];
	uint32_t count;
};

static void
add_id(struct ids *ids, struct text id)
{
	for (uint32_t i = 0; i < ids->count; i++)
		if (text_equal(ids->at[i], id))
			return;
	if (ids->count == MIME_REFERENCES_MAX) {
		memmove(ids->at, ids->at + 1, sizeof(ids->at) - sizeof(ids->at[0]));
		ids->count--;
	}
	ids->at[ids->count++] = id;
}

static void
add_ids(struct ids *ids, struct text value)
{
	bool brackets = memchr(value.ptr, '<', value.len) != NULL;
	struct text id;

	while (next_id(&value, brackets, &id))
		add_id(ids, id);
}

void
mime_references_read(const struct header_values *values, struct arena *a, struct mime_summary *s)
{
	struct text own = s->envelope.message_id, reply = s->envelope.in_reply_to;
	struct ids ids;

	if (own.len > 0)
		(void)next_id(&own, memchr(own.ptr, '<', own.len) != NULL, &s->message_id);
	ids.count = 0;
	if (values->at[HEADER_REFERENCES].ptr != NULL)
		add_ids(&ids, lexical_unfold(values->at[HEADER_REFERENCES], a));
	/* Often it holds prose or an address beside or in place of an id. */
	if (reply.len > 0 && memchr(reply.ptr, '<', reply.len) != NULL)
		add_ids(&ids, reply);
	if (ids.count == 0)
		return;
	s->references = ARENA_ARRAY(a, struct text, ids.count);
	memcpy(s->references, ids.at, ids.count * sizeof(ids.at[0]));
	s->reference_count = ids.count;
}
