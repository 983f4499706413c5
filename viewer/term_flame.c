// The flame graph in the terminal: an icicle, root first, a node's width its share.
//
// A chain of frames of one width says one thing, so its middle folds into one line. Children stand
// widest first, so that what matters is at the left and readable.
#include "proto/alloc.h"
#include "viewer/children.h"
#include "viewer/delta.h"
#include "viewer/pen.h"
#include "viewer/term.h"
#include "viewer/text.h"
#include "viewer/weight.h"

#include <stdlib.h>
#include <string.h>

enum { FOLD_MIN = 2 }; // frames in the middle of a chain that are worth folding

// One box of the picture.
struct box {
    unsigned left, width; // cells
    uint32_t node;        // the frame that is named
    uint32_t folded;      // > 0: this many frames of one path are not drawn
    uint32_t chain_from;  // without colours: the first frame of that path; 0: none
};

struct line {
    struct box *boxes;
    size_t count, capacity;
};

struct icicle {
    struct pen pen;
    const struct fold *fold;
    struct children children;
    struct line *lines;
    size_t line_count, line_capacity;
    unsigned max_lines;
    unsigned hidden; // frames below max_lines
    bool colors;
    const struct delta *delta; // NULL: coloured by kind
};

static uint64_t total_of(const struct icicle *icicle, uint32_t node)
{
    return fold_total(icicle->fold, &icicle->fold->nodes[node]);
}

// The cell at which a box with this much weight to its left begins.
static unsigned cell_of(const struct icicle *icicle, uint64_t before)
{
    double share = (double)before / (double)total_of(icicle, 0);
    return (unsigned)(share * icicle->pen.term->columns + 0.5);
}

static void add(struct icicle *icicle, unsigned depth, struct box box)
{
    if (depth >= icicle->max_lines) {
        icicle->hidden += box.folded ? box.folded : 1;
        return;
    }
    while (icicle->line_count <= depth) {
        array_reserve(&icicle->lines, &icicle->line_capacity, icicle->line_count + 1);
        icicle->lines[icicle->line_count++] = (struct line){0};
    }
    struct line *line = &icicle->lines[depth];
    array_reserve(&line->boxes, &line->capacity, line->count + 1);
    line->boxes[line->count++] = box;
}

static bool is_comm(const struct icicle *icicle, uint32_t node)
{
    uint32_t frame = icicle->fold->nodes[node].frame;
    return frame == IDSET_NONE || icicle->fold->dict->frames[frame].kind == FRAME_COMM;
}

// A node to be drawn, with the weight that stands to its left.
struct task {
    uint32_t node;
    unsigned depth;
    uint64_t before;
};

// The only child that is as wide as its parent; IDSET_NONE when the path branches or ends here.
static uint32_t only_child(const struct icicle *icicle, const struct task *task, uint32_t node)
{
    uint32_t from = icicle->children.at[node];
    if (from == icicle->children.at[node + 1] || is_comm(icicle, node))
        return IDSET_NONE;
    uint32_t child = icicle->children.list[from];
    bool as_wide = cell_of(icicle, task->before + total_of(icicle, child)) ==
                   cell_of(icicle, task->before + total_of(icicle, node));
    return as_wide ? child : IDSET_NONE;
}

// Adds the boxes of the chain that starts at task->node and makes *task its last node, whose
// children come below.
static void add_chain(struct icicle *icicle, struct task *task)
{
    unsigned left = cell_of(icicle, task->before);
    unsigned right = cell_of(icicle, task->before + total_of(icicle, task->node));
    struct box first = {.left = left, .width = right - left, .node = task->node};
    struct box last = first, middle = first;
    uint32_t length = 1, next;
    while ((next = only_child(icicle, task, last.node)) != IDSET_NONE) {
        last.node = next;
        length++;
    }
    if (length < 2 + FOLD_MIN) {
        add(icicle, task->depth++, first);
        return;
    }
    task->node = last.node;
    middle.folded = length - 2;
    if (icicle->colors) {
        add(icicle, task->depth++, first);
        add(icicle, task->depth++, middle);
        add(icicle, task->depth++, last);
    } else { // on one line: "first +3 > last"
        last.folded = length - 2;
        last.chain_from = first.node;
        add(icicle, task->depth++, last);
    }
}

static void lay_out(struct icicle *icicle)
{
    struct task *tasks = NULL;
    size_t count = 1, capacity = 0;
    array_reserve(&tasks, &capacity, count);
    tasks[0] = (struct task){0};
    while (count && !fold_is_canceled(icicle->fold)) {
        struct task task = tasks[--count];
        add_chain(icicle, &task);
        uint32_t from = icicle->children.at[task.node], to = icicle->children.at[task.node + 1];
        uint64_t before = task.before;
        for (uint32_t i = from; i < to; i++)
            before += total_of(icicle, icicle->children.list[i]);
        for (uint32_t i = to; i > from; i--) { // the leftmost last: it is drawn next
            uint32_t child = icicle->children.list[i - 1];
            uint64_t after = before;
            before -= total_of(icicle, child);
            if (cell_of(icicle, before) == cell_of(icicle, after))
                continue;
            array_reserve(&tasks, &capacity, count + 1);
            tasks[count++] = (struct task){child, task.depth, before};
        }
    }
    free(tasks);
}

// ---- text ----

static void append_name(const struct icicle *icicle, struct bytes *out, uint32_t node)
{
    uint32_t frame = icicle->fold->nodes[node].frame;
    struct bytes name = {0};
    if (frame == IDSET_NONE)
        bytes_append_text(&name, "all");
    else
        fold_frame_text(icicle->fold->dict, frame, &name);
    text_append_clean(out, bytes_text(&name), name.len, !icicle->colors);
    bytes_dispose(&name);
}

// What follows the name, when there is room.
static void append_weight(const struct icicle *icicle, struct bytes *out, uint32_t node)
{
    if (node == 0) {
        bytes_append_text(out, "  ");
        weight_append(out, total_of(icicle, 0), &icicle->fold->totals, icicle->fold->dict);
    } else {
        bytes_append_char(out, ' ');
        double share = (double)total_of(icicle, node) / (double)total_of(icicle, 0);
        weight_append_share(out, share, true);
    }
    if (icicle->delta && node) {
        bytes_append_char(out, ' ');
        delta_append_total(out, icicle->delta->diff, node);
    }
}

// Writes the label of a box into `width` cells; returns how many it used.
static unsigned draw_label(const struct icicle *icicle, const struct box *box, unsigned width)
{
    struct bytes *out = icicle->pen.out;
    struct bytes name = {0}, chain = {0}, weight = {0};
    if (box->folded && icicle->colors) {
        bytes_printf(&name, "... %u frame%s", box->folded, box->folded == 1 ? "" : "s");
    } else {
        append_name(icicle, &name, box->node);
        append_weight(icicle, &weight, box->node);
    }
    if (box->chain_from) {
        append_name(icicle, &chain, box->chain_from);
        bytes_printf(&chain, " +%u > ", box->folded);
    }
    unsigned used = 0, name_cells = text_width(bytes_text(&name), name.len);
    unsigned chain_cells = text_width(bytes_text(&chain), chain.len);
    if (chain_cells + name_cells <= width) { // else the chain's end says more than its start
        bytes_append(out, bytes_text(&chain), chain.len);
        used += chain_cells;
    }
    used += text_append_short(out, bytes_text(&name), name.len, width - used);
    if (used + weight.len <= width) {
        bytes_append(out, bytes_text(&weight), weight.len);
        used += (unsigned)weight.len;
    }
    bytes_dispose(&weight);
    bytes_dispose(&chain);
    bytes_dispose(&name);
    return used;
}

static void repeat(struct bytes *out, char c, unsigned count)
{
    while (count--)
        bytes_append_char(out, c);
}

// A fill, and one free cell before the next.
static void draw_box(struct icicle *icicle, const struct box *box)
{
    struct pen *pen = &icicle->pen;
    uint32_t frame = icicle->fold->nodes[box->node].frame;
    enum fill kind =
        frame == IDSET_NONE ? FILL_COMM : fill_of_frame(&icicle->fold->dict->frames[frame]);
    struct ink fill = ink_fill(kind);
    if (box->folded)
        fill = ink_token(COLOR_FILL);
    else if (icicle->delta)
        fill = ink_rgb(delta_color(THEME_DARK, delta_step(icicle->delta, box->node)));
    if (box->width == 1) {
        pen_colors(pen, fill, ink_none);
        bytes_append_text(pen->out, "▌");
        return;
    }
    unsigned width = box->width - 1, used = 0;
    pen_colors(pen, ink_token(box->folded ? COLOR_INK3 : COLOR_INK), fill);
    if (width > 3) {
        bytes_append_char(pen->out, ' ');
        used = 1 + draw_label(icicle, box, width - 1);
    }
    repeat(pen->out, ' ', width - used);
    pen_colors(pen, ink_none, ink_none);
    bytes_append_char(pen->out, ' ');
}

static void draw_ascii_box(struct icicle *icicle, const struct box *box)
{
    bytes_append_char(icicle->pen.out, '|');
    unsigned used = draw_label(icicle, box, box->width - 1);
    repeat(icicle->pen.out, '_', box->width - 1 - used);
}

static void draw_line(struct icicle *icicle, const struct line *line)
{
    unsigned at = 0;
    for (size_t i = 0; i < line->count; i++) {
        pen_colors(&icicle->pen, ink_none, ink_none);
        repeat(icicle->pen.out, ' ', line->boxes[i].left - at);
        if (icicle->colors)
            draw_box(icicle, &line->boxes[i]);
        else
            draw_ascii_box(icicle, &line->boxes[i]);
        at = line->boxes[i].left + line->boxes[i].width;
    }
    pen_end_line(&icicle->pen);
}

static void draw(struct bytes *out, const struct term *term, const struct fold *fold,
                 const struct delta *delta, unsigned max_lines)
{
    struct icicle icicle = {
        .pen = {.out = out, .term = term},
        .fold = fold,
        .max_lines = max_lines,
        .colors = term->color != TERM_ASCII && term->utf8,
        .delta = delta,
    };
    if (!fold->count || !fold_total(fold, &fold->nodes[0])) {
        bytes_append_text(out, "no samples\n");
        return;
    }
    children_of_fold(&icicle.children, fold);
    lay_out(&icicle);
    for (size_t i = 0; i < icicle.line_count; i++)
        draw_line(&icicle, &icicle.lines[i]);
    if (icicle.hidden) {
        pen_colors(&icicle.pen, ink_token(COLOR_INK3), ink_none);
        bytes_printf(out,
                     icicle.hidden == 1 ? "%u deeper frame is not shown"
                                        : "%u deeper frames are not shown",
                     icicle.hidden);
        pen_end_line(&icicle.pen);
    }
    for (size_t i = 0; i < icicle.line_count; i++)
        free(icicle.lines[i].boxes);
    free(icicle.lines);
    children_dispose(&icicle.children);
}

void term_flame(struct bytes *out, const struct term *term, const struct fold *fold,
                unsigned max_lines)
{
    draw(out, term, fold, NULL, max_lines);
}

void term_diff(struct bytes *out, const struct term *term, const struct diff *diff,
               unsigned max_lines)
{
    struct delta delta;
    delta_init(&delta, diff);
    draw(out, term, &diff->a, &delta, max_lines);
}
