// Threads that are not running: asleep, waiting for a CPU, and who wakes them.
#include "taking.bpf.h"

// By tid. Stacks are taken when a thread leaves its CPU and told when it comes back, or is woken.
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

static __always_inline struct native_away *entry_of(__u32 tid)
{
    __u32 zero = 0;
    struct native_away *entry = bpf_map_lookup_elem(&away, &tid);
    if (entry)
        return entry;
    struct native_away *fresh = bpf_map_lookup_elem(&blank, &zero);
    if (!fresh || bpf_map_update_elem(&away, &tid, fresh, BPF_NOEXIST))
        count_lost();
    return bpf_map_lookup_elem(&away, &tid);
}

// Whether it lasts long enough: what was told of it in pieces counts.
static __always_inline bool is_long(const struct native_away *entry, __u64 now_ns)
{
    return now_ns - entry->began_ns >= target.min_ns;
}

// Tells the time from since_ns to now.
static __always_inline void tell(struct native_away *entry, __u64 now_ns)
{
    entry->event.time_ns = now_ns;
    entry->event.value = now_ns - entry->since_ns;
    send(&entry->event);
}

static __always_inline void identify(struct native_event *event, struct task_struct *task)
{
    event->start_ns = task->start_time;
    event->pid = task->tgid;
    event->tid = task->pid;
    event->kind = target.kind;
    event->cpu = bpf_get_smp_processor_id(); // that it leaves: whoever tells may run on another
    bpf_probe_read_kernel(event->comm, sizeof event->comm, task->comm);
}

// TASK_INTERRUPTIBLE 1, TASK_UNINTERRUPTIBLE 2; flags such as TASK_FREEZABLE lie above.
static __always_inline __u32 state_of(bool preempt, __u32 state)
{
    if (preempt || !(state & 0xff))
        return NATIVE_PREEMPTED;
    return state & 1 ? NATIVE_SLEEPING : state & 2 ? NATIVE_DISK : NATIVE_OTHER;
}

// prev, which is current, leaves its CPU.
static __always_inline void leave(void *context, struct task_struct *task, bool preempt,
                                  __u32 state, __u64 now_ns)
{
    __u32 tid = task->pid;
    const __u32 dead = 0x80; // TASK_DEAD: it never comes back
    if (!tid || !is_target(task->tgid, tid))
        return;
    if (!preempt && (state & dead)) {
        bpf_map_delete_elem(&away, &tid);
        return;
    }
    struct native_away *entry = entry_of(tid);
    if (!entry)
        return;
    __u32 why = state_of(preempt, state);
    identify(&entry->event, task);
    entry->event.cgroup = bpf_get_current_cgroup_id();
    entry->event.state = target.kind == NATIVE_RUNQ ? NATIVE_RUNNABLE : why;
    take_stacks(context, &entry->event, entry->frames, 1, 2, 0);
    bool counts =
        target.kind == NATIVE_OFFCPU || (why == NATIVE_PREEMPTED) == (target.kind == NATIVE_RUNQ);
    entry->began_ns = now_ns;
    entry->since_ns = counts ? now_ns : 0;
}

static __always_inline void come_back(struct task_struct *task, __u64 now_ns)
{
    __u32 tid = task->pid;
    struct native_away *entry = tid ? bpf_map_lookup_elem(&away, &tid) : 0;
    if (!entry || !entry->since_ns)
        return;
    // A sleeper that comes back without having been woken fell asleep too late to need it.
    if (target.kind != NATIVE_WAKEUP && is_long(entry, now_ns))
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

// A thread becomes runnable; it was known when it left its CPU, or it is new.
static __always_inline void become_runnable(struct task_struct *task, bool is_new)
{
    __u32 tid = task->pid;
    struct native_away *entry = bpf_map_lookup_elem(&away, &tid);
    // Its parent, which is current, lends the new thread its cgroup.
    if (!entry && is_new && is_target(task->tgid, tid) && (entry = entry_of(tid))) {
        identify(&entry->event, task);
        entry->event.cgroup = bpf_get_current_cgroup_id();
        entry->event.state = NATIVE_RUNNABLE;
        entry->event.kernel_frames = entry->event.user_frames = 0;
    }
    if (entry)
        entry->since_ns = entry->began_ns = bpf_ktime_get_ns();
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_runnable, struct task_struct *task)
{
    become_runnable(task, 0);
    return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_new, struct task_struct *task)
{
    become_runnable(task, 1);
    return 0;
}

// The waker first: the reader joins the two. Wakers of one thread come one after the other (its
// pi_lock is held).
SEC("tp_btf/sched_waking")
int BPF_PROG(on_waking, struct task_struct *task)
{
    __u32 tid = task->pid;
    __u64 now_ns = bpf_ktime_get_ns();
    struct native_away *entry = bpf_map_lookup_elem(&away, &tid);
    if (!entry || !entry->since_ns)
        return 0;
    struct scratch *scratch = is_long(entry, now_ns) ? scratch_get() : 0;
    if (scratch) {
        describe(&scratch->event, NATIVE_WAKER, 0);
        scratch->event.time_ns = now_ns;
        scratch->event.subject = tid;
        take_stacks(ctx, &scratch->event, scratch->frames, 1, 2, 0);
        send(&scratch->event);
        scratch_put(scratch);
        tell(entry, now_ns);
    }
    entry->since_ns = 0;
    return 0;
}

// A thread that hangs is seen while it hangs: what lasts is told in pieces of a second.
enum { PIECE_NS = 1000000000, PIECE_SLACK_NS = 125000000 };

static long tell_piece(void *map, const void *key, struct native_away *entry, __u64 *now_ns)
{
    __u64 since_ns = entry->since_ns;
    if (since_ns && *now_ns > since_ns && *now_ns - since_ns >= PIECE_NS - PIECE_SLACK_NS &&
        is_long(entry, *now_ns)) {
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
