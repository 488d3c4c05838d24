/* SPDX-License-Identifier: ISC */
/* The stored form of a summary: that of an earlier version is read as ever, and
 * the front of it is enough for what a mailbox is listed by. */
#include "base/testing.h"
#include "mime/packed.h"
#include "mime/summary_check.h"

static const char message[] =
    "From: a <b@c>\nTo: =?utf-8?q?f=C3=A9e?= <d@e>, friends: g@h;\nSubject: Re: old\n"
    "Message-ID: <x@y>\nIn-Reply-To: <w@y>\nReceived: by z\nContent-Type: multipart/mixed;\n"
    " boundary=b\n\n--b\n\ntext\n--b\nContent-Type: message/rfc822\n\nSubject: in\n\nx\n--b--\n";

/* What version 1 made of it. */
static const unsigned char version_1[] = {
	1, 21, 238, 1, 173, 1, 0, 0, 5, 60, 120, 64, 121, 62, 2, 3, /* front */
	14, 7, 82, 101, 58, 32, 111, 108, 100, 5, 60, 119, 64, 121, 62, 2, 13, 1, 97, 1, 98, 1, 99,
	0, 0, 8, 13, 20, 61, 63, 117, 116, 102, 45, 56, 63, 113, 63, 102, 61, 67, 51, 61, 65, 57,
	101, 63, 61, 1, 100, 1, 101, 20, 7, 102, 114, 105, 101, 110, 100, 115, 12, 1, 103, 1, 104,
	32, 0, 0,				    /* envelope */
	1, 7, 5, 3, 4, 116, 101, 120, 116, 1, 2, 3, /* subjects, preview, references */
	7, 3, 18, 5, 86, 7, 18, 11, 14, 35, 14, 1, 12, 19, 60, 40, 87, 91, 0, /* fields */
	173, 1, 65, 10, 1, 117, 2, 98, 16, 81, 83, 4, 1, 4, 0, 160, 4, 133, 1, 135, 1, 5, 30, 14, 2,
	0, 2, 2, 105, 110, 0, 0, 0, 0, 0, 0, 0, 81, 83, 0, 13, 1, 0 /* parts */
};

static struct arena arena;
static struct mime_summary parsed;
static struct buffer packed;

static int
make(void **state)
{
	arena_init(&arena, 0, 0);
	mime_parse(text_of(message), NULL, &arena, &parsed);
	mime_summary_pack(&parsed, &packed);
	return 0;
}

static int
done(void **state)
{
	buffer_done(&packed);
	arena_done(&arena);
	return 0;
}

/* Of back, which was read for listing, all that listing needs. */
static void
same_shown(struct mime_summary *back)
{
	struct mime_summary want = parsed;

	want.fields = back->fields;
	want.field_count = back->field_count;
	want.subject = back->subject;
	want.base_subject = back->base_subject;
	want.preview = back->preview;
	want.references = back->references;
	want.reference_count = back->reference_count;
	same_summary(&want, back);
}

static void
the_earlier_version(void **state)
{
	struct text old = { (const char *)version_1, sizeof(version_1) };
	struct mime_summary back;

	assert_ok(mime_summary_unpack(old, &arena, &back));
	same_summary(&parsed, &back);
	assert_true(text_equal(mime_summary_shown(old), old));
	assert_ok(mime_summary_unpack_shown(old, &arena, &back));
	same_shown(&back);
	assert_ok(mime_summary_unpack_envelope(old, &arena, &back));
	same_envelope(&parsed.envelope, &back.envelope);
	assert_ok(mime_summary_peek(old, &back));
	assert_text(back.message_id, "x@y");
	for (size_t n = 0; n < old.len; n++) {
		assert_int_equal(
		    mime_summary_unpack(text_part(old, 0, n), &arena, &back), STATUS_CORRUPT);
		assert_int_equal(
		    mime_summary_unpack_shown(text_part(old, 0, n), &arena, &back), STATUS_CORRUPT);
	}
}

static void
the_front_is_enough_to_list(void **state)
{
	struct text shown = mime_summary_shown(buffer_text(&packed));
	struct mime_summary back;

	assert_true(shown.len < packed.len);
	assert_int_equal(packed.ptr[0], PACKED_VERSION);
	assert_ok(mime_summary_unpack_shown(shown, &arena, &back));
	same_shown(&back);
	assert_ok(mime_summary_unpack_shown(buffer_text(&packed), &arena, &back));
	same_shown(&back);
	assert_ok(mime_summary_unpack_envelope(shown, &arena, &back));
	same_envelope(&parsed.envelope, &back.envelope);
	assert_ok(mime_summary_peek(shown, &back));
	assert_int_equal(back.size, sizeof(message) - 1);
	assert_int_equal(mime_summary_unpack(shown, &arena, &back), STATUS_CORRUPT);
}

/* What is no summary is handed on whole, for who reads it to say so. */
static void
damage(void **state)
{
	struct text shown = mime_summary_shown(buffer_text(&packed)), other = TEXT("\3\1x");
	struct mime_summary back;

	for (size_t n = 0; n < shown.len; n++) {
		struct text cut = text_part(shown, 0, n);

		assert_true(text_equal(mime_summary_shown(cut), cut));
		assert_int_equal(mime_summary_unpack_shown(cut, &arena, &back), STATUS_CORRUPT);
		assert_int_equal(mime_summary_peek(cut, &back), STATUS_CORRUPT);
	}
	assert_true(text_equal(mime_summary_shown(other), other));
	assert_int_equal(mime_summary_peek(other, &back), STATUS_CORRUPT);
	packed.ptr[1]++; /* an octet of the rest is not part of the front */
	assert_int_equal(
	    mime_summary_unpack_shown(buffer_text(&packed), &arena, &back), STATUS_CORRUPT);
	assert_int_equal(mime_summary_unpack(buffer_text(&packed), &arena, &back), STATUS_CORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_earlier_version, make, done),
		cmocka_unit_test_setup_teardown(the_front_is_enough_to_list, make, done),
		cmocka_unit_test_setup_teardown(damage, make, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
