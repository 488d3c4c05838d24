/* SPDX-License-Identifier: ISC */
/*
 * Sets ICU up once per process (see icu.h). udata_setFileAccess must come
 * before the first data is loaded, hence the once-guard in every caller.
 */
#include "codec/icu.h"

#include <pthread.h>
#include <unicode/udata.h>

#include "base/status.h"

static void
begin(void)
{
	UErrorCode error = U_ZERO_ERROR;

	udata_setFileAccess(UDATA_NO_FILES, &error);
	CHECK(U_SUCCESS(error));
}

void
icu_begin(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	CHECK(pthread_once(&once, begin) == 0);
}
