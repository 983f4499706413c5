// What the BPF programs put into the ring: shared by them and the reader. Plain types only.
#ifndef FLICKER_COLLECTORS_NATIVE_EVENTS_H
#define FLICKER_COLLECTORS_NATIVE_EVENTS_H

enum {
    NATIVE_STACK_MAX = 127, // frames of one side; the default of kernel.perf_event_max_stack
    NATIVE_COMM_BYTES = 16,
    NATIVE_CPU_WORDS = 64, // of 64 bits each: the CPUs that can be named
};

// What can be recorded; the kind of an event says what its value is.
enum native_kind {
    NATIVE_CPU,    // of a perf event: its period (ns of the CPU clock)
    NATIVE_OFFCPU, // ns not running, up to time_ns
    NATIVE_WAKEUP, // ns asleep, until it was woken at time_ns; a NATIVE_WAKER precedes it
    NATIVE_RUNQ,   // ns runnable but not running, up to time_ns
    NATIVE_FAULTS, // page faults
    NATIVE_MALLOC, // bytes allocated since the last one that was told
    NATIVE_PROBE,  // 1, or the value that was asked for
    NATIVE_KINDS,
    // Come beside those.
    NATIVE_WAKER = NATIVE_KINDS, // who woke thread `subject`, with its stack
    NATIVE_FREED,                // the block at `subject` is no more
};

// Who is watched and what is told of it: a constant of the programs, set before they are loaded.
struct native_target {
    unsigned long long cgroup; // id; those below it count too. 0: every one, as below
    unsigned long long min_ns; // shorter times are not told
    unsigned long long cpus[NATIVE_CPU_WORDS];
    unsigned int pid, tid;
    unsigned int cgroup_level;
    unsigned int kind;  // enum native_kind
    unsigned int depth; // frames of one side
    char comm[NATIVE_COMM_BYTES];
    _Bool has_comm, has_cpus, want_kernel, want_user;
};

// Why a thread is off its CPU. RUNNABLE: it is not; the time is that on the run queue.
enum native_state {
    NATIVE_SLEEPING,
    NATIVE_DISK,
    NATIVE_PREEMPTED,
    NATIVE_OTHER,
    NATIVE_RUNNABLE,
};

// Followed by kernel_frames, then user_frames addresses, the leaf first.
struct native_event {
    unsigned long long time_ns;  // CLOCK_MONOTONIC
    unsigned long long value;    // in the unit of its kind
    unsigned long long start_ns; // when the thread started; 0: not told
    unsigned long long cgroup;   // id of its cgroup (v2)
    unsigned long long subject;  // of a waker: tid of whom it woke; of malloc: the block's address
    // Above the frames of the user's stack, 0 where there is none: the function at whose entry or
    // return it was taken, and at its entry who called it (see take_entry_stacks).
    unsigned long long function, caller;
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
    unsigned long long began_ns; // when it left its CPU, or became runnable
    unsigned long long since_ns; // what was not yet told begins here; 0: nothing is to be told
};

#endif
