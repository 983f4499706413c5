// Names of the idle loop, from kernel/sched/idle.c, drivers/cpuidle, drivers/idle and the halt
// routines of x86, arm64, Xen and KVM guests, Linux 3.x to 6.x.
#include "analysis/idle.h"

#include <stddef.h>
#include <string.h>

static const char *const loop_names[] = {
    "(idle)", // of V8
    "acpi_idle_do_entry",
    "acpi_idle_enter",
    "acpi_idle_enter_bm",
    "acpi_idle_enter_c1",
    "acpi_idle_enter_simple",
    "acpi_processor_ffh_cstate_enter",
    "acpi_safe_halt",
    "amd_e400_idle",
    "arch_cpu_idle",
    "arch_safe_halt",
    "c1e_idle",
    "call_cpuidle",
    "cpu_do_idle",
    "cpu_idle",
    "cpu_idle_loop",
    "cpu_idle_poll",
    "cpu_startup_entry",
    "cpuidle_enter",
    "cpuidle_enter_s2idle",
    "cpuidle_enter_state",
    "cpuidle_idle_call",
    "default_idle",
    "default_idle_call",
    "do_idle",
    "haltpoll_enter_idle",
    "default_enter_idle",
    "intel_idle",
    "intel_idle_ibrs",
    "intel_idle_irq",
    "intel_idle_hlt",
    "mwait_idle",
    "mwait_idle_with_hints",
    "native_halt",
    "native_safe_halt",
    "poll_idle",
    "psci_enter_idle_state",
    "pv_native_safe_halt",
    "tdx_safe_halt",
    "xen_hypercall_sched_op",
    "xen_hypercall_vcpu_op",
    "xen_safe_halt",
};

static const char *const startup_names[] = {
    "__secondary_switched",
    "arch_call_rest_init",
    "common_startup_64",
    "cpu_bringup_and_idle",
    "rest_init",
    "secondary_start_kernel",
    "secondary_startup_64",
    "secondary_startup_64_no_verify",
    "start_kernel",
    "start_secondary",
    "verify_cpu",
    "x86_64_start_kernel",
    "x86_64_start_reservations",
};

// The compiler's suffixes (.constprop.0, .isra.3, .cold) do not make another function.
static bool is_named(const char *function, const char *name)
{
    size_t len = strlen(name);
    return !strncmp(function, name, len) && (!function[len] || function[len] == '.');
}

static bool is_one_of(const char *function, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_named(function, names[i]))
            return true;
    }
    return false;
}

bool idle_is_loop(const char *function)
{
    return is_one_of(function, loop_names, sizeof loop_names / sizeof *loop_names);
}

bool idle_is_startup(const char *function)
{
    return is_one_of(function, startup_names, sizeof startup_names / sizeof *startup_names);
}

bool idle_is_comm(const char *comm)
{
    return !strcmp(comm, "swapper") || !strncmp(comm, "swapper/", 8);
}
