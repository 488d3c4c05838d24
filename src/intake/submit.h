/* SPDX-License-Identifier: ISC */
/* Inside of intake: handlers of the calls by which mail goes out. */
#ifndef INTAKE_SUBMIT_H
#define INTAKE_SUBMIT_H

#include "runtime/calls.h"

void intake_serve_submit(struct call_in *call, const void *request, void *context);
void intake_serve_notice(struct call_in *call, const void *request, void *context);

#endif
