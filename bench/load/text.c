/* SPDX-License-Identifier: ISC */
/*
 * Pseudo-English, see text.h. A word is one to four syllables; the rank of a
 * word is drawn with probability 1/(rank + 2) by a table of cumulated weights,
 * and a phrase of some words comes back now and then, as in letters it does.
 */
#include "load/text.h"

#include <stdbool.h>
#include <string.h>

enum {
	VOCABULARY = 1500,
	WORD_MAX = 16,
	LINE = 72,
	MEMORY = 64, /* words that may come back as a phrase */
	REPEATS = 7, /* of 100 words, those that begin a phrase said before */
};

static const char *const onsets[] = { "b", "c", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s",
	"t", "v", "w", "th", "st", "pr", "tr", "ch", "sh", "pl", "gr", "br", "qu", "" };
static const char *const nuclei[] = { "a", "e", "i", "o", "u", "ea", "ou", "ee", "ai", "io" };
static const char *const codas[] = { "", "", "", "n", "r", "s", "t", "d", "l", "ng", "nt", "ck",
	"st", "m" };

static char words[VOCABULARY][WORD_MAX];
static uint8_t word_length[VOCABULARY];
static uint32_t cumulated[VOCABULARY];
static uint32_t total;

void
dice_init(struct dice *d, uint64_t seed)
{
	d->state = seed * 0x9E3779B97F4A7C15u + 0xD1B54A32D192ED03u;
	if (d->state == 0)
		d->state = 1;
}

static uint64_t
dice_next(struct dice *d)
{
	d->state ^= d->state >> 12;
	d->state ^= d->state << 25;
	d->state ^= d->state >> 27;
	return d->state * 0x2545F4914F6CDD1Du;
}

uint32_t
dice_roll(struct dice *d, uint32_t below)
{
	return (uint32_t)(((dice_next(d) >> 32) * below) >> 32);
}

static size_t
add(char *word, size_t at, const char *piece)
{
	while (*piece != '\0' && at < WORD_MAX - 1)
		word[at++] = *piece++;
	return at;
}

#define PICK(d, list) ((list)[dice_roll(d, sizeof(list) / sizeof((list)[0]))])

static void
make_word(struct dice *d, size_t rank)
{
	/* Frequent words are short, as in any language. */
	uint32_t syllables = rank < 60 ? 1 : 1 + dice_roll(d, rank < 800 ? 2 : 3);
	size_t at = 0;

	for (uint32_t i = 0; i < syllables; i++) {
		at = add(words[rank], at, PICK(d, onsets));
		at = add(words[rank], at, PICK(d, nuclei));
		at = add(words[rank], at, PICK(d, codas));
	}
	word_length[rank] = (uint8_t)at;
}

void
text_init(uint64_t seed)
{
	struct dice d;

	dice_init(&d, seed);
	total = 0;
	for (size_t rank = 0; rank < VOCABULARY; rank++) {
		make_word(&d, rank);
		total += 10000000u / (uint32_t)(rank + 3);
		cumulated[rank] = total;
	}
}

/** The first rank whose cumulated weight is above a roll. */
static size_t
draw_word(struct dice *d)
{
	uint32_t roll = dice_roll(d, total);
	size_t low = 0;
	size_t high = VOCABULARY - 1;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (cumulated[mid] > roll)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/** What was said lately, and the phrase that is being said again. */
struct speaker {
	struct dice *dice;
	size_t said[MEMORY];
	size_t count;
	size_t again;	 /* position in `said`, counted from the start */
	uint32_t phrase; /* words of it that are left */
};

static size_t
next_word(struct speaker *s)
{
	size_t rank;

	if (s->phrase == 0 && s->count > MEMORY && dice_roll(s->dice, 100) < REPEATS) {
		s->again = s->count - 8 - dice_roll(s->dice, MEMORY - 8);
		s->phrase = 2 + dice_roll(s->dice, 6);
	}
	if (s->phrase > 0) {
		s->phrase--;
		rank = s->said[s->again++ % MEMORY];
	} else {
		rank = draw_word(s->dice);
	}
	s->said[s->count++ % MEMORY] = rank;
	return rank;
}

/** The lines that are being filled. */
struct page {
	char *out;
	size_t size;
	size_t at;
	size_t column;
	bool sentence; /* the next word begins one */
};

static void
put(struct page *p, const char *bytes, size_t len)
{
	if (len > p->size - p->at)
		len = p->size - p->at;
	memcpy(p->out + p->at, bytes, len);
	p->at += len;
	p->column += len;
}

static void
put_break(struct page *p, const char *ends)
{
	put(p, ends, strlen(ends));
	p->column = 0;
}

static void
put_word(struct page *p, size_t rank)
{
	size_t start = p->at;

	put(p, words[rank], word_length[rank]);
	if (p->sentence && p->at > start && p->out[start] >= 'a' && p->out[start] <= 'z')
		p->out[start] = (char)(p->out[start] - 'a' + 'A');
	p->sentence = false;
}

/** What follows a word: a space, a comma, the end of a sentence or paragraph. */
static void
put_gap(struct page *p, struct dice *d)
{
	uint32_t roll = dice_roll(d, 100);

	if (roll < 8)
		put(p, ".", 1);
	else if (roll < 13)
		put(p, ",", 1);
	p->sentence = roll < 8;
	if (roll == 0)
		put_break(p, "\r\n\r\n");
	else if (p->column >= LINE - 8)
		put_break(p, "\r\n");
	else
		put(p, " ", 1);
}

void
text_fill(struct dice *d, char *out, size_t size)
{
	struct page p = { .out = out, .size = size - 2, .sentence = true };
	struct speaker s = { .dice = d };

	while (p.at < p.size) {
		put_word(&p, next_word(&s));
		put_gap(&p, d);
	}
	/* A break that was cut in half must not leave a bare CR. */
	if (p.at > 0 && out[p.at - 1] == '\r')
		out[p.at - 1] = ' ';
	memcpy(out + p.at, "\r\n", 2);
}

void
text_fill_base64(struct dice *d, char *out, size_t size)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t at = 0;
	size_t column = 0;

	while (at + 2 < size) {
		if (column == 76 && at + 4 < size) {
			out[at++] = '\r';
			out[at++] = '\n';
			column = 0;
		}
		out[at++] = alphabet[dice_roll(d, 64)];
		column++;
	}
	memcpy(out + at, "\r\n", 2);
}

size_t
text_subject(struct dice *d, char *out, size_t size)
{
	struct page p = { .out = out, .size = size - 1, .sentence = true };
	uint32_t count = 3 + dice_roll(d, 5);

	for (uint32_t i = 0; i < count; i++) {
		if (i > 0)
			put(&p, " ", 1);
		put_word(&p, draw_word(d));
	}
	out[p.at] = '\0';
	return p.at;
}
