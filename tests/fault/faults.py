#!/usr/bin/env python3
"""What goes wrong while recording: one message, data kept, the prompt at once. faults.py FLICKER

A bpftrace that misbehaves is a shell script that stands before the real one in $PATH. Kernels that
lack something, and disks that are full, are mount namespaces. Needs root.
"""
import os, re, shutil, subprocess, sys, tempfile

flicker = os.path.abspath(sys.argv[1])
fixtures = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fixtures")
READY = r"""echo '{"type": "printf", "data": "READY 1\n"}'; """
SAMPLE = r'{"type": "printf", "data": "S 5000000000 7 7 0 web\n\n\t7f0000001000 handle+1 (/app)\nE\n"}'
SAMPLES = "for i in 1 2 3; do echo '" + SAMPLE + "'; done; "
RECORD = ["record bt x", "wait samples > 2"]
PATIENCE_S = 60
bad = 0


def check(condition, what, done):
    global bad
    print(("ok - " if condition else "not ok - ") + what)
    if not condition:
        bad += 1
        print(done.stdout[-2000:], done.stderr[-2000:])


def run(commands, program=None, prepare=None, extra=()):
    """Runs flicker on these commands; a program makes a bpftrace of its own."""
    with tempfile.TemporaryDirectory() as home:
        os.chmod(home, 0o755)
        environment = dict(os.environ, HOME=home, XDG_STATE_HOME=home, LC_ALL="C.UTF-8", TZ="UTC")
        if program:
            path = os.path.join(home, "bpftrace")
            with open(path, "w", encoding="utf-8") as script:
                script.write("#!/bin/bash\n" + program + "\n")
            os.chmod(path, 0o755)
            environment["PATH"] = home + ":" + os.environ["PATH"]
        words = [flicker, *extra] + [word for text in commands for word in ("-c", text)]
        if prepare:
            words = ["unshare", "-m", "sh", "-c", prepare + '; exec "$@"', "sh", *words]
        return subprocess.run(words, cwd=home, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace",
                              timeout=PATIENCE_S)


def ends(done):
    return len(re.findall("has ended", done.stderr))


def killed():
    done = run(RECORD + ["wait samples > 2", "wait 1s", "top"], READY + SAMPLES + "sleep 0.5; kill -9 $$")
    check(done.returncode == 0 and "handle" in done.stdout, "killed: what came before is kept", done)
    check(ends(done) == 1 and "killed by signal 9" in done.stderr, "killed: said once", done)


def hung():
    done = run(RECORD + ["stop", "top"],
               "trap '' INT TERM; " + READY + SAMPLES + "while :; do sleep 0.2; done")
    check(done.returncode == 0 and "handle" in done.stdout, "hung: stopped, data kept", done)
    check(ends(done) == 1 and "was killed" in done.stderr, "hung: said that it was killed", done)


def flooding():
    for stream, line in (("1", r'{"type": "printf", "data": "hello\n"}'), ("2", "ERROR: all is bad")):
        done = run(RECORD + ["wait 2s", "stop", "top"],
                   READY + SAMPLES + f"yes '{line}' >&{stream}")
        check(done.returncode == 0 and "handle" in done.stdout and ends(done) == 1,
              f"flooding descriptor {stream}: stopped, data kept", done)
        check(done.stderr.count("\n") < 2000 and "more lines" in done.stderr,
              f"flooding descriptor {stream}: cut short", done)


def lying():
    done = run(RECORD + ["wait stop", "top"],
               READY + SAMPLES + "head -c 300000 /dev/urandom; echo; " + SAMPLES)
    check(done.returncode == 0 and "handle" in done.stdout, "garbage: what was good is kept", done)
    check(ends(done) == 1 and "not understood" in done.stderr, "garbage: counted", done)


def full_disk():
    prepare = "mkdir disk && mount -t tmpfs -o size=8k none disk && echo old > disk/x.folded && " \
              "head -c 4096 /dev/zero > disk/fill"
    done = run(["fold > disk/y.folded"], prepare=prepare, extra=(fixtures + "/perf-system.txt",))
    check(done.returncode == 1 and "No space left" in done.stderr, "full disk: '>' says so", done)
    done = run(["save disk/x.folded"], prepare=prepare + "; trap 'cat disk/x.folded' EXIT",
               extra=(fixtures + "/perf-system.txt",))
    check(done.returncode == 1 and "No space left" in done.stderr, "full disk: save says so", done)
    done = run(["save /dev/full format=folded"], extra=(fixtures + "/perf-system.txt",))
    check(done.returncode == 1, "a device that is full: save fails", done)


def lacking_kernels():
    if not shutil.which("bpftrace") or not os.path.ismount("/sys/kernel/tracing"):
        print("ok - # skipped: no bpftrace, or no tracefs to take away")
        return
    away = "while umount -l /sys/kernel/tracing 2>/dev/null; do :; done; " \
           "while umount -l /sys/kernel/debug 2>/dev/null; do :; done"
    done = run(["doctor"], prepare=away)
    check("tracefs    not mounted" in done.stdout and "sudo mount -t tracefs" in done.stdout,
          "no tracefs: doctor has the command", done)
    done = run(["record bt:signals for=1s"], prepare=away)
    check(done.returncode == 1 and "sudo mount -t tracefs" in done.stderr,
          "no tracefs: the error has it, too", done)
    if os.path.exists("/sys/kernel/btf/vmlinux"):
        away = "mkdir empty && mount --bind empty /sys/kernel/btf"
        done = run(["doctor"], prepare=away)
        check("BTF        missing" in done.stdout, "no BTF: doctor says so", done)
        done = run(["record for=1s", "wait stop"], prepare=away)
        check(done.returncode == 0 and "not native: this kernel has no" in done.stderr and
              "perf has ended" in done.stderr, "no BTF: perf is used", done)
    done = subprocess.run(["unshare", "-p", "-m", "-n", "-f", "--mount-proc", flicker, "-c",
                           "record for=1s", "-c", "wait stop"], capture_output=True, text=True,
                          errors="replace", stdin=subprocess.DEVNULL, timeout=PATIENCE_S)
    check(done.returncode == 0 and ends(done) == 1, "in a container: records, and ends", done)


if os.geteuid():
    print("SKIP: needs root")
    sys.exit(1 if os.environ.get("FLICKER_REQUIRE_LIVE") == "1" else 77)
for fault in (killed, hung, flooding, lying, full_disk, lacking_kernels):
    fault()
sys.exit(1 if bad else 0)
