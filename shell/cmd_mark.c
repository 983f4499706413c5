// mark: gives the selection a name, for `diff` and `vs=`.
#include "shell/answer.h"
#include "shell/timewords.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void put_mark(struct bytes *out, const struct axis *axis, const struct mark *mark)
{
    enum { SHOWN = 4 };
    term_text(out, mark->name, strlen(mark->name));
    bytes_append_text(out, "  ");
    for (size_t i = 0; i < mark->range_count && i < SHOWN; i++) {
        bytes_append_text(out, i ? ", " : "");
        timewords_put_range(out, axis, &mark->ranges[i]);
    }
    if (!mark->range_count)
        bytes_append_text(out, "all time");
    if (mark->range_count > SHOWN)
        bytes_printf(out, " and %zu more", mark->range_count - SHOWN);
    if (mark->filter && !filter_is_empty(mark->filter)) {
        char *text = filter_text(mark->filter);
        bytes_append_text(out, "; ");
        term_text(out, text, strlen(text));
        free(text);
    }
    bytes_append_char(out, '\n');
}

static void pin_name(struct bytes *out, const char *name)
{
    bytes_printf(out, "mark %s", name);
}

static enum run_result drop(struct session *session, struct invocation *run, const char *name,
                            struct err *err)
{
    if (!marks_drop(&session->marks, name))
        return invocation_usage(run, run->words[0]->at, err, "there is no mark '%s'", name);
    struct bytes pin = {0};
    pin_name(&pin, name);
    buffer_unpin(session->buffer, bytes_text(&pin));
    bytes_dispose(&pin);
    return RUN_OK;
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    const char *name = invocation_word(run, 0), *off = invocation_word(run, 1);
    if (!name) {
        struct axis axis;
        session_axis(session, &axis);
        for (size_t i = 0; i < session->marks.count; i++)
            put_mark(&run->out.text, &axis, &session->marks.items[i]);
        if (!session->marks.count)
            session_say(session, "no marks yet; 'mark NAME' gives the selection a name");
        return RUN_OK;
    }
    if (off && strcmp(off, "off") != 0)
        return invocation_usage(run, run->words[1]->at, err,
                                "mark does not expect '%s'; expected off, which drops the mark",
                                off);
    if (off)
        return drop(session, run, name, err);
    if (!strcmp(name, "sel") || !strcmp(name, "rest") || !strcmp(name, "all"))
        return invocation_usage(run, run->words[0]->at, err,
                                "'%s' always means what it says; choose another name", name);
    struct query query;
    struct totals totals = {0};
    invocation_query(run, session, &query);
    if (store_totals(session->store, &query, &totals, err))
        return RUN_ERROR;
    marks_set(&session->marks, name, &query);
    struct bytes pin = {0};
    pin_name(&pin, name);
    if (query.range_count)
        buffer_pin(session->buffer, bytes_text(&pin), query.ranges, query.range_count);
    else
        buffer_unpin(session->buffer, bytes_text(&pin));
    bytes_dispose(&pin);
    answer_say(session, &query, &totals);
    return RUN_OK;
}

const struct command command_mark = {
    .name = "mark",
    .group = "select",
    .usage = "mark [NAME [off]] [TERM...]",
    .summary = "give the selection a name, for diff and vs=; alone: list the names",
    .details = "Time ranges, filter and event are kept, and the samples are kept from eviction. "
               "'mark NAME off'\ndrops the name.",
    .example = "mark before",
    .words = {ARG_MARK, ARG_CHOICE},
    .choices = "off",
    .max_words = 2,
    .settings = "event idle",
    .filters = true,
    .run = run,
};
