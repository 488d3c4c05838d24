/* SPDX-License-Identifier: ISC */
/*
 * Routes over scripted answers: which hosts in which order, which addresses,
 * which TLSA records, and what is said when there is no way.
 */
#include "lookup/find.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "lookup/lookup_testing.h"
#include "runtime/settings.h"

enum { A = 1, CNAME = 5, MX = 15, AAAA = 28, TLSA = 52 };

#define ADDRESS(octets)                       \
	{                                     \
		"" octets, sizeof(octets) - 1 \
	}
#define SIX "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0"
#define KEY(first)                                                   \
	{                                                            \
		"\3\1\1" first "0123456789012345678901234567890", 35 \
	}

static const struct script_record records[] = {
	/* several hosts, both families */
	{ "many.test", MX, .rdata = SCRIPT_MX("\24", "\1b\4many\4test") },
	{ "many.test", MX, .rdata = SCRIPT_MX("\12", "\1a\4many\4test") },
	{ "many.test", MX, .rdata = SCRIPT_MX("\36", "\1c\4many\4test") },
	{ "many.test", MX, .rdata = SCRIPT_MX("\50", "\1a\4many\4test") },
	{ "a.many.test", A, .rdata = ADDRESS("\xc0\0\2\1") },
	{ "a.many.test", A, .rdata = ADDRESS("\xc0\0\2\2") },
	{ "a.many.test", AAAA, .rdata = ADDRESS(SIX "\1") },
	{ "b.many.test", A, .rdata = ADDRESS("\xc0\0\2\3") },
	{ "c.many.test", A, .rdata = ADDRESS("\xc0\0\2\4") },
	/* no MX */
	{ "implicit.test", A, .rdata = ADDRESS("\xc0\0\2\5") },
	{ "xn--bcher-kva.test", A, .rdata = ADDRESS("\xc0\0\2\5") },
	{ "nohost.test", 16, .rdata = ADDRESS("\0") },
	/* null MX, and one beside others */
	{ "null.test", MX, .rdata = ADDRESS("\0\0\0") },
	{ "halfnull.test", MX, .rdata = ADDRESS("\0\0\0") },
	{ "halfnull.test", MX, .rdata = SCRIPT_MX("\12", "\1a\4many\4test") },
	{ "odd.test", MX, .rdata = SCRIPT_MX("\12", "\3a b\4test") },
	/* failures */
	{ "servfail.test", 0, .outcome = LOOKUP_TEMPORARY },
	{ "bogus.test", 0, .outcome = LOOKUP_BOGUS },
	{ "gone.test", MX, .rdata = SCRIPT_MX("\12", "\7nowhere\4test") },
	{ "later.test", MX, .rdata = SCRIPT_MX("\12", "\10servfail\4test") },
	{ "later.test", MX, .rdata = SCRIPT_MX("\24", "\7nowhere\4test") },
	{ "mixed.test", MX, .rdata = SCRIPT_MX("\12", "\10servfail\4test") },
	{ "mixed.test", MX, .rdata = SCRIPT_MX("\24", "\1b\4many\4test") },
	{ "forged.test", MX, .rdata = SCRIPT_MX("\12", "\5bogus\4test") },
	/* one family fails */
	{ "half.test", MX, .rdata = SCRIPT_MX("\12", "\2mx\4half\4test") },
	{ "mx.half.test", A, .rdata = ADDRESS("\xc0\0\2\6"), .secure = true },
	{ "mx.half.test", AAAA, .outcome = LOOKUP_TEMPORARY },
	/* addresses that are none */
	{ "useless.test", A, .rdata = ADDRESS("\0\0\0\0") },
	{ "useless.test", A, .rdata = ADDRESS("\xe0\0\0\1") },
	{ "useless.test", AAAA, .rdata = ADDRESS("\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1") },
	{ "useless.test", AAAA, .rdata = ADDRESS("\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1") },
	/* networks inside */
	{ "inside.test", MX, .rdata = SCRIPT_MX("\12", "\5close\4test") },
	{ "inside.test", MX, .rdata = SCRIPT_MX("\24", "\1b\4many\4test") },
	{ "close.test", A, .rdata = ADDRESS("\12\1\2\3") },
	{ "close.test", AAAA, .rdata = ADDRESS("\xfd\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1") },
	{ "link.test", A, .rdata = ADDRESS("\xa9\xfe\xa9\xfe") },
	{ "link.test", AAAA, .rdata = ADDRESS("\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1") },
	{ "both.test", A, .rdata = ADDRESS("\xc0\xa8\1\1") },
	{ "both.test", A, .rdata = ADDRESS("\xc0\0\2\11") },
	/* DANE (RFC 7672 2.2) */
	{ "dane.test", MX, .rdata = SCRIPT_MX("\12", "\2mx\4dane\4test"), .secure = true },
	{ "dane.test", MX, .rdata = SCRIPT_MX("\24", "\5alias\4dane\4test"), .secure = true },
	{ "dane.test", MX, .rdata = SCRIPT_MX("\36", "\6alias2\4dane\4test"), .secure = true },
	{ "dane.test", MX, .rdata = SCRIPT_MX("\50", "\3cdn\4dane\4test"), .secure = true },
	{ "dane.test", MX, .rdata = SCRIPT_MX("\62", "\5plain\4dane\4test"), .secure = true },
	{ "dane.test", MX, .rdata = SCRIPT_MX("\74", "\3bad\4dane\4test"), .secure = true },
	{ "dane.test", MX, .rdata = SCRIPT_MX("\106", "\4fake\4dane\4test"), .secure = true },
	{ "mx.dane.test", A, .rdata = ADDRESS("\xc0\0\2\7"), .secure = true },
	{ "mx.dane.test", AAAA, .outcome = LOOKUP_NODATA, .secure = true },
	{ "_25._tcp.mx.dane.test", TLSA, .rdata = KEY("a"), .secure = true },
	{ "_25._tcp.mx.dane.test", TLSA, .rdata = ADDRESS("\3\1\1short"), .secure = true },
	{ "alias.dane.test", A, .rdata = ADDRESS("\xc0\0\2\7"), .secure = true,
	    .canonical = "mx.dane.test" },
	{ "alias.dane.test", AAAA, .outcome = LOOKUP_NODATA, .secure = true,
	    .canonical = "mx.dane.test" },
	{ "alias2.dane.test", A, .rdata = ADDRESS("\xc0\0\2\7"), .secure = true,
	    .canonical = "end.dane.test" },
	{ "alias2.dane.test", AAAA, .outcome = LOOKUP_NODATA, .secure = true,
	    .canonical = "end.dane.test" },
	{ "_25._tcp.alias2.dane.test", TLSA, .rdata = KEY("b"), .secure = true },
	{ "cdn.dane.test", A, .rdata = ADDRESS("\xc0\0\2\7"), .canonical = "insecure.test" },
	{ "cdn.dane.test", AAAA, .outcome = LOOKUP_NODATA, .canonical = "insecure.test" },
	{ "cdn.dane.test", CNAME, .rdata = ADDRESS("\10insecure\4test\0"), .secure = true },
	{ "_25._tcp.cdn.dane.test", TLSA, .rdata = KEY("c"), .secure = true },
	{ "_25._tcp.insecure.test", TLSA, .rdata = KEY("x"), .secure = true },
	{ "plain.dane.test", A, .rdata = ADDRESS("\xc0\0\2\7") },
	{ "_25._tcp.plain.dane.test", TLSA, .rdata = KEY("x"), .secure = true },
	{ "bad.dane.test", A, .rdata = ADDRESS("\xc0\0\2\7"), .secure = true },
	{ "bad.dane.test", AAAA, .outcome = LOOKUP_NODATA, .secure = true },
	{ "_25._tcp.bad.dane.test", TLSA, .outcome = LOOKUP_TEMPORARY },
	{ "fake.dane.test", A, .rdata = ADDRESS("\xc0\0\2\7"), .secure = true },
	{ "fake.dane.test", AAAA, .outcome = LOOKUP_NODATA, .secure = true },
	{ "_25._tcp.fake.dane.test", TLSA, .outcome = LOOKUP_BOGUS },
	/* TLSA that is not signed is none */
	{ "unsigned.test", A, .rdata = ADDRESS("\xc0\0\2\7"), .secure = true },
	{ "unsigned.test", AAAA, .outcome = LOOKUP_NODATA, .secure = true },
	{ "_25._tcp.unsigned.test", TLSA, .rdata = KEY("x") },
	{ "_27._tcp.unsigned.test", TLSA, .rdata = ADDRESS("\3\1\1short"), .secure = true },
	{ "_26._tcp.unsigned.test", TLSA, .rdata = KEY("y"), .secure = true },
};

static struct script script = { .records = records, .record_count = ARRAY_LEN(records) };
static struct dns_source dns;
static struct https_source https;
static struct pool *pool;
static struct sts *sts;
static struct arena arena;

static struct route
find_as(const char *domain, struct lookup_route_request q)
{
	struct route r;

	q.domain = text_of(domain);
	if (q.port == 0)
		q.port = 25;
	assert_ok(route_find(&dns, sts, &q, clock_mono() + CLOCK_MINUTE, &arena, &r));
	assert_string_equal(r.code.ptr, route_verdict_code(r.verdict));
	assert_int_equal(r.words.len == 0, r.verdict == ROUTE_OK);
	return r;
}

static struct route
find(const char *domain)
{
	return find_as(domain, (struct lookup_route_request){ .none_ = 0 });
}

static void
expect_host(const struct route *r, uint32_t i, const char *name, uint32_t preference,
    enum route_host_state state, uint32_t addresses)
{
	assert_true(i < r->host_count);
	if (!text_equal(r->hosts[i].name, text_of(name)) || r->hosts[i].preference != preference ||
	    r->hosts[i].state != state || r->hosts[i].addresses.count != addresses)
		fail_msg("host %u: %.*s %u, state %u, %u addresses", i, TEXT_ARG(r->hosts[i].name),
		    r->hosts[i].preference, r->hosts[i].state, r->hosts[i].addresses.count);
	assert_int_equal(r->hosts[i].words.len > 0, state != ROUTE_HOST_OK);
}

/* RFC 5321 5.1 */
static void
hosts_by_preference(void **state)
{
	struct route r = find("Many.Test.");

	assert_int_equal(r.verdict, ROUTE_OK);
	assert_text(r.domain, "many.test");
	assert_false(r.implicit);
	assert_int_equal(r.host_count, 3);
	expect_host(&r, 0, "a.many.test", 10, ROUTE_HOST_OK, 3);
	expect_host(&r, 1, "b.many.test", 20, ROUTE_HOST_OK, 1);
	expect_host(&r, 2, "c.many.test", 30, ROUTE_HOST_OK, 1);
	/* Families take turns. */
	assert_int_equal(r.hosts[0].addresses.at[0].len, 16);
	assert_text(r.hosts[0].addresses.at[1], "\xc0\0\2\1");
	assert_text(r.hosts[0].addresses.at[2], "\xc0\0\2\2");
}

static void
no_mx(void **state)
{
	struct route r = find("implicit.test");

	assert_int_equal(r.verdict, ROUTE_OK);
	assert_true(r.implicit);
	assert_int_equal(r.host_count, 1);
	expect_host(&r, 0, "implicit.test", 0, ROUTE_HOST_OK, 1);
	r = find("b\xc3\xbc"
		 "cher.test");
	assert_int_equal(r.verdict, ROUTE_OK);
	assert_text(r.domain, "xn--bcher-kva.test");
}

/* RFC 7505 3 */
static void
null_mx(void **state)
{
	struct route r = find("null.test");

	assert_int_equal(r.verdict, ROUTE_NULL_MX);
	assert_text(r.code, "5.1.10");
	assert_text(r.words, "The domain null.test takes no mail.");
	assert_int_equal(r.host_count, 0);
	r = find("halfnull.test");
	assert_int_equal(r.verdict, ROUTE_OK);
	assert_int_equal(r.host_count, 1);
}

static void
no_way(void **state)
{
	static const struct {
		const char *domain;
		enum route_verdict verdict;
	} rows[] = {
		{ "nowhere.test", ROUTE_NO_DOMAIN },
		{ "nohost.test", ROUTE_NO_HOST },
		{ "useless.test", ROUTE_NO_HOST },
		{ "gone.test", ROUTE_NO_ADDRESS },
		{ "odd.test", ROUTE_NO_ADDRESS },
		{ "servfail.test", ROUTE_TEMPORARY },
		{ "later.test", ROUTE_TEMPORARY },
		{ "bogus.test", ROUTE_BOGUS },
		{ "forged.test", ROUTE_BOGUS },
		{ "", ROUTE_BAD_DOMAIN },
		{ ".", ROUTE_BAD_DOMAIN },
		{ "a b.test", ROUTE_BAD_DOMAIN },
		{ "[]", ROUTE_BAD_DOMAIN },
		{ "[192.0.2.256]", ROUTE_BAD_DOMAIN },
		{ "[2001:db8::1]", ROUTE_BAD_DOMAIN },
		{ "[IPv6:192.0.2.1]", ROUTE_BAD_DOMAIN },
		{ "[0.0.0.0]", ROUTE_NO_HOST },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct route r = find(rows[i].domain);

		if (r.verdict != rows[i].verdict)
			fail_msg("%s: %s %.*s", rows[i].domain, r.code.ptr, TEXT_ARG(r.words));
	}
}

static void
one_host_that_fails_does_not_hide_another(void **state)
{
	struct route r = find("mixed.test");

	assert_int_equal(r.verdict, ROUTE_OK);
	expect_host(&r, 0, "servfail.test", 10, ROUTE_HOST_TEMPORARY, 0);
	expect_host(&r, 1, "b.many.test", 20, ROUTE_HOST_OK, 1);
	r = find("half.test");
	expect_host(&r, 0, "mx.half.test", 10, ROUTE_HOST_OK, 1);
	assert_true(r.hosts[0].secure);
}

/* RFC 5321 4.1.3 */
static void
literals(void **state)
{
	struct route r = find("[192.0.2.1]");

	assert_int_equal(r.verdict, ROUTE_OK);
	assert_text(r.domain, "[192.0.2.1]");
	expect_host(&r, 0, "[192.0.2.1]", 0, ROUTE_HOST_OK, 1);
	assert_text(r.hosts[0].addresses.at[0], "\xc0\0\2\1");
	r = find("[ipv6:2001:db8::1]");
	assert_int_equal(r.verdict, ROUTE_OK);
	assert_int_equal(r.hosts[0].addresses.at[0].len, 16);
}

static void
expect_inside(const char *domain)
{
	struct route r = find(domain);

	assert_int_equal(r.verdict, ROUTE_NO_ADDRESS);
	assert_true(text_find_ci(r.words, TEXT("private networks alone"), 0) < r.words.len);
	assert_int_equal(r.host_count, 0);
}

/* Nobody elsewhere leads mail to machines inside; the operator may let him. */
static void
networks_inside(void **state)
{
	struct lookup_route_request q = { .none_ = 0 };
	struct text own = TEXT("10.1.2.3");
	struct route r = find("inside.test");

	assert_int_equal(r.verdict, ROUTE_OK);
	expect_host(&r, 0, "close.test", 10, ROUTE_HOST_NO_ADDRESS, 0);
	assert_text(r.hosts[0].words, "close.test has no public address");
	expect_host(&r, 1, "b.many.test", 20, ROUTE_HOST_OK, 1);
	r = find("both.test");
	expect_host(&r, 0, "both.test", 0, ROUTE_HOST_OK, 1);
	assert_text(r.hosts[0].addresses.at[0], "\xc0\0\2\11");
	expect_inside("close.test");
	expect_inside("link.test");
	expect_inside("[10.1.2.3]");
	expect_inside("[IPv6:fd00::1]");
	expect_inside("[100.64.0.1]");
	expect_inside("[IPv6:64:ff9b:1::1]");
	expect_inside("[IPv6:64:ff9b::a01:203]");
	expect_inside("[IPv6:2002:c0a8:1::1]");
	assert_int_equal(find("[IPv6:64:ff9b::808:808]").verdict, ROUTE_OK);
	assert_int_not_equal(find("[IPv6:64:ff9b::7f00:1]").verdict, ROUTE_OK);
	assert_int_not_equal(find("[IPv6:2002:e000:1::]").verdict, ROUTE_OK);
	q.own_networks = (struct texts){ &own, 1 };
	assert_int_equal(find_as("inside.test", q).verdict, ROUTE_LOOP);
	assert_ok(setting_apply(
	    SET_OUTBOUND_PRIVATE_NETWORKS, TEXT("192.168.0.0/16 10.1.0.0/16 fd02::/16")));
	r = find("inside.test");
	expect_host(&r, 0, "close.test", 10, ROUTE_HOST_OK, 2);
	r = find("both.test");
	expect_host(&r, 0, "both.test", 0, ROUTE_HOST_OK, 2);
	assert_int_equal(find("[10.1.2.3]").verdict, ROUTE_OK);
	assert_int_equal(find("[IPv6:64:ff9b::a01:203]").verdict, ROUTE_OK);
	expect_inside("[10.2.2.3]");
	assert_ok(setting_apply(SET_OUTBOUND_PRIVATE_NETWORKS, TEXT_EMPTY));
}

static unsigned
warnings(int fd)
{
	char text[4096];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	unsigned count = 0;

	assert_true(n >= 0);
	text[n] = '\0';
	for (const char *at = text; (at = strstr(at, "outbound.private_networks")) != NULL; at++)
		count++;
	return count;
}

/* The operator hears of the setting, once a minute. */
static void
who_is_inside_is_told_of(void **state)
{
	int fd = memfd_create("log", MFD_CLOEXEC);
	int64_t wall = clock_wall(), mono = clock_mono() + CLOCK_HOUR;

	assert_true(fd >= 0);
	log_set_fd(fd);
	clock_set_for_test(wall, mono);
	expect_inside("close.test");
	expect_inside("[10.1.2.3]");
	assert_int_equal(find("inside.test").verdict, ROUTE_OK);
	assert_int_equal(warnings(fd), 1);
	clock_set_for_test(wall, mono + CLOCK_MINUTE);
	assert_int_equal(find("inside.test").verdict, ROUTE_OK);
	assert_int_equal(warnings(fd), 1);
	expect_inside("close.test");
	assert_int_equal(warnings(fd), 2);
	clock_set_for_test(-1, -1);
	log_set_fd(STDERR_FILENO);
	(void)close(fd);
}

/* RFC 5321 5.1: the hosts that are not better than ourselves are left out. */
static void
loops(void **state)
{
	struct text names[] = { TEXT("B.many.test") }, best[] = { TEXT("a.many.test") };
	struct text networks[] = { TEXT("198.51.100.0/24"), TEXT("192.0.2.3") },
		    nonsense[] = { TEXT("192.0.2") };
	struct lookup_route_request q = { .own_names = { names, 1 } };
	struct route r = find_as("many.test", q);

	assert_int_equal(r.verdict, ROUTE_OK);
	assert_int_equal(r.host_count, 1);
	expect_host(&r, 0, "a.many.test", 10, ROUTE_HOST_OK, 3);

	q = (struct lookup_route_request){ .own_networks = { networks, 2 } };
	r = find_as("many.test", q);
	assert_int_equal(r.host_count, 1);
	q.own_names = (struct texts){ best, 1 };
	r = find_as("many.test", q);
	assert_int_equal(r.verdict, ROUTE_LOOP);
	assert_int_equal(r.host_count, 0);
	assert_int_equal(find_as("[192.0.2.3]", q).verdict, ROUTE_LOOP);
	assert_int_equal(find_as("[192.0.2.4]", q).verdict, ROUTE_OK);

	q = (struct lookup_route_request){
		.domain = TEXT("many.test"), .port = 25, .own_networks = { nonsense, 1 }
	};
	assert_int_equal(route_find(&dns, sts, &q, INT64_MAX, &arena, &r), STATUS_INVALID);
}

/* RFC 7672 2.2.3 */
static void
tlsa(void **state)
{
	struct route r = find("dane.test");

	assert_int_equal(r.verdict, ROUTE_OK);
	assert_true(r.mx_secure);
	assert_int_equal(r.host_count, 7);
	expect_host(&r, 0, "mx.dane.test", 10, ROUTE_HOST_OK, 1);
	assert_true(r.hosts[0].secure);
	assert_text(r.hosts[0].tlsa_base, "mx.dane.test");
	assert_int_equal(r.hosts[0].tlsa.count, 1); /* the other is none */
	assert_int_equal(r.hosts[0].tlsa.at[0].ptr[3], 'a');
	/* At the end of the aliases; at the own name where nothing is there. */
	assert_text(r.hosts[1].tlsa_base, "mx.dane.test");
	assert_text(r.hosts[2].tlsa_base, "alias2.dane.test");
	assert_int_equal(r.hosts[2].tlsa.at[0].ptr[3], 'b');
	/* A secure alias of an insecure name: at the own name alone. */
	expect_host(&r, 3, "cdn.dane.test", 40, ROUTE_HOST_OK, 1);
	assert_false(r.hosts[3].secure);
	assert_text(r.hosts[3].tlsa_base, "cdn.dane.test");
	assert_int_equal(r.hosts[3].tlsa.at[0].ptr[3], 'c');
	/* Insecure addresses: not even asked for. */
	expect_host(&r, 4, "plain.dane.test", 50, ROUTE_HOST_OK, 1);
	assert_int_equal(r.hosts[4].tlsa.count, 0);
	assert_int_equal(r.hosts[4].tlsa_base.len, 0);
	/* RFC 7672 2.1.2: a failed look-up is not "none". */
	expect_host(&r, 5, "bad.dane.test", 60, ROUTE_HOST_TEMPORARY, 0);
	expect_host(&r, 6, "fake.dane.test", 70, ROUTE_HOST_BOGUS, 0);
}

static void
tlsa_that_is_not_signed(void **state)
{
	struct route r = find("unsigned.test");

	expect_host(&r, 0, "unsigned.test", 0, ROUTE_HOST_OK, 1);
	assert_int_equal(r.hosts[0].tlsa.count, 0);
	r = find_as("unsigned.test", (struct lookup_route_request){ .port = 26 });
	assert_int_equal(r.hosts[0].tlsa.count, 1);
	/* There are some, but none can be read. */
	r = find_as("unsigned.test", (struct lookup_route_request){ .port = 27 });
	assert_int_equal(r.hosts[0].tlsa.count, 0);
	assert_text(r.hosts[0].tlsa_base, "unsigned.test");
}

/* RFC 5321 5.1: equals in random order. */
static void
equals_take_turns(void **state)
{
	static const struct script_record equal[] = {
		{ "equal.test", MX, .rdata = SCRIPT_MX("\12", "\1a\5equal\4test") },
		{ "equal.test", MX, .rdata = SCRIPT_MX("\12", "\1b\5equal\4test") },
		{ "a.equal.test", A, .rdata = ADDRESS("\xc0\0\2\1") },
		{ "b.equal.test", A, .rdata = ADDRESS("\xc0\0\2\2") },
	};
	unsigned first = 0;

	script.records = equal;
	script.record_count = ARRAY_LEN(equal);
	random_seed_for_test(1);
	for (int i = 0; i < 100; i++)
		first += text_equal(find("equal.test").hosts[0].name, TEXT("a.equal.test"));
	random_seed_for_test(0);
	assert_in_range(first, 25, 75);
	script.records = records;
	script.record_count = ARRAY_LEN(records);
}

static void
too_many_of_everything(void **state)
{
	enum { HOSTS = 30, ADDRESSES = 40 };
	static struct script_record rows[HOSTS + 2 * ADDRESSES];
	static char rdata[HOSTS][16], six[ADDRESSES][16];
	struct route r;

	for (unsigned i = 0; i < HOSTS; i++) {
		memcpy(rdata[i], "\0\0\1a\1z\4test\0", 12);
		rdata[i][1] = (char)(i + 1);
		rdata[i][3] = (char)('a' + i % 26);
		rdata[i][5] = (char)(i < 26 ? 'y' : 'z');
		rows[i] = (struct script_record){ "wide.test", MX, .rdata = { rdata[i], 12 } };
	}
	for (unsigned i = 0; i < ADDRESSES; i++) {
		memcpy(six[i], SIX, 15);
		six[i][15] = (char)(i + 1);
		rows[HOSTS + i] =
		    (struct script_record){ "a.y.test", AAAA, .rdata = { six[i], 16 } };
		rows[HOSTS + ADDRESSES + i] =
		    (struct script_record){ "a.y.test", A, .rdata = { six[i], 4 } };
	}
	script.records = rows;
	script.record_count = ARRAY_LEN(rows);
	r = find("wide.test");
	assert_int_equal(r.verdict, ROUTE_OK);
	assert_int_equal(r.host_count, LOOKUP_HOSTS_MAX);
	expect_host(&r, 0, "a.y.test", 1, ROUTE_HOST_OK, LOOKUP_ADDRESSES_MAX);
	assert_int_equal(r.hosts[0].addresses.at[0].len, 16);
	assert_int_equal(r.hosts[0].addresses.at[1].len, 4);
	script.records = records;
	script.record_count = ARRAY_LEN(records);
}

static int
set_up(void **state)
{
	dns = script_dns(&script);
	https = script_https(&script);
	pool = pool_new(&(struct pool_config){ .name = "https", .max = 4 });
	sts = sts_new(&https, pool);
	return 0;
}

static int
tear_down(void **state)
{
	pool_free(pool);
	sts_free(sts);
	arena_done(&arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_by_preference),
		cmocka_unit_test(no_mx),
		cmocka_unit_test(null_mx),
		cmocka_unit_test(no_way),
		cmocka_unit_test(one_host_that_fails_does_not_hide_another),
		cmocka_unit_test(literals),
		cmocka_unit_test(loops),
		cmocka_unit_test(networks_inside),
		cmocka_unit_test(who_is_inside_is_told_of),
		cmocka_unit_test(tlsa),
		cmocka_unit_test(tlsa_that_is_not_signed),
		cmocka_unit_test(equals_take_turns),
		cmocka_unit_test(too_many_of_everything),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
