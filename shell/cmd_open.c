// open: reads files into the buffer, in bites, so that Ctrl-C stops it and a recording goes on.
#include "proto/alloc.h"
#include "proto/reader.h"
#include "shell/rescue.h"
#include "shell/session.h"
#include "shell/timewords.h"
#include "shell/units.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct opening {
    struct session *session;
    const struct invocation *run;
    size_t next; // word to open
    char *path;  // being read; NULL: none
    bool is_rescue;
    struct reader *reader;
    uint32_t source;
    double resample_hz;
    uint64_t evicted_before; // samples that had gone before this file
};

static void opening_free(void *arg)
{
    struct opening *opening = arg;
    reader_free(opening->reader);
    free(opening->path);
    free(opening);
}

static int begin_file(struct opening *opening, struct err *err)
{
    const char *word = invocation_word(opening->run, opening->next);
    const struct word *as = invocation_key(opening->run, "format");
    struct session *session = opening->session;
    opening->path = !strcmp(word, "rescue") ? rescue_path("rescue.fks") : NULL;
    opening->is_rescue = opening->path;
    if (!opening->path)
        opening->path = xstrdup(word);
    struct sink *sink;
    struct buffer_stats stats;
    buffer_stats(session->buffer, &stats);
    opening->evicted_before = stats.evicted_samples;
    opening->source = buffer_source_add(session->buffer, word, &sink);
    struct decode_options options = {.resample_hz = opening->resample_hz,
                                     .cancel = &session->signals.interrupted};
    int code =
        reader_open(&opening->reader, opening->path, as ? as->value : NULL, sink, &options, err);
    if (code)
        buffer_source_drop(session->buffer, opening->source);
    return code;
}

// Samples that a file brought have gone from the buffer again, or made others go.
static void append_evicted(struct opening *opening, struct bytes *text)
{
    const struct session *session = opening->session;
    struct buffer_stats stats;
    struct axis axis;
    buffer_stats(session->buffer, &stats);
    if (stats.evicted_samples <= opening->evicted_before)
        return;
    store_axis(session->store, &axis);
    uint64_t evicted = stats.evicted_samples - opening->evicted_before;
    bytes_append_text(text, "\n  the buffer of ");
    units_put_size(text, stats.budget_bytes);
    bytes_append_text(text, " is full: the oldest ");
    units_put_things(text, evicted, "sample");
    bytes_append_text(text, " have gone");
    if (stats.evicted_to_ns != SAMPLE_NO_TIME) {
        bytes_append_text(text, ", up to ");
        timewords_put_point(text, &axis, stats.evicted_to_ns);
    }
    if (!stats.samples)
        return;
    // What all would take, and a tenth more.
    uint64_t all = stats.samples + evicted;
    double bytes = (double)stats.column_bytes / (double)stats.samples * (double)all * 1.1;
    bytes_printf(text, "\n  to hold all: 'set buffer=%.0fM' before 'open', or --set buffer=%.0fM",
                 ceil(bytes / (1 << 20)), ceil(bytes / (1 << 20)));
}

static void say_report(struct opening *opening)
{
    const struct decode_report *report = reader_report(opening->reader);
    const char *format = reader_format(opening->reader)->name;
    struct bytes text = {0};
    term_text(&text, opening->path, strlen(opening->path));
    bytes_printf(&text, ": %s, ", format);
    units_put_things(&text, report->samples, "sample");
    struct axis axis;
    store_axis(opening->session->store, &axis);
    if (axis.has_time) {
        bytes_append_text(&text, ", ");
        units_put_duration(&text, axis.last_ns - axis.first_ns);
    } else {
        bytes_append_text(&text, ", no times");
    }
    if (report->lost) {
        bytes_append_text(&text, ", ");
        units_put_count(&text, report->lost);
        bytes_append_text(&text, " lost");
    }
    if (report->frames && report->unresolved) {
        bytes_append_text(&text, ", ");
        units_put_percent(&text, (double)report->unresolved / (double)report->frames);
        bytes_append_text(&text, " % of frames without a name");
    }
    if (report->skipped) {
        bytes_append_text(&text, "\n  ");
        units_put_things(&text, report->skipped, "record");
        bytes_append_text(&text, " not understood; the first at ");
        if (report->first_skipped_line)
            bytes_printf(&text, "line %" PRIu64, report->first_skipped_line);
        else
            bytes_printf(&text, "byte %" PRIu64, report->first_skipped_byte);
        bytes_append_text(&text, ": ");
        term_text(&text, report->first_skipped_why, strlen(report->first_skipped_why));
    }
    append_evicted(opening, &text);
    session_say(opening->session, "%s", bytes_text(&text));
    bytes_dispose(&text);
}

// The file has ended, in good order or not. What was read is kept.
static int end_file(struct opening *opening, int code, struct err *err)
{
    const struct decode_report *report = reader_report(opening->reader);
    struct session *session = opening->session;
    uint64_t samples = report->samples;
    if (samples || !code)
        say_report(opening);
    if (!samples && !code)
        code = err_set(err, -ENODATA, "'%s': there are no samples in it", opening->path);
    buffer_source_ended(session->buffer, opening->source);
    if (!samples)
        buffer_source_drop(session->buffer, opening->source);
    else if (code && code != -ECANCELED) {
        session_damaged(session, "%s\n  what came before that is in the buffer", err->message);
        code = 0;
    }
    if (samples && !code && opening->is_rescue)
        rescue_opened(session);
    reader_free(opening->reader);
    free(opening->path);
    opening->reader = NULL;
    opening->path = NULL;
    opening->next++;
    return code;
}

static enum run_result step(struct session *session, struct invocation *run, int64_t now_ns,
                            struct err *err)
{
    enum { SLICE_MS = 20 }; // then the loop's other work has its turn
    struct opening *opening = run->state;
    int64_t until_ns = now_ns + SLICE_MS * NS_PER_MS;
    int code = 0;
    while (!code && opening->next < run->word_count) {
        if (!opening->reader) {
            code = begin_file(opening, err);
            if (code) {
                run->bad_at = run->words[opening->next]->at;
                return RUN_ERROR;
            }
        }
        code = reader_step(opening->reader, err);
        if (code == 1 && atomic_load(&session->signals.interrupted))
            code = err_set(err, -ECANCELED, "stopped; what was read so far is in the buffer");
        if (code <= 0)
            code = end_file(opening, code, err);
        if (code == 1 || (!code && opening->next < run->word_count)) {
            code = 0;
            if (session_now_ns() >= until_ns)
                return RUN_WAIT;
        }
    }
    return code ? RUN_ERROR : RUN_OK;
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    if (!run->word_count)
        return invocation_usage(run, GRAMMAR_NOWHERE, err, "a file is expected\nusage: %s",
                                run->command->usage);
    double resample_hz;
    if (invocation_resample(run, &resample_hz, err))
        return RUN_ERROR;
    struct opening *opening = xcalloc(1, sizeof *opening);
    opening->resample_hz = resample_hz;
    opening->session = session;
    opening->run = run;
    run->state = opening;
    run->dispose = opening_free;
    run->step = step;
    return RUN_WAIT;
}

const struct command command_open = {
    .name = "open",
    .group = "files",
    .usage = "open FILE... [format=NAME] [resample=HZ]",
    .summary = "read recordings that flicker, perf script, bpftrace and others wrote",
    .details = "The format is found by content; gzip and zstd are unpacked. Each file becomes a "
               "source beside\nthose that are there. 'open rescue' reads what a session saved that "
               "was ended by a signal.",
    .example = "open demo.fks",
    .words = {ARG_FILE},
    .choices = "rescue",
    .max_words = -1,
    .keys = {{"format", ARG_FORMAT, NULL, "read it as this format, whatever it looks like"},
             {"resample", ARG_NUMBER, NULL,
              "of traces: take samples so often (100: as FlameScope)"}},
    .run = run,
};
