// Blocks that are not freed, against a plain model.
#include "collectors/native/live_blocks.h"
#include "tests/test.h"

#include <stdbool.h>
#include <stdlib.h>

enum { ADDRESSES = 5000, STEPS = 200000 };

static void what_is_freed_is_not_told(void **state)
{
    (void)state;
    struct live_blocks blocks = {0};
    bool *there = calloc(ADDRESSES, sizeof *there);
    size_t count = 0;
    uint64_t random = 88172645463325252u;
    for (int step = 0; step < STEPS; step++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        size_t i = random % ADDRESSES;
        // Neighbours, and addresses that share their low bits.
        uint64_t address = i % 2 ? 16 * (i + 1) : (i + 1) << 28;
        if (random >> 60 < 9) {
            struct sample sample = {.time_ns = (int64_t)i, .value = i};
            live_blocks_add(&blocks, address, &sample);
            count += !there[i];
            there[i] = true;
        } else {
            live_blocks_remove(&blocks, address);
            count -= there[i];
            there[i] = false;
        }
        assert_int_equal(blocks.count, count);
    }
    struct sample *out = calloc(count + 1, sizeof *out);
    assert_int_equal(live_blocks_tell(&blocks, ADDRESSES, out), count);
    for (size_t i = 0; i < count; i++) {
        assert_true(there[out[i].value]);
        assert_true(i == 0 || out[i - 1].time_ns < out[i].time_ns);
    }
    // Each is told once.
    assert_int_equal(live_blocks_tell(&blocks, ADDRESSES, out), 0);
    free(out);
    free(there);
    live_blocks_dispose(&blocks);
}

static void the_old_ones_are_told_first(void **state)
{
    (void)state;
    struct live_blocks blocks = {0};
    struct sample out[3];
    live_blocks_remove(&blocks, 16);
    live_blocks_add(&blocks, 0, &(struct sample){.value = 9}); // no address
    live_blocks_add(&blocks, 16, &(struct sample){.time_ns = 10, .value = 1});
    live_blocks_add(&blocks, 32, &(struct sample){.time_ns = 20, .value = 2});
    assert_int_equal(live_blocks_tell(&blocks, 10, out), 1);
    assert_int_equal(out[0].value, 1);
    // The address is used again: its free was not seen.
    live_blocks_add(&blocks, 16, &(struct sample){.time_ns = 30, .value = 3});
    assert_int_equal(live_blocks_tell(&blocks, 100, out), 2);
    assert_int_equal(out[0].value, 2);
    assert_int_equal(out[1].value, 3);
    live_blocks_dispose(&blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_freed_is_not_told),
        cmocka_unit_test(the_old_ones_are_told_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
