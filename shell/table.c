// Rows of shares and frames, as top and why print them.
#include "shell/table.h"

#include "shell/answer.h"
#include "viewer/text.h"

#include <unistd.h>

void table_colored(struct bytes *out, const struct term *term, enum color_token token,
                   const char *text)
{
    struct pen pen = {.out = out, .term = term};
    pen_colors(&pen, ink_token(token), ink_none);
    bytes_append_text(out, text);
    pen_colors(&pen, ink_none, ink_none);
}

void table_share(struct bytes *out, double share)
{
    bytes_printf(out, "%6.1f%%", share * 100);
}

void table_bar(struct bytes *out, const struct term *term, double share, unsigned width)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    unsigned filled = (unsigned)(share * width * 8 + 0.5), cells = 0;
    struct pen pen = {.out = out, .term = term};
    pen_colors(&pen, ink_token(COLOR_HATCH), ink_none);
    for (; cells < filled / 8; cells++)
        bytes_append_text(out, term->utf8 ? "█" : "#");
    if (filled % 8 && term->utf8) {
        bytes_append_text(out, eighths[filled % 8]);
        cells++;
    }
    pen_colors(&pen, ink_none, ink_none);
    for (; cells < width; cells++)
        bytes_append_char(out, ' ');
}

bool table_has_squares(const struct term *term)
{
    return term->color != TERM_ASCII && term->utf8;
}

void table_frame(struct bytes *out, const struct term *term, const struct dict *dict,
                 uint32_t frame, unsigned width)
{
    enum { NAME_LEAST = 12 };
    const struct frame *row = &dict->frames[frame];
    struct bytes name = {0}, module = {0};
    if (table_has_squares(term)) {
        struct pen pen = {.out = out, .term = term};
        pen_colors(&pen, ink_fill(fill_of_frame(row)), ink_none);
        bytes_append_text(out, "■ ");
        pen_colors(&pen, ink_none, ink_none);
        width = width > 2 ? width - 2 : width;
    }
    answer_put_frame(&name, dict, frame);
    if (row->module != DICT_EMPTY) {
        bytes_append_text(&module, "  ");
        answer_put_module(&module, dict, frame);
    }
    unsigned name_width = text_width(bytes_text(&name), name.len);
    if (width && name_width > width)
        name_width = text_append_short(out, bytes_text(&name), name.len,
                                       width > NAME_LEAST ? width : NAME_LEAST);
    else
        bytes_append(out, bytes_text(&name), name.len);
    // The module is shown where it fits.
    if (!width || name_width + text_width(bytes_text(&module), module.len) <= width)
        table_colored(out, term, COLOR_INK3, bytes_text(&module));
    bytes_dispose(&name);
    bytes_dispose(&module);
}

unsigned table_width_left(const struct invocation *run, unsigned used)
{
    if (run->out.kind != REDIRECT_NONE || !isatty(STDOUT_FILENO) || run->term.columns <= used)
        return 0;
    return run->term.columns - used;
}
