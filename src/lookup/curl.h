/* SPDX-License-Identifier: ISC */
/*
 * libcurl, opened at run time: one table of the functions that are used. With
 * a link to it, every role would carry libcurl and the libraries that it brings
 * (LDAP, Kerberos, SSH), with their memory and their faults.
 */
#ifndef LOOKUP_CURL_H
#define LOOKUP_CURL_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "base/status.h"

#define CURL_FUNCTIONS(X)           \
	X(curl_global_init)         \
	X(curl_easy_init)           \
	X(curl_easy_setopt)         \
	X(curl_easy_getinfo)        \
	X(curl_easy_strerror)       \
	X(curl_easy_cleanup)        \
	X(curl_multi_init)          \
	X(curl_multi_add_handle)    \
	X(curl_multi_perform)       \
	X(curl_multi_poll)          \
	X(curl_multi_info_read)     \
	X(curl_multi_remove_handle) \
	X(curl_multi_cleanup)       \
	X(curl_slist_append)        \
	X(curl_slist_free_all)      \
	X(curl_url)                 \
	X(curl_url_set)             \
	X(curl_url_get)             \
	X(curl_url_cleanup)         \
	X(curl_free)

struct curl_api {
#define X(name) __typeof__(&(name)) name;
	CURL_FUNCTIONS(X)
#undef X
};

extern struct curl_api curl_api;

/* Once, before the sandbox closes and before threads. UNAVAILABLE with words. */
enum status curl_open(struct failure *f) MUST_CHECK;

#endif
