// A file that appears when it is whole: it is written beside its place under another name, brought
// to the disk, then renamed. A full disk, or a kill at any moment, costs nothing that was there.
#ifndef FLICKER_SHELL_PART_FILE_H
#define FLICKER_SHELL_PART_FILE_H

#include "proto/gzip_output.h"

#include <stdbool.h>
#include <stdint.h>

struct part_file {
    struct output base; // first: write into it; small pieces are gathered; canceled, nothing is
                        // left behind
    char *path, *part;  // equal where the path is a device or a pipe: it is written directly
    int fd;
    struct bytes held;
    uint64_t written; // bytes of the file so far, after packing
    bool packs;
    struct gzip_output gzip;
    struct output raw; // what gzip writes into
};

// `packs`: as gzip. To be disposed also after a failure.
int part_file_open(struct part_file *file, const char *path, bool packs,
                   struct err *err) MUST_CHECK;
// Makes it appear.
int part_file_commit(struct part_file *file, struct err *err) MUST_CHECK;
// Without a commit, nothing is left behind.
void part_file_dispose(struct part_file *file);

#endif
