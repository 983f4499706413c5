// The SVG flame graph as text: what is in the file. tests/web looks at it in a browser.
#include "picture.h"
#include "tests/test.h"
#include "viewer/svg.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct svg_options options = {.title = "slice <7.2> & \"7.5\"", .subtitle = "host"};

static void draw(struct bytes *out, struct picture_fold *fold)
{
    struct output_bytes output;
    struct err err = {0};
    output_bytes_init(&output, out);
    assert_int_equal(svg_flame(&output.base, &fold->fold, &options, &err), 0);
}

static void assert_has(const struct bytes *text, const char *part)
{
    if (!strstr(bytes_text(text), part))
        fail_msg("%.4000s\nlacks \"%s\"", bytes_text(text), part);
}

static size_t count(const struct bytes *text, const char *part)
{
    size_t found = 0;
    for (const char *at = bytes_text(text); (at = strstr(at, part)) != NULL; at += strlen(part))
        found++;
    return found;
}

static void test_frames_have_their_place_kind_and_tooltip(void **state)
{
    (void)state;
    struct picture_fold fold;
    picture_fold_init(&fold);
    picture_fold_add(&fold, "demo;read_k", 25);
    picture_fold_add(&fold, "demo;work", 75);
    struct bytes out = {0};
    draw(&out, &fold);
    // 1200 wide with margins of 16; the widest child first; half a pixel is gap.
    assert_has(&out, "<g class=\"frame user\" data-left=\"0\" data-total=\"75\">"
                     "<title>work\nuser\n75 samples, 75 %, self 75 %</title>"
                     "<rect x=\"16.00\" y=\"120\" width=\"875.50\" height=\"17\"/>");
    assert_has(&out, "<g class=\"frame kernel\" data-left=\"75\" data-total=\"25\">"
                     "<title>read_k\nkernel\n25 samples, 25 %, self 25 %</title>"
                     "<rect x=\"892.00\" y=\"120\" width=\"291.50\" height=\"17\"/>");
    assert_has(&out, "100 samples</text>");
    assert_int_equal(count(&out, "<g class=\"frame"), 4);
    bytes_dispose(&out);
    picture_fold_free(&fold);
}

static void test_it_needs_no_network(void **state)
{
    (void)state;
    struct picture_fold fold;
    picture_fold_init(&fold);
    picture_fold_add(&fold, "demo;work", 1);
    struct bytes out = {0};
    draw(&out, &fold);
    assert_int_equal(count(&out, "src="), 0);
    assert_int_equal(count(&out, "href"), 0);
    assert_int_equal(count(&out, "url("), 0);
    assert_int_equal(count(&out, "import"), 0);
    assert_int_equal(count(&out, "http"), 2); // the names of two XML namespaces
    assert_has(&out, "prefers-color-scheme: dark");
    bytes_dispose(&out);
    picture_fold_free(&fold);
}

static void test_names_of_strangers_stay_text(void **state)
{
    (void)state;
    struct picture_fold fold;
    picture_fold_init(&fold);
    picture_fold_add(&fold, "</title><script>x</script>;a<b>&\"c\" ]]>\x01\xff", 1);
    struct bytes out = {0};
    draw(&out, &fold);
    assert_has(&out, "&lt;/title&gt;&lt;script&gt;x&lt;/script&gt;");
    assert_has(&out, "a&lt;b&gt;&amp;&quot;c&quot; ]]&gt;??");
    assert_has(&out, "slice &lt;7.2&gt; &amp; &quot;7.5&quot;");
    assert_int_equal(count(&out, "<script"), 1);
    assert_int_equal(count(&out, "]]>"), 1);
    bytes_dispose(&out);
    picture_fold_free(&fold);
}

static void test_what_is_too_narrow_is_counted(void **state)
{
    (void)state;
    struct picture_fold fold;
    picture_fold_init(&fold);
    picture_fold_add(&fold, "demo;work", 1000000);
    picture_fold_add(&fold, "demo;rare", 1);
    picture_fold_add(&fold, "other;rare", 1);
    struct bytes out = {0};
    draw(&out, &fold);
    assert_has(&out, "1000002 samples, 3 frames narrower than 0.1 px left out");
    assert_int_equal(count(&out, "<g class=\"frame"), 3);
    bytes_dispose(&out);
    picture_fold_free(&fold);
}

static int refuse(struct output *output, const void *data, size_t len, struct err *err)
{
    (void)output;
    (void)data;
    (void)len;
    return err_set(err, -ENOSPC, "disk full");
}

static void test_failures_are_passed_on(void **state)
{
    (void)state;
    struct picture_fold fold;
    picture_fold_init(&fold);
    struct output output = {.write = refuse};
    struct err err = {0};
    assert_int_equal(svg_flame(&output, &fold.fold, &options, &err), -ENODATA);
    picture_fold_add(&fold, "demo;work", 1);
    assert_int_equal(svg_flame(&output, &fold.fold, &options, &err), -ENOSPC);
    assert_string_equal(err.message, "disk full");
    for (unsigned i = 0; i < 5000; i++) { // more than one write
        char path[64];
        snprintf(path, sizeof path, "demo;f%u", i);
        picture_fold_add(&fold, path, 1);
    }
    assert_int_equal(svg_flame(&output, &fold.fold, &options, &err), -ENOSPC);
    picture_fold_free(&fold);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_have_their_place_kind_and_tooltip),
        cmocka_unit_test(test_it_needs_no_network),
        cmocka_unit_test(test_names_of_strangers_stay_text),
        cmocka_unit_test(test_what_is_too_narrow_is_counted),
        cmocka_unit_test(test_failures_are_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
