// The programs that run in the kernel: they take stacks and put them into one ring buffer.
//
// The ring never wakes its reader (BPF_RB_NO_WAKEUP): the wake-ups would cost more than the stacks.
// The reader comes by every few tens of milliseconds instead. What finds no room is counted.
#include "events.h"
#include "vmlinux_min.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

// Set before loading.
const volatile __u32 target_pid = 0; // 0: every process
const volatile bool want_kernel = 1, want_user = 1;

// Read by the reader while we run.
__u64 lost = 0;

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4 << 20); // set anew by the number of CPUs
} ring SEC(".maps");

struct scratch {
    struct native_event event;
    __u64 frames[2 * NATIVE_STACK_MAX + 2];
};

// One event is built at a time on a CPU and level: what interrupts it has a slot of its own.
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, NATIVE_KINDS);
    __type(key, __u32);
    __type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline void send(struct scratch *scratch)
{
    __u64 frames = (scratch->event.kernel_frames + scratch->event.user_frames) & 0xff;
    __u64 bytes = sizeof scratch->event + frames * sizeof(__u64);
    if (bytes <= sizeof *scratch && bpf_ringbuf_output(&ring, scratch, bytes, BPF_RB_NO_WAKEUP))
        __sync_fetch_and_add(&lost, 1);
}

static __always_inline void take_stacks(void *context, struct scratch *scratch)
{
    long bytes = 0;
    __u32 kernel = 0, user = 0;
    const __u32 room = NATIVE_STACK_MAX * sizeof(__u64);
    if (want_kernel) {
        bytes = bpf_get_stack(context, scratch->frames, room, 0);
        kernel = bytes > 0 ? bytes >> 3 : 0;
    }
    if (kernel > NATIVE_STACK_MAX)
        kernel = NATIVE_STACK_MAX;
    if (want_user) {
        bytes = bpf_get_stack(context, &scratch->frames[kernel & 127], room, BPF_F_USER_STACK);
        user = bytes > 0 ? bytes >> 3 : 0;
    }
    scratch->event.kernel_frames = kernel;
    scratch->event.user_frames = user;
}

static __always_inline int take(void *context, __u32 kind, __u64 value)
{
    __u64 id = bpf_get_current_pid_tgid();
    __u32 pid = id >> 32;
    if (target_pid && pid != target_pid)
        return 0;
    struct scratch *scratch = bpf_map_lookup_elem(&scratches, &kind);
    if (!scratch)
        return 0;
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    scratch->event.time_ns = bpf_ktime_get_ns();
    scratch->event.value = value;
    scratch->event.start_ns = BPF_CORE_READ(task, start_time);
    scratch->event.cgroup = bpf_get_current_cgroup_id();
    scratch->event.pid = pid;
    scratch->event.tid = (__u32)id;
    scratch->event.cpu = bpf_get_smp_processor_id();
    scratch->event.kind = kind;
    bpf_get_current_comm(scratch->event.comm, sizeof scratch->event.comm);
    take_stacks(context, scratch);
    send(scratch);
    return 0;
}

SEC("perf_event")
int on_cpu(struct bpf_perf_event_data *context)
{
    return take(context, NATIVE_CPU, context->sample_period);
}
