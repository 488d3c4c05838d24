/* SPDX-License-Identifier: ISC */
/*
 * What the server says that it can do (RFC 3501 6.1.1, RFC 9051 6.1.1): one table. A row is
 * shown where its condition holds, and only what works has a row.
 */
#include "imap/session.h"

static bool
always(const struct imap *im)
{
	return true;
}

static bool
before(const struct imap *im)
{
	return im->state == IMAP_UNKNOWN;
}

static bool
after(const struct imap *im)
{
	return im->state != IMAP_UNKNOWN;
}

static bool
can_start_tls(const struct imap *im)
{
	const struct listener *l = im->session.listener;

	return before(im) && !im->session.tls && l != NULL && l->tls == TLS_STARTTLS;
}

/* RFC 3501 6.2.3: no password in clear. */
static bool
login_disabled(const struct imap *im)
{
	return before(im) && (auth_client_flags(&im->session) & AUTH_MAY_PLAIN) == 0;
}

static const struct {
	const char *name;
	bool (*shown)(const struct imap *im);
} capabilities[] = {
	{ "IMAP4rev1", always }, { "IMAP4rev2", always }, { "LITERAL+", always }, /* RFC 7888 */
	{ "SASL-IR", before },							  /* RFC 4959 */
	{ "ID", always },							  /* RFC 2971 */
	{ "ENABLE", always },							  /* RFC 5161 */
	{ "STARTTLS", can_start_tls }, { "LOGINDISABLED", login_disabled },
	{ "IDLE", after },		 /* RFC 2177 */
	{ "NAMESPACE", after },		 /* RFC 2342 */
	{ "CHILDREN", after },		 /* RFC 3348 */
	{ "UNSELECT", after },		 /* RFC 3691 */
	{ "UIDPLUS", after },		 /* RFC 4315 */
	{ "MULTIAPPEND", after },	 /* RFC 3502 */
	{ "MOVE", after },		 /* RFC 6851 */
	{ "BINARY", after },		 /* RFC 3516 */
	{ "ESEARCH", after },		 /* RFC 4731 */
	{ "SEARCHRES", after },		 /* RFC 5182 */
	{ "LIST-EXTENDED", after },	 /* RFC 5258 */
	{ "LIST-STATUS", after },	 /* RFC 5819 */
	{ "STATUS=SIZE", after },	 /* RFC 8438 */
	{ "CONDSTORE", after },		 /* RFC 7162 3.1 */
	{ "QRESYNC", after },		 /* RFC 7162 3.2 */
	{ "SPECIAL-USE", after },	 /* RFC 6154 */
	{ "CREATE-SPECIAL-USE", after }, /* RFC 6154 3 */
};

void
imap_capabilities(struct imap *im, struct arena *a, struct buffer *out)
{
	struct text words, word;

	for (size_t i = 0; i < ARRAY_LEN(capabilities); i++) {
		if (!capabilities[i].shown(im))
			continue;
		if (out->len > 0)
			buffer_add_byte(out, ' ');
		buffer_add_string(out, capabilities[i].name);
	}
	if (!before(im))
		return;
	words = auth_offer_words(
	    &im->server->offer, im->server->calls, auth_client_flags(&im->session), a);
	while (text_split(&words, ' ', &word)) {
		buffer_add_string(out, " AUTH=");
		buffer_add_text(out, word);
	}
}
