/* SPDX-License-Identifier: ISC */
/* See outbound/message.h. */
#include "outbound/message.h"

#include "base/clock.h"
#include "mime/seven.h"
#include "mime/xtext.h"

/* ---- octets ---- */

static enum status
fetch(void *arg, uint32_t piece, struct arena *a, struct text *bytes)
{
	struct message *m = arg;

	return hand_piece(m->hand, m->hold, piece, a, bytes);
}

/* From a place to the end of its frame; the header goes with the first one. */
static uint64_t
window_len(const struct content *c, uint64_t at)
{
	uint64_t in_body = at > c->header_len ? at - c->header_len : 0;
	uint64_t frame_end = c->header_len + (in_body / CONTENT_FRAME_RAW + 1) * CONTENT_FRAME_RAW;

	return (frame_end < c->size ? frame_end : c->size) - at;
}

static enum status
read_content(struct message *m, uint64_t at, struct text *piece)
{
	enum status st;

	if (at < m->window_at || at >= m->window_at + m->window.len) {
		buffer_clear(&m->window);
		m->window_at = at;
		st = content_read_buffer(&m->content, at, window_len(&m->content, at), &m->window);
		if (st != STATUS_OK)
			return st;
	}
	*piece = text_part(buffer_text(&m->window), at - m->window_at, m->window.len);
	return piece->len > 0 ? STATUS_OK : STATUS_CORRUPT;
}

static enum status
read_message(void *arg, uint64_t at, struct text *piece)
{
	struct message *m = arg;
	struct text prefix = m->lease->prefix;

	if (m->hold->gone)
		return STATUS_CLOSED;
	if (at < prefix.len) {
		*piece = text_part(prefix, at, prefix.len);
		return STATUS_OK;
	}
	return read_content(m, at - prefix.len, piece);
}

/* As it goes over the wire (RFC 3461 4.4). */
static struct text
envid_spell(struct text envid, struct arena *a)
{
	struct buffer b = BUFFER_INIT;
	struct text out;

	xtext_encode(&b, envid);
	out = arena_copy(a, buffer_text(&b));
	buffer_done(&b);
	return out;
}

void
message_init(struct message *m, struct hand *hand, const struct hold *hold,
    const struct queue_lease_reply *lease, struct arena *a)
{
	*m = (struct message){ .hand = hand, .hold = hold, .lease = lease };
	m->envid = envid_spell(lease->envid, a);
	m->readable = content_open(lease->piece0, &m->content) == STATUS_OK;
	m->content.fetch = fetch;
	m->content.arg = m;
	m->understood = m->readable &&
			mime_summary_unpack(lease->summary, a, &m->summary) == STATUS_OK &&
			m->summary.size == m->content.size;
}

void
message_done(struct message *m)
{
	buffer_done(&m->window);
	buffer_done(&m->seven);
}

/* ---- the envelope ---- */

/* What it really is, not what was said of it: a message all in 7 bits goes
 * anywhere. Lines without end are not called binary unless they came so. */
static enum smtp_content
content_kind(const struct message *m)
{
	if (!m->understood)
		return m->lease->body == QUEUE_BINARYMIME ? SMTP_CONTENT_BINARY
		       : m->lease->body == QUEUE_8BITMIME ? SMTP_CONTENT_8BIT
							  : SMTP_CONTENT_7BIT;
	if ((m->summary.facts & MIME_HAS_BINARY) != 0 && m->lease->body == QUEUE_BINARYMIME)
		return SMTP_CONTENT_BINARY;
	return (m->summary.facts & MIME_HAS_8BIT) != 0 ? SMTP_CONTENT_8BIT : SMTP_CONTENT_7BIT;
}

void
message_envelope(struct message *m, int64_t now, struct smtp_envelope *out)
{
	const struct queue_lease_reply *l = m->lease;
	static const char modes[] = { 0, 'R', 'N', 0 };

	*out = (struct smtp_envelope){
		.sender = l->sender,
		.size = l->prefix.len + m->content.size,
		.body = content_kind(m),
		.rough = !m->understood || (m->summary.facts & MIME_HAS_BINARY) != 0,
		.header_utf8 = (l->needs & QUEUE_HEADER_UTF8) != 0 ||
			       (m->understood && (m->summary.facts & MIME_HEADER_UTF8) != 0),
		.require_tls = (l->needs & QUEUE_REQUIRETLS) != 0,
		.ret = l->ret == QUEUE_RET_FULL	  ? SMTP_RET_FULL
		       : l->ret == QUEUE_RET_HDRS ? SMTP_RET_HDRS
						  : SMTP_RET_NONE,
		.envid = m->envid,
		.has_priority = l->priority != 0,
		.priority = (int)l->priority,
		.by_mode = modes[l->by & 3],
		.by_trace = (l->by & QUEUE_BY_TRACE) != 0,
		.by_seconds = l->by_time - now / CLOCK_SECOND,
		.read = read_message,
		.arg = m,
	};
}

/* "type;address" with the address spelled for the wire (RFC 3461 4.2, RFC 6533
 * 3). */
static struct text
orcpt_spell(struct text orcpt, struct arena *a)
{
	size_t at = text_find_byte(orcpt, ';', 0);
	struct text type = text_part(orcpt, 0, at), address = text_part(orcpt, at + 1, orcpt.len);
	struct buffer b = BUFFER_INIT;
	struct text out;

	if (at >= orcpt.len)
		return TEXT_EMPTY;
	buffer_addf(&b, "%.*s;", TEXT_ARG(type));
	if (text_equal_ci(type, TEXT("utf-8")))
		unitext_encode(&b, address);
	else
		xtext_encode(&b, address);
	out = arena_copy(a, buffer_text(&b));
	buffer_done(&b);
	return out;
}

struct smtp_recipient *
message_recipients(const struct queue_lease_reply *l, struct arena *a)
{
	struct smtp_recipient *at = ARENA_ARRAY(a, struct smtp_recipient, l->recipients.count + 1);

	for (uint32_t i = 0; i < l->recipients.count; i++) {
		at[i].address = l->recipients.at[i];
		at[i].notify = i < l->notify.count ? (unsigned)l->notify.at[i] : 0;
		if (i < l->orcpts.count)
			at[i].orcpt = orcpt_spell(l->orcpts.at[i], a);
	}
	return at;
}

/* ---- in 7 bits ---- */

static enum status
read_seven(void *arg, uint64_t at, struct text *piece)
{
	struct message *m = arg;

	*piece = text_part(buffer_text(&m->seven), at, m->seven.len);
	return m->hold->gone ? STATUS_CLOSED : STATUS_OK;
}

/* Its prefix has no bodies: it is fit or it is not. */
static bool
make_seven(struct message *m)
{
	struct buffer whole = BUFFER_INIT;
	bool good;

	if (!m->understood || m->content.size > MESSAGE_SEVEN_MAX ||
	    !mime_seven_clean(m->lease->prefix))
		return false;
	buffer_add_text(&m->seven, m->lease->prefix);
	good = content_read_buffer(&m->content, 0, m->content.size, &whole) == STATUS_OK &&
	       mime_seven(buffer_text(&whole), &m->summary, &m->seven, NULL) == STATUS_OK;
	buffer_done(&whole);
	return good;
}

bool
message_seven(struct message *m, struct smtp_envelope *e)
{
	if (!m->seven_tried)
		m->seven_good = make_seven(m);
	m->seven_tried = true;
	if (!m->seven_good)
		return false;
	e->body = SMTP_CONTENT_7BIT;
	e->rough = false;
	e->size = m->seven.len;
	e->read = read_seven;
	return true;
}
