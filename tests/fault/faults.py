#!/usr/bin/env python3
"""What goes wrong while recording: one message, data kept, the prompt at once. faults.py FLICKER

A collector that misbehaves is a shell script that stands before the real one in $PATH. Kernels that
lack something, and disks that are full, are mount namespaces. Needs root.
"""
import os, re, shutil, subprocess, sys, tempfile

flicker = os.path.abspath(sys.argv[1])
fixtures = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fixtures")
READY = r"""echo '{"type": "printf", "data": "READY 1\n"}'; """
SAMPLE = r'{"type": "printf", "data": "S 5000000000 7 7 0 web\n\n\t7f0000001000 handle+1 (/app)\nE\n"}'
SAMPLES = "for i in 1 2 3; do echo '" + SAMPLE + "'; done; "
COLLECTORS = ("native", "perf", "bpftrace")
PATIENCE_S = 60
bad = 0


def check(condition, what, done):
    global bad
    print(("ok - " if condition else "not ok - ") + what)
    if not condition:
        bad += 1
        print(done.stdout[-2000:], done.stderr[-2000:])


def write_program(path, text):
    with open(path, "w", encoding="utf-8") as script:
        script.write("#!/bin/bash\n" + text + "\n")
    os.chmod(path, 0o755)


def run(commands, program=None, prepare=None, extra=(), tool="bpftrace", user=False):
    """Runs flicker on these commands; a program makes a tool of its own."""
    with tempfile.TemporaryDirectory() as home:
        os.chmod(home, 0o777)
        environment = dict(os.environ, HOME=home, XDG_STATE_HOME=home, LC_ALL="C.UTF-8", TZ="UTC")
        binary = flicker
        if program:
            write_program(os.path.join(home, tool), program)
            environment["PATH"] = home + ":" + os.environ["PATH"]
        if user or tool == "flicker-collect":  # which is looked for beside flicker itself
            binary = shutil.copy(flicker, home)
        words = [binary, *extra] + [word for text in commands for word in ("-c", text)]
        if user:
            words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *words]
        if prepare:
            words = ["unshare", "-m", "sh", "-c", prepare + '; exec "$@"', "sh", *words]
        return subprocess.run(words, cwd=home, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace",
                              timeout=PATIENCE_S)


def ends(done):
    return len(re.findall("has ended", done.stderr))


def stream(name, then):
    """A tool's program: it writes a recording that is good, and then misbehaves."""
    if name == "native":
        return "flicker-collect", f"cat {fixtures}/words-old.fks; {then}", "same_word"
    if name == "perf":
        body = f'if [ "$1" = script ]; then cat {fixtures}/perf-system.txt; cat; ' \
               f'else {then} fi'
        return "perf", body, "pvm_irq_enable"
    return "bpftrace", READY + SAMPLES + then, "handle"


def misbehave(name, then, *commands):
    tool, program, frame = stream(name, then)
    record = "record bt x" if name == "bpftrace" else f"record with={name}"
    done = run([record, "wait samples > 2", *commands, "top"], program, tool=tool)
    return done, done.returncode == 0 and frame in done.stdout


def killed():
    for name in COLLECTORS:
        done, kept = misbehave(name, "sleep 0.5; kill -9 $$;", "wait 2s")
        check(kept, f"{name} killed: what came before is kept", done)
        check(ends(done) == 1 and "killed by signal 9" in done.stderr, f"{name} killed: said once",
              done)


def hung():
    for name in COLLECTORS:
        done, kept = misbehave(name, "trap '' INT TERM; while :; do sleep 0.2; done;", "stop",
                               "wait stop")
        check(kept, f"{name} hung: stopped, data kept", done)
        check(ends(done) == 1 and "was killed" in done.stderr, f"{name} hung: said that it was killed",
              done)


def flooding():
    line = r'{"type": "printf", "data": "hello\n"}'
    floods = [("bpftrace", f"yes '{line}';"), ("bpftrace", "yes 'ERROR: all is bad' >&2;"),
              ("perf", "yes 'all is bad' >&2;"), ("native", "yes 'all is bad' >&2;")]
    for name, flood in floods:
        done, kept = misbehave(name, flood, "wait 2s", "stop", "wait stop")
        where = "its errors" if ">&2" in flood else "its stream"
        check(kept and ends(done) == 1, f"{name} flooding {where}: stopped, data kept", done)
        check(done.stderr.count("\n") < 2000 and "more lines" in done.stderr,
              f"{name} flooding {where}: cut short", done)


def lying():
    garbage = "head -c 300000 /dev/urandom; echo;"
    done, kept = misbehave("bpftrace", garbage + SAMPLES, "wait stop")
    check(kept, "bpftrace garbage: what was good is kept", done)
    check(ends(done) == 1 and "not understood" in done.stderr, "bpftrace garbage: counted", done)
    done, kept = misbehave("perf", garbage, "wait stop")
    check(kept and ends(done) == 1 and "not understood" in done.stderr,
          "perf garbage: what was good is kept, the rest counted", done)
    # No length of a message; noise; the length of a message that never comes.
    lies = {"no length": "head -c 300000 /dev/zero | tr '\\0' '\\377';",
            "noise": "head -c 300000 /dev/urandom;", "zeros": "head -c 300000 /dev/zero;",
            "half a message": r"printf '\370\007\032\365\007';"}
    for lie, garbage in lies.items():
        done, kept = misbehave("native", garbage + "sleep 100;", "wait 8s")
        check(kept and ends(done) == 1 and done.stderr.count("cannot be read") == 1,
              f"native lies, {lie}: what was good is kept, it is ended and said once", done)
    done = run(["record", "wait stop"], "head -c 100000 /dev/urandom; exit 0",
               tool="flicker-collect")
    check(done.returncode != 0 and done.stderr.count("flicker: ") == 1,
          "nothing but garbage: one message", done)


def half_a_pipeline():
    """perf record goes on while perf script, which reads it, is gone."""
    script = f'if [ "$1" = script ]; then cat {fixtures}/perf-system.txt; '
    idle = "else trap 'exit 0' INT; while :; do sleep 0.1; done; fi"
    for then, how in (("exit 3", "failed with exit status 3"),
                      ("kill -SEGV $$", "killed by signal 11")):
        done = run(["record with=perf", "wait samples > 2", "top", "wait stop"],
                   f"{script} {then}; else exec yes; fi", tool="perf")
        said = f"perf script, which reads it: {how}"
        check("pvm_irq_enable" in done.stdout, f"perf script ends ({then}): data kept", done)
        check(ends(done) == 1 and said in done.stderr and "after that is lost" in done.stderr,
              f"perf script ends ({then}): said, once", done)
        done = run(["record with=perf", "wait samples > 2", "stop", "wait stop"],
                   f"{script} cat >/dev/null; {then}; {idle}", tool="perf")
        check(ends(done) == 1 and "stopped, but " + said in done.stderr,
              f"perf script ends ({then}) while it is stopped: said, once", done)


def full_disk():
    prepare = "mkdir disk && mount -t tmpfs -o size=8k none disk && echo old > disk/x.folded && " \
              "head -c 4096 /dev/zero > disk/fill"
    done = run(["fold > disk/y.folded"], prepare=prepare, extra=(fixtures + "/perf-system.txt",))
    check(done.returncode == 1 and "No space left" in done.stderr, "full disk: '>' says so", done)
    done = run(["save disk/x.folded"], prepare=prepare + "; trap 'cat disk/x.folded' EXIT",
               extra=(fixtures + "/perf-system.txt",))
    check(done.returncode == 1 and "No space left" in done.stderr, "full disk: save says so", done)
    done = run(["record for=1s", "wait stop", "save disk/x.fks", "top 1"], prepare=prepare)
    check(done.returncode == 1 and done.stderr.count("No space left") == 1,
          "full disk: save of a recording says so once", done)
    done = run(["record", "wait 1s", "keep 1s"], prepare=prepare + "; cd disk")
    check(done.returncode == 1 and done.stderr.count("No space left") == 1,
          "full disk: keep says so once", done)
    done = run(["save /dev/full format=folded"], extra=(fixtures + "/perf-system.txt",))
    check(done.returncode == 1, "a device that is full: save fails", done)


def changed_worlds():
    """doctor, where the host lacks something: what, and the command that would change it."""
    def doctor(what, prepare, *lines, **more):
        done = run(["doctor"], prepare=prepare, **more)
        check(done.returncode == 0 and all(line in done.stdout for line in lines),
              f"doctor: {what}", done)

    paranoid = "/proc/sys/kernel/perf_event_paranoid"
    doctor("paranoid level", f"echo 3 > p && mount --bind p {paranoid}",
           "perf_event_paranoid is 3", "sudo sysctl kernel.perf_event_paranoid=2")
    doctor("paranoid level, not root", f"echo 3 > p && mount --bind p {paranoid}",
           "perf       ", "cannot run here", "not root, and kernel.perf_event_paranoid is 3",
           "sudo sysctl kernel.perf_event_paranoid=2", user=True)
    doctor("not root", "true", "not root", "start flicker with sudo",
           "power      none: started without root", user=True)
    doctor("lockdown", "mount -t tmpfs none /sys/kernel/security && echo 'none [integrity] "
           "confidentiality' > /sys/kernel/security/lockdown", "lockdown   integrity: ",
           "lockdown=none")
    doctor("no lockdown", "mount -t tmpfs none /sys/kernel/security && echo '[none] integrity "
           "confidentiality' > /sys/kernel/security/lockdown", "lockdown   none\n")
    doctor("securityfs not mounted", "mount -t tmpfs none /sys/kernel/security",
           "sudo mount -t securityfs nodev /sys/kernel/security")
    devices = "mount -t tmpfs none /sys/bus/event_source/devices && cd /sys/bus/event_source/devices"
    doctor("no PMU, no kprobes, no uprobes", devices, "PMU        none", "kprobes    none",
           "CONFIG_KPROBE_EVENTS=y", "uprobes    none", "CONFIG_UPROBE_EVENTS=y")
    doctor("a PMU, kprobes, uprobes", devices + " && mkdir cpu kprobe uprobe", "PMU        there",
           "kprobes    there", "uprobes    there")
    config = "printf '%s\\n' CONFIG_DEBUG_INFO_BTF=y | gzip > c && mount --bind c /proc/config.gz"
    if os.path.exists("/proc/config.gz"):
        doctor("no fentry", config, "fentry     none", "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y")
    doctor("no tools", "mkdir bin && ln -s $(command -v cat) bin/ && export PATH=$PWD/bin",
           "'perf' is not installed", "sudo apt install linux-perf", "'bpftrace' is not installed",
           "sudo apt install bpftrace")
    for version, wanted in (("bpftrace v0.14.0", "0.17"), ("bpftrace v0.20.2", "from 0.21")):
        done = run(["doctor"], f"echo '{version}'")
        check(wanted in done.stdout and version[10:] in done.stdout, f"doctor: {version}", done)
    newest = run(["doctor"], "echo 'bpftrace v0.24.1'")
    check("0.24.1" in newest.stdout and "not in this version" not in newest.stdout,
          "doctor: the newest bpftrace lacks nothing", newest)
    silent = run(["doctor"], "sleep 100")
    check(silent.returncode == 0 and "bpftrace   a bpftrace" in silent.stdout,
          "doctor: a tool that does not say its version is not waited for", silent)


def rights():
    """Root of a container, and an ordinary user: one message, or what works."""
    def bare(*words, user=False):
        with tempfile.TemporaryDirectory() as home:
            os.chmod(home, 0o777)
            commands = [flicker]
            if user:
                commands = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                            shutil.copy(flicker, home)]
            return subprocess.run([*words, *commands, "-c", "record for=1s", "-c", "wait stop"],
                                  capture_output=True, text=True, errors="replace", cwd=home,
                                  stdin=subprocess.DEVNULL, timeout=PATIENCE_S)

    lacks = "--bounding-set=-sys_admin,-bpf,-perfmon"
    done = bare("setpriv", lacks)
    check(done.returncode == 3 and "native: root without CAP_BPF" in done.stderr and
          done.stderr.count("flicker: ") == 1, "root without rights: one message says which", done)
    if subprocess.run(["unshare", "-U", "-r", "true"], capture_output=True).returncode == 0:
        done = bare("unshare", "-mpf", "-U", "-r", "--mount-proc")
        check(done.returncode == 3 and "native: root of a user namespace" in done.stderr and
              done.stderr.count("flicker: ") == 1, "root of a user namespace: the same", done)
    done = bare(user=True)
    check(done.returncode == 3 and "not root" in done.stderr, "an ordinary user: says why not", done)
    with open("/proc/sys/kernel/perf_event_paranoid", encoding="utf-8") as file:
        level = int(file.read())
    if level > 2 or not shutil.which("perf"):
        print("ok - # skipped: perf_event_paranoid is above 2, or perf is missing")
        return
    with subprocess.Popen(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh",
                           "-c", "while :; do :; done"]) as burn:
        try:
            done = run([f"record pid={burn.pid}", "wait samples > 5", "stop", "wait stop",
                        "threads"], user=True)
        finally:
            burn.kill()
    check(done.returncode == 0 and f"{burn.pid} " in done.stdout and
          "recording with perf: perf record -e cpu-clock:u" in done.stderr,
          "an ordinary user records a process of their own", done)
    done = run(["record pid=1"], user=True)
    check(done.returncode == 3 and "process 1 is not yours" in done.stderr,
          "an ordinary user cannot record others", done)


def containers():
    """A PID namespace of its own: what BPF programs see are the host's numbers."""
    inside = "exec unshare -p -f --mount-proc sh -c '\"$@\"; exit $?' sh \"$@\""
    for what in ("offcpu", "bt:offcpu"):
        done = run([f"record {what} pid=1 for=1s"], prepare=inside)
        check(done.returncode == 3 and "process 1 is numbered so by a container" in done.stderr,
              f"in a container: {what} of a process is refused, not empty", done)
    done = run(["record pid=1 for=1s", "wait stop"], prepare=inside)
    check("not native: process 1 is numbered so" in done.stderr and ends(done) == 1,
          "in a container: perf records a process", done)
    done = run(["doctor"], prepare=inside)
    check("numbered by a container" in done.stdout, "in a container: doctor says so", done)


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
    check(done.returncode in (1, 3) and "sudo mount -t tracefs" in done.stderr,
          "no tracefs: the error has it, too", done)
    for what in ("", " with=perf", " offcpu"):
        done = run([f"record{what} for=1s", "wait stop"], prepare=away)
        check(done.returncode == 0 and ends(done) == 1, f"no tracefs: record{what} works", done)
    done = run(["record tp=sched:sched_switch for=1s", "wait stop"], prepare=away)
    check((done.returncode == 0 and ends(done) == 1) or "tracefs" in done.stderr,
          "no tracefs: a tracepoint works, or the reason is said", done)
    if os.path.exists("/sys/kernel/btf/vmlinux"):
        away = "mkdir empty && mount --bind empty /sys/kernel/btf"
        done = run(["doctor"], prepare=away)
        check("BTF        missing" in done.stdout, "no BTF: doctor says so", done)
        done = run(["record for=1s", "wait stop"], prepare=away)
        check(done.returncode == 0 and "not native: this kernel has no" in done.stderr and
              "perf has ended" in done.stderr, "no BTF: perf is used", done)
        done = run(["record offcpu for=1s"], prepare=away)
        check(done.returncode == 3 and "native: this kernel has no" in done.stderr,
              "no BTF: what only our own programs record is refused with the reason", done)
    done = subprocess.run(["unshare", "-p", "-m", "-n", "-f", "--mount-proc", flicker, "-c",
                           "record for=1s", "-c", "wait stop"], capture_output=True, text=True,
                          errors="replace", stdin=subprocess.DEVNULL, timeout=PATIENCE_S)
    check(done.returncode == 0 and ends(done) == 1, "in a container: records, and ends", done)


if os.geteuid():
    print("SKIP: needs root")
    sys.exit(1 if os.environ.get("FLICKER_REQUIRE_LIVE") == "1" else 77)
for fault in (killed, hung, flooding, lying, half_a_pipeline, full_disk, changed_worlds, rights,
              containers, lacking_kernels):
    fault()
sys.exit(1 if bad else 0)
