/* SPDX-License-Identifier: ISC */
/* Sender rewriting: see mailauth/srs.h. */
#include "mailauth/srs.h"

#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/arena.h"
#include "base/random.h"

#define LOCAL_MAX 64 /* RFC 5321 4.5.3.1.1 */
#define DAY INT64_C(86400)
#define DAYS_ROUND 1024 /* two characters */

static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567"; /* RFC 4648 6 */

/* The keyed hash over texts with "=" between them, lower case. */
static void
hash(struct text secret, const struct text *parts, size_t count, char out[SRS_HASH])
{
	struct buffer all = BUFFER_INIT;
	uint8_t mac[SHA256_DIGEST_LENGTH];
	uint64_t bits = 0;

	buffer_add_byte(&all, (char)('0' + count)); /* of which kind */
	for (size_t i = 0; i < count; i++) {
		buffer_add_byte(&all, '=');
		for (size_t j = 0; j < parts[i].len; j++)
			buffer_add_byte(&all, byte_lower(parts[i].ptr[j]));
	}
	CHECK(HMAC(EVP_sha256(), secret.ptr, (int)secret.len, (const uint8_t *)all.ptr, all.len,
		  mac, NULL) != NULL);
	for (size_t i = 0; i < sizeof(bits); i++)
		bits = bits << 8 | mac[i];
	for (size_t i = 0; i < SRS_HASH; i++, bits >>= 5)
		out[i] = base32[bits & 31];
	buffer_done(&all);
}

static bool
hash_good(struct text said, struct text secret, const struct text *parts, size_t count)
{
	char want[SRS_HASH], got[SRS_HASH];

	if (said.len != SRS_HASH)
		return false;
	for (size_t i = 0; i < SRS_HASH; i++)
		got[i] = byte_lower(said.ptr[i]);
	hash(secret, parts, count, want);
	return secret_equal((struct text){ want, SRS_HASH }, (struct text){ got, SRS_HASH });
}

static int64_t
digit(char c)
{
	for (int i = 0; i < 32; i++)
		if (base32[i] == byte_lower(c))
			return i;
	return -1;
}

/* Splits off what stands before the next "=". */
static bool
take(struct text *rest, struct text *piece)
{
	size_t equals = text_find_byte(*rest, '=', 0);

	if (equals == 0 || equals == rest->len)
		return false;
	*piece = text_part(*rest, 0, equals);
	*rest = text_part(*rest, equals + 1, rest->len);
	return true;
}

/* "SRS0" or "SRS1" and a separator; others write "+" or "-", too. */
static bool
tagged(struct text local, char which)
{
	return local.len > 5 && text_starts_ci(local, TEXT("SRS")) && local.ptr[3] == which &&
	       (local.ptr[4] == '=' || local.ptr[4] == '+' || local.ptr[4] == '-');
}

bool
srs_is(struct text local)
{
	return tagged(local, '0') || tagged(local, '1');
}

static void
add_rewritten(
    const char *tag, struct text secret, const struct text *parts, size_t count, struct buffer *out)
{
	char h[SRS_HASH];

	hash(secret, parts, count, h);
	buffer_add_string(out, tag);
	buffer_add(out, h, SRS_HASH);
	for (size_t i = 0; i < count; i++) {
		buffer_add_byte(out, '=');
		buffer_add_text(out, parts[i]);
	}
}

/* A sender that others rewrote: the first of them is remembered, the others
 * are not, so that addresses do not grow with each hop. False: it only looks
 * like one. */
static bool
forward_again(struct text local, struct text host, struct text secret, struct buffer *out)
{
	struct text first = host, rest = text_part(local, 4, local.len), skipped;

	if (!srs_is(local))
		return false;
	if (local.ptr[3] == '1') {
		rest = text_part(local, 5, local.len);
		if (!take(&rest, &skipped) || !take(&rest, &first) || rest.len == 0)
			return false;
	}
	add_rewritten("SRS1=", secret, (struct text[]){ first, rest }, 2, out);
	return true;
}

enum status
srs_forward(
    struct text sender, struct text domain, struct text secret, int64_t now, struct buffer *out)
{
	size_t at = text_find_last(sender, '@'), start = out->len;
	struct text local = text_part(sender, 0, at), host = text_part(sender, at + 1, sender.len);
	int64_t day = now / DAY % DAYS_ROUND;
	const char stamp[] = { base32[day >> 5], base32[day & 31] };

	if (local.len == 0 || host.len == 0)
		return STATUS_INVALID;
	if (text_equal_ci(host, domain)) {
		buffer_add_text(out, sender);
		return STATUS_OK;
	}
	if (!forward_again(local, host, secret, out))
		add_rewritten("SRS0=", secret,
		    (struct text[]){ { stamp, sizeof(stamp) }, host, local }, 3, out);
	if (out->len - start > LOCAL_MAX) {
		buffer_cut(out, start);
		return STATUS_LIMIT;
	}
	buffer_add_byte(out, '@');
	buffer_add_text(out, domain);
	return STATUS_OK;
}

static bool
fresh(struct text stamp, int64_t now)
{
	int64_t high, low, age;

	if (stamp.len != 2)
		return false;
	high = digit(stamp.ptr[0]);
	low = digit(stamp.ptr[1]);
	if (high < 0 || low < 0)
		return false;
	age = (now / DAY % DAYS_ROUND - (high << 5 | low) + DAYS_ROUND) % DAYS_ROUND;
	/* A day from tomorrow: another machine's clock. */
	return age <= SRS_DAYS || age == DAYS_ROUND - 1;
}

static enum status
reverse_first(struct text rest, struct text secret, int64_t now, struct buffer *out)
{
	struct text said, stamp, host;

	if (!take(&rest, &said) || !take(&rest, &stamp) || !take(&rest, &host) || rest.len == 0 ||
	    !hash_good(said, secret, (struct text[]){ stamp, host, rest }, 3))
		return STATUS_DENIED;
	if (!fresh(stamp, now))
		return STATUS_TIMEOUT;
	buffer_add_text(out, rest);
	buffer_add_byte(out, '@');
	buffer_add_text(out, host);
	return STATUS_OK;
}

static enum status
reverse_again(struct text rest, struct text secret, struct buffer *out)
{
	struct text said, host;

	if (!take(&rest, &said) || !take(&rest, &host) || rest.len == 0 ||
	    !hash_good(said, secret, (struct text[]){ host, rest }, 2))
		return STATUS_DENIED;
	buffer_add_string(out, "SRS0");
	buffer_add_text(out, rest);
	buffer_add_byte(out, '@');
	buffer_add_text(out, host);
	return STATUS_OK;
}

enum status
srs_reverse(struct text local, struct text secret, int64_t now, struct buffer *out)
{
	if (tagged(local, '0'))
		return reverse_first(text_part(local, 5, local.len), secret, now, out);
	if (tagged(local, '1'))
		return reverse_again(text_part(local, 5, local.len), secret, out);
	return STATUS_NOT_FOUND;
}
