/* SPDX-License-Identifier: ISC */
/* The call table of limits made whole; others link this without the store. */
#include "store/limits_calls.h"

CALLS_DEFINE(limits, LIMITS_CALLS, CALLS_LIMITS, ROLE_STORE)
