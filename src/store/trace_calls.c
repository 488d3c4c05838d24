/* SPDX-License-Identifier: ISC */
/* The call table of the trace made whole; others link this without the store. */
#include "store/trace_calls.h"

CALLS_DEFINE(trace, TRACE_CALLS, CALLS_TRACE, ROLE_STORE)
