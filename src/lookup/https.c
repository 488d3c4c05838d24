/* SPDX-License-Identifier: ISC */
/*
 * One request at a time in its caller's thread: read the URL, resolve, judge
 * the addresses, let libcurl talk to one of those. libcurl resolves nothing
 * itself: it is given the addresses, and asked again by its callback which one
 * it is about to connect to. Redirects are followed here, through all of it
 * again.
 */
#include "lookup/https.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "lookup/curl.h"
#include "lookup/guard.h"
#include "mailauth/records.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"
#include "runtime/thread.h"

#define AUTHORITIES "/etc/ssl/certs/ca-certificates.crt"
#define CONTENT_MAX 200
#define LOOK_MS 200 /* how often it is seen that the service stops */

struct https {
	const struct dns_source *dns;
	X509_STORE *trusted;
	_Atomic bool stop;
};

/* One request, or one step of its redirects. A URL without a port means the one
 * that is set. */
struct step {
	struct https *https;
	const struct https_request *request;
	struct arena *arena;
	struct guard guard;
	uint16_t port;
	int64_t deadline;
	CURLU *url;
	char host[DNS_NAME_MAX + 1]; /* A-labels, or an address without brackets */
	struct text addresses[LOOKUP_ADDRESSES_MAX];
	size_t address_count;
	struct curl_slist *resolve, *headers;
	struct buffer body;
	bool is_address;
	bool forbidden, too_large; /* by the callbacks */
	struct https_answer *out;
};

static bool
end(struct step *s, enum lookup_https_outcome outcome, const char *why)
{
	*s->out = (struct https_answer){
		.outcome = outcome,
		.why = arena_copy(s->arena, text_of(why)),
		.content = TEXT_EMPTY,
		.body = TEXT_EMPTY,
	};
	if (outcome == LOOKUP_HTTPS_FORBIDDEN)
		metric_add(METRIC_LOOKUP_HTTPS_FORBIDDEN, 1);
	return false;
}

/* ---- the URL ---- */

static char *
part_of(struct step *s, CURLUPart part, unsigned flags)
{
	char *got = NULL, *copy = NULL;

	if (curl_api.curl_url_get(s->url, part, &got, flags) == CURLUE_OK)
		copy = arena_string(s->arena, text_of(got));
	curl_api.curl_free(got);
	return copy;
}

/* A name in A-labels, or the octets of an address as the only one. */
static bool
read_host(struct step *s, const char *host)
{
	struct text word = text_of(host);
	char octets[16];

	if (text_starts(word, TEXT("[")))
		word = text_part(word, 1, word.len - 1);
	if (word.len == 0 || text_to_string(word, s->host, sizeof(s->host)) != STATUS_OK)
		return false;
	if (inet_pton(AF_INET, s->host, octets) == 1)
		s->addresses[s->address_count++] = arena_copy(s->arena, (struct text){ octets, 4 });
	else if (inet_pton(AF_INET6, s->host, octets) == 1)
		s->addresses[s->address_count++] =
		    arena_copy(s->arena, (struct text){ octets, 16 });
	else if (dns_name(word, s->host) != STATUS_OK || strcmp(s->host, ".") == 0)
		return false;
	s->is_address = s->address_count > 0;
	return s->is_address ||
	       curl_api.curl_url_set(s->url, CURLUPART_HOST, s->host, 0) == CURLUE_OK;
}

static bool
read_url(struct step *s, const char *url)
{
	const char *host, *scheme, *port;
	uint32_t number;
	char word[8];

	if (s->url == NULL ||
	    curl_api.curl_url_set(s->url, CURLUPART_URL, url, CURLU_DISALLOW_USER) != CURLUE_OK)
		return end(s, LOOKUP_HTTPS_FORBIDDEN, "this is no URL of https");
	if (part_of(s, CURLUPART_PORT, 0) == NULL) {
		(void)snprintf(word, sizeof(word), "%u", s->port);
		(void)curl_api.curl_url_set(s->url, CURLUPART_PORT, word, 0);
	}
	scheme = part_of(s, CURLUPART_SCHEME, 0);
	host = part_of(s, CURLUPART_HOST, 0);
	port = part_of(s, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	if (scheme == NULL || strcmp(scheme, "https") != 0)
		return end(s, LOOKUP_HTTPS_FORBIDDEN, "only https is allowed");
	if (port == NULL || text_to_u32(text_of(port), &number) != STATUS_OK || number != s->port)
		return end(s, LOOKUP_HTTPS_FORBIDDEN, "the port is not allowed");
	if (host == NULL || part_of(s, CURLUPART_ZONEID, 0) != NULL || !read_host(s, host))
		return end(s, LOOKUP_HTTPS_FORBIDDEN, "the host has no usable name");
	return true;
}

/* ---- addresses ---- */

static void
take_addresses(struct step *s, const struct dns_answer *a, size_t len)
{
	for (uint32_t i = 0; i < a->records.count && s->address_count < LOOKUP_ADDRESSES_MAX; i++)
		if (a->records.at[i].len == len)
			s->addresses[s->address_count++] = arena_copy(s->arena, a->records.at[i]);
}

static bool
resolve(struct step *s)
{
	struct dns_question q[2] = { { .type = RECORD_A, .asked = true },
		{ .type = RECORD_AAAA, .asked = true } };

	if (s->address_count > 0)
		return true;
	memcpy(q[0].name, s->host, sizeof(s->host));
	memcpy(q[1].name, s->host, sizeof(s->host));
	dns_ask_all(s->https->dns, q, 2, s->deadline);
	take_addresses(s, &q[0].answer, 4);
	take_addresses(s, &q[1].answer, 16);
	dns_questions_done(q, 2);
	return s->address_count > 0 || end(s, LOOKUP_HTTPS_UNRESOLVED, "the host has no address");
}

/* All of them must be good: one that is not tells that somebody tries. */
static bool
judge(struct step *s)
{
	for (size_t i = 0; i < s->address_count; i++) {
		struct sockaddr_storage a = guard_address(s->addresses[i], s->port);

		if (!guard_lets(&s->guard, &a))
			return end(s, LOOKUP_HTTPS_FORBIDDEN,
			    "the host's address is not one of the public Internet");
	}
	return true;
}

/* "host:443:192.0.2.1,[2001:db8::1]" */
static bool
pin(struct step *s)
{
	struct buffer b = BUFFER_INIT;
	char word[INET6_ADDRSTRLEN];

	if (s->is_address)
		return true; /* nothing is left to resolve */
	buffer_addf(&b, "%s:%u:", s->host, s->port);
	for (size_t i = 0; i < s->address_count; i++) {
		bool six = s->addresses[i].len == 16;

		(void)inet_ntop(six ? AF_INET6 : AF_INET, s->addresses[i].ptr, word, sizeof(word));
		buffer_addf(&b, "%s%s%s%s", i > 0 ? "," : "", six ? "[" : "", word, six ? "]" : "");
	}
	s->resolve = curl_api.curl_slist_append(NULL, buffer_string(&b));
	buffer_done(&b);
	return s->resolve != NULL;
}

/* ---- libcurl ---- */

/* What it is about to connect to. */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct sockaddr_storage a = { .ss_family = AF_UNSPEC };
	struct step *s = arg;

	(void)purpose;
	if (address->addrlen <= sizeof(a))
		memcpy(&a, &address->addr, address->addrlen);
	if (!guard_lets(&s->guard, &a)) {
		s->forbidden = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t
take_body(char *octets, size_t size, size_t count, void *arg)
{
	struct step *s = arg;

	size_t n = size * count;

	s->too_large = s->too_large || n > s->request->most - s->body.len;
	if (s->too_large)
		return 0;
	buffer_add(&s->body, octets, n);
	return n;
}

static CURLcode
trust(CURL *easy, void *ctx, void *arg)
{
	struct step *s = arg;

	(void)easy;
	SSL_CTX_set1_cert_store(ctx, s->https->trusted);
	return CURLE_OK;
}

static void
set_body(struct step *s, CURL *easy)
{
	const struct https_request *q = s->request;
	struct buffer line = BUFFER_INIT;

	if (!q->post)
		return;
	buffer_addf(&line, "Content-Type: %.*s", TEXT_ARG(q->type));
	s->headers = curl_api.curl_slist_append(NULL, buffer_string(&line));
	s->headers = curl_api.curl_slist_append(s->headers, "Expect:");
	buffer_done(&line);
	curl_api.curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_api.curl_easy_setopt(easy, CURLOPT_POSTFIELDS, q->body.ptr);
	curl_api.curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.len);
	curl_api.curl_easy_setopt(easy, CURLOPT_HTTPHEADER, s->headers);
}

static void
set_options(struct step *s, CURL *easy)
{
	int64_t left = s->deadline - clock_mono();
	const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{ CURLOPT_NOSIGNAL, 1 },
		{ CURLOPT_FOLLOWLOCATION, 0 },
		{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
		{ CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
		{ CURLOPT_SSL_VERIFYPEER, 1 },
		{ CURLOPT_SSL_VERIFYHOST, 2 },
		{ CURLOPT_FORBID_REUSE, 1 },
		{ CURLOPT_NETRC, CURL_NETRC_IGNORED },
		{ CURLOPT_TIMEOUT_MS, left < CLOCK_MS ? 1 : (long)(left / CLOCK_MS) },
	};

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		curl_api.curl_easy_setopt(easy, numbers[i].option, numbers[i].value);
	curl_api.curl_easy_setopt(easy, CURLOPT_CURLU, s->url);
	curl_api.curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
	curl_api.curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_api.curl_easy_setopt(easy, CURLOPT_USERAGENT, "Mailstead");
	curl_api.curl_easy_setopt(easy, CURLOPT_RESOLVE, s->resolve);
	curl_api.curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_api.curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_api.curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, trust);
	curl_api.curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, s);
	curl_api.curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_api.curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, s);
	curl_api.curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_api.curl_easy_setopt(easy, CURLOPT_WRITEDATA, s);
	curl_api.curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)s->request->most);
	set_body(s, easy);
}

/* Until it is done, or the service stops. */
static CURLcode
perform(struct step *s, CURLM *multi)
{
	CURLMsg *said;
	int running = 1, left;

	thread_blocks();
	while (running > 0 && !s->https->stop &&
	       curl_api.curl_multi_perform(multi, &running) == CURLM_OK && running > 0)
		(void)curl_api.curl_multi_poll(multi, NULL, 0, LOOK_MS, NULL);
	thread_goes_on();
	said = curl_api.curl_multi_info_read(multi, &left);
	return said != NULL && said->msg == CURLMSG_DONE ? said->data.result
							 : CURLE_ABORTED_BY_CALLBACK;
}

static bool
failed(struct step *s, CURLcode code)
{
	const char *why = curl_api.curl_easy_strerror(code);

	if (s->forbidden)
		return end(s, LOOKUP_HTTPS_FORBIDDEN, "an address is not allowed");
	if (s->too_large || code == CURLE_FILESIZE_EXCEEDED)
		return end(s, LOOKUP_HTTPS_TOO_LARGE, "the answer is too large");
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return end(s, LOOKUP_HTTPS_TIMEOUT, "the host did not answer in time");
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
		return end(s, LOOKUP_HTTPS_UNTRUSTED, why);
	default:
		return end(s, LOOKUP_HTTPS_UNREACHABLE, why);
	}
}

/* Fills in the answer; *next is where a redirect leads, or NULL. */
static bool
take_answer(struct step *s, CURL *easy, char **next)
{
	char *content = NULL, *where = NULL;
	long status = 0;

	(void)curl_api.curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_api.curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &content);
	(void)curl_api.curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &where);
	*s->out = (struct https_answer){
		.outcome = LOOKUP_HTTPS_ANSWERED,
		.why = TEXT_EMPTY,
		.status = (unsigned)status,
		.content = arena_copy(s->arena, text_part(text_of(content), 0, CONTENT_MAX)),
		.body = arena_copy(s->arena, buffer_text(&s->body)),
	};
	if (where != NULL && (!s->request->post || status == 307 || status == 308))
		*next = arena_string(s->arena, text_of(where));
	return true;
}

static bool
talk(struct step *s, char **next)
{
	CURL *easy = curl_api.curl_easy_init();
	CURLM *multi = curl_api.curl_multi_init();
	bool good = easy != NULL && multi != NULL;
	CURLcode code = CURLE_OUT_OF_MEMORY;

	if (good) {
		set_options(s, easy);
		good = curl_api.curl_multi_add_handle(multi, easy) == CURLM_OK;
	}
	if (good)
		code = perform(s, multi);
	good = code == CURLE_OK ? take_answer(s, easy, next) : failed(s, code);
	if (easy != NULL && multi != NULL)
		(void)curl_api.curl_multi_remove_handle(multi, easy);
	curl_api.curl_easy_cleanup(easy);
	(void)curl_api.curl_multi_cleanup(multi);
	return good;
}

/* ---- requests ---- */

/* One step; gives where it leads on, or NULL. */
static char *
take_step(struct https *h, const struct https_request *q, const char *url, int64_t deadline,
    struct arena *a, struct https_answer *out)
{
	char networks[NETWORK_LIST_MAX + 1], *next = NULL;
	struct step s = { .https = h,
		.request = q,
		.arena = a,
		.port = (uint16_t)setting(SET_LOOKUP_HTTPS_PORT),
		.deadline = deadline,
		.url = curl_api.curl_url(),
		.out = out };

	setting_text(SET_LOOKUP_HTTPS_NETWORKS, networks, sizeof(networks));
	guard_init(&s.guard, text_of(networks));
	if (read_url(&s, url) && resolve(&s) && judge(&s) && pin(&s))
		(void)talk(&s, &next);
	buffer_done(&s.body);
	curl_api.curl_slist_free_all(s.resolve);
	curl_api.curl_slist_free_all(s.headers);
	curl_api.curl_url_cleanup(s.url);
	return next;
}

static bool
is_plain(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		if ((unsigned char)t.ptr[i] < ' ' || t.ptr[i] == 0x7f)
			return false;
	return true;
}

static void
fetch(void *source, const struct https_request *q, struct arena *a, struct https_answer *out)
{
	int64_t most = setting(SET_LOOKUP_HTTPS_TIMEOUT);
	int64_t within = q->timeout > 0 && q->timeout < most ? q->timeout : most;
	int64_t deadline = clock_mono() + within;
	char *url = arena_string(a, q->url);
	struct https *h = source;

	metric_add(METRIC_LOOKUP_HTTPS, 1);
	*out = (struct https_answer){ .outcome = LOOKUP_HTTPS_FORBIDDEN,
		.why = TEXT("this is no URL of https"),
		.content = TEXT_EMPTY,
		.body = TEXT_EMPTY };
	if (!is_plain(q->url) || !is_plain(q->type))
		return;
	for (unsigned i = 0; url != NULL && i <= q->redirects; i++)
		url = take_step(h, q, url, deadline, a, out);
}

struct https_source
https_source(struct https *h)
{
	return (struct https_source){ fetch, h };
}

/* ---- life ---- */

static bool
add_certificates(X509_STORE *store, struct text pem)
{
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	unsigned count = 0;
	X509 *one;

	while (bio != NULL && (one = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		count += X509_STORE_add_cert(store, one) == 1;
		X509_free(one);
	}
	BIO_free(bio);
	return count > 0;
}

enum status
https_new(const struct dns_source *dns, struct text more, struct https **out, struct failure *f)
{
	struct https *h;
	enum status s = curl_open(f);

	if (s != STATUS_OK)
		return s;
	h = MEM_NEW(struct https);
	h->dns = dns;
	h->trusted = X509_STORE_new();
	CHECK(h->trusted != NULL);
	if (X509_STORE_load_file(h->trusted, AUTHORITIES) != 1)
		LOG_WARN("lookup.no_authorities", FIELD_STRING("file", AUTHORITIES));
	if (more.len > 0 && !add_certificates(h->trusted, more)) {
		https_free(h);
		return fail(f, STATUS_INVALID, "ca_file holds no certificate.",
		    "ca_file of %zu octets holds no certificate", more.len);
	}
	*out = h;
	return STATUS_OK;
}

void
https_stop(struct https *h)
{
	h->stop = true;
}

void
https_free(struct https *h)
{
	X509_STORE_free(h->trusted);
	mem_free(h);
}
