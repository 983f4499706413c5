// Text of strangers: made harmless, measured, shortened.
#include "tests/test.h"
#include "viewer/text.h"

#include <string.h>

static void assert_clean(const char *in, const char *expected)
{
    struct bytes out = {0};
    text_append_clean(&out, in, strlen(in), false);
    assert_string_equal(bytes_text(&out), expected);
    bytes_dispose(&out);
}

static void test_what_cannot_be_shown_becomes_a_question_mark(void **state)
{
    (void)state;
    assert_clean("plain name(int) const", "plain name(int) const");
    assert_clean("\033]0;title\a\n\t\x7f", "?]0;title????");
    assert_clean("café 日 🔥", "café 日 🔥");
    assert_clean("\xc2\x9b[31m", "?[31m");    // CSI as one C1 character
    assert_clean("a\xe2\x80\xae[b", "a?[b");  // right-to-left override
    assert_clean("\xc0\xaf", "??");           // overlong
    assert_clean("\xed\xa0\x80", "???");      // surrogate
    assert_clean("\xf4\x90\x80\x80", "????"); // too large
    assert_clean("cut \xe6\x97", "cut ??");
    assert_clean("\xff\xfe", "??");
}

static void test_ascii_has_no_other_letters(void **state)
{
    (void)state;
    struct bytes out = {0};
    text_append_clean(&out, "café", strlen("café"), true);
    assert_string_equal(bytes_text(&out), "caf?");
    bytes_dispose(&out);
}

static void test_xml_is_escaped(void **state)
{
    (void)state;
    struct bytes out = {0};
    const char *name = "map<int, char>::operator&& \"x\" ]]> \001";
    text_append_xml(&out, name, strlen(name));
    assert_string_equal(bytes_text(&out),
                        "map&lt;int, char&gt;::operator&amp;&amp; &quot;x&quot; ]]&gt; ?");
    bytes_dispose(&out);
}

static void test_widths(void **state)
{
    (void)state;
    assert_int_equal(text_width("abc", 3), 3);
    assert_int_equal(text_width("café", strlen("café")), 4);
    assert_int_equal(text_width("日", strlen("日")), 2);
    assert_int_equal(text_width("e\xcc\x81", 3), 1);
}

static void assert_short(const char *name, unsigned width, const char *expected)
{
    struct bytes out = {0};
    unsigned used = text_append_short(&out, name, strlen(name), width);
    assert_string_equal(bytes_text(&out), expected);
    assert_int_equal(used, text_width(expected, strlen(expected)));
    assert_true(used <= width);
    bytes_dispose(&out);
}

static void test_names_shorten_from_the_front_then_from_the_end(void **state)
{
    (void)state;
    const char *name = "v8::internal::Scavenger::Process";
    assert_short(name, 40, "v8::internal::Scavenger::Process");
    assert_short(name, 31, "..internal::Scavenger::Process");
    assert_short(name, 29, "..Scavenger::Process");
    assert_short(name, 12, "..Process");
    assert_short(name, 8, "..Proce~");
    assert_short(name, 5, "Proc~"); // dots would leave nothing of the name
    assert_short("buildPostings", 6, "build~");
    assert_short("buildPostings", 3, "bu~");
    assert_short("buildPostings", 2, "");
    assert_short("buildPostings", 0, "");
    assert_short("std::vector<std::pair<a::b, c::d> >::push_back", 14, "..push_back");
    assert_short("ends::", 5, "ends~");
    assert_short("日本語", 4, "日~");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_cannot_be_shown_becomes_a_question_mark),
        cmocka_unit_test(test_ascii_has_no_other_letters),
        cmocka_unit_test(test_xml_is_escaped),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_names_shorten_from_the_front_then_from_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
