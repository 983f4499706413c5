// Names for user addresses of running processes: from /proc/PID/maps, the symbol tables of the
// mapped files, the vdso, and the maps that JITs write.
//
// Runs unprivileged: files are opened by the launcher and parsed here, and every field of them is
// taken as hostile.
#ifndef FLICKER_COLLECTORS_SYMBOLS_H
#define FLICKER_COLLECTORS_SYMBOLS_H

#include "collectors/launcher.h"
#include "proto/dict.h"

struct symbols;

// The launcher is borrowed.
struct symbols *symbols_new(struct launcher *launcher);
void symbols_free(struct symbols *symbols);

// Writes a frame of `dict`: name and module where known, else module and address within it, else
// the bare address. As decode_options.symbolise; the argument is a struct symbols.
void symbols_resolve(void *symbols, struct dict *dict, int32_t pid, uint64_t address,
                     struct frame *frame);

#endif
