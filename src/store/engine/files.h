/* SPDX-License-Identifier: ISC */
/*
 * The folder of a store on a local disk, around what RocksDB keeps in it:
 *
 *     format   one line, "mailstead store 1": who wrote this folder, and how
 *     db/      RocksDB's own files
 *     probe    for a moment: is there room again?
 *
 * Everything is for the owner alone.
 */
#ifndef STORE_ENGINE_FILES_H
#define STORE_ENGINE_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

#define FILES_FORMAT "mailstead store 1\n"

/* Makes the folder (not its parents) and its format file where there is none;
 * refuses a folder that is something else. INVALID, FULL, DENIED, IO. */
enum status files_prepare(const char *dir, struct failure *f) MUST_CHECK;
/* True when the folder takes what its write-ahead log holds once more, and
 * some; nothing stays behind. */
bool files_have_room(const char *dir);

#endif
