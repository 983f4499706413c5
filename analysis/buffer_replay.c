// Replay: the selected samples in time order, into a sink.
#include "analysis/view.h"
#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 4096 };

// Where the merge stands in one run.
struct cursor {
    const struct view_run *run;
    uint32_t at;
    size_t block;
    int64_t time_ns;
};

struct replay {
    struct view *view;
    struct sink *sink;
    struct sample batch[BATCH];
    size_t batched;
    struct cursor *heap; // by time, then by order of the runs
    size_t heap_count;
};

static int flush(struct replay *replay, struct err *err)
{
    int rc = view_canceled(replay->view, err);
    if (rc == 0)
        rc = sink_samples(replay->sink, replay->batch, replay->batched, err);
    replay->batched = 0;
    return rc;
}

static int hand_over(struct replay *replay, const struct view_run *run, uint32_t at,
                     int64_t time_ns, struct err *err)
{
    const struct view *view = replay->view;
    const struct segment *segment = run->segment;
    uint32_t thread = segment->thread_ids[segment->threads[at]];
    uint16_t cpu = segment_cpu(segment, at);
    uint64_t weight, value = segment_value(segment, at);
    if (!view_counts(view, view->marks[segment->nodes[at]]) ||
        (view->bits.threads && !(view->bits.threads[thread / 64] >> thread % 64 & 1)) ||
        (view->bits.cpus && !(view->bits.cpus[cpu / 64] >> cpu % 64 & 1)) ||
        !view_weigh(view, segment, at, time_ns, &weight))
        return 0;
    if (view->query->weighs)
        value = weight;
    replay->batch[replay->batched++] = (struct sample){.time_ns = time_ns,
                                                       .value = value,
                                                       .node = segment->nodes[at],
                                                       .thread = thread,
                                                       .cpu = cpu,
                                                       .event = run->track->event};
    return replay->batched == BATCH ? flush(replay, err) : 0;
}

static bool is_before(const struct cursor *a, const struct cursor *b)
{
    return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->run < b->run;
}

static void sift_down(struct replay *replay, size_t at)
{
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < replay->heap_count;
             child++) {
            if (is_before(&replay->heap[child], &replay->heap[least]))
                least = child;
        }
        if (least == at)
            return;
        struct cursor swap = replay->heap[at];
        replay->heap[at] = replay->heap[least];
        replay->heap[least] = swap;
        at = least;
    }
}

static void cursor_read(struct cursor *cursor)
{
    const struct segment *segment = cursor->run->segment;
    cursor->time_ns = segment_time(segment, &cursor->block, cursor->at);
}

static void push_run(struct replay *replay, const struct view_run *run)
{
    struct cursor cursor = {
        .run = run, .at = run->from, .block = segment_block(run->segment, run->from)};
    cursor_read(&cursor);
    size_t at = replay->heap_count++;
    while (at && is_before(&cursor, &replay->heap[(at - 1) / 2])) {
        replay->heap[at] = replay->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    replay->heap[at] = cursor;
}

static int replay_top(struct replay *replay, struct err *err)
{
    struct cursor *top = &replay->heap[0];
    int rc = hand_over(replay, top->run, top->at, top->time_ns, err);
    if (++top->at < top->run->to)
        cursor_read(top);
    else
        *top = replay->heap[--replay->heap_count];
    sift_down(replay, 0);
    return rc;
}

// The one run in the heap, up to a time: most do not overlap, and then nothing is merged.
static int replay_alone(struct replay *replay, int64_t to_ns, struct err *err)
{
    struct cursor *cursor = &replay->heap[0];
    int rc = 0;
    while (rc == 0 && cursor->time_ns < to_ns) {
        rc = hand_over(replay, cursor->run, cursor->at, cursor->time_ns, err);
        if (++cursor->at == cursor->run->to) {
            replay->heap_count = 0;
            break;
        }
        cursor_read(cursor);
    }
    return rc;
}

// Runs come in the order of their segments' first times: one is taken in before the merge passes
// that time, so that only segments that overlap are in the heap together.
static int replay_runs(struct replay *replay, struct err *err)
{
    const struct view *view = replay->view;
    int rc = 0;
    size_t next = 0;
    for (; next < view->run_count && view->runs[next].segment->timeless && rc == 0; next++) {
        const struct view_run *run = &view->runs[next];
        for (uint32_t at = run->from; at < run->to && rc == 0; at++)
            rc = hand_over(replay, run, at, SAMPLE_NO_TIME, err);
    }
    while (rc == 0 && (next < view->run_count || replay->heap_count)) {
        while (next < view->run_count &&
               (!replay->heap_count || view->runs[next].segment->min_ns <= replay->heap[0].time_ns))
            push_run(replay, &view->runs[next++]);
        int64_t next_ns = next < view->run_count ? view->runs[next].segment->min_ns : INT64_MAX;
        rc = replay->heap_count == 1 ? replay_alone(replay, next_ns, err) : replay_top(replay, err);
    }
    return rc == 0 ? flush(replay, err) : rc;
}

static int say_hello(const struct view *view, struct sink *sink, struct err *err)
{
    const struct source *source = view->sources[0];
    const struct buffer *buffer = view->buffer;
    struct hello hello = {.collector = source->collector,
                          .command = source->command,
                          .host = source->host,
                          .kernel = source->kernel,
                          .rate_hz = source->rate_hz,
                          .cpus = source->cpus,
                          .clock = source->clock};
    if (source->placed) { // times are the axis's
        hello.wall_known = buffer->wall_known && !source->shifted;
        hello.wall_offset_ns = hello.wall_known ? buffer->wall_offset_ns : 0;
        if (source->shift_ns && hello.clock == CLOCK_KIND_MONOTONIC)
            hello.clock = CLOCK_KIND_UNKNOWN;
    } else {
        hello.wall_known = source->wall_known;
        hello.wall_offset_ns = source->wall_offset_ns;
    }
    return sink_hello(sink, &hello, err);
}

static int replay_losses(const struct view *view, struct sink *sink, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < view->source_count; i++) {
        const struct source *source = view->sources[i];
        for (size_t j = 0; j < source->loss_count && rc == 0; j++) {
            const struct loss *loss = &source->losses[j];
            if (view->all_time || (loss->from_ns != SAMPLE_NO_TIME &&
                                   ranges_overlap(view->ranges.items, view->ranges.count,
                                                  loss->from_ns, loss->to_ns)))
                rc = sink_loss(sink, loss, err);
        }
    }
    return rc;
}

int buffer_replay(struct store *store, const struct query *query, struct sink *sink,
                  struct err *err)
{
    struct view view;
    int rc = view_init(&view, (struct buffer *)store, query, VIEW_EVERYTHING, err);
    struct replay *replay = xcalloc(1, sizeof *replay);
    if (rc == 0) {
        replay->view = &view;
        replay->sink = sink;
        replay->heap = xreallocarray(NULL, view.run_count, sizeof *replay->heap);
        rc = say_hello(&view, sink, err);
    }
    if (rc == 0)
        rc = replay_runs(replay, err);
    if (rc == 0)
        rc = replay_losses(&view, sink, err);
    free(replay->heap);
    free(replay);
    view_dispose(&view);
    return rc;
}
