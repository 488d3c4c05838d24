/* SPDX-License-Identifier: ISC */
/*
 * From a configuration to a running instance: what `mailstead run` and
 * `mailstead demo` share.
 */
#ifndef COMMAND_START_H
#define COMMAND_START_H

#include "command/config.h"

/* Runs until told to stop. ready is called once everything answers; it may be
 * NULL. The exit code. */
int start_instance(const struct config *c, int (*ready)(void *arg), void *arg);

#endif
