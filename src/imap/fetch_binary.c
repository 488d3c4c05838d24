/* SPDX-License-Identifier: ISC */
/*
 * BINARY[...] and BINARY.SIZE[...] of FETCH (RFC 3516 4.2, RFC 9051 6.4.5,
 * 7.5.2). What fits is decoded once, into the answer; of a larger range the
 * length must be announced before its octets are there, so it is decoded twice
 * rather than held. NULs make it a literal8.
 */
#include "base/log.h"
#include "imap/binary.h"
#include "imap/fetch.h"
#include "imap/write.h"

/* Octets of one answer that are held to save decoding twice. */
#define BINARY_AT_ONCE (1u << 20)

static void
unreadable(struct fetch *f, enum status st)
{
	buffer_add(&f->c->out, "NIL", 3);
	imap_fetch_unreadable(f, st);
}

static enum status
to_buffer(void *arg, struct text part)
{
	buffer_add_text(arg, part);
	return STATUS_OK;
}

/* "~{n}" where a NUL is among the octets. */
static void
literal_head(struct buffer *out, uint64_t octets, bool nul)
{
	if (nul)
		buffer_add_byte(out, '~');
	imap_write_literal_head(out, octets);
}

static void
at_once(struct fetch *f, struct message *m, const struct binary *b, uint64_t from, uint64_t len)
{
	struct buffer octets = BUFFER_INIT;
	enum status st = imap_binary_read(m, b, from, len, to_buffer, &octets);
	struct text t = buffer_text(&octets);

	if (st == STATUS_OK) {
		literal_head(&f->c->out, t.len, text_find_byte(t, '\0', 0) < t.len);
		buffer_add_text(&f->c->out, t);
	} else {
		unreadable(f, st);
	}
	buffer_done(&octets);
}

static void
piecewise(struct fetch *f, struct message *m, const struct binary *b, uint64_t from, uint64_t len)
{
	struct fetch_flow flow = { .im = f->c->im };
	struct binary_size size;
	enum status st = imap_binary_measure(m, b, from, len, &size);

	if (st != STATUS_OK) {
		unreadable(f, st);
		return;
	}
	literal_head(&f->c->out, size.octets, size.nul);
	flow.left = size.octets;
	imap_fetch_flow_begins(f);
	st = imap_binary_read(m, b, from, len, imap_fetch_to_stream, &flow);
	imap_fetch_flow_ends(f, &flow, st);
}

/* The section, or false with what stands for it already written. */
static bool
find(struct fetch *f, struct message *m, const struct item *item, const char *absent,
    struct binary *out)
{
	enum status st = imap_message_open(m);

	buffer_add_text(&f->c->out, item->label);
	buffer_add_byte(&f->c->out, ' ');
	if (st == STATUS_OK && imap_binary_find(m, &item->section, out, &st) && st == STATUS_OK)
		return true;
	buffer_add_string(&f->c->out, absent);
	if (st == STATUS_INVALID)
		f->unknown_encoding = true;
	else if (st != STATUS_OK)
		imap_fetch_unreadable(f, st);
	return false;
}

void
imap_fetch_binary(struct fetch *f, struct message *m, const struct item *item)
{
	uint64_t from = item->partial ? item->from : 0;
	uint64_t len = item->partial ? item->len : UINT64_MAX;
	struct binary b;

	if (!find(f, m, item, "NIL", &b))
		return;
	/* No encoding makes octets fewer. */
	if (len <= BINARY_AT_ONCE || b.where.len <= BINARY_AT_ONCE)
		at_once(f, m, &b, from, len);
	else
		piecewise(f, m, &b, from, len);
}

void
imap_fetch_binary_size(struct fetch *f, struct message *m, const struct item *item)
{
	struct binary_size size = { 0 };
	enum status st = STATUS_OK;
	struct binary b;

	if (!find(f, m, item, "0", &b))
		return;
	size.octets = b.where.len;
	if (b.encoding == MIME_BASE64 || b.encoding == MIME_QP)
		st = imap_binary_measure(m, &b, 0, UINT64_MAX, &size);
	buffer_add_u64(&f->c->out, st == STATUS_OK ? size.octets : 0);
	if (st != STATUS_OK)
		imap_fetch_unreadable(f, st);
}
