#!/usr/bin/env python3
"""What our own collector records, against programs that know the truth.

    tests/live/kinds.py [BUILD]
"""

import os
import shutil
import subprocess
import tempfile
import time

from live import BUILD, PATIENCE_S, WORKLOADS, Flicker, Load, acts, record_acts, run, skip, stacks
from live import total, wait_until

ACTS = os.path.join(WORKLOADS, "acts")
CPUS = os.cpu_count()


def every_allocation_is_counted():
    out, messages = record_acts("malloc pid={pid} every=1")
    assert "each allocation of process" in messages  # the cost is told
    assert total(out, "alloc_big") == 100 * 4096, out
    assert total(out, "alloc_small") == 1000 * 32, out
    assert total(out, "alloc_kept") == 7 * 100, out
    # The same block, grown, counts as one more; nothing counts twice.
    assert total(out, "alloc_other") == 8000 + 300 + 600 + 512 + 1024, out
    # The direct caller is there, although malloc has set up no frame.
    for names, _ in stacks(out):
        if "alloc_big" in names:
            assert names[-2:] == ["alloc_big", "malloc"], names


def what_is_not_freed_is_kept():
    out, _ = record_acts("malloc pid={pid} every=1 live=on")
    assert total(out, "alloc_kept") == 7 * 100, out
    assert total(out, "alloc_big") == total(out, "alloc_small") == 0, out
    assert total(out, "alloc_other") == 0, out


def samples_by_bytes_stand_for_all_of_them():
    out, _ = record_acts("malloc pid={pid} every=4K", "fold", "status")
    truth = 100 * 4096 + 1000 * 32 + 700 + 8000 + 300 + 600 + 512 + 1024
    found = sum(n for _, n in stacks(out))
    # What each CPU has not yet told is less than its threshold; printf allocates a little more.
    assert truth - CPUS * 6 * 1024 <= found <= truth + 8192, (found, truth)


def a_tracepoint_is_told_each_time():
    out, _ = record_acts("tp=sched:sched_process_fork pid={pid}")
    assert total(out, "__do_sys_clone") == 20, out  # its thread comes by clone3


def a_field_of_a_tracepoint_adds_up():
    if not os.path.exists("/sys/kernel/tracing/events/syscalls/sys_enter_write"):
        skip("this kernel has no syscalls:sys_enter_write")
    out, _ = record_acts("tp=syscalls:sys_enter_write value=count pid={pid}")
    assert total(out, "do_writes") == 10 * 100, out


def a_function_is_told_with_its_caller_and_argument():
    out, _ = record_acts(f"uprobe={ACTS}:act_step value=arg0 pid={{pid}}")
    assert total(out, "do_steps") == 55, out
    assert all(names[-2:] == ["do_steps", "act_step"] for names, _ in stacks(out)), out


def what_a_function_returns_adds_up():
    out, _ = record_acts(f"uretprobe={ACTS}:act_step value=retval pid={{pid}}")
    assert total(out, "do_steps") == 110, out


def a_probe_without_value_counts():
    out, _ = record_acts(f"uprobe={ACTS}:act_step")  # of any process
    assert total(out, "do_steps") == 10, out


def a_usdt_probe_brings_its_argument():
    notes = subprocess.run(["readelf", "-n", ACTS], capture_output=True, text=True).stdout
    if "stapsdt" not in notes:
        skip("built without <sys/sdt.h> (package systemtap-sdt-dev)")
    out, _ = record_acts(f"usdt={ACTS}:acts:step value=arg0 pid={{pid}}")
    assert total(out, "act_step") == 55, out


def a_kprobe_runs_or_says_why_not():
    with acts() as load, Flicker() as flicker:
        try:
            flicker.record(f"kprobe=vfs_write pid={load.pid}")
        except AssertionError as error:
            assert "this kernel has no kprobes" in str(error) or "lockdown" in str(error), error
            return
        load.act()
        out = flicker.finish("fold")
        assert total(out, "do_writes") >= 10, out


def an_event_is_told_one_by_one():
    with acts() as load, Flicker() as flicker:
        before = switches(load.pid)
        flicker.record(f"cpu event=context-switches pid={load.pid}")
        load.act()
        after = switches(load.pid)
        out = flicker.finish(f"fold tid={load.pid}")
        found = sum(n for _, n in stacks(out))
        # It may switch once more before and after it is looked at.
        assert abs(found - (after - before)) <= 3, (found, before, after, out)


def switches(pid):
    with open(f"/proc/{pid}/status") as status:
        return sum(int(line.split()[1]) for line in status if "ctxt_switches" in line)


def without_a_pmu_the_reason_is_clear():
    if os.path.exists("/sys/bus/event_source/devices/cpu"):
        skip("this host has a PMU", optional=True)
    with Flicker() as flicker:
        flicker.say("record cpu event=instructions")
        flicker.wait_message("'instructions' needs a PMU, and this host shows none")


def the_waker_lies_below_the_sleeper():
    out, _ = record_acts("wakeup pid={pid}")
    woken = [names for names, _ in stacks(out) if "sleeper_waits" in names and "[woken by acts]" in names]
    assert woken, out
    for names in woken:
        at = names.index("[woken by acts]")
        assert "sleeper_waits" in names[:at] and "waker_wakes" in names[at:], names
    # 25 waits of at least 5 ms each.
    slept = total(out, "sleeper_waits", "[woken by acts]")
    assert slept >= 24 * 5_000_000, slept


def the_run_queue_is_as_long_as_the_kernel_says():
    cpu = str(sorted(os.sched_getaffinity(0))[0])
    spin = [os.path.join(WORKLOADS, "spin"), "600"]
    with Load(["taskset", "-c", cpu, *spin]) as one, Load(["taskset", "-c", cpu, *spin]):
        time.sleep(0.3)
        with Flicker() as flicker:
            flicker.record(f"runq pid={one.pid} min=1ns")
            before = run_delay_ns(one.pid)
            time.sleep(3)
            after = run_delay_ns(one.pid)
            out = flicker.finish("fold")
    found, truth = sum(n for _, n in stacks(out)), after - before
    # One wait or two may lie across an end.
    assert abs(found - truth) <= 0.02 * truth + 60e6, (found / 1e6, truth / 1e6)
    assert truth > 0.5e9, truth


def run_delay_ns(pid):
    with open(f"/proc/{pid}/schedstat") as stat:
        return int(stat.read().split()[1])


def shares_agree_with_those_of_perf():
    if not shutil.which("perf"):
        skip("perf is not installed (package linux-perf)")
    leaves = ("leaf_hot", "leaf_warm", "leaf_cold")
    found = {}
    with Load([os.path.join(WORKLOADS, "spin"), "600", "2"]) as load:
        with Flicker() as ours, Flicker() as perf:
            for name, flicker in ("native", ours), ("perf", perf):
                flicker.say(f"record cpu hz=1999 pid={load.pid} with={name}")
            for flicker in ours, perf:
                flicker.wait_message("recording with")
                flicker.say("wait samples > 5500")
            for name, flicker in ("native", ours), ("perf", perf):
                out = flicker.finish("fold")
                # What runs in the kernel meanwhile is nobody's share.
                parts = [sum(n for names, n in stacks(out) if leaf in names) for leaf in leaves]
                assert sum(parts) >= 5000, (name, parts, flicker.messages)
                found[name] = [100 * part / sum(parts) for part in parts]
    print("        native %.1f %.1f %.1f, perf %.1f %.1f %.1f %%" % (*found["native"], *found["perf"]))
    for one, other in zip(found["native"], found["perf"]):
        assert abs(one - other) <= 3, found


def only_who_is_asked_for_is_recorded():
    spin = os.path.join(WORKLOADS, "spin")
    with Load([spin, "600", "2"]) as load:
        tids = sorted(int(tid) for tid in os.listdir(f"/proc/{load.pid}/task"))
        for option, question in [
            ("comm=spin", "fold !comm=spin"),
            (f"tid={tids[-1]}", f"fold !tid={tids[-1]}"),
            ("cpu=0", "fold !cpu=0"),
            (f"pid={load.pid}", f"fold !pid={load.pid}"),
            (f"pid={load.pid} kernel=off", "fold module=[kernel]"),
            (f"pid={load.pid} user=off", "fold frame=leaf_hot"),
        ]:
            with Flicker() as flicker:
                flicker.record(f"cpu hz=499 {option}")
                flicker.say("wait samples > 100")
                answers = flicker.finish(question)
                assert not stacks(answers), (option, answers)


def no_stack_is_deeper_than_asked():
    with Load([os.path.join(WORKLOADS, "spin"), "600"]) as load, Flicker() as flicker:
        flicker.record(f"cpu hz=499 pid={load.pid} kernel=off depth=2")
        flicker.say("wait samples > 100")
        out = flicker.finish("fold")
        assert max(len(names) for names, _ in stacks(out)) == 3, out  # the comm, two frames


def a_cgroup_can_be_recorded_and_named():
    mounts = [line.split() for line in open("/proc/self/mounts")]
    roots = [fields[1] for fields in mounts if fields[2] == "cgroup2"]
    if not roots:
        skip("no cgroup2 is mounted")
    name = f"flicker-test-{os.getpid()}"
    folder = os.path.join(roots[0], name)
    spin = [os.path.join(WORKLOADS, "spin"), "600"]
    try:
        os.mkdir(folder)
    except OSError as error:
        skip(f"cannot make a cgroup: {error}")
    try:
        with Load(spin) as inside, Load(spin) as outside:
            with open(os.path.join(folder, "cgroup.procs"), "w") as procs:
                procs.write(str(inside.pid))
            with Flicker() as flicker:
                flicker.record(f"cpu hz=499 cgroup=/{name}")
                flicker.say("wait samples > 100")
                out = flicker.finish(
                    f"fold pid={outside.pid}", "fold comm=none", f"fold !cgroup=/{name}"
                )
                assert not stacks(out), out
            with Flicker() as flicker:
                flicker.record("cpu hz=499 comm=spin")
                flicker.say("wait samples > 200")
                out = flicker.finish(f"fold cgroup=/{name} pid={inside.pid}", "fold root=cgroup")
                assert total(out, "leaf_hot") > 0, out
                assert total(out, f"/{name}", "leaf_hot") > 0, out
    finally:
        for _ in range(100):
            try:
                os.rmdir(folder)
                break
            except OSError:
                time.sleep(0.05)  # its process is still being reaped


COLLECT = os.path.join(BUILD, "flicker-collect")


def samples_of(path):
    """As many as flicker finds in a file."""
    shown = subprocess.run(
        [os.path.join(BUILD, "flicker"), path, "-c", "fold idle=on"], capture_output=True, text=True
    )
    if "there are no samples in it" in shown.stderr:
        return 0  # it is cut before the first
    assert shown.returncode == 0, shown.stderr
    return sum(n for _, n in stacks(shown.stdout))


def alone_it_is_a_recording_that_may_be_cut_anywhere():
    with tempfile.TemporaryDirectory() as folder, Load([os.path.join(WORKLOADS, "spin"), "600", "2"]):
        path, cut = os.path.join(folder, "whole.fks"), os.path.join(folder, "cut.fks")
        with open(path, "wb") as out:
            subprocess.run([COLLECT, "cpu", "--for", "1500ms"], stdout=out, check=True)
        with open(path, "rb") as file:
            data = file.read()
        whole, last = samples_of(path), 0
        for part in range(1, 24):
            with open(cut, "wb") as out:
                out.write(data[: 200 + (len(data) - 200) * part // 24])
            found = samples_of(cut)
            assert last <= found <= whole, (part, last, found, whole)
            last = found
        assert last > whole / 2, (last, whole)


def killed_it_leaves_a_recording():
    with tempfile.TemporaryDirectory() as folder, Load([os.path.join(WORKLOADS, "spin"), "600", "2"]):
        path = os.path.join(folder, "killed.fks")
        with open(path, "wb") as out, subprocess.Popen([COLLECT, "cpu"], stdout=out) as collector:
            wait_until(lambda: os.path.getsize(path) > 4000)
            collector.kill()
        assert samples_of(path) > 0


def it_ends_when_its_stdin_closes():
    collector = subprocess.Popen([COLLECT, "cpu"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with collector:
        assert collector.stdout.read(64)  # it runs
        collector.stdin.close()
        collector.stdout.read()
        assert collector.wait(PATIENCE_S) == 0


run(
    [
        alone_it_is_a_recording_that_may_be_cut_anywhere,
        killed_it_leaves_a_recording,
        it_ends_when_its_stdin_closes,
        every_allocation_is_counted,
        what_is_not_freed_is_kept,
        samples_by_bytes_stand_for_all_of_them,
        a_tracepoint_is_told_each_time,
        a_field_of_a_tracepoint_adds_up,
        a_function_is_told_with_its_caller_and_argument,
        what_a_function_returns_adds_up,
        a_probe_without_value_counts,
        a_usdt_probe_brings_its_argument,
        a_kprobe_runs_or_says_why_not,
        an_event_is_told_one_by_one,
        without_a_pmu_the_reason_is_clear,
        the_waker_lies_below_the_sleeper,
        the_run_queue_is_as_long_as_the_kernel_says,
        shares_agree_with_those_of_perf,
        only_who_is_asked_for_is_recorded,
        no_stack_is_deeper_than_asked,
        a_cgroup_can_be_recorded_and_named,
    ]
)
