// Random samples and random questions: the engine against the naive reference, several seeds.
#include "analysis/buffer.h"
#include "tests/unit/analysis/reference.h"

enum { COMMS = 7, FUNCTIONS = 40, THREADS = 60, CPUS = 40, MODULES = 3 };
#ifdef __SANITIZE_THREAD__ // each question takes ten times as long; a race shows in few of them
enum { SHARE = 4 };
#else
enum { SHARE = 1 };
#endif

struct world {
    struct buffer *buffer;
    struct sink *sink;
    struct reference reference;
    uint64_t random;
    uint32_t threads[THREADS], comm_of[THREADS];
    uint16_t event;
    bool by_value, intervals;
    int64_t from_ns, to_ns;
};

struct world_kind {
    uint64_t seed;
    size_t samples;
    int64_t span_ns;
    int64_t disorder_ns; // how far out of order samples come
    bool by_value;
    bool constant; // all values are equal
    uint64_t budget_bytes;
};

static uint64_t pick(struct world *world, uint64_t below)
{
    return random_next(&world->random) % below;
}

static uint32_t random_stack(struct world *world, uint32_t comm)
{
    struct dict *dict = world->sink->dict;
    uint32_t node = dict_comm_node(dict, comm);
    for (uint64_t depth = pick(world, 7); depth > 0; depth--) {
        char name[32];
        uint64_t function = pick(world, FUNCTIONS);
        snprintf(name, sizeof name, "function_%" PRIu64, function);
        struct frame frame = {.name = dict_string_z(dict, name),
                              .line = (uint32_t)pick(world, 3)}; // merges when folded
        snprintf(name, sizeof name, "/lib/module_%" PRIu64 ".so", function % MODULES);
        frame.module = dict_string_z(dict, name);
        node = dict_node(dict, node, dict_frame(dict, &frame));
    }
    return node;
}

static void world_fill(struct world *world, const struct world_kind *kind, size_t samples)
{
    struct err err = {0};
    struct sample batch[64];
    size_t batched = 0;
    for (size_t i = 0; i < samples; i++) {
        size_t thread = pick(world, THREADS);
        int64_t time_ns = 1000 * FILL_SECOND +
                          (int64_t)((double)kind->span_ns * (double)i / (double)samples) -
                          (int64_t)pick(world, (uint64_t)kind->disorder_ns + 1);
        batch[batched++] =
            (struct sample){.time_ns = time_ns,
                            .value = kind->constant   ? 10101010
                                     : kind->by_value ? pick(world, 2 * FILL_SECOND)
                                                      : pick(world, 3),
                            .node = random_stack(world, world->comm_of[thread]),
                            .thread = world->threads[thread],
                            .cpu = pick(world, 20) ? (uint16_t)pick(world, CPUS) : SAMPLE_NO_CPU,
                            .event = world->event};
        reference_add(&world->reference, &batch[batched - 1]);
        if (batched == 64 || i + 1 == samples || !pick(world, 50)) {
            assert_int_equal(sink_samples(world->sink, batch, batched, &err), 0);
            batched = 0;
        }
    }
}

static void world_init(struct world *world, const struct world_kind *kind)
{
    *world = (struct world){.random = kind->seed * 0x9e3779b97f4a7c15ull + 1};
    world->buffer = buffer_new(kind->budget_bytes, 0);
    buffer_source_add(world->buffer, "random", &world->sink);
    fill_hello(world->sink, CLOCK_KIND_MONOTONIC, "here");
    world->by_value = world->intervals = kind->by_value;
    world->event = kind->by_value ? fill_event(world->sink->dict, "offcpu", "ns", true)
                                  : fill_event(world->sink->dict, "cpu-clock", "ns", false);
    world->from_ns = 1000 * FILL_SECOND - kind->disorder_ns;
    world->to_ns = 1000 * FILL_SECOND + kind->span_ns;
    for (size_t i = 0; i < THREADS; i++) {
        char comm[16];
        snprintf(comm, sizeof comm, "comm_%zu", i % COMMS);
        world->comm_of[i] = dict_string_z(world->sink->dict, comm);
        world->threads[i] = fill_thread(world->sink->dict, comm, (int32_t)(i / 4), (int32_t)i);
    }
    world_fill(world, kind, kind->samples);
}

static void world_dispose(struct world *world)
{
    buffer_free(world->buffer);
    free(world->reference.samples);
}

// A random filter and the same, spelled out.
struct wanted {
    int comm, not_comm;         // -1: any
    int pid_low, pid_high;      // -1: any
    int cpu_low, cpu_high;      // -1: any
    int function, not_function; // -1: any
    int module;                 // -1: any
};

static bool has_frame(const struct dict *dict, uint32_t node, const char *name, bool module)
{
    for (; node != DICT_ROOT; node = dict->nodes[node].parent) {
        const struct frame *frame = &dict->frames[dict->nodes[node].frame];
        if (frame->kind == FRAME_COMM)
            continue;
        if (strstr(dict_text(dict, module ? frame->module : frame->name), name))
            return true;
    }
    return false;
}

static bool wants(const struct dict *dict, const struct sample *sample, const void *arg)
{
    const struct wanted *wanted = arg;
    const struct thread *thread = &dict->threads[sample->thread];
    int comm = atoi(dict_text(dict, thread->comm) + strlen("comm_"));
    char name[32];
    if ((wanted->comm >= 0 && comm != wanted->comm) || comm == wanted->not_comm)
        return false;
    if (wanted->pid_low >= 0 && (thread->pid < wanted->pid_low || thread->pid > wanted->pid_high))
        return false;
    if (wanted->cpu_low >= 0 && (sample->cpu < wanted->cpu_low || sample->cpu > wanted->cpu_high))
        return false;
    snprintf(name, sizeof name, "_%d", wanted->function);
    if (wanted->function >= 0 && !has_frame(dict, sample->node, name, false))
        return false;
    snprintf(name, sizeof name, "_%d", wanted->not_function);
    if (wanted->not_function >= 0 && has_frame(dict, sample->node, name, false))
        return false;
    snprintf(name, sizeof name, "_%d.so", wanted->module);
    return wanted->module < 0 || has_frame(dict, sample->node, name, true);
}

static int maybe(struct world *world, int below)
{
    return pick(world, 3) ? -1 : (int)pick(world, (uint64_t)below);
}

static void add_term(struct filter *filter, enum filter_key key, bool negated, bool regex,
                     const char *format, int a, int b)
{
    struct err err = {0};
    char text[64];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof text, format, a, b);
#pragma GCC diagnostic pop
    assert_int_equal(filter_add(filter, key, negated, regex, text, NULL, &err), 0);
}

static struct filter *random_filter(struct world *world, struct wanted *wanted)
{
    struct filter *filter = filter_new();
    *wanted = (struct wanted){maybe(world, COMMS),     maybe(world, COMMS),
                              maybe(world, 10),        0,
                              maybe(world, CPUS),      0,
                              maybe(world, FUNCTIONS), maybe(world, FUNCTIONS),
                              maybe(world, MODULES)};
    wanted->pid_high = wanted->pid_low + (int)pick(world, 6);
    // One or few, many, all but few: each is looked at in another way.
    const uint64_t width = pick(world, 3);
    if (wanted->cpu_low >= 0 && width == 2)
        wanted->cpu_low %= 6;
    wanted->cpu_high = wanted->cpu_low + (width == 2 ? CPUS : width ? (int)pick(world, CPUS) : 0);
    if (wanted->comm >= 0)
        add_term(filter, FILTER_COMM, false, false, "comm_%d", wanted->comm, 0);
    if (wanted->not_comm >= 0)
        add_term(filter, FILTER_COMM, true, true, "^comm_%d$", wanted->not_comm, 0);
    if (wanted->pid_low >= 0)
        add_term(filter, FILTER_PID, false, false, "%d-%d", wanted->pid_low, wanted->pid_high);
    filter_push(filter);
    if (wanted->cpu_low >= 0)
        add_term(filter, FILTER_CPU, false, false, "%d-%d", wanted->cpu_low, wanted->cpu_high);
    if (wanted->function >= 0)
        add_term(filter, FILTER_FRAME, false, true, "_%d", wanted->function, 0);
    if (wanted->not_function >= 0)
        add_term(filter, FILTER_FRAME, true, true, "_%d", wanted->not_function, 0);
    if (wanted->module >= 0)
        add_term(filter, FILTER_MODULE, false, false, "module_%d.so", wanted->module, 0);
    return filter;
}

static size_t random_ranges(struct world *world, struct range *ranges)
{
    size_t count = pick(world, 4);
    uint64_t span = (uint64_t)(world->to_ns - world->from_ns);
    int64_t at_ns = world->from_ns;
    for (size_t i = 0; i < count; i++) {
        uint64_t part = pick(world, 2) ? span / 4 : span / 100; // long and short ones
        ranges[i].from_ns = at_ns += 1 + (int64_t)pick(world, part);
        ranges[i].to_ns = at_ns += 1 + (int64_t)pick(world, part);
    }
    return count;
}

static void check_fold(struct world *world, const struct query *query, const struct wanted *wanted)
{
    struct store *store = buffer_store(world->buffer);
    struct err err = {0};
    struct reference_totals expected;
    struct totals totals;
    struct fold fold;
    char *text = reference_folded(&world->reference, store_dict(store), query, world->by_value,
                                  world->intervals, wants, wanted, &expected);
    assert_folded(store, query, text);
    free(text);
    assert_int_equal(store_totals(store, query, &totals, &err), 0);
    assert_int_equal(store_fold(store, query, &fold, &err), 0);
    const struct totals *both[] = {&totals, &fold.totals};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(both[i]->samples, expected.samples);
        assert_int_equal(both[i]->value, expected.value);
        assert_int_equal(both[i]->first_ns, expected.first_ns);
        assert_int_equal(both[i]->last_ns, expected.last_ns);
        assert_int_equal(both[i]->no_stack, totals.no_stack);
    }
    assert_int_equal(fold.nodes[0].total_samples, expected.samples);
    assert_int_equal(fold.nodes[0].total_value, expected.value);
    fold_dispose(&fold);
}

static void check_owners(struct world *world, const struct query *query,
                         const struct wanted *wanted)
{
    struct query owned = *query;
    owned.first = pick(world, 2) ? QUERY_FIRST_TID : QUERY_FIRST_CPU;
    check_fold(world, &owned, wanted);
}

static void check_heatmap(struct world *world, const struct query *query,
                          const struct wanted *wanted)
{
    struct store *store = buffer_store(world->buffer);
    struct err err = {0};
    struct heatmap map;
    struct heatmap_shape shape = {.from_ns = world->from_ns - FILL_SECOND + (int64_t)pick(world, 5),
                                  .column_ns = FILL_SECOND / (int64_t)(1 + pick(world, 4)),
                                  .columns = 1 + (uint32_t)pick(world, 30),
                                  .rows = 1 + (uint32_t)pick(world, 70)};
    size_t count = (size_t)shape.columns * shape.rows;
    uint64_t *cells = calloc(count, sizeof *cells);
    assert_int_equal(store_heatmap(store, query, &shape, &map, &err), 0);
    for (size_t i = 0; i < world->reference.count; i++) {
        const struct sample *sample = &world->reference.samples[i];
        uint64_t value;
        if (!reference_counts(query, world->intervals, sample, &value) ||
            !wants(store_dict(store), sample, wanted))
            continue;
        if (!world->intervals) {
            reference_cell(cells, &shape, sample->time_ns, 1);
            continue;
        }
        // Exact spreading, cell by cell of the whole map.
        for (size_t cell = 0; cell < count; cell++) {
            int64_t low = heatmap_cell_start(&shape, cell);
            int64_t high = heatmap_cell_start(&shape, cell + 1);
            int64_t start = sample->time_ns - (int64_t)sample->value;
            low = low > start ? low : start;
            high = high < sample->time_ns ? high : sample->time_ns;
            if (low < high) // what of [low, high) is in the ranges
                cells[cell] += reference_overlap(query, high, (uint64_t)(high - low));
        }
    }
    uint64_t max = 0;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(map.cells[i], cells[i]);
        max = cells[i] > max ? cells[i] : max;
    }
    assert_int_equal(map.max, max);
    free(cells);
    heatmap_dispose(&map);
}

static void check_threads(struct world *world, const struct query *query,
                          const struct wanted *wanted)
{
    struct store *store = buffer_store(world->buffer);
    const size_t count = store_dict(store)->thread_count;
    struct err err = {0};
    struct thread_weights threads = {0};
    struct thread_weight *expected = calloc(count, sizeof *expected);
    for (size_t i = 0; i < world->reference.count; i++) {
        const struct sample *sample = &world->reference.samples[i];
        uint64_t value;
        if (!reference_counts(query, world->intervals, sample, &value) ||
            !wants(store_dict(store), sample, wanted))
            continue;
        expected[sample->thread].samples++;
        expected[sample->thread].value += value;
    }
    assert_int_equal(store_threads(store, query, &threads, &err), 0);
    size_t at = 0;
    for (uint32_t thread = 0; thread < count; thread++) {
        if (!expected[thread].samples)
            continue;
        assert_true(at < threads.count);
        assert_int_equal(threads.items[at].thread, thread);
        assert_int_equal(threads.items[at].samples, expected[thread].samples);
        assert_int_equal(threads.items[at].value, expected[thread].value);
        at++;
    }
    assert_int_equal(at, threads.count);
    free(threads.items);
    free(expected);
}

// A sink that checks what a replay hands over: in time order, and each sample that was put in.
struct checker {
    struct sink sink;
    uint64_t samples, fingerprint;
    int64_t last_ns;
};

static uint64_t fingerprint(const struct sample *sample)
{
    uint64_t mixed = (uint64_t)sample->time_ns * 0x9e3779b97f4a7c15ull + sample->value * 31 +
                     sample->node * 1000003ull + sample->thread * 7919ull + sample->cpu;
    return mixed ^ mixed >> 29;
}

static int checker_hello(struct sink *sink, const struct hello *hello, struct err *err)
{
    (void)sink, (void)err;
    assert_string_equal(hello->host, "here");
    return 0;
}

static int checker_samples(struct sink *sink, const struct sample *samples, size_t count,
                           struct err *err)
{
    struct checker *checker = (struct checker *)sink;
    (void)err;
    for (size_t i = 0; i < count; i++) {
        assert_true(samples[i].time_ns >= checker->last_ns);
        checker->last_ns = samples[i].time_ns;
        checker->samples++;
        checker->fingerprint += fingerprint(&samples[i]);
    }
    return 0;
}

static const struct sink_ops checker_ops = {.hello = checker_hello, .samples = checker_samples};

static void check_replay(struct world *world, const struct query *query,
                         const struct wanted *wanted)
{
    struct store *store = buffer_store(world->buffer);
    struct err err = {0};
    struct checker checker = {.sink = {&checker_ops, NULL}, .last_ns = INT64_MIN};
    uint64_t samples = 0;
    uint64_t sum = 0;
    assert_int_equal(store_replay(store, query, &checker.sink, &err), 0);
    for (size_t i = 0; i < world->reference.count; i++) {
        const struct sample *sample = &world->reference.samples[i];
        uint64_t value;
        if (reference_counts(query, world->intervals, sample, &value) &&
            wants(store_dict(store), sample, wanted)) {
            samples++;
            sum += fingerprint(sample);
        }
    }
    assert_int_equal(checker.samples, samples);
    assert_int_equal(checker.fingerprint, sum);
}

static void check_world(const struct world_kind *kind, int questions)
{
    struct world world;
    world_init(&world, kind);
    struct wanted first_wanted;
    struct filter *first = random_filter(&world, &first_wanted);
    const struct query again = {.filter = first};
    for (int i = 0; i < questions; i++) {
        struct wanted wanted;
        struct range ranges[4];
        struct filter *filter = random_filter(&world, &wanted);
        struct query query = {.filter = filter,
                              .ranges = ranges,
                              .range_count = random_ranges(&world, ranges),
                              .outside = pick(&world, 2),
                              .threads = (unsigned)pick(&world, 3)};
        check_fold(&world, &query, &wanted);
        check_owners(&world, &query, &wanted);
        check_threads(&world, &query, &wanted);
        check_heatmap(&world, &query, &wanted);
        check_heatmap(&world, &query, &wanted); // of another shape, on what was kept
        check_replay(&world, &query, &wanted);
        filter_free(filter);
        check_heatmap(&world, &again, &first_wanted);
        if (i == questions / 2) // names and samples are added, late ones too
            world_fill(&world, kind, kind->samples / 8);
    }
    filter_free(first);
    world_dispose(&world);
}

static void test_counted_samples(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct world_kind kind = {.seed = seed,
                                  .samples =
                                      seed == 1 ? 60000 : 20000, // counted by node, and listed
                                  .span_ns = 20 * FILL_SECOND,
                                  .disorder_ns = seed % 2 ? 0 : FILL_SECOND,
                                  .constant = true,
                                  // Segments of 5461, most of them sealed.
                                  .budget_bytes = seed <= 2 ? 2 << 20 : 0};
        check_world(&kind, 12 / SHARE);
    }
}

static void test_samples_with_values(void **state)
{
    (void)state;
    for (uint64_t seed = 5; seed <= 6; seed++) {
        struct world_kind kind = {.seed = seed,
                                  .samples = seed == 5 ? 60000 : 20000,
                                  .span_ns = 300 * FILL_SECOND, // many blocks of time
                                  .disorder_ns = 20 * FILL_SECOND};
        check_world(&kind, 12 / SHARE);
    }
}

static void test_intervals(void **state)
{
    (void)state;
    for (uint64_t seed = 7; seed <= 8; seed++) {
        struct world_kind kind = {.seed = seed,
                                  .samples = 2000,
                                  .span_ns = 20 * FILL_SECOND,
                                  .disorder_ns = FILL_SECOND / 2,
                                  .by_value = true,
                                  .budget_bytes = seed % 2 ? 0 : 256 * 1024};
        check_world(&kind, 8 / SHARE);
    }
}

static void test_many_small_segments_that_overlap(void **state)
{
    (void)state;
    struct world_kind kind = {.seed = 9,
                              .samples = 25000,
                              .span_ns = 40 * FILL_SECOND,
                              .disorder_ns = 30 * FILL_SECOND,
                              .constant = true,
                              .budget_bytes = 512 * 1024}; // holds all, in segments of 1365
    check_world(&kind, 12 / SHARE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counted_samples),
        cmocka_unit_test(test_samples_with_values),
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_many_small_segments_that_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
