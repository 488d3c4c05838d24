/* SPDX-License-Identifier: ISC */
/*
 * Words of strangers (addresses, replies of servers) on a terminal: it must not
 * obey them, nor show them in another order than they have.
 */
#ifndef COMMAND_TERMINAL_H
#define COMMAND_TERMINAL_H

#include "base/buffer.h"

/* Appends the text on one line: a line end becomes line_end; '?' stands for each
 * other control of ASCII and C1, for what turns the direction of writing (Unicode
 * UAX #9 2), and for what is no UTF-8. */
void terminal_print(struct buffer *out, struct text t, const char *line_end);

#endif
