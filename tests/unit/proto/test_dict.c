// The dictionary: numbering, identity, growth.
#include "proto/dict.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static void test_strings_are_numbered_in_order_of_appearance(void **state)
{
    (void)state;
    struct dict dict;
    dict_init(&dict);
    assert_int_equal(dict_string_z(&dict, ""), DICT_EMPTY);
    assert_int_equal(dict_string_z(&dict, "read"), 1);
    assert_int_equal(dict_string_z(&dict, "write"), 2);
    assert_int_equal(dict_string_z(&dict, "read"), 1);
    assert_string_equal(dict_text(&dict, 2), "write");
    assert_int_equal(dict_find_string(&dict, "write", 5), 2);
    assert_int_equal(dict_find_string(&dict, "close", 5), IDSET_NONE);
    dict_dispose(&dict);
}

static void test_strings_survive_growth(void **state)
{
    (void)state;
    struct dict dict;
    dict_init(&dict);
    char name[32];
    for (uint32_t i = 1; i <= 100000; i++) {
        int len = snprintf(name, sizeof name, "function_%u", i);
        assert_int_equal(dict_string(&dict, name, (size_t)len), i);
    }
    for (uint32_t i = 1; i <= 100000; i++) {
        int len = snprintf(name, sizeof name, "function_%u", i);
        assert_int_equal(dict_string(&dict, name, (size_t)len), i);
        assert_string_equal(dict_text(&dict, i), name);
    }
    dict_dispose(&dict);
}

static void test_bytes_of_any_value_are_kept(void **state)
{
    (void)state;
    struct dict dict;
    dict_init(&dict);
    uint32_t id = dict_string(&dict, "a\0b\xff", 4);
    assert_int_equal(dict_text_len(&dict, id), 4);
    assert_memory_equal(dict_text(&dict, id), "a\0b\xff", 5);
    assert_int_not_equal(dict_string(&dict, "a", 1), id);
    dict_dispose(&dict);
}

static void test_overlong_names_are_cut_with_dots(void **state)
{
    (void)state;
    static char name[DICT_STRING_MAX_BYTES + 10];
    memset(name, 'x', sizeof name);
    struct dict dict;
    dict_init(&dict);
    uint32_t id = dict_string(&dict, name, sizeof name);
    assert_int_equal(dict_text_len(&dict, id), DICT_STRING_MAX_BYTES);
    assert_string_equal(dict_text(&dict, id) + DICT_STRING_MAX_BYTES - 4, "x...");
    dict_dispose(&dict);
}

static void test_a_node_is_numbered_above_its_parent(void **state)
{
    (void)state;
    struct dict dict;
    dict_init(&dict);
    uint32_t comm = dict_comm_node(&dict, dict_string_z(&dict, "demo"));
    struct frame frame = {.name = dict_string_z(&dict, "main"), .kind = FRAME_USER};
    uint32_t main_frame = dict_frame(&dict, &frame);
    uint32_t node = dict_node(&dict, comm, main_frame);
    assert_true(comm > DICT_ROOT && node > comm);
    assert_int_equal(dict_node(&dict, comm, main_frame), node);
    assert_int_equal(dict.nodes[node].parent, comm);
    assert_int_equal(dict.frames[dict.nodes[comm].frame].kind, FRAME_COMM);
    frame.kind = FRAME_KERNEL;
    assert_int_not_equal(dict_frame(&dict, &frame), main_frame);
    dict_dispose(&dict);
}

static void test_a_thread_that_changes_its_name_is_another_row(void **state)
{
    (void)state;
    struct dict dict;
    dict_init(&dict);
    struct thread thread = {.pid = 1, .tid = 2, .comm = dict_string_z(&dict, "sh")};
    uint32_t id = dict_thread(&dict, &thread);
    assert_int_equal(dict_thread(&dict, &thread), id);
    thread.comm = dict_string_z(&dict, "gzip");
    assert_int_not_equal(dict_thread(&dict, &thread), id);
    dict_dispose(&dict);
}

static void test_compaction_keeps_order_and_what_is_needed(void **state)
{
    (void)state;
    struct dict dict;
    struct dict_renumbering renumbering;
    uint32_t nodes[100];
    uint32_t threads[100];
    uint64_t keep_nodes[4] = {0};
    uint64_t keep_threads[2] = {0};
    char name[32];
    dict_init(&dict);
    uint32_t outer = dict_comm_node(&dict, dict_string_z(&dict, "demo"));
    dict_event(&dict, &(struct event){.name = dict_string_z(&dict, "cpu-clock")});
    for (uint32_t i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "function_%u", i);
        struct frame frame = {.name = dict_string_z(&dict, name)};
        snprintf(name, sizeof name, "comm_%u", i);
        struct thread thread = {.pid = (int32_t)i, .comm = dict_string_z(&dict, name)};
        nodes[i] = dict_node(&dict, i % 10 ? nodes[i - 1] : outer, dict_frame(&dict, &frame));
        threads[i] = dict_thread(&dict, &thread);
    }
    // The node of function_57, whose callers are 50 to 56, and thread 42.
    keep_nodes[nodes[57] / 64] |= UINT64_C(1) << nodes[57] % 64;
    keep_threads[threads[42] / 64] |= UINT64_C(1) << threads[42] % 64;
    uint64_t generation = dict.generation;
    dict_compact(&dict, keep_nodes, keep_threads, &renumbering);
    assert_int_equal(dict.generation, generation + 1);
    assert_int_equal(dict.node_count, 10); // root, demo, 50..57
    assert_int_equal(dict.thread_count, 1);
    assert_int_equal(dict.frame_count, 9);
    assert_int_equal(dict.string_count, 12); // "", demo, cpu-clock, eight functions, comm_42
    assert_int_equal(renumbering.nodes[nodes[57]], 9);
    assert_int_equal(renumbering.nodes[nodes[58]], IDSET_NONE);
    assert_int_equal(renumbering.nodes[nodes[3]], IDSET_NONE);
    assert_int_equal(renumbering.threads[threads[42]], 0);
    assert_string_equal(dict_text(&dict, dict.threads[0].comm), "comm_42");
    assert_string_equal(dict_text(&dict, dict.frames[dict.nodes[9].frame].name), "function_57");
    assert_string_equal(dict_text(&dict, dict.events[0].name), "cpu-clock");
    // What is there is found, what has gone is new.
    assert_int_equal(dict_node(&dict, 8, dict.nodes[9].frame), 9);
    assert_int_equal(dict_find_string(&dict, "function_57", 11), dict.frames[8].name);
    assert_int_equal(dict_find_string(&dict, "function_58", 11), IDSET_NONE);
    assert_int_equal(dict_string_z(&dict, "function_58"), 12);
    dict_renumbering_dispose(&renumbering);
    dict_dispose(&dict);
}

static void test_nodes_survive_growth(void **state)
{
    (void)state;
    enum { FRAMES = 300, DEPTH = 400 };
    struct dict dict;
    dict_init(&dict);
    for (int round = 0; round < 2; round++) {
        for (uint32_t frame = 0; frame < FRAMES; frame++) {
            uint32_t node = DICT_ROOT;
            for (uint32_t depth = 0; depth < DEPTH; depth++) {
                node = dict_node(&dict, node, frame);
                assert_int_equal(node, frame * DEPTH + depth + 1);
            }
        }
    }
    assert_int_equal(dict.node_count, FRAMES * DEPTH + 1);
    assert_true(dict_bytes(&dict) <= (size_t)25 * FRAMES * DEPTH);
    dict_dispose(&dict);
}

// A tree whose nodes partly follow their parents at once, and do otherwise after compaction: each
// is found by its content alone, before and after.
static void test_nodes_are_found_wherever_they_lie(void **state)
{
    (void)state;
    enum { NODES = 5000 };
    struct dict dict;
    dict_init(&dict);
    static uint32_t parents[NODES], frames[NODES];
    static uint64_t kept[NODES / 64 + 1], threads[1];
    uint32_t random = 1, count = 1; // the root
    for (uint32_t asked = 0; count < NODES; asked++) {
        random = random * 1664525 + 1013904223;
        uint32_t parent = asked % 3 ? count - 1 : (random >> 8) % count, frame = random >> 30;
        uint32_t known = 1;
        while (known < count && (parents[known] != parent || frames[known] != frame))
            known++;
        assert_int_equal(dict_node(&dict, parent, frame), known);
        parents[known] = parent;
        frames[known] = frame;
        count += known == count;
    }
    assert_int_equal(dict.node_count, NODES);
    for (uint32_t frame = 0; frame < 4; frame++)
        dict_frame(&dict, &(struct frame){.line = frame});
    for (uint32_t i = 1; i < NODES; i += 7)
        kept[i / 64] |= UINT64_C(1) << i % 64;
    struct dict_renumbering renumbering;
    dict_compact(&dict, kept, threads, &renumbering);
    assert_in_range(dict.node_count, NODES / 7, NODES - 1);
    uint32_t left = (uint32_t)dict.node_count;
    for (uint32_t i = 1; i < NODES; i++) {
        uint32_t parent = renumbering.nodes[parents[i]], node = renumbering.nodes[i];
        if (node != IDSET_NONE)
            assert_int_equal(dict_node(&dict, parent, frames[i]), node);
    }
    assert_int_equal(dict.node_count, left);
    dict_renumbering_dispose(&renumbering);
    dict_dispose(&dict);
}

// Nodes that follow their parents take eight bytes each and no slots.
static void test_a_new_chain_takes_no_slots(void **state)
{
    (void)state;
    struct dict dict;
    dict_init(&dict);
    uint32_t node = DICT_ROOT;
    for (uint32_t i = 0; i < 100000; i++)
        node = dict_node(&dict, node, i % 9);
    assert_int_equal(node, 100000);
    assert_int_equal(tagset_bytes(&dict.node_set), 0);
    node = DICT_ROOT;
    for (uint32_t i = 0; i < 100000; i++)
        node = dict_node(&dict, node, i % 9);
    assert_int_equal(node, 100000);
    assert_int_equal(dict_node(&dict, 50000, 100), 100001);
    assert_int_equal(dict_node(&dict, 50000, 100), 100001);
    dict_dispose(&dict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings_are_numbered_in_order_of_appearance),
        cmocka_unit_test(test_strings_survive_growth),
        cmocka_unit_test(test_nodes_survive_growth),
        cmocka_unit_test(test_nodes_are_found_wherever_they_lie),
        cmocka_unit_test(test_a_new_chain_takes_no_slots),
        cmocka_unit_test(test_bytes_of_any_value_are_kept),
        cmocka_unit_test(test_overlong_names_are_cut_with_dots),
        cmocka_unit_test(test_a_node_is_numbered_above_its_parent),
        cmocka_unit_test(test_a_thread_that_changes_its_name_is_another_row),
        cmocka_unit_test(test_compaction_keeps_order_and_what_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
