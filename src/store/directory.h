/* SPDX-License-Identifier: ISC */
/*
 * The directory: domains, and what each address is (an account, an alias).
 * Cut into shards by the hash of the domain; a shard is an entity with an
 * owner, so ten thousand new accounts are few commits. Domains are held in
 * memory; addresses are looked up in a bounded cache in front of the engine.
 *
 * Account ids are given by the shard of the address: counter * 16 + shard + 1,
 * never the same twice.
 */
#ifndef STORE_DIRECTORY_H
#define STORE_DIRECTORY_H

#include "store/owner.h"

#define SHARDS 16u
#define ADDRESS_CACHE_MAX 200000u
#define ALIAS_DEPTH_MAX 8u
#define ALIAS_TARGETS_MAX 1000u
#define DIRECTORY_PAGE 1000u

struct domain {
	struct text name; /* owned, or in the transaction's arena */
	uint64_t accounts, aliases;
	struct text catch_all; /* an address, or empty */
};

enum address_kind { ADDRESS_ACCOUNT = 1, ADDRESS_ALIAS, ADDRESS_RESERVED };

/* What stands under an address. */
struct address {
	enum address_kind kind;
	uint64_t account;
	bool suspended, has_scram;
	bool keep;	      /* an account that forwards: it gets the mail, too */
	struct texts targets; /* addresses: of an alias, or where an account forwards to */
};

/* What is left to do for an account. */
enum intent { INTENT_MAKE = 1, INTENT_REMOVE };

struct shard_counts {
	uint64_t next; /* account counter */
	uint64_t accounts, without_scram;
};

struct shard {
	struct owner owner; /* first */
	struct shard_counts counts;
	struct map domains; /* name -> struct domain */
};

struct directory {
	struct shard shard[SHARDS];
	pthread_mutex_t lock; /* of what follows */
	struct map cache;     /* key -> struct cached_address */
	uint64_t generation;  /* grows when addresses change */
};

struct shard_txn {
	struct txn txn; /* first */
	struct shard_counts counts;
	struct map domains;   /* name -> struct domain of the arena; removed: marked */
	struct map addresses; /* keys of those that were changed: a set */
};

static inline struct shard *
shard_of(struct owner *o)
{
	return (struct shard *)(void *)o;
}

static inline struct shard_txn *
shard_txn_of(struct txn *t)
{
	return (struct shard_txn *)(void *)t;
}

/* An address in the directory's spelling, in two parts. */
struct address_key {
	struct text local, domain;
	struct text whole; /* local@domain */
};
/* INVALID when it is no address or too long. */
enum status address_key(struct text address, struct arena *a, struct address_key *out) MUST_CHECK;
enum status domain_key(struct text domain, struct arena *a, struct text *out) MUST_CHECK;
struct key address_row(const struct address_key *k);
void address_pack(struct buffer *out, const struct address *d);
/* Views of value and arena. */
enum status address_unpack(struct text value, struct arena *a, struct address *out) MUST_CHECK;

enum status directory_init(struct store *s) MUST_CHECK;
/* Finishes or cleans up accounts that were being made or removed. */
enum status directory_finish_intents(struct store *s) MUST_CHECK;
/* Removes what there is of an account whose intent is written, and then the
 * intent. The address is the intent's. */
void directory_remove_later(struct store *s, uint64_t account, struct text address);
/* The last step of it, after which the intent is gone; in the background. */
void directory_forget_intent(struct store *s, uint64_t account, struct text address);
void directory_done(struct directory *d);
struct shard *directory_shard(struct directory *d, struct text domain);

/* ---- in a transaction ---- */

/* The domain as the transaction has it, or NULL; to be changed if edit. */
struct domain *shard_domain(struct shard_txn *t, struct text name, bool edit);
struct domain *shard_domain_new(struct shard_txn *t, struct text name);
void shard_domain_remove(struct shard_txn *t, struct text name);
enum status shard_address(struct shard_txn *t, const struct address_key *k, struct arena *a,
    struct address *out) MUST_CHECK;
void shard_address_put(struct shard_txn *t, const struct address_key *k, const struct address *d);
void shard_address_delete(struct shard_txn *t, const struct address_key *k);

/* ---- looking up (directory_lookup.c) ---- */

/* What stands under exactly this address. NOT_FOUND. */
enum status directory_lookup(
    struct store *s, const struct address_key *k, struct arena *a, struct address *out) MUST_CHECK;
bool directory_has_domain(struct store *s, struct text domain);
/* Who gets the mail for the postmaster of a domain that has none: it must be
 * taken all the same (RFC 5321 4.5.1). Empty: nobody was named. */
struct text directory_postmaster(struct arena *a);
/* Forgets cached addresses: those of a set of keys, or all (NULL). */
void directory_changed(struct directory *d, const struct map *keys);

struct target {
	uint64_t account;
	bool suspended;
};
/* All accounts that get mail for an address: the address itself, without its
 * +tag, the domain's catch-all; aliases and forwards are followed. outside:
 * addresses elsewhere that it leads to. NOT_FOUND, DENIED (not a domain of ours),
 * INVALID. canonical: the address in the spelling of the directory. An account
 * that is led back to itself keeps the mail. */
struct targets {
	struct target *at;
	uint32_t count, cap;
	struct texts outside;
	uint32_t outside_cap;
	struct text canonical;
};
enum status directory_resolve(
    struct store *s, struct text address, struct arena *a, struct targets *out) MUST_CHECK;
/* The same from memory alone; AGAIN when that does not know. */
enum status directory_resolve_now(
    struct store *s, struct text address, struct arena *a, struct targets *out) MUST_CHECK;

/* Whether an account is what an address names, itself, by an alias or a
 * catch-all; where accounts forward to does not count. */
enum status directory_names(
    struct store *s, struct text address, uint64_t account, struct arena *a, bool *out) MUST_CHECK;
/* An address elsewhere as it is written down: its domain in A-labels and lower
 * case, or a literal. INVALID. */
enum status address_elsewhere(
    struct text address, struct arena *a, struct text *out, struct text *domain) MUST_CHECK;

#endif
