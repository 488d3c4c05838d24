/* SPDX-License-Identifier: ISC */
/* DKIM: the example of RFC 8463 A, both of its signatures; what we
 * sign, and every way in which a signature is none. */
#include "mailauth/testing_mail.h"

static struct arena arena;

#define BOTH EXAMPLE_ED25519 EXAMPLE_RSA EXAMPLE_HEADER

static struct dkim_check
example_check(struct signed_message *m, struct text header)
{
	struct dkim_check c;

	signed_message_init(m, header, &arena);
	dkim_check_begin(&c, m, EXAMPLE_AT);
	return c;
}

static void
example_of_rfc_8463(void **state)
{
	const struct text records[] = { TEXT("v=spf1 -all"), TEXT(RECORD_ED25519),
		TEXT(RECORD_RSA) };
	struct buffer name = BUFFER_INIT;
	struct signed_message m;
	struct dkim_check c = example_check(&m, TEXT(BOTH));

	assert_int_equal(c.count, 2);
	assert_int_equal(m.hash_count, 1); /* one body, one form, one hash */
	feed(&m, TEXT(EXAMPLE_BODY), 3);
	assert_int_equal(c.at[0].result, DKIM_NONE);
	assert_ok(signature_key_name(&c.at[0].signature, &name));
	assert_text(buffer_text(&name), "brisbane._domainkey.football.example.com");
	dkim_check_key(&c, 0, STATUS_OK, records, 2); /* the first that is one */
	dkim_check_key(&c, 1, STATUS_OK, records + 2, 1);
	for (uint32_t i = 0; i < 2; i++) {
		assert_string_equal(c.at[i].why, "");
		assert_int_equal(c.at[i].result, DKIM_PASS);
		assert_text(c.at[i].signature.identity, "@football.example.com");
		assert_false(c.at[i].partial);
	}
	assert_int_equal(c.at[0].bits, 256);
	assert_int_equal(c.at[1].bits, 1024);
	buffer_done(&name);
	arena_done(&arena);
}

static void
key_failures(void **state)
{
	static const struct {
		enum status found;
		const char *record;
		enum dkim_result result;
		const char *why;
	} cases[] = {
		{ STATUS_NOT_FOUND, "", DKIM_PERMERROR, "there is no key" },
		{ STATUS_TIMEOUT, "", DKIM_TEMPERROR, "the key could not be looked up" },
		{ STATUS_OK, "v=DKIM1; p=", DKIM_PERMERROR, "the key is revoked" },
		{ STATUS_OK, RECORD_RSA, DKIM_PERMERROR, "the key is of another type" },
		{ STATUS_OK, "nonsense", DKIM_PERMERROR, "the record is malformed" },
		{ STATUS_OK, "v=DKIM1; k=ed25519; p=yi50DjK5O9pqbFpNHklsv9lqaS0ArSYu02qp1S0DW1Y=",
		    DKIM_FAIL, "the signature does not verify" },
		{ STATUS_OK, RECORD_ED25519 "; t=s", DKIM_PASS, "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct signed_message m;
		struct dkim_check c = example_check(&m, TEXT(BOTH));
		struct text record = text_of(cases[i].record);

		feed(&m, TEXT(EXAMPLE_BODY), 100);
		dkim_check_key(&c, 0, cases[i].found, &record, 1);
		assert_string_equal(c.at[0].why, cases[i].why);
		assert_int_equal(c.at[0].result, cases[i].result);
		arena_done(&arena);
	}
}

/* Each a change to one tag of the example (RFC 6376 6.1.1). */
static const struct {
	const char *field, *why;
} broken[] = {
	{ "v=2; a=rsa-sha256; d=a.b; s=c; h=from; bh=%; b=AA==", "v= is not 1" },
	{ "a=rsa-sha256; d=a.b; s=c; h=from; bh=%; b=AA==", "v= is not 1" },
	{ "v=1; a=rsa-sha1; d=a.b; s=c; h=from; bh=%; b=AA==", /* RFC 8301 3.1 */
	    "the algorithm is unknown or not allowed" },
	{ "v=1; d=a.b; s=c; h=from; bh=%; b=AA==", "a= is missing" },
	{ "v=1; a=rsa-sha256; s=c; h=from; bh=%; b=AA==", "d= is missing" },
	{ "v=1; a=rsa-sha256; d=a.b; h=from; bh=%; b=AA==", "s= is missing" },
	{ "v=1; a=rsa-sha256; d=b; s=c; h=from; bh=%; b=AA==", "d= or s= is no domain name" },
	{ "v=1; a=rsa-sha256; d=a.b; s=c d; h=from; bh=%; b=AA==", "d= or s= is no domain name" },
	{ "v=1; a=rsa-sha256; d=a.b; s=c; bh=%; b=AA==", "h= is missing" },
	{ "v=1; a=rsa-sha256; d=a.b; s=c; h=to:subject; bh=%; b=AA==", "h= does not name From" },
	{ "v=1; a=rsa-sha256; d=a.b; s=c; h=from::to; bh=%; b=AA==", "h= names an empty field" },
	{ "v=1; a=rsa-sha256; d=a.b; s=c; h=from; b=AA==", "bh= is missing" },
	{ "v=1; a=rsa-sha256; d=a.b; s=c; h=from; bh=AAAA; b=AA==", "bh= is no hash" },
	{ "v=1; a=rsa-sha256; d=a.b; s=c; h=from; bh=%", "b= is missing" },
	{ "v=1; a=rsa-sha256; d=a.b; s=c; h=from; bh=%; b=", "b= is not base64" },
	{ "v=1; a=rsa-sha256; d=a.b; s=c; h=from; bh=%; b=AA==; c=strict",
	    "the canonicalisation is unknown" },
	{ "v=1; a=rsa-sha256; d=a.b; s=c; h=from; bh=%; b=AA==; l=-1", "l= is no length" },
	{ "v=1; a=rsa-sha256; d=a.b; s=c; h=from; bh=%; b=AA==; i=@c.b", "i= is not in d=" },
	{ "v=1; a=rsa-sha256; d=a.b; s=c; h=from; bh=%; b=AA==; i=x@za.b", "i= is not in d=" },
	{ "v=1; a=rsa-sha256; d=a.b; s=c; h=from; bh=%; b=AA==; q=http", "q= is not dns/txt" },
	{ "v=1; a=rsa-sha256; d=a.b; s=c; h=from; bh=%; b=AA==; t=soon", "a time is no number" },
	{ "v=1; a=rsa-sha256; d=a.b; s=c; h=from; bh=%; b=AA==; t=9; x=9",
	    "it expires before it was made" },
	{ "v=1; a=rsa-sha256; d=a.b; s=c; h=from; bh=%; b=AA==; b=BB==", "the field is malformed" },
	{ "v=1; a=rsa-sha256; d=a.b; s=x_y; h=from; bh=%; b=AA==; i=x@c.a.b; q=dns/txt; t=5", "" },
};

static void
broken_fields(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		struct text field = text_of(broken[i].field);
		size_t mark = text_find_byte(field, '%', 0);
		struct text header =
		    arena_printf(&arena, "DKIM-Signature: %.*s%s%.*s\r\nFrom: a@b\r\n",
			TEXT_ARG(text_part(field, 0, mark)),
			mark == field.len ? "" : "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=",
			TEXT_ARG(text_part(field, mark + 1, field.len)));
		struct signed_message m;
		struct dkim_check c = example_check(&m, header);

		if (strcmp(c.at[0].why, broken[i].why) != 0)
			fail_msg("%s: said \"%s\"", broken[i].field, c.at[0].why);
		assert_int_equal(
		    c.at[0].result, *broken[i].why == '\0' ? DKIM_NONE : DKIM_PERMERROR);
		arena_done(&arena);
	}
}

static void
expired(void **state)
{
	struct signed_message m;
	struct dkim_check c = example_check(
	    &m, TEXT("DKIM-Signature: v=1; a=rsa-sha256; d=a.b; s=c; h=from; x=1528637908; b=AA==;"
		     " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=\r\nFrom: a@b\r\n"));

	assert_int_equal(c.at[0].result, DKIM_FAIL);
	assert_string_equal(c.at[0].why, "the signature has expired");
	arena_done(&arena);
}

#define MAIL \
	"From: a@example.org\r\nTo: b@example.net\r\nSubject: Hello\r\n there\r\nX-Other: 1\r\n"

static void
changed_after(struct text field, struct text record)
{
	static const struct {
		const char *header, *body, *why;
	} cases[] = {
		{ MAIL, "text\r\n", "" },
		{ "X-More: y\r\n" MAIL, "text  \r\n\r\n", "" }, /* neither is signed */
		{ MAIL, "text!\r\n", "the body was changed" },
		{ MAIL, " text\r\n", "the body was changed" },
		/* RFC 6376 8.15: what is added, above or below */
		{ "Subject: Other\r\n" MAIL, "text\r\n", "the signature does not verify" },
		{ MAIL "Subject: Other\r\n", "text\r\n", "the signature does not verify" },
		{ "From: c@example.com\r\n" MAIL, "text\r\n", "the signature does not verify" },
		{ "Cc: c@example.com\r\n" MAIL, "text\r\n", "the signature does not verify" },
		{ "Content-Type: text/html\r\n" MAIL, "text\r\n", "the signature does not verify" },
		{ "From: a@example.org\r\nSubject: Hello\r\n there\r\n", "text\r\n",
		    "the signature does not verify" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct text header = arena_join(&arena, field, text_of(cases[i].header));
		struct dkim_verdict v =
		    verdict(header, text_of(cases[i].body), record, EXAMPLE_AT, &arena);

		if (strcmp(v.why, cases[i].why) != 0)
			fail_msg("case %zu: said \"%s\"", i, v.why);
		assert_int_equal(v.result, *cases[i].why == '\0' ? DKIM_PASS : DKIM_FAIL);
	}
}

static void
signed_here(void **state)
{
	static const enum dkim_algorithm kinds[] = { DKIM_RSA_SHA256, DKIM_ED25519_SHA256 };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct dkim_private *key = new_key(kinds[i]);
		struct text field = sign(TEXT(MAIL), TEXT("text\r\n"), key, &arena), rest = field,
			    line;

		changed_after(field, record_of(key, &arena));
		while (text_split(&rest, '\n', &line)) /* a tab counts 8 (RFC 5322 2.1.1) */
			assert_true(line.len <= 72 || (line.ptr[0] != '\t' && line.len <= 79));
		assert_true(text_find(field, TEXT("l="), 0) == field.len);
		dkim_private_free(key);
		arena_done(&arena);
	}
}

/* Two signatures: the second signs as if the first were not there. */
static void
signed_twice(void **state)
{
	struct dkim_private *rsa = new_key(DKIM_RSA_SHA256), *ed = new_key(DKIM_ED25519_SHA256);
	struct text body = TEXT("text\r\n"), one, two;

	one = sign(TEXT(MAIL), body, rsa, &arena);
	two = sign(TEXT(MAIL), body, ed, &arena);
	one = arena_join(&arena, one, arena_join(&arena, two, TEXT(MAIL)));
	two = arena_join(&arena, two, one);
	assert_int_equal(
	    verdict(one, body, record_of(rsa, &arena), EXAMPLE_AT, &arena).result, DKIM_PASS);
	assert_int_equal(
	    verdict(two, body, record_of(ed, &arena), EXAMPLE_AT, &arena).result, DKIM_PASS);
	dkim_private_free(rsa);
	dkim_private_free(ed);
	arena_done(&arena);
}

static void
not_signed(void **state)
{
	static const char *const headers[] = { "To: b\r\n", "From: a\r\nTo: b\r\nFrom: c\r\n" };
	const struct dkim_how how = { DKIM_RSA_SHA256, TEXT("example.org"), TEXT("s"), EXAMPLE_AT,
		SIGNATURE_NO_TIME };
	struct dkim_prepared p;
	struct signed_message m;

	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		signed_message_init(&m, text_of(headers[i]), &arena);
		dkim_sign_want(&m);
		signed_message_end(&m);
		assert_int_equal(dkim_sign_prepare(&m, &how, &arena, &p), STATUS_INVALID);
		arena_done(&arena);
	}
}

static void
names_that_are_signed(void **state)
{
	struct buffer names = BUFFER_INIT;
	struct signed_message m;

	signed_message_init(
	    &m, TEXT("From: a\r\nReceived: x\r\nList-Id: y\r\nDKIM-Signature: z\r\n"), &arena);
	dkim_sign_names(&m, false, &names);
	assert_text(buffer_text(&names),
	    "from:from:to:cc:subject:date:message-id:reply-to:in-reply-to:references:mime-version:"
	    "content-type:content-transfer-encoding:list-id");
	buffer_clear(&names);
	dkim_sign_names(&m, true, &names); /* RFC 8617 5.1 */
	assert_text(buffer_text(&names), "from:list-id:dkim-signature");
	buffer_done(&names);
	arena_done(&arena);
}

static void
many_signatures(void **state)
{
	struct buffer header = BUFFER_INIT;
	struct signed_message m;
	struct dkim_check c;

	for (unsigned i = 0; i < DKIM_SIGNATURES_MAX + 1; i++)
		buffer_addf(&header,
		    "DKIM-Signature: v=1; a=rsa-sha256; d=a.b; s=c; h=from; l=%u; b=AA==;"
		    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=\r\n",
		    i);
	c = example_check(&m, buffer_text(&header));
	assert_int_equal(c.count, DKIM_SIGNATURES_MAX);
	assert_true(c.cut);
	buffer_done(&header);
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(example_of_rfc_8463),
		cmocka_unit_test(key_failures),
		cmocka_unit_test(broken_fields),
		cmocka_unit_test(expired),
		cmocka_unit_test(signed_here),
		cmocka_unit_test(signed_twice),
		cmocka_unit_test(not_signed),
		cmocka_unit_test(names_that_are_signed),
		cmocka_unit_test(many_signatures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
