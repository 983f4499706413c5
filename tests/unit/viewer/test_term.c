// What a terminal can show, from its environment and its size.
#include "tests/test.h"
#include "viewer/term.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int clear(void **state)
{
    (void)state;
    static const char *const names[] = {"TERM",   "COLORTERM", "NO_COLOR", "LANG",
                                        "LC_ALL", "LC_CTYPE",  "COLUMNS",  "LINES"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    return 0;
}

// A terminal of 100 x 30.
static struct term detect_tty(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    int tty = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(tty >= 0);
    struct winsize size = {.ws_col = 100, .ws_row = 30};
    assert_int_equal(ioctl(tty, TIOCSWINSZ, &size), 0);
    struct term term;
    term_detect(&term, tty);
    close(tty);
    close(master);
    return term;
}

static void test_a_pipe_gets_plain_text(void **state)
{
    (void)state;
    setenv("TERM", "xterm-256color", 1);
    setenv("COLORTERM", "truecolor", 1);
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct term term;
    term_detect(&term, fds[1]);
    assert_int_equal(term.color, TERM_ASCII);
    assert_false(term.utf8);
    assert_int_equal(term.columns, 80);
    assert_int_equal(term.lines, 24);
    setenv("COLUMNS", "132", 1);
    term_detect(&term, fds[1]);
    assert_int_equal(term.columns, 132);
    setenv("COLUMNS", "wide", 1);
    term_detect(&term, fds[1]);
    assert_int_equal(term.columns, 80);
    setenv("COLUMNS", "3", 1);
    term_detect(&term, fds[1]);
    assert_int_equal(term.columns, 20);
    close(fds[0]);
    close(fds[1]);
}

static void test_a_terminal_tells_its_size_and_colours(void **state)
{
    (void)state;
    setenv("TERM", "xterm-256color", 1);
    struct term term = detect_tty();
    assert_int_equal(term.columns, 100);
    assert_int_equal(term.lines, 30);
    assert_int_equal(term.color, TERM_256);
    assert_true(term.utf8);
    setenv("COLORTERM", "truecolor", 1);
    assert_int_equal(detect_tty().color, TERM_24BIT);
    setenv("NO_COLOR", "1", 1);
    assert_int_equal(detect_tty().color, TERM_ASCII);
    setenv("NO_COLOR", "", 1); // set and empty: as if not set (no-color.org)
    assert_int_equal(detect_tty().color, TERM_24BIT);
}

static void test_poor_terminals_get_no_colours(void **state)
{
    (void)state;
    assert_int_equal(detect_tty().color, TERM_ASCII); // no TERM
    setenv("TERM", "dumb", 1);
    setenv("COLORTERM", "truecolor", 1);
    assert_int_equal(detect_tty().color, TERM_ASCII);
    unsetenv("COLORTERM");
    setenv("TERM", "vt100", 1);
    assert_int_equal(detect_tty().color, TERM_ASCII);
}

static void test_a_locale_without_utf8_is_believed(void **state)
{
    (void)state;
    setenv("TERM", "xterm-256color", 1);
    setenv("LANG", "C.UTF-8", 1);
    assert_true(detect_tty().utf8);
    setenv("LC_ALL", "C", 1);
    assert_false(detect_tty().utf8);
    assert_int_equal(detect_tty().color, TERM_ASCII); // there are no half blocks in ASCII
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_pipe_gets_plain_text, clear),
        cmocka_unit_test_setup(test_a_terminal_tells_its_size_and_colours, clear),
        cmocka_unit_test_setup(test_poor_terminals_get_no_colours, clear),
        cmocka_unit_test_setup(test_a_locale_without_utf8_is_believed, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
