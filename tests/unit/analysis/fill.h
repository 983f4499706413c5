// Fills buffers and dictionaries by hand, for the tests of analysis/.
#ifndef FLICKER_TESTS_ANALYSIS_FILL_H
#define FLICKER_TESTS_ANALYSIS_FILL_H

#include "analysis/buffer.h"
#include "proto/err.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILL_SECOND INT64_C(1000000000)

// A stack as "comm;caller;callee": the first word is the thread's name. A frame may start with "k:"
// (kernel), and end in "@module", then "#file:line". "?" has
// no name.
static inline uint32_t fill_node(struct dict *dict, const char *stack)
{
    char *copy = strdup(stack);
    char *rest = copy;
    char *word = strsep(&rest, ";");
    uint32_t node = dict_comm_node(dict, dict_string_z(dict, word));
    while ((word = strsep(&rest, ";"))) {
        struct frame frame = {.kind = FRAME_USER};
        if (!strncmp(word, "k:", 2)) {
            frame.kind = FRAME_KERNEL;
            frame.module = dict_string_z(dict, "[kernel]");
            word += 2;
        }
        char *place = strchr(word, '#'), *line = place ? strrchr(place, ':') : NULL;
        if (line) {
            *place = *line = '\0';
            frame.file = dict_string_z(dict, place + 1);
            frame.line = (uint32_t)atoi(line + 1);
        }
        char *module = strchr(word, '@');
        if (module) {
            *module = '\0';
            frame.module = dict_string_z(dict, module + 1);
        }
        if (strcmp(word, "?") != 0)
            frame.name = dict_string_z(dict, word);
        node = dict_node(dict, node, dict_frame(dict, &frame));
    }
    free(copy);
    return node;
}

static inline uint32_t fill_thread(struct dict *dict, const char *comm, int32_t pid, int32_t tid)
{
    struct thread thread = {.pid = pid, .tid = tid, .comm = dict_string_z(dict, comm)};
    return dict_thread(dict, &thread);
}

static inline uint16_t fill_event(struct dict *dict, const char *name, const char *unit,
                                  bool by_value)
{
    struct event event = {dict_string_z(dict, name), dict_string_z(dict, unit), by_value};
    return (uint16_t)dict_event(dict, &event);
}

static inline void fill_hello_at(struct sink *sink, enum clock_kind clock, const char *host,
                                 double rate_hz)
{
    struct err err = {0};
    struct hello hello = {
        .collector = "test", .host = host, .clock = clock, .rate_hz = rate_hz, .cpus = 2};
    assert_int_equal(sink_hello(sink, &hello, &err), 0);
}

static inline void fill_hello(struct sink *sink, enum clock_kind clock, const char *host)
{
    fill_hello_at(sink, clock, host, 100);
}

// One sample of "cpu-clock" that stands for so long; the thread's name is the stack's first word,
// tid = pid.
static inline void fill_period(struct sink *sink, int64_t time_ns, int32_t pid, uint16_t cpu,
                               const char *stack, uint64_t period_ns)
{
    struct err err = {0};
    char comm[64];
    snprintf(comm, sizeof comm, "%.*s", (int)strcspn(stack, ";"), stack);
    struct sample sample = {.time_ns = time_ns,
                            .value = period_ns,
                            .node = fill_node(sink->dict, stack),
                            .thread = fill_thread(sink->dict, comm, pid, pid),
                            .cpu = cpu,
                            .event = fill_event(sink->dict, "cpu-clock", "ns", false)};
    assert_int_equal(sink_samples(sink, &sample, 1, &err), 0);
}

static inline void fill_sample(struct sink *sink, int64_t time_ns, int32_t pid, uint16_t cpu,
                               const char *stack)
{
    fill_period(sink, time_ns, pid, cpu, stack, 10000000);
}

// The folded text of a query; the caller frees it. NULL, and *err filled, when it fails.
static inline char *fill_folded(struct store *store, const struct query *query, struct err *err)
{
    struct fold fold;
    struct bytes text = {0};
    struct output_bytes output;
    int rc = store_fold(store, query, &fold, err);
    if (rc == 0) {
        output_bytes_init(&output, &text);
        rc = fold_write_text(&fold, &output.base, err);
    }
    fold_dispose(&fold);
    if (rc < 0) {
        bytes_dispose(&text);
        return NULL;
    }
    char *folded = strdup(bytes_text(&text));
    bytes_dispose(&text);
    return folded;
}

#define assert_folded(store, query, expected)                                                      \
    do {                                                                                           \
        struct err fold_err = {0};                                                                 \
        char *folded = fill_folded(store, query, &fold_err);                                       \
        assert_non_null(folded);                                                                   \
        assert_string_equal(folded, expected);                                                     \
        free(folded);                                                                              \
    } while (0)

#endif
