#!/usr/bin/env python3
"""Names of functions where they are hard to come by: programs that are deleted, gone, in another
mount namespace, compiled while they run, in other languages; and what has no name.

    tests/live/symbols.py [BUILD [TEST...]]
"""

import os
import re
import shutil
import socket
import signal
import subprocess
import tempfile
import time

from live import BUILD, WORKLOADS, Flicker, Load, compiled, run, skip, stacks, total

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
for (let i = 0; i < 100; i++) sum += hotInJavaScript(300000);
console.log("ready");
const end = Date.now() + 60000;
while (Date.now() < end) sum += hotInJavaScript(300000);
"""


def functions_of_node_have_names():
    if not shutil.which("node"):
        skip("node is not installed")
    flags = ["--perf-basic-prof", "--interpreted-frames-native-stack"]
    with tempfile.TemporaryDirectory() as folder:  # where it writes a log
        with Load(["node", *flags, "-e", NODE], ready="ready", cwd=folder) as load:
            out = fold_of(load)
            if os.path.exists(f"/tmp/perf-{load.pid}.map"):
                os.unlink(f"/tmp/perf-{load.pid}.map")
    everything = sum(n for _, n in stacks(out))
    found = sum(n for names, n in stacks(out) if any("hotInJavaScript" in name for name in names))
    assert found > 0.7 * everything, out


JAVA = """
public class Program {
    static int hotInJava(int n) { int x = 0; for (int i = 0; i < n; i++) x = x * 31 + i; return x; }
    public static void main(String[] args) {
        long end = System.currentTimeMillis() + 120000;
        int sum = 0;
        for (int i = 0; i < 5000; i++) sum += hotInJava(1000);
        System.out.println("ready"); // it is compiled by now: -Xbatch waits for that
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
        # What is compiled is run at once, so that it is by the time that the program is ready.
        flags += ["-XX:CompileCommand=quiet", "-Xbatch", "-XX:TieredStopAtLevel=1"]
        quiet = {"stderr": subprocess.DEVNULL, "cwd": folder}
        with Load(["java", *flags, source], ready="ready", **quiet) as load:
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
fn spin_in_rust(n: u64) -> u64 { let mut x = 0u64; for i in 0..n { x = seen(&(x ^ i)); } x }
fn main() { let mut sum = 0u64; loop { sum = seen(&(sum ^ spin_in_rust(100000))); } }
#[inline(always)]
fn seen(x: &u64) -> u64 { unsafe { std::ptr::read_volatile(x) } }
"""


def a_program_of_rust_has_names():
    if not shutil.which("rustc"):
        skip("rustc is not installed")
    folder, program = compiled(RUST, "spin.rs", "rustc", "-O", "-C", "force-frame-pointers=yes")
    with folder, Load([program]) as load:
        out = fold_of(load, question="top")
    assert re.search(r"\bprogram::spin_in_rust|::spin_in_rust", out), out


def debug_files_are_found_by_build_id():
    folder, program = compiled(CPP, "loop.cpp", "g++", "-O1", "-fno-omit-frame-pointer", "-Wl,--build-id")
    with folder, Installed(debug_path(program)) as path:
        split_debug(program, path)
        with Load([program]) as load:
            out = fold_of(load, question="top")
    assert "work::Loop<unsigned long>::spin" in out, out


def what_has_no_name_shows_where_it_is_and_is_counted():
    folder, program = compiled(CPP, "loop.cpp", "g++", "-O1", "-fno-omit-frame-pointer", "-s")
    with folder, Load([program]) as load:
        out = fold_of(load, question="fold\nstatus\ntop")
    # Of a function that lost its name: one row, where it starts.
    rows = set(re.findall(r"\bprogram\+0x[0-9a-f]+", out))
    assert 1 <= len(rows) <= 3 and "without a name" in out, out
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
    assert "record perf --call-graph dwarf" in out, out


# Two inlined functions in one another, known shares: three of four rounds are of the first call.
INLINED = """
#include <stdlib.h>
#include <time.h>
static inline __attribute__((always_inline)) unsigned mix(unsigned x, int rounds)
{
    for (int i = 0; i < rounds; i++) x = x * 1103515245u + (x >> 3);
    return x;
}
static inline __attribute__((always_inline)) unsigned twice(unsigned x)
{
    x ^= mix(x, 3000);
    x ^= mix(x + 1, 1000);
    return x;
}
__attribute__((noinline)) unsigned work(unsigned x)
{
    volatile unsigned y = twice(x);
    return y;
}
int main(int argc, char **argv)
{
    struct timespec from, now;
    unsigned sum = 1;
    clock_gettime(CLOCK_MONOTONIC, &from);
    do {
        for (int i = 0; i < 100; i++) sum = work(sum);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (argc < 2 || (now.tv_sec - from.tv_sec) + 1e-9 * (now.tv_nsec - from.tv_nsec) < atof(argv[1]));
    return sum == 0;
}
"""
INLINED_FLAGS = ("-O2", "-g", "-fno-omit-frame-pointer")


def inlined_program():
    return compiled(INLINED, "inlined.c", "gcc", *INLINED_FLAGS)


def share(out, wanted):
    """Of the samples, how many lie below a frame that matches."""
    found = sum(n for names, n in stacks(out) if any(re.fullmatch(wanted, name) for name in names))
    return found / max(1, sum(n for _, n in stacks(out)))


def assert_inlined(out, least=0.9):
    assert share(out, r"mix inlined\.c:6") > least, out
    for name in (r"twice inlined\.c:11", r"twice inlined\.c:12", r"work inlined\.c:17"):
        assert share(out, name) > 0.1, out


def lines_of(load, what=""):
    return fold_of(load, least=300, what="inlines=on " + what, question="fold group=line")


def by_perf(pid, program, folder):
    """What perf and addr2line say of the same: the line of each sample's leaf, and the chain of functions there."""
    data = os.path.join(folder, "perf.data")
    record = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "997", "-g", "-p", str(pid), "-o", data, "sleep", "4"]
    subprocess.run(record, check=True, stderr=subprocess.DEVNULL)
    script = ["perf", "script", "--inline", "-F", "ip,sym,dso,srcline", "-i", data]
    text = subprocess.run(script, check=True, capture_output=True, text=True).stdout
    lines, places = [], []
    for sample in text.strip().split("\n\n"):
        leaf = re.match(r"\s*([0-9a-f]+) (\S+) .*\((.*)\)\n\s*(\S+)", sample)
        if leaf and leaf[3] == program:
            lines.append(leaf[4])
            places.append(leaf[1])
    chains = {}
    for place in set(places):
        told = ["addr2line", "-Cfi", "-e", program, place]
        chains[place] = subprocess.run(told, capture_output=True, text=True).stdout.split("\n")[::2]
    return lines, [chains[place] for place in places]


def leaves(out, program):
    """How often each leaf was seen, of stacks that end in the program."""
    found = {}
    for names, n in stacks(out):
        if re.search(r" [\w.]+:\d+$", names[-1]):
            found[names[-1]] = found.get(names[-1], 0) + n
    return found


def inlined_functions_and_lines_agree_with_perf():
    if not shutil.which("perf") or not shutil.which("addr2line"):
        skip("perf or addr2line is not installed")
    folder, program = inlined_program()
    with folder, Load([program]) as load:
        out = fold_of(load, least=800, what="inlines=on", question="fold group=line")
        lines, chains = by_perf(load.pid, program, folder.name)
    assert_inlined(out)
    ours = leaves(out, program)
    everything = sum(ours.values())
    assert len(lines) > 300 and everything > 700, (len(lines), out)
    for line in set(lines):
        told = lines.count(line) / len(lines)
        found = sum(n for name, n in ours.items() if name.split(" ")[1] == line) / everything
        assert abs(told - found) < 0.07, f"{line}: {told} by perf, {found} by us\n{out}"
    for name in ("mix", "twice"):
        told = sum(name in chain for chain in chains) / len(chains)
        found = share(out, rf"{name} inlined\.c:\d+")
        assert abs(told - found) < 0.07, f"{name}: {told} by perf and addr2line, {found} by us\n{out}"


def lines_cost_nothing_where_nobody_asks():
    folder, program = inlined_program()
    with folder, Load([program]) as load:
        out = fold_of(load, question="fold group=line")
    assert share(out, "work") > 0.9 and "inlined.c" not in out and "mix" not in out, out


INLINED_CPP = """
namespace shop {
struct Basket {
    template <typename T> [[gnu::always_inline]] static inline T add(T x, int n) { for (int i = 0; i < n; i++) x = x * 31 + (x >> 5); return x; }
};
__attribute__((noinline)) unsigned checkout(unsigned x) { volatile unsigned y = Basket::add<unsigned>(x, 10000); return y; }
}
int main() { volatile unsigned sum = 0; for (;;) sum = shop::checkout(sum); }
"""


def inlined_functions_of_cpp_are_found():
    if not shutil.which("g++"):
        skip("g++ is not installed")
    for compiler in ("g++", "clang++"):
        if not shutil.which(compiler):
            continue
        folder, program = compiled(INLINED_CPP, "basket.cpp", compiler, *INLINED_FLAGS)
        with folder, Load([program]) as load:
            out = lines_of(load)
        assert share(out, r"(unsigned int )?shop::Basket::add<unsigned int>\(unsigned int, int\) basket\.cpp:4") > 0.8, out
        assert share(out, r"shop::checkout\(unsigned int\) basket\.cpp:6") > 0.8, out


INLINED_RUST = """
#[inline(always)]
fn churn(mut x: u64, n: u64) -> u64 { for i in 0..n { x = x.wrapping_mul(31) ^ seen(&i); } x }
#[inline(never)]
fn orders(n: u64) -> u64 { churn(n, 100000) }
fn main() { let mut sum = 0u64; loop { sum = seen(&(sum ^ orders(sum))); } }
#[inline(always)]
fn seen(x: &u64) -> u64 { unsafe { std::ptr::read_volatile(x) } }
"""


def inlined_functions_of_rust_are_found():
    if not shutil.which("rustc"):
        skip("rustc is not installed")
    flags = ["-O", "-g", "-C", "force-frame-pointers=yes"]
    folder, program = compiled(INLINED_RUST, "orders.rs", "rustc", *flags)
    with folder, Load([program]) as load:
        out = lines_of(load)
    assert share(out, r"\w+::churn orders\.rs:3") > 0.8, out
    assert share(out, r"\w+::orders orders\.rs:5") > 0.8, out


def a_deleted_program_has_lines():
    folder, program = inlined_program()
    with folder, Load([program]) as load:
        os.unlink(program)
        assert_inlined(lines_of(load))


def a_program_of_another_mount_namespace_has_lines():
    folder, program = inlined_program()
    with folder:
        inside = os.path.join(folder.name, "ns")
        os.mkdir(inside)
        script = f"mount -t tmpfs none {inside} && cp {program} {inside}/inside && exec {inside}/inside"
        with Load(["unshare", "-m", "sh", "-c", script]) as load:
            out = lines_of(load, "comm=inside")
    assert_inlined(out)


def programs_that_are_gone_have_lines():
    folder, program = inlined_program()
    script = f"while :; do {program} 0.03; done"
    with folder, Load(["sh", "-c", script], start_new_session=True) as load, Flicker() as flicker:
        flicker.record("cpu hz=999 comm=program inlines=on")
        flicker.say("wait samples > 500")
        out = flicker.finish("fold group=line comm=program")
        os.killpg(load.pid, signal.SIGKILL)
    assert_inlined(out, least=0.5)


class Installed:
    """A file at a place below /usr/lib/debug, as a package would bring it."""

    def __init__(self, path):
        self.path = path
        self.folder = os.path.dirname(path)
        self.made = not os.path.exists(self.folder)
        os.makedirs(self.folder, exist_ok=True)

    def __enter__(self):
        return self.path

    def __exit__(self, *error):
        if os.path.exists(self.path):
            os.unlink(self.path)
        if self.made:
            os.removedirs(self.folder)


def debug_path(program):
    notes = subprocess.run(["readelf", "-n", program], capture_output=True, text=True).stdout
    build_id = re.search(r"Build ID: ([0-9a-f]+)", notes)[1]
    return f"/usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug"


def split_debug(program, path, *more):
    """What a package does: debug information goes to a file of its own."""
    subprocess.run(["objcopy", "--only-keep-debug", *more, program, path], check=True)
    subprocess.run(["strip", program], check=True)


def lines_come_from_installed_debug_files():
    folder, program = inlined_program()
    with folder, Installed(debug_path(program)) as path:
        split_debug(program, path, "--compress-debug-sections")
        with Load([program]) as load:
            assert_inlined(lines_of(load))


def debug_files_are_found_by_link():
    folder, program = compiled(INLINED, "inlined.c", "gcc", *INLINED_FLAGS, "-Wl,--build-id=none")
    with folder:
        os.mkdir(os.path.join(folder.name, ".debug"))
        path = os.path.join(folder.name, ".debug", "program.debug")
        split_debug(program, path)
        subprocess.run(["objcopy", f"--add-gnu-debuglink={path}", program], check=True)
        with Load([program]) as load:
            assert_inlined(lines_of(load))
        # Another file of that name is not taken.
        with open(path, "ab") as file:
            file.write(b"more")
        with Load([program]) as load:
            out = lines_of(load)
        assert "inlined.c" not in out and "program+0x" in out, out


def debug_files_share_what_dwz_took_out():
    if not shutil.which("dwz"):
        skip("dwz is not installed")
    folder, program = inlined_program()
    other, twin = inlined_program()
    shared = "/usr/lib/debug/.dwz/flicker-test.debug"
    with folder, other, Installed(shared), Installed(debug_path(program)) as path:
        # The twin differs in nothing: it gives dwz something to share.
        own, second = (os.path.join(folder.name, name) for name in ("own.debug", "second.debug"))
        split_debug(program, own)
        split_debug(twin, second)
        subprocess.run(["dwz", "-m", shared, "-M", shared, own, second], check=True)
        shutil.move(own, path)
        links = subprocess.run(["readelf", "-S", path], capture_output=True, text=True).stdout
        assert ".gnu_debugaltlink" in links, links
        with Load([program]) as load:
            assert_inlined(lines_of(load))


def lines_are_kept_in_files():
    folder, program = inlined_program()
    with folder, Load([program]) as load:
        kept = os.path.join(folder.name, "kept.fks")
        out = fold_of(load, what="inlines=on", question=f"fold group=line\nsave {kept}")
        again = [os.path.join(BUILD, "flicker"), kept, "-c", "fold group=line"]
        assert_inlined(out)
        assert subprocess.run(again, capture_output=True, text=True).stdout == out


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def descendant(pid, name):
    """The process of this name below another; waits for it."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        waiting = [pid]
        while waiting:
            found = waiting.pop()
            try:
                with open(f"/proc/{found}/comm") as file:
                    if file.read().strip() == name:
                        return found
                waiting += children_of(found)
            except (FileNotFoundError, ProcessLookupError):
                pass
    raise AssertionError(f"no {name} below {pid}")


def lines_survive_their_reader():
    """It has no rights; killed, it is started again, and the recording goes on."""
    folder, program = inlined_program()
    with folder, Load([program]) as load, Flicker() as flicker:
        flicker.record(f"cpu hz=499 pid={load.pid} inlines=on")
        reader = descendant(flicker.process.pid, "flicker-lines")
        with open(f"/proc/{reader}/status") as file:
            status = file.read()
        assert "CapEff:\t0000000000000000" in status and "Seccomp:\t2" in status, status
        os.kill(reader, signal.SIGKILL)
        flicker.say("wait samples > 300")
        assert_inlined(flicker.finish("fold group=line"), least=0.8)
    assert not os.path.exists(f"/proc/{reader}")


def functions_of_the_kernel_have_names():
    source = "#include <unistd.h>\nint main(void) { for (;;) getppid(); }"
    folder, program = compiled(source, "calls.c", "gcc", "-O1", "-fno-omit-frame-pointer")
    with folder, Load([program]) as load:
        out = fold_of(load)
    assert share(out, r"do_syscall_64|el0_svc|invoke_syscall") > 0.1, out
    assert share(out, r"\[kernel\]") < 0.02, out


def a_damaged_debug_file_costs_lines_and_no_names():
    folder, program = inlined_program()
    with folder:
        for wanted in (".debug_info", ".debug_abbrev", ".debug_line"):
            garbage = os.path.join(folder.name, "garbage")
            damaged = program + wanted
            with open(garbage, "wb") as file:
                file.write(os.urandom(4000))
            subprocess.run(["objcopy", "--update-section", f"{wanted}={garbage}", program, damaged], check=True)
            with Load([damaged]) as load:
                out = fold_of(load, what="inlines=on")
            assert share(out, "work") > 0.9, out


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
        inlined_functions_and_lines_agree_with_perf,
        lines_cost_nothing_where_nobody_asks,
        inlined_functions_of_cpp_are_found,
        inlined_functions_of_rust_are_found,
        a_deleted_program_has_lines,
        a_program_of_another_mount_namespace_has_lines,
        programs_that_are_gone_have_lines,
        lines_come_from_installed_debug_files,
        debug_files_are_found_by_link,
        debug_files_share_what_dwz_took_out,
        a_damaged_debug_file_costs_lines_and_no_names,
        lines_are_kept_in_files,
        lines_survive_their_reader,
        functions_of_the_kernel_have_names,
    ]
)
