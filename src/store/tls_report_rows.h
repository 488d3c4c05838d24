/* SPDX-License-Identifier: ISC */
/*
 * Counts of TLS sessions with other servers (RFC 8460 4), as they stand in rows
 * of the store and in calls: one format for both, read with bounds.
 */
#ifndef STORE_TLS_REPORT_ROWS_H
#define STORE_TLS_REPORT_ROWS_H

#include "base/arena.h"
#include "base/buffer.h"
#include "runtime/tls_client.h"

#define TLS_COUNT_FAILURES 50u	/* kinds of failure of one policy that are told apart */
#define TLS_COUNT_TEXT 300u	/* octets of a text of a failure; more are cut off */
#define TLS_COUNT_POLICY 16000u /* octets of a policy's lines; more are cut off */

/* RFC 8460 4.2 policy-type. */
#define TLS_POLICY_TABLE(X)        \
	X(NONE, "no-policy-found") \
	X(STS, "sts")              \
	X(TLSA, "tlsa")

enum tls_policy_type {
#define X(id, word) TLS_POLICY_##id,
	TLS_POLICY_TABLE(X)
#undef X
	    TLS_POLICY_COUNT
};
const char *tls_policy_word(enum tls_policy_type t);

struct tls_failure {
	enum tls_result result;
	struct text mx, local, remote, reason;
	uint64_t sessions;
};

/* One policy of a domain. The domain does not stand in the format. */
struct tls_count {
	struct text domain, policy;
	enum tls_policy_type type;
	uint64_t good, failed; /* sessions (RFC 8460 4.4 summary) */
	struct tls_failure *failures;
	uint32_t failure_count;
};

/* All that is known of one domain on one day: at most one count a type. from,
 * until: seconds, where a report was asked for before the day was over: since
 * then, and up to then; 0: the day's beginning and end. */
struct tls_day {
	bool sending; /* an attempt was begun whose end is not known */
	int64_t due;  /* seconds: the report is sent then */
	int64_t from, until;
	struct tls_count at[TLS_POLICY_COUNT];
	uint32_t count;
};

void tls_count_pack(struct buffer *out, const struct tls_count *c);
/* Texts are views. CORRUPT. */
enum status tls_count_unpack(struct text t, struct arena *a, struct tls_count *out) MUST_CHECK;
void tls_day_pack(struct buffer *out, const struct tls_day *d);
enum status tls_day_unpack(struct text t, struct arena *a, struct tls_day *out) MUST_CHECK;
/* Adds what was counted; the lines of the policy are the newer ones. */
void tls_day_add(struct tls_day *d, const struct tls_count *more, struct arena *a);

#endif
