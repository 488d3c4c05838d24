/* SPDX-License-Identifier: ISC */
/* Rows for reports on TLS, for the files of src/store. */
#ifndef STORE_TLS_REPORT_H
#define STORE_TLS_REPORT_H

#include "store/outgoing.h"
#include "store/tls_report_calls.h"
#include "store/tls_report_rows.h"

#define TLS_REPORT_SHARD 0u
#define TLS_REPORT_DAY 86400 /* seconds */

/* The row's key, and what stands in one: false: nothing sensible. until: 0, or
 * when it was closed before its day was over. */
struct key tls_report_key(uint64_t day, struct text domain, int64_t until);
bool tls_report_of_key(struct text key, uint64_t *day, struct text *domain);
void tls_report_put(struct txn *t, struct text key, const struct tls_day *d);
/* When a report of that day goes out, seconds. */
int64_t tls_report_due(uint64_t day);

TLS_REPORT_CALLS(OUTGOING_SERVE)

#endif
