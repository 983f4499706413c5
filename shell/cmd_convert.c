// convert: a file into another format. Samples stream from one to the other: what is in the buffer
// stays untouched, and a file larger than the buffer comes through whole.
#include "proto/alloc.h"
#include "proto/inventory.h"
#include "proto/reader.h"
#include "shell/export.h"
#include "shell/session.h"
#include "shell/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct conversion {
    struct dict dict;
    struct part_file part;
    struct encoder *encoder;
    struct inventory inventory;
    struct reader *reader;
    struct export_file file;
    // An answer is made from a buffer of its own.
    struct buffer *buffer;
    struct selection *selection;
};

static void conversion_free(void *arg)
{
    struct conversion *conversion = arg;
    reader_free(conversion->reader);
    inventory_dispose(&conversion->inventory);
    encoder_free(conversion->encoder);
    part_file_dispose(&conversion->part);
    export_file_dispose(&conversion->file);
    dict_dispose(&conversion->dict);
    selection_free(conversion->selection);
    buffer_free(conversion->buffer);
    free(conversion);
}

// What the input had that does not come out: parts that were not understood.
static void say_skipped(struct session *session, const char *path,
                        const struct decode_report *report)
{
    if (!report->skipped)
        return;
    struct bytes text = {0};
    term_text(&text, path, strlen(path));
    bytes_append_text(&text, ": ");
    units_put_things(&text, report->skipped, "record");
    bytes_append_text(&text, " not understood; the first at ");
    if (report->first_skipped_line)
        bytes_printf(&text, "line %" PRIu64 ": ", report->first_skipped_line);
    else
        bytes_printf(&text, "byte %" PRIu64 ": ", report->first_skipped_byte);
    term_text(&text, report->first_skipped_why, strlen(report->first_skipped_why));
    session_complain(session, "%s", bytes_text(&text));
    bytes_dispose(&text);
}

// The commands that answer ask the session's store: for this one answer it is the file's.
static int answer(struct session *session, struct invocation *run, struct conversion *conversion,
                  struct err *err)
{
    struct buffer *buffer = session->buffer;
    struct store *store = session->store;
    struct selection *selection = session->selection;
    session->buffer = conversion->buffer;
    session->store = buffer_store(conversion->buffer);
    session->selection = conversion->selection;
    int code = export_run(session, run, 1, err) == RUN_OK ? 0 : err->code;
    session->buffer = buffer;
    session->store = store;
    session->selection = selection;
    return code;
}

static int no_such_event(const struct invocation *run, const struct inventory *inventory,
                         struct err *err)
{
    struct bytes events = {0};
    inventory_put_events(&events, inventory);
    int code = err_set(err, -ENODATA, "'%s': no samples of event '%s'; there %s %s",
                       invocation_word(run, 0), inventory->wanted,
                       inventory->sink.dict->event_count == 1 ? "is" : "are", bytes_text(&events));
    bytes_dispose(&events);
    return code;
}

static int finish(struct session *session, struct invocation *run, struct conversion *conversion,
                  struct err *err)
{
    const char *in = invocation_word(run, 0);
    const struct decode_report *report = reader_report(conversion->reader);
    const struct inventory *inventory = &conversion->inventory;
    bool none = !conversion->buffer && !inventory->wanted && !inventory->samples;
    if (!report->samples || none)
        return err_set(err, -ENODATA, "'%s': there are no samples in it", in);
    say_skipped(session, in, report);
    if (conversion->buffer)
        return answer(session, run, conversion, err);
    if (!inventory->samples)
        return no_such_event(run, inventory, err);
    int code = conversion->encoder->ops->finish(conversion->encoder, err);
    if (!code)
        code = part_file_commit(&conversion->part, err);
    if (!code) {
        struct export_file *file = &conversion->file;
        file->bytes = conversion->part.written;
        export_note(file, inventory);
        export_say(session, file, "");
    }
    return code;
}

static enum run_result step(struct session *session, struct invocation *run, int64_t now_ns,
                            struct err *err)
{
    enum { SLICE_MS = 20 }; // then the loop's other work has its turn
    struct conversion *conversion = run->state;
    int64_t until_ns = now_ns + SLICE_MS * NS_PER_MS;
    int code;
    do {
        code = reader_step(conversion->reader, err);
        if (atomic_load(&session->signals.interrupted)) {
            err_set(err, -ECANCELED, "stopped; '%s' was not written", invocation_word(run, 1));
            return RUN_ERROR;
        }
        if (code == 1 && conversion->buffer)
            buffer_tick(conversion->buffer);
        if (code == 1 && session_now_ns() >= until_ns)
            return RUN_WAIT;
    } while (code == 1);
    const struct err *failed = &conversion->inventory.failed;
    if (failed->code) { // of OUT, which is no fault of IN
        err_set(err, failed->code, "%s", failed->message);
        return RUN_ERROR;
    }
    if (code && reader_report(conversion->reader)->samples) { // cut: what came before is good
        session_damaged(session, "%s\n  what came before that is converted", err->message);
        code = 0;
    }
    if (!code)
        code = finish(session, run, conversion, err);
    return code ? RUN_ERROR : RUN_OK;
}

static int open_output(struct conversion *conversion, const struct invocation *run,
                       const atomic_bool *cancel, struct err *err)
{
    const struct word *format = invocation_key(run, "format");
    struct export_file *file = &conversion->file;
    bool packs;
    file->path = invocation_word(run, 1);
    int code = export_format(&file->format, &packs, file->path, format ? format->value : NULL, err);
    if (!code)
        code = part_file_open(&conversion->part, file->path, packs, err);
    conversion->part.base.cancel = cancel;
    if (!code) {
        conversion->encoder = file->format->encoder_new(&conversion->dict, &conversion->part.base);
        const char *event = *run->settings.event ? run->settings.event : NULL;
        file->event_asked = event != NULL;
        inventory_init(&conversion->inventory, &conversion->encoder->sink, file->format, event);
    }
    return code;
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    if (run->word_count < 2)
        return invocation_usage(run, GRAMMAR_NOWHERE, err, "two files are expected\nusage: %s",
                                run->command->usage);
    struct decode_options options = {.cancel = &session->signals.interrupted};
    if (invocation_resample(run, &options.resample_hz, err))
        return RUN_ERROR;
    struct conversion *conversion = xcalloc(1, sizeof *conversion);
    const struct word *in = invocation_key(run, "in");
    struct sink *sink;
    conversion->part.fd = -1;
    dict_init(&conversion->dict);
    run->state = conversion;
    run->dispose = conversion_free;
    run->step = step;
    if (export_is_answer(run, 1)) {
        conversion->buffer = buffer_new(session->auto_budget_bytes, 0);
        conversion->selection = selection_new();
        buffer_source_add(conversion->buffer, invocation_word(run, 0), &sink);
    } else {
        if (open_output(conversion, run, &session->signals.interrupted, err)) {
            run->bad_at = run->words[1]->at;
            return RUN_ERROR;
        }
        sink = &conversion->inventory.sink;
    }
    if (reader_open(&conversion->reader, invocation_word(run, 0), in ? in->value : NULL, sink,
                    &options, err)) {
        run->bad_at = run->words[0]->at;
        return RUN_ERROR;
    }
    return RUN_WAIT;
}

const struct command command_convert = {
    .name = "convert",
    .group = "files",
    .usage = "convert IN OUT [in=NAME] [resample=HZ] [format=NAME] [what=WHAT]",
    .summary = "read a file and write another format; the buffer stays as it is",
    .details = "IN is anything that 'open' reads, OUT anything that 'export' writes, with the same "
               "endings. All\nof IN comes through, however large it is. It says what OUT has no "
               "place for: one that does not\ntell events apart gets the first, or that of "
               "event=.",
    .example = "convert demo.fks demo.speedscope.json",
    .words = {ARG_FILE, ARG_FILE},
    .max_words = 2,
    .keys = {{"in", ARG_FORMAT, NULL, "read it as this format, whatever it looks like"},
             {"resample", ARG_NUMBER, NULL,
              "of traces: take samples so often (100: as FlameScope)"},
             {"format", ARG_EXPORT, NULL, "write this format, whatever the file's name"},
             {"what", ARG_CHOICE, "samples flame top heatmap fold threads", "what OUT holds"}},
    .settings = "event idle",
    .run = run,
};
