// A recording against children that behave badly: the programs are scripts named as the real ones.
#include "collectors/host.h"
#include "collectors/recording.h"
#include "proto/bytes.h"
#include "tests/test.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char tools_dir[] = "/tmp/flicker-test-XXXXXX";

struct seen {
    struct sink sink;
    struct dict dict;
    size_t samples;
    uint64_t lost;
    int hellos;
    struct bytes messages;        // errors start with "E "
    int watched_ms, unwatched_ms; // the longest interval while it ran
};

static int on_hello(struct sink *sink, const struct hello *hello, struct err *err)
{
    (void)err;
    assert_string_equal(hello->collector, "bpftrace");
    ((struct seen *)sink)->hellos++;
    return 0;
}

static int on_samples(struct sink *sink, const struct sample *samples, size_t count,
                      struct err *err)
{
    (void)samples;
    (void)err;
    ((struct seen *)sink)->samples += count;
    return 0;
}

static int on_loss(struct sink *sink, const struct loss *loss, struct err *err)
{
    (void)err;
    ((struct seen *)sink)->lost += loss->count;
    return 0;
}

static void on_message(void *arg, bool is_error, const char *line)
{
    bytes_printf(arg, "%s%s\n", is_error ? "E " : "", line);
}

static const struct sink_ops ops = {.hello = on_hello, .samples = on_samples, .loss = on_loss};

// The form of one sample of our program, as JSON.
#define SAMPLE                                                                                     \
    "{\"type\": \"printf\", \"data\": \"S 1000 1 1 0 x\\\\n\\\\n\\\\t401000 "                      \
    "f+1\\\\n\\\\nE\\\\n\"}\\n"
// (echo would expand the escapes.)
#define READY         "printf '%s\\n' '{\"type\": \"printf\", \"data\": \"READY 1\\n\"}'; "
#define VERSION(said) "[ \"$1\" = --version ] && { echo bpftrace v" said "; exit 0; }; "
#define END           "printf '%s\\n' '{\"type\": \"printf\", \"data\": \"END\\n\"}'; "

// Runs a script in bpftrace's place until it ends; stops it once it runs when asked to.
static struct recording_status run_request(struct seen *seen, const struct collect_request *request,
                                           const char *script, bool stop)
{
    char path[128];
    snprintf(path, sizeof path, "%s/bpftrace", tools_dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", script);
    fclose(file);
    assert_int_equal(chmod(path, 0755), 0);
    char search[256];
    snprintf(search, sizeof search, "%s:/usr/bin:/bin", tools_dir);
    setenv("PATH", search, 1);

    *seen = (struct seen){.sink = {&ops, &seen->dict}};
    dict_init(&seen->dict);
    struct launcher *launcher = launcher_local();
    struct recording *recording = NULL;
    struct recording_events events = {on_message, &seen->messages};
    struct err err = {0};
    struct recording_status status;
    const struct collector *collector = collector_by_name("bpftrace");
    assert_int_equal(collector->start(&recording, launcher, request, &seen->sink, &events, &err),
                     0);
    int64_t deadline_ns = host_now_ns() + INT64_C(60000000000);
    while (recording_tick(recording, host_now_ns())) {
        recording_status(recording, &status);
        int watched_ms = recording_interval_ms(recording, true);
        int unwatched_ms = recording_interval_ms(recording, false);
        seen->watched_ms = watched_ms > seen->watched_ms ? watched_ms : seen->watched_ms;
        seen->unwatched_ms = unwatched_ms > seen->unwatched_ms ? unwatched_ms : seen->unwatched_ms;
        if (stop && status.state == RECORDING_RUNNING) {
            recording_stop(recording);
            stop = false;
        }
        assert_true(host_now_ns() < deadline_ns);
        poll(NULL, 0, 5);
    }
    recording_status(recording, &status);
    static struct decode_report report; // outlives the recording, for the asserts
    report = status.report ? *status.report : (struct decode_report){0};
    status.report = &report;
    recording_free(recording);
    launcher_free(launcher);
    return status;
}

static struct recording_status run(struct seen *seen, const char *script, bool stop)
{
    return run_request(seen, &(const struct collect_request){.what = "cpu"}, script, stop);
}

static void dispose(struct seen *seen)
{
    dict_dispose(&seen->dict);
    bytes_dispose(&seen->messages);
}

static void samples_arrive_and_the_end_is_said(void **state)
{
    (void)state;
    struct seen seen;
    struct recording_status status =
        run(&seen, READY "printf '" SAMPLE SAMPLE "'; echo 'WARNING: so' >&2; exit 0", false);
    assert_int_equal(seen.hellos, 1);
    assert_int_equal(seen.samples, 2);
    assert_string_equal(status.why_ended, "it ended by itself");
    assert_string_equal(bytes_text(&seen.messages), "WARNING: so\n");
    dispose(&seen);
}

static void noise_is_dropped_and_lost_stacks_are_counted(void **state)
{
    (void)state;
    struct seen seen;
    struct recording_status status = run(
        &seen,
        "printf 'ERR' >&2; sleep 0.1; printf \"OR: Unknown error -1: couldn't set "
        "RLIMIT_MEMLOCK for bpftrace. If your\\n\" >&2; " READY
        "for i in 1 2 3; do echo 'ERROR: failed to look up stack id -17 (pid -1): -2' >&2; done",
        false);
    assert_int_equal(seen.lost, 3);
    assert_int_equal(status.report->lost, 3);
    assert_string_equal(bytes_text(&seen.messages), "");
    dispose(&seen);
}

static void an_error_is_passed_on_with_its_caret(void **state)
{
    (void)state;
    struct seen seen;
    struct recording_status status =
        run(&seen,
            "echo 'stdin:1:3-4: ERROR: syntax error' >&2; echo 'a b' >&2; echo '  ~' >&2; exit 1",
            false);
    assert_string_equal(status.why_ended, "failed with exit status 1");
    assert_string_equal(bytes_text(&seen.messages),
                        "E stdin:1:3-4: ERROR: syntax error\nE a b\nE   ~\n");
    assert_false(status.ran);
    assert_int_equal(seen.samples, 0);
    dispose(&seen);
}

// Warnings come in the stream since 0.22, before READY, once for every place: the first is shown,
// of the others the lines. The program is one of ours, whose deletes need no word.
static void warnings_are_said_once(void **state)
{
    (void)state;
    struct seen seen;
    const struct collect_request own = {.program = "BEGIN { }\ni:s:1 { delete(@a[1]);\n"
                                                   "delete(@b[1]);\n\ndelete(@c[1]); }"};
    // One line of ours is before the program's.
    static const char script[] =
        VERSION("0.26.1") "cat <<'EOF'\n"
                          "stdin:3:9-22: WARNING: Return value discarded.\n"
                          "i:s:1 { delete(@a[1]);\n        ~~~~~~~~~~~~~\n"
                          "stdin:4:1-14: WARNING: Return value discarded.\n"
                          "{ delete(@b[1]);\n~~~~~~~~~~~~~\nHINT: none\n"
                          "stdin:6-7: WARNING: Return value discarded.\ndelete(@c[1]);\n  }\n"
                          "stdin:7:1-2: WARNING: Addrspace mismatch\nx\n~\n"
                          "stdin:7:1-2: WARNING: another\nx\n~\n"
                          "EOF\n" READY "printf '" SAMPLE "'";
    struct recording_status status = run_request(&seen, &own, script, false);
    assert_int_equal(seen.samples, 1);
    assert_int_equal(status.report->skipped, 0);
    assert_string_equal(bytes_text(&seen.messages),
                        "stdin:2:9-22: WARNING: Return value discarded.\n"
                        "i:s:1 { delete(@a[1]);\n        ~~~~~~~~~~~~~\n"
                        "stdin:6:1-2: WARNING: another\nx\n~\n"
                        "the same in lines 3, 5: Return value discarded.\n");
    dispose(&seen);
    run(&seen, script, false);
    assert_string_equal(bytes_text(&seen.messages), "stdin:6:1-2: WARNING: another\nx\n~\n");
    dispose(&seen);
}

// Of 0.26, in the words that are used for other versions; what is around it is dropped.
static void missing_probes_are_said_once(void **state)
{
    (void)state;
    struct seen seen;
    const struct collect_request own = {.program = "uprobe:/x:f, uprobe:/x:g { }"};
    run_request(
        &seen, &own,
        VERSION("0.26.1") "cat >&2 <<'EOF'\n"
                          "WARNING: Could not read functions from /sys/x.\n"
                          "stdin:2:1-12: ERROR: No matches for uprobe /x:f.\n"
                          "uprobe:/x:f, uprobe:/x:g { }\n~~~~~~~~~~~\n"
                          "stdin:2:14-25: WARNING: No matches for uprobe /x:g. Skipping.\n"
                          "uprobe:/x:f, uprobe:/x:g { }\n             ~~~~~~~~~~~\n"
                          "stdin:2:1-12: WARNING: f is not traceable (either non-existing, "
                          "inlined, or marked)\n"
                          "uprobe:/x:f, uprobe:/x:g { }\n~~~~~~~~~~~\n"
                          "stdlib/strings.bt:1:1-2: WARNING: Return value discarded.\nx\n~\n"
                          "EOF\nexit 1",
        false);
    assert_string_equal(bytes_text(&seen.messages),
                        "E stdin:1:1-12: ERROR: uprobe:/x:f is missing here\n"
                        "E uprobe:/x:f, uprobe:/x:g { }\nE ~~~~~~~~~~~\n"
                        "stdin:1:14-25: WARNING: uprobe:/x:g is missing here; the program runs "
                        "without it\n"
                        "uprobe:/x:f, uprobe:/x:g { }\n             ~~~~~~~~~~~\n");
    dispose(&seen);
}

// Up to 0.21 no source follows where it is several lines.
static void warnings_without_source_hide_no_error(void **state)
{
    (void)state;
    struct seen seen;
    run(&seen,
        VERSION("0.17.0") "cat >&2 <<'EOF'\n"
                          "stdin:3-4: WARNING: f is not traceable (either non-existing, or not)\n"
                          "ERROR: Error attaching probe: 'uprobe:/x:f'\n"
                          "EOF\nexit 1",
        false);
    assert_string_equal(bytes_text(&seen.messages), "uprobe:/x:f is missing here\n");
    dispose(&seen);
}

// A SIGINT is lost now and then up to 0.20: it is sent again until END is seen.
static void a_lost_interrupt_is_sent_again(void **state)
{
    (void)state;
    struct seen seen;
    struct recording_status status =
        run(&seen,
            VERSION("0.17.0") "n=0; trap 'n=$((n+1))' INT; " READY
                              "while [ $n -lt 3 ]; do sleep 0.05; done; " END "sleep 1; exit 0",
            true);
    assert_string_equal(status.why_ended, "stopped");
    assert_string_equal(bytes_text(&seen.messages), "");
    dispose(&seen);
}

// Later ones would lose what they print at the end.
static void a_later_one_is_interrupted_once(void **state)
{
    (void)state;
    struct seen seen;
    struct recording_status status =
        run(&seen,
            VERSION("0.26.1") "n=0; trap 'n=$((n+1))' INT; " READY
                              "while [ $n -lt 1 ]; do sleep 0.05; done; sleep 1.2; [ $n = 1 ] "
                              "&& { printf '" SAMPLE "'; " END "}; exit 0",
            true);
    assert_string_equal(status.why_ended, "stopped");
    assert_int_equal(seen.samples, 1);
    dispose(&seen);
}

static void what_nobody_looks_at_is_drained_seldom(void **state)
{
    (void)state;
    struct seen seen;
    run(&seen, "trap 'exit 0' INT; " READY "while :; do sleep 0.05; done", true);
    assert_in_range(seen.watched_ms, 20, 50);
    assert_in_range(seen.unwatched_ms, 100, 500);
    dispose(&seen);
}

// After END another one would cut its last maps off.
static void no_interrupt_follows_the_end(void **state)
{
    (void)state;
    struct seen seen;
    struct recording_status status =
        run(&seen,
            "n=0; trap 'n=$((n+1))' INT; " READY "while [ $n -lt 1 ]; do sleep 0.05; done; " END
            "n=0; sleep 1.2; [ $n = 0 ] && printf '" SAMPLE "'",
            true);
    assert_string_equal(status.why_ended, "stopped");
    assert_int_equal(seen.samples, 1);
    dispose(&seen);
}

static void one_that_will_not_leave_is_killed(void **state)
{
    (void)state;
    struct seen seen;
    struct recording_status status =
        run(&seen, "trap '' INT TERM; " READY "while :; do sleep 0.2; done", true);
    assert_true(WIFSIGNALED(status.exit_status));
    assert_non_null(strstr(status.why_ended, "killed"));
    dispose(&seen);
}

// bpftrace is not told the process (see make_plan), which then dies as it is recorded.
static void one_of_a_process_ends_with_it(void **state)
{
    (void)state;
    struct seen seen;
    char script[512];
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    snprintf(
        script, sizeof script,
        "[ \"$1\" = --version ] && exit 0; for a in \"$@\"; do [ \"$a\" = -p ] && exit 3; done; "
        "trap 'exit 0' INT; %s kill -9 %d; while :; do sleep 0.05; done",
        READY, (int)pid);
    const struct collect_request cpu = {.what = "cpu", .pid = pid};
    struct recording_status status = run_request(&seen, &cpu, script, false);
    assert_string_equal(status.why_ended, "its process has ended");
    assert_true(status.in_order);
    dispose(&seen);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    // It is gone.
    struct launcher *launcher = launcher_local();
    struct recording *recording = NULL;
    struct recording_events events = {on_message, &seen.messages};
    struct err err = {0};
    dict_init(&seen.dict);
    assert_int_equal(
        collector_by_name("bpftrace")->start(&recording, launcher, &cpu, &seen.sink, &events, &err),
        -ESRCH);
    assert_non_null(strstr(err.message, "there is no process"));
    launcher_free(launcher);
    dispose(&seen);
}

static void garbage_is_counted_and_does_no_harm(void **state)
{
    (void)state;
    struct seen seen;
    run(&seen, READY "head -c 3000000 /dev/urandom; echo; printf '" SAMPLE "'", false);
    assert_int_equal(seen.samples, 1);
    dispose(&seen);
}

// More than the pipe holds, as fast as it can: bounded bites, nothing lost.
static void a_flood_is_taken_in_bites(void **state)
{
    (void)state;
    struct seen seen;
    run(&seen,
        READY "yes '{\"type\": \"printf\", \"data\": \"S 1000 1 1 0 x\\n\\nE\\n\"}' | head -200000",
        false);
    assert_int_equal(seen.samples, 200000);
    dispose(&seen);
}

static void one_that_closes_its_pipes_and_stays_is_ended(void **state)
{
    (void)state;
    struct seen seen;
    struct recording_status status =
        run(&seen, READY "exec >&- 2>&-; trap '' INT; while :; do sleep 0.2; done", false);
    assert_true(WIFSIGNALED(status.exit_status));
    dispose(&seen);
}

static void a_cut_stream_keeps_what_was_whole(void **state)
{
    (void)state;
    struct seen seen;
    struct recording_status status =
        run(&seen, READY "printf '" SAMPLE "{\"type\": \"printf\", \"da'; kill -9 $$", false);
    assert_int_equal(seen.samples, 1);
    assert_int_equal(status.report->skipped, 1);
    assert_string_equal(status.why_ended, "killed by signal 9 (Killed)");
    assert_string_equal(bytes_text(&seen.messages), "");
    dispose(&seen);
}

static void what_is_not_there_cannot_start(void **state)
{
    (void)state;
    struct seen seen = {.sink = {&ops, &seen.dict}};
    struct launcher *launcher = launcher_local();
    struct recording *recording = NULL;
    struct recording_events events = {on_message, &seen.messages};
    const struct collect_request request = {.what = "cpu"};
    dict_init(&seen.dict);
    setenv("PATH", "", 1);
    for (size_t i = 0; collector_table[i]; i++) {
        struct err err = {0};
        // Our own is found beside the running program.
        if (!strcmp(collector_table[i]->name, "native"))
            continue;
        assert_int_equal(collector_table[i]->probe(launcher, NULL, &err), -ENOENT);
        assert_non_null(strstr(err.message, "not installed"));
        assert_int_equal(
            collector_table[i]->start(&recording, launcher, &request, &seen.sink, &events, &err),
            -ENOENT);
        assert_null(recording);
    }
    struct err err = {0};
    struct bytes passed_over = {0};
    const struct collect_request program = {.program = "BEGIN{}"};
    assert_null(collector_choose(launcher, &program, &passed_over, &err));
    assert_non_null(strstr(err.message, "bpftrace: 'bpftrace' is not installed"));
    bytes_dispose(&passed_over);
    launcher_free(launcher);
    dispose(&seen);
}

// Each row can be told from the others, says what it is, and knows what it serves.
static void the_table_is_whole(void **state)
{
    (void)state;
    const struct collect_request cpu = {.what = "cpu"}, nothing = {.what = "no such thing"};
    for (size_t i = 0; collector_table[i]; i++) {
        const struct collector *row = collector_table[i];
        assert_ptr_equal(collector_by_name(row->name), row);
        assert_true(row->summary && *row->summary && row->measures && *row->measures);
        assert_true(row->probe && row->serves && row->start);
        assert_true(row->serves(&cpu));
        assert_false(row->serves(&nothing));
    }
    assert_null(collector_by_name("no such thing"));
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(tools_dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[128];
    setenv("PATH", "/usr/bin:/bin", 1);
    snprintf(command, sizeof command, "rm -rf '%s'", tools_dir);
    return system(command);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_arrive_and_the_end_is_said),
        cmocka_unit_test(noise_is_dropped_and_lost_stacks_are_counted),
        cmocka_unit_test(an_error_is_passed_on_with_its_caret),
        cmocka_unit_test(warnings_are_said_once),
        cmocka_unit_test(missing_probes_are_said_once),
        cmocka_unit_test(warnings_without_source_hide_no_error),
        cmocka_unit_test(a_lost_interrupt_is_sent_again),
        cmocka_unit_test(a_later_one_is_interrupted_once),
        cmocka_unit_test(what_nobody_looks_at_is_drained_seldom),
        cmocka_unit_test(no_interrupt_follows_the_end),
        cmocka_unit_test(one_that_will_not_leave_is_killed),
        cmocka_unit_test(one_of_a_process_ends_with_it),
        cmocka_unit_test(garbage_is_counted_and_does_no_harm),
        cmocka_unit_test(a_flood_is_taken_in_bites),
        cmocka_unit_test(one_that_closes_its_pipes_and_stays_is_ended),
        cmocka_unit_test(a_cut_stream_keeps_what_was_whole),
        cmocka_unit_test(what_is_not_there_cannot_start),
        cmocka_unit_test(the_table_is_whole),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
