/* SPDX-License-Identifier: ISC */
/*
 * The facts that lists and rules ask for: has it an attachment, is it signed.
 * Only parts of the message itself count, not those of messages inside it.
 */
#include "mime/bodies.h"
#include "mime/params.h"
#include "mime/parse.h"

/* Types and what they make of a message; subtype "" is any. */
static const struct {
	struct text type, subtype;
	uint32_t fact;
} kinds[] = {
	{ { "text", 4 }, { "plain", 5 }, MIME_HAS_TEXT },
	{ { "text", 4 }, { "html", 4 }, MIME_HAS_HTML },
	{ { "text", 4 }, { "calendar", 8 }, MIME_CALENDAR },
	{ { "application", 11 }, { "ics", 3 }, MIME_CALENDAR },
	{ { "multipart", 9 }, { "signed", 6 }, MIME_SIGNED },
	{ { "multipart", 9 }, { "encrypted", 9 }, MIME_ENCRYPTED },
};

/* What nobody opens: signatures, and the machine-readable parts of reports
 * and encrypted messages (RFC 8621 4.1.4 lets a server pass over them). */
static const struct {
	struct text type, subtype;
} machinery[] = {
	{ { "application", 11 }, { "pgp-signature", 13 } },
	{ { "application", 11 }, { "pkcs7-signature", 15 } },
	{ { "application", 11 }, { "x-pkcs7-signature", 17 } },
	{ { "application", 11 }, { "pgp-encrypted", 13 } },
	{ { "application", 11 }, { "pkcs7-mime", 10 } },
	{ { "application", 11 }, { "x-pkcs7-mime", 12 } },
	{ { "message", 7 }, { "delivery-status", 15 } },
	{ { "message", 7 }, { "global-delivery-status", 22 } },
	{ { "message", 7 }, { "disposition-notification", 24 } },
	{ { "message", 7 }, { "feedback-report", 15 } },
	{ { "text", 4 }, { "rfc822-headers", 14 } },
};

static bool
is_smime(const struct mime_part *part)
{
	return mime_part_is(part, TEXT("application"), TEXT("pkcs7-mime")) ||
	       mime_part_is(part, TEXT("application"), TEXT("x-pkcs7-mime"));
}

/* RFC 8551 3.2: the type says what is inside. */
static uint32_t
smime_fact(const struct mime_part *part)
{
	struct text kind = TEXT_EMPTY;

	(void)mime_param_get(&part->params, TEXT("smime-type"), &kind);
	return text_equal_ci(kind, TEXT("signed-data")) ? MIME_SIGNED : MIME_ENCRYPTED;
}

static uint32_t
facts_of(const struct mime_part *part)
{
	if (is_smime(part))
		return smime_fact(part);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (mime_part_is(part, kinds[i].type, kinds[i].subtype))
			return kinds[i].fact;
	return 0;
}

/* Depth is bounded by the parser. */
static uint32_t
facts_of_all(const struct mime_part *part)
{
	uint32_t facts = 0;

	for (; part != NULL; part = part->next) {
		facts |= facts_of(part);
		if (text_equal(part->type, TEXT("multipart")))
			facts |= facts_of_all(part->child);
	}
	return facts;
}

/* Whether a part of the list of attachments is what a person calls one. */
static bool
counts(const struct mime_part *part)
{
	if (text_equal(part->disposition, TEXT("inline")))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(machinery); i++)
		if (mime_part_is(part, machinery[i].type, machinery[i].subtype))
			return false;
	if (text_equal(part->disposition, TEXT("attachment")))
		return true;
	/* A picture that the HTML shows, an invitation in an alternative. */
	return part->id.len == 0 && !mime_part_is(part, TEXT("text"), TEXT("calendar"));
}

void
mime_facts_find(struct mime_summary *s, struct arena *a)
{
	struct mime_bodies bodies;

	s->facts |= facts_of_all(&s->root);
	mime_bodies_find(&s->root, a, &bodies);
	for (uint32_t i = 0; i < bodies.attachments.count; i++)
		if (counts(bodies.attachments.at[i]))
			s->facts |= MIME_HAS_ATTACHMENT;
}
