/* SPDX-License-Identifier: ISC */
/* Routes of the operator, sources, and mail to an LMTP server. */
#include "outbound/transport.h"

#include "outbound/own.h"
#include "outbound/scene_testing.h"

static void
read_words(struct arena *a, struct text *words, uint32_t n, struct transport **out, size_t *count)
{
	assert_ok(transports_of_words(&(struct texts){ words, n }, a, out, count));
}

#define ROUTE(domain, host, port, tls, protocol)                                                \
	{ domain, sizeof(domain) - 1 }, { host, sizeof(host) - 1 }, { port, sizeof(port) - 1 }, \
	    { tls, sizeof(tls) - 1 }, { protocol, sizeof(protocol) - 1 }, { "", 0 },            \
	{                                                                                       \
		"", 0                                                                           \
	}

static void
the_nearest_counts(void **state)
{
	static struct text words[] = { ROUTE("*", "h0", "25", "may", "smtp"),
		ROUTE("*.b.test", "h1", "25", "may", "smtp"),
		ROUTE("*.a.b.test", "h2", "25", "none", "smtp"),
		ROUTE("x.a.b.test", "h3", "24", "implicit", "lmtp") };
	static const struct {
		const char *domain, *host;
	} rows[] = { { "elsewhere.test", "h0" }, { "b.test", "h0" }, { "c.b.test", "h1" },
		{ "a.b.test", "h1" }, { "y.a.b.test", "h2" }, { "x.a.b.test", "h3" },
		{ "xb.test", "h0" } };
	struct arena a = ARENA_INIT;
	struct transport *at;
	size_t n;

	read_words(&a, words, ARRAY_LEN(words), &at, &n);
	assert_int_equal(n, 4);
	assert_true(at[3].lmtp && at[3].tls == TRANSPORT_IMPLICIT && at[3].port == 24);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_true(text_equal(
		    transport_find(at, n, text_of(rows[i].domain))->host, text_of(rows[i].host)));
	assert_null(transport_find(at + 1, n - 1, TEXT("elsewhere.test")));
	words[3] = TEXT("perhaps");
	assert_int_equal(
	    transports_of_words(&(struct texts){ words, ARRAY_LEN(words) }, &a, &at, &n),
	    STATUS_INVALID);
	arena_done(&a);
}

/* As the operator says, whatever the DNS and outbound.loopback say. */
static void
goes_to_its_host(void **state)
{
	struct scene *s = *state;
	struct transport t = { .domain = TEXT("*"), .host = TEXT("127.0.0.12") };
	struct texts from = { (struct text[]){ TEXT("127.0.0.77") }, 1 };
	struct sockaddr_storage *sources;
	struct arena a = ARENA_INIT;
	uint64_t message;

	s->other.offers = "DSN";
	sink_start(&s->one, "127.0.0.11", 0);
	sink_start(&s->other, "127.0.0.12", 0);
	t.port = s->other.port;
	s->rig->config.transports = &t;
	s->rig->config.transport_count = 1;
	s->rig->config.source_count = sources_of_words(&from, &a, &sources);
	s->rig->config.sources = sources;
	assert_ok(setting_apply(SET_OUTBOUND_LOOPBACK, TEXT_EMPTY));
	rig_outbound(s->rig);
	message = rig_submit(s->rig, "bob@gone.test");
	rig_run(s->rig);
	assert_int_equal(s->other.messages, 1);
	assert_int_equal(state_of(s, message, 0), OUTGOING_STATES);
	assert_string_equal(s->other.from, "127.0.0.77");
	arena_done(&a);
}

/* RFC 2033 4.2: an answer for each recipient behind the message. */
static void
by_lmtp(void **state)
{
	struct scene *s = *state;
	struct transport t = {
		.domain = TEXT("one.test"), .host = TEXT("mx.other.test"), .lmtp = true
	};
	uint64_t message;

	s->other.dot = "250 2.1.5 kept\r\n552 5.2.2 full";
	sink_start(&s->one, "127.0.0.11", 0);
	sink_start(&s->other, "127.0.0.12", 0);
	t.port = s->other.port;
	s->rig->config.transports = &t;
	s->rig->config.transport_count = 1;
	rig_outbound(s->rig);
	message = rig_submit(s->rig, "bob@one.test carol@one.test");
	rig_run(s->rig);
	assert_true(sink_heard(&s->other, "LHLO mail.here.test\n"));
	assert_int_equal(state_of(s, message, 0), OUTGOING_DELIVERED);
	assert_int_equal(state_of(s, message, 1), OUTGOING_FAILED);
	assert_text(rig_recipient(s->rig, message, 0, 1).server, "mx.other.test");
}

/* What a stranger's MX may not be, and what is bound to. */
static void
own_addresses(void **state)
{
	struct text word[] = { TEXT("192.0.2.1:25"), TEXT("[2001:db8::1]:25"),
		TEXT("192.0.2.2:2525"), TEXT("nonsense"), TEXT("127.0.0.1:99999") };
	struct arena a = ARENA_INIT;
	struct sockaddr_storage *own;
	size_t n = own_of_words(&(struct texts){ word, ARRAY_LEN(word) }, &a, &own);
	struct texts networks;

	assert_int_equal(n, 3);
	assert_ok(setting_apply(SET_OUTBOUND_LOOPBACK, TEXT("on")));
	networks = own_networks(own, n, &a);
	assert_int_equal(networks.count, 2);
	assert_text(networks.at[0], "192.0.2.1");
	assert_text(networks.at[1], "2001:db8::1");
	assert_ok(setting_apply(SET_OUTBOUND_LOOPBACK, TEXT_EMPTY));
	assert_int_equal(own_networks(own, n, &a).count, 6);
	n = own_of_words(&(struct texts){ (struct text[]){ TEXT("0.0.0.0:25") }, 1 }, &a, &own);
	assert_true(n >= 1);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_counts),
		CASE(goes_to_its_host),
		CASE(by_lmtp),
		cmocka_unit_test(own_addresses),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
