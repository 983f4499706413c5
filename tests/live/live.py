"""What the live tests in Python share: a flicker that records, loads of known shape, a verdict.

A test is a function; it fails by an AssertionError, or says by skip() why it cannot run here. With
FLICKER_REQUIRE_LIVE=1 that is a failure, unless what it lacks is optional.
"""

import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
WORKLOADS = os.path.join(BUILD, "tests/live/workloads")
SKIPPED = 77
PATIENCE_S = 60


class Skip(Exception):
    pass


def skip(reason, optional=False):
    raise Skip(reason, optional)


def wait_until(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.05)


class Flicker:
    """A flicker that reads its commands from a pipe."""

    def __init__(self):
        self.messages = ""
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "flicker")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PATH": BUILD + ":" + os.environ["PATH"], "COLUMNS": "200"},
        )

    def say(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def wait_message(self, pattern):
        """Reads messages until one matches."""
        end = time.monotonic() + PATIENCE_S
        while not re.search(pattern, self.messages):
            ready = select.select([self.process.stderr], [], [], 0.2)[0]
            text = os.read(self.process.stderr.fileno(), 65536).decode() if ready else None
            if text == "" or time.monotonic() > end:
                raise AssertionError(f"no message like {pattern!r} in:\n{self.messages}")
            self.messages += text or ""

    def record(self, what):
        self.say(f"record {what}")
        self.wait_message("recording with native|ended|nothing was recorded|flicker: ")
        if "recording with native" not in self.messages:
            raise AssertionError(self.messages)

    def finish(self, *commands):
        """Stops what is recorded and asks; returns the answers."""
        self.say("stop")
        self.say("wait stop")
        for command in commands:
            self.say(command)
        out, messages = self.process.communicate(timeout=PATIENCE_S)
        self.messages += messages or ""
        return out

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()


def stacks(folded):
    """Lines of `fold`: a list of frames and a number."""
    found = []
    for line in folded.splitlines():
        match = re.fullmatch(r"(.*) (\d+)", line)
        if match:
            found.append((match[1].split(";"), int(match[2])))
    return found


def total(folded, *frames):
    """Sum over stacks that hold all these frames."""
    return sum(n for names, n in stacks(folded) if all(frame in names for frame in frames))


class Load:
    """A child process, killed at the end. `ready` is a line that it says when it is ready."""

    def __init__(self, argv, ready=None, **more):
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, **more)
        self.pid = self.process.pid
        if ready:
            self.wait_line(ready)

    def wait_line(self, wanted):
        for line in self.process.stdout:
            if line.strip() == wanted:
                return
        raise AssertionError(f"{self.process.args[0]} never said {wanted!r}")

    def act(self):
        """Tells `acts` to act, and waits until it has."""
        os.kill(self.pid, signal.SIGUSR1)
        self.wait_line("done")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()


def acts():
    return Load([os.path.join(WORKLOADS, "acts")], ready="ready")


def record_acts(what, *questions):
    """Records a fresh `acts` while it acts; `{pid}` in `what` is its pid."""
    with acts() as load, Flicker() as flicker:
        flicker.record(what.format(pid=load.pid))
        load.act()
        return flicker.finish(*(questions or ("fold",))), flicker.messages


def compiled(source, name, compiler, *flags):
    """Compiles a program of the test's; the caller keeps the folder."""
    folder = tempfile.TemporaryDirectory()
    path = os.path.join(folder.name, name)
    with open(path, "w") as file:
        file.write(source)
    program = os.path.join(folder.name, "program")
    subprocess.run([compiler, *flags, "-o", program, path], check=True)
    return folder, program


def run(tests):
    failed = skipped = 0
    if os.geteuid() != 0:
        tests = []
        skipped = 1
        print("SKIP: needs root")
    wanted = sys.argv[2:]  # of the names, as far as they are given
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        name = test.__name__.replace("_", " ")
        try:
            test()
            print(f"ok      {name}", flush=True)
        except Skip as why:
            reason, optional = why.args
            skipped += not optional
            print(f"SKIP    {name}: {reason}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
    if failed or (skipped and os.environ.get("FLICKER_REQUIRE_LIVE") == "1"):
        sys.exit(1)
    sys.exit(SKIPPED if skipped and skipped == len(tests or [1]) else 0)
