// The one loop. poll, not epoll: standard input may be a regular file.
#include "shell/loop.h"

#include "shell/prompt.h"
#include "shell/rescue.h"
#include "shell/session.h"
#include "shell/units.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIXED_FDS = 5 };

struct poll_set {
    struct pollfd *items;
    size_t count;
    // Positions, -1: not polled.
    int signals, input, prompt;
};

static int add(struct poll_set *set, int fd, short events)
{
    if (fd < 0)
        return -1;
    set->items[set->count] = (struct pollfd){.fd = fd, .events = events};
    return (int)set->count++;
}

static int timeout_ms(struct session *session, int64_t now_ns)
{
    enum { REFRESH_MS = 500 }; // the state in the prompt
    int64_t wake_ns = execute_wake_ns(&session->execution);
    bool typing = session->prompt && prompt_active(session->prompt);
    bool watched = typing || session->server; // else only a script waits
    int64_t jobs_ns = jobs_wake_ns(&session->jobs, now_ns, watched);
    if (jobs_ns < wake_ns)
        wake_ns = jobs_ns;
    int64_t limit_ms = typing ? REFRESH_MS : 60000;
    // A child that reads our output is awaited by SIGCHLD; look again soon in case it is not ours.
    if (session->execution.finishing)
        limit_ms = 100;
    int server_ms = session->server ? server_timeout_ms(session->server) : -1;
    if (server_ms >= 0 && server_ms < limit_ms)
        limit_ms = server_ms;
    if (wake_ns == INT64_MAX)
        return (int)limit_ms;
    int64_t until_ms = (wake_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
    return (int)(until_ms < 0 ? 0 : until_ms < limit_ms ? until_ms : limit_ms);
}

static void wait_for_events(struct session *session, bool wants_input, struct poll_set *set)
{
    int64_t now_ns = session_now_ns();
    set->count = 0;
    set->signals = add(set, session->signals.wake[0], POLLIN);
    set->input = add(set, wants_input ? feed_fd(&session->feed) : -1, POLLIN);
    bool typing = session->prompt && prompt_active(session->prompt);
    set->prompt = add(set, typing ? STDIN_FILENO : -1, POLLIN);
    add(set, session->server ? server_fd(session->server) : -1, POLLIN);
    struct pollfd reader;
    if (execute_poll(&session->execution, &reader))
        add(set, reader.fd, reader.events);
    set->count += jobs_poll(&session->jobs, set->items + set->count);
    poll(set->items, set->count, timeout_ms(session, now_ns));
}

// A terminal that hangs up reads as ended before its SIGHUP arrives; that is no Ctrl-D.
static bool has_hung_up(const struct poll_set *set)
{
    return set->prompt >= 0 && set->items[set->prompt].revents & (POLLHUP | POLLERR);
}

static bool is_ready(const struct poll_set *set, int at)
{
    return at >= 0 && set->items[at].revents;
}

// A line from the prompt.
static void take_typed(struct session *session)
{
    bool left;
    char *line = prompt_take_line(session->prompt, &left);
    if (left && session->jobs.count && !session->warned_leave) {
        session->warned_leave = true;
        session_say(session, "%zu collector%s still recording; Ctrl-D again leaves and ends %s",
                    session->jobs.count, session->jobs.count == 1 ? " is" : "s are",
                    session->jobs.count == 1 ? "it" : "them");
        prompt_start(session->prompt);
    } else if (left) {
        session->quitting = true;
    } else if (line) {
        session->warned_leave = false;
        execute_line(session, line, "", 1);
    }
    free(line);
}

// Starts what comes next when no line is being run. Returns whether input is awaited.
static bool take_next(struct session *session)
{
    struct bytes line = {0};
    const char *name;
    unsigned number;
    enum feed_result result = FEED_LINE;
    // Lines may be empty, or only a comment.
    while (result == FEED_LINE && !session->quitting && !execute_busy(&session->execution)) {
        result = feed_next(&session->feed, &line, &name, &number);
        if (result == FEED_LINE)
            execute_line(session, bytes_text(&line), name, number);
    }
    bytes_dispose(&line);
    if (result == FEED_END && !session->prompt)
        session->quitting = true;
    if (result == FEED_END && session->prompt && !prompt_active(session->prompt))
        prompt_start(session->prompt);
    return result == FEED_WAIT;
}

// A signal that ends, or the terminal's end: what is in the buffer outlives us.
static void end_by(struct session *session, int signal_number)
{
    session->quitting = true;
    session->exit_code = 128 + signal_number;
    rescue_save(session);
}

static void heed_signals(struct session *session, bool woken)
{
    struct signals *signals = &session->signals;
    if (woken)
        signals_drain(signals);
    int ending = atomic_load(&signals->ending);
    if (ending) {
        end_by(session, ending);
        return;
    }
    if (session->prompt && atomic_exchange(&signals->resized, false))
        prompt_resize(session->prompt);
    if (session->prompt && atomic_exchange(&signals->resumed, false))
        prompt_resume(session->prompt);
    if (!atomic_load(&signals->interrupted) || execute_busy(&session->execution))
        return; // the running command sees the flag itself
    atomic_store(&signals->interrupted, false);
    if (session->prompt && prompt_active(session->prompt)) {
        prompt_interrupt(session->prompt);
    } else if (!session->prompt) {
        session->quitting = true;
        session->exit_code = EXIT_INTERRUPTED;
    }
}

static void serve_all(struct session *session)
{
    int64_t now_ns = session_now_ns();
    jobs_tick(session, now_ns);
    buffer_tick(session->buffer);
    if (session->server)
        server_run(session->server, now_ns);
}

void loop_run(struct session *session)
{
    struct poll_set set = {0};
    while (!session->quitting) {
        bool wants_input = false;
        if (execute_busy(&session->execution)) {
            if (session->prompt)
                prompt_stop(session->prompt);
            execute_step(session, session_now_ns());
        }
        if (!session->quitting && !execute_busy(&session->execution))
            wants_input = take_next(session);
        if (session->quitting)
            break;
        set.items = realloc(set.items,
                            (FIXED_FDS + RECORDING_FDS * session->jobs.count) * sizeof *set.items);
        if (!set.items)
            abort();
        wait_for_events(session, wants_input, &set);
        heed_signals(session, is_ready(&set, set.signals));
        if (!session->quitting && has_hung_up(&set))
            end_by(session, SIGHUP);
        if (session->quitting)
            break;
        if (is_ready(&set, set.input))
            feed_read(&session->feed);
        if (is_ready(&set, set.prompt) && prompt_active(session->prompt)) {
            prompt_read(session->prompt);
            take_typed(session);
        }
        serve_all(session);
        if (session->prompt)
            prompt_refresh(session->prompt);
    }
    // A command that the signal made fail may have ended a script first.
    int ending = atomic_load(&session->signals.ending);
    if (ending && (int)session->exit_code != 128 + ending)
        end_by(session, ending);
    free(set.items);
}
