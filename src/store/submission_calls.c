/* SPDX-License-Identifier: ISC */
/* The call table of submission made whole; fronts link this without the store. */
#include "store/submission_calls.h"

CALLS_DEFINE(submission, SUBMISSION_CALLS, CALLS_SUBMISSION, ROLE_STORE)
