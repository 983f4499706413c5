// The state that the prompt shows.
#include "shell/prompt_text.h"

#include "shell/units.h"
#include "viewer/pen.h"

#include <string.h>

static void colored(struct bytes *out, const struct term *term, enum color_token token,
                    const char *text)
{
    if (term->color == TERM_ASCII) {
        bytes_append_text(out, text);
        return;
    }
    struct pen pen = {.out = out, .term = term};
    bytes_append_char(out, '\001');
    pen_colors(&pen, ink_token(token), ink_none);
    bytes_append_char(out, '\002');
    bytes_append_text(out, text);
    bytes_append_text(out, "\001\033[0m\002");
}

// A length without digits that nobody needs: 12.67 s is 12.7 s.
static int64_t tenths(int64_t ns)
{
    return ns < NS_PER_S ? ns / NS_PER_MS * NS_PER_MS
                         : (ns + NS_PER_S / 20) / (NS_PER_S / 10) * (NS_PER_S / 10);
}

static void put_compact(struct bytes *out, int64_t ns)
{
    struct bytes text = {0};
    units_put_duration(&text, ns);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != ' ')
            bytes_append_char(out, text.data[i]);
    }
    bytes_dispose(&text);
}

static void put_live(struct bytes *out, struct session *session, const struct term *term)
{
    struct axis axis;
    int64_t end_ns = session_axis(session, &axis);
    colored(out, term, COLOR_OK, "live");
    if (axis.has_time) {
        // Whole seconds, so that the prompt is redrawn once a second.
        bytes_append_char(out, ' ');
        put_compact(out, (end_ns - axis.first_ns) / NS_PER_S * NS_PER_S);
    }
    double rate = 0;
    for (size_t i = 0; i < session->jobs.count; i++)
        rate += session->jobs.items[i]->samples_per_s;
    bytes_append_char(out, ' ');
    units_put_short(out, rate);
    bytes_append_text(out, "/s");
}

static void put_lost(struct bytes *out, struct session *session, const struct term *term)
{
    uint64_t samples = 0, lost = 0;
    for (size_t i = 0; i < buffer_source_count(session->buffer); i++) {
        struct buffer_source source;
        buffer_source_get(session->buffer, i, &source);
        samples += source.samples;
        lost += source.lost;
    }
    if (!lost)
        return;
    struct bytes text = {0};
    bytes_append_text(&text, " lost ");
    units_put_percent(&text, (double)lost / (double)(samples + lost));
    bytes_append_char(&text, '%');
    colored(out, term, COLOR_BAD, bytes_text(&text));
    bytes_dispose(&text);
}

static void put_selection(struct bytes *out, struct session *session, const struct term *term)
{
    size_t count;
    const struct range *ranges = selection_ranges(session->selection, &count);
    const struct filter *filter = selection_filter(session->selection);
    struct bytes text = {0};
    if (count) {
        int64_t length_ns = 0;
        for (size_t i = 0; i < count; i++)
            length_ns += ranges[i].to_ns - ranges[i].from_ns;
        bytes_append_text(&text, " sel ");
        put_compact(&text, tenths(length_ns));
    }
    if (filter && filter_pushes(filter))
        bytes_append_text(&text, " filter");
    if (text.len)
        colored(out, term, COLOR_SELECTION, bytes_text(&text));
    bytes_dispose(&text);
}

void prompt_text(struct bytes *out, struct session *session, const struct term *term)
{
    struct axis axis;
    store_axis(session->store, &axis);
    struct bytes state = {0};
    if (session->jobs.count)
        put_live(&state, session, term);
    else if (axis.has_time)
        put_compact(&state, tenths(axis.last_ns - axis.first_ns));
    put_lost(&state, session, term);
    put_selection(&state, session, term);
    bytes_append_text(out, term->color == TERM_ASCII ? "flicker"
                                                     : "\001\033[1m\002flicker\001\033[0m\002");
    if (state.len)
        bytes_printf(out, "[%s]", bytes_text(&state) + (*bytes_text(&state) == ' '));
    bytes_append_text(out, "> ");
    bytes_dispose(&state);
}
