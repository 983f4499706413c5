// What live tests share.
#include "tests/live/live.h"

#include "collectors/host.h"
#include "proto/alloc.h"
#include "tests/test.h"

#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SKIPPED = 77 }; // SKIP_RETURN_CODE of the test

static struct live *of(struct sink *sink)
{
    return (struct live *)sink;
}

static int keep_hello(struct sink *sink, const struct hello *hello, struct err *err)
{
    (void)err;
    struct live *live = of(sink);
    assert_false(live->hello);
    assert_int_equal(live->count, 0);
    assert_true(hello->wall_known && hello->clock == CLOCK_KIND_MONOTONIC);
    assert_true(hello->cpus > 0 && hello->host && hello->kernel && hello->command);
    live->hello = true;
    live->rate_hz = hello->rate_hz;
    snprintf(live->collector, sizeof live->collector, "%s", hello->collector);
    return 0;
}

static int keep_samples(struct sink *sink, const struct sample *samples, size_t count,
                        struct err *err)
{
    (void)err;
    struct live *live = of(sink);
    array_reserve(&live->samples, &live->capacity, live->count + count);
    memcpy(live->samples + live->count, samples, count * sizeof *samples);
    live->count += count;
    return 0;
}

static int keep_loss(struct sink *sink, const struct loss *loss, struct err *err)
{
    (void)err;
    of(sink)->lost += loss->count;
    return 0;
}

static const struct sink_ops keep_ops = {
    .hello = keep_hello, .samples = keep_samples, .loss = keep_loss};

void live_init(struct live *live)
{
    *live = (struct live){.sink = {&keep_ops, &live->dict}};
    dict_init(&live->dict);
}

void live_dispose(struct live *live)
{
    dict_dispose(&live->dict);
    bytes_dispose(&live->messages);
    free(live->samples);
}

struct launcher *live_launcher(void)
{
    struct launcher *launcher = NULL;
    struct err err = {0};
    if (launcher_split(&launcher, LAUNCHER_COLLECTS, &err)) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    return launcher;
}

_Noreturn void live_skip(const char *reason)
{
    const char *require = getenv("FLICKER_REQUIRE_LIVE");
    bool required = require && !strcmp(require, "1");
    fprintf(stderr, "%s: %s\n", required ? "FAILED, must not be skipped" : "SKIP", reason);
    exit(required ? 1 : SKIPPED);
}

const struct collector *live_need(struct launcher *launcher, const char *name)
{
    struct err err = {0};
    const struct collector *collector = collector_by_name(name);
    assert_non_null(collector);
    if (collector->probe(launcher, NULL, &err))
        live_skip(err.message);
    return collector;
}

static void keep_message(void *arg, bool is_error, const char *line)
{
    struct live *live = arg;
    bytes_printf(&live->messages, "%s%s\n", is_error ? "E " : "", line);
}

struct recording *live_start(struct live *live, struct launcher *launcher,
                             const struct collector *collector,
                             const struct collect_request *request)
{
    struct recording *recording = NULL;
    struct err err = {0};
    struct recording_events events = {keep_message, live};
    assert_true(collector->serves(request));
    if (collector->start(&recording, launcher, request, &live->sink, &events, &err))
        fail_msg("%s", err.message);
    return recording;
}

bool live_run(struct recording *recording,
              bool (*done)(const struct recording *recording, void *arg), void *arg, int timeout_s)
{
    int64_t deadline_ns = host_now_ns() + timeout_s * INT64_C(1000000000);
    while (recording_tick(recording, host_now_ns())) {
        if (done && done(recording, arg))
            return true;
        if (host_now_ns() > deadline_ns)
            return false;
        poll(NULL, 0, recording_interval_ms(recording, true));
    }
    return !done || done(recording, arg);
}

bool live_is_running(const struct recording *recording, void *arg)
{
    (void)arg;
    struct recording_status status;
    recording_status(recording, &status);
    return status.state == RECORDING_RUNNING;
}

bool live_has_samples(const struct recording *recording, void *arg)
{
    (void)arg;
    struct recording_status status;
    recording_status(recording, &status);
    return status.first_sample_ns != 0;
}

pid_t live_workload(const char *name, const char *const *args)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", FLICKER_WORKLOADS, name);
    const char *argv[16] = {path};
    for (size_t i = 0; args && args[i] && i < 14; i++)
        argv[i + 1] = args[i];
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execv(path, (char *const *)argv);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

void live_workload_end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static bool has_frame(const struct live *live, uint32_t node, uint32_t name)
{
    for (; node != DICT_ROOT; node = live->dict.nodes[node].parent) {
        const struct frame *frame = &live->dict.frames[live->dict.nodes[node].frame];
        if (frame->kind != FRAME_COMM && frame->name == name)
            return true;
    }
    return false;
}

size_t live_count(const struct live *live, int32_t pid, const char *name)
{
    uint32_t string = name ? dict_find_string(&live->dict, name, strlen(name)) : 0;
    size_t count = 0;
    for (size_t i = 0; i < live->count; i++) {
        const struct sample *sample = &live->samples[i];
        if (pid && live->dict.threads[sample->thread].pid != pid)
            continue;
        count += !name || (string != IDSET_NONE && has_frame(live, sample->node, string));
    }
    return count;
}

void live_assert_spin(const struct live *live, int32_t pid, size_t least)
{
    static const struct {
        const char *leaf, *caller;
        double share;
    } parts[] = {
        {"leaf_hot", "do_hot", 60}, {"leaf_warm", "do_warm", 30}, {"leaf_cold", "do_cold", 10}};
    size_t all = live_count(live, pid, NULL);
    printf("%zu samples of the workload, %" PRIu64 " lost:", all, live->lost);
    for (size_t i = 0; i < 3; i++)
        printf(" %s %.1f %%", parts[i].leaf,
               100.0 * (double)live_count(live, pid, parts[i].leaf) / (double)(all ? all : 1));
    printf("\n");
    assert_true(all >= least);
    for (size_t i = 0; i < 3; i++) {
        size_t leaf = live_count(live, pid, parts[i].leaf);
        double share = 100.0 * (double)leaf / (double)all;
        assert_true(fabs(share - parts[i].share) <= 8);
        // The callers are there too: whole stacks, not leaves only.
        size_t caller = live_count(live, pid, parts[i].caller);
        assert_true((double)caller >= 0.9 * (double)leaf);
    }
}
