// Names for user addresses of running processes: from their mappings, the symbol tables of the
// mapped files, the vdso, and the maps that JITs write.
//
// Runs unprivileged: files are opened by the launcher and parsed here, and every field of them is
// taken as hostile.
//
// A process is looked at (/proc/PID/maps) when its first address comes. Who also reads the kernel's
// records of what processes do hands them in, in order of time; short-lived processes, gone before
// anyone can look, are then named too.
#ifndef FLICKER_COLLECTORS_SYMBOLS_H
#define FLICKER_COLLECTORS_SYMBOLS_H

#include "collectors/address_map.h"
#include "collectors/inlines.h"
#include "collectors/launcher.h"
#include "proto/dict.h"

struct symbols;

// The launcher is borrowed.
struct symbols *symbols_new(struct launcher *launcher);
void symbols_free(struct symbols *symbols);

// From now on frames have source lines, and symbols_resolve_inlined() finds more of them. Borrowed.
void symbols_set_inlines(struct symbols *symbols, struct inlines *inlines);

// Writes a frame of `dict`: name and module where known; else "libfoo.so+0x1230", where the
// function starts (where its file does not tell: the place itself), which frame_is_unresolved()
// knows by the address beside it; else the bare address. Without a pid (<= 0: the keys of a map
// seldom hold one) the address is looked for in every process. As decode_options.symbolise; the
// argument is a struct symbols.
void symbols_resolve(void *symbols, struct dict *dict, int32_t pid, uint64_t address,
                     struct frame *frame);
// The same with the functions that were inlined there, callers first; returns how many. *waiting:
// that is not all, ask again later.
size_t symbols_resolve_inlined(struct symbols *symbols, struct dict *dict, int32_t pid,
                               uint64_t address, struct frame frames[DEBUG_INFO_MAX_FRAMES],
                               bool *waiting);
// A number for what the process has mapped: never 0, new whenever that changes, never reused. What
// was resolved under the same number stays true.
uint64_t symbols_space(struct symbols *symbols, int32_t pid);

// Says that records will come: from now on nothing is missed.
void symbols_expect_records(struct symbols *symbols);
// Records: a fork (the child has its parent's mappings), an exec (nothing is mapped; what follows
// is), a file mapped executable (path copied), the end of a process.
void symbols_on_fork(struct symbols *symbols, int32_t parent, int32_t child);
void symbols_on_exec(struct symbols *symbols, int32_t pid);
void symbols_on_map(struct symbols *symbols, int32_t pid, const struct address_range *range);
void symbols_on_exit(struct symbols *symbols, int32_t pid);
// Forgets processes that ended a while ago; call now and then.
void symbols_sweep(struct symbols *symbols);

#endif
