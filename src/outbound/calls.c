/* SPDX-License-Identifier: ISC */
/* The table of role outbound made whole; the command line links it. */
#include "outbound/calls.h"

CALLS_DEFINE(outbound, OUTBOUND_CALLS, CALLS_OUTBOUND, ROLE_OUTBOUND)
