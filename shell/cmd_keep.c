// keep: saves what has just happened.
#include "shell/rescue.h"
#include "shell/session.h"
#include "shell/units.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

// "keep-20261122-140312.fks": sorts by time. A second one of the same second is "...-2.fks".
static void default_name(char name[64])
{
    time_t now = time(NULL);
    struct tm local;
    char second[32];
    localtime_r(&now, &local);
    strftime(second, sizeof second, "keep-%Y%m%d-%H%M%S", &local);
    snprintf(name, 64, "%s.fks", second);
    for (unsigned more = 2; !access(name, F_OK); more++)
        snprintf(name, 64, "%s-%u.fks", second, more);
}

static int kept_range(struct session *session, struct invocation *run, struct range *range,
                      struct err *err)
{
    const char *word = invocation_word(run, 0);
    int64_t length_ns = 0;
    struct axis axis;
    if (!word || !units_parse_duration(word, &length_ns) || length_ns <= 0) {
        invocation_usage(run, word ? run->words[0]->at : GRAMMAR_NOWHERE, err,
                         "how long to look back is expected, like 60s%s%s%s", word ? "; not '" : "",
                         word ? word : "", word ? "'" : "");
        return -EINVAL;
    }
    range->to_ns = session_axis(session, &axis);
    if (!axis.has_time) {
        run->exit_code = EXIT_FAILED;
        return err_set(err, -ENODATA, "there are no samples with times to keep");
    }
    range->from_ns =
        range->to_ns - axis.first_ns > length_ns ? range->to_ns - length_ns : axis.first_ns;
    return 0;
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    char name[64];
    struct range range;
    if (kept_range(session, run, &range, err))
        return RUN_ERROR;
    default_name(name);
    const char *path = run->word_count > 1 ? invocation_word(run, 1) : name;
    const struct query query = {.ranges = &range,
                                .range_count = 1,
                                .event = "*",
                                .idle = true,
                                .cancel = &session->signals.interrupted};
    unsigned long long bytes;
    run->exit_code = EXIT_FAILED;
    if (rescue_write(session, &query, path, NULL, &bytes, err)) {
        run->bad_at = run->words[run->word_count - 1]->at;
        return RUN_ERROR;
    }
    struct bytes text = {0};
    bytes_printf(&text, "keep %s", path);
    buffer_pin(session->buffer, bytes_text(&text), &range, 1);
    bytes_clear(&text);
    bytes_printf(&text, "%s: ", path);
    units_put_size(&text, bytes);
    bytes_append_text(&text, ", the last ");
    units_put_duration(&text, range.to_ns - range.from_ns);
    session_say(session, "%s", bytes_text(&text));
    bytes_dispose(&text);
    return RUN_OK;
}

const struct command command_keep = {
    .name = "keep",
    .group = "files",
    .usage = "keep DURATION [FILE]",
    .summary = "save what has just happened, and keep it in the buffer too",
    .details = "Everything of the last DURATION is written to FILE (keep-DATE-TIME.fks in this "
               "directory when\nnone is named), and is not evicted while there is room for it. "
               "Recording goes on.",
    .example = "keep 60s",
    .words = {ARG_DURATION, ARG_FILE},
    .max_words = 2,
    .run = run,
};
