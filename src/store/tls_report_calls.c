/* SPDX-License-Identifier: ISC */
/* The call table of reports on TLS made whole; outbound links this without the
 * store. */
#include "store/tls_report_calls.h"

CALLS_DEFINE(tls_report, TLS_REPORT_CALLS, CALLS_TLS_REPORT, ROLE_STORE)
