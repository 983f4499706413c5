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
const volatile __u64 min_ns = 0;     // shorter absences are not told
const volatile bool want_kernel = 1, want_user = 1;

// Read by the reader while we run.
__u64 lost = 0;

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4 << 20); // set anew by the number of CPUs
} ring SEC(".maps");

struct scratch {
    struct native_event event;
    unsigned long long frames[2 * NATIVE_STACK_MAX + 2];
};

// By tid. Stacks are taken when a thread leaves its CPU and told when it comes back.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 32768);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, __u32);
    __type(value, struct native_away);
} away SEC(".maps");

// What a new entry is made of; all zero.
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct native_away);
} blank SEC(".maps");

// One event is built at a time on a CPU and level: what interrupts it has a slot of its own.
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, NATIVE_KINDS);
    __type(key, __u32);
    __type(value, struct scratch);
} scratches SEC(".maps");

// The event and the frames that follow it.
static __always_inline void send(struct native_event *event)
{
    __u64 frames = (event->kernel_frames + event->user_frames) & 0xff;
    __u64 bytes = sizeof *event + frames * sizeof(__u64);
    if (bytes <= sizeof(struct scratch) &&
        bpf_ringbuf_output(&ring, event, bytes, BPF_RB_NO_WAKEUP))
        __sync_fetch_and_add(&lost, 1);
}

// skip: frames of ours at the top of the kernel's stack.
static __always_inline void take_stacks(void *context, struct native_event *event,
                                        unsigned long long *frames, __u64 skip)
{
    long bytes = 0;
    __u32 kernel = 0, user = 0;
    const __u32 room = NATIVE_STACK_MAX * sizeof(__u64);
    if (want_kernel) {
        bytes = bpf_get_stack(context, frames, room, skip);
        kernel = bytes > 0 ? bytes >> 3 : 0;
    }
    if (kernel > NATIVE_STACK_MAX)
        kernel = NATIVE_STACK_MAX;
    if (want_user) {
        bytes = bpf_get_stack(context, &frames[kernel & 127], room, BPF_F_USER_STACK);
        user = bytes > 0 ? bytes >> 3 : 0;
    }
    event->kernel_frames = kernel;
    event->user_frames = user;
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
    take_stacks(context, &scratch->event, scratch->frames, 0);
    send(&scratch->event);
    return 0;
}

SEC("perf_event")
int on_cpu(struct bpf_perf_event_data *context)
{
    return take(context, NATIVE_CPU, context->sample_period);
}

SEC("perf_event")
int on_fault(struct bpf_perf_event_data *context)
{
    return take(context, NATIVE_FAULTS, 1);
}

// Tells the time from since_ns to now.
static __always_inline void tell(struct native_away *entry, __u64 now_ns)
{
    entry->event.time_ns = now_ns;
    entry->event.value = now_ns - entry->since_ns;
    entry->event.cpu = bpf_get_smp_processor_id();
    send(&entry->event);
}

static __always_inline void leave(void *context, struct task_struct *task, bool preempt,
                                  __u32 state, __u64 now_ns)
{
    __u32 tid = task->pid, pid = task->tgid, zero = 0;
    const __u32 dead = 0x80; // TASK_DEAD: it never comes back
    if (!tid || (target_pid && pid != target_pid))
        return;
    if (!preempt && (state & dead)) {
        bpf_map_delete_elem(&away, &tid);
        return;
    }
    struct native_away *entry = bpf_map_lookup_elem(&away, &tid);
    if (!entry) {
        struct native_away *fresh = bpf_map_lookup_elem(&blank, &zero);
        if (!fresh || bpf_map_update_elem(&away, &tid, fresh, BPF_NOEXIST))
            __sync_fetch_and_add(&lost, 1);
        entry = bpf_map_lookup_elem(&away, &tid);
        if (!entry)
            return;
    }
    entry->event.start_ns = task->start_time;
    entry->event.cgroup = bpf_get_current_cgroup_id();
    entry->event.pid = pid;
    entry->event.tid = tid;
    entry->event.kind = NATIVE_OFFCPU;
    // TASK_INTERRUPTIBLE 1, TASK_UNINTERRUPTIBLE 2; flags such as TASK_FREEZABLE lie above.
    entry->event.state = preempt || !(state & 0xff) ? NATIVE_PREEMPTED
                         : (state & 1)              ? NATIVE_SLEEPING
                         : (state & 2)              ? NATIVE_DISK
                                                    : NATIVE_OTHER;
    bpf_probe_read_kernel(entry->event.comm, sizeof entry->event.comm, task->comm);
    take_stacks(context, &entry->event, entry->frames, 2);
    entry->since_ns = now_ns;
}

static __always_inline void come_back(struct task_struct *task, __u64 now_ns)
{
    __u32 tid = task->pid;
    if (!tid || (target_pid && (__u32)task->tgid != target_pid))
        return;
    struct native_away *entry = bpf_map_lookup_elem(&away, &tid);
    if (!entry || !entry->since_ns)
        return;
    if (now_ns - entry->since_ns >= min_ns)
        tell(entry, now_ns);
    entry->since_ns = 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next,
             unsigned int prev_state)
{
    __u64 now_ns = bpf_ktime_get_ns();
    leave(ctx, prev, preempt, prev_state, now_ns);
    come_back(next, now_ns);
    return 0;
}

// A thread that hangs is seen while it hangs: what lasts is told in pieces of a second.
enum { PIECE_NS = 1000000000, PIECE_SLACK_NS = 125000000 };

static long tell_piece(void *map, const void *key, struct native_away *entry, __u64 *now_ns)
{
    __u64 since_ns = entry->since_ns;
    if (since_ns && *now_ns > since_ns && *now_ns - since_ns >= PIECE_NS - PIECE_SLACK_NS) {
        tell(entry, *now_ns);
        entry->since_ns = *now_ns;
    }
    return 0;
}

SEC("perf_event")
int on_tick(struct bpf_perf_event_data *context)
{
    __u64 now_ns = bpf_ktime_get_ns();
    bpf_for_each_map_elem(&away, tell_piece, &now_ns, 0);
    return 0;
}
