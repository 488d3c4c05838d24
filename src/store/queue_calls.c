/* SPDX-License-Identifier: ISC */
/* The queue's call table made whole; fronts link this without the store. */
#include "store/queue_calls.h"

CALLS_DEFINE(queue, QUEUE_CALLS, CALLS_QUEUE, ROLE_STORE)
