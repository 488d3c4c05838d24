/* SPDX-License-Identifier: ISC */
/* The common part of the front roles' start. */
#include "role/front.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "auth/calls.h"
#include "base/log.h"
#include "runtime/network.h"
#include "runtime/settings.h"
#include "store/calls.h"

enum status
front_settings(struct calls *calls, struct failure *f)
{
	struct arena a = ARENA_INIT;
	struct store_settings_reply r;
	enum setting s;
	enum status status;

	status = store_settings(calls, &(struct store_settings_request){ 0 }, &a, &r, f);
	for (uint32_t i = 0; status == STATUS_OK && i < r.names.count; i++)
		if (setting_find(r.names.at[i], &s) != STATUS_OK ||
		    setting_apply(s, r.values.at[i]) != STATUS_OK)
			LOG_WARN("role.setting-unknown", FIELD_TEXT("name", r.names.at[i]));
	arena_done(&a);
	return status;
}

/* The front's half of a TLS signature: auth has the key. */
static enum status
sign(void *arg, uint64_t key, uint16_t scheme, struct text input, struct arena *a,
    struct text *signature)
{
	struct auth_tls_sign_request q = { .key = key, .scheme = scheme, .input = input };
	struct auth_tls_sign_reply r;
	enum status s = auth_tls_sign(arg, &q, a, &r, NULL);

	if (s == STATUS_OK)
		*signature = r.signature;
	return s;
}

enum status
front_tls(struct calls *calls, struct tls_context **out, struct failure *f)
{
	struct tls_config config = { .sign = sign, .sign_arg = calls };
	struct auth_certificates_reply r;
	struct tls_certificate *at;
	struct arena a = ARENA_INIT;
	enum status s;

	s = auth_certificates(calls, &(struct auth_certificates_request){ 0 }, &a, &r, f);
	if (s == STATUS_OK && (r.keys.count != r.chains.count || r.keys.count != r.names.count))
		s = fail(
		    f, STATUS_CORRUPT, "Certificates are not available.", "lists of auth differ");
	if (s == STATUS_OK && r.keys.count > 0) {
		at = ARENA_ARRAY(&a, struct tls_certificate, r.keys.count);
		for (uint32_t i = 0; i < r.keys.count; i++)
			at[i] =
			    (struct tls_certificate){ r.keys.at[i], r.chains.at[i], r.names.at[i] };
		config.certificates = at;
		config.count = r.keys.count;
		config.ticket_key = r.ticket_key;
		s = tls_context_new(&config, out, f);
	} else if (s == STATUS_OK) {
		*out = NULL;
	}
	arena_done(&a);
	return s;
}

void
front_tls_again(struct calls *calls, struct service *service)
{
	struct tls_context *tls = NULL;
	struct failure f;
	enum status s = front_tls(calls, &tls, &f);

	if (s != STATUS_OK) {
		/* The old ones go on; a person must look. */
		LOG_ALARM(
		    "role.certificates-not-taken", FIELD_STATUS(s), FIELD_STRING("why", f.log));
		return;
	}
	service_set_tls(service, tls);
	tls_context_unref(tls);
}

static const struct session_class *
class_of(const struct front_protocol *protocols, size_t count, struct text listener)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal(listener, text_of(protocols[i].listener)))
			return protocols[i].class;
	return NULL;
}

static enum status
networks(
    const struct texts *words, struct arena *a, struct service_config *config, struct failure *f)
{
	struct network *at = ARENA_ARRAY(a, struct network, words->count + 1);

	for (uint32_t i = 0; i < words->count; i++)
		if (network_parse(words->at[i], &at[i]) != STATUS_OK)
			return fail(f, STATUS_INVALID, "A network of proxy_peers cannot be read.",
			    "proxy_peers: %.*s", TEXT_ARG(words->at[i]));
	config->proxy_peers = at;
	config->proxy_peer_count = words->count;
	return STATUS_OK;
}

enum status
front_start(const struct role_start *start, struct calls *calls,
    const struct front_protocol *protocols, size_t count, struct arena *a,
    struct service_config *config, struct service **out, struct failure *f)
{
	struct listener *l = ARENA_ARRAY(a, struct listener, start->listener_count + 1);
	struct tls_context *tls = NULL;
	size_t taken = 0;
	enum status s;

	for (uint32_t i = 0; i < start->listener_count; i++) {
		const struct role_listener *r = &start->listeners[i];
		const struct session_class *class = class_of(protocols, count, r->name);

		if (class == NULL)
			continue; /* another service of this role has it */
		l[taken++] = (struct listener){
			.name = arena_string(a, r->name),
			.class = class,
			.tls = r->tls,
			.plain_auth = r->plain_auth,
			.proxy = r->proxy,
			.fd = r->fd,
			.port = r->port,
		};
	}
	s = networks(&start->proxy_peers, a, config, f);
	if (s == STATUS_OK)
		s = front_tls(calls, &tls, f);
	if (s != STATUS_OK)
		return s;
	config->listeners = l;
	config->listener_count = taken;
	config->tls = tls;
	*out = service_start(config);
	tls_context_unref(tls);
	return STATUS_OK;
}

enum status
role_file(const char *path, struct buffer *out, struct failure *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : 1;

	while (n > 0 && out->len <= ROLE_FILE_MAX) {
		n = read(fd, buffer_room(out, 16384), 16384);
		if (n > 0)
			buffer_added(out, (size_t)n);
	}
	if (fd >= 0)
		(void)close(fd);
	if (n == 0)
		return STATUS_OK;
	return fail(f, STATUS_IO, "A file of the configuration cannot be read.", "%s: %s", path,
	    n < 0 ? strerror(errno) : "it is too large");
}
