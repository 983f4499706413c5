// Stacks made readable: the table of transforms, each a rewriting of a fold under a name.
//
// Adding one: a `const struct transform transform_NAME` in its family's file
// analysis/transform_FAMILY.c, a line in TRANSFORM_LIST, a test.
#ifndef FLICKER_ANALYSIS_TRANSFORM_H
#define FLICKER_ANALYSIS_TRANSFORM_H

#include "analysis/query.h"
#include "analysis/rewrite.h"
#include "proto/bytes.h"

struct transform {
    const char *name;     // "demangle"
    const char *summary;  // one line for help
    const char *argument; // what it needs, for help: "REGEX", "module|package"; NULL: nothing
    // Whether a frame shows that the fold is in need of it: the transform is then applied unless it
    // was switched off. NULL: only when asked for.
    bool (*detect)(const struct dict *dict, const struct frame *frame);
    // What it does is one of two. Of each frame: another name, or several, or none; what the frames
    // of a path then are may be joined. Neighbours of this kind are one rewriting.
    names_rewrite_fn *rewrite;
    enum rewrite_join join;
    // Of that kind, with an argument: -EINVAL when it is not understood.
    int (*check)(const char *argument, struct err *err);
    // Or of the tree. -EINVAL: the argument is not understood; -E2BIG: a pattern is too expensive.
    // The fold is then as it was.
    int (*apply)(struct fold *fold, const char *argument, struct err *err);
};

// In the order in which they are applied: names first, then what is picked by name, then shape.
// clang-format off
#define TRANSFORM_LIST(X) \
    X(demangle) \
    X(java) \
    X(node_packages) \
    X(node_tiers) \
    X(node) \
    X(python) \
    X(go) \
    X(clones) \
    X(shorten) \
    X(focus) \
    X(ignore) \
    X(from) \
    X(prune) \
    X(hide) \
    X(unknown) \
    X(group) \
    X(recursion) \
    X(invert) \
    /* end */
// clang-format on

#define TRANSFORM_DECLARE(name) extern const struct transform transform_##name;
TRANSFORM_LIST(TRANSFORM_DECLARE)
#undef TRANSFORM_DECLARE

#define TRANSFORM_ONE(name) +1
enum { TRANSFORM_COUNT = 0 TRANSFORM_LIST(TRANSFORM_ONE) };
#undef TRANSFORM_ONE

// All rows, in the order of application; NULL-terminated.
extern const struct transform *const transform_table[TRANSFORM_COUNT + 1];

// By name; NULL when there is none.
const struct transform *transform_by_name(const char *name);

// Which transforms a session wants: one state for each row of the table.
enum transform_state { TRANSFORM_AUTO, TRANSFORM_ON, TRANSFORM_OFF };
struct transforms {
    enum transform_state state[TRANSFORM_COUNT]; // AUTO: where it detects its language
    char *argument[TRANSFORM_COUNT];             // owned; NULL: none
};

// Starts as {0}: what detects itself.
void transforms_dispose(struct transforms *transforms);
void transforms_copy(struct transforms *out, const struct transforms *transforms);
// Switches one row on, with the argument that it needs, or back (NULL or ""). -EINVAL when there is
// no such transform, or the argument is not understood; nothing is changed then.
int transforms_argue(struct transforms *transforms, const char *name, const char *argument,
                     struct err *err) MUST_CHECK;
// Switches rows that need no argument by a list of words: "NAME" on, "-NAME" off, "auto" all as
// they detect, "none" all off. As in "none,demangle", "auto,-java,invert".
int transforms_list(struct transforms *transforms, const char *words, struct err *err) MUST_CHECK;
// What stacks have to begin with (query.first): as the argument of `group` needs it, else *first
// stays.
void transforms_first(const struct transforms *transforms, enum query_first *first);
// Whether the fold has to tell lines apart (query.by_line): `group` may need it.
bool transforms_by_line(const struct transforms *transforms);
// Rewrites a fold. Bit i of *applied (may be NULL) is set where row i of the table was applied.
// *kept remembers names from one fold of a store to the next, which then share a dictionary; the
// caller releases it. NULL: nothing is remembered.
int transforms_apply(const struct transforms *transforms, struct fold *fold, struct names **kept,
                     uint64_t *applied, struct err *err) MUST_CHECK;
// One row, whatever it detects.
int transform_apply(const struct transform *transform, struct fold *fold, const char *argument,
                    struct err *err) MUST_CHECK;
// The frames, of (*names)->dict, that a frame reads as when each row does what it detects, as
// people see it who have switched nothing; at most NAMES_REWRITE_MAX into *out. 0: it reads as it
// is. *names is made where there is none.
size_t transforms_readable(struct names **names, const struct dict *dict, uint32_t frame,
                           uint32_t *out);
// The names of the rows in `applied`, for people: "demangle, java, group=module". Appends.
void transforms_text(const struct transforms *transforms, uint64_t applied, struct bytes *out);

#endif
