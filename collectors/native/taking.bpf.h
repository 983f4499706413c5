// What all programs share: whom they watch, how stacks are taken, the one ring buffer.
//
// The ring never wakes its reader (BPF_RB_NO_WAKEUP): the wake-ups would cost more than the stacks.
// The reader comes by every few tens of milliseconds instead. What finds no room is counted.
#ifndef FLICKER_COLLECTORS_NATIVE_TAKING_BPF_H
#define FLICKER_COLLECTORS_NATIVE_TAKING_BPF_H

#include "events.h"
#include "vmlinux_min.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

// Set before loading: who is watched.
const volatile __u32 target_pid = 0, target_tid = 0; // 0: every one
const volatile bool target_has_comm = 0, target_has_cpus = 0;
const volatile char target_comm[NATIVE_COMM_BYTES] = {};
const volatile __u64 target_cpus[NATIVE_CPU_WORDS] = {};
const volatile __u64 target_cgroup = 0; // id; those below it count too
const volatile __u32 target_cgroup_level = 0;
// And what is told of it.
const volatile __u32 kind = NATIVE_CPU;
const volatile __u64 min_ns = 0; // shorter times are not told
const volatile bool want_kernel = 1, want_user = 1;
const volatile __u32 depth = NATIVE_STACK_MAX; // frames of one side

// Read by the reader while we run.
__u64 lost = 0;

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4 << 20); // set anew by the number of CPUs
} ring SEC(".maps");

struct scratch {
    struct native_event event;
    unsigned long long frames[2 * NATIVE_STACK_MAX + 2];
    __u32 busy;
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

// Frames to leave out at the top: of ours in the kernel's stack, of the user's.
static __always_inline void take_stacks(void *context, struct native_event *event,
                                        unsigned long long *frames, __u64 skip_kernel,
                                        __u64 skip_user)
{
    long bytes = 0;
    __u32 kernel = 0, user = 0, room = depth * sizeof(__u64);
    if (room > NATIVE_STACK_MAX * sizeof(__u64))
        room = NATIVE_STACK_MAX * sizeof(__u64);
    if (want_kernel) {
        bytes = bpf_get_stack(context, frames, room, skip_kernel);
        kernel = bytes > 0 ? bytes >> 3 : 0;
    }
    if (kernel > NATIVE_STACK_MAX)
        kernel = NATIVE_STACK_MAX;
    if (want_user) {
        bytes = bpf_get_stack(context, &frames[kernel & 127], room, BPF_F_USER_STACK | skip_user);
        user = bytes > 0 ? bytes >> 3 : 0;
    }
    event->kernel_frames = kernel;
    event->user_frames = user;
}

static __always_inline bool is_target_comm(const char *comm)
{
#pragma unroll
    for (int i = 0; i < NATIVE_COMM_BYTES; i++) {
        if (comm[i] != target_comm[i])
            return 0;
        if (!comm[i])
            break;
    }
    return 1;
}

// Whether a thread is watched; its cgroup and comm are asked of the current one.
static __always_inline bool is_target(__u32 pid, __u32 tid)
{
    if (target_pid && pid != target_pid)
        return 0;
    if (target_tid && tid != target_tid)
        return 0;
    if (target_has_cpus) {
        __u32 cpu = bpf_get_smp_processor_id();
        if (!(target_cpus[cpu / 64 & (NATIVE_CPU_WORDS - 1)] >> (cpu & 63) & 1))
            return 0;
    }
    if (target_cgroup && bpf_get_current_ancestor_cgroup_id(target_cgroup_level) != target_cgroup)
        return 0;
    if (target_has_comm) {
        char comm[NATIVE_COMM_BYTES] = {};
        bpf_get_current_comm(comm, sizeof comm);
        return is_target_comm(comm);
    }
    return 1;
}

static __always_inline bool is_current_target(void)
{
    __u64 id = bpf_get_current_pid_tgid();
    return is_target(id >> 32, (__u32)id);
}

// All of an event but its stacks, of the current thread, now.
static __always_inline void describe(struct native_event *event, __u32 its_kind, __u64 value)
{
    __u64 id = bpf_get_current_pid_tgid();
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    event->time_ns = bpf_ktime_get_ns();
    event->value = value;
    event->start_ns = BPF_CORE_READ(task, start_time);
    event->cgroup = bpf_get_current_cgroup_id();
    event->subject = event->function = event->caller = 0;
    event->pid = id >> 32;
    event->tid = (__u32)id;
    event->cpu = bpf_get_smp_processor_id();
    event->kind = its_kind;
    event->state = 0;
    bpf_get_current_comm(event->comm, sizeof event->comm);
}

static __always_inline int take(void *context, __u32 its_kind, __u64 value)
{
    if (!is_current_target())
        return 0;
    struct scratch *scratch = scratch_get();
    if (!scratch)
        return 0;
    describe(&scratch->event, its_kind, value);
    take_stacks(context, &scratch->event, scratch->frames, 0, 0);
    send(&scratch->event);
    scratch_put(scratch);
    return 0;
}

// At a function's first instruction: no frame has been set up yet, who called lies on top of the
// stack, and the chain of frame pointers begins at its caller.
static __always_inline int take_entry(struct pt_regs *context, __u32 its_kind, __u64 value)
{
    if (!is_current_target())
        return 0;
    struct scratch *scratch = scratch_get();
    if (!scratch)
        return 0;
    describe(&scratch->event, its_kind, value);
    take_stacks(context, &scratch->event, scratch->frames, 0, 1);
    if (want_user) {
        scratch->event.function = PT_REGS_IP(context);
#if defined(__TARGET_ARCH_x86)
        bpf_probe_read_user(&scratch->event.caller, sizeof(__u64), (void *)PT_REGS_SP(context));
#else
        scratch->event.caller = PT_REGS_RET(context);
#endif
    }
    send(&scratch->event);
    scratch_put(scratch);
    return 0;
}

#endif
