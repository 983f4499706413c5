// The programs that run in the kernel: they take stacks and put them into one ring buffer. Those of
// one kind are loaded at a time.
#include "malloc.bpf.h"
#include "probes.bpf.h"
#include "sched.bpf.h"
#include "taking.bpf.h"

char LICENSE[] SEC("license") = "GPL";

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
