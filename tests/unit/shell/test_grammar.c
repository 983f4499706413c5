// The grammar: words, quotes, keys, redirects, and errors that point at the byte.
#include "shell/grammar.h"
#include "tests/test.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static bool is_wait(const char *verb)
{
    return !strcmp(verb, "wait");
}

static struct statements parsed(const char *text)
{
    struct statements statements = {0};
    struct err err = {0};
    size_t bad_at = 0;
    int code = grammar_parse(&statements, text, is_wait, &bad_at, &err);
    if (code)
        fail_msg("'%s' at %zu: %s", text, bad_at, err.message);
    return statements;
}

static void assert_refused(const char *text, int code, size_t at, const char *message)
{
    struct statements statements = {0};
    struct err err = {0};
    size_t bad_at = SIZE_MAX;
    assert_int_equal(grammar_parse(&statements, text, is_wait, &bad_at, &err), code);
    assert_int_equal(bad_at, at);
    assert_non_null(strstr(err.message, message));
    statements_dispose(&statements);
}

static void words_and_keys(void **state)
{
    (void)state;
    struct statements s = parsed("filter comm=demo !pid=1 frame~^re.*x module!=libc word");
    assert_int_equal(s.count, 1);
    const struct statement *one = &s.items[0];
    assert_string_equal(one->verb, "filter");
    assert_int_equal(one->word_count, 5);
    assert_string_equal(one->words[0].key, "comm");
    assert_string_equal(one->words[0].value, "demo");
    assert_int_equal(one->words[0].at, 7);
    assert_int_equal(one->words[0].value_at, 12);
    assert_false(one->words[0].negated);
    assert_true(one->words[1].negated);
    assert_string_equal(one->words[1].key, "pid");
    assert_true(one->words[2].regex);
    assert_string_equal(one->words[2].value, "^re.*x");
    assert_true(one->words[3].negated);
    assert_string_equal(one->words[3].value, "libc");
    assert_null(one->words[4].key);
    statements_dispose(&s);
}

static void quotes_are_a_posix_shells(void **state)
{
    (void)state;
    struct statements s =
        parsed("a 'x y;|>#' \"q\\\"z\\n\" b\\ c d'e'f '' comm='my app' 'k=v' x#y");
    const struct word *words = s.items[0].words;
    assert_int_equal(s.items[0].word_count, 8);
    assert_string_equal(words[0].text, "x y;|>#");
    assert_string_equal(words[1].text, "q\"z\\n");
    assert_string_equal(words[2].text, "b c");
    assert_string_equal(words[3].text, "def");
    assert_string_equal(words[4].text, "");
    assert_string_equal(words[5].value, "my app");
    assert_null(words[6].key);
    assert_string_equal(words[6].text, "k=v");
    assert_string_equal(words[7].text, "x#y");
    statements_dispose(&s);
}

static void statements_and_comments(void **state)
{
    (void)state;
    struct statements s = parsed("  a 1;b # rest; c\nd;;\n# only\n e \\\n f");
    assert_int_equal(s.count, 4);
    assert_string_equal(s.items[1].verb, "b");
    assert_int_equal(s.items[1].word_count, 0);
    assert_string_equal(s.items[2].verb, "d");
    assert_string_equal(s.items[3].words[0].text, "f");
    statements_dispose(&s);
    s = parsed("   # nothing");
    assert_int_equal(s.count, 0);
    statements_dispose(&s);
}

static void redirects(void **state)
{
    (void)state;
    struct statements s =
        parsed("fold x>'my file';top 3 >> log # c\nfold | grep 'a;b' | wc -l ; jobs");
    assert_int_equal(s.count, 4);
    assert_int_equal(s.items[0].redirect, REDIRECT_FILE);
    assert_string_equal(s.items[0].target, "my file");
    assert_int_equal(s.items[1].redirect, REDIRECT_APPEND);
    assert_string_equal(s.items[1].target, "log");
    assert_int_equal(s.items[2].redirect, REDIRECT_PIPE);
    assert_string_equal(s.items[2].target, "grep 'a;b' | wc -l");
    assert_string_equal(s.items[3].verb, "jobs");
    statements_dispose(&s);
}

// A pipe with this target, and one command after it.
static void assert_piped(const char *text, const char *target)
{
    struct statements s = parsed(text);
    assert_int_equal(s.count, 2);
    assert_string_equal(s.items[0].target, target);
    statements_dispose(&s);
}

// "(a; b)" is the shell's; so is what stands between braces that are words.
static void groups_of_the_shell_are_whole(void **state)
{
    (void)state;
    assert_piped("top | (head -1; wc -l); jobs", "(head -1; wc -l)");
    assert_piped("top | { head -1; (echo ')'; wc); } 2>&1; jobs",
                 "{ head -1; (echo ')'; wc); } 2>&1");
    assert_piped("top | (head -1\nwc -l)\njobs", "(head -1\nwc -l)");
    assert_piped("top | echo ${x} $(a; b) \\( x} ) {a; jobs", "echo ${x} $(a; b) \\( x} ) {a");
    assert_refused("top | (head", -EAGAIN, 6, "not closed");
    assert_refused("top | while read l; do echo; done", -EINVAL, 18, "in parentheses");
}

static void digits_after_the_verb(void **state)
{
    (void)state;
    struct statements s = parsed("top10; top 10; t1x");
    assert_string_equal(s.items[0].verb, "top");
    assert_string_equal(s.items[0].words[0].text, "10");
    assert_int_equal(s.items[0].words[0].at, 3);
    assert_string_equal(s.items[1].words[0].text, "10");
    assert_string_equal(s.items[2].verb, "t1x");
    statements_dispose(&s);
}

static void expressions_are_verbatim(void **state)
{
    (void)state;
    struct statements s = parsed("wait samples > 1000 ; top > x");
    assert_int_equal(s.count, 2);
    assert_string_equal(s.items[0].expression, "samples > 1000");
    assert_int_equal(s.items[0].redirect, REDIRECT_NONE);
    assert_int_equal(s.items[1].redirect, REDIRECT_FILE);
    statements_dispose(&s);
}

static void errors_point_at_the_byte(void **state)
{
    (void)state;
    assert_refused("record bt 'x", -EAGAIN, 10, "not closed");
    assert_refused("fold | ", -EINVAL, 5, "command is expected");
    assert_refused("fold > ; top", -EINVAL, 5, "file name");
    assert_refused("fold > a b", -EINVAL, 9, "nothing may follow");
    assert_refused("filter frame~a|b", -EINVAL, 14, "quote a pattern");
    assert_refused("a; | b", -EINVAL, 3, "command is expected");
    assert_refused("x \\", -EAGAIN, 2, "backslash");
    assert_refused("wait 3s {", -EINVAL, 8, "'{'");
}

static void what_stood_before_an_error_is_kept(void **state)
{
    (void)state;
    struct statements s = {0};
    size_t bad_at;
    assert_int_equal(grammar_parse(&s, "a; b 'c", NULL, &bad_at, NULL), -EAGAIN);
    assert_int_equal(s.count, 1);
    statements_dispose(&s);
}

static void near_names(void **state)
{
    (void)state;
    assert_int_equal(grammar_distance("heatmpa", "heatmap"), 1);
    assert_int_equal(grammar_distance("flme", "flame"), 1);
    assert_int_equal(grammar_distance("top", "top"), 0);
    assert_int_equal(grammar_distance("xyz", "top"), SIZE_MAX);
    assert_int_equal(grammar_distance("", "top"), SIZE_MAX);
    char longest[300];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(grammar_distance(longest, "top"), SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_keys),
        cmocka_unit_test(quotes_are_a_posix_shells),
        cmocka_unit_test(statements_and_comments),
        cmocka_unit_test(redirects),
        cmocka_unit_test(groups_of_the_shell_are_whole),
        cmocka_unit_test(digits_after_the_verb),
        cmocka_unit_test(expressions_are_verbatim),
        cmocka_unit_test(errors_point_at_the_byte),
        cmocka_unit_test(what_stood_before_an_error_is_kept),
        cmocka_unit_test(near_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
