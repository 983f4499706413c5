// The files that processes map: their symbol tables, each read once, and what tells source lines.
#ifndef FLICKER_COLLECTORS_IMAGES_H
#define FLICKER_COLLECTORS_IMAGES_H

#include "collectors/address_map.h"
#include "collectors/elf_symbols.h"
#include "collectors/inlines.h"
#include "collectors/launcher.h"

struct images;

struct image {
    struct elf_symbols *elf;
    bool has_lines;
    uint32_t lines; // its number among the files of the inlines
};

// The launcher is borrowed.
struct images *images_new(struct launcher *launcher);
void images_free(struct images *images);
// Images found from now on have lines. Borrowed; NULL: none do.
void images_set_inlines(struct images *images, struct inlines *inlines);

// The file of a range that a process maps, NULL when it cannot be opened; borrowed until the next
// call. Images are shared between processes by device and inode, and by build-id where only root
// could write the file.
const struct image *images_find(struct images *images, int32_t pid,
                                const struct address_range *range);
// As inlines_find(), of a link-time address; 0 as well when the image has no lines.
size_t images_lines(struct images *images, const struct image *image, uint64_t address,
                    struct debug_frame out[DEBUG_INFO_MAX_FRAMES], bool *waiting);
// The vdso of this kernel; NULL when there is none.
struct elf_symbols *images_vdso(struct images *images);

#endif
