#!/usr/bin/env python3
"""Inputs of absurd shape: no newline in gigabytes, names of a megabyte, a million frames, bombs.

    tests/fuzz/extremes.py FLICKER [MIB]

Each is piped into flicker by a process of its own (MIB each, 2048 as the long run), which must
end in good time, in bounded memory, and say what it left out.
"""
import gzip, os, re, subprocess, sys, tempfile, zlib
from pathlib import Path

FLICKER = os.path.abspath(sys.argv[1])
SIZE = (int(sys.argv[2]) if len(sys.argv) > 2 else 64) << 20
FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
RSS_MOST = 96 << 20   # what it has at rest, and 64 MiB more; whatever SIZE is
RSS_HELD = 8          # of formats that can only be read as a whole: so many times SIZE more
CPU_MOST_S = 10 + SIZE / (50 << 20)
SANITIZED = "ASAN_OPTIONS" in os.environ or "UBSAN_OPTIONS" in os.environ

PERF = b"comm 7/7 [000] 1.5: 1 e: \n\t1 f (/x)\n\n"
FOLDED = b"a;b;c 1\na;b 2\n"

# A process of its own, and small: the peak of memory of a child begins with that of its parent.
FEED = """
import os, sys
head, unit, tail, size = [bytes.fromhex(a) for a in sys.argv[1:4]] + [int(sys.argv[4])]
unit *= max(1, min(size, 1 << 20) // max(1, len(unit)))
try:
    os.write(1, head)
    done = 0
    while unit and done < size:
        at = 0
        while at < len(unit):
            at += os.write(1, unit[at:])
        done += len(unit)
    os.write(1, tail)
except BrokenPipeError:
    pass
"""
# name, format (None: by content), head, what is repeated, tail, exit code, what stderr must say
CASES = [
    ("text without a newline", None, b"", b"a", b"", 1, "not a profile"),
    ("binary", None, b"", b"\0", b"", 1, "not a profile"),
    ("perf: a line without end", None, PERF, b"a", b"", 0, r"1 record not understood.*line 4"),
    ("perf: a frame without end", None, PERF + b"comm 7/7 [000] 1.6: 1 e: \n\t1 ", b"a", b"", 0,
     r"not understood; the first at line 5"),
    ("perf: a header without end", None, PERF + b"comm", b" 7", b"", 0, r"not understood; the first at line 4"),
    ("perf: blank lines", None, PERF, b"\n", PERF, 0, r"perf-script, 2 samples"),
    ("perf: comments without end", None, b"# ", b"a", b"\n" + PERF, None, r"not a profile|not understood"),
    ("folded: a line without end", None, FOLDED, b"a", b"", 0, r"1 record not understood.*line 3"),
    ("folded: a stack without end", None, FOLDED, b"a;", b" 5\na;d 1\n", 0,
     r"3 samples(.|\n)*1 record not understood.*line 3"),
    ("bpftrace: a line without end", "bpftrace", (FIXTURES / "bpftrace-ours.txt").read_bytes(), b"a", b"",
     0, r"not understood"),
    ("bpftrace-json: a line without end", "bpftrace-json", (FIXTURES / "bpftrace-ours.json").read_bytes(),
     b"a", b"", 0, r"not understood|cut"),
    ("trace: a string without end", "trace-event", b'[{"name":"', b"a", b"", 1, r"byte [0-9]+"),
    ("trace: arrays in arrays", "trace-event", b'{"traceEvents":', b"[", b"", 1, r"byte [0-9]+"),
    ("trace: objects in objects", "trace-event", b'{"traceEvents":[', b'{"a":', b"", 1, r"byte [0-9]+"),
    ("trace: events that never end", "trace-event", b"[", b'{"ph":"B","name":"f","ts":1,"pid":1,"tid":1},',
     b"", None, r"not understood|byte [0-9]+|deeper|cut"),
    ("cpuprofile: a name without end", "cpuprofile", b'{"nodes":[{"id":1,"callFrame":{"functionName":"',
     b"a", b"", 1, r"byte [0-9]+"),
    ("cpuprofile: arrays in arrays", "cpuprofile", b'{"nodes":[', b"[", b"", 1, r"byte [0-9]+"),
    ("heapprofile: children in children", "heapprofile", b'{"head":',
     b'{"callFrame":{"functionName":"f"},"selfSize":1,"children":[', b"", None, r"byte [0-9]+|not understood"),
    ("speedscope: a name without end", "speedscope",
     b'{"$schema":"https://www.speedscope.app/file-format-schema.json","shared":{"frames":[{"name":"',
     b"a", b"", 1, r"byte [0-9]+"),
    ("pprof: noise", "pprof", b"", b"\n", b"", 1, r"pprof"),
    ("nflxprofile: noise", "nflxprofile", b"", b"\n", b"", 1, r"nflxprofile|profile"),
    ("fks: noise", "fks", b"", b"\n", b"", 1, r"byte|fks|stream"),
]
failed = 0


def check(name, good, why):
    global failed
    if not good:
        failed += 1
        print(f"not ok - {name}: {why}")


def read(name, source, format_name, code, says, commands=("status",), rss_most=RSS_MOST):
    """source: a process to read from, or a path. Returns what is printed."""
    path = source if isinstance(source, str) else "/dev/stdin"
    opening = f"open {path}" + (f" format={format_name}" if format_name else "")
    done = subprocess.Popen([FLICKER, *(w for c in (opening, *commands) for w in ("-c", c))],
                            stdin=subprocess.DEVNULL if isinstance(source, str) else source.stdout,
                            stdout=subprocess.PIPE, stderr=OUT, text=True)
    if not isinstance(source, str):
        source.stdout.close()
    text = done.stdout.read()
    _, status, used = os.wait4(done.pid, 0)
    OUT.seek(0)
    said = OUT.read()
    OUT.seek(0)
    OUT.truncate()
    exit_code = os.waitstatus_to_exitcode(status)
    cpu = used.ru_utime + used.ru_stime
    print(f"{name}: exit {exit_code}, {cpu:.1f} s of CPU, {used.ru_maxrss >> 10} MiB")
    check(name, exit_code in ((0, 1) if code is None else (code,)), f"exit {exit_code}: {said[-600:]}")
    check(name, re.search(says, said), f"expected '{says}' in: {said[-600:]}")
    if not SANITIZED:
        check(name, used.ru_maxrss << 10 <= rss_most, f"{used.ru_maxrss >> 10} MiB, expected {rss_most >> 20}")
        check(name, cpu <= CPU_MOST_S, f"{cpu:.1f} s of CPU, expected {CPU_MOST_S:.0f}")
    return text


def feed(head, unit, tail, size):
    return subprocess.Popen([sys.executable, "-c", FEED, head.hex(), unit.hex(), tail.hex(), str(size)],
                            stdout=subprocess.PIPE)


def piped():
    for name, format_name, head, unit, tail, code, says in CASES:
        source = feed(head, unit, tail, SIZE)
        held = SIZE * RSS_HELD if format_name in ("pprof", "nflxprofile", "trace-event") else 0
        if format_name == "bpftrace-json":
            held = 64 << 20  # a whole map is one line
        read(name, source, format_name, code, says, rss_most=RSS_MOST + held)
        source.wait()


def shapes(folder):
    path = os.path.join(folder, "x")
    head, frame = b"comm 7/7 [000] 1.5: 1 e: \n", b"\t%x f%d (/x)\n"
    with open(path, "wb") as file:
        file.write(head)
        for i in range(10 ** 6):
            file.write(frame % (i, i))
        file.write(b"\n" + PERF)
    text = read("perf: a million frames", path, None, 0,
                r"2 samples(.|\n)*line 4098: the stack is deeper than 4096 frames", ("top 1", "fold > /dev/null"))
    with open(path, "wb") as file:
        file.write(FOLDED + b"f")
        for i in range(10 ** 6):
            file.write(b";f%d" % i)
        file.write(b" 5\na;d 1\n")
    read("folded: a million frames", path, None, 0, r"not understood; the first at line 3", ("top 1",))
    for name, head, tail, says in (
            ("perf: a symbol of 1 MiB", PERF + b"comm 7/7 [000] 1.6: 1 e: \n\t1 ", b" (/x)\n\n", "2 samples"),
            ("perf: a comm of 1 MiB", PERF, b" 7/7 [000] 1.6: 1 e: \n\t1 f (/x)\n\n", "samples"),
            ("perf: a module of 1 MiB", PERF + b"comm 7/7 [000] 1.6: 1 e: \n\t1 f (", b")\n\n", "2 samples"),
            ("folded: a name of 1 MiB", FOLDED, b" 5\n", "samples")):
        with open(path, "wb") as file:
            file.write(head + b"n" * (1 << 20) + tail)
        text = read(name, path, None, 0, says, ("top 1", "fold | tail -1 | wc -c"))
        longest = max(map(len, text.splitlines()))
        check(name, longest < 500, f"top prints a line of {longest} bytes")


def bombs(folder):
    path = os.path.join(folder, "bomb.gz")
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    with open(path, "wb") as file:
        file.write(packer.compress(PERF))
        for _ in range(300):
            file.write(packer.compress(b"#" + b"a" * ((1 << 20) - 2) + b"\n"))
        file.write(packer.flush())
    read("a gzip bomb", path, None, 1, r"unpacks to more than 250 times its size(.|\n)*what came before")
    plain = os.path.join(folder, "bomb")
    with open(plain, "wb") as file:
        file.write(PERF)
        for _ in range(300):
            file.write(b"#" + b"a" * ((1 << 20) - 2) + b"\n")
    subprocess.run(["zstd", "-q", "-19", "--long=27", "--rm", plain], check=True)
    read("a zstd bomb", plain + ".zst", None, 1, r"unpacks to more than 250 times its size(.|\n)*what came before")
    # A bomb inside a format that is only understood as a whole.
    for name, format_name in (("a pprof bomb", "pprof"), ("a nflxprofile bomb", "nflxprofile"),
                              ("a cpuprofile bomb", "cpuprofile"), ("a trace bomb", "trace-event")):
        with gzip.open(path, "wb") as file:
            for _ in range(128):
                file.write(b"\n\0" * (1 << 19) if format_name in ("pprof", "nflxprofile") else b" " * (1 << 20))
        read(name, path, format_name, 1, r"unpacks to more than 250 times its size|'")


if __name__ == "__main__":
    OUT = tempfile.TemporaryFile("w+", errors="replace")
    with tempfile.TemporaryDirectory(prefix="flicker-extremes-") as place:
        piped()
        shapes(place)
        bombs(place)
    print(f"{failed} failures")
    sys.exit(1 if failed else 0)
