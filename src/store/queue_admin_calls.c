/* SPDX-License-Identifier: ISC */
/* The call table of queue administration made whole; the command line links this
 * without the store. */
#include "store/queue_admin_calls.h"

CALLS_DEFINE(queue_admin, QUEUE_ADMIN_CALLS, CALLS_QUEUE_ADMIN, ROLE_STORE)
