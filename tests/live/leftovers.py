#!/usr/bin/env python3
"""flicker ended at random moments, while it records with all collectors at once: nothing is left.

    tests/live/leftovers.py [BUILD [ROUNDS]]

By SIGKILL of the shell, of the launcher, or of both, by SIGTERM, SIGHUP and `quit`: then there is no
process, no BPF program or link that nobody holds, nothing pinned, no probe in tracefs. How long it
took at most is said: within 1 s of a death, 6 s of a graceful end on a machine that is not busy
(`quit` waits for what starts before it).
"""

import ctypes
import glob
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from live import BUILD, WORKLOADS, run, skip

ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 12
UPROBE = os.path.join(WORKLOADS, "acts") + ":act_step"
RECORDINGS = [["record", "record offcpu"], [f"record uprobe={UPROBE}", "record tp=sched:sched_switch"],
              ["record perf", "record runq"], ["record bt:signals", "record with=bpftrace"]]
PATIENCE_S = 60
PR_SET_CHILD_SUBREAPER = 36


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def reap_all(after):
    """All descendants come to us; returns the seconds until the last has gone."""
    start = time.monotonic()
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return time.monotonic() - start
        took = time.monotonic() - start
        if not pid:
            assert took < PATIENCE_S, (after, took, [(child, open(f"/proc/{child}/cmdline").read())
                                     for child in children_of(os.getpid())])
            time.sleep(0.002)


def held():
    """Programs and links of BPF that some process holds, by kind and id."""
    found = set()
    for info in glob.iglob("/proc/[0-9]*/fdinfo/*"):
        try:
            with open(info) as file:
                found |= {(kind, int(id)) for kind, id in
                          re.findall(r"^(prog|link)_id:\s*(\d+)$", file.read(), re.MULTILINE)}
        except OSError:
            pass  # it has gone
    return found


def unheld():
    found = set()
    for kind in ("prog", "link") if shutil.which("bpftool") else ():
        done = subprocess.run(["bpftool", "-j", kind, "show"], capture_output=True, text=True)
        if done.returncode == 0:
            found |= {(kind, row["id"]) for row in json.loads(done.stdout)}
    return found - held()


def marks():
    """What stays in the kernel's file systems."""
    pinned = sorted(os.listdir("/sys/fs/bpf")) if os.path.isdir("/sys/fs/bpf") else []
    probes = ""
    for name in ("uprobe_events", "kprobe_events"):
        path = "/sys/kernel/tracing/" + name
        probes += open(path).read() if os.path.exists(path) else ""
    return pinned, probes


def one_round(number, home):
    ways = ["shell", "launcher", "both", "SIGTERM", "SIGHUP", "quit"]
    way = ways[number % len(ways)]
    commands = RECORDINGS[number // len(ways) % len(RECORDINGS)]
    flicker = subprocess.Popen([os.path.join(BUILD, "flicker")], stdin=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
                               env={**os.environ, "XDG_STATE_HOME": home})
    flicker.stdin.write("\n".join(commands) + "\n")
    flicker.stdin.flush()
    time.sleep(random.random() * 1.2)  # a random moment: before, while and after they attach
    shells = children_of(flicker.pid)
    if way in ("shell", "both") and shells:
        os.kill(shells[0], signal.SIGKILL)
    if way in ("launcher", "both") or (way == "shell" and not shells):  # it has not forked yet
        os.kill(flicker.pid, signal.SIGKILL)
    if way in ("SIGTERM", "SIGHUP"):
        os.kill(flicker.pid, getattr(signal, way))
    if way == "quit":
        flicker.stdin.write("quit\n")
        flicker.stdin.close()
    took = reap_all((way, commands))
    flicker.returncode = 0  # reaped with the others
    return way, took


def nothing_is_left():
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        skip("this kernel has no subreapers")
    before, marks_before, worst = unheld(), marks(), {}
    with tempfile.TemporaryDirectory() as home:
        for number in range(ROUNDS):
            way, took = one_round(number, home)
            worst[way] = max(worst.get(way, 0), took)
    print("        at most", ", ".join(f"{way} {took * 1000:.0f} ms" for way, took in worst.items()),
          f"in {ROUNDS} rounds")
    # The kernel frees what it was told to a little later; others may start and end theirs.
    left, deadline = unheld() - before, time.monotonic() + 20
    while left and time.monotonic() < deadline:
        time.sleep(0.1)
        left &= unheld()
    assert not left, left
    assert marks() == marks_before, (marks(), marks_before)


run([nothing_is_left])
