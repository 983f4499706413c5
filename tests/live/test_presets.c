// Every preset of `record bt:NAME` fires under a load made for it, and finds who did it.
//
//     test_presets [NAME]
#include "collectors/host.h"
#include "collectors/preset.h"
#include "tests/live/live.h"
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct launcher *launcher;
static const char *only;

enum { WANTED = 3 };

struct expectation {
    const char *preset;
    const char *deed;  // of workloads/deeds.c
    const char *frame; // a frame that begins so is in its stacks
    bool others;       // what is measured is not the workload's own thread
    bool needs_cgroup;
    int64_t least;
};

static const struct expectation table[] = {
    {"offcpu", "sleep", "deed_loop", .least = 1000000},
    {"wakeup", "wake", "woken by deeds", .least = 1000000},
    {"runq", "crowd", "deed_loop", .least = 100000},
    {"futex", "futex", "deed_loop", .least = 100000},
    {"syscalls", "sleep", "syscall 230", .least = 1000000},
    {"opens", "open", "/proc/self/deed-that-is-not-there", .least = 0},
    {"fsync", "fsync", "deed_loop", .least = 0},
    {"block", "fsync", "device ", .others = true},
    {"retransmits", "retransmit", "to 127.0.0.1:", .others = true},
    {"malloc", "malloc", "deed_loop", .least = 4000},
    {"mmap", "mmap", "deed_loop", .least = 1 << 20},
    {"faults", "touch", "deed_loop", .least = 0},
    {"reclaim", "reclaim", "deed_loop", .others = true, .needs_cgroup = true},
    {"signals", "signal", "signal 10 to deeds", .least = 0},
    {"fork", "fork", "deed_loop", .least = 0},
    {"exec", "exec", "/bin/true", .others = true},
    {"migrations", "migrate", "from CPU ", .least = 0},
    {"softirq", "sleep", "softirq ", .others = true, .least = 1000},
};

struct wanted {
    const struct live *live;
    const struct expectation *expected;
    int32_t pid;
    size_t count; // so far, of the samples looked at
    size_t seen;
    uint64_t value;
};

static bool begins_so(const struct live *live, uint32_t node, const char *name)
{
    for (; node != DICT_ROOT; node = live->dict.nodes[node].parent) {
        const struct frame *frame = &live->dict.frames[live->dict.nodes[node].frame];
        if (!strncmp(dict_text(&live->dict, frame->name), name, strlen(name)))
            return true;
    }
    return false;
}

static bool has_wanted(const struct recording *recording, void *arg)
{
    (void)recording;
    struct wanted *wanted = arg;
    for (; wanted->seen < wanted->live->count; wanted->seen++) {
        const struct sample *sample = &wanted->live->samples[wanted->seen];
        bool of_load = wanted->expected->others ||
                       wanted->live->dict.threads[sample->thread].pid == wanted->pid;
        if (of_load && begins_so(wanted->live, sample->node, wanted->expected->frame)) {
            assert_true(sample->time_ns != SAMPLE_NO_TIME);
            wanted->count++;
            wanted->value += sample->value;
        }
    }
    return wanted->count >= WANTED;
}

// The whole cgroup has little memory, and the load is in it before the rights are dropped.
static int cgroup_pipe = -1;

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, text, strlen(text)) > 0;
    if (fd >= 0)
        close(fd);
    return good;
}

// A helper that keeps the power to start the load in a small cgroup: it is told to by a byte, and
// goes, with the load, when the pipe closes.
static void start_cgroup_helper(void)
{
    static const struct {
        const char *directory, *limit;
    } places[] = {
        {"/sys/fs/cgroup/memory/flicker-test", "memory.limit_in_bytes"},
        {"/sys/fs/cgroup/unified/flicker-test", "memory.max"},
        {"/sys/fs/cgroup/flicker-test", "memory.max"},
    };
    int fds[2];
    if (geteuid() || pipe(fds))
        return;
    pid_t helper = fork();
    if (helper) {
        close(fds[0]);
        cgroup_pipe = fds[1];
        return;
    }
    close(fds[1]);
    char byte, path[256];
    if (read(fds[0], &byte, 1) != 1)
        _exit(0);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        mkdir(places[i].directory, 0755);
        snprintf(path, sizeof path, "%s/%s", places[i].directory, places[i].limit);
        if (!write_file(path, "16777216")) {
            rmdir(places[i].directory);
            continue;
        }
        pid_t load = fork();
        if (load == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            snprintf(path, sizeof path, "%s/cgroup.procs", places[i].directory);
            if (!write_file(path, "0"))
                _exit(1);
            execl(FLICKER_WORKLOADS "/deeds", "deeds", "reclaim", (char *)NULL);
            _exit(1);
        }
        while (read(fds[0], &byte, 1) > 0)
            continue;
        kill(load, SIGKILL);
        waitpid(load, NULL, 0);
        while (rmdir(places[i].directory) && errno == EBUSY)
            usleep(10000);
        _exit(0);
    }
    _exit(0);
}

static void try_preset(const struct expectation *expected)
{
    struct live live;
    live_init(&live);
    const struct preset *preset = preset_by_name(expected->preset);
    assert_non_null(preset);
    pid_t pid = 0;
    if (!expected->needs_cgroup)
        pid = live_workload("deeds", (const char *const[]){expected->deed, NULL});
    else
        assert_int_equal(write(cgroup_pipe, "", 1), 1);
    const struct collect_request request = {
        .program = preset->text,
        .preset = preset->name,
        .pid = expected->others ? 0 : pid,
        .min_ns = expected->least,
    };
    struct wanted wanted = {.live = &live, .expected = expected, .pid = pid};
    struct recording *recording =
        live_start(&live, launcher, live_need(launcher, "bpftrace"), &request);
    bool found = live_run(recording, has_wanted, &wanted, 60);
    recording_stop(recording);
    assert_true(live_run(recording, NULL, NULL, 60));
    struct recording_status status;
    recording_status(recording, &status);
    printf("%-12s %zu samples, %zu as expected, worth %llu\n", expected->preset, live.count,
           wanted.count, (unsigned long long)wanted.value);
    if (!found || strcmp(status.why_ended, "stopped") || !status.report || status.report->skipped)
        fail_msg("%s: %s\n%s", expected->preset, status.why_ended, bytes_text(&live.messages));
    assert_string_equal(bytes_text(&live.messages), "");
    if (expected->least)
        assert_true(wanted.value >= WANTED * (uint64_t)expected->least);
    // What it says of itself is what its samples are.
    char event[PROGRAM_NOTE_BYTES], found_event[2 * PROGRAM_NOTE_BYTES];
    assert_true(program_note(preset->text, "event", event));
    assert_int_equal(live.dict.event_count, 1);
    snprintf(found_event, sizeof found_event, "%s %s",
             dict_text(&live.dict, live.dict.events[0].name),
             dict_text(&live.dict, live.dict.events[0].unit));
    assert_string_equal(found_event, event);
    if (pid)
        live_workload_end(pid);
    recording_free(recording);
    live_dispose(&live);
}

// --- what presets measure, against what the load knows of itself --------------------------------

enum { DEEDS = 40 };

struct truth {
    const char *preset, *deed, *frame;
    int64_t least;
    uint64_t each;  // what every sample is worth; 0: how long it took
    unsigned times; // samples of one deed
    bool others;    // the load's children do it
    unsigned extra; // at most so many more: its own code is touched, too
};

static const struct truth truths[] = {
    {"offcpu", "sleep", "deed_loop", .least = 1000000, .times = 1},
    {"offcpu", "threads", "sleeps_once", .least = 1000000, .times = 1},
    {"wakeup", "wake", "woken by deeds", .least = 1000000, .times = 1},
    {"syscalls", "sleep", "syscall 230", .least = 1000000, .times = 1},
    {"fsync", "fsync", "deed_loop", .least = 0, .times = 1},
    {"malloc", "malloc", "deed_loop", .least = 4000, .each = 4000, .times = 1},
    {"mmap", "mmap", "deed_loop", .least = 1 << 20, .each = 1 << 20, .times = 1},
    {"opens", "open", "/proc/self/deed-that-is-not-there", .each = 1, .times = 1},
    {"signals", "signal", "signal 10 to deeds", .each = 1, .times = 1},
    {"fork", "fork", "deed_loop", .each = 1, .times = 1},
    {"exec", "exec", "/bin/true", .each = 1, .times = 1, .others = true},
    {"faults", "touch", "do_touch", .each = 1, .times = 256, .extra = 8},
};

struct counted {
    struct wanted wanted;
    pid_t pid;
    int fd; // where the load says its truth
    size_t count;
    uint64_t waited_ns;
    bool begun, said;
    int64_t enough_ns; // it has said it: what is under way may still come
};

static bool has_all(const struct recording *recording, void *arg)
{
    struct counted *counted = arg;
    char line[64];
    if (!counted->begun && live_is_running(recording, NULL)) {
        kill(counted->pid, SIGUSR2);
        counted->begun = true;
    }
    ssize_t got = counted->said ? 0 : read(counted->fd, line, sizeof line - 1);
    if (got > 0) {
        unsigned long long waited_ns;
        unsigned count;
        line[got] = '\0';
        assert_int_equal(sscanf(line, "%u %llu", &count, &waited_ns), 2);
        counted->waited_ns = waited_ns;
        counted->said = true;
        counted->enough_ns = host_now_ns() + INT64_C(2000000000);
    }
    has_wanted(recording, &counted->wanted);
    return counted->said &&
           (counted->wanted.count >= counted->count || host_now_ns() > counted->enough_ns);
}

static pid_t start_counted(const char *deed, int *fd)
{
    int fds[2], old = dup(STDOUT_FILENO);
    char count[16];
    snprintf(count, sizeof count, "%d", DEEDS);
    assert_int_equal(pipe(fds), 0);
    dup2(fds[1], STDOUT_FILENO);
    pid_t pid = live_workload("deeds", (const char *const[]){deed, count, NULL});
    dup2(old, STDOUT_FILENO);
    close(old);
    close(fds[1]);
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    fcntl(fds[0], F_SETFD, FD_CLOEXEC);
    *fd = fds[0];
    return pid;
}

static void compare(const struct truth *truth)
{
    struct live live;
    live_init(&live);
    const struct preset *preset = preset_by_name(truth->preset);
    const struct expectation expected = {
        .preset = truth->preset, .frame = truth->frame, .others = truth->others};
    struct counted counted = {.count = (size_t)truth->times * DEEDS};
    fflush(stdout);
    counted.pid = start_counted(truth->deed, &counted.fd);
    counted.wanted = (struct wanted){.live = &live, .expected = &expected, .pid = counted.pid};
    const struct collect_request request = {.program = preset->text,
                                            .preset = preset->name,
                                            .pid = truth->others ? 0 : counted.pid,
                                            .min_ns = truth->least};
    struct recording *recording =
        live_start(&live, launcher, live_need(launcher, "bpftrace"), &request);
    assert_true(live_run(recording, has_all, &counted, 100));
    recording_stop(recording);
    assert_true(live_run(recording, NULL, NULL, 60));
    has_wanted(recording, &counted.wanted);
    uint64_t value = counted.wanted.value, waited_ns = counted.waited_ns;
    printf("%-12s %zu of %zu, worth %llu of %llu, %llu lost\n", truth->preset, counted.wanted.count,
           counted.count, (unsigned long long)value,
           (unsigned long long)(truth->each ? truth->each * counted.count : waited_ns),
           (unsigned long long)live.lost);
    // What was lost is said.
    assert_true(counted.wanted.count <= counted.count + truth->extra);
    assert_true(counted.wanted.count + live.lost >= counted.count);
    if (truth->each) {
        assert_int_equal(value, truth->each * counted.wanted.count);
    } else {
        // The load's own clock also counts what it ran, and what it waited for a CPU before.
        assert_true(value <= waited_ns + 5000000);
        if (!live.lost)
            assert_true(value + 5000000 >= waited_ns / 10 * 9);
    }
    live_workload_end(counted.pid);
    close(counted.fd);
    recording_free(recording);
    live_dispose(&live);
}

static void presets_measure_what_there_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof truths / sizeof *truths; i++) {
        if (!only || !strcmp(only, truths[i].preset))
            compare(&truths[i]);
    }
}

static void every_preset_fires(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!only || !strcmp(only, table[i].preset))
            try_preset(&table[i]);
    }
}

static void every_preset_is_tried(void **state)
{
    (void)state;
    for (const struct preset *preset = preset_table; preset->name; preset++) {
        bool found = false;
        for (size_t i = 0; i < sizeof table / sizeof *table; i++)
            found |= !strcmp(table[i].preset, preset->name);
        if (!found)
            fail_msg("there is no load for bt:%s", preset->name);
    }
}

int main(int argc, char **argv)
{
    only = argc > 1 ? argv[1] : NULL;
    start_cgroup_helper();
    launcher = live_launcher();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_preset_is_tried),
        cmocka_unit_test(every_preset_fires),
        cmocka_unit_test(presets_measure_what_there_was),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (cgroup_pipe >= 0)
        close(cgroup_pipe);
    launcher_free(launcher);
    return failed;
}
