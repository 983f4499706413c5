// V8 heap profiles.
#include "tests/capture.h"

static void test_bytes_by_call_path(void **state)
{
    (void)state;
    static const char TEXT[] =
        "{\"head\": {\"callFrame\": {\"functionName\": \"(root)\"}, \"selfSize\": 3, \"children\": "
        "["
        "{\"callFrame\": {\"functionName\": \"f\", \"url\": \"a.js\", \"lineNumber\": 1}, "
        "\"selfSize\": 0,"
        "\"children\": [{\"callFrame\": {\"functionName\": \"\"}, \"selfSize\": 40, \"children\": "
        "[]}]},"
        "{\"children\": [], \"selfSize\": 5, \"callFrame\": {\"functionName\": \"g\"}}]}}";
    struct capture capture;
    capture_init(&capture);
    assert_int_equal(
        capture_decode(&capture, &format_heapprofile, NULL, TEXT, sizeof TEXT - 1, 0, NULL), 0);
    assert_string_equal(bytes_text(&capture.text),
                        "hello V8 - - - 0 Hz 0 cpus clock 2\n"
                        "- (root) -1/-1 heap 40bytes!: (root);f a.js:2_[j];(anonymous)\n"
                        "- (root) -1/-1 heap 5bytes!: (root);g\n"
                        "- (root) -1/-1 heap 3bytes!: (root)\n");
    capture_dispose(&capture);
}

// Members in any order, as JSON allows: what is below a frame may come before it.
static void test_children_before_their_callers(void **state)
{
    (void)state;
    static const char TEXT[] =
        "{\"head\": {\"children\": [{\"children\": [{\"selfSize\": 2, \"callFrame\": "
        "{\"functionName\": \"g\"}}, {\"callFrame\": {\"functionName\": \"h\"}, \"selfSize\": 4}], "
        "\"callFrame\": {\"functionName\": \"f\"}, \"selfSize\": 1}], \"selfSize\": 8, "
        "\"callFrame\": {\"functionName\": \"(root)\"}}}";
    struct capture capture;
    capture_init(&capture);
    assert_int_equal(
        capture_decode(&capture, &format_heapprofile, NULL, TEXT, sizeof TEXT - 1, 0, NULL), 0);
    assert_int_equal(capture.value, 15);
    static const char *const LINES[] = {"8bytes!: (root)\n", "1bytes!: (root);f\n",
                                        "2bytes!: (root);f;g\n", "4bytes!: (root);f;h\n"};
    for (size_t i = 0; i < 4; i++)
        assert_non_null(strstr(bytes_text(&capture.text), LINES[i]));
    capture_dispose(&capture);
    capture_check_splits(&format_heapprofile, NULL, TEXT, sizeof TEXT - 1, 1);
}

#define FRAME_F "{\"functionName\":\"f\",\"url\":\"a.js\",\"lineNumber\":1}"

// A frame that came before is known by its text, wherever it lies; a node's second one is added to
// its first.
static void test_frames_that_come_again(void **state)
{
    (void)state;
    static const char TEXT[] =
        "{\"head\":{\"callFrame\":{\"functionName\":\"(root)\"},\"selfSize\":0,\"children\":["
        "{\"callFrame\":" FRAME_F ",\"selfSize\":1,\"children\":["
        "{\"callFrame\":" FRAME_F ",\"selfSize\":2},"
        "{\"callFrame\":{\"functionName\":\"(root)\"},\"selfSize\":4},"
        "{\"selfSize\":8,\"callFrame\":" FRAME_F "}]},"
        "{\"callFrame\":" FRAME_F ",\"callFrame\":{\"functionName\":\"g\"},\"selfSize\":16},"
        "{\"callFrame\":{\"functionName\":\"g\"},\"callFrame\":" FRAME_F ",\"selfSize\":32},"
        "{\"callFrame\":{\"functionName\":\"g\"},\"selfSize\":64}]}}";
    struct capture capture;
    capture_init(&capture);
    assert_int_equal(
        capture_decode(&capture, &format_heapprofile, NULL, TEXT, sizeof TEXT - 1, 0, NULL), 0);
    assert_string_equal(bytes_text(&capture.text),
                        "hello V8 - - - 0 Hz 0 cpus clock 2\n"
                        "- (root) -1/-1 heap 2bytes!: (root);f a.js:2_[j];f a.js:2_[j]\n"
                        "- (root) -1/-1 heap 4bytes!: (root);f a.js:2_[j];(root)\n"
                        "- (root) -1/-1 heap 8bytes!: (root);f a.js:2_[j];f a.js:2_[j]\n"
                        "- (root) -1/-1 heap 1bytes!: (root);f a.js:2_[j]\n"
                        "- (root) -1/-1 heap 16bytes!: (root);g a.js:2_[j]\n"
                        "- (root) -1/-1 heap 32bytes!: (root);f a.js:2_[j]\n"
                        "- (root) -1/-1 heap 64bytes!: (root);g\n");
    capture_dispose(&capture);
    capture_check_splits(&format_heapprofile, NULL, TEXT, sizeof TEXT - 1, 1);
}

static void test_recording_of_node(void **state)
{
    (void)state;
    char *data;
    size_t len;
    read_whole(FLICKER_TESTS "/fixtures/node.heapprofile", &data, &len);
    assert_ptr_equal(format_probe(data, len, NULL), &format_heapprofile);
    struct capture capture;
    capture_init(&capture);
    assert_int_equal(capture_decode(&capture, &format_heapprofile, NULL, data, len, 7, NULL), 0);
    assert_int_equal(capture.value, 1049056); // the sum of its selfSize, by Python's json
    capture_dispose(&capture);
    capture_check_splits(&format_heapprofile, NULL, data, len, 1);
    capture_check_damage(&format_heapprofile, data, len, 1, 2000);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_by_call_path),
        cmocka_unit_test(test_children_before_their_callers),
        cmocka_unit_test(test_frames_that_come_again),
        cmocka_unit_test(test_recording_of_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
