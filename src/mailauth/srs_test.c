/* SPDX-License-Identifier: ISC */
/* Sender rewriting there and back, over several forwarders. */
#include "base/testing.h"

#include "mailauth/srs.h"

#define NOW (INT64_C(20000) * 86400 + 77)
#define DAY INT64_C(86400)
#define SECRET TEXT("a secret of the test")

static struct buffer out;

static struct text
forward(const char *sender, const char *domain)
{
	buffer_clear(&out);
	assert_ok(srs_forward(text_of(sender), text_of(domain), SECRET, NOW, &out));
	return buffer_text(&out);
}

/* The status of going back, and where to. */
static enum status
back(struct text address, int64_t now, char *to, size_t cap)
{
	struct buffer b = BUFFER_INIT;
	struct text local = text_part(address, 0, text_find_last(address, '@'));
	enum status s = srs_reverse(local, SECRET, now, &b);

	if (s == STATUS_OK)
		assert_ok(text_to_string(buffer_text(&b), to, cap));
	buffer_done(&b);
	return s;
}

static void
there_and_back(void **state)
{
	char to[100], folded[100];
	struct text address = forward("Alice=x@Example.org", "fwd.example");

	assert_true(text_starts(address, TEXT("SRS0=")));
	assert_true(text_ends(address, TEXT("=Example.org=Alice=x@fwd.example")));
	assert_true(srs_is(address));
	assert_ok(back(address, NOW, to, sizeof(to)));
	assert_string_equal(to, "Alice=x@Example.org");
	/* Another machine may fold the local part. */
	assert_ok(text_to_string(address, folded, sizeof(folded)));
	for (char *p = folded; *p != '\0'; p++)
		*p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
	assert_ok(back(text_of(folded), NOW, to, sizeof(to)));
	assert_string_equal(to, "ALICE=X@EXAMPLE.ORG");
	buffer_done(&out);
}

static void
over_three_forwarders(void **state)
{
	char first[100], second[100], to[100];

	assert_ok(text_to_string(forward("a@b.example", "one.example"), first, sizeof(first)));
	assert_ok(text_to_string(forward(first, "two.example"), second, sizeof(second)));
	assert_true(text_starts(text_of(second), TEXT("SRS1=")));
	forward(second, "three.example");
	assert_true(text_find(buffer_text(&out), TEXT("=one.example=="), 0) < out.len);
	assert_true(text_find(buffer_text(&out), TEXT("two.example"), 0) == out.len);
	assert_ok(back(buffer_text(&out), NOW, to, sizeof(to)));
	assert_string_equal(to, first);
	assert_ok(back(text_of(to), NOW, first, sizeof(first)));
	assert_string_equal(first, "a@b.example");
	buffer_done(&out);
}

/* What only looks like a rewritten sender is one as any other. */
static void
looks_rewritten(void **state)
{
	static const char *const senders[] = { "SRS1=abc=le=@a.example", "SRS1=x@a.example" };
	char to[100];

	for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
		assert_true(text_starts(forward(senders[i], "one.example"), TEXT("SRS0=")));
		assert_ok(back(buffer_text(&out), NOW, to, sizeof(to)));
		assert_string_equal(to, senders[i]);
	}
	buffer_done(&out);
}

static void
not_ours(void **state)
{
	static const char *const bad[] = { "SRS0=aaaaaa=aa=b.example=a", "SRS0=a", "SRS0==aa=b=a",
		"SRS1=aaaaaa=b.example==x", "SRS1=a=", "srs0+aaaaaa=aa=b=" };
	char to[100], address[100];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_true(srs_is(text_of(bad[i])));
		assert_int_equal(back(text_of(bad[i]), NOW, to, sizeof(to)), STATUS_DENIED);
	}
	assert_false(srs_is(TEXT("srs0")) || srs_is(TEXT("SRS2=x")) || srs_is(TEXT("srs0x=y")));
	assert_int_equal(back(TEXT("alice"), NOW, to, sizeof(to)), STATUS_NOT_FOUND);
	/* Every octet counts. */
	assert_ok(text_to_string(forward("a@b.example", "one.example"), address, sizeof(address)));
	for (size_t i = 5; address[i] != '@'; i++) {
		char old = address[i];

		address[i] = old == 'q' ? 'r' : 'q';
		assert_int_equal(back(text_of(address), NOW, to, sizeof(to)), STATUS_DENIED);
		address[i] = old;
	}
	assert_ok(back(text_of(address), NOW, to, sizeof(to)));
	buffer_done(&out);
}

static void
time_limit(void **state)
{
	char to[100];
	struct text address = forward("a@b.example", "one.example");

	assert_ok(back(address, NOW + SRS_DAYS * DAY, to, sizeof(to)));
	assert_int_equal(back(address, NOW + (SRS_DAYS + 1) * DAY, to, sizeof(to)), STATUS_TIMEOUT);
	assert_ok(back(address, NOW - DAY, to, sizeof(to))); /* a clock that is late */
	assert_int_equal(back(address, NOW - 2 * DAY, to, sizeof(to)), STATUS_TIMEOUT);
	buffer_done(&out);
}

static void
what_is_not_rewritten(void **state)
{
	struct buffer b = BUFFER_INIT;

	assert_text(forward("a@ONE.example", "one.example"), "a@ONE.example");
	assert_int_equal(srs_forward(TEXT("nobody"), TEXT("x.y"), SECRET, NOW, &b), STATUS_INVALID);
	assert_int_equal(srs_forward(TEXT("@x.y"), TEXT("z.y"), SECRET, NOW, &b), STATUS_INVALID);
	assert_int_equal(
	    srs_forward(TEXT("a-rather-long-local-part-of-a-sender@a-long-domain.example"),
		TEXT("x.y"), SECRET, NOW, &b),
	    STATUS_LIMIT); /* RFC 5321 4.5.3.1.1 */
	assert_int_equal(b.len, 0);
	buffer_done(&b);
	buffer_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(over_three_forwarders),
		cmocka_unit_test(looks_rewritten),
		cmocka_unit_test(not_ours),
		cmocka_unit_test(time_limit),
		cmocka_unit_test(what_is_not_rewritten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
