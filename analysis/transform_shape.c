// Transforms of the tree's shape: which paths stay, where weight goes, what is a level.
//
// focus, ignore, hide, from and prune mean what pprof's focus, ignore, hide, show_from and
// prune_from do: a pattern looks at a function's name, its file and its module (prune: the name
// only). The level of the threads' names is not a function: patterns never match it, and it stays.
#include "analysis/fold_edit.h"
#include "analysis/term.h"
#include "analysis/transform.h"
#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

static bool weighs(const struct fold_node *node)
{
    return node->self_samples || node->self_value;
}

static bool is_comm(const struct fold *fold, uint32_t frame)
{
    return frame == IDSET_NONE || fold->dict->frames[frame].kind == FRAME_COMM;
}

// Where a pattern looks: pprof's prune_from looks at names only.
enum where { AT_NAME, AT_NAME_FILE_OR_MODULE };

// 1 when a frame matches, 0 when not, or -E2BIG. Its name is as people read it.
static int match_frame(const struct term *term, const struct dict *dict, uint32_t frame,
                       enum where where)
{
    struct bytes text = {0};
    const struct frame *row = &dict->frames[frame];
    fold_frame_text(dict, frame, &text);
    int match = term_match_text(term, bytes_text(&text), text.len);
    bytes_dispose(&text);
    const uint32_t places[] = {row->file, row->module};
    for (size_t i = 0; i < 2 && where == AT_NAME_FILE_OR_MODULE && match == 0; i++) {
        if (places[i] != DICT_EMPTY)
            match =
                term_match_text(term, dict_text(dict, places[i]), dict_text_len(dict, places[i]));
    }
    return match;
}

// For each node whether its function matches; the caller frees it. NULL: *rc says why.
static bool *match_nodes(const struct fold *fold, const char *pattern, enum where where, int *rc,
                         struct err *err)
{
    struct term term;
    *rc = term_parse(&term, FILTER_FRAME, false, true, pattern, NULL, err);
    if (*rc < 0)
        return NULL;
    enum { NOT_ASKED, NO, YES };
    uint8_t *known = xcalloc(fold->dict->frame_count + 1, sizeof *known);
    bool *matches = xcalloc(fold->count + 1, sizeof *matches);
    for (size_t i = 0; i < fold->count && *rc == 0; i++) {
        uint32_t frame = fold->nodes[i].frame;
        if (is_comm(fold, frame))
            continue;
        if (known[frame] == NOT_ASKED) {
            int match = match_frame(&term, fold->dict, frame, where);
            if (match < 0)
                *rc = term_too_expensive(&term, err);
            known[frame] = match > 0 ? YES : NO;
        }
        matches[i] = known[frame] == YES;
    }
    free(known);
    term_dispose(&term);
    if (*rc == 0)
        return matches;
    free(matches);
    return NULL;
}

// A new tree out of decisions about the old nodes.
struct reshape {
    uint32_t *to; // the old node that gets each node's own weight; IDSET_NONE: it is dropped
    bool *gone;   // not a level of any path
};

static void reshape_init(struct reshape *reshape, const struct fold *fold)
{
    reshape->to = xcalloc(fold->count + 1, sizeof *reshape->to);
    reshape->gone = xcalloc(fold->count + 1, sizeof *reshape->gone);
}

static void reshape_apply(struct reshape *reshape, struct fold *fold)
{
    struct fold_edit edit;
    fold_edit_init(&edit, fold);
    bool *needed = xcalloc(fold->count + 1, sizeof *needed);
    uint32_t *node_of = xcalloc(fold->count + 1, sizeof *node_of);
    for (size_t i = 0; i < fold->count; i++) {
        if (reshape->to[i] != IDSET_NONE && weighs(&fold->nodes[i]))
            needed[reshape->to[i]] = true;
    }
    for (size_t i = fold->count; i-- > 1;)
        needed[fold->nodes[i].parent] |= needed[i];
    for (size_t i = 1; i < fold->count; i++) {
        uint32_t above = node_of[fold->nodes[i].parent];
        node_of[i] = needed[i] && !reshape->gone[i]
                         ? fold_edit_child(&edit, above, fold->nodes[i].frame)
                         : above;
    }
    for (size_t i = 0; i < fold->count; i++) {
        if (reshape->to[i] == IDSET_NONE)
            fold_edit_drop(&edit, &fold->nodes[i]);
        else
            fold_edit_add(&edit, node_of[reshape->to[i]], &fold->nodes[i]);
    }
    fold_edit_commit(&edit);
    free(needed);
    free(node_of);
    free(reshape->to);
    free(reshape->gone);
}

// Decides about one node; its callers come before it.
typedef void decide_fn(struct reshape *reshape, const struct fold *fold, uint32_t node,
                       const bool *matches);

static int reshape_by_pattern(struct fold *fold, const char *pattern, enum where where,
                              decide_fn *decide, struct err *err)
{
    int rc;
    bool *matches = match_nodes(fold, pattern, where, &rc, err);
    if (!matches)
        return rc;
    struct reshape reshape;
    reshape_init(&reshape, fold);
    for (uint32_t i = 0; i < fold->count; i++)
        decide(&reshape, fold, i, matches);
    reshape_apply(&reshape, fold);
    free(matches);
    return 0;
}

// Whether the weight of a node's caller stays; the root has none.
static bool caller_stays(const struct reshape *reshape, const struct fold *fold, uint32_t node)
{
    return node && reshape->to[fold->nodes[node].parent] != IDSET_NONE;
}

static void focus_node(struct reshape *reshape, const struct fold *fold, uint32_t node,
                       const bool *matches)
{
    bool stays = matches[node] || caller_stays(reshape, fold, node);
    reshape->to[node] = stays ? node : IDSET_NONE;
}

static int apply_focus(struct fold *fold, const char *argument, struct err *err)
{
    return reshape_by_pattern(fold, argument, AT_NAME_FILE_OR_MODULE, focus_node, err);
}

const struct transform transform_focus = {
    .name = "focus",
    .summary = "only stacks with a function that matches",
    .argument = "REGEX",
    .apply = apply_focus,
};

static void ignore_node(struct reshape *reshape, const struct fold *fold, uint32_t node,
                        const bool *matches)
{
    bool stays = !matches[node] && (!node || caller_stays(reshape, fold, node));
    reshape->to[node] = stays ? node : IDSET_NONE;
}

static int apply_ignore(struct fold *fold, const char *argument, struct err *err)
{
    return reshape_by_pattern(fold, argument, AT_NAME_FILE_OR_MODULE, ignore_node, err);
}

const struct transform transform_ignore = {
    .name = "ignore",
    .summary = "only stacks without any function that matches",
    .argument = "REGEX",
    .apply = apply_ignore,
};

static void from_node(struct reshape *reshape, const struct fold *fold, uint32_t node,
                      const bool *matches)
{
    focus_node(reshape, fold, node, matches);
    reshape->gone[node] =
        reshape->to[node] == IDSET_NONE && !is_comm(fold, fold->nodes[node].frame);
}

static int apply_from(struct fold *fold, const char *argument, struct err *err)
{
    return reshape_by_pattern(fold, argument, AT_NAME_FILE_OR_MODULE, from_node, err);
}

const struct transform transform_from = {
    .name = "from",
    .summary = "stacks begin at their first function that matches; others are left out",
    .argument = "REGEX",
    .apply = apply_from,
};

// The nearest match above gets the weight.
static void prune_node(struct reshape *reshape, const struct fold *fold, uint32_t node,
                       const bool *matches)
{
    uint32_t above = node ? reshape->to[fold->nodes[node].parent] : 0;
    reshape->to[node] = matches[node] || !matches[above] ? node : above;
}

static int apply_prune(struct fold *fold, const char *argument, struct err *err)
{
    return reshape_by_pattern(fold, argument, AT_NAME, prune_node, err);
}

const struct transform transform_prune = {
    .name = "prune",
    .summary = "stacks end at their last function that matches; what it calls counts as its own",
    .argument = "REGEX",
    .apply = apply_prune,
};

static void hide_node(struct reshape *reshape, const struct fold *fold, uint32_t node,
                      const bool *matches)
{
    (void)fold;
    reshape->to[node] = node;
    reshape->gone[node] = matches[node];
}

static int apply_hide(struct fold *fold, const char *argument, struct err *err)
{
    return reshape_by_pattern(fold, argument, AT_NAME_FILE_OR_MODULE, hide_node, err);
}

const struct transform transform_hide = {
    .name = "hide",
    .summary = "functions that match are left out, their weight stays with their callers",
    .argument = "REGEX",
    .apply = apply_hide,
};

// A run of unresolved frames shows itself only in the tree; merging runs never misleads, so one
// unresolved frame is enough to try.
static bool detect_unknown(const struct dict *dict, const struct frame *frame)
{
    (void)dict;
    return frame_is_unresolved(frame);
}

const struct transform transform_unknown = {
    .name = "unknown",
    .summary = "runs of frames without a name, of one module, as one",
    .detect = detect_unknown,
    .join = REWRITE_JOIN_UNRESOLVED,
};

const struct transform transform_recursion = {
    .name = "recursion",
    .summary = "functions that call themselves as one level",
    .join = REWRITE_JOIN_ALL,
};

static int apply_invert(struct fold *fold, const char *argument, struct err *err)
{
    (void)argument, (void)err;
    struct fold_edit edit;
    fold_edit_init(&edit, fold);
    for (size_t i = 0; i < fold->count; i++) {
        if (!weighs(&fold->nodes[i]))
            continue;
        uint32_t node = 0;
        for (uint32_t at = (uint32_t)i; at; at = fold->nodes[at].parent)
            node = fold_edit_child(&edit, node, fold->nodes[at].frame);
        fold_edit_add(&edit, node, &fold->nodes[i]);
    }
    fold_edit_commit(&edit);
    return 0;
}

const struct transform transform_invert = {
    .name = "invert",
    .summary = "callers of each function: stacks from the leaf up, the thread's name last",
    .apply = apply_invert,
};
