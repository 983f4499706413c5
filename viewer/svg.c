// A flame graph as one self-contained SVG file.
//
// The picture is static shapes with tooltips, so that editors show it too; an inline script adds
// zoom and search in a browser. An icicle: callers above, children widest first.
#include "viewer/svg.h"

#include "proto/alloc.h"
#include "viewer/children.h"
#include "viewer/color.h"
#include "viewer/delta.h"
#include "viewer/text.h"
#include "viewer/weight.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define EMBED(symbol, file)                                                                        \
    __asm__(".section .rodata\n"                                                                   \
            "svg_" #symbol ":\n"                                                                   \
            ".incbin \"" FLICKER_SVG_FILES "/" file "\"\n"                                         \
            "svg_" #symbol "_end:\n"                                                               \
            ".byte 0\n"                                                                            \
            ".previous\n");                                                                        \
    extern const char svg_##symbol[], svg_##symbol##_end[]

EMBED(style, "svg.css");
EMBED(script, "svg.js");

enum {
    WIDTH = 1200,
    MIN_WIDTH = 400,
    MARGIN = 16,
    TOP = 84,        // of the first frame: title, subtitle, legend
    BOTTOM = 36,     // details
    ROW = 18,        // a frame and the gap below it
    PADDING = 4,     // of a name
    CHARACTER = 662, // width of one, in hundredths of a pixel: 11 px monospace
    NARROWEST = 10,  // frames below a tenth of a pixel are left out
};

struct drawing {
    struct bytes text;
    const struct fold *fold;
    struct children children;
    uint64_t *left;  // by node: weight to the left of it
    uint32_t *depth; // by node
    uint32_t width;  // of the frames
    uint32_t rows, left_out;
    bool has_fill[FILLS];
    const struct delta *delta; // NULL: coloured by kind
};

// Hundredths of a pixel, as integers: a locale may write 1.5 as "1,5".
static uint64_t scaled(const struct drawing *drawing, uint64_t weight)
{
    __extension__ typedef unsigned __int128 u128;
    uint64_t all = fold_total(drawing->fold, &drawing->fold->nodes[0]);
    return all ? (uint64_t)((u128)weight * drawing->width * 100 / all) : 0;
}

static void append_length(struct bytes *out, const char *attribute, uint64_t hundredths)
{
    bytes_printf(out, " %s=\"%" PRIu64 ".%02u\"", attribute, hundredths / 100,
                 (unsigned)(hundredths % 100));
}

static void append_xml_z(struct bytes *out, const char *text)
{
    text_append_xml(out, text, strlen(text));
}

static bool is_drawn(const struct drawing *drawing, size_t node)
{
    uint64_t total = fold_total(drawing->fold, &drawing->fold->nodes[node]);
    return node == 0 || scaled(drawing, total) >= NARROWEST;
}

static void lay_out(struct drawing *drawing)
{
    const struct fold *fold = drawing->fold;
    children_of_fold(&drawing->children, fold);
    drawing->left = xcalloc(fold->count, sizeof *drawing->left);
    drawing->depth = xcalloc(fold->count, sizeof *drawing->depth);
    // Parents come before children.
    for (size_t node = 0; node < fold->count && (node % FOLD_STEPS || !fold_is_canceled(fold));
         node++) {
        uint64_t left = drawing->left[node];
        for (uint32_t i = drawing->children.at[node]; i < drawing->children.at[node + 1]; i++) {
            uint32_t child = drawing->children.list[i];
            drawing->left[child] = left;
            drawing->depth[child] = drawing->depth[node] + 1;
            left += fold_total(fold, &fold->nodes[child]);
        }
        if (!is_drawn(drawing, node)) {
            drawing->left_out += fold_total(fold, &fold->nodes[node]) > 0;
            continue;
        }
        if (drawing->rows <= drawing->depth[node])
            drawing->rows = drawing->depth[node] + 1;
        if (node)
            drawing->has_fill[fill_of_frame(&fold->dict->frames[fold->nodes[node].frame])] = true;
    }
}

// ---- style ----

static void append_color(struct bytes *out, const char *selector, const char *property,
                         struct rgb color)
{
    bytes_printf(out, "%s{%s:#%02x%02x%02x}\n", selector, property, color.red, color.green,
                 color.blue);
}

static void append_theme(struct bytes *out, enum theme theme)
{
    append_color(out, "svg", "background", color_token(theme, COLOR_BACKGROUND));
    append_color(out, ".ground", "fill", color_token(theme, COLOR_BACKGROUND));
    append_color(out, "text", "fill", color_token(theme, COLOR_INK));
    append_color(out, ".dim", "fill", color_token(theme, COLOR_INK3));
    append_color(out, ".reset", "fill", color_token(theme, COLOR_SELECTION));
    append_color(out, "input", "color", color_token(theme, COLOR_INK));
    append_color(out, "input", "background", color_token(theme, COLOR_FILL));
    append_color(out, "input", "border-color", color_token(theme, COLOR_HATCH));
    append_color(out, ".frame:hover rect", "stroke", color_token(theme, COLOR_INK));
    for (enum fill fill = 0; fill < FILLS; fill++) {
        struct rgb color = fill_color(theme, fill);
        bytes_printf(out, ".%s rect{fill:#%02x%02x%02x}\n", fill_name(fill), color.red, color.green,
                     color.blue);
    }
    append_color(out, ".match rect", "fill", color_token(theme, COLOR_SELECTION));
    append_color(out, ".match text", "fill", color_token(theme, COLOR_BACKGROUND));
}

static void append_delta_theme(struct bytes *out, enum theme theme)
{
    for (int step = -DELTA_MOST; step <= DELTA_MOST; step++) {
        struct rgb color = delta_color(theme, step);
        bytes_printf(out, ".%s rect{fill:#%02x%02x%02x}\n", delta_name(step), color.red,
                     color.green, color.blue);
    }
}

static void append_style(struct bytes *out, bool deltas)
{
    bytes_append_text(out, "<style>\n");
    bytes_append(out, svg_style, (size_t)(svg_style_end - svg_style));
    append_theme(out, THEME_LIGHT);
    if (deltas)
        append_delta_theme(out, THEME_LIGHT);
    bytes_append_text(out, "@media (prefers-color-scheme: dark) {\n");
    append_theme(out, THEME_DARK);
    if (deltas)
        append_delta_theme(out, THEME_DARK);
    bytes_append_text(out, "}\n</style>\n");
}

// ---- parts ----

static void append_head(struct drawing *drawing, const struct svg_options *options)
{
    struct bytes *out = &drawing->text;
    uint32_t width = drawing->width + 2 * MARGIN, height = TOP + drawing->rows * ROW + BOTTOM;
    bytes_printf(out,
                 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
                 "viewBox=\"0 0 %u %u\">\n",
                 width, height, width, height);
    append_style(out, drawing->delta != NULL);
    bytes_append_text(out, "<rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n");
    bytes_printf(out, "<text class=\"title\" x=\"%u\" y=\"26\">", MARGIN);
    append_xml_z(out, options->title ? options->title : "Flame graph");
    bytes_printf(out, "</text>\n<text class=\"dim\" x=\"%u\" y=\"46\">", MARGIN);
    append_xml_z(out, options->subtitle ? options->subtitle : "");
    bytes_append_text(out, "</text>\n");
    // Editors skip what follows, and the picture needs no search there.
    bytes_printf(
        out,
        "<foreignObject x=\"%u\" y=\"10\" width=\"200\" height=\"24\"><input "
        "xmlns=\"http://www.w3.org/1999/xhtml\" type=\"text\" placeholder=\"search frames, "
        "/ or Ctrl-F\" aria-label=\"search frames\"/></foreignObject>\n",
        width - MARGIN - 200);
    bytes_printf(out,
                 "<text class=\"reset hidden\" x=\"%u\" y=\"26\" text-anchor=\"end\">reset "
                 "zoom</text>\n",
                 width - MARGIN - 212);
}

static uint32_t append_key(struct bytes *out, uint32_t x, const char *class, const char *text)
{
    bytes_printf(out,
                 "<g class=\"%s\"><rect x=\"%u\" y=\"59\" width=\"12\" height=\"12\" rx=\"2\"/>"
                 "<text class=\"dim\" x=\"%u\" y=\"69\">%s</text></g>\n",
                 class, x, x + 17, text);
    return x + 17 + (uint32_t)strlen(text) * 7 + 18;
}

static void append_legend(struct drawing *drawing)
{
    struct bytes *out = &drawing->text;
    uint32_t x = MARGIN;
    if (drawing->delta) {
        x = append_key(out, x, delta_name(DELTA_MOST), "more of its own");
        x = append_key(out, x, delta_name(0), "the same");
        append_key(out, x, delta_name(-DELTA_MOST), "less of its own");
        return;
    }
    for (enum fill fill = 0; fill < FILLS; fill++) {
        if (drawing->has_fill[fill])
            x = append_key(out, x, fill_name(fill), fill_name(fill));
    }
}

// Three lines: the name; what it is and where; how much.
static void append_tooltip(struct drawing *drawing, const struct fold_node *node, const char *name)
{
    struct bytes *out = &drawing->text;
    const struct fold *fold = drawing->fold;
    const struct dict *dict = fold->dict;
    double all = (double)fold_total(fold, &fold->nodes[0]);
    bytes_append_text(out, "<title>");
    append_xml_z(out, name);
    if (node->frame != IDSET_NONE) {
        const struct frame *frame = &dict->frames[node->frame];
        bytes_printf(out, "\n%s", fill_name(fill_of_frame(frame)));
        if (frame->module != DICT_EMPTY) {
            bytes_append_text(out, ", ");
            append_xml_z(out, dict_text(dict, frame->module));
        }
        if (frame->file != DICT_EMPTY) {
            bytes_append_text(out, ", ");
            append_xml_z(out, dict_text(dict, frame->file));
            bytes_printf(out, ":%u", frame->line);
        }
    }
    bytes_append_char(out, '\n');
    weight_append(out, fold_total(fold, node), &fold->totals, dict);
    bytes_append_text(out, ", ");
    weight_append_share(out, (double)fold_total(fold, node) / all, false);
    if (fold_self(fold, node)) {
        bytes_append_text(out, ", self ");
        weight_append_share(out, (double)fold_self(fold, node) / all, false);
    }
    if (drawing->delta) {
        bytes_append_char(out, '\n');
        delta_append(out, drawing->delta->diff, (size_t)(node - fold->nodes));
    }
    bytes_append_text(out, "</title>");
}

static void append_frame(struct drawing *drawing, size_t index)
{
    struct bytes *out = &drawing->text, raw = {0}, name = {0}, shown = {0};
    const struct fold *fold = drawing->fold;
    const struct fold_node *node = &fold->nodes[index];
    uint64_t total = fold_total(fold, node);
    uint64_t left = scaled(drawing, drawing->left[index]);
    uint64_t width = scaled(drawing, drawing->left[index] + total) - left;
    uint32_t y = TOP + drawing->depth[index] * ROW;
    enum fill fill = FILL_COMM;
    if (node->frame == IDSET_NONE) {
        bytes_append_text(&raw, "all");
    } else {
        fold_frame_text(fold->dict, node->frame, &raw);
        fill = fill_of_frame(&fold->dict->frames[node->frame]);
    }
    text_append_clean(&name, bytes_text(&raw), raw.len, false);
    bytes_printf(out, "<g class=\"frame %s\" data-left=\"%" PRIu64 "\" data-total=\"%" PRIu64 "\">",
                 drawing->delta ? delta_name(delta_step(drawing->delta, index)) : fill_name(fill),
                 drawing->left[index], total);
    append_tooltip(drawing, node, bytes_text(&name));
    bytes_append_text(out, "<rect");
    append_length(out, "x", MARGIN * 100 + left);
    bytes_printf(out, " y=\"%u\"", y);
    append_length(out, "width", width > 60 ? width - 50 : NARROWEST);
    bytes_printf(out, " height=\"%u\"/><text", ROW - 1);
    append_length(out, "x", (MARGIN + PADDING) * 100 + left);
    bytes_printf(out, " y=\"%u\">", y + 12);
    unsigned cells = width > 200 * PADDING ? (unsigned)((width - 200 * PADDING) / CHARACTER) : 0;
    text_append_short(&shown, bytes_text(&name), name.len, cells);
    text_append_xml(out, bytes_text(&shown), shown.len);
    bytes_append_text(out, "</text></g>\n");
    bytes_dispose(&raw);
    bytes_dispose(&name);
    bytes_dispose(&shown);
}

static void append_tail(struct drawing *drawing)
{
    struct bytes *out = &drawing->text;
    bytes_printf(out, "<text class=\"details dim\" x=\"%u\" y=\"%u\">", MARGIN,
                 TOP + drawing->rows * ROW + 22);
    weight_append(out, fold_total(drawing->fold, &drawing->fold->nodes[0]), &drawing->fold->totals,
                  drawing->fold->dict);
    if (drawing->left_out)
        bytes_printf(out, ", %u frame%s narrower than 0.1 px left out", drawing->left_out,
                     drawing->left_out == 1 ? "" : "s");
    bytes_append_text(out, "</text>\n<script><![CDATA[\n");
    bytes_append(out, svg_script, (size_t)(svg_script_end - svg_script));
    bytes_append_text(out, "]]></script>\n</svg>\n");
}

int svg_flame(struct output *output, const struct fold *fold, const struct svg_options *options,
              struct err *err)
{
    enum { CHUNK = 1 << 16 };
    uint32_t width = options->width ? options->width : WIDTH;
    if (width < MIN_WIDTH)
        width = MIN_WIDTH;
    struct delta delta;
    struct drawing drawing = {.fold = fold, .width = width - 2 * MARGIN};
    if (options->diff) {
        delta_init(&delta, options->diff);
        drawing.delta = &delta;
    }
    int rc = fold_canceled(fold, err);
    if (rc)
        return rc;
    if (!fold->count || !fold_total(fold, &fold->nodes[0]))
        return err_set(err, -ENODATA, "no samples to draw");
    lay_out(&drawing);
    append_head(&drawing, options);
    append_legend(&drawing);
    for (size_t i = 0; i < fold->count && rc == 0; i++) {
        if (is_drawn(&drawing, i))
            append_frame(&drawing, i);
        if (drawing.text.len >= CHUNK) {
            rc = output_write(output, drawing.text.data, drawing.text.len, err);
            bytes_clear(&drawing.text);
        }
        if (rc == 0 && i % FOLD_STEPS == 0)
            rc = fold_canceled(fold, err);
    }
    if (rc == 0) {
        append_tail(&drawing);
        rc = output_write(output, drawing.text.data, drawing.text.len, err);
    }
    bytes_dispose(&drawing.text);
    children_dispose(&drawing.children);
    free(drawing.left);
    free(drawing.depth);
    return rc;
}
