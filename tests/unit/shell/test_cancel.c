// Ctrl-C is honoured by every command that can take long: with its flag set before the command
// starts, the command ends as interrupted, and no file of its is there.
#include "shell/execute.h"
#include "shell/session.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Each command of the table has a line here, or is said to be short.
static const char *const LONG[] = {
    "save out",
    "save out.perf",
    "keep 1000h out",
    "export out.pb.gz",
    "export out.speedscope.json",
    "export out.trace.json",
    "export out.cpuprofile",
    "export out.nflxprofile",
    "export out.svg",
    "export out.csv what=threads",
    "export out.json what=heatmap",
    "convert long.folded out.fks",
    "convert long.folded out.svg",
    "slice spike",
    "filter frame~nosuch.*name",
    "spikes",
    "heatmap rows=7",
    "heatmap y=value",
    "flame > out.svg",
    "top",
    "top frame~other.*name",
    "threads",
    "fold",
    "fold root=tid",
    "fold style=tid",
    "fold --json",
    "why",
    "diff sel rest",
    "diff sel long.folded",
    "wait 1000h",
    "open long.folded", // last: what it has read stays
};
static const char *const SHORT =
    "record jobs stop doctor undo mark source set view status help quit";

static void run_line(struct session *session, const char *line)
{
    execute_line(session, line, "", 1);
    while (execute_step(session, session_now_ns()))
        ;
}

static void write_long_file(void)
{
    FILE *file = fopen("long.folded", "we");
    assert_non_null(file);
    for (int i = 0; i < 300000; i++) // several steps of reading
        fprintf(file, "app;main;function_%d 1\n", i);
    assert_int_equal(fclose(file), 0);
}

static void each_line_is_stopped(void **state)
{
    (void)state;
    char folder[] = "/tmp/flicker-cancel-XXXXXX";
    struct session session;
    struct err err = {0};
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    write_long_file();
    assert_int_equal(session_init(&session, NULL, &err), 0);
    session.quiet = true;
    run_line(&session, "open " FLICKER_TESTS "/../shell/demo.fks");
    run_line(&session, "slice spike");
    assert_false(session.quitting);
    for (size_t i = 0; i < sizeof LONG / sizeof *LONG; i++) {
        atomic_store(&session.signals.interrupted, true);
        run_line(&session, LONG[i]);
        if (!session.quitting || session.exit_code != EXIT_INTERRUPTED)
            fail_msg("'%s' is not stopped: exit code %d", LONG[i], session.exit_code);
        atomic_store(&session.signals.interrupted, false);
        session.quitting = false;
        session.exit_code = EXIT_OK;
    }
    unlink("out.svg"); // of the redirection, which opens its file first
    unlink("long.folded");
    assert_int_equal(chdir("/"), 0);
    session_dispose(&session);
    assert_int_equal(rmdir(folder), 0); // nothing else was left in it
}

static bool has_line(const char *command)
{
    size_t len = strlen(command);
    for (size_t i = 0; i < sizeof LONG / sizeof *LONG; i++) {
        if (!strncmp(LONG[i], command, len) && (!LONG[i][len] || LONG[i][len] == ' '))
            return true;
    }
    return false;
}

static void every_command_is_said_to_be_long_or_short(void **state)
{
    (void)state;
    for (size_t i = 0; command_table[i]; i++) {
        const char *name = command_table[i]->name;
        if (has_line(name) == list_has(SHORT, name))
            fail_msg("'%s' has to be in one of both lists", name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_stopped),
        cmocka_unit_test(every_command_is_said_to_be_long_or_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
