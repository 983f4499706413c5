// What live tests share: a collector that really runs, and the samples it brought.
#ifndef FLICKER_TESTS_LIVE_LIVE_H
#define FLICKER_TESTS_LIVE_LIVE_H

#include "collectors/recording.h"
#include "proto/bytes.h"

// A sink that keeps everything.
struct live {
    struct sink sink;
    struct dict dict;
    struct sample *samples;
    size_t count, capacity;
    uint64_t lost;
    bool hello;
    char collector[32];
    double rate_hz;
    struct bytes messages; // lines of the recording; errors start with "E "
};

void live_init(struct live *live);
void live_dispose(struct live *live);

// To be called first in main(): as root, splits off the launcher and drops all rights, so that the
// test runs as the shell does.
struct launcher *live_launcher(void);
// Says why this test cannot run here and ends it: skipped, or failed with FLICKER_REQUIRE_LIVE=1.
_Noreturn void live_skip(const char *reason);
// Skips when this collector cannot run.
const struct collector *live_need(struct launcher *launcher, const char *collector);

// Starts; fails the test when that fails.
struct recording *live_start(struct live *live, struct launcher *launcher,
                             const struct collector *collector,
                             const struct collect_request *request);
// Ticks until the condition holds (NULL: until it has ended); false after timeout_s.
bool live_run(struct recording *recording,
              bool (*done)(const struct recording *recording, void *arg), void *arg, int timeout_s);
// Conditions.
bool live_is_running(const struct recording *recording, void *arg);
bool live_has_samples(const struct recording *recording, void *arg);

// Starts a workload of tests/live/workloads; kills and reaps it.
pid_t live_workload(const char *name, const char *const *args);
void live_workload_end(pid_t pid);

// Samples of a process whose stack holds a frame of this name; any process with pid 0.
size_t live_count(const struct live *live, int32_t pid, const char *frame);
// Fails unless the shares of spin's leaves are 60, 30 and 10 %, each within 8 points, of at least
// `least` samples.
void live_assert_spin(const struct live *live, int32_t pid, size_t least);

#endif
