// Damaged files: every file cut at every byte, and with random bits flipped, read as a user would.
//
//     abuse [--full] [--cuts N] [--flips N] [--seed N] FILE|FOLDER...
//
// Each damaged copy goes through the reader (unpacking, detection, decoding) into a buffer, which
// is then asked for a fold and a heatmap. It must give a clear error, or samples and a count of
// what was not understood; never crash, take more than 1 s of CPU time, or memory beyond 8 times
// the file and 64 MiB. --full: cuts at every byte and 10,000 flips; else some of each, for CI. What
// fails is kept as abuse.failed in the working directory.
#include "analysis/buffer.h"
#include "proto/alloc.h"
#include "proto/reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
    CUT_BYTES_MOST = 64 << 10, // larger files are cut at so many places spread over them:
    CUTS_OF_LARGE = 1024,
    HANG_S = 60, // of real time: a machine may be busy
    CPU_MS_MOST = 1000,
    RSS_FREE_BYTES = 64 << 20,
    RSS_RATIO = 8,
};

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

struct abuse {
    uint64_t cuts, flips, seed;
    bool full;
    int memory; // memfd: the damaged copy
    char memory_path[64];
    uint64_t cases, errors, skipped, whole;
    uint64_t slowest_us;
    size_t rss_most;
    int failures;
};

// What is at hand, for the alarm.
static char now_doing[512];

static void on_alarm(int signal)
{
    (void)signal;
    static const char text[] = "\nabuse: no end within 60 s: ";
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    (void)!write(STDERR_FILENO, now_doing, strlen(now_doing));
    (void)!write(STDERR_FILENO, "\n", 1);
    _exit(1);
}

static uint64_t random_next(uint64_t *state) // splitmix64
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static size_t status_bytes(const char *field)
{
    char line[256];
    size_t kib = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof line, file)) {
        if (!strncmp(line, field, strlen(field)))
            kib = strtoul(line + strlen(field) + 1, NULL, 10);
    }
    if (file)
        fclose(file);
    return kib << 10;
}

static void reset_peak(void)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!write(fd, "5", 1);
        close(fd);
    }
}

static uint64_t cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void fail(struct abuse *abuse, const uint8_t *data, size_t len, const char *why)
{
    fprintf(stderr, "abuse: %s: %s\n", now_doing, why);
    FILE *file = abuse->failures++ ? NULL : fopen("abuse.failed", "we");
    if (file) {
        fwrite(data, 1, len, file);
        fclose(file);
    }
}

// Every question must have an answer or a sentence.
static const char *ask(struct buffer *buffer)
{
    struct store *store = buffer_store(buffer);
    struct query query = {.threads = 1};
    struct heatmap_shape shape = {.column_ns = 1000000000, .rows = 50, .columns = 60};
    struct fold fold = {0};
    struct heatmap map = {0};
    struct axis axis;
    struct err err = {0};
    const char *why = NULL;
    store_axis(store, &axis);
    shape.from_ns = axis.has_time ? axis_floor(&axis, axis.first_ns, shape.column_ns) : 0;
    if (store_fold(store, &query, &fold, &err) && !err.message[0])
        why = "fold failed without a message";
    err = (struct err){0};
    if (store_heatmap(store, &query, &shape, &map, &err) && !err.message[0])
        why = "heatmap failed without a message";
    fold_dispose(&fold);
    heatmap_dispose(&map);
    return why;
}

static const char *check_report(struct abuse *abuse, const struct decode_report *report, int rc,
                                const struct err *err)
{
    abuse->errors += rc != 0;
    abuse->skipped += !rc && report && report->skipped;
    abuse->whole += !rc && !(report && report->skipped);
    if (rc && !err->message[0])
        return "an error without a message";
    if (report && report->skipped && !report->first_skipped_why[0])
        return "something was skipped without a reason";
    if (report && report->skipped && !report->first_skipped_line &&
        report->first_skipped_byte > report->bytes)
        return "something was skipped beyond the end";
    return NULL;
}

static void try_one(struct abuse *abuse, const uint8_t *data, size_t len)
{
    struct reader *reader;
    struct sink *sink;
    struct err err = {0};
    struct decode_options options = {.threads = 1};
    alarm(HANG_S);
    if (ftruncate(abuse->memory, 0) || pwrite(abuse->memory, data, len, 0) != (ssize_t)len) {
        fail(abuse, data, len, strerror(errno));
        return;
    }
    uint64_t start_us = cpu_us();
    struct buffer *buffer = buffer_new(16 << 20, 0);
    buffer_source_add(buffer, "file", &sink);
    int rc = reader_open(&reader, abuse->memory_path, NULL, sink, &options, &err);
    const struct decode_report *report = rc ? NULL : reader_report(reader);
    while (!rc && (rc = reader_step(reader, &err)) == 1)
        rc = 0;
    const char *why = check_report(abuse, report, rc, &err);
    if (!why)
        why = ask(buffer);
    reader_free(reader);
    buffer_free(buffer);
    uint64_t took_us = cpu_us() - start_us;
    abuse->slowest_us = took_us > abuse->slowest_us ? took_us : abuse->slowest_us;
    if (!why && took_us > CPU_MS_MOST * (SANITIZED ? 20000u : 1000u))
        why = "it takes more than 1 s";
    if (why)
        fail(abuse, data, len, why);
    abuse->cases++;
}

static void cut(struct abuse *abuse, const char *path, const uint8_t *data, size_t len)
{
    bool all = len <= CUT_BYTES_MOST && len <= abuse->cuts;
    uint64_t most =
        len > CUT_BYTES_MOST && abuse->cuts > CUTS_OF_LARGE ? CUTS_OF_LARGE : abuse->cuts;
    uint64_t count = all || most > len ? len : most;
    for (uint64_t i = 0; i < count && !abuse->failures; i++) {
        // Not all: at places that differ from seed to seed.
        size_t at = all ? i
                        : (size_t)((i + random_next(&abuse->seed) % 1024 / 1024.0) * (double)len /
                                   (double)count);
        snprintf(now_doing, sizeof now_doing, "%s cut at byte %zu", path, at);
        try_one(abuse, data, at);
    }
}

static void flip(struct abuse *abuse, const char *path, const uint8_t *data, size_t len)
{
    uint8_t *copy = xmalloc(len ? len : 1);
    for (uint64_t i = 0; i < abuse->flips && len && !abuse->failures; i++) {
        uint64_t state = abuse->seed + i;
        unsigned bits = 1 + random_next(&state) % 3 * (random_next(&state) % 8);
        memcpy(copy, data, len);
        for (unsigned bit = 0; bit < bits; bit++) {
            uint64_t where = random_next(&state);
            // The beginning decides what a file is taken for.
            size_t span = where >> 62 && len > 512 ? len : len > 512 ? 512 : len;
            copy[(where >> 3) % span] ^= (uint8_t)(1 << (where & 7));
        }
        snprintf(now_doing, sizeof now_doing, "%s with flip %" PRIu64 " of seed %" PRIu64, path, i,
                 abuse->seed);
        try_one(abuse, copy, len);
    }
    free(copy);
}

static void abuse_file(struct abuse *abuse, const char *path)
{
    FILE *file = fopen(path, "rbe");
    if (!file) {
        fprintf(stderr, "abuse: cannot open '%s': %s\n", path, strerror(errno));
        abuse->failures++;
        return;
    }
    struct bytes bytes = {0};
    char chunk[65536];
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, file)) > 0;)
        bytes_append(&bytes, chunk, got);
    fclose(file);
    const uint8_t *data = (const uint8_t *)bytes.data;
    snprintf(now_doing, sizeof now_doing, "%s as it is", path);
    try_one(abuse, data ? data : (const uint8_t *)"", bytes.len);
    size_t before = status_bytes("VmRSS:");
    reset_peak();
    cut(abuse, path, data, bytes.len);
    flip(abuse, path, data, bytes.len);
    size_t peak = status_bytes("VmHWM:"), most = before + RSS_RATIO * bytes.len + RSS_FREE_BYTES;
    size_t over = peak > before ? peak - before : 0;
    abuse->rss_most = over > abuse->rss_most ? over : abuse->rss_most;
    snprintf(now_doing, sizeof now_doing, "%s: %zu MiB", path, over >> 20);
    if (!SANITIZED && peak > most)
        fail(abuse, data, bytes.len, "takes more memory than 8 times its size and 64 MiB");
    if (abuse->full)
        fprintf(stderr, "%s, %" PRIu64 " cases so far\n", now_doing, abuse->cases);
    bytes_dispose(&bytes);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void abuse_path(struct abuse *abuse, const char *path)
{
    struct stat about;
    struct dirent **entries;
    if (stat(path, &about) || !S_ISDIR(about.st_mode)) {
        abuse_file(abuse, path);
        return;
    }
    int count = scandir(path, &entries, NULL, by_name);
    for (int i = 0; i < count; i++) {
        char *inner = xasprintf("%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && !abuse->failures)
            abuse_path(abuse, inner);
        free(inner);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

int main(int argc, char **argv)
{
    struct abuse abuse = {.cuts = 60, .flips = 60, .seed = 1};
    abuse.memory = memfd_create("abuse", MFD_CLOEXEC);
    snprintf(abuse.memory_path, sizeof abuse.memory_path, "/proc/self/fd/%d", abuse.memory);
    signal(SIGALRM, on_alarm);
    for (int i = 1; i < argc && !abuse.failures; i++) {
        uint64_t *option = !strcmp(argv[i], "--cuts")    ? &abuse.cuts
                           : !strcmp(argv[i], "--flips") ? &abuse.flips
                           : !strcmp(argv[i], "--seed")  ? &abuse.seed
                                                         : NULL;
        if (option && i + 1 < argc) {
            *option = strtoull(argv[++i], NULL, 10);
        } else if (!strcmp(argv[i], "--full")) {
            abuse.cuts = CUT_BYTES_MOST;
            abuse.flips = 10000;
            abuse.full = true;
        } else {
            abuse_path(&abuse, argv[i]);
        }
    }
    printf("%" PRIu64 " damaged files: %" PRIu64 " errors, %" PRIu64
           " read with something skipped, %" PRIu64
           " read; slowest %.1f ms, at most %zu MiB more; %d failures\n",
           abuse.cases, abuse.errors, abuse.skipped, abuse.whole, (double)abuse.slowest_us / 1e3,
           abuse.rss_most >> 20, abuse.failures);
    return abuse.failures ? 1 : 0;
}
