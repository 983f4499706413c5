// Where the debug information of a file lies that was installed apart from it.
//
// Runs unprivileged. Names come out of files that others made: only regular files are opened, and
// whoever reads one checks that it belongs to the file.
#ifndef FLICKER_COLLECTORS_DEBUG_FILES_H
#define FLICKER_COLLECTORS_DEBUG_FILES_H

#include <stddef.h>
#include <stdint.h>

// What a file says of where the rest of it is. Text and build-id are borrowed.
struct debug_wanted {
    const char *path; // of the file itself; NULL: not known
    const unsigned char *build_id;
    size_t build_id_len;
    const char *link; // of .gnu_debuglink: a name without a folder; NULL: none
    uint32_t link_crc;
};

// Opens the debug file: by build-id below /usr/lib/debug/.build-id, else by its link beside the
// file, in .debug beside it, and below /usr/lib/debug, where the checksum decides. Read-only; a
// descriptor or a negative errno.
int debug_file_open(const struct debug_wanted *wanted);
// Opens the file that several debug files share (`dwz`), by the name that .gnu_debugaltlink of one
// of them gives: an absolute path, of which only what lies below /usr/lib/debug is opened.
int debug_file_open_shared(const char *name);

#endif
