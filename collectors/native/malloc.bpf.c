// Allocations of one process, by uprobes on its allocator's functions.
//
// Sampled by bytes: on each CPU, the allocation with which the bytes since the last one that was
// told reach a threshold is told, and stands for all of them. The threshold is drawn anew each
// time, evenly from half to one and a half times `every_bytes`, so that it does not beat with the
// program's own rhythm. An allocation is thus told with a probability proportional to its size.
#include "taking.bpf.h"

const volatile __u64 every_bytes = 0; // 0: every allocation is told
const volatile bool want_live = 0;    // addresses are told, and frees
// glibc: what needs no more than malloc's alignment, and realloc of nothing, go through malloc.
const volatile __u64 plain_alignment = 0;

struct budget {
    __u64 bytes, threshold;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct budget);
} budgets SEC(".maps");

// By tid: an allocation to be told, whose address is not known yet.
struct pending {
    __u64 value;
    __u64 function;
    __u64 out; // where posix_memalign will put the address; 0: it is returned
};
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 32768);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, __u32);
    __type(value, struct pending);
} pendings SEC(".maps");

// By address: blocks that were told and not freed.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1 << 20);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, __u64);
    __type(value, __u8);
} blocks SEC(".maps");

// Whether this allocation is told, and how much it stands for.
static __always_inline bool is_due(__u64 bytes, __u64 *value)
{
    __u32 zero = 0;
    *value = bytes;
    if (!every_bytes)
        return 1;
    struct budget *budget = bpf_map_lookup_elem(&budgets, &zero);
    if (!budget)
        return 0;
    budget->bytes += bytes;
    if (budget->bytes < budget->threshold)
        return 0;
    *value = budget->bytes;
    budget->bytes = 0;
    budget->threshold = every_bytes / 2 + bpf_get_prandom_u32() % every_bytes;
    return 1;
}

static __always_inline int allocate(struct pt_regs *context, __u64 bytes, __u64 out)
{
    __u64 value = 0;
    if (!is_current_target() || !is_due(bytes, &value))
        return 0;
    if (!want_live)
        return take_entry(context, NATIVE_MALLOC, value);
    __u32 tid = (__u32)bpf_get_current_pid_tgid();
    struct pending pending = {value, PT_REGS_IP(context), out};
    if (bpf_map_update_elem(&pendings, &tid, &pending, BPF_ANY))
        count_lost();
    return 0;
}

static __always_inline void release(__u64 address)
{
    if (!address || bpf_map_delete_elem(&blocks, &address))
        return;
    struct native_event event = {};
    event.time_ns = bpf_ktime_get_ns();
    event.kind = NATIVE_FREED;
    event.subject = address;
    send(&event);
}

SEC("uprobe")
int on_malloc(struct pt_regs *ctx)
{
    return allocate(ctx, PT_REGS_PARM1(ctx), 0);
}

SEC("uprobe")
int on_calloc(struct pt_regs *ctx)
{
    return allocate(ctx, PT_REGS_PARM1(ctx) * PT_REGS_PARM2(ctx), 0);
}

SEC("uprobe")
int on_realloc(struct pt_regs *ctx)
{
    if (want_live)
        release(PT_REGS_PARM1(ctx));
    if (plain_alignment && !PT_REGS_PARM1(ctx))
        return 0;
    return PT_REGS_PARM2(ctx) ? allocate(ctx, PT_REGS_PARM2(ctx), 0) : 0;
}

SEC("uprobe")
int on_memalign(struct pt_regs *ctx) // and aligned_alloc
{
    return PT_REGS_PARM1(ctx) > plain_alignment ? allocate(ctx, PT_REGS_PARM2(ctx), 0) : 0;
}

SEC("uprobe")
int on_posix_memalign(struct pt_regs *ctx)
{
    return PT_REGS_PARM2(ctx) > plain_alignment
               ? allocate(ctx, PT_REGS_PARM3(ctx), PT_REGS_PARM1(ctx))
               : 0;
}

SEC("uprobe")
int on_free(struct pt_regs *ctx)
{
    release(PT_REGS_PARM1(ctx));
    return 0;
}

// Attached only where addresses are wanted.
SEC("uretprobe")
int on_allocated(struct pt_regs *ctx)
{
    __u32 tid = (__u32)bpf_get_current_pid_tgid();
    struct pending *pending = bpf_map_lookup_elem(&pendings, &tid);
    struct scratch *scratch = pending ? scratch_get() : 0;
    if (!scratch)
        return 0;
    __u64 address = PT_REGS_RC(ctx), value = pending->value;
    __u8 yes = 1;
    if (pending->out)
        bpf_probe_read_user(&address, sizeof address, (void *)pending->out);
    describe(&scratch->event, NATIVE_MALLOC, value);
    scratch->event.function = pending->function;
    scratch->event.subject = address;
    bpf_map_delete_elem(&pendings, &tid);
    // No address, no block. A full table would keep what is freed for ever: that one is not told.
    if (address && !bpf_map_update_elem(&blocks, &address, &yes, BPF_ANY)) {
        take_stacks(ctx, &scratch->event, scratch->frames, 1, 0, 0);
        send(&scratch->event);
    } else if (address) {
        count_lost();
    }
    scratch_put(scratch);
    return 0;
}
