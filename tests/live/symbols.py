#!/usr/bin/env python3
"""Names of functions where they are hard to come by: programs that are deleted, gone, in another
mount namespace, compiled while they run, in other languages; and what has no name.

    tests/live/symbols.py [BUILD]
"""

import os
import re
import shutil
import socket
import signal
import subprocess
import tempfile
import time

from live import WORKLOADS, Flicker, Load, compiled, run, skip, stacks, total

SPIN = os.path.join(WORKLOADS, "spin")


def fold_of(load, least=150, what="", question=None):
    """What a load does, by at least so many samples."""
    with Flicker() as flicker:
        flicker.record(f"cpu hz=499 pid={load.pid} {what}")
        flicker.say(f"wait samples > {least}")
        return flicker.finish(question or "fold")


def assert_spin(out):
    found = total(out, "do_hot", "leaf_hot")
    everything = sum(n for _, n in stacks(out))
    assert found > 0.45 * everything, out


def a_deleted_program_has_names():
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(SPIN, folder)
        with Load([copy, "600"]) as load:
            time.sleep(0.2)
            os.unlink(copy)
            assert_spin(fold_of(load))


def a_program_of_another_mount_namespace_has_names():
    with tempfile.TemporaryDirectory() as folder:
        script = f"mount -t tmpfs none {folder} && cp {SPIN} {folder}/inside && exec {folder}/inside 600"
        with Load(["unshare", "-m", "sh", "-c", script]) as load:
            time.sleep(0.5)
            assert not os.path.exists(os.path.join(folder, "inside"))
            assert_spin(fold_of(load))


def programs_that_are_gone_have_names():
    # Each lives for a fraction of a round of the collector, or a few of them.
    script = f"while :; do {SPIN} 0.03; done"
    with Load(["sh", "-c", script], start_new_session=True) as load, Flicker() as flicker:
        flicker.record("cpu hz=999 comm=spin")
        flicker.say("wait samples > 500")
        out = flicker.finish("fold")
        os.killpg(load.pid, signal.SIGKILL)
    everything = sum(n for _, n in stacks(out))
    named = total(out, "leaf_hot") + total(out, "leaf_warm") + total(out, "leaf_cold")
    unnamed = sum(n for names, n in stacks(out) if re.match(r"\[", names[-1]))
    assert named > 0.5 * everything, out
    assert unnamed < 0.05 * everything, out


def a_target_that_ends_at_once_has_names():
    with Load([SPIN, "1.2"]) as load, Flicker() as flicker:
        flicker.record(f"cpu hz=999 pid={load.pid}")
        load.process.wait()
        out = flicker.finish("fold")
    assert_spin(out)


JIT = r"""
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
// push %rbp; mov %rsp,%rbp; mov %rdi,%rax; 1: dec %rax; jne 1b; pop %rbp; ret
static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x89, 0xf8, 0x48, 0xff,
                                     0xc8, 0x75, 0xfb, 0x5d, 0xc3};
int main(void)
{
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(page + 256, code, sizeof code);
    char path[64];
    snprintf(path, sizeof path, "/tmp/perf-%d.map", getpid());
    FILE *map = fopen(path, "w");
    fprintf(map, "%lx %zx compiled while it runs\n", (unsigned long)page + 256, sizeof code);
    fclose(map);
    puts("ready");
    fflush(stdout);
    for (;;)
        ((void (*)(uint64_t))(page + 256))(100000);
}
"""


def code_of_a_jit_is_named_by_its_map():
    if os.uname().machine != "x86_64":
        skip("the test's machine code is for x86-64")
    folder, program = compiled(JIT, "jit.c", "gcc", "-O1", "-fno-omit-frame-pointer")
    with folder, Load([program], ready="ready") as load:
        out = fold_of(load)
        os.unlink(f"/tmp/perf-{load.pid}.map")
    everything = sum(n for _, n in stacks(out))
    assert total(out, "compiled while it runs") > 0.9 * everything, out
    assert total(out, "main", "compiled while it runs") > 0.9 * everything, out


def code_of_a_jit_in_a_pid_namespace_is_named():
    if os.uname().machine != "x86_64":
        skip("the test's machine code is for x86-64")
    folder, program = compiled(JIT, "jit.c", "gcc", "-O1", "-fno-omit-frame-pointer")
    # Its map lies in a /tmp of its own, under the pid that it has there.
    script = f"cp {program} /run/flicker-jit; mount -t tmpfs none /tmp && exec /run/flicker-jit"
    with folder, Load(["unshare", "-m", "-p", "-f", "sh", "-c", script], ready="ready") as load:
        with open(f"/proc/{load.pid}/task/{load.pid}/children") as children:
            inner = int(children.read().split()[0])
        os.unlink("/run/flicker-jit")

        class Inner:
            pid = inner

        out = fold_of(Inner)
        os.kill(inner, signal.SIGKILL)
    everything = sum(n for _, n in stacks(out))
    assert total(out, "compiled while it runs") > 0.9 * everything, out


NODE = """
function hotInJavaScript(n) { let x = 0; for (let i = 0; i < n; i++) x = (x * 31 + i) | 0; return x; }
let sum = 0;
const end = Date.now() + 60000;
while (Date.now() < end) sum += hotInJavaScript(300000);
"""


def functions_of_node_have_names():
    if not shutil.which("node"):
        skip("node is not installed")
    with Load(["node", "--perf-basic-prof", "--interpreted-frames-native-stack", "-e", NODE]) as load:
        time.sleep(1)
        out = fold_of(load)
        for name in (f"/tmp/perf-{load.pid}.map",):
            if os.path.exists(name):
                os.unlink(name)
    everything = sum(n for _, n in stacks(out))
    found = sum(n for names, n in stacks(out) if any("hotInJavaScript" in name for name in names))
    assert found > 0.7 * everything, out


JAVA = """
public class Program {
    static int hotInJava(int n) { int x = 0; for (int i = 0; i < n; i++) x = x * 31 + i; return x; }
    public static void main(String[] args) {
        long end = System.currentTimeMillis() + 60000;
        int sum = 0;
        while (System.currentTimeMillis() < end) for (int i = 0; i < 20; i++) sum += hotInJava(300000);
        System.out.println(sum);
    }
}
"""


def write_perf_map(pid):
    """What `jcmd PID Compiler.perfmap` does, by the JVM's attach protocol (a JRE has no jcmd)."""
    trigger = f"/proc/{pid}/cwd/.attach_pid{pid}"
    open(trigger, "w").close()
    os.kill(pid, signal.SIGQUIT)
    path = f"/tmp/.java_pid{pid}"
    for _ in range(100):
        if os.path.exists(path):
            break
        time.sleep(0.1)
    os.unlink(trigger)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(b"1\0jcmd\0Compiler.perfmap\0\0\0")
        return connection.recv(64).startswith(b"0")


def functions_of_a_jvm_have_names():
    if not shutil.which("javac"):
        skip("no JDK is installed (package default-jdk-headless)")
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "Program.java")
        with open(source, "w") as file:
            file.write(JAVA)
        flags = ["-XX:+PreserveFramePointer", "-XX:CompileCommand=dontinline,Program.hotInJava"]
        quiet = {"stderr": subprocess.DEVNULL, "cwd": folder}
        with Load(["java", *flags, source], **quiet) as load:
            time.sleep(4)  # it compiles the source, then the function
            if not write_perf_map(load.pid):
                skip("this JVM writes no perf map (it needs 17 or newer)")
            out = fold_of(load)
            for name in (f"/tmp/perf-{load.pid}.map", f"/tmp/.java_pid{load.pid}"):
                if os.path.exists(name):
                    os.unlink(name)
    everything = sum(n for _, n in stacks(out))
    found = sum(n for names, n in stacks(out) if any("hotInJava" in name for name in names))
    assert found > 0.6 * everything, out


BRIEF = """
#include <stdlib.h>
#include <unistd.h>
#include <signal.h>
#include <stdio.h>
static void *kept[100];
__attribute__((noinline)) void allocate_and_leave(void) { for (volatile int i = 0; i < 100; i++) kept[i] = malloc(50); }
int main(void)
{
    sigset_t told;
    int signal;
    sigemptyset(&told);
    sigaddset(&told, SIGUSR1);
    sigprocmask(SIG_BLOCK, &told, NULL);
    puts("ready");
    fflush(stdout);
    sigwait(&told, &signal);
    allocate_and_leave();
    _exit(0);
}
"""


def a_target_that_leaves_after_its_first_event_has_names():
    folder, program = compiled(BRIEF, "brief.c", "gcc", "-O1", "-fno-omit-frame-pointer")
    with folder, Load([program], ready="ready") as load, Flicker() as flicker:
        flicker.record(f"malloc every=1 pid={load.pid}")
        os.kill(load.pid, signal.SIGUSR1)
        load.process.wait()
        out = flicker.finish("fold")
    assert total(out, "allocate_and_leave", "malloc") == 100 * 50, out


CPP = """
#include <cstdint>
namespace work {
template <typename T> struct Loop {
    __attribute__((noinline)) T spin(T n) { volatile T x = 0; for (T i = 0; i < n; i++) x = x + i; return x; }
};
}
int main() { work::Loop<std::uint64_t> loop; volatile std::uint64_t sum = 0; for (;;) sum = sum + loop.spin(100000); }
"""


def names_of_cpp_are_readable():
    if not shutil.which("g++"):
        skip("g++ is not installed")
    folder, program = compiled(CPP, "loop.cpp", "g++", "-O1", "-fno-omit-frame-pointer")
    with folder, Load([program]) as load:
        out = fold_of(load, question="top")
    assert "work::Loop<unsigned long>::spin(unsigned long)" in out, out


# What rustc makes of work::spin, in both of its ways to write names.
RUST_NAMES = """
#define SPIN(label, function)                                                                      \\
    __attribute__((noinline)) void function(void) __asm__(label);                                  \\
    void function(void) { for (volatile long i = 0; i < 100000; i++) continue; }
SPIN("_ZN4work4spin17h0123456789abcdefE", legacy)
SPIN("_RNvCs1234_4work5twirl", v0)
int main(void) { for (;;) { legacy(); v0(); } }
"""


def names_of_rust_are_readable():
    folder, program = compiled(RUST_NAMES, "names.c", "gcc", "-O1", "-fno-omit-frame-pointer")
    with folder, Load([program]) as load:
        out = fold_of(load, question="top")
    assert "work::spin" in out and "17h0123456789abcdef" not in out, out
    assert "work::twirl" in out, out


RUST = """
#[inline(never)]
fn spin_in_rust(n: u64) -> u64 { let mut x = 0u64; for i in 0..n { x = std::hint::black_box(x ^ i); } x }
fn main() { let mut sum = 0u64; loop { sum = std::hint::black_box(sum ^ spin_in_rust(100000)); } }
"""


def a_program_of_rust_has_names():
    if not shutil.which("rustc"):
        skip("rustc is not installed; names as it makes them are tested anyway", optional=True)
    folder, program = compiled(RUST, "spin.rs", "rustc", "-O", "-C", "force-frame-pointers=yes")
    with folder, Load([program]) as load:
        out = fold_of(load, question="top")
    assert re.search(r"\bprogram::spin_in_rust|::spin_in_rust", out), out


def debug_files_are_found_by_build_id():
    folder, program = compiled(CPP, "loop.cpp", "g++", "-O1", "-fno-omit-frame-pointer", "-Wl,--build-id")
    notes = subprocess.run(["readelf", "-n", program], capture_output=True, text=True).stdout
    build_id = re.search(r"Build ID: ([0-9a-f]+)", notes)[1]
    place = f"/usr/lib/debug/.build-id/{build_id[:2]}"
    path = f"{place}/{build_id[2:]}.debug"
    made = not os.path.exists(place)
    os.makedirs(place, exist_ok=True)
    try:
        subprocess.run(["objcopy", "--only-keep-debug", program, path], check=True)
        subprocess.run(["strip", program], check=True)
        with folder, Load([program]) as load:
            out = fold_of(load, question="top")
    finally:
        os.unlink(path)
        if made:
            os.rmdir(place)
    assert "work::Loop<unsigned long>::spin" in out, out


def what_has_no_name_shows_where_it_is_and_is_counted():
    folder, program = compiled(CPP, "loop.cpp", "g++", "-O1", "-fno-omit-frame-pointer", "-s")
    with folder, Load([program]) as load:
        out = fold_of(load, question="fold\nstatus\ntop")
    name = os.path.basename(program)
    assert re.search(rf"\[?{name}", out) and "without a name" in out, out
    share = re.search(r"([\d.]+) % without a name", out)
    assert float(share[1]) > 50, out


NO_FRAMES = """
__attribute__((noinline)) long lost(long n) { long x = n; for (long i = 0; i < n; i++) __asm__ volatile("" : "+r"(x)); return x; }
int main(void) { long sum = 0; for (;;) { sum += lost(100000); __asm__ volatile("" : "+r"(sum)); } }
"""


def stacks_of_one_frame_are_counted():
    # The frame pointer points nowhere, as it does in code that uses it for something else.
    source = NO_FRAMES.replace("for (;;) {", 'for (;;) { __asm__ volatile("xor %%ebp, %%ebp" ::: "rbp");')
    folder, program = compiled(source, "none.c", "gcc", "-O2", "-fomit-frame-pointer")
    with folder, Load([program]) as load:
        out = fold_of(load, question="status")
    share = re.search(r"([\d.]+) % of one frame only", out)
    assert share and float(share[1]) > 80, out


CALLED_OFTEN = """
__attribute__((noinline)) void called_often(void) { __asm__ volatile(""); }
int main(void) { for (;;) called_often(); }
"""


def programs_of_bpf_have_names():
    # Where a uprobe runs one: what runs under a tracepoint keeps other programs, ours too, out.
    if not shutil.which("bpftrace"):
        skip("bpftrace is not installed")
    folder, program = compiled(CALLED_OFTEN, "often.c", "gcc", "-O1", "-fno-omit-frame-pointer")
    tracing = f"uprobe:{program}:called_often {{ @[ustack, kstack] = count(); }}"
    quiet = {"stderr": subprocess.DEVNULL}
    with folder, Load([program]) as load, Load(["bpftrace", "-e", tracing], **quiet):
        time.sleep(2)
        out = fold_of(load, least=600)
    assert any(name.startswith("bpf_prog_") for names, _ in stacks(out) for name in names), out


def a_vdso_has_names():
    source = "#include <time.h>\nint main(void) { struct timespec t; for (;;) clock_gettime(CLOCK_MONOTONIC, &t); }"
    folder, program = compiled(source, "clock.c", "gcc", "-O1", "-fno-omit-frame-pointer")
    with folder, Load([program]) as load:
        out = fold_of(load)
    found = sum(n for names, n in stacks(out) if any("vdso" in name for name in names))
    assert found > 0.2 * sum(n for _, n in stacks(out)), out


run(
    [
        a_deleted_program_has_names,
        a_program_of_another_mount_namespace_has_names,
        programs_that_are_gone_have_names,
        a_target_that_ends_at_once_has_names,
        a_target_that_leaves_after_its_first_event_has_names,
        code_of_a_jit_is_named_by_its_map,
        code_of_a_jit_in_a_pid_namespace_is_named,
        functions_of_node_have_names,
        functions_of_a_jvm_have_names,
        names_of_cpp_are_readable,
        names_of_rust_are_readable,
        a_program_of_rust_has_names,
        debug_files_are_found_by_build_id,
        what_has_no_name_shows_where_it_is_and_is_counted,
        stacks_of_one_frame_are_counted,
        programs_of_bpf_have_names,
        a_vdso_has_names,
    ]
)
