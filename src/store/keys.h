/* SPDX-License-Identifier: ISC */
/*
 * The layout of every entity: which keys it has and what stands under them.
 * Numbers in keys have a fixed width and are big-endian, so that the order of
 * bytes is the order of numbers. docs/store-format.md has the values as byte
 * maps; the tables here are what code and that page are made from.
 */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include <string.h>

#include "base/text.h"

/* name, first octet, rest of the key, what it holds */
#define ACCOUNT_KEYS(X)                                                                            \
	X(HEAD, 'h', "", "counters of the account, id of the last batch")                          \
	X(FACTS, 'a', "", "address, verifier, quota, suspension; the account is its row")          \
	X(MAILBOX, 'b', "be32 mailbox", "name, use, UIDs, counters of a mailbox")                  \
	X(DYING, 'y', "be32 mailbox", "a removed mailbox whose messages are still to go")          \
	X(HOT, 'u', "be32 mailbox, be24 UID / 256",                                                \
	    "flags, modseq, size, date, email of 256 UIDs")                                        \
	X(INDEX, 'i', "be32 mailbox, be16 UID / 65536", "UIDs of a large mailbox, as of a modseq") \
	X(EMAIL, 'e', "be64 email", "blob, thread, and the mailbox entries of a message")          \
	X(SUMMARY, 's', "be64 email", "what never changes: sizes, prefix, summary")                \
	X(MESSAGE_ID, 'm', "be64 hash", "the thread that a message-id belongs to")                 \
	X(THREAD, 't', "be64 thread, be64 email", "message-ids that the email brought")            \
	X(CHANGE, 'c', "be64 modseq", "what one command changed")                                  \
	X(KEYWORD, 'k', "be16 number", "the name of a keyword")                                    \
	X(OPS, 'o', "be64 number", "the ops of one batch and their results")                       \
	X(MARK, 'x', "be64 record", "a queue record that was applied here")                        \
	X(GARBAGE, 'g', "be64 time, 16 octets of blob", "content to delete from then on")          \
	X(STAGED, 'w', "16 octets of blob", "content that is being written, in steps")             \
	X(SENT, 'p', "", "what came into the mailbox of sent mail in the last minutes")            \
	X(LEAVING, 'l', "be64 email, be32 mailbox, be32 UID", "places that emails stand at no more")

#define DIRECTORY_KEYS(X)                                                             \
	X(D_HEAD, 'h', "", "next account, census, id of the last batch")              \
	X(D_DOMAIN, 'd', "domain", "counters and catch-all of a domain")              \
	X(D_ADDRESS, 'a', "domain, 0, local part", "account, or targets of an alias") \
	X(D_INTENT, 'i', "be64 account", "an account that is being made or removed")  \
	X(D_DKIM, 'k', "domain", "DKIM keys of a domain, sealed")

#define QUEUE_KEYS(X)                                                                             \
	X(Q_HEAD, 'h', "", "id of the last batch")                                                \
	X(Q_RECORD, 'q', "be64 record", "a message and the accounts that get it")                 \
	X(Q_OPS, 'o', "be64 number", "as in an account")                                          \
	X(Q_MESSAGE, 'm', "be64 message", "a message that goes out")                              \
	X(Q_ENVELOPE, 'e', "be64 message", "its envelope and summary")                            \
	X(Q_RUN, 'r', "be64 message, be32 first recipient", "recipients that are tried together") \
	X(Q_NOTICE, 'n', "be64 message", "what its sender is being told")                         \
	X(Q_SUPPRESSED, 's', "address", "that refused mail for good, and its words")              \
	X(Q_TLS, 't', "be32 day, domain", "TLS sessions with the servers of a domain")            \
	X(Q_SENT, 'w', "u8 kind, be64 sender", "how much was sent in the last day")               \
	X(Q_KNOWN, 'k', "u8 kind, be64 sender, u8 slot", "recipients that were written to")

#define REFERENCE_KEYS(X)                                              \
	X(R_HEAD, 'h', "16 octets of blob", "pieces of a shared blob") \
	X(R_USER, 'r', "16 octets of blob, u8 kind, be64 id", "an account or record that uses it")

#define TRACE_KEYS(X)                                                                             \
	X(T_HEAD, 'h', "", "id of the last batch")                                                \
	X(T_STORY, 'e', "id, 0, be64 time, be32 number", "events of one message, noted together") \
	X(T_MESSAGE_ID, 'm', "be64 hash, be64 -time, be32 number", "id of the message so named")  \
	X(T_SENDER, 'f', "be64 hash, be64 -time, be32 number", "id of a message of that sender")  \
	X(T_RECIPIENT, 't', "be64 hash, be64 -time, be32 number", "id of a message to that one")  \
	X(T_BATCH, 'd', "be64 -time, be32 number", "rows that were written together")

#define SITE_KEYS(X)                                                      \
	X(S_FORMAT, 'v', "", "version of this layout")                    \
	X(S_HEAD, 'h', "", "id of the last batch")                        \
	X(S_SETTING, 's', "name", "a setting that is not at its default") \
	X(S_RULE, 'r', "be64 account", "limits of its own for sending, and whether that is stopped")

enum key_kind {
#define X(name, first, rest, holds) KEY_##name = first,
	ACCOUNT_KEYS(X) DIRECTORY_KEYS(X) QUEUE_KEYS(X) REFERENCE_KEYS(X) SITE_KEYS(X) TRACE_KEYS(X)
#undef X
};

/* The first octets of a table, as the elements of a string. */
#define KEY_FIRST(name, first, rest, holds) first,

#define STORE_FORMAT 1
#define KEY_MAX 255

struct key {
	size_t len;
	char byte[KEY_MAX];
};

static inline struct text
key_text(const struct key *k)
{
	return (struct text){ k->byte, k->len };
}

static inline void
key_add(struct key *k, uint64_t v, unsigned octets)
{
	for (unsigned i = octets; i-- > 0;)
		k->byte[k->len++] = (char)(v >> (8 * i));
}

/* One-octet key, or the start of a longer one. */
static inline struct key
key_of(enum key_kind kind)
{
	struct key k;

	k.byte[0] = (char)kind;
	k.len = 1;
	return k;
}

static inline struct key
key_u16(enum key_kind kind, uint32_t v)
{
	struct key k = key_of(kind);

	key_add(&k, v, 2);
	return k;
}

static inline struct key
key_u32(enum key_kind kind, uint32_t v)
{
	struct key k = key_of(kind);

	key_add(&k, v, 4);
	return k;
}

static inline struct key
key_u64(enum key_kind kind, uint64_t v)
{
	struct key k = key_of(kind);

	key_add(&k, v, 8);
	return k;
}

static inline struct key
key_u64_u64(enum key_kind kind, uint64_t v, uint64_t w)
{
	struct key k = key_u64(kind, v);

	key_add(&k, w, 8);
	return k;
}

static inline struct key
key_hot(uint32_t mailbox, uint32_t block)
{
	struct key k = key_u32(KEY_HOT, mailbox);

	key_add(&k, block, 3);
	return k;
}

static inline struct key
key_index(uint32_t mailbox, uint32_t chunk)
{
	struct key k = key_u32(KEY_INDEX, mailbox);

	key_add(&k, chunk, 2);
	return k;
}

/* The caller has made sure that it fits. */
static inline void
key_add_text(struct key *k, struct text t)
{
	CHECK(t.len <= sizeof(k->byte) - k->len);
	memcpy(k->byte + k->len, t.ptr, t.len);
	k->len += t.len;
}

static inline struct key
key_named(enum key_kind kind, struct text name)
{
	struct key k = key_of(kind);

	key_add_text(&k, name);
	return k;
}

/* The first key behind all keys that begin with k. */
static inline struct key
key_behind(struct key k)
{
	while (k.len > 0 && (unsigned char)k.byte[k.len - 1] == 0xff)
		k.len--;
	CHECK(k.len > 0);
	k.byte[k.len - 1] = (char)((unsigned char)k.byte[k.len - 1] + 1);
	return k;
}

/* A number that stands in a key at an offset; the caller checked the length. */
static inline uint64_t
key_number(struct text key, size_t at, unsigned octets)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < octets; i++)
		v = v << 8 | (unsigned char)key.ptr[at + i];
	return v;
}

#endif
