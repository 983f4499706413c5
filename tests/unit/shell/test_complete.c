// Completion, as plain data: tests/shell/completions.txt.
#include "shell/complete.h"
#include "shell/session.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void fill(struct session *session)
{
    struct sink *sink;
    struct err err = {0};
    buffer_source_add(session->buffer, "test", &sink);
    struct dict *dict = sink->dict;
    static const char *const comms[] = {"demo", "demon", "kworker/0:1", "my app"};
    static const char *const functions[] = {"rebuild_index", "rebuild_cache", "operator new[]",
                                            "parse_query"};
    struct sample sample = {.time_ns = 1000, .value = 1, .cpu = 0};
    sample.event = (uint16_t)dict_event(
        dict, &(struct event){dict_string_z(dict, "cpu-clock"), dict_string_z(dict, "ns"), false});
    for (size_t i = 0; i < 4; i++) {
        uint32_t comm = dict_string_z(dict, comms[i]);
        struct thread thread = {.pid = 100 + (int)i, .tid = 200 + (int)i, .comm = comm};
        struct frame frame = {.name = dict_string_z(dict, functions[i]),
                              .module = dict_string_z(dict, i < 2 ? "/usr/bin/demo" : "libc.so.6")};
        sample.thread = dict_thread(dict, &thread);
        sample.node = dict_node(dict, dict_comm_node(dict, comm), dict_frame(dict, &frame));
        assert_int_equal(sink_samples(sink, &sample, 1, &err), 0);
    }
}

// "LINE with | (the last) at the cursor => WORD WORD..." (WORDs separated by two spaces); "..." at
// the end: these are among them.
static void check(const struct session *session, char *line, unsigned number)
{
    char *arrow = strstr(line, " => ");
    if (!arrow)
        fail_msg("completions.txt:%u has no ' => '", number);
    *arrow = '\0';
    char *cursor = strrchr(line, '|');
    if (!cursor)
        fail_msg("completions.txt:%u has no cursor", number);
    memmove(cursor, cursor + 1, strlen(cursor));
    struct completions completions = {0};
    complete_line(&completions, session, line, (size_t)(cursor - line));
    struct bytes found = {0};
    bytes_append_text(&found, "  ");
    for (size_t i = 0; i < completions.count; i++)
        bytes_printf(&found, "%s  ", completions.items[i]);
    char *expected = arrow + 4;
    size_t len = strlen(expected);
    bool some = len >= 3 && !strcmp(expected + len - 3, "...");
    if (some) {
        expected[len - 3] = '\0';
        for (char *word = expected, *next; *word; word = next) {
            next = strstr(word, "  ");
            size_t word_len = next ? (size_t)(next - word) : strlen(word);
            next = next ? next + 2 : word + word_len;
            char wanted[128];
            snprintf(wanted, sizeof wanted, "  %.*s  ", (int)word_len, word);
            if (word_len && !strstr(bytes_text(&found), wanted))
                fail_msg("completions.txt:%u: '%s' is not among:%s", number, wanted,
                         bytes_text(&found));
        }
    } else {
        struct bytes wanted = {0};
        bytes_printf(&wanted, "  %s%s", expected, *expected ? "  " : "");
        if (strcmp(bytes_text(&wanted), bytes_text(&found)) != 0)
            fail_msg("completions.txt:%u: expected '%s', found '%s'", number, bytes_text(&wanted),
                     bytes_text(&found));
        bytes_dispose(&wanted);
    }
    bytes_dispose(&found);
    completions_dispose(&completions);
}

static void pairs(void **state)
{
    (void)state;
    struct session session;
    struct err err = {0};
    assert_int_equal(session_init(&session, NULL, &err), 0);
    fill(&session);
    assert_int_equal(chdir(FLICKER_TESTS), 0);
    FILE *file = fopen("shell/completions.txt", "re");
    assert_non_null(file);
    char line[1024];
    unsigned number = 0, checked = 0;
    while (fgets(line, sizeof line, file)) {
        number++;
        line[strcspn(line, "\n")] = '\0';
        if (!*line || *line == '#')
            continue;
        check(&session, line, number);
        checked++;
    }
    fclose(file);
    assert_true(checked > 20);
    session_dispose(&session);
}

static void make_file(const char *path)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fclose(file);
}

// What is offered can be typed: a name that is no plain word comes in quotes.
static void names_of_files_are_quoted(void **state)
{
    (void)state;
    struct session session;
    struct err err = {0};
    char directory[] = "/tmp/flicker-test-XXXXXX", line[64];
    assert_int_equal(session_init(&session, NULL, &err), 0);
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chdir(directory), 0);
    assert_int_equal(mkdir("two words", 0700), 0);
    make_file("two words/inside.fks");
    make_file("rate=99.fks");
    snprintf(line, sizeof line, "open tw| => 'two words/");
    check(&session, line, 1);
    snprintf(line, sizeof line, "open 'two words/| => 'two words/inside.fks'");
    check(&session, line, 2);
    snprintf(line, sizeof line, "open ra| => 'rate=99.fks'");
    check(&session, line, 3);
    unlink("two words/inside.fks");
    unlink("rate=99.fks");
    rmdir("two words");
    assert_int_equal(chdir("/"), 0);
    rmdir(directory);
    session_dispose(&session);
}

static void thousands_are_bounded(void **state)
{
    (void)state;
    struct session session;
    struct err err = {0};
    assert_int_equal(session_init(&session, NULL, &err), 0);
    struct sink *sink;
    buffer_source_add(session.buffer, "test", &sink);
    for (int i = 0; i < 20000; i++) {
        char name[32];
        snprintf(name, sizeof name, "function_%d", i);
        dict_frame(sink->dict, &(struct frame){.name = dict_string_z(sink->dict, name)});
    }
    struct completions completions = {0};
    const char *line = "filter frame=func";
    complete_line(&completions, &session, line, strlen(line));
    assert_int_equal(completions.count, COMPLETE_KEPT);
    assert_int_equal(completions.total, 20000);
    assert_int_equal(completions.from, strlen("filter frame="));
    completions_dispose(&completions);
    session_dispose(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs),
        cmocka_unit_test(names_of_files_are_quoted),
        cmocka_unit_test(thousands_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
