// export: what is selected, as a file for another tool.
#include "proto/alloc.h"
#include "shell/export.h"
#include "shell/session.h"
#include "shell/stacks.h"
#include "shell/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// An answer that a file can hold, besides the samples themselves.
struct form {
    const char *name;      // of format=
    const char *extension; // that it goes by
    const char *commands;  // whose answers it can be; the first one is the default
};

static const struct form FORMS[] = {
    {"svg", ".svg", "flame"},
    {"csv", ".csv", "top heatmap fold threads"},
    {"json", ".json", "top heatmap fold threads"},
};
enum { FORM_COUNT = sizeof FORMS / sizeof *FORMS };

// NULL: samples.
static const struct form *form_of(const char *path, const char *format)
{
    for (size_t i = 0; i < FORM_COUNT; i++) {
        size_t len = strlen(path), ending = strlen(FORMS[i].extension);
        bool by_path = !format && !format_by_extension(path) && len > ending &&
                       !strcmp(path + len - ending, FORMS[i].extension);
        if (by_path || (format && !strcmp(format, FORMS[i].name)))
            return FORMS + i;
    }
    return NULL;
}

// The same line as it would be typed for the command that answers, without what is export's.
static void make_statement(struct statement *out, const struct invocation *run,
                           const struct command *command)
{
    *out = *run->statement;
    out->verb = (char *)(uintptr_t)command->name;
    out->redirect = REDIRECT_NONE;
    out->words = xcalloc(run->statement->word_count + 1, sizeof *out->words);
    out->word_count = 0;
    for (size_t i = 0; i < run->statement->word_count; i++) {
        const struct word *word = run->statement->words + i;
        bool own = !word->key || !strcmp(word->key, "what") || !strcmp(word->key, "format") ||
                   !strcmp(word->key, "in") || !strcmp(word->key, "resample");
        if (!own)
            out->words[out->word_count++] = *word;
    }
}

// Machines want all of it, not what fits a screen.
static void widen(struct invocation *answer)
{
    enum { HEATMAP_ROWS = 50 }; // as FlameScope
    answer->settings.top = INT32_MAX;
    if (!answer->settings.rows)
        answer->settings.rows = HEATMAP_ROWS;
}

// Lets the command write into the file, which appears when its answer is whole.
static int write_answer(struct session *session, struct invocation *answer, const char *path,
                        uint64_t *bytes, struct err *err)
{
    struct part_file part;
    int code = part_file_open(&part, path, false, err);
    int fd = code ? -1 : dup(part.fd);
    if (!code && fd < 0)
        code = err_set(err, -errno, "cannot write '%s': %s", path, strerror(errno));
    if (!code) {
        writer_dispose(&answer->out);
        writer_open_fd(&answer->out, fd, path, &session->signals.interrupted);
        if (answer->command->run(session, answer, err) != RUN_OK)
            code = err->code;
        if (!code)
            code = writer_finish(&answer->out, err);
        if (!code) {
            off_t end = lseek(part.fd, 0, SEEK_CUR);
            *bytes = end > 0 ? (uint64_t)end : 0;
            code = part_file_commit(&part, err);
        }
    }
    part_file_dispose(&part);
    return code;
}

static int export_answer(struct session *session, struct invocation *run, const char *path,
                         const struct form *form, const struct command *command, struct err *err)
{
    struct statement statement;
    struct invocation answer;
    uint64_t bytes = 0;
    make_statement(&statement, run, command);
    int code = invocation_init(&answer, session, command, &statement, err);
    if (!code) {
        answer.started_ns = run->started_ns;
        answer.csv = !strcmp(form->name, "csv");
        answer.json = !strcmp(form->name, "json");
        widen(&answer);
        code = write_answer(session, &answer, path, &bytes, err);
    }
    run->bad_at = answer.bad_at;
    run->exit_code = answer.exit_code;
    invocation_dispose(&answer);
    free(statement.words);
    if (!code) {
        struct bytes text = {0};
        term_text(&text, path, strlen(path));
        bytes_printf(&text, ": %s as %s, ", command->name, form->name);
        units_put_size(&text, bytes);
        session_say(session, "%s", bytes_text(&text));
        bytes_dispose(&text);
    }
    return code;
}

static int export_selected(struct session *session, struct invocation *run,
                           struct export_file *file, struct err *err)
{
    struct query query;
    invocation_query(run, session, &query);
    file->event_asked = query.event != NULL;
    if (!query.event)
        query.event = "*";
    int code = export_samples(session, &query, file, err);
    if (!code)
        export_say(session, file, "");
    export_file_dispose(file);
    return code;
}

enum run_result export_run(struct session *session, struct invocation *run, size_t at,
                           struct err *err)
{
    const char *path = invocation_word(run, at);
    const struct word *format = invocation_key(run, "format"), *what = invocation_key(run, "what");
    const char *as = format ? format->value : NULL;
    const struct form *form = form_of(path, as);
    int code;
    if (form) {
        const char *name = what ? what->value : form->commands;
        char *first = xstrndup(name, strcspn(name, " "));
        const struct command *command =
            list_has(form->commands, first) ? command_by_name(first) : NULL;
        free(first);
        if (!command)
            return invocation_usage(run, what->value_at, err, "%s cannot hold '%s'; expected %s",
                                    form->name, what->value, form->commands);
        code = export_answer(session, run, path, form, command, err);
    } else if (what && strcmp(what->value, "samples") != 0) {
        return invocation_usage(run, run->words[at]->at, err,
                                "%s goes into a file that ends in .csv, .json or .svg",
                                what->value);
    } else {
        struct export_file file = {.path = path, .format_name = as};
        code = export_selected(session, run, &file, err);
        if (code)
            run->bad_at = code == -EINVAL && as ? format->value_at : run->words[at]->at;
    }
    return code ? RUN_ERROR : RUN_OK;
}

bool export_is_answer(const struct invocation *run, size_t at)
{
    const struct word *format = invocation_key(run, "format");
    return form_of(invocation_word(run, at), format ? format->value : NULL) != NULL;
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    if (!run->word_count)
        return invocation_usage(run, GRAMMAR_NOWHERE, err, "a file is expected\nusage: %s",
                                run->command->usage);
    return export_run(session, run, 0, err);
}

const struct command command_export = {
    .name = "export",
    .group = "files",
    .usage = "export FILE [what=WHAT] [format=NAME] [TERM...]",
    .summary = "write what is selected for another tool, in the format of the file's ending",
    .details =
        "Samples: .nflxprofile .pb.gz (pprof) .cpuprofile .trace.json .folded .speedscope.json "
        ".perf .fks, or\nany of them with .gz. Answers: .svg (the flame graph), .csv and .json of "
        "what=top (the default),\nheatmap, fold or threads. It says what a format has no place "
        "for; "
        "one that does not tell events\napart gets the one in view. Samples go out as they were "
        "recorded: transforms change answers only.",
    .example = "export stall.speedscope.json",
    .words = {ARG_FILE},
    .max_words = 1,
    .keys = {{"what", ARG_CHOICE, "samples flame top heatmap fold threads", "what the file holds"},
             {"format", ARG_EXPORT, NULL, "write this format, whatever the file's name"},
             {"column", ARG_DURATION, NULL, "of heatmap: what one column is (1s)"},
             {"y", ARG_CHOICE, "offset value",
              "of heatmap: rows are offsets (the default) or values"},
             {"last", ARG_DURATION, NULL, "of heatmap: only so much of the end"},
             {"by", ARG_CHOICE, "self total", "of top: what to order by (self)"}},
    .settings = "rows event idle " STACKS_SETTINGS,
    .filters = true,
    .run = run,
};
