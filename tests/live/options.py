#!/usr/bin/env python3
"""Every option of `record`, on every kind of recording that has it.

    tests/live/options.py [BUILD]

Two processes of the same kind run; one of them, or a thread of it, is asked for. Nothing else may
come, and something must.
"""

import contextlib
import json
import os
import shutil
import time

from live import WORKLOADS, Flicker, Load, run, stacks

MIXED = os.path.join(WORKLOADS, "mixed")
NATIVE = ["cpu hz=499", "offcpu", "wakeup", "runq", "faults", "tp=syscalls:sys_enter_write",
          f"uprobe={MIXED}:mixed_step", "cpu event=context-switches"]
PERF = ["perf hz=499", "perf -c 1 -e context-switches"]
BPFTRACE = ["cpu with=bpftrace hz=499", "bt:offcpu", "bt:syscalls", "bt:faults"]


# What the kernel's side of a stack holds, whatever was recorded; the state of a thread is not it.
KERNEL = "frame~'^(__schedule|do_syscall_64|asm_exc_page_fault|entry_SYSCALL_64_after_hwframe)$'"


def pair():
    return Load([MIXED]), Load([MIXED])


def second_thread(pid):
    """The tid of its thread that is not the first."""
    for _ in range(200):
        tids = [int(tid) for tid in os.listdir(f"/proc/{pid}/task") if int(tid) != pid]
        if tids and open(f"/proc/{pid}/task/{tids[0]}/comm").read().strip() == "mixed-two":
            return tids[0]
        time.sleep(0.02)
    raise AssertionError("the load has no second thread")


def only(what, *wrong):
    """Records until there are samples, and asks for those that should not be there."""
    with Flicker() as flicker:
        flicker.say(f"record {what}")
        flicker.wait_message("recording with|ended|nothing was recorded|flicker: ")
        assert "recording with" in flicker.messages, flicker.messages
        flicker.say("wait samples > 20 for=40s")
        out = flicker.finish("fold", *(f"fold --json {question}" for question in wrong))
    assert stacks(out), (what, flicker.messages)
    answers = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert len(answers) == len(wrong), (what, out, flicker.messages)
    for question, answer in zip(wrong, answers):
        assert not answer["stacks"], (what, question, answer["stacks"][:3])
    return out


def kinds():
    for kind in NATIVE:
        if kind.startswith("tp=syscalls") and not os.path.exists(
                "/sys/kernel/tracing/events/syscalls/sys_enter_write"):
            continue
        yield kind
    if shutil.which("perf"):
        yield from PERF
    if shutil.which("bpftrace") and os.path.exists("/sys/kernel/tracing/events"):
        yield from BPFTRACE


def who_is_asked_for():
    one, other = pair()
    with one, other:
        tid = second_thread(one.pid)
        for kind in kinds():
            only(f"{kind} pid={one.pid}", f"!pid={one.pid}")
            only(f"{kind} tid={tid}", f"!tid={tid}")
            only(f"{kind} comm=mixed-two cpu=0", "!comm=mixed-two", "!cpu=0")
            print("       ", kind, flush=True)


def which_sides_of_the_stack():
    one, other = pair()
    with one, other:
        for kind in kinds():
            only(f"{kind} pid={one.pid} kernel=off", KERNEL)
            if "uprobe" not in kind:
                only(f"{kind} pid={one.pid} user=off", f"module={MIXED}")
            if kind in PERF:
                continue  # has no depth=
            out = only(f"{kind} pid={one.pid} kernel=off depth=2")
            deepest = max(len(names) for names, _ in stacks(out))
            # The thread's name and two frames; at a uprobe the function and its caller before what
            # is unwound, of a thread that is away its state, of a wake-up the waker's name and stack.
            beside = {"uprobe": 2, "wakeup": 4}.get(kind.split("=")[0], 1)
            assert deepest <= 3 + beside, (kind, out)
            print("       ", kind, flush=True)


def how_long_at_least():
    one, other = pair()
    with one, other:
        for kind in kinds():
            if kind in ("offcpu", "wakeup", "bt:offcpu", "bt:syscalls"):
                only(f"{kind} pid={one.pid} min=7ms", "value=..6.9ms")
    with contextlib.ExitStack() as crowd:  # nobody waits that long for an idle CPU
        one, _ = [crowd.enter_context(load) for load in pair()]
        for _ in range(2 * os.cpu_count()):
            crowd.enter_context(Load([os.path.join(WORKLOADS, "spin"), "60"]))
        only(f"runq pid={one.pid} min=2ms", "value=..1.9ms")


def for_so_long():
    one, other = pair()
    with one, other:
        for kind in kinds():
            with Flicker() as flicker:
                flicker.say(f"record {kind} pid={one.pid} for=500ms")
                flicker.wait_message("has ended")
                assert "its time was up" in flicker.messages, (kind, flicker.messages)


run([who_is_asked_for, which_sides_of_the_stack, how_long_at_least, for_so_long])
