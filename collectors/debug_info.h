// What the debug information (DWARF) of one file says of an address: the source line, and the
// functions that were inlined there.
//
// By libdw, which a hostile file can crash or hang: only a process that may die calls this (see
// inline_worker.h).
#ifndef FLICKER_COLLECTORS_DEBUG_INFO_H
#define FLICKER_COLLECTORS_DEBUG_INFO_H

#include <stddef.h>
#include <stdint.h>

enum { DEBUG_INFO_MAX_FRAMES = 32 };

// Text is borrowed from the debug information; NULL where unknown.
struct debug_frame {
    const char *function; // as the linker knows it, where it does
    const char *file;
    uint32_t line; // 0: unknown
};

struct debug_info;

// Which files it is read from. Descriptors are borrowed for as long as the debug_info lives.
struct debug_info_files {
    int image;    // the file that runs
    int separate; // its debug file; -1: none
    int shared;   // what that one shares with others; -1: none
};

// Never NULL: files without debug information know nothing.
struct debug_info *debug_info_open(const struct debug_info_files *files);
void debug_info_close(struct debug_info *info);

// The function that holds a link-time address and what was inlined there, callers first, each with
// the line that it was at. Returns how many; 0: not known.
size_t debug_info_find(struct debug_info *info, uint64_t address,
                       struct debug_frame out[DEBUG_INFO_MAX_FRAMES]);

#endif
