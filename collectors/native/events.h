// What the BPF programs put into the ring: shared by them and the reader. Plain types only.
#ifndef FLICKER_COLLECTORS_NATIVE_EVENTS_H
#define FLICKER_COLLECTORS_NATIVE_EVENTS_H

enum {
    NATIVE_STACK_MAX = 127, // frames of one side; the default of kernel.perf_event_max_stack
    NATIVE_COMM_BYTES = 16,
};

enum native_kind {
    NATIVE_CPU,    // value: ns since the last sample of this CPU
    NATIVE_OFFCPU, // value: ns not running, up to time_ns
    NATIVE_FAULTS, // value: page faults
    NATIVE_KINDS,
};

// Why a thread is off its CPU.
enum native_state { NATIVE_SLEEPING, NATIVE_DISK, NATIVE_PREEMPTED, NATIVE_OTHER };

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
    unsigned int state; // enum native_state
    unsigned int reserved;
};

// A thread that is off its CPU, or was: the event that will be, with its stacks.
struct native_away {
    struct native_event event;
    unsigned long long frames[2 * NATIVE_STACK_MAX + 2];
    unsigned long long since_ns; // what was not yet told begins here; 0: it is running
};

#endif
