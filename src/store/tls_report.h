/* SPDX-License-Identifier: ISC */
/* Rows for reports on TLS, for the files of src/store. */
#ifndef STORE_TLS_REPORT_H
#define STORE_TLS_REPORT_H

#include "store/outgoing.h"
#include "store/tls_report_calls.h"
#include "store/tls_report_rows.h"

#define TLS_REPORT_SHARD 0u

TLS_REPORT_CALLS(OUTGOING_SERVE)

#endif
