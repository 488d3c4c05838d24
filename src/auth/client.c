/* SPDX-License-Identifier: ISC */
/*
 * See auth/client.h. Channel bindings (RFC 9266 2, RFC 5929 3, 4) are read
 * from the stream for the mechanisms that ask for them and for no others.
 */
#include "auth/client.h"

#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "codec/base64.h"
#include "runtime/tls.h"

#define MECHANISMS_KEPT (5 * CLOCK_SECOND)

unsigned
auth_client_flags(const struct session *s)
{
	unsigned flags = 0;

	if (s->tls)
		flags |= AUTH_OVER_TLS | AUTH_MAY_PLAIN;
	if (s->listener != NULL && s->listener->plain_auth)
		flags |= AUTH_MAY_PLAIN;
	return flags;
}

static struct text
keep(struct text t)
{
	return (struct text){ mem_string(t), t.len };
}

static void
drop(struct text *t)
{
	if (t->ptr != NULL)
		secret_wipe((void *)(uintptr_t)t->ptr, t->len);
	mem_free((void *)(uintptr_t)t->ptr);
	*t = (struct text){ NULL, 0 };
}

void
auth_client_done(struct auth_client *client)
{
	drop(&client->token);
	drop(&client->address);
	client->open = false;
}

static void
refuse(struct auth_outcome *out, enum auth_refusal code, struct text words)
{
	*out = (struct auth_outcome){ .state = AUTH_NO, .code = code, .words = words };
}

/* What auth_start and auth_step answer alike. */
static void
take(struct auth_client *client, enum status st, const struct auth_start_reply *r,
    struct auth_outcome *out)
{
	client->open = false;
	if (st != STATUS_OK) {
		refuse(out, AUTH_UNAVAILABLE,
		    TEXT("Sign-in is not possible right now, try again later"));
	} else if (r->state == AUTH_MORE) {
		client->open = true;
		client->exchange = r->exchange;
		*out = (struct auth_outcome){ .state = AUTH_MORE, .challenge = r->challenge };
	} else if (r->state != AUTH_DONE) {
		refuse(out, (enum auth_refusal)r->code, r->text);
	} else if (r->challenge.len > 0) {
		client->token = keep(r->token);
		client->address = keep(r->address);
		client->account = r->account;
		*out = (struct auth_outcome){ .state = AUTH_MORE, .challenge = r->challenge };
	} else {
		*out = (struct auth_outcome){ .state = AUTH_DONE,
			.token = r->token,
			.address = r->address,
			.account = r->account };
	}
}

static void
add_bindings(const struct session *s, struct arena *a, struct auth_start_request *req)
{
	uint8_t *exporter = arena_alloc(a, 32);

	if (tls_binding_exporter(&s->stream, exporter) == STATUS_OK)
		req->binding_exporter = (struct text){ (const char *)exporter, 32 };
	if (tls_binding_end_point(&s->stream, a, &req->binding_end_point) != STATUS_OK)
		req->binding_end_point = TEXT_EMPTY;
	if (tls_binding_unique(&s->stream, a, &req->binding_unique) != STATUS_OK)
		req->binding_unique = TEXT_EMPTY;
}

void
auth_client_start(struct auth_client *client, struct calls *calls, const struct session *s,
    const char *service, struct text mechanism, const struct text *initial, struct arena *a,
    struct auth_outcome *out)
{
	char peer[64];
	struct auth_start_request req = {
		.mechanism = mechanism,
		.has_initial = initial != NULL,
		.initial = initial != NULL ? *initial : TEXT_EMPTY,
		.service = text_of(service),
		.remote = session_peer_text(s, peer),
		.flags = auth_client_flags(s),
		.binding_exporter = TEXT_EMPTY,
		.binding_end_point = TEXT_EMPTY,
		.binding_unique = TEXT_EMPTY,
	};
	struct auth_start_reply r = { 0 };
	enum status st;

	*client = (struct auth_client){ 0 };
	if (s->tls && text_ends_ci(mechanism, TEXT("-PLUS")))
		add_bindings(s, a, &req);
	st = auth_start(calls, &req, a, &r, NULL);
	take(client, st, &r, out);
}

/* The client's answer to the server's last message, which must be empty. */
static void
finish(struct auth_client *client, struct text response, bool cancelled, struct arena *a,
    struct auth_outcome *out)
{
	if (cancelled)
		refuse(out, AUTH_BAD_MESSAGE, TEXT("Sign-in cancelled"));
	else if (response.len > 0)
		refuse(out, AUTH_BAD_MESSAGE, TEXT("The last answer must be empty"));
	else
		*out = (struct auth_outcome){ .state = AUTH_DONE,
			.token = arena_copy(a, client->token),
			.address = arena_copy(a, client->address),
			.account = client->account };
	auth_client_done(client);
}

void
auth_client_step(struct auth_client *client, struct calls *calls, struct text response,
    bool cancelled, struct arena *a, struct auth_outcome *out)
{
	const struct auth_step_request req = {
		.exchange = client->exchange, .response = response, .cancelled = cancelled
	};
	struct auth_step_reply r = { 0 };
	struct auth_start_reply same;
	enum status st;

	if (client->token.ptr != NULL) {
		finish(client, response, cancelled, a, out);
		return;
	}
	if (!client->open) {
		refuse(out, AUTH_BAD_MESSAGE, TEXT("No sign-in is going on"));
		return;
	}
	st = auth_step(calls, &req, a, &r, NULL);
	_Static_assert(sizeof(r) == sizeof(same), "the two replies are one");
	memcpy(&same, &r, sizeof(same));
	take(client, st, &same, out);
}

void
auth_client_password(struct calls *calls, const struct session *s, const char *service,
    struct text name, struct text password, struct arena *a, struct auth_outcome *out)
{
	struct auth_client client;
	struct buffer plain = BUFFER_INIT;
	struct text initial;

	if (text_find_byte(name, '\0', 0) < name.len ||
	    text_find_byte(password, '\0', 0) < password.len) {
		refuse(out, AUTH_BAD_CREDENTIALS, TEXT("Wrong name or password"));
		return;
	}
	buffer_add_byte(&plain, '\0');
	buffer_add_text(&plain, name);
	buffer_add_byte(&plain, '\0');
	buffer_add_text(&plain, password);
	initial = buffer_text(&plain);
	auth_client_start(&client, calls, s, service, TEXT("PLAIN"), &initial, a, out);
	buffer_done_secret(&plain);
	auth_client_done(&client);
	if (out->state == AUTH_MORE) /* PLAIN is over after its first message */
		refuse(out, AUTH_UNAVAILABLE,
		    TEXT("Sign-in is not possible right now, try again later"));
}

enum status
auth_client_decode(struct text line, bool initial, struct arena *a, struct text *out)
{
	struct buffer raw = BUFFER_INIT;
	enum status st = STATUS_OK;

	if (!initial || !text_equal(line, TEXT("=")))
		st = base64_decode(&raw, line);
	if (st == STATUS_OK)
		*out = arena_copy(a, buffer_text(&raw));
	buffer_done_secret(&raw);
	return st;
}

void
auth_offer_init(struct auth_offer *o)
{
	*o = (struct auth_offer){ .lock = PTHREAD_MUTEX_INITIALIZER };
}

void
auth_offer_done(struct auth_offer *o)
{
	for (size_t i = 0; i < ARRAY_LEN(o->of_flags); i++)
		drop(&o->of_flags[i].words);
	(void)pthread_mutex_destroy(&o->lock);
}

static struct text
ask(struct calls *calls, unsigned flags, struct arena *a)
{
	const struct auth_mechanisms_request req = { .flags = flags };
	struct auth_mechanisms_reply r;
	struct buffer words = BUFFER_INIT;
	struct text joined;

	if (auth_mechanisms(calls, &req, a, &r, NULL) != STATUS_OK)
		return TEXT_EMPTY;
	for (uint32_t i = 0; i < r.names.count; i++) {
		if (i > 0)
			buffer_add_byte(&words, ' ');
		buffer_add_text(&words, r.names.at[i]);
	}
	joined = arena_copy(a, buffer_text(&words));
	buffer_done(&words);
	return joined;
}

struct text
auth_offer_words(struct auth_offer *o, struct calls *calls, unsigned flags, struct arena *a)
{
	int64_t now = clock_mono();
	struct text words = TEXT_EMPTY;
	bool fresh;

	flags &= 3;
	(void)pthread_mutex_lock(&o->lock);
	fresh = o->of_flags[flags].words.ptr != NULL && now < o->of_flags[flags].until;
	if (fresh)
		words = arena_copy(a, o->of_flags[flags].words);
	(void)pthread_mutex_unlock(&o->lock);
	if (fresh)
		return words;
	words = ask(calls, flags, a); /* without the lock: it may wait */
	if (words.len == 0)
		return words;
	(void)pthread_mutex_lock(&o->lock);
	drop(&o->of_flags[flags].words);
	o->of_flags[flags].words = keep(words);
	o->of_flags[flags].until = now + MECHANISMS_KEPT;
	(void)pthread_mutex_unlock(&o->lock);
	return words;
}
