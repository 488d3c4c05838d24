/* SPDX-License-Identifier: ISC */
/* The store's call table made whole; fronts link this without the store. */
#include "store/calls.h"

CALLS_DEFINE(store, STORE_CALLS, CALLS_STORE, ROLE_STORE)
