// Perf events: the CPU clock, any other event, page faults. Nothing here needs the kernel's types:
// to read them would take longer than all else at the start.
#include "taking.bpf.h"

SEC("perf_event")
int on_cpu(struct bpf_perf_event_data *context)
{
    return take(context, NATIVE_CPU, context->sample_period, is_in_kernel(context));
}

SEC("perf_event")
int on_fault(struct bpf_perf_event_data *context)
{
    return take(context, NATIVE_FAULTS, 1, is_in_kernel(context));
}
