// bench_load [--buffer] [--threads=N] [--repeat=N] FILE...: how fast files are read, as JSON, one
// line a run.
//
// Without --buffer the samples are only counted, so that it is the parser that is measured; with
// it they go into the sample buffer, as in flicker itself.
#include "analysis/buffer.h"
#include "proto/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double now_s(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static uint64_t rss_bytes(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

// Of this program: what getrusage tells begins with the peak of whoever started it.
static uint64_t peak_rss_bytes(void)
{
    char line[256];
    unsigned long long kb = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && !kb && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %llu", &kb) != 1)
            kb = 0;
    if (file)
        fclose(file);
    return kb * 1024;
}

static int on_hello(struct sink *sink, const struct hello *hello, struct err *err)
{
    (void)sink, (void)hello, (void)err;
    return 0;
}

static int on_samples(struct sink *sink, const struct sample *samples, size_t count,
                      struct err *err)
{
    (void)sink, (void)samples, (void)count, (void)err;
    return 0;
}

static int on_run(struct sink *sink, const struct sample_run *run, struct err *err)
{
    (void)sink, (void)run, (void)err;
    return 0;
}

static int on_loss(struct sink *sink, const struct loss *loss, struct err *err)
{
    (void)sink, (void)loss, (void)err;
    return 0;
}

static int run(const char *path, bool into_buffer, unsigned threads)
{
    static const struct sink_ops ops = {
        .hello = on_hello, .samples = on_samples, .loss = on_loss, .run = on_run};
    struct dict dict;
    dict_init(&dict);
    struct sink counting = {&ops, &dict}, *sink = &counting;
    struct buffer *buffer = into_buffer ? buffer_new(1ull << 33, 0) : NULL;
    uint32_t source = buffer ? buffer_source_add(buffer, path, &sink) : 0;
    uint64_t idle = rss_bytes();
    double wall = now_s(CLOCK_MONOTONIC), cpu = now_s(CLOCK_PROCESS_CPUTIME_ID);
    struct err err = {0};
    struct reader *reader;
    struct decode_options options = {.threads = threads};
    int rc = reader_open(&reader, path, NULL, sink, &options, &err);
    while (!rc && (rc = reader_step(reader, &err)) > 0)
        rc = 0;
    wall = now_s(CLOCK_MONOTONIC) - wall;
    cpu = now_s(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    if (rc) {
        fprintf(stderr, "bench_load: %s\n", err.message);
        return 1;
    }
    struct decode_report report = *reader_report(reader);
    uint64_t file_bytes, size;
    reader_progress(reader, &file_bytes, &size);
    reader_free(reader);
    if (buffer)
        buffer_source_ended(buffer, source);
    uint64_t rss = rss_bytes(), peak = peak_rss_bytes();
    printf("{\"file\": \"%s\", \"sink\": \"%s\", \"threads\": %u, \"bytes\": %" PRIu64
           ", \"file_bytes\": %" PRIu64
           ", \"wall_s\": %.4f, \"cpu_s\": %.4f, \"mb_per_s\": %.1f, \"samples\": %" PRIu64
           ", \"frames\": %" PRIu64 ", \"skipped\": %" PRIu64 ", \"rss_idle\": %" PRIu64
           ", \"rss\": %" PRIu64 ", \"rss_peak\": %" PRIu64 ", \"bytes_per_sample\": %.1f",
           path, into_buffer ? "buffer" : "count", threads, report.bytes, file_bytes, wall, cpu,
           (double)report.bytes / 1e6 / wall, report.samples, report.frames, report.skipped, idle,
           rss, peak, report.samples ? (double)(rss - idle) / (double)report.samples : 0.0);
    const struct dict *used = buffer ? store_dict(buffer_store(buffer)) : &dict;
    struct buffer_stats stats = {0};
    if (buffer)
        buffer_stats(buffer, &stats);
    printf(", \"column_bytes\": %" PRIu64 ", \"table_bytes\": %" PRIu64, stats.column_bytes,
           stats.table_bytes);
    printf(", \"strings\": %zu, \"frame_table\": %zu, \"nodes\": %zu, \"threads\": %zu, "
           "\"dict_bytes\": %zu}\n",
           used->string_count, used->frame_count, used->node_count, used->thread_count,
           dict_bytes(used));
    buffer_free(buffer);
    dict_dispose(&dict);
    return 0;
}

int main(int argc, char **argv)
{
    bool into_buffer = false;
    unsigned threads = 0;
    int repeat = 1, rc = argc < 2;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--buffer")) {
            into_buffer = true;
        } else if (!strncmp(argv[i], "--threads=", 10)) {
            threads = (unsigned)atoi(argv[i] + 10);
        } else if (!strncmp(argv[i], "--repeat=", 9)) {
            repeat = atoi(argv[i] + 9);
        } else {
            for (int n = 0; n < repeat; n++)
                rc |= run(argv[i], into_buffer, threads);
        }
    }
    if (argc < 2)
        fprintf(stderr, "usage: bench_load [--buffer] [--threads=N] [--repeat=N] FILE...\n");
    return rc;
}
