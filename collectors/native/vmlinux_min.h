// The kernel types that our BPF programs use, written by hand instead of 2.8 MB dumped from BTF.
//
// Structures marked preserve_access_index hold only the fields that are used: their offsets are
// relocated by name when a program is loaded (CO-RE), so one object runs on any kernel with BTF.
// Those of the UAPI have a fixed layout.
#ifndef FLICKER_COLLECTORS_NATIVE_VMLINUX_MIN_H
#define FLICKER_COLLECTORS_NATIVE_VMLINUX_MIN_H

#define __VMLINUX_H__ // bpf_tracing.h then takes the kernel's register names (di, not rdi)

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;

enum bpf_map_type {
    BPF_MAP_TYPE_HASH = 1,
    BPF_MAP_TYPE_ARRAY = 2,
    BPF_MAP_TYPE_PERCPU_ARRAY = 6,
    BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
enum { BPF_F_NO_PREALLOC = 1 };
enum { BPF_F_USER_STACK = 256 };
enum { BPF_RB_NO_WAKEUP = 1 };

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
    unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs,
        flags, sp, ss;
};
typedef struct pt_regs bpf_user_pt_regs_t;
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
    __u64 regs[31];
    __u64 sp, pc, pstate;
};
struct pt_regs {
    struct user_pt_regs user_regs;
};
typedef struct user_pt_regs bpf_user_pt_regs_t;
#else
#error "no registers for this architecture yet"
#endif

struct bpf_perf_event_data {
    bpf_user_pt_regs_t regs;
    __u64 sample_period;
    __u64 addr;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct task_struct {
    int pid;
    int tgid;
    __u64 start_time;
    char comm[16];
};
#pragma clang attribute pop

#endif
