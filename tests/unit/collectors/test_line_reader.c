// Lines from fragments.
#include "collectors/line_reader.h"
#include "tests/test.h"

#include <string.h>

static void collect(void *arg, const char *line, size_t len)
{
    assert_int_equal(line[len], '\0');
    bytes_append(arg, line, len);
    bytes_append_char(arg, '|');
}

static void fragments_become_lines(void **state)
{
    (void)state;
    const char text[] = "ERROR: one\n\nmid\r\nlast";
    const size_t len = sizeof text - 1;
    for (size_t cut = 0; cut <= len; cut++) {
        struct line_reader reader = {{0}};
        struct bytes got = {0};
        line_reader_push(&reader, text, cut, collect, &got);
        line_reader_push(&reader, text + cut, len - cut, collect, &got);
        line_reader_finish(&reader, collect, &got);
        line_reader_finish(&reader, collect, &got);
        assert_string_equal(bytes_text(&got), "ERROR: one||mid|last|");
        line_reader_dispose(&reader);
        bytes_dispose(&got);
    }
}

static void an_endless_line_is_cut(void **state)
{
    (void)state;
    struct line_reader reader = {{0}};
    struct bytes got = {0};
    char block[1000];
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 100; i++)
        line_reader_push(&reader, block, sizeof block, collect, &got);
    line_reader_push(&reader, "\n", 1, collect, &got);
    assert_true(reader.held.capacity < 4 * LINE_READER_MAX_BYTES);
    size_t x = 0;
    for (size_t i = 0; i < got.len; i++)
        x += got.data[i] == 'x';
    assert_int_equal(x, 100 * sizeof block);
    line_reader_dispose(&reader);
    bytes_dispose(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fragments_become_lines),
        cmocka_unit_test(an_endless_line_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
