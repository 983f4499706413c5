// Any probe of the user's: tracepoints, functions of the kernel and of programs, USDT.
#include "taking.bpf.h"

#include <bpf/usdt.bpf.h>

// Which value an event has: 1, a field of the tracepoint's record, an argument, what is returned.
// Below zero is 0.
enum value_of { VALUE_ONE, VALUE_FIELD, VALUE_ARGUMENT, VALUE_RETURNED };
const volatile __u32 value_of = VALUE_ONE;
const volatile __u32 value_at = 0; // offset of the field, or number of the argument from 0
const volatile __u32 value_bytes = 8;
const volatile bool value_is_signed = 0;
const volatile bool at_entry = 0; // of a function of a program

static __always_inline __u64 narrow(__u64 value)
{
    __u32 shift = (64 - 8 * value_bytes) & 63;
    if (value_is_signed) {
        __s64 number = (__s64)(value << shift) >> shift;
        return number > 0 ? number : 0;
    }
    return value << shift >> shift;
}

// A copy, as the verifier allows no computed offsets into the context, which clang makes of this.
static __always_inline __u64 argument(struct pt_regs *original)
{
    struct pt_regs copy, *context = &copy;
    bpf_probe_read_kernel(&copy, sizeof copy, original);
    switch (value_at) {
    case 0:
        return PT_REGS_PARM1(context);
    case 1:
        return PT_REGS_PARM2(context);
    case 2:
        return PT_REGS_PARM3(context);
    case 3:
        return PT_REGS_PARM4(context);
    case 4:
        return PT_REGS_PARM5(context);
    default:
        return 0;
    }
}

SEC("tracepoint")
int on_tracepoint(void *ctx)
{
    __u64 value = 1;
    if (value_of == VALUE_FIELD) {
        value = 0;
        bpf_probe_read_kernel(&value, value_bytes & 15, (char *)ctx + value_at);
        value = narrow(value);
    }
    return take(ctx, NATIVE_PROBE, value, 1);
}

// kprobe, kretprobe, uprobe and uretprobe alike.
SEC("kprobe")
int on_function(struct pt_regs *ctx)
{
    __u64 value = value_of == VALUE_ARGUMENT   ? argument(ctx)
                  : value_of == VALUE_RETURNED ? PT_REGS_RC(ctx)
                                               : 1;
    value = value_of == VALUE_ONE ? 1 : narrow(value);
    return at_entry ? take_entry(ctx, NATIVE_PROBE, value) : take(ctx, NATIVE_PROBE, value, 1);
}

SEC("usdt")
int BPF_USDT(on_usdt)
{
    long value = 1;
    if (value_of == VALUE_ARGUMENT && bpf_usdt_arg(ctx, value_at, &value))
        value = 0;
    return take(ctx, NATIVE_PROBE, value > 0 ? value : 0, 1);
}
