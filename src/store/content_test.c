/* SPDX-License-Identifier: ISC */
/* Content: every size around the frame borders comes back, whole and in
 * ranges; bytes that are no content are refused. */
#include "store/content.h"

#include "base/random.h"
#include "base/testing.h"

#define FRAME CONTENT_FRAME_RAW

struct sample {
	struct buffer raw, container;
	struct text piece[64];
	uint32_t count;
	struct content content;
};

static enum status
fetch(void *arg, uint32_t piece, struct arena *a, struct text *bytes)
{
	struct sample *s = arg;

	if (piece >= s->count)
		return STATUS_NOT_FOUND;
	*bytes = s->piece[piece];
	return STATUS_OK;
}

/* Text that packs well, or noise that does not. */
static void
fill(struct buffer *b, size_t n, bool noise)
{
	while (b->len < n) {
		uint64_t r = random_u64();

		if (noise)
			buffer_add(b, &r, sizeof(r));
		else
			buffer_addf(b, "line %u of words that come again\r\n", (unsigned)(r & 255));
	}
	buffer_cut(b, n);
}

static void
open_sample(struct sample *s)
{
	assert_int_equal(
	    content_pieces(buffer_text(&s->container), 64, s->piece, &s->count), STATUS_OK);
	assert_int_equal(content_open(s->piece[0], &s->content), STATUS_OK);
	s->content.fetch = fetch;
	s->content.arg = s;
	assert_int_equal(s->content.size, s->raw.len);
}

static void
make(struct sample *s, size_t size, size_t head, size_t header_len, bool noise)
{
	memset(s, 0, sizeof(*s));
	fill(&s->raw, size, noise);
	content_pack(text_part(buffer_text(&s->raw), 0, head),
	    text_part(buffer_text(&s->raw), head, size), header_len, &s->container);
	open_sample(s);
}

static void
drop(struct sample *s)
{
	buffer_done(&s->raw);
	buffer_done(&s->container);
}

static void
expect_range(struct sample *s, uint64_t from, uint64_t len)
{
	struct buffer out = BUFFER_INIT;
	struct text want = text_part(buffer_text(&s->raw), from, from + len);

	assert_int_equal(content_read_buffer(&s->content, from, len, &out), STATUS_OK);
	assert_int_equal(out.len, want.len);
	assert_true(text_equal(buffer_text(&out), want));
	buffer_done(&out);
}

static void
every_border(void **state)
{
	static const size_t body[] = { 0, 1, 100, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME,
		3 * FRAME + 7 };

	for (size_t i = 0; i < ARRAY_LEN(body); i++)
		for (int noise = 0; noise < 2; noise++)
			for (size_t header = 0; header <= 300; header += 150) {
				struct sample s;

				make(&s, header + body[i], header / 2, header, noise);
				assert_int_equal(s.content.header_len, header);
				expect_range(&s, 0, s.raw.len);
				expect_range(&s, header, 1);
				expect_range(&s, s.raw.len / 2, 1000);
				expect_range(&s, s.raw.len, 10);
				drop(&s);
			}
}

static void
small_bodies_stand_in_piece_0(void **state)
{
	struct sample s;

	make(&s, 10000, 100, 400, false);
	assert_int_equal(s.count, 1);
	assert_true(s.content.inlined);
	assert_true(s.container.len < 5000);
	drop(&s);
	make(&s, FRAME, 100, 400, true); /* does not pack: its frame is too large */
	assert_int_equal(s.count, 2);
	assert_false(s.content.inlined);
	drop(&s);
}

/* Not compressed, it is read in the same way. */
static void
what_leaves_again_is_wrapped(void **state)
{
	static const size_t sizes[] = { 0, 100, 10000, FRAME + 500, 3 * FRAME };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct sample s = { .count = 0 };
		struct text raw;
		size_t header = sizes[i] < 400 ? sizes[i] : 400;

		fill(&s.raw, sizes[i], false);
		raw = buffer_text(&s.raw);
		content_wrap(text_part(raw, 0, header / 2), text_part(raw, header / 2, raw.len),
		    header, &s.container);
		assert_true(s.container.len >= raw.len);
		open_sample(&s);
		assert_int_equal(s.content.header_len, header);
		expect_range(&s, 0, raw.len);
		expect_range(&s, header / 2, 1000);
		drop(&s);
	}
}

static void
a_long_header_is_cut(void **state)
{
	struct sample s;

	make(&s, 3 * FRAME, 10, 2 * FRAME, false);
	assert_int_equal(s.content.header_len, FRAME);
	expect_range(&s, 0, s.raw.len);
	expect_range(&s, FRAME - 5, 10);
	drop(&s);
}

static void
refuses_what_is_cut(void **state)
{
	struct sample s;
	struct text piece[64];
	uint32_t count = 77;

	make(&s, 2 * FRAME, 10, 200, false);
	for (size_t n = 0; n < s.container.len; n++)
		assert_int_equal(
		    content_pieces(text_part(buffer_text(&s.container), 0, n), 64, piece, &count),
		    STATUS_CORRUPT);
	assert_int_equal(
	    content_pieces(buffer_text(&s.container), 1, piece, &count), STATUS_CORRUPT);
	assert_int_equal(count, 77);
	drop(&s);
}

/* Lengths that lie give CORRUPT, not more octets than were promised. */
static void
refuses_false_sizes(void **state)
{
	struct sample s;
	struct buffer b = BUFFER_INIT, out = BUFFER_INIT;
	struct content c = { 0 };

	make(&s, 5000, 10, 200, false);
	pack_u8(&b, 1);
	pack_varint(&b, 9000);
	pack_varint(&b, 200);
	pack_text(&b, s.content.header_frame);
	buffer_add_text(&b, s.content.body_frame);
	assert_int_equal(content_open(buffer_text(&b), &c), STATUS_OK);
	assert_int_equal(content_read_buffer(&c, 0, 9000, &out), STATUS_CORRUPT);
	assert_int_equal(out.len, 200);
	drop(&s);
	buffer_done(&b);
	buffer_done(&out);
}

/* Sixteen letters in no order: nothing comes again, but half of each octet is
 * known. */
static void
letters_shrink_to_half(void **state)
{
	struct buffer letters = BUFFER_INIT, container = BUFFER_INIT;

	for (unsigned i = 0; i < 10000; i++)
		buffer_addf(&letters, "%c", (char)('a' + (random_u64() & 15)));
	content_pack(TEXT_EMPTY, buffer_text(&letters), 0, &container);
	assert_in_range(container.len, 5000, 5500);
	buffer_done(&letters);
	buffer_done(&container);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_border),
		cmocka_unit_test(small_bodies_stand_in_piece_0),
		cmocka_unit_test(what_leaves_again_is_wrapped),
		cmocka_unit_test(a_long_header_is_cut),
		cmocka_unit_test(refuses_what_is_cut),
		cmocka_unit_test(refuses_false_sizes),
		cmocka_unit_test(letters_shrink_to_half),
	};

	random_seed_for_test(42);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
