/* SPDX-License-Identifier: ISC */
/* Opening libcurl; see curl.h. */
#include "lookup/curl.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

struct curl_api curl_api;

#define LIBRARY "libcurl.so.4"

static const struct {
	const char *name;
	size_t offset;
} functions[] = {
#define X(name) { #name, offsetof(struct curl_api, name) },
	CURL_FUNCTIONS(X)
#undef X
};

enum status
curl_open(struct failure *f)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL), *found;

	if (curl_api.curl_global_init != NULL)
		return STATUS_OK;
	for (size_t i = 0; library != NULL && i < ARRAY_LEN(functions); i++) {
		found = dlsym(library, functions[i].name);
		if (found == NULL)
			library = NULL;
		memcpy((char *)&curl_api + functions[i].offset, &found, sizeof(found));
	}
	if (library == NULL)
		return fail(
		    f, STATUS_UNAVAILABLE, "Outgoing HTTPS needs " LIBRARY ".", "%s", dlerror());
	if (curl_api.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return fail(f, STATUS_UNAVAILABLE, "Outgoing HTTPS needs " LIBRARY ".",
		    "curl_global_init failed");
	return STATUS_OK;
}
