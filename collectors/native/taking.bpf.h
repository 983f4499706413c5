// What all programs share: whom they watch, and how stacks are taken.
#ifndef FLICKER_COLLECTORS_NATIVE_TAKING_BPF_H
#define FLICKER_COLLECTORS_NATIVE_TAKING_BPF_H

#include "ring.bpf.h"

#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

const volatile struct native_target target = {};

// in_kernel: there may be frames of the kernel. Then the frames to leave out at the top: of ours in
// the kernel's stack, of the user's.
static __always_inline void take_stacks(void *context, struct native_event *event,
                                        unsigned long long *frames, bool in_kernel,
                                        __u64 skip_kernel, __u64 skip_user)
{
    long bytes = 0;
    __u32 kernel = 0, user = 0, room = target.depth * sizeof(__u64);
    if (room > NATIVE_STACK_MAX * sizeof(__u64))
        room = NATIVE_STACK_MAX * sizeof(__u64);
    if (target.want_kernel && in_kernel) {
        bytes = bpf_get_stack(context, frames, room, skip_kernel);
        kernel = bytes > 0 ? bytes >> 3 : 0;
    }
    if (kernel > NATIVE_STACK_MAX)
        kernel = NATIVE_STACK_MAX;
    if (target.want_user) {
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
        if (comm[i] != target.comm[i])
            return 0;
        if (!comm[i])
            break;
    }
    return 1;
}

// Whether a thread is watched; its cgroup and comm are asked of the current one.
static __always_inline bool is_target(__u32 pid, __u32 tid)
{
    if (target.pid && pid != target.pid)
        return 0;
    if (target.tid && tid != target.tid)
        return 0;
    if (target.has_cpus) {
        __u32 cpu = bpf_get_smp_processor_id();
        if (!(target.cpus[cpu / 64 & (NATIVE_CPU_WORDS - 1)] >> (cpu & 63) & 1))
            return 0;
    }
    if (target.cgroup && bpf_get_current_ancestor_cgroup_id(target.cgroup_level) != target.cgroup)
        return 0;
    if (target.has_comm) {
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
    event->time_ns = bpf_ktime_get_ns();
    event->value = value;
    event->start_ns = 0;
    event->cgroup = bpf_get_current_cgroup_id();
    event->subject = event->function = event->caller = 0;
    event->pid = id >> 32;
    event->tid = (__u32)id;
    event->cpu = bpf_get_smp_processor_id();
    event->kind = its_kind;
    event->state = 0;
    bpf_get_current_comm(event->comm, sizeof event->comm);
}

// Of a perf event: the registers are those of the moment.
static __always_inline bool is_in_kernel(const struct bpf_perf_event_data *context)
{
#if defined(__TARGET_ARCH_x86)
    return !(context->regs.cs & 3);
#else
    return context->regs.pstate & 0xf; // 0: EL0
#endif
}

static __always_inline int take(void *context, __u32 its_kind, __u64 value, bool in_kernel)
{
    if (!is_current_target())
        return 0;
    struct scratch *scratch = scratch_get();
    if (!scratch)
        return 0;
    describe(&scratch->event, its_kind, value);
    take_stacks(context, &scratch->event, scratch->frames, in_kernel, 0, 0);
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
    take_stacks(context, &scratch->event, scratch->frames, 1, 0, 1);
    if (target.want_user) {
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
