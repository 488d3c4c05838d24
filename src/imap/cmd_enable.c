/* SPDX-License-Identifier: ISC */
/*
 * ENABLE (RFC 5161, RFC 9051 6.3.1): one table of what can be switched on. It
 * stays on until the connection ends. Names that are not known are passed
 * over, and ENABLED names only what this command switched on.
 */
#include "imap/session.h"

static const struct {
	struct text name;
	unsigned bits; /* enum imap_enabled, with what it implies */
} extensions[] = {
#define X(name, bits) { { name, sizeof(name) - 1 }, bits },
#include "imap/enable.def"
#undef X
};

/* Names it if it is new with this command, once; the bits that it has. */
static unsigned
enabled(struct command *c, struct text name, unsigned *named)
{
	for (size_t i = 0; i < ARRAY_LEN(extensions); i++) {
		if (!text_equal_ci(name, extensions[i].name))
			continue;
		if ((c->im->enabled & extensions[i].bits) != extensions[i].bits &&
		    (*named & 1u << i) == 0) {
			*named |= 1u << i;
			buffer_add_byte(&c->out, ' ');
			buffer_add_text(&c->out, extensions[i].name);
		}
		return extensions[i].bits;
	}
	return 0;
}

void
imap_enable(struct command *c, unsigned bits)
{
	struct imap *im = c->im;
	unsigned fresh = bits & ~im->enabled;

	im->enabled |= bits;
	if (im->view != NULL && (fresh & ENABLED_REV2) != 0)
		view_forget_recent(im->view);
	if (im->view != NULL && (fresh & ENABLED_CONDSTORE) != 0)
		imap_write_highest(c);
}

enum outcome
imap_cmd_enable(struct command *c)
{
	struct cursor again = c->args;
	unsigned bits = 0, named = 0;
	struct text name;

	do {
		if (!imap_sp(&c->args) || !imap_atom(&c->args, &name))
			return imap_bad(c, "Expected names of capabilities");
	} while (!imap_end(&c->args));
	buffer_add_string(&c->out, "* ENABLED");
	while (imap_sp(&again) && imap_atom(&again, &name))
		bits |= enabled(c, name, &named);
	buffer_add(&c->out, "\r\n", 2);
	imap_enable(c, bits);
	return imap_ok(c, NULL);
}
