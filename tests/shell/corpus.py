#!/usr/bin/env python3
"""What flicker prints for the profiles of others, beside what their own tools print for them.

    tests/shell/corpus.py FLICKER

Reads the folder that FLICKER_CORPUS names; exits 77 (skipped) where there is none, unless
FLICKER_REQUIRE_CORPUS is set. Every difference that is meant is named below: one that is not there,
and one that is named but no longer there, fails.
"""
import json, math, os, re, subprocess, sys, tempfile
from collections import Counter
from fractions import Fraction
from pathlib import Path

STYLES = ["", "pid", "tid", "kernel", "jit", "all", "addrs"]

# flamegraph/NAME: the lines that stackcollapse-perf.pl does not have. It forgets the last sample of
# a file that does not end in a blank line; we keep it.
LAST_SAMPLE = {"perf-dd-stacks-01": r"^dd(-[?0-9/]+)?;\[unknown( <[0-9a-f]+>)?\];system_call(_\[k\])? 10101010$"}

# inferno/NAME: (a line of ours, the same of inferno). inferno is no stackcollapse-perf.pl: it cuts
# arguments at the matching parenthesis, where the script and we cut at the first one, and it
# undoes a part of Rust's mangling, which we do where transform=demangle asks for it.
INFERNO = {
    "cpp-stacks-std-function": [(r"std::function<int ;std::_Function_handler<int  3306084$",
                                 r"std::function<int \(int, int\)>::operator;.* 3306084$")],
    "single-event": [(r"gc::gc::GcBox\$LT\$T\$GT\$::new::_\$u7b\$\$u7b\$closure",
                      r"gc::gc::GcBox<T>::new::_\{\{closure\}\}")],
}

failed = 0


def check(good, message):
    global failed
    if not good:
        failed += 1
        print("not ok -", message)


def flicker(path, *commands):
    words = [w for c in commands for w in ("-c", c)]
    done = subprocess.run([FLICKER, "-q", path, *words], capture_output=True, text=True, timeout=60)
    check(done.returncode == 0, f"{path} {commands}: exit {done.returncode}: {done.stderr}")
    return done.stdout


def compare(name, ours, wanted, differences):
    """differences: pairs of patterns; each takes one line of ours and one of theirs away."""
    extra, missing = Counter(ours), Counter(wanted)
    extra.subtract(Counter(wanted))
    missing.subtract(Counter(ours))
    extra, missing = sorted((+extra).elements()), sorted((+missing).elements())
    for a, b in differences:
        for lines, pattern in ((extra, a), (missing, b)):
            hits = [line for line in lines if pattern and re.search(pattern, line)]
            check(len(hits) == (pattern is not None), f"{name}: the difference '{pattern}' is not there")
            for hit in hits:
                lines.remove(hit)
    check(not extra and not missing,
          f"{name}\n  ours:   {extra[:1]}\n  wanted: {missing[:1]}")


def folds():
    files = sorted((CORPUS / "flamegraph").glob("perf-*-0[0-9].txt"))
    check(len(files) == 6, f"expected 6 files of stackcollapse-perf.pl, found {len(files)}")
    for path in files:
        for style in STYLES:
            results = path.with_name(f"{path.stem}-collapsed{'-' + style if style else ''}.txt")
            command = "fold idle=on" + (f" style={style}" if style else "")
            last = LAST_SAMPLE.get(path.stem)
            compare(f"{path.name}: {command}", flicker(path, command).splitlines(),
                    results.read_text().splitlines(), [(last, None)] if last else [])
    for name, differences in INFERNO.items():
        path = CORPUS / "inferno" / f"{name}.txt"
        compare(path.name, flicker(path, "fold idle=on").splitlines(),
                path.with_name(f"{name}-collapsed.txt").read_text().splitlines(), differences)


# FlameScope's rules (app/perf/heatmap.py, app/perf/regexp.py, app/controllers/heatmap.py), told
# again with exact times: its floats put a sample that lies on a row's edge into either row.
EVENT = re.compile(r" +([0-9.]+): .+?:")
IDLE = re.compile("swapper.*(cpuidle|cpu_idle|cpu_bringup_and_idle|native_safe_halt"
                  "|xen_hypercall_sched_op|xen_hypercall_vcpu_op)")


def flamescope(path, rows):
    """The times of the samples that are not idle, and its columns of cells, first row at the start."""
    times, every, stack, time = [], [], "", None
    for line in path.read_text(errors="replace").splitlines():
        if line.startswith("#"):
            continue
        found = EVENT.search(line)
        if found:
            if time is not None and not IDLE.search(stack):
                times.append(time)
            time, stack = Fraction(found.group(1)), line.rstrip()
            every.append(time)
        else:
            stack += line.rstrip()
    if time is not None and not IDLE.search(stack):
        times.append(time)
    start = math.floor(min(every))
    # The last sample: FlameScope takes the end from it, wherever it lies, and has no column for a
    # sample on a whole second. We have.
    columns = [[0] * rows for _ in range(math.floor(max(every)) - start + 1)]
    for time in times:
        columns[math.floor(time) - start][math.floor(rows * (time % 1))] += 1
    return columns


def cells(path, command):
    answer = json.loads(flicker(path, command + " --json"))
    return answer, [[cell or 0 for cell in column] for column in answer["columns"]]


def heatmaps():
    paths = [CORPUS / "flamescope" / "perf.test01"]
    paths += [CORPUS / "speedscope" / "linux-perf" / name
              for name in ("simple.linux-perf.txt", "rust-mangled.linux-perf.txt",
                           "simple-with-header.linux-perf.txt")]
    paths += [CORPUS / "flamegraph" / f"{name}.txt"
              for name in ("perf-dd-stacks-01", "perf-java-faults-01")]
    # Not those with a thread called "x 1 2.500000:", which FlameScope takes for the time.
    paths += [FIXTURES / name for name in ("perf-node.txt", "perf-java.txt")]
    for path in paths:
        for rows in (50, 49, 10):
            answer, ours = cells(path, f"heatmap clock=own rows={rows}")
            wanted = flamescope(path, rows)
            check(ours == wanted, f"{path.name}: heatmap rows={rows} has other cells than FlameScope:"
                  f" {sum(map(sum, ours))} and {sum(map(sum, wanted))} samples,"
                  f" {len(ours)} and {len(wanted)} columns")
            check(answer["column_s"] == 1, f"{path.name}: columns of {answer['column_s']} s")


def where_flamescope_is_wrong():
    """Its cells have no column for these, or it raises IndexError; ours do."""
    def sample(comm, time):
        return f"{comm} 7 [000] {time}: cpu-clock: \n\t401000 f (/x)\n\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.txt"
        path.write_text(sample("a", "10.500000") + sample("a", "12.000000"))
        _, columns = cells(path, "heatmap rows=50")
        check([sum(c) for c in columns] == [1, 0, 1], "the last sample lies on a whole second")
        path.write_text(sample("a", "12.900000") + sample("a", "14.100000") + sample("a", "12.100000"))
        _, columns = cells(path, "heatmap rows=50")
        check([sum(c) for c in columns] == [2, 0, 1], "the last sample is out of order")
        path.write_text(sample("python3", "10.500000") + sample("web 7 [x]", "10.600000"))
        check(flicker(path, "fold").splitlines() == ["python3;f 1", "web_7_[x];f 1"],
              "a comm has digits")
        # time.time() of a float: 4.02 * 50 is 200.99999999999997
        path.write_text(sample("a", "0.000000") + sample("a", "4.020000"))
        _, columns = cells(path, "heatmap rows=50")
        check(columns[4][1] == 1, "a sample lies on a row's edge")
        swapper = "swapper 0 [000] 10.5: cpu-clock: \n\t1 %s ([kernel.kallsyms])\n" \
                  "\t2 do_idle ([kernel.kallsyms])\n\n"
        path.write_text(sample("a", "10.100000") + swapper % "net_rx_action" + swapper % "intel_idle")
        _, columns = cells(path, "heatmap rows=50")
        check(sum(map(sum, columns)) == 2, "an interrupt of an idle CPU is work; intel_idle is not")


if __name__ == "__main__":
    FLICKER = os.path.abspath(sys.argv[1])
    FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
    where = os.environ.get("FLICKER_CORPUS")
    where_flamescope_is_wrong()
    if where:
        CORPUS = Path(where)
        folds()
        heatmaps()
    elif os.environ.get("FLICKER_REQUIRE_CORPUS"):
        check(False, "FLICKER_CORPUS names no folder with profiles of others")
    print(f"{failed} failures")
    sys.exit(1 if failed else 0 if where else 77)
