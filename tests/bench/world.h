// Synthetic samples for the programs that measure: 2 CPUs (or more) at 1 kHz each, several hundred
// threads, a tree of stacks with skewed popularity: few are hot, most are rare.
#ifndef FLICKER_TESTS_BENCH_WORLD_H
#define FLICKER_TESTS_BENCH_WORLD_H

#include "proto/alloc.h"
#include "proto/sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    WORLD_COMMS = 168,
    WORLD_THREADS = 400,
    WORLD_FUNCTIONS = 9000,
    WORLD_MODULES = 120,
    WORLD_DEPTH_MOST = 16,
};

struct world {
    struct dict *dict; // borrowed
    uint64_t random;
    uint32_t *stacks; // leaf nodes
    uint32_t stack_count;
    bool chained; // a stack is that of one thread
    uint32_t threads[WORLD_THREADS];
    uint16_t event;
    unsigned cpus;
    int64_t step_ns; // between two samples, on average
    int64_t time_ns; // of the last one
};

static inline double world_clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static inline uint64_t world_random(struct world *world)
{
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return world->random;
}

static inline void world_names(struct world *world, uint32_t *frames)
{
    struct dict *dict = world->dict;
    char name[64];
    for (uint32_t i = 0; i < WORLD_FUNCTIONS; i++) {
        snprintf(name, sizeof name, "/usr/lib/module_%u.so", i % WORLD_MODULES);
        uint32_t module = dict_string_z(dict, name);
        snprintf(name, sizeof name, "some_function_of_the_%u_th_kind", i * 2654435761u % 100000);
        struct frame frame = {.name = dict_string_z(dict, name), .module = module};
        frames[i] = dict_frame(dict, &frame);
    }
    for (uint32_t i = 0; i < WORLD_THREADS; i++) {
        snprintf(name, sizeof name, "comm_%u", i % WORLD_COMMS);
        struct thread thread = {.pid = (int32_t)(1000 + i / 4),
                                .tid = (int32_t)(1000 + i),
                                .comm = dict_string_z(dict, name)};
        world->threads[i] = dict_thread(dict, &thread);
    }
    struct event event = {dict_string_z(dict, "cpu-clock"), dict_string_z(dict, "ns"), false};
    world->event = (uint16_t)dict_event(dict, &event);
}

// Every stack branches off an earlier one, some levels up: some 3.5 nodes a stack.
static inline uint32_t world_branch(struct world *world, uint32_t i, const uint32_t *frames)
{
    struct dict *dict = world->dict;
    uint32_t node;
    if (i < WORLD_COMMS) {
        node = dict_comm_node(dict, dict->threads[world->threads[i]].comm);
    } else {
        node = world->stacks[world_random(world) % i];
        for (uint64_t up = world_random(world) % WORLD_DEPTH_MOST; up > 0; up--) {
            if (dict->nodes[dict->nodes[node].parent].parent != DICT_ROOT)
                node = dict->nodes[node].parent;
        }
    }
    for (uint64_t deep = 1 + world_random(world) % 6; deep > 0; deep--)
        node = dict_node(dict, node, frames[world_random(world) % WORLD_FUNCTIONS]);
    return node;
}

// Every stack has so many frames; neighbours share their callers.
static inline uint32_t world_chain(struct world *world, uint32_t i, const uint32_t *frames,
                                   unsigned depth)
{
    struct dict *dict = world->dict;
    uint32_t node = dict_comm_node(dict, dict->threads[world->threads[i % WORLD_THREADS]].comm);
    for (unsigned level = 0; level < depth; level++) {
        uint32_t which = i >> (depth - 1 - level);
        node = dict_node(dict, node, frames[(which * 31 + level * 1009) % WORLD_FUNCTIONS]);
    }
    return node;
}

// Depth 0: a tree of stacks of all depths.
static inline void world_init(struct world *world, struct dict *dict, uint32_t stack_count,
                              unsigned cpus, double rate_hz, unsigned depth)
{
    uint32_t frames[WORLD_FUNCTIONS];
    *world = (struct world){.dict = dict,
                            .random = UINT64_C(88172645463325252),
                            .stack_count = stack_count,
                            .chained = depth > 0,
                            .cpus = cpus,
                            .step_ns = (int64_t)(1e9 / rate_hz / cpus),
                            .time_ns = INT64_C(1000000000000)};
    world_names(world, frames);
    world->stacks = xreallocarray(NULL, stack_count, sizeof *world->stacks);
    for (uint32_t i = 0; i < stack_count; i++)
        world->stacks[i] =
            depth ? world_chain(world, i, frames, depth) : world_branch(world, i, frames);
}

static inline void world_dispose(struct world *world)
{
    free(world->stacks);
}

static inline struct sample world_sample(struct world *world)
{
    uint64_t random = world_random(world);
    double share = (double)(random >> 11) * 0x1p-53;
    uint64_t step = (uint64_t)world->step_ns;
    world->time_ns += (int64_t)(step / 2 + random % step);
    size_t stack = (size_t)(share * share * share * share * world->stack_count);
    return (struct sample){.time_ns = world->time_ns,
                           .value = 1001001,
                           .node = world->stacks[stack],
                           .thread =
                               world->threads[(world->chained ? stack : random) % WORLD_THREADS],
                           .cpu = (uint16_t)((random >> 20) % world->cpus),
                           .event = world->event};
}

#endif
