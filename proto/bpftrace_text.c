// What bpftrace prints, as text (bpftrace_record.h says what is recognised). The first 64 KiB of a
// line are read.
//
// Since 0.22 warnings about the program may come first:
//     stdin:3:5-24: WARNING: Return value discarded.     "stdin:3-5: ..." for several lines
//         delete(@x[tid]);                               the source, which is no output
//         ~~~~~~~~~~~~~~~                                only below a single line
#include "proto/alloc.h"
#include "proto/bpftrace_frame.h"
#include "proto/bpftrace_record.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bpftrace_text {
    struct decoder base;
    struct lines lines;
    struct bpftrace_record record;
    bool begun;       // its output has
    unsigned sources; // source lines of a warning that are to come
};

// "FILE:3:5-24: WARNING: " or "FILE:3-5: WARNING: ": how many source lines follow. 0: it is
// neither.
static unsigned warning_sources(const char *line, size_t len)
{
    enum { MOST = 1000 };
    static const char word[] = ": WARNING: ";
    const char *end = memmem(line, len, word, sizeof word - 1);
    const char *colon = end ? memchr(line, ':', (size_t)(end - line)) : NULL;
    char place[40];
    unsigned from, to, column;
    int rest = 0;
    if (!colon || end - colon >= (ptrdiff_t)sizeof place)
        return 0;
    memcpy(place, colon, (size_t)(end - colon));
    place[end - colon] = '\0';
    if (sscanf(place, ":%u:%u-%u%n", &from, &column, &to, &rest) == 3 && !place[rest])
        return 1;
    if (sscanf(place, ":%u-%u%n", &from, &to, &rest) != 2 || place[rest] || to < from)
        return 0;
    return to - from < MOST ? to - from + 1 : MOST;
}

// What is said of the program before its output begins is for people, whatever it looks like.
static bool is_preface(struct bpftrace_text *text, const char *line, size_t len)
{
    static const char *const starts[] = {"WARNING: ", "ERROR: ", "HINT: ", "Attaching "};
    if (text->begun)
        return false;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        if (len >= strlen(starts[i]) && !memcmp(line, starts[i], strlen(starts[i]))) {
            text->sources = 0; // up to 0.21 several lines are not shown
            return true;
        }
    }
    if (text->sources) {
        text->sources--;
        return true;
    }
    text->sources = warning_sources(line, len);
    size_t blank = 0;
    while (blank < len && memchr(" ~^", line[blank], 3))
        blank++;
    bool preface = text->sources || (len && blank == len);
    text->begun = !preface;
    return preface;
}

static int text_line(void *arg, const char *line, size_t len, struct err *err)
{
    struct bpftrace_text *text = arg;
    if (is_preface(text, line, len)) {
        bpftrace_record_text(&text->record, line, len);
        return 0;
    }
    text->record.place.number = text->lines.number;
    text->record.place.offset = text->lines.offset;
    return bpftrace_record_line(&text->record, line, len, err);
}

// An empty push says that nothing has come for a while.
static int text_push(struct decoder *decoder, const void *data, size_t len, struct err *err)
{
    struct bpftrace_text *text = (struct bpftrace_text *)decoder;
    decoder->report.bytes += len;
    int code = len ? lines_push(&text->lines, data, len, text_line, text, err)
                   : bpftrace_record_quiet(&text->record, err);
    return code ? code : bpftrace_record_flush(&text->record, err);
}

static int text_finish(struct decoder *decoder, struct err *err)
{
    struct bpftrace_text *text = (struct bpftrace_text *)decoder;
    const struct bytes *rest = &text->lines.pending;
    bool cut = rest->len && !bpftrace_record_is_whole(&text->record, rest->data, rest->len);
    int code = cut ? 0 : lines_finish(&text->lines, text_line, text, err);
    return code ? code : bpftrace_record_finish(&text->record, cut, err);
}

static void text_free(struct decoder *decoder)
{
    struct bpftrace_text *text = (struct bpftrace_text *)decoder;
    if (!text)
        return;
    lines_dispose(&text->lines);
    bpftrace_record_dispose(&text->record);
    free(text);
}

static struct decoder *text_new(struct sink *sink, const struct decode_options *options)
{
    static const struct decoder_ops OPS = {text_push, text_finish, text_free};
    struct bpftrace_text *text = xcalloc(1, sizeof *text);
    text->base = (struct decoder){.ops = &OPS, .sink = sink};
    text->lines.limit = BPFTRACE_LINE_MAX_BYTES;
    bpftrace_record_init(&text->record, &text->base, options);
    return &text->base;
}

// How much a line looks like bpftrace's: its banner and our protocol, maps, frames.
static int line_score(const char *line, size_t len)
{
    struct bpftrace_header header;
    struct bpftrace_frame frame;
    if (len > 16 && !memcmp(line, "Attaching ", 10) && memmem(line, len, " probe", 6))
        return 90;
    if (len > 6 && !memcmp(line, "READY ", 6))
        return 80;
    if (bpftrace_header_own(&header, line, len))
        return 60;
    if (len && line[0] == '@' && memchr(line, '[', len))
        return 50;
    // perf prints "+0x30" where bpftrace prints "+48", and pads addresses.
    bool decimal = bpftrace_frame_parse(&frame, line, len) && frame.name && len > 2 &&
                   frame.has_offset &&
                   (frame.has_address ? line[0] == '\t' && line[1] != ' ' : line[0] == ' ');
    return decimal ? 96 : 0;
}

static int text_probe(const void *head, size_t len)
{
    const char *at = head, *end = at + len;
    int best = 0;
    if (memchr(head, '\0', len))
        return 0;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t line_len = (size_t)((newline ? newline : end) - at);
        // A last line that is cut may read as another: perf's "+0x30" as "+0".
        int score = newline || at == head ? line_score(at, line_len) : 0;
        best = score > best ? score : best;
        at += line_len + 1;
    }
    return best;
}

const struct format format_bpftrace_text = {
    .name = "bpftrace",
    .summary = "what bpftrace prints, with stacks",
    .probe = text_probe,
    .decoder_new = text_new,
};
