// What frames are called once they were rewritten: a dictionary that folds share, and what was
// found out about its frames, so that a name is taken apart once and not in every answer.
#ifndef FLICKER_ANALYSIS_NAMES_H
#define FLICKER_ANALYSIS_NAMES_H

#include "analysis/callpaths.h"
#include "analysis/fold.h"

enum { NAMES_MEMOS = 24, NAMES_REWRITE_MAX = 64 };

// What a rewriting has at hand; starts with its argument and {0}.
struct rewriting {
    const char *argument;
    struct bytes scratch; // a name, say: the dictionary's text moves when names are added
};

// What stands for a frame: writes up to NAMES_REWRITE_MAX frames, callers first, and returns how
// many. None: the frame goes, its weight stays with its caller. out[0] is the frame at first.
typedef size_t names_rewrite_fn(struct rewriting *rewriting, struct dict *dict, uint32_t frame,
                                uint32_t *out);
// The simple case: appends the new name of a frame to *name and returns true; false: it stays.
typedef bool names_rename_fn(const struct dict *dict, const struct frame *frame,
                             struct bytes *name);
typedef bool names_detect_fn(const struct dict *dict, const struct frame *frame);

// Frames that stand for one: `count` from `at` in a list.
struct names_image {
    uint32_t at;
    uint16_t count;
    bool known;
};

// What one rewriting makes of frames, and which it detects itself by; asked once a frame.
struct names_memo {
    char *argument; // that it was asked with
    struct names_image *images;
    size_t image_count, image_capacity;
    uint32_t *list;
    size_t count, capacity;
    uint8_t *detected; // 0: not asked
    size_t detected_count, detected_capacity;
};

// Counted: folds hold on to it. Frames and strings are added, never changed.
struct names {
    struct dict dict;           // first
    struct callpaths callpaths; // of the dictionary
    unsigned holders;
    uint64_t source_seed, source_generation; // of the dictionary that frames were copied from
    uint32_t *copies;                        // of each frame of it, + 1; 0: not yet
    size_t copy_count, copy_capacity;
    uint8_t *plain; // of each frame of it: 1 when no rewriting would change it; 0: not known
    size_t plain_count, plain_capacity;
    struct names_memo memos[NAMES_MEMOS];
};

// With one holder. By line: a function is another one at each of its lines, as a query may want it.
struct names *names_new(bool by_line);
struct names *names_hold(struct names *names);
// NULL is fine.
void names_release(struct names *names);
size_t names_bytes(const struct names *names);

// Puts names of this dictionary into *kept: those that are there while they still are of it and of
// a reasonable size, else new ones.
void names_keep(struct names **kept, const struct dict *source);

// The copy of a frame. All frames that are asked for are of one dictionary in one generation: after
// another one the copies are forgotten, while frames stay what they are.
uint32_t names_copy(struct names *names, const struct dict *source, uint32_t frame);
// Whether it was found that no rewriting changes a frame, for whoever finds out; of the same
// frames.
uint8_t *names_plain(struct names *names, const struct dict *source, uint32_t frame);
// An event of another dictionary in this one; IDSET_NONE stays.
uint32_t names_copy_event(struct names *names, const struct dict *source, uint32_t event);

// The memo of one rewriting, by number; forgets what was found with another argument.
struct names_memo *names_memo(struct names *names, size_t number, const char *argument);
// What stands for a frame: an image whose frames are memo->list[image->at..]. Borrowed until the
// next call.
const struct names_image *names_image(struct names *names, struct names_memo *memo, uint32_t frame,
                                      names_rewrite_fn *rewrite, struct rewriting *rewriting);
bool names_detects(struct names *names, struct names_memo *memo, uint32_t frame,
                   names_detect_fn *detect);

// The body of a rewriting that only renames; threads' names stay.
size_t names_rename(struct rewriting *rewriting, struct dict *dict, uint32_t frame, uint32_t *out,
                    names_rename_fn *rename);
// A frame of one dictionary in another.
uint32_t names_copy_frame(struct dict *to, const struct dict *from, uint32_t frame);
// A frame with another name.
uint32_t names_named_frame(struct dict *dict, const struct frame *frame, const struct bytes *name);

#endif
