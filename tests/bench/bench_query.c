// Measures the buffer: how fast samples go in, what they weigh, how fast questions are answered.
//
//   bench_query SAMPLES STACKS ROUNDS > result.json
//
// Synthetic samples of 2 CPUs at 1 kHz each, several hundred threads, a tree of some 3.5 nodes a
// stack with skewed popularity (few stacks are hot, most are rare). Questions are asked in turn,
// ROUNDS times; times are in ms of wall clock, and of CPU (all threads) for machines that are busy
// with other things. Intake is CPU time.
#include "analysis/buffer.h"
#include "proto/alloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    COMMS = 168,
    THREADS = 400,
    FUNCTIONS = 9000,
    MODULES = 120,
    DEPTH_MOST = 16,
    LOT = 1 << 16,
    BATCH = 256,
    STEP_NS = 500500, // 2 CPUs at 999 Hz
    ROUNDS_MOST = 99,
};

static double clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

struct world {
    struct buffer *buffer;
    struct sink *sink;
    uint64_t random;
    uint32_t *stacks;
    uint32_t stack_count;
    uint32_t threads[THREADS];
    uint16_t event;
    uint64_t samples;
    int64_t from_ns, to_ns;
    double intake_ns;
};

static void die(const struct err *err)
{
    fprintf(stderr, "bench_query: %s\n", err->message);
    exit(1);
}

static void make_names(struct world *world, uint32_t *frames)
{
    struct dict *dict = world->sink->dict;
    char name[64];
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        snprintf(name, sizeof name, "/usr/lib/module_%u.so", i % MODULES);
        uint32_t module = dict_string_z(dict, name);
        snprintf(name, sizeof name, "some_function_of_the_%u_th_kind", i * 2654435761u % 100000);
        struct frame frame = {.name = dict_string_z(dict, name), .module = module};
        frames[i] = dict_frame(dict, &frame);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        snprintf(name, sizeof name, "comm_%u", i % COMMS);
        struct thread thread = {.pid = (int32_t)(1000 + i / 4),
                                .tid = (int32_t)(1000 + i),
                                .comm = dict_string_z(dict, name)};
        world->threads[i] = dict_thread(dict, &thread);
    }
    struct event event = {dict_string_z(dict, "cpu-clock"), dict_string_z(dict, "ns"), false};
    world->event = (uint16_t)dict_event(dict, &event);
}

// Every stack branches off an earlier one, some levels up.
static void make_stacks(struct world *world)
{
    struct dict *dict = world->sink->dict;
    uint32_t *frames = xreallocarray(NULL, FUNCTIONS, sizeof *frames);
    make_names(world, frames);
    world->stacks = xreallocarray(NULL, world->stack_count, sizeof *world->stacks);
    for (uint32_t i = 0; i < world->stack_count; i++) {
        uint32_t node;
        if (i < COMMS) {
            node = dict_comm_node(dict, dict->threads[world->threads[i]].comm);
        } else {
            node = world->stacks[random_next(&world->random) % i];
            for (uint64_t up = random_next(&world->random) % DEPTH_MOST; up > 0; up--) {
                if (dict->nodes[dict->nodes[node].parent].parent != DICT_ROOT)
                    node = dict->nodes[node].parent;
            }
        }
        for (uint64_t deep = 1 + random_next(&world->random) % 6; deep > 0; deep--)
            node = dict_node(dict, node, frames[random_next(&world->random) % FUNCTIONS]);
        world->stacks[i] = node;
    }
    free(frames);
}

static struct sample next_sample(struct world *world, int64_t *time_ns)
{
    uint64_t random = random_next(&world->random);
    double share = (double)(random >> 11) * 0x1p-53;
    *time_ns += STEP_NS / 2 + (int64_t)(random % STEP_NS);
    return (struct sample){
        .time_ns = *time_ns,
        .value = 1001001,
        .node = world->stacks[(size_t)(share * share * share * share * world->stack_count)],
        .thread = world->threads[random % THREADS],
        .cpu = random >> 20 & 1,
        .event = world->event};
}

// Makes samples in lots, and hands each over in batches: only that is timed, since reading the
// clock costs as much as many samples.
static void fill(struct world *world)
{
    struct err err = {0};
    struct sample *lot = xreallocarray(NULL, LOT, sizeof *lot);
    int64_t time_ns = INT64_C(1000000000000);
    double spent_ms = 0;
    world->from_ns = time_ns;
    for (uint64_t done = 0; done < world->samples;) {
        size_t count = 0;
        for (; count < LOT && done < world->samples; count++, done++)
            lot[count] = next_sample(world, &time_ns);
        double start = clock_ms(CLOCK_THREAD_CPUTIME_ID);
        for (size_t at = 0; at < count; at += BATCH) {
            if (sink_samples(world->sink, lot + at, count - at < BATCH ? count - at : BATCH, &err))
                die(&err);
        }
        spent_ms += clock_ms(CLOCK_THREAD_CPUTIME_ID) - start;
    }
    free(lot);
    world->to_ns = time_ns + 1;
    world->intake_ns = spent_ms * 1e6 / (double)world->samples;
}

struct question {
    const char *name;
    struct query query;
    bool heatmap;
    uint32_t rows;
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

static void ask(struct world *world, struct question *question, int round)
{
    struct store *store = buffer_store(world->buffer);
    struct err err = {0};
    struct axis axis;
    store_axis(store, &axis);
    struct query query = question->query;
    struct filter *changed = question->changes_filter ? filter_copy(query.filter) : NULL;
    if (changed) {
        char name[32];
        snprintf(name, sizeof name, "nobody_%d", round);
        add(changed, FILTER_COMM, false, name);
        query.filter = changed;
    }
    double wall_ms = clock_ms(CLOCK_MONOTONIC);
    double cpu_ms = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    if (question->heatmap) {
        struct heatmap map;
        struct heatmap_shape shape = {.column_ns = 1000000000, .rows = question->rows};
        if (question->changes_rows)
            shape.rows += (uint32_t)round;
        shape.from_ns = axis_floor(&axis, axis.first_ns, shape.column_ns);
        shape.columns = (uint32_t)((axis.last_ns - shape.from_ns) / shape.column_ns + 1);
        if (store_heatmap(store, &query, &shape, &map, &err) < 0)
            die(&err);
        question->samples = map.totals.samples;
        heatmap_dispose(&map);
    } else {
        struct fold fold;
        if (store_fold(store, &query, &fold, &err) < 0)
            die(&err);
        question->samples = fold.totals.samples;
        fold_dispose(&fold);
    }
    question->wall_ms[round] = clock_ms(CLOCK_MONOTONIC) - wall_ms;
    question->cpu_ms[round] = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu_ms;
    filter_free(changed);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const struct world *world, struct question *questions, size_t count, int rounds)
{
    struct buffer_stats stats;
    buffer_stats(world->buffer, &stats);
    printf("{\"samples\": %" PRIu64 ", \"stacks\": %u, \"nodes\": %" PRIu64
           ", \"intake_ns_per_sample\": %.1f, \"column_bytes_per_sample\": %.3f, "
           "\"table_bytes\": %" PRIu64 ", \"rounds\": %d",
           world->samples, world->stack_count, stats.nodes, world->intake_ns,
           (double)stats.column_bytes / (double)stats.samples, stats.table_bytes, rounds);
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

static void ask_all(struct world *world, int rounds)
{
    int64_t span_ns = world->to_ns - world->from_ns;
    struct range second = {world->from_ns + span_ns / 2, world->from_ns + span_ns / 2 + 1000000000};
    struct range two[] = {{world->from_ns + span_ns / 10, world->from_ns + span_ns / 2},
                          {world->from_ns + span_ns * 6 / 10, world->to_ns}};
    struct filter *all_keys = filter_new();
    struct filter *comm = filter_new();
    for (int i = 0; i < COMMS / 2; i++) {
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
    };
    size_t count = sizeof questions / sizeof *questions;
    for (int round = 0; round < rounds; round++) {
        for (size_t i = 0; i < count; i++)
            ask(world, &questions[i], round);
    }
    report(world, questions, count, rounds);
    filter_free(all_keys);
    filter_free(comm);
}

int main(int argc, char **argv)
{
    struct world world = {.random = UINT64_C(88172645463325252),
                          .samples = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000,
                          .stack_count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 23067};
    int rounds = argc > 3 ? atoi(argv[3]) : 15;
    if (argc > 4 || !world.samples || world.stack_count < COMMS || rounds < 1 ||
        rounds > ROUNDS_MOST) {
        fprintf(stderr, "usage: bench_query SAMPLES STACKS ROUNDS\n");
        return 2;
    }
    world.buffer = buffer_new(UINT64_C(1) << 40, 0);
    buffer_source_add(world.buffer, "synthetic", &world.sink);
    struct err err = {0};
    struct hello hello = {.collector = "bench", .host = "bench", .clock = CLOCK_KIND_MONOTONIC};
    if (sink_hello(world.sink, &hello, &err) < 0)
        die(&err);
    make_stacks(&world);
    fill(&world);
    ask_all(&world, rounds);
    free(world.stacks);
    buffer_free(world.buffer);
    return 0;
}
