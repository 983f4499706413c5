// Streams: writes large ones, and measures how fast live ones are taken in.
//
//   bench_stream write SAMPLES STACKS FILE.fks
//   bench_stream live fks|perf-script CPUS HZ SAMPLES > result.json
//
// `live` makes a stream of stacks of 8 frames in memory, pushes it into the format's decoder as
// bites of a pipe, and does meanwhile what a session does with a page open: a tick and the page's
// heatmap every 50 ms of its own time, a fold of everything every second. One thread.
#include "analysis/buffer.h"
#include "proto/format.h"
#include "tests/bench/world.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 256, BITE = 256 * 1024, FRAMES = 8, STACKS = 20000, TICK_MS = 50, FOLD_MS = 1000 };

static int fail(const char *what, const struct err *err)
{
    fprintf(stderr, "bench_stream: %s: %s\n", what, err->message);
    return 1;
}

static int encode(struct output *output, const struct format *format, struct world *world,
                  struct dict *dict, uint64_t samples, struct err *err)
{
    struct encoder *encoder = format->encoder_new(dict, output);
    struct hello hello = {
        .collector = "bench", .host = "bench", .clock = CLOCK_KIND_MONOTONIC, .cpus = world->cpus};
    int rc = sink_hello(&encoder->sink, &hello, err);
    for (uint64_t done = 0; done < samples && rc == 0;) {
        struct sample batch[BATCH];
        size_t count = 0;
        for (; count < BATCH && done < samples; count++, done++)
            batch[count] = world_sample(world);
        rc = sink_samples(&encoder->sink, batch, count, err);
    }
    if (rc == 0)
        rc = encoder->ops->finish(encoder, err);
    encoder->ops->free(encoder);
    return rc;
}

static int write_file(const char *path, uint64_t samples, uint32_t stacks)
{
    struct err err = {0};
    struct dict dict;
    struct world world;
    struct output_fd output;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        err_set(&err, -errno, "%s", strerror(errno));
        return fail(path, &err);
    }
    dict_init(&dict);
    world_init(&world, &dict, stacks, 2, 999, 0);
    output_fd_init(&output, fd, path);
    int rc = encode(&output.base, format_by_name("fks"), &world, &dict, samples, &err);
    world_dispose(&world);
    dict_dispose(&dict);
    if (close(fd) < 0 && rc == 0)
        rc = err_set(&err, -errno, "%s", strerror(errno));
    return rc ? fail(path, &err) : 0;
}

struct live {
    struct buffer *buffer;
    struct decoder *decoder;
    double tick_ms, fold_ms; // when the next one is due
    uint64_t heatmaps, folds;
};

static int look(struct live *live, double now_ms, struct err *err)
{
    struct store *store = buffer_store(live->buffer);
    struct query query = {.threads = 1};
    struct axis axis;
    int rc = 0;
    store_axis(store, &axis);
    if (now_ms >= live->tick_ms) {
        const struct heatmap_shape shape = {.from_ns = axis_floor(&axis, axis.last_ns, 1000000000) -
                                                       119 * INT64_C(1000000000),
                                            .column_ns = 1000000000,
                                            .columns = 120,
                                            .rows = 50};
        struct heatmap map;
        buffer_tick(live->buffer);
        rc = store_heatmap(store, &query, &shape, &map, err);
        heatmap_dispose(&map);
        live->heatmaps++;
        live->tick_ms = now_ms + TICK_MS;
    }
    if (rc == 0 && now_ms >= live->fold_ms) {
        struct fold fold;
        rc = store_fold(store, &query, &fold, err);
        fold_dispose(&fold);
        live->folds++;
        live->fold_ms = now_ms + FOLD_MS;
    }
    return rc;
}

static int take(struct live *live, const struct bytes *text, struct err *err)
{
    double start_ms = world_clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    live->tick_ms = start_ms + TICK_MS;
    live->fold_ms = start_ms + FOLD_MS;
    for (size_t at = 0; at < text->len; at += BITE) {
        size_t len = text->len - at < BITE ? text->len - at : BITE;
        int rc = live->decoder->ops->push(live->decoder, text->data + at, len, err);
        if (rc == 0)
            rc = look(live, world_clock_ms(CLOCK_PROCESS_CPUTIME_ID), err);
        if (rc < 0)
            return rc;
    }
    return live->decoder->ops->finish(live->decoder, err);
}

static int run_live(const struct format *format, unsigned cpus, double hz, uint64_t samples)
{
    struct err err = {0};
    struct dict dict;
    struct world world;
    struct bytes text = {0};
    struct output_bytes output;
    dict_init(&dict);
    world_init(&world, &dict, STACKS, cpus, hz, FRAMES);
    output_bytes_init(&output, &text);
    int rc = encode(&output.base, format, &world, &dict, samples, &err);
    dict_dispose(&dict);
    world_dispose(&world);
    if (rc < 0)
        return fail(format->name, &err);
    struct live live = {.buffer = buffer_new(UINT64_C(1) << 40, 0)};
    struct sink *sink;
    buffer_source_add(live.buffer, "live", &sink);
    struct decode_options options = {.flush_each_push = true};
    live.decoder = format->decoder_new(sink, &options);
    double cpu_ms = world_clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    rc = take(&live, &text, &err);
    cpu_ms = world_clock_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu_ms;
    if (rc < 0)
        return fail(format->name, &err);
    struct buffer_stats stats;
    buffer_stats(live.buffer, &stats);
    const struct decode_report *report = &live.decoder->report;
    double stream_s = (double)samples / cpus / hz;
    printf("{\"format\": \"%s\", \"cpus\": %u, \"hz\": %.0f, \"samples\": %" PRIu64
           ", \"held\": %" PRIu64 ", \"skipped\": %" PRIu64 ", \"frames_per_sample\": %.2f, "
           "\"bytes_per_sample\": %.1f, \"cpu_s\": %.3f, \"samples_per_s\": %.0f, "
           "\"cpu_percent_at_rate\": %.3f, \"heatmaps\": %" PRIu64 ", \"folds\": %" PRIu64 "}\n",
           format->name, cpus, hz, samples, stats.samples, report->skipped,
           (double)report->frames / (double)samples, (double)text.len / (double)samples,
           cpu_ms / 1e3, (double)samples / cpu_ms * 1e3, cpu_ms / 10 / stream_s, live.heatmaps,
           live.folds);
    live.decoder->ops->free(live.decoder);
    buffer_free(live.buffer);
    bytes_dispose(&text);
    return stats.samples == samples ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 5 && !strcmp(argv[1], "write"))
        return write_file(argv[4], strtoull(argv[2], NULL, 10),
                          (uint32_t)strtoul(argv[3], NULL, 10));
    const struct format *format = argc == 6 ? format_by_name(argv[2]) : NULL;
    if (format && !strcmp(argv[1], "live") && format->encoder_new)
        return run_live(format, (unsigned)atoi(argv[3]), atof(argv[4]),
                        strtoull(argv[5], NULL, 10));
    fprintf(stderr, "usage: bench_stream write SAMPLES STACKS FILE.fks\n"
                    "       bench_stream live fks|perf-script CPUS HZ SAMPLES\n");
    return 2;
}
