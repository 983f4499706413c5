// What a session owns, how it speaks to people, and its one selection.
#include "shell/session.h"

#include "analysis/names.h"
#include "proto/alloc.h"
#include "shell/prompt.h"
#include "shell/timewords.h"
#include "shell/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t session_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static uint64_t available_bytes(void)
{
    uint64_t kib = 0;
    char line[128];
    FILE *file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1)
            break;
    }
    if (file)
        fclose(file);
    return (kib ? kib : 1024 * 1024) * 1024;
}

static void pin_released(void *arg, const char *name)
{
    session_say(arg, "the buffer is full: '%s' is no longer kept from eviction", name);
}

int session_init(struct session *session, struct launcher *launcher, struct err *err)
{
    *session = (struct session){.launcher = launcher};
    session->probes = probe_list_new(launcher);
    settings_init(&session->settings);
    session->buffer = buffer_new(session->settings.buffer_bytes, available_bytes());
    session->store = buffer_store(session->buffer);
    session->selection = selection_new();
    struct buffer_stats stats;
    buffer_stats(session->buffer, &stats);
    session->auto_budget_bytes = stats.budget_bytes;
    buffer_on_pin_released(session->buffer, pin_released, session);
    return signals_init(&session->signals, err);
}

void session_apply_settings(struct session *session)
{
    const struct settings *settings = &session->settings;
    uint64_t budget = settings->buffer_bytes;
    if (budget != session->budget_bytes)
        buffer_set_budget(session->buffer, budget ? budget : session->auto_budget_bytes);
    session->budget_bytes = budget;
    struct query query;
    selection_query(session->selection, &query);
    if (strcmp(query.event ? query.event : "", settings->event) != 0)
        selection_set_event(session->selection, *settings->event ? settings->event : NULL);
    if (query.idle != settings->idle)
        selection_set_idle(session->selection, settings->idle);
}

void session_dispose(struct session *session)
{
    execution_dispose(&session->execution);
    jobs_dispose(&session->jobs);
    probe_list_free(session->probes);
    feed_dispose(&session->feed);
    server_stop(session->server);
    prompt_free(session->prompt);
    marks_dispose(&session->marks);
    selection_free(session->selection);
    names_release(session->names);
    buffer_free(session->buffer);
    signals_dispose(&session->signals);
}

// Words of a script, names of files: nothing in a message moves the terminal's cursor.
static void put_clean(struct bytes *out, const char *text)
{
    for (size_t len; *text; text += len) {
        len = strcspn(text, "\n\t");
        term_text(out, text, len);
        if (text[len])
            bytes_append_char(out, text[len++]);
    }
    while (out->len && out->data[out->len - 1] == '\n')
        out->len--;
    bytes_append_char(out, '\n');
}

static void speak(struct session *session, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = malloc((size_t)len + 1);
    if (!text)
        return;
    struct bytes clean = {0};
    vsnprintf(text, (size_t)len + 1, format, args);
    put_clean(&clean, text);
    if (session->prompt)
        prompt_hide(session->prompt);
    // stderr may be full or gone: nobody is left to tell.
    ssize_t ignored = write(STDERR_FILENO, clean.data, clean.len);
    (void)ignored;
    if (session->prompt)
        prompt_show(session->prompt);
    bytes_dispose(&clean);
    free(text);
}

void session_say(struct session *session, const char *format, ...)
{
    if (session->quiet)
        return;
    va_list args;
    va_start(args, format);
    speak(session, format, args);
    va_end(args);
}

void session_complain(struct session *session, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    speak(session, format, args);
    va_end(args);
}

void session_damaged(struct session *session, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    speak(session, format, args);
    va_end(args);
    if (!session->prompt)
        session->exit_code = EXIT_FAILED;
}

int64_t session_axis(struct session *session, struct axis *axis)
{
    store_axis(session->store, axis);
    if (!axis->has_time)
        return 0;
    int64_t end_ns = axis->last_ns + 1;
    int64_t now_ns = session_now_ns();
    // A live source speaks of this host's clock; a file shown beside it may be of another.
    if (session->jobs.count && now_ns > end_ns && now_ns - end_ns < 60 * NS_PER_S)
        end_ns = now_ns;
    return end_ns;
}

int session_spikes(struct session *session, const struct query *query, struct heatmap *heatmap,
                   struct spikes *spikes, struct err *err)
{
    enum { CELLS_MAX = 1 << 21, ROWS = 50 };
    struct axis axis;
    int64_t end_ns = session_axis(session, &axis);
    if (!axis.has_time)
        return err_set(err, -ENODATA, "there are no samples with times, so there are no spikes");
    struct heatmap_shape shape = {.column_ns = NS_PER_S, .rows = ROWS};
    shape.from_ns = axis_floor(&axis, axis.first_ns, NS_PER_S);
    int64_t columns = (end_ns - shape.from_ns) / NS_PER_S + 1;
    if (columns > CELLS_MAX / ROWS) {
        shape.from_ns += (columns - CELLS_MAX / ROWS) * NS_PER_S;
        columns = CELLS_MAX / ROWS;
    }
    shape.columns = (uint32_t)columns;
    int code = store_heatmap(session->store, query, &shape, heatmap, err);
    if (!code && !spikes_find(spikes, heatmap, query->cancel))
        code = err_set(err, -ECANCELED, "interrupted");
    return code;
}

// A spike ends where the rate has fallen to half; this much more takes its slopes along.
#define SPIKE_SLOPE_NS (50 * NS_PER_MS)

// "spike": the strongest and those of its kind; so that the rest is free of them, and `why`
// compares the two. "spike N": one of those that `spikes` lists.
static int choose_spikes(struct session *session, const struct spikes *spikes, const char *number,
                         struct err *err)
{
    const struct spike *strongest = spikes_strongest(spikes);
    uint64_t wanted = 0;
    if (!strongest)
        return err_set(err, -ENODATA, "no spike stands out of the rate of these samples");
    if (*number && (!units_parse_count(number, &wanted) || !wanted || wanted > spikes->count))
        return err_set(err, -EINVAL, "there is no spike '%s'; 'spikes' lists %zu", number,
                       spikes->count);
    struct range *ranges = xcalloc(spikes->count, sizeof *ranges);
    size_t count = 0;
    for (size_t i = 0; i < spikes->count; i++) {
        const struct spike *spike = &spikes->items[i];
        if (wanted ? i + 1 == wanted : spikes_alike(spike, strongest))
            ranges[count++] = (struct range){spike->range.from_ns - SPIKE_SLOPE_NS,
                                             spike->range.to_ns + SPIKE_SLOPE_NS};
    }
    selection_set_ranges(session->selection, ranges, count);
    free(ranges);
    return 0;
}

static int slice_spike(struct session *session, const char *number, struct err *err)
{
    struct query query;
    selection_query(session->selection, &query);
    query.ranges = NULL;
    query.range_count = 0;
    query.cancel = &session->signals.interrupted;
    struct heatmap heatmap = {0};
    struct spikes spikes = {0};
    int code = session_spikes(session, &query, &heatmap, &spikes, err);
    if (!code)
        code = choose_spikes(session, &spikes, number, err);
    spikes_dispose(&spikes);
    heatmap_dispose(&heatmap);
    return code;
}

int session_slice(struct session *session, const char *words, size_t *bad_at, struct err *err)
{
    *bad_at = GRAMMAR_NOWHERE;
    if (!strcmp(words, "all")) {
        selection_set_ranges(session->selection, NULL, 0);
        return 0;
    }
    if (!strncmp(words, "spike", 5) && (!words[5] || words[5] == ' '))
        return slice_spike(session, words + 5 + strspn(words + 5, " "), err);
    struct axis axis;
    int64_t end_ns = session_axis(session, &axis);
    struct range *ranges;
    size_t count;
    int code = timewords_parse(&ranges, &count, words, &axis, end_ns, bad_at, err);
    if (!code)
        selection_set_ranges(session->selection, ranges, count);
    free(ranges);
    return code;
}
