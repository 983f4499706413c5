// Measures the buffer: how fast samples go in, what they weigh, how fast questions are answered.
//
//   bench_query [--owned] SAMPLES STACKS ROUNDS [QUESTION] > result.json
//   bench_query --open FILE ROUNDS [QUESTION] > result.json
//
// Synthetic samples of 2 CPUs at 1 kHz each (world.h), or those of a file. Every thread runs any of
// the stacks; --owned: each only its own, as real ones do, which is when stacks by thread are asked
// for. Questions are asked in
// turn, ROUNDS times, or only those whose names begin with QUESTION; times are in ms of wall clock,
// and of CPU (all threads) for machines that are busy with other things. Intake is CPU time.
#include "analysis/buffer.h"
#include "proto/reader.h"
#include "tests/bench/world.h"

#include <inttypes.h>
#include <string.h>

enum {
    LOT = 1 << 16,
    BATCH = 256,
    ROUNDS_MOST = 99,
    OWNED_DEPTH = 12,
};

struct bench {
    struct buffer *buffer;
    uint64_t samples;
    bool owned; // stacks are of one thread each
    int64_t from_ns, to_ns;
    double intake_ns; // CPU a sample
    double open_s;    // wall, of a file
};

static void die(const struct err *err)
{
    fprintf(stderr, "bench_query: %s\n", err->message);
    exit(1);
}

// Makes samples in lots, and hands each over in batches: only that is timed, since reading the
// clock costs as much as many samples.
static void fill(struct bench *bench, struct world *world, struct sink *sink)
{
    struct err err = {0};
    struct sample *lot = xreallocarray(NULL, LOT, sizeof *lot);
    double spent_ms = 0;
    for (uint64_t done = 0; done < bench->samples;) {
        size_t count = 0;
        for (; count < LOT && done < bench->samples; count++, done++)
            lot[count] = world_sample(world);
        double start = world_clock_ms(CLOCK_THREAD_CPUTIME_ID);
        for (size_t at = 0; at < count; at += BATCH) {
            if (sink_samples(sink, lot + at, count - at < BATCH ? count - at : BATCH, &err))
                die(&err);
        }
        spent_ms += world_clock_ms(CLOCK_THREAD_CPUTIME_ID) - start;
    }
    free(lot);
    bench->intake_ns = spent_ms * 1e6 / (double)bench->samples;
}

static void make(struct bench *bench, uint32_t stacks)
{
    struct err err = {0};
    struct sink *sink;
    struct world world;
    buffer_source_add(bench->buffer, "synthetic", &sink);
    struct hello hello = {.collector = "bench", .host = "bench", .clock = CLOCK_KIND_MONOTONIC};
    if (sink_hello(sink, &hello, &err) < 0)
        die(&err);
    world_init(&world, sink->dict, stacks, 2, 999, bench->owned ? OWNED_DEPTH : 0);
    fill(bench, &world, sink);
    world_dispose(&world);
}

static void open_file(struct bench *bench, const char *path)
{
    struct err err = {0};
    struct sink *sink;
    struct reader *reader;
    struct decode_options options = {0};
    buffer_source_add(bench->buffer, path, &sink);
    double wall_ms = world_clock_ms(CLOCK_MONOTONIC);
    double cpu_ms = world_clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    int rc = reader_open(&reader, path, NULL, sink, &options, &err);
    while (rc == 0 && (rc = reader_step(reader, &err)) > 0) {
        buffer_tick(bench->buffer);
        rc = 0;
    }
    if (rc < 0)
        die(&err);
    bench->samples = reader_report(reader)->samples;
    reader_free(reader);
    bench->open_s = (world_clock_ms(CLOCK_MONOTONIC) - wall_ms) / 1e3;
    bench->intake_ns =
        (world_clock_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu_ms) * 1e6 / (double)bench->samples;
}

struct question {
    const char *name;
    struct query query;
    bool heatmap, totals, threads; // else a fold
    uint32_t rows;
    uint64_t value_most;               // not 0: a map of values
    bool owned;                        // asked only where stacks are of one thread each
    bool changes_rows, changes_filter; // from one round to the next: nothing is kept for that
    double wall_ms[ROUNDS_MOST], cpu_ms[ROUNDS_MOST];
    uint64_t samples;
};

static void add(struct filter *filter, enum filter_key key, bool regex, const char *value)
{
    struct err err = {0};
    if (filter_add(filter, key, false, regex, value, NULL, &err) < 0)
        die(&err);
}

static void ask_map(struct store *store, const struct query *query, struct question *question,
                    int round)
{
    struct err err = {0};
    struct axis axis;
    struct heatmap map;
    store_axis(store, &axis);
    struct heatmap_shape shape = {
        .column_ns = 1000000000, .rows = question->rows, .value_most = question->value_most};
    if (question->changes_rows)
        shape.rows += (uint32_t)round;
    shape.from_ns = axis_floor(&axis, axis.first_ns, shape.column_ns);
    shape.columns = (uint32_t)((axis.last_ns - shape.from_ns) / shape.column_ns + 1);
    if (store_heatmap(store, query, &shape, &map, &err) < 0)
        die(&err);
    question->samples = map.totals.samples;
    heatmap_dispose(&map);
}

static void ask_totals(struct store *store, const struct query *query, struct question *question)
{
    struct err err = {0};
    struct totals totals;
    if (store_totals(store, query, &totals, &err) < 0)
        die(&err);
    question->samples = totals.samples;
}

static void ask_threads(struct store *store, const struct query *query, struct question *question)
{
    struct err err = {0};
    struct thread_weights threads = {0};
    if (store_threads(store, query, &threads, &err) < 0)
        die(&err);
    question->samples = 0;
    for (size_t i = 0; i < threads.count; i++)
        question->samples += threads.items[i].samples;
    free(threads.items);
}

static void ask_fold(struct store *store, const struct query *query, struct question *question)
{
    struct err err = {0};
    struct fold fold;
    if (store_fold(store, query, &fold, &err) < 0)
        die(&err);
    question->samples = fold.totals.samples;
    fold_dispose(&fold);
}

static void ask(struct bench *bench, struct question *question, int round)
{
    struct store *store = buffer_store(bench->buffer);
    struct query query = question->query;
    struct filter *changed = question->changes_filter ? filter_copy(query.filter) : NULL;
    if (changed) {
        char name[32];
        snprintf(name, sizeof name, "nobody_%d", round);
        add(changed, FILTER_COMM, false, name);
        query.filter = changed;
    }
    double wall_ms = world_clock_ms(CLOCK_MONOTONIC);
    double cpu_ms = world_clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    if (question->heatmap)
        ask_map(store, &query, question, round);
    else if (question->totals)
        ask_totals(store, &query, question);
    else if (question->threads)
        ask_threads(store, &query, question);
    else
        ask_fold(store, &query, question);
    question->wall_ms[round] = world_clock_ms(CLOCK_MONOTONIC) - wall_ms;
    question->cpu_ms[round] = world_clock_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu_ms;
    filter_free(changed);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

// Of this program's own memory: what getrusage says is at least that of whoever started it.
static uint64_t rss_peak(void)
{
    uint64_t kib = 0;
    char line[128];
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof line, file) && sscanf(line, "VmHWM: %" SCNu64, &kib) != 1)
        ;
    if (file)
        fclose(file);
    return kib * 1024;
}

static void report(const struct bench *bench, struct question *questions, size_t count, int rounds)
{
    struct buffer_stats stats;
    buffer_stats(bench->buffer, &stats);
    printf("{\"samples\": %" PRIu64 ", \"nodes\": %" PRIu64
           ", \"intake_ns_per_sample\": %.1f, \"open_s\": %.3f, "
           "\"column_bytes_per_sample\": %.3f, \"table_bytes\": %" PRIu64 ", \"rss_peak\": %" PRIu64
           ", \"rounds\": %d",
           bench->samples, stats.nodes, bench->intake_ns, bench->open_s,
           (double)stats.column_bytes / (double)stats.samples, stats.table_bytes, rss_peak(),
           rounds);
    for (size_t i = 0; i < count; i++) {
        struct question *question = &questions[i];
        qsort(question->wall_ms, (size_t)rounds, sizeof(double), compare_doubles);
        qsort(question->cpu_ms, (size_t)rounds, sizeof(double), compare_doubles);
        printf(",\n \"%s\": {\"median_ms\": %.3f, \"min_ms\": %.3f, \"cpu_median_ms\": %.3f, "
               "\"cpu_min_ms\": %.3f, \"samples\": %" PRIu64 "}",
               question->name, question->wall_ms[rounds / 2], question->wall_ms[0],
               question->cpu_ms[rounds / 2], question->cpu_ms[0], question->samples);
    }
    printf("}\n");
}

// `only` is what the names of the questions begin with that are asked.
static void ask_all(struct bench *bench, int rounds, const char *only)
{
    int64_t span_ns = bench->to_ns - bench->from_ns;
    struct range second = {bench->from_ns + span_ns / 2, bench->from_ns + span_ns / 2 + 1000000000};
    struct range two[] = {{bench->from_ns + span_ns / 10, bench->from_ns + span_ns / 2},
                          {bench->from_ns + span_ns * 6 / 10, bench->to_ns}};
    struct filter *all_keys = filter_new();
    struct filter *comm = filter_new();
    for (int i = 0; i < WORLD_COMMS / 2; i++) {
        char name[32];
        snprintf(name, sizeof name, "comm_%d", i);
        add(all_keys, FILTER_COMM, false, name);
        add(comm, FILTER_COMM, false, name);
    }
    add(all_keys, FILTER_CPU, false, "0");
    add(all_keys, FILTER_FRAME, true, "_1[0-9]*_th");
    add(all_keys, FILTER_MODULE, true, "module_[1-9]");
    struct question questions[] = {
        {.name = "fold_second", .query = {.ranges = &second, .range_count = 1}},
        {.name = "fold_second_filtered",
         .query = {.ranges = &second, .range_count = 1, .filter = all_keys}},
        {.name = "fold_all"},
        {.name = "fold_all_one_thread", .query = {.threads = 1}},
        {.name = "fold_rest", .query = {.ranges = &second, .range_count = 1, .outside = true}},
        {.name = "fold_all_keys_two_ranges",
         .query = {.ranges = two, .range_count = 2, .filter = all_keys}},
        {.name = "heatmap_shown", .heatmap = true, .rows = 50},
        {.name = "heatmap_other_rows", .heatmap = true, .rows = 73, .changes_rows = true},
        {.name = "heatmap_comm", .heatmap = true, .rows = 73, .query = {.filter = comm}},
        {.name = "heatmap_all_keys", .heatmap = true, .rows = 50, .query = {.filter = all_keys}},
        {.name = "heatmap_new_filter",
         .heatmap = true,
         .rows = 50,
         .changes_filter = true,
         .query = {.filter = all_keys}},
        {.name = "heatmap_values", .heatmap = true, .rows = 50, .value_most = HEATMAP_VALUES_ALL},
        {.name = "totals", .totals = true},
        {.name = "totals_comm", .totals = true, .query = {.filter = comm}},
        {.name = "threads", .threads = true},
        {.name = "threads_comm", .threads = true, .query = {.filter = comm}},
        {.name = "fold_tid", .owned = true, .query = {.first = QUERY_FIRST_TID}},
        {.name = "fold_cpu", .query = {.first = QUERY_FIRST_CPU}},
    };
    size_t count = 0;
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        if (!strncmp(questions[i].name, only, strlen(only)) &&
            (bench->owned || !questions[i].owned))
            questions[count++] = questions[i];
    }
    for (int round = 0; round < rounds; round++) {
        for (size_t i = 0; i < count; i++)
            ask(bench, &questions[i], round);
    }
    report(bench, questions, count, rounds);
    filter_free(all_keys);
    filter_free(comm);
}

int main(int argc, char **argv)
{
    // The budget holds all: what is evicted is not measured.
    struct bench bench = {.buffer = buffer_new(UINT64_C(1) << 40, 0)};
    bench.owned = argc > 1 && !strcmp(argv[1], "--owned");
    argv += bench.owned;
    argc -= bench.owned;
    bool complete = argc == 4 || argc == 5;
    bool opens = complete && !strcmp(argv[1], "--open");
    uint32_t stacks = complete ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
    int rounds = complete ? atoi(argv[3]) : 0;
    bench.samples = complete ? strtoull(argv[1], NULL, 10) : 0;
    if (rounds < 1 || rounds > ROUNDS_MOST ||
        (!opens && (!bench.samples || stacks < WORLD_COMMS))) {
        fprintf(stderr, "usage: bench_query [--owned] SAMPLES STACKS ROUNDS [QUESTION]\n"
                        "       bench_query --open FILE ROUNDS [QUESTION]\n");
        return 2;
    }
    if (opens)
        open_file(&bench, argv[2]);
    else
        make(&bench, stacks);
    struct axis axis;
    store_axis(buffer_store(bench.buffer), &axis);
    bench.from_ns = axis.first_ns;
    bench.to_ns = axis.last_ns + 1;
    ask_all(&bench, rounds, argc == 5 ? argv[4] : "");
    buffer_free(bench.buffer);
    return 0;
}
