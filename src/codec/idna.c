/* SPDX-License-Identifier: ISC */
/*
 * Domain names by libidn2: IDNA 2008 (RFC 5891) with the non-transitional
 * mapping of UTS 46, which folds case. ASCII names, nearly all, are checked
 * here by the rule of letters, digits and hyphens and never reach the library.
 */
#include "codec/idna.h"

#include <idn2.h>
#include <string.h>

#include "codec/utf8.h"

#define DOMAIN_MAX 253
#define LABEL_MAX 63
#define INPUT_MAX 1000 /* a U-label form is never longer than a few times its A-labels */

static bool
ldh(char c)
{
	return byte_alpha(c) || byte_digit(c) || c == '-';
}

static bool
label_good(struct text label)
{
	if (label.len == 0 || label.len > LABEL_MAX)
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (!ldh(label.ptr[i]))
			return false;
	return label.ptr[0] != '-' && label.ptr[label.len - 1] != '-';
}

static bool
name_good(struct text name)
{
	struct text rest = name, label;

	if (name.len == 0 || name.len > DOMAIN_MAX || name.ptr[name.len - 1] == '.')
		return false;
	while (text_split(&rest, '.', &label))
		if (!label_good(label))
			return false;
	return true;
}

static void
add_lower(struct buffer *out, struct text name)
{
	for (size_t i = 0; i < name.len; i++)
		buffer_add_byte(out, byte_lower(name.ptr[i]));
}

enum status
idna_to_ascii(struct text domain, struct buffer *out)
{
	char input[INPUT_MAX + 1];
	char *ascii = NULL;
	enum status status = STATUS_INVALID;

	if (utf8_is_ascii(domain)) {
		if (!name_good(domain))
			return STATUS_INVALID;
		add_lower(out, domain);
		return STATUS_OK;
	}
	if (!utf8_valid(domain) || text_to_string(domain, input, sizeof(input)) != STATUS_OK)
		return STATUS_INVALID;
	if (idn2_to_ascii_8z(input, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return STATUS_INVALID;
	if (name_good(text_of(ascii))) {
		add_lower(out, text_of(ascii));
		status = STATUS_OK;
	}
	idn2_free(ascii);
	return status;
}

void
idna_to_unicode(struct text domain, struct buffer *out)
{
	char input[INPUT_MAX + 1];
	char *name = NULL;

	if (text_find_ci(domain, TEXT("xn--"), 0) == domain.len || !utf8_valid(domain) ||
	    text_to_string(domain, input, sizeof(input)) != STATUS_OK ||
	    idn2_to_unicode_8z8z(input, &name, 0) != IDN2_OK || !utf8_valid(text_of(name))) {
		idn2_free(name);
		buffer_add_text(out, domain);
		return;
	}
	buffer_add_string(out, name);
	idn2_free(name);
}
