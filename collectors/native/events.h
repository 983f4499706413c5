// What the BPF programs put into the ring: shared by them and the reader. Plain types only.
#ifndef FLICKER_COLLECTORS_NATIVE_EVENTS_H
#define FLICKER_COLLECTORS_NATIVE_EVENTS_H

enum {
    NATIVE_STACK_MAX = 127, // frames of one side; the default of kernel.perf_event_max_stack
    NATIVE_COMM_BYTES = 16,
};

enum native_kind {
    NATIVE_CPU,
    NATIVE_KINDS,
};

// Followed by kernel_frames, then user_frames addresses, the leaf first.
struct native_event {
    unsigned long long time_ns;  // CLOCK_MONOTONIC
    unsigned long long value;    // in the unit of its kind
    unsigned long long start_ns; // when the thread started
    unsigned long long cgroup;   // id of its cgroup (v2)
    unsigned int pid, tid;
    unsigned short cpu;
    unsigned short kind; // enum native_kind
    unsigned short kernel_frames, user_frames;
    char comm[NATIVE_COMM_BYTES];
};

#endif
