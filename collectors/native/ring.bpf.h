// The one ring buffer of a recording, and where events are built.
//
// The ring never wakes its reader (BPF_RB_NO_WAKEUP): the wake-ups would cost more than the stacks.
// The reader comes by every few tens of milliseconds instead. What finds no room is counted.
#ifndef FLICKER_COLLECTORS_NATIVE_RING_BPF_H
#define FLICKER_COLLECTORS_NATIVE_RING_BPF_H

#include "events.h"
#include "vmlinux_min.h"

#include <bpf/bpf_helpers.h>

// Read by the reader while we run.
__u64 lost = 0;

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4 << 20); // set anew by the number of CPUs
} ring SEC(".maps");

struct scratch {
    __u64 busy; // beside what is written first
    struct native_event event;
    unsigned long long frames[2 * NATIVE_STACK_MAX + 2];
};

// Where events are built. What interrupts a program on its CPU, or preempts it (uprobes may be),
// finds its slot busy and takes the next one.
enum { SCRATCH_SLOTS = 4 };
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, SCRATCH_SLOTS);
    __type(key, __u32);
    __type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline void count_lost(void)
{
    __sync_fetch_and_add(&lost, 1);
}

static __always_inline struct scratch *scratch_get(void)
{
#pragma unroll
    for (__u32 i = 0; i < SCRATCH_SLOTS; i++) {
        __u32 slot = i;
        struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);
        if (scratch && !__sync_lock_test_and_set(&scratch->busy, 1))
            return scratch;
    }
    count_lost();
    return 0;
}

static __always_inline void scratch_put(struct scratch *scratch)
{
    __sync_lock_test_and_set(&scratch->busy, 0);
}

// The event and the frames that follow it.
static __always_inline void send(struct native_event *event)
{
    __u64 frames = (event->kernel_frames + event->user_frames) & 0xff;
    __u64 bytes = sizeof *event + frames * sizeof(__u64);
    if (bytes <= sizeof(struct scratch) &&
        bpf_ringbuf_output(&ring, event, bytes, BPF_RB_NO_WAKEUP))
        count_lost();
}

#endif
