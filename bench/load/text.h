/* SPDX-License-Identifier: ISC */
/*
 * Mail that looks like mail: pseudo-English of a seeded vocabulary, whose words
 * are as unequally frequent as words are (Zipf), so that it compresses about as
 * prose does (zstd level 1 of 10 KB: about 0.42). Repeated letters, as many load
 * generators send, would flatter every server that compresses.
 */
#ifndef BENCH_LOAD_TEXT_H
#define BENCH_LOAD_TEXT_H

#include <stddef.h>
#include <stdint.h>

/** The state of one stream of random numbers (xorshift64*); never 0. */
struct dice {
	uint64_t state;
};

/** A stream from a seed; equal seeds give equal streams. */
void dice_init(struct dice *d, uint64_t seed);

/** The next number, 0 to below. `below` is at least 1. */
uint32_t dice_roll(struct dice *d, uint32_t below);

/** Makes the vocabulary; once, before text_fill(). */
void text_init(uint64_t seed);

/** Writes exactly `size` octets of lines that end by CRLF, none of which
    begins with a dot or is longer than 78. `size` is at least 2. */
void text_fill(struct dice *d, char *out, size_t size);

/** Writes exactly `size` octets of base64 lines, 76 long, of random content:
    an attachment that is compressed already. */
void text_fill_base64(struct dice *d, char *out, size_t size);

/** A few words for a subject, at most `size` - 1 octets and a NUL; its length. */
size_t text_subject(struct dice *d, char *out, size_t size);

#endif
