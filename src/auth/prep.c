/* SPDX-License-Identifier: ISC */
/*
 * SASLprep (RFC 4013) through ICU's StringPrep. ASCII without controls is its
 * own prepared form and takes the short way.
 */
#include "auth/prep.h"

#include <unicode/usprep.h>
#include <unicode/ustring.h>

#include <pthread.h>

#include "base/random.h"
#include "mime/address.h"

static UStringPrepProfile *profile;
static pthread_once_t profile_once = PTHREAD_ONCE_INIT;

static void
profile_open(void)
{
	UErrorCode error = U_ZERO_ERROR;

	profile = usprep_openByType(USPREP_RFC4013_SASLPREP, &error);
	CHECK(U_SUCCESS(error));
}

void
prep_prepare(void)
{
	CHECK(pthread_once(&profile_once, profile_open) == 0);
}

static bool
plain_ascii(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		if (t.ptr[i] < 0x20 || t.ptr[i] == 0x7f)
			return false;
	return true;
}

/* False if the text is not UTF-8 or has what SASLprep prohibits. */
static bool
prepare_unicode(struct text in, struct buffer *out)
{
	UChar wide[PREP_MAX + 1], ready[4 * PREP_MAX];
	char narrow[3 * 4 * PREP_MAX];
	UErrorCode error = U_ZERO_ERROR;
	int32_t n, m = 0, len = 0;

	prep_prepare();
	u_strFromUTF8(wide, PREP_MAX, &n, in.ptr, (int32_t)in.len, &error);
	if (U_SUCCESS(error))
		m = usprep_prepare(
		    profile, wide, n, ready, ARRAY_LEN(ready), USPREP_DEFAULT, NULL, &error);
	if (U_SUCCESS(error))
		u_strToUTF8(narrow, sizeof(narrow), &len, ready, m, &error);
	if (U_SUCCESS(error))
		buffer_add(out, narrow, (size_t)len);
	secret_wipe(wide, sizeof(wide));
	secret_wipe(ready, sizeof(ready));
	secret_wipe(narrow, sizeof(narrow));
	return U_SUCCESS(error);
}

enum status
prep_password(struct text in, struct buffer *out)
{
	if (in.len > PREP_MAX)
		return STATUS_LIMIT;
	if (plain_ascii(in) || !prepare_unicode(in, out))
		buffer_add_text(out, in);
	return STATUS_OK;
}

struct text
prep_user(struct text in, struct arena *a)
{
	struct buffer key = BUFFER_INIT;
	struct text spelt;

	if (smtp_address_key(in, &key) == STATUS_OK)
		spelt = arena_copy(a, buffer_text(&key));
	else
		spelt = arena_lower(a, in);
	buffer_done(&key);
	return spelt;
}
