// Runs lines: statement by statement, one command at a time.
#include "shell/execute.h"

#include "proto/alloc.h"
#include "shell/session.h"
#include "shell/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void drop_line(struct execution *execution)
{
    if (execution->running)
        invocation_dispose(&execution->run);
    execution->running = execution->finishing = false;
    statements_dispose(&execution->statements);
    execution->next = 0;
}

void execution_dispose(struct execution *execution)
{
    drop_line(execution);
    bytes_dispose(&execution->line);
    free(execution->name);
    *execution = (struct execution){0};
}

// The physical line that holds byte `at`, and a caret under it.
static void put_caret(struct bytes *out, const char *text, size_t at)
{
    size_t start = at;
    while (start && text[start - 1] != '\n')
        start--;
    bytes_append_text(out, "\n  ");
    term_text(out, text + start, strcspn(text + start, "\n"));
    bytes_append_text(out, "\n  ");
    for (size_t i = start; i < at; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80) // a cell a code point
            bytes_append_char(out, text[i] == '\t' ? '\t' : ' ');
    }
    bytes_append_char(out, '^');
}

// Reports a failure; ends the line and, without a prompt, the session.
static void fail(struct session *session, const struct err *err, size_t bad_at, enum exit_code code)
{
    struct execution *execution = &session->execution;
    struct bytes text = {0};
    if (execution->name && *execution->name)
        bytes_printf(&text, "%s:%u: ", execution->name, execution->line_number);
    else if (!session->prompt)
        bytes_append_text(&text, "flicker: ");
    bytes_append_text(&text, err->message);
    if (bad_at != GRAMMAR_NOWHERE && bad_at <= execution->line.len)
        put_caret(&text, bytes_text(&execution->line), bad_at);
    session_complain(session, "%s", bytes_text(&text));
    bytes_dispose(&text);
    drop_line(execution);
    feed_clear(&session->feed);
    if (!session->prompt) {
        session->quitting = true;
        session->exit_code = code;
    }
}

void execute_line(struct session *session, const char *line, const char *name, unsigned line_number)
{
    struct execution *execution = &session->execution;
    drop_line(execution);
    free(execution->name);
    execution->name = xstrdup(name);
    execution->line_number = line_number;
    bytes_clear(&execution->line);
    bytes_append_text(&execution->line, line);
    struct err err = {0};
    size_t bad_at = GRAMMAR_NOWHERE;
    if (grammar_parse(&execution->statements, bytes_text(&execution->line), command_is_expression,
                      &bad_at, &err))
        fail(session, &err, bad_at, EXIT_USAGE);
}

static enum run_result begin(struct session *session, struct err *err)
{
    struct execution *execution = &session->execution;
    const struct statement *statement = &execution->statements.items[execution->next++];
    struct invocation *run = &execution->run;
    *run = (struct invocation){.bad_at = statement->verb_at, .exit_code = EXIT_USAGE};
    execution->running = true;
    // Prefixes are for people: a script would break when a command is added.
    bool typed = session->prompt && !*execution->name;
    const struct command *command = command_find(statement->verb, typed, err);
    if (!command)
        return RUN_ERROR;
    if (invocation_init(run, session, command, statement, err))
        return RUN_ERROR;
    run->started_ns = session_now_ns();
    return command->run(session, run, err);
}

// Goes on with output that a command still reads.
static enum run_result finish(struct session *session, struct err *err)
{
    int code = writer_finish(&session->execution.run.out, err);
    if (code == 1)
        return RUN_WAIT;
    return code ? RUN_ERROR : RUN_OK;
}

// For machines as JSON, of every command: those whose result is not JSON, or that have none, too.
static void say_timing(struct session *session, const struct invocation *run)
{
    struct bytes text = {0};
    int64_t took_ns = session_now_ns() - run->started_ns;
    units_put_duration(&text, took_ns);
    if (session->json || run->json)
        session_say(session, "{\"command\":\"%s\",\"elapsed_ms\":%.3f}", run->command->name,
                    (double)took_ns / NS_PER_MS);
    else
        session_say(session, "%s took %s", run->command->name, bytes_text(&text));
    bytes_dispose(&text);
}

// A line has ended: a Ctrl-C that came too late for it is not for the next one. One that comes
// before a line begins is for that line, and in a script it ends the script (see the loop).
static void forget_interrupt(struct session *session)
{
    if (session->prompt)
        atomic_store(&session->signals.interrupted, false);
}

bool execute_step(struct session *session, int64_t now_ns)
{
    struct execution *execution = &session->execution;
    struct invocation *run = &execution->run;
    if (!execute_busy(execution))
        return false;
    struct err err = {0};
    enum run_result result;
    if (!execution->running)
        result = begin(session, &err);
    else if (execution->finishing)
        result = finish(session, &err);
    else
        result = run->step(session, run, now_ns, &err);

    if ((result == RUN_OK || result == RUN_QUIT) && !execution->finishing) {
        execution->finishing = true;
        session->quitting |= result == RUN_QUIT;
        result = finish(session, &err);
    }
    if (result == RUN_WAIT)
        return true;
    if (result == RUN_ERROR) {
        enum exit_code code = err.code == -ECANCELED   ? EXIT_INTERRUPTED
                              : err.code == -ETIMEDOUT ? EXIT_TIMED_OUT
                                                       : run->exit_code;
        size_t bad_at = run->bad_at;
        fail(session, &err, bad_at, code);
        forget_interrupt(session);
        return false;
    }
    if (run->settings.timing)
        say_timing(session, run);
    // One that came while it did not look, as it waited for who reads its output.
    if (!session->prompt && atomic_load(&session->signals.interrupted)) {
        err_set(&err, -ECANCELED, "interrupted");
        fail(session, &err, GRAMMAR_NOWHERE, EXIT_INTERRUPTED);
        return false;
    }
    invocation_dispose(run);
    execution->running = execution->finishing = false;
    if (execution->next == execution->statements.count) {
        drop_line(execution);
        forget_interrupt(session);
    }
    return execute_busy(execution);
}

bool execute_busy(const struct execution *execution)
{
    return execution->running || execution->next < execution->statements.count;
}

int64_t execute_wake_ns(const struct execution *execution)
{
    if (!execute_busy(execution))
        return INT64_MAX;
    if (!execution->running)
        return 0;
    return execution->finishing ? INT64_MAX : execution->run.wake_ns;
}

bool execute_poll(const struct execution *execution, struct pollfd *out)
{
    if (!execution->finishing || writer_fd(&execution->run.out) < 0)
        return false;
    *out = (struct pollfd){.fd = writer_fd(&execution->run.out), .events = POLLOUT};
    return true;
}
