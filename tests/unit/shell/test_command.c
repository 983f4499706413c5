// The table of commands: each row is whole, its example parses and passes its own checks, and a
// session in tests/shell uses it.
#include "shell/help.h"
#include "shell/session.h"
#include "tests/test.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct session session;

static int setup(void **state)
{
    (void)state;
    struct err err = {0};
    return session_init(&session, NULL, &err);
}

static int teardown(void **state)
{
    (void)state;
    session_dispose(&session);
    return 0;
}

static void every_row_is_whole(void **state)
{
    (void)state;
    const char *group = "";
    for (size_t i = 0; command_table[i]; i++) {
        const struct command *command = command_table[i];
        assert_ptr_equal(command_by_name(command->name), command);
        assert_true(strspn(command->name, "abcdefghijklmnopqrstuvwxyz") == strlen(command->name));
        assert_non_null(command->group);
        assert_non_null(command->run);
        assert_int_equal(strncmp(command->usage, command->name, strlen(command->name)), 0);
        assert_true(strlen(command->summary) > 10 && strlen(command->summary) < 80);
        assert_true(command->summary[strlen(command->summary) - 1] != '.');
        for (size_t j = 0; strcmp(group, command->group) && command_table[j] != command; j++)
            assert_string_not_equal(command_table[j]->group,
                                    command->group); // groups hang together
        group = command->group;
        for (int k = 0; k < COMMAND_KEYS && command->keys[k].name; k++) {
            assert_non_null(command->keys[k].text);
            assert_true((command->keys[k].kind == ARG_CHOICE) == !!command->keys[k].choices);
            // Would hide a setting that it heeds.
            assert_true(!setting_by_name(command->keys[k].name) || !command->settings ||
                        !list_has(command->settings, command->keys[k].name));
        }
        if (!command->settings || !strcmp(command->settings, "*"))
            continue;
        char *list = strdup(command->settings);
        for (char *name = strtok(list, " "); name; name = strtok(NULL, " "))
            assert_non_null(setting_by_name(name));
        free(list);
    }
}

static void examples_pass_their_own_checks(void **state)
{
    (void)state;
    for (size_t i = 0; command_table[i]; i++) {
        const struct command *command = command_table[i];
        struct statements statements = {0};
        struct err err = {0};
        size_t bad_at;
        assert_int_equal(
            grammar_parse(&statements, command->example, command_is_expression, &bad_at, &err), 0);
        assert_int_equal(statements.count, 1);
        assert_string_equal(statements.items[0].verb, command->name);
        statements.items[0].redirect = REDIRECT_NONE; // writes nothing here
        struct invocation run;
        if (invocation_init(&run, &session, command, &statements.items[0], &err))
            fail_msg("%s: %s", command->example, err.message);
        invocation_dispose(&run);
        statements_dispose(&statements);
    }
}

// All text of the sessions in tests/shell.
static void read_sessions(struct bytes *out)
{
    DIR *directory = opendir(FLICKER_TESTS "/shell");
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        char path[1024];
        snprintf(path, sizeof path, "%s/shell/%s", FLICKER_TESTS, entry->d_name);
        FILE *file = strstr(entry->d_name, ".session") ? fopen(path, "re") : NULL;
        char line[4096];
        while (file && fgets(line, sizeof line, file))
            bytes_append_text(out, line);
        if (file)
            fclose(file);
    }
    closedir(directory);
}

static void every_row_has_a_session(void **state)
{
    (void)state;
    struct bytes sessions = {0};
    read_sessions(&sessions);
    for (size_t i = 0; command_table[i]; i++) {
        char name[64];
        snprintf(name, sizeof name, "COVERS %s\n", command_table[i]->name);
        if (!strstr(bytes_text(&sessions), name))
            fail_msg("no session in tests/shell says COVERS %s", command_table[i]->name);
    }
    bytes_dispose(&sessions);
}

static void names_and_prefixes(void **state)
{
    (void)state;
    struct err err = {0};
    assert_ptr_equal(command_find("heat", true, &err), &command_heatmap);
    assert_null(command_find("heat", false, &err));
    assert_null(command_find("s", true, &err));
    assert_non_null(strstr(err.message, "could be"));
    assert_null(command_find("heatmpa", true, &err));
    assert_non_null(strstr(err.message, "'heatmap'"));
    assert_null(command_find("xyzzy", true, &err));
    assert_non_null(strstr(err.message, "help"));
    assert_null(command_find("", true, &err));
    assert_true(command_is_expression("wait"));
    assert_true(command_is_expression("wai"));
    assert_false(command_is_expression("top"));
}

static void assert_checked(const char *line, size_t bad_at, const char *message)
{
    struct statements statements = {0};
    struct err err = {0};
    size_t at;
    assert_int_equal(grammar_parse(&statements, line, command_is_expression, &at, &err), 0);
    struct invocation run;
    const struct command *command = command_by_name(statements.items[0].verb);
    int code = invocation_init(&run, &session, command, &statements.items[0], &err);
    assert_int_equal(code ? run.bad_at : GRAMMAR_NOWHERE, bad_at);
    if (code && !strstr(err.message, message))
        fail_msg("%s: '%s' does not say '%s'", line, err.message, message);
    invocation_dispose(&run);
    statements_dispose(&statements);
}

static void arguments_are_checked(void **state)
{
    (void)state;
    assert_checked("top 10 by=total comm=x hz=3", 23, "no key 'hz'");
    assert_checked("top by=sefl", 7, "expected self total");
    assert_checked("top comn=x", 4, "did you mean 'comm'");
    assert_checked("top 1 2", 6, "does not expect '2'");
    assert_checked("heatmap rows=1", 13, "2 to 1000");
    assert_checked("heatmap rows~9", 8, "'=' only");
    assert_checked("top -x", 4, "no option '-x'");
    assert_checked("jobs --json", 5, "no option");
    assert_checked("filter frame~(", 14, "");
    assert_checked("fold > /nonexistent/x", 7, "No such file");
    assert_checked("record perf -F 99 -e a=b", GRAMMAR_NOWHERE, "");
    assert_checked("top --json rows", GRAMMAR_NOWHERE, "");
}

static void overrides_do_not_leak(void **state)
{
    (void)state;
    struct statements statements = {0};
    struct err err = {0};
    size_t at;
    assert_int_equal(grammar_parse(&statements, "heatmap rows=7 comm=x", NULL, &at, &err), 0);
    struct invocation run;
    assert_int_equal(invocation_init(&run, &session, &command_heatmap, &statements.items[0], &err),
                     0);
    assert_int_equal(run.settings.rows, 7);
    assert_int_equal(session.settings.rows, 0);
    struct query query;
    invocation_query(&run, &session, &query);
    assert_non_null(query.filter);
    assert_null(selection_filter(session.selection));
    invocation_dispose(&run);
    statements_dispose(&statements);
}

static void assert_narrow(const char *text)
{
    for (size_t len; *text; text += len + (text[len] == '\n')) {
        len = strcspn(text, "\n");
        if (len > 100)
            fail_msg("%zu columns: %.*s", len, (int)len, text);
    }
}

static void help_fits_into_a_hundred_columns(void **state)
{
    (void)state;
    struct bytes text = {0};
    help_put_all(&text);
    help_put_program(&text);
    for (size_t i = 0; command_table[i]; i++)
        help_put_command(&text, command_table[i]);
    for (const struct setting *row = setting_table; row->name; row++)
        help_put_setting(&text, row);
    assert_narrow(bytes_text(&text));
    bytes_dispose(&text);
}

static void help_speaks_of_every_row(void **state)
{
    (void)state;
    struct bytes all = {0}, manual = {0}, markdown = {0}, one = {0};
    help_put_all(&all);
    help_put_manual(&manual);
    help_put_markdown(&markdown);
    for (size_t i = 0; command_table[i]; i++) {
        const struct command *command = command_table[i];
        assert_non_null(strstr(bytes_text(&all), command->summary));
        assert_non_null(strstr(bytes_text(&markdown), command->example));
        assert_non_null(strstr(bytes_text(&manual), command->name));
        bytes_clear(&one);
        help_put_command(&one, command);
        assert_non_null(strstr(bytes_text(&one), command->example));
        assert_non_null(strstr(bytes_text(&one), command->usage));
    }
    for (const struct setting *row = setting_table; row->name; row++) {
        bytes_clear(&one);
        help_put_setting(&one, row);
        assert_non_null(strstr(bytes_text(&one), row->text));
    }
    // troff: no line of text begins with a request of its own making.
    for (const char *line = bytes_text(&manual); line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (*line == '\'')
            fail_msg("a troff control line: %.40s", line);
    }
    bytes_dispose(&all);
    bytes_dispose(&manual);
    bytes_dispose(&markdown);
    bytes_dispose(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(examples_pass_their_own_checks),
        cmocka_unit_test(every_row_has_a_session),
        cmocka_unit_test(names_and_prefixes),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(overrides_do_not_leak),
        cmocka_unit_test(help_fits_into_a_hundred_columns),
        cmocka_unit_test(help_speaks_of_every_row),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
