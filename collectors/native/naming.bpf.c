// What the kernel calls an address of its own: asked one by one, as reading /proc/kallsyms for a
// few hundred names takes longer than all else at the start, and misses what is loaded later.
#include "vmlinux_min.h"

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

// The question and its answer: "name", "name [module]", or the address in hex.
__u64 address = 0;
char name[512] = ""; // KSYM_NAME_LEN

SEC("syscall")
int name_address(void *unused)
{
    static const char format[] = "%ps";
    __u64 arguments[] = {address};
    return (int)bpf_snprintf(name, sizeof name, format, arguments, sizeof arguments);
}
