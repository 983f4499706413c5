// Samples that are left out of a stream because nobody asked for them.
#include "collectors/sample_pick.h"
#include "tests/test.h"

#include <errno.h>

static struct dict dict;
static struct sample_pick pick;

static int parse(int32_t pid, const char *const *options)
{
    struct collect_request request = {.what = "cpu", .pid = pid, .options = options};
    struct native_options parsed;
    struct err err = {0};
    while (options[request.option_count])
        request.option_count++;
    int status = sample_pick_options(&parsed, &request, &err);
    sample_pick_init(&pick, &parsed);
    return status;
}
#define PARSE(pid, ...) parse(pid, (const char *const[]){__VA_ARGS__, NULL})

static bool takes(const char *comm, int32_t pid, int32_t tid, uint16_t cpu)
{
    const struct thread thread = {.pid = pid, .tid = tid, .comm = dict_string_z(&dict, comm)};
    const struct sample sample = {.thread = dict_thread(&dict, &thread), .cpu = cpu};
    return sample_pick_takes(&pick, &dict, &sample);
}

static void without_options_all_are_taken(void **state)
{
    (void)state;
    assert_int_equal(PARSE(0, "min=1ms", "cgroup=/x"), 0); // not of these
    assert_true(sample_pick_takes_all(&pick));
    assert_int_equal(sample_pick_cpus(&pick, 2), 2);
    assert_true(takes("web", 1, 2, 3));
}

static void all_that_is_asked_for_must_hold(void **state)
{
    (void)state;
    assert_int_equal(PARSE(7, "tid=8", "comm=web", "cpu=0,2-3"), 0);
    assert_false(sample_pick_takes_all(&pick));
    assert_int_equal(sample_pick_cpus(&pick, 2), 1);
    assert_true(takes("web", 7, 8, 3));
    assert_false(takes("web", 6, 8, 3));
    assert_false(takes("web", 7, 9, 3));
    assert_false(takes("wep", 7, 8, 3));
    assert_false(takes("webx", 7, 8, 3));
    assert_false(takes("web", 7, 8, 1));
    assert_false(takes("web", 7, 8, SAMPLE_NO_CPU));
}

static void names_are_as_long_as_the_kernels(void **state)
{
    (void)state;
    assert_int_equal(PARSE(0, "comm=a-name-of-more-than-15-bytes"), 0);
    assert_true(takes("a-name-of-more-", 1, 1, 0));
    assert_false(takes("a-name-of-more", 1, 1, 0));
}

static void a_sample_of_no_process_is_of_any(void **state)
{
    (void)state;
    assert_int_equal(PARSE(7, "depth=5"), 0);
    assert_true(takes("", -1, -1, 0));
}

static void values_are_checked(void **state)
{
    (void)state;
    assert_int_equal(PARSE(0, "cpu=x"), -EINVAL);
    assert_int_equal(PARSE(0, "tid=0"), -EINVAL);
    assert_int_equal(PARSE(0, "depth=1000"), -EINVAL);
    assert_int_equal(PARSE(0, "kernel=maybe"), -EINVAL);
}

static int setup(void **state)
{
    (void)state;
    dict_init(&dict);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dict_dispose(&dict);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options_all_are_taken),
        cmocka_unit_test(all_that_is_asked_for_must_hold),
        cmocka_unit_test(names_are_as_long_as_the_kernels),
        cmocka_unit_test(a_sample_of_no_process_is_of_any),
        cmocka_unit_test(values_are_checked),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
