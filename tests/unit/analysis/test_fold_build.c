// Building folds: small and large ones go different ways to the same tree, that of a plain walk.
#include "analysis/fold_build.h"
#include "proto/alloc.h"
#include "tests/unit/analysis/fill.h"
#include "tests/unit/analysis/reference.h"

enum { NODES = 4000, NAMES = 40 };

static void grow(struct dict *dict, uint64_t *random, size_t nodes)
{
    while (dict->node_count < nodes) {
        char name[16];
        snprintf(name, sizeof name, "f%d", (int)(random_next(random) % NAMES));
        uint32_t parent = (uint32_t)(random_next(random) % dict->node_count);
        struct frame frame = {.name = dict_string_z(dict, name),
                              .kind = parent == DICT_ROOT ? FRAME_COMM : FRAME_USER};
        dict_node(dict, parent, dict_frame(dict, &frame));
    }
}

// The walk: what a path itself and all below it have, children by name.
struct walk {
    const struct callpaths *callpaths;
    const struct weight *weights;
    size_t count;
    struct fold_node *nodes;
    size_t out;
};

static struct fold_node sum_below(const struct walk *walk, uint32_t path)
{
    struct fold_node sum = {0};
    for (size_t i = 0; i < walk->count; i++) {
        uint32_t at = walk->weights[i].of;
        if (at == path) {
            sum.self_samples += walk->weights[i].samples;
            sum.self_value += walk->weights[i].value;
        }
        while (at && at != path)
            at = walk->callpaths->paths[at].parent;
        if (at == path) {
            sum.total_samples += walk->weights[i].samples;
            sum.total_value += walk->weights[i].value;
        }
    }
    return sum;
}

static const char *name_of(const struct callpaths *callpaths, uint32_t path)
{
    uint32_t frame = callpaths->frame_of[callpaths->paths[path].function];
    return dict_text(callpaths->dict, callpaths->dict->frames[frame].name);
}

static void walk_down(struct walk *walk, uint32_t path, uint32_t parent)
{
    const struct callpaths *callpaths = walk->callpaths;
    struct fold_node node = sum_below(walk, path);
    if (path && !node.total_samples)
        return;
    uint32_t number = (uint32_t)walk->out;
    node.parent = parent;
    node.frame = path ? callpaths->frame_of[callpaths->paths[path].function] : IDSET_NONE;
    walk->nodes[walk->out++] = node;
    const char *before = "";
    for (;;) { // the next child by name; siblings' names differ
        uint32_t next = 0;
        for (uint32_t i = 1; i < callpaths->path_count; i++) {
            if (callpaths->paths[i].parent == path && strcmp(name_of(callpaths, i), before) > 0 &&
                (!next || strcmp(name_of(callpaths, i), name_of(callpaths, next)) < 0))
                next = i;
        }
        if (!next)
            return;
        before = name_of(callpaths, next);
        walk_down(walk, next, number);
    }
}

static void assert_as_walked(struct callpaths *callpaths, const struct weight *weights,
                             size_t count)
{
    struct fold fold = {0};
    struct walk walk = {.callpaths = callpaths,
                        .weights = weights,
                        .count = count,
                        .nodes = xcalloc(callpaths->path_count, sizeof *walk.nodes)};
    walk_down(&walk, 0, 0);
    fold_build(&fold, callpaths, weights, count);
    assert_int_equal(fold.count, walk.out);
    assert_memory_equal(fold.nodes, walk.nodes, walk.out * sizeof *walk.nodes);
    free(walk.nodes);
    fold_dispose(&fold);
}

// Some paths, one more than once, one without samples.
static struct weight *choose(uint64_t *random, const struct callpaths *callpaths, size_t count,
                             bool constant)
{
    struct weight *weights = xreallocarray(NULL, count + 2, sizeof *weights);
    for (size_t i = 0; i < count; i++) {
        uint64_t samples = 1 + random_next(random) % 9;
        weights[i] = (struct weight){(uint32_t)(random_next(random) % callpaths->path_count),
                                     samples, samples * 7 + (constant ? 0 : i % 3)};
    }
    weights[count] = weights[count / 2];
    weights[count + 1] = (struct weight){.of = (uint32_t)callpaths->path_count - 1};
    return weights;
}

static void test_small_and_large_folds_are_those_of_a_walk(void **state)
{
    (void)state;
    static const size_t COUNTS[] = {1, 20, 300, 1000, 300, 20}; // by and by, and again in order
    uint64_t random = 99;
    struct dict dict;
    struct callpaths callpaths;
    dict_init(&dict);
    callpaths_init(&callpaths, &dict);
    for (size_t nodes = NODES / 2; nodes <= NODES; nodes += NODES / 2) {
        grow(&dict, &random, nodes);
        callpaths_follow(&callpaths);
        bool ordered = false;
        for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
            struct weight *weights = choose(&random, &callpaths, COUNTS[i], i % 2);
            assert_as_walked(&callpaths, weights, COUNTS[i] + 2);
            free(weights);
            ordered |= COUNTS[i] >= callpaths.path_count / 4;
            assert_int_equal(callpaths.order.count == callpaths.path_count, ordered);
        }
    }
    callpaths_dispose(&callpaths);
    dict_dispose(&dict);
}

static void test_nothing_is_a_root(void **state)
{
    (void)state;
    struct dict dict;
    struct callpaths callpaths;
    struct fold fold = {0};
    dict_init(&dict);
    callpaths_init(&callpaths, &dict);
    callpaths_follow(&callpaths);
    fold_build(&fold, &callpaths, NULL, 0);
    assert_int_equal(fold.count, 1);
    assert_int_equal(fold.nodes[0].frame, IDSET_NONE);
    fold_dispose(&fold);
    callpaths_dispose(&callpaths);
    dict_dispose(&dict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_and_large_folds_are_those_of_a_walk),
        cmocka_unit_test(test_nothing_is_a_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
