/* SPDX-License-Identifier: ISC */
/*
 * Signing and verifying for tests/mailauth_oracle.py, which compares us with
 * another implementation. Requests come on standard input as two frames, what
 * to do and a message, and are answered by one frame on standard output; a
 * frame is four octets of length (big-endian) and the octets.
 *
 *   "sign rsa-sha256|ed25519-sha256\n"     the field
 *   "record rsa-sha256|ed25519-sha256\n"   the record of the key that signs
 *   "verify\nNAME RECORD\n..."             a line for each: RESULT WORDS
 *   "arc\nNAME RECORD\n..."                RESULT WORDS
 *   "seal rsa-sha256|...\nNAME RECORD..."  the three fields
 */
#include "mailauth/arc.h"
#include "mailauth/testing_frames.h"

static struct dkim_private *keys[2];

/* The records of a name, out of the lines behind the first. */
static uint32_t
lookup(struct text lines, const struct signature *s, struct text found[4])
{
	struct buffer name = BUFFER_INIT;
	struct text line;
	uint32_t count = 0;

	CHECK(signature_key_name(s, &name) == STATUS_OK);
	while (text_split(&lines, '\n', &line)) {
		size_t space = text_find_byte(line, ' ', 0);

		if (text_equal_ci(text_part(line, 0, space), buffer_text(&name)) && count < 4)
			found[count++] = text_part(line, space + 1, line.len);
	}
	buffer_done(&name);
	return count;
}

static void
split(struct text message, struct text *header, struct text *body)
{
	size_t at =
	    text_starts(message, TEXT("\r\n")) ? 0 : text_find(message, TEXT("\r\n\r\n"), 0) + 2;

	*header = text_part(message, 0, at);
	*body = text_part(message, at + 2, message.len);
}

static void
pass_by(struct signed_message *m, struct text body)
{
	for (size_t at = 0; at < body.len; at += 1000)
		signed_message_body(m, text_part(body, at, at + 1000));
	signed_message_end(m);
}

static void
serve_sign(
    struct signed_message *m, struct text body, const struct dkim_how *how, struct buffer *out)
{
	struct buffer signature = BUFFER_INIT;
	struct dkim_prepared p;

	dkim_sign_want(m);
	pass_by(m, body);
	if (dkim_sign_prepare(m, how, m->arena, &p) == STATUS_OK) {
		dkim_private_sign(keys[how->algorithm], p.digest, &signature);
		dkim_sign_finish(&p, buffer_text(&signature), out);
	}
	buffer_done(&signature);
}

static void
serve_verify(struct signed_message *m, struct text body, struct text lines, struct buffer *out)
{
	struct dkim_check c;
	struct text found[4];

	dkim_check_begin(&c, m, 1600000000);
	pass_by(m, body);
	for (uint32_t i = 0; i < c.count; i++) {
		if (c.at[i].result == DKIM_NONE) {
			uint32_t n = lookup(lines, &c.at[i].signature, found);

			dkim_check_key(&c, i, n == 0 ? STATUS_NOT_FOUND : STATUS_OK, found, n);
		}
		buffer_addf(out, "%s %s\n", dkim_result_word(c.at[i].result), c.at[i].why);
	}
}

static void
check_chain(struct arc_check *c, struct signed_message *m, struct text body, struct text lines)
{
	struct text found[4];
	uint32_t count;

	arc_check_begin(c, m);
	pass_by(m, body);
	count = c->keys;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t n = lookup(lines, arc_check_signature(c, i), found);

		arc_check_key(c, i, n == 0 ? STATUS_NOT_FOUND : STATUS_OK, found, n);
	}
}

static void
serve_seal(struct signed_message *m, struct text body, struct text lines,
    const struct dkim_how *how, struct buffer *out)
{
	struct buffer one = BUFFER_INIT, two = BUFFER_INIT;
	struct arc_check c;
	struct arc_seal s;

	dkim_sign_want(m);
	check_chain(&c, m, body, lines);
	if (arc_seal_begin(&s, m, &c, how, TEXT("mx.signed.example; spf=pass"), m->arena) ==
	    STATUS_OK) {
		dkim_private_sign(keys[how->algorithm], s.part.digest, &one);
		arc_seal_next(&s, buffer_text(&one));
		dkim_private_sign(keys[how->algorithm], s.part.digest, &two);
		arc_seal_finish(&s, buffer_text(&two), out);
	}
	buffer_done(&one);
	buffer_done(&two);
}

static void
serve(struct text request, struct text message, struct buffer *out)
{
	struct arena a = ARENA_INIT;
	struct dkim_how how = { DKIM_RSA_SHA256, TEXT("signed.example"), TEXT("key"), 1600000000,
		SIGNATURE_NO_TIME };
	struct text header, body, first, verb;
	struct signed_message m;
	struct arc_check c;

	(void)text_split(&request, '\n', &first);
	(void)text_split(&first, ' ', &verb);
	if (dkim_algorithm_parse(first, &how.algorithm) != STATUS_OK)
		CHECK(first.len == 0);
	split(message, &header, &body);
	signed_message_init(&m, header, &a);
	if (text_equal(verb, TEXT("record"))) {
		dkim_private_record(keys[how.algorithm], out);
	} else if (text_equal(verb, TEXT("sign"))) {
		serve_sign(&m, body, &how, out);
	} else if (text_equal(verb, TEXT("verify"))) {
		serve_verify(&m, body, request, out);
	} else if (text_equal(verb, TEXT("seal"))) {
		serve_seal(&m, body, request, &how, out);
	} else {
		check_chain(&c, &m, body, request);
		buffer_addf(out, "%s %s", arc_result_word(c.result), c.why);
	}
	arena_done(&a);
}

int
main(void)
{
	struct buffer request = BUFFER_INIT, message = BUFFER_INIT, out = BUFFER_INIT;

	for (int i = 0; i < 2; i++) {
		struct buffer octets = BUFFER_INIT;

		dkim_private_generate((enum dkim_algorithm)i, 2048, &octets);
		CHECK(dkim_private_load(buffer_text(&octets), &keys[i]) == STATUS_OK);
		buffer_done_secret(&octets);
	}
	while (frame_read(&request) && frame_read(&message)) {
		buffer_clear(&out);
		serve(buffer_text(&request), buffer_text(&message), &out);
		frame_write(buffer_text(&out));
	}
	for (int i = 0; i < 2; i++)
		dkim_private_free(keys[i]);
	buffer_done(&request);
	buffer_done(&message);
	buffer_done(&out);
	return 0;
}
