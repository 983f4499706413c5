#!/usr/bin/env python3
"""Our answers beside those of FlameScope itself, cell by cell and frame by frame.

    flamescope.py FLICKER [--update]

What FlameScope answers for our recordings is kept in fixtures/flamescope.json.gz. Where FLICKER_PEERS
names a folder with flamescope/ and nflxprofile/ (with nflxprofile/python/ in it), and Debian's
python3-flask, python3-cachetools, python3-magic and python3-protobuf are there, FlameScope's own functions
are asked anew and must say what is kept; --update keeps it. Then the corpus is asked, too, where
FLICKER_CORPUS names it. Where FlameScope is wrong we differ, and a test says how.
"""
import collections, gzip, json, math, os, re, sys, unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ours import FIXTURES, Flicker

UPDATE = "--update" in sys.argv
if UPDATE:
    sys.argv.remove("--update")
flicker = Flicker(sys.argv.pop(1))
KEPT = os.path.join(FIXTURES, "flamescope.json.gz")
PEERS, CORPUS = os.environ.get("FLICKER_PEERS", ""), os.environ.get("FLICKER_CORPUS")
CPU_PROFILE = FIXTURES + "/node.cpuprofile"
TRACE = FIXTURES + "/chromium.trace.json.gz"
OLD, NEW = FIXTURES + "/words-old.fks", FIXTURES + "/words-new.fks"


class FlameScope:
    """Its own functions, called as its views call them."""

    def __init__(self):
        sys.path[:0] = [os.path.join(PEERS, "flamescope"), os.path.join(PEERS, "nflxprofile/python")]
        from app import config
        from app.common import fileutil
        from app.controllers import differential, elided, flame_graph, heatmap
        from nflxprofile import flamegraph, nflxprofile_pb2
        config.PROFILE_DIR = "/"
        # libmagic has learned what JSON is, since.
        said = fileutil._get_file_mime
        fileutil._get_file_mime = lambda path: said(path).replace("application/json", "text/plain")

        def processed(path, processor, options):
            profile = nflxprofile_pb2.Profile()
            with open(path, "rb") as file:
                profile.ParseFromString(file.read())
            return flamegraph.get_flame_graph(profile, {}, stack_processor=getattr(flamegraph, processor), **options)

        self.calls = {
            "processed": processed,
            "heatmap": lambda path, kind, rows: heatmap.generate_heatmap(path, kind, rows)["values"],
            "flame": flame_graph.generate_flame_graph,
            "differential": lambda kind, path, other: differential.generate_differential_flame_graph(
                path, kind, other, kind, None, None, None, None),
            "elided": lambda kind, path, other: elided.generate_elided_flame_graph(
                path, kind, other, kind, None, None, None, None),
        }

    def ask(self, what, *arguments):
        try:
            return json.loads(json.dumps(self.calls[what](*arguments)))
        except Exception as error:  # what its page would show as an error
            return {"error": type(error).__name__}


def has_flamescope():
    if not os.path.isdir(os.path.join(PEERS, "flamescope/app")):
        return False
    try:
        return FlameScope()
    except ImportError as error:
        sys.exit(f"FLICKER_PEERS has FlameScope, which needs what is not installed: {error}")


theirs = has_flamescope()
kept = {} if UPDATE else json.loads(gzip.open(KEPT).read())
if UPDATE and not theirs:
    sys.exit("FLICKER_PEERS names no folder with flamescope/")


def corpus(test, name):
    """A file of others, of which only FlameScope itself can be asked: nothing of it is kept."""
    if not theirs or not CORPUS or UPDATE:
        test.skipTest("FlameScope is not here" if CORPUS else "there is no corpus")
    return os.path.join(CORPUS, name)


def ask(name, what, *arguments):
    """FlameScope's answer: what is kept under this name, and what it says now if it is here."""
    now = theirs.ask(what, *arguments) if theirs else None
    if CORPUS and name.startswith(CORPUS):
        return now
    if UPDATE:
        kept[name] = now
    if now is not None and now != kept[name]:
        raise AssertionError(f"{name}: FlameScope says something else now")
    return kept[name]


def stacks_of(tree, value="v"):
    """Its tree as {(thread, caller, callee): value of its own}, and the paths that are in it."""
    stacks, paths = collections.Counter(), set()
    full = "c" not in tree
    name, children = ("name", "children") if full else ("n", "c")
    todo = [(tree, ())]
    while todo:
        node, path = todo.pop()
        paths.add(path)
        found = node.get("value" if full else value)
        if found:
            stacks[path] += found
        todo += [(child, path + (child[name],)) for child in node[children]]
    return stacks, paths


def paths_of(fold):
    return {stack[:depth] for stack in fold for depth in range(len(stack) + 1)}


def columns_of(values):
    """Its cells as ours: the first row at the second's start."""
    return [column[::-1] for column in values]


def as_plain(path):
    if path.endswith(".gz"):
        return flicker.write(os.path.basename(path)[:-3], gzip.open(path, "rt", encoding="utf-8").read())
    return path


class Differences(unittest.TestCase):
    maxDiff = 2000

    def assert_same(self, ours, wanted, what=None):
        different = sorted(key for key in ours.keys() | wanted.keys() if ours.get(key, 0) != wanted.get(key, 0))
        self.assertEqual([(key, ours.get(key, 0), wanted.get(key, 0)) for key in different[:3]], [], what)


def cpu_profile_samples(path):
    """[(us, names root first)] of a .cpuprofile, in order."""
    with open(path, encoding="utf-8") as file:
        profile = json.load(file)
    names, callers = {}, {}
    for node in profile["nodes"]:
        names[node["id"]] = node["callFrame"]["functionName"]
        callers.update((child, node["id"]) for child in node.get("children", []))
    now, samples = profile["startTime"], []
    for sample, delta in zip(profile["samples"], profile["timeDeltas"]):
        now += delta
        stack = []
        while sample is not None:
            stack.insert(0, names[sample])
            sample = callers.get(sample)
        samples.append((now, tuple(stack)))
    return profile["startTime"], samples


class CpuProfile(Differences):
    """Wrong there: the flame graph has no (program) and no garbage collection, which the heatmap counts;
    it leaves out the last sample; a range takes a sample for the time at which it ends."""

    META = ("(program)", "(idle)", "(garbage collector)")

    def check(self, name, path):
        for rows in (50, 49, 10):
            values = ask(f"{name} heatmap {rows}", "heatmap", path, "cpuprofile", rows)
            self.assertEqual(flicker.cells(path, f"rows={rows}"), columns_of(values))
        start, samples = cpu_profile_samples(path)
        ours = collections.Counter(flicker.fold(path, "weight=samples idle=on"))
        readable = lambda stack: tuple(frame or "(anonymous)" for frame in stack)
        self.assert_same(ours, collections.Counter(readable(stack) for _, stack in samples))
        tree, _ = stacks_of(ask(f"{name} flame", "flame", path, "cpuprofile", None, None))
        tree = collections.Counter({readable(stack): count for stack, count in tree.items()})
        left_out = collections.Counter(readable(stack) for i, (_, stack) in enumerate(samples)
                                       if i == len(samples) - 1 or stack[-1] in self.META)
        self.assert_same(ours, tree + left_out)
        self.assertTrue(left_out)

    def test_of_node(self):
        self.check("cpuprofile", CPU_PROFILE)

    def test_a_range(self):
        # From the whole second before the start, as its page asks.
        start, samples = cpu_profile_samples(CPU_PROFILE)
        second = start // 1000000 * 1000000
        middle = (samples[60][0] + samples[61][0]) / 2 - second
        for at, until in ((0, middle / 1e6), (middle / 1e6, 2)):
            tree, _ = stacks_of(ask(f"cpuprofile {at} {until}", "flame", CPU_PROFILE, "cpuprofile", at, until))
            shifted, right = collections.Counter(), collections.Counter()
            for i, (time, stack) in enumerate(samples):
                counted = second + at * 1e6 <= time < second + until * 1e6
                right[tuple(frame or "(anonymous)" for frame in stack)] += counted
                if i + 1 < len(samples) and stack[-1] not in self.META:
                    shifted[stack] += second + at * 1e6 <= samples[i + 1][0] < second + until * 1e6
            self.assert_same(tree, +shifted)
            ours = flicker.fold(CPU_PROFILE, "weight=samples idle=on", f"slice {at:.7f} {until:.7f}")
            self.assert_same(ours, +right)

    def test_what_we_write(self):
        path = flicker.convert(FIXTURES + "/perf-node.txt", "n.cpuprofile")
        self.check("cpuprofile of ours", path)

    def test_corpus(self):
        path = corpus(self, "speedscope/chrome/simple.cpuprofile")
        self.check(path, path)


class NflxProfile(Differences):
    """Wrong there: a range has no samples, as the whole second of the start is added twice; a last
    sample on a whole second has no column; where stacks are linked, node 0 that they hang on is lost."""

    def check(self, name, path, whole_second=False, lost=0, weight=1, rows=(50, 10)):
        for rows in rows:
            values = ask(f"{name} heatmap {rows}", "heatmap", path, "nflxprofile", rows)
            if whole_second:
                self.assertEqual(values, {"error": "IndexError"})
            else:
                ours = flicker.cells(path, f"rows={rows} idle=on")
                self.assertEqual([[cell / weight for cell in column] for column in ours], columns_of(values))
        tree, _ = stacks_of(ask(f"{name} flame", "flame", path, "nflxprofile", None, None))
        ours = flicker.fold(path, "weight=samples idle=on")
        self.assert_same({stack[lost:]: count for stack, count in ours.items()}, tree)

    def test_stacks_of_every_encoding(self):
        for encoding in ("stack", "parent", "children"):
            self.check("nflxprofile " + encoding, f"{FIXTURES}/nflxprofile-{encoding}.nflxprofile",
                       whole_second=True, lost=0 if encoding == "stack" else 1)

    def test_what_we_write(self):
        path = flicker.convert(FIXTURES + "/perf-node.txt", "n.nflxprofile")
        self.check("nflxprofile of ours", path, weight=5025125)  # a cell of ours: ns
        self.assertEqual(stacks_of(ask("nflxprofile of ours 0 1", "flame", path, "nflxprofile", 0, 1))[0], {})
        self.assertEqual(sum(flicker.fold(path, "weight=samples", "slice 0 1").values()), 32)

    def test_corpus(self):
        path = corpus(self, "nflxprofile/nodejs1.nflxprofile")
        # Samples lie on tenths of a second: with rows of tenths, their floats choose the row.
        self.check(path, path, rows=(7, 23))


class Processors(Differences):
    """nflxprofile's own stack processors. Wrong there: with middle_out, stacks without a match are the
    root's; the lambdas of a class are the class itself."""

    def setUp(self):
        self.node = flicker.convert(FIXTURES + "/perf-node.txt", "n.nflxprofile")

    def tree(self, name, path, processor="StackProcessor", **options):
        return stacks_of(ask("processed " + name, "processed", path, processor, options))[0]

    def test_inverted(self):
        ours = flicker.fold(self.node, "weight=samples invert=on")
        self.assert_same(ours, self.tree("inverted", self.node, inverted=True))

    def test_middle_out(self):
        for name in ("fib", "RegExp", "v8::internal"):
            tree = self.tree("middle out " + name, self.node, middle_out=name)
            no_match = tree.pop((), 0)
            # It keeps one frame before the match, whichever; with us that is the thread.
            begun = collections.Counter()
            for stack, count in tree.items():
                begun[stack[1:]] += count
            ours = collections.Counter()
            for stack, count in flicker.fold(self.node, f"weight=samples from='{name}'").items():
                ours[stack[1:]] += count
            self.assert_same(ours, begun, name)
            self.assertEqual(sum(ours.values()) + no_match, 32)

    def test_java(self):
        sample = ("java 7/7 [000] %d.000000: 1 cpu-clock: \n%s\t7f01 Interpreter (/tmp/perf-7.map)\n"
                  "\t7f02 start_thread (/lib/libc.so.6)\n\n")
        leaves = (("Lcom/x/Y;::main",), ("Ljava/io/PrintStream;::print", "Lcom/x/Y;::main"),
                  ("Lcom/x/Y$$Lambda$7;::run", "Lcom/x/Y;::main"), ("Lcom/x/Inner$1;::get", "Lcom/x/Y;::main"))
        text = "".join(sample % (i, "".join(f"\t7f0{9 - j} {name} (/tmp/perf-7.map)\n" for j, name in enumerate(names)))
                       for i, names in enumerate(leaves))
        path = flicker.convert(flicker.write("java.txt", text), "java.nflxprofile")
        tree = self.tree("java", path, "JavaStackProcessor")
        self.assertEqual(tree.pop(("java", "start_thread", "com.x.Y::main", "com.x.Y::run")), 1)
        ours = flicker.fold(path, "weight=samples transform=auto")
        self.assertEqual(ours.pop(("java", "start_thread", "com.x.Y::main", "com.x.Y$$Lambda::run")), 1)
        self.assert_same(ours, tree)

    def test_filters_and_values(self):
        path = flicker.convert(FIXTURES + "/perf-collector.txt", "collector.nflxprofile")
        threads = json.loads(flicker.run("threads 100 --json idle=on", file=path))["rows"]
        pid, tid = max((row["samples"], row["pid"], row["tid"]) for row in threads if row["pid"] > 0)[1:]
        whole = self.tree("whole", path)
        for name, number in (("cpu", 1), ("pid", pid), ("tid", tid)):
            ours = flicker.fold(path, f"weight=samples idle=on {name}={number}")
            self.assert_same(ours, self.tree(name, path, **{name: number}), name)
            self.assertLess(sum(ours.values()), sum(whole.values()))
        ours = flicker.fold(path, "weight=value idle=on")
        self.assert_same(ours, self.tree("values", path, use_sample_value=True))
        # 0 is no filter there.
        self.assert_same(whole, self.tree("CPU 0", path, cpu=0))
        ours = flicker.fold(path, "weight=samples idle=on cpu=0")
        rest = flicker.fold(path, "weight=samples idle=on cpu=1")
        self.assert_same(collections.Counter(ours) + collections.Counter(rest), whole)

    def test_the_leaf_as_packages(self):
        # package_name: the leaf's name alone, cut at its slashes. As packages ours are those of group=package.
        tree = self.tree("packages", self.node, package_name=True)
        self.assertEqual(sum(tree.values()), 32)
        leaves = collections.Counter()
        for stack, count in flicker.fold(self.node, "weight=samples").items():
            leaves[tuple(stack[-1].split(";")[0].split("/"))] += count
        self.assert_same(tree, leaves)


class Trace(Differences):
    """Wrong there: a span's value is the share of its time that it was on a CPU, so that a graph's widths
    mean nothing; each X event is a root, also inside another; spans are rounded out to whole ticks."""

    def test_heatmap(self):
        path = flicker.write("spans.json", json.dumps(self.spans()))
        cells = columns_of(ask("trace heatmap", "heatmap", path, "trace_event", 10))
        ours = flicker.cells(self.resampled(path), "rows=10 idle=on")
        tick = 10000
        for event in self.roots():
            # A span that begins after a tick has that tick, too, to them.
            if event["from"] % tick:
                second, row = divmod(event["from"] // tick // 10, 10)
                cells[second][row] -= 1
        self.assertEqual(ours, cells)

    def resampled(self, path):
        out = flicker.path("resampled.fks")
        flicker.run(f"convert '{path}' '{out}' resample=100")
        return out

    SPANS = [  # thread, depth, name, from, to: us
        (1, 0, "request", 3000, 903000), (1, 1, "parse", 13000, 400000), (1, 2, "read", 20000, 95500),
        (1, 1, "render", 400000, 810000), (1, 0, "request", 950000, 1190000), (1, 1, "parse", 960000, 1000000),
        (2, 0, "collect", 120000, 131000), (2, 0, "collect", 500000, 640000), (2, 1, "mark", 510000, 630000),
    ]

    def spans(self):
        rows = []
        for tid, depth, name, at, until in self.SPANS:
            for phase, ts in (("B", at), ("E", until)):
                order = (ts, phase == "B", depth if phase == "B" else -depth)
                rows.append((order, {"pid": 1, "tid": tid, "ph": phase, "cat": "x", "name": name, "ts": ts,
                                     "tts": ts}))
        return [row for _, row in sorted(rows, key=lambda pair: pair[0])]

    def roots(self):
        return [{"from": at, "to": until} for _, depth, _, at, until in self.SPANS if depth == 0]

    def test_flame_graph(self):
        path = flicker.write("spans.json", json.dumps(self.spans()))
        tree, paths = stacks_of(ask("trace flame", "flame", path, "trace_event", 0, 2))
        ours = flicker.fold(path, "weight=value")
        self.assertEqual({stack[1:] for stack in paths_of(ours)} | {()}, paths)
        # On a CPU all the time, a span counts 1 there: the number of spans, where ours has their ns.
        count = collections.Counter()
        for tid, depth, name, at, until in self.SPANS:
            above = [span for span in self.SPANS if span[0] == tid and span[3] <= at and until <= span[4]]
            count[tuple(span[2] for span in sorted(above, key=lambda span: span[1]))] += 1
        self.assert_same(tree, count)

    def test_of_chromium(self):
        # X events only: every one is a root there, and those of no CPU time are none.
        events = json.loads(gzip.open(TRACE).read())["traceEvents"]
        path = flicker.write("chromium.json", json.dumps(events))
        values = ask("chromium heatmap", "heatmap", path, "trace_event", 100)
        spans = [event for event in events if event["ph"] == "X" and event["dur"] and event["tdur"]]
        ticks = lambda event: math.ceil((event["ts"] + event["dur"]) / 10000) - event["ts"] // 10000
        self.assertEqual(sum(map(sum, values)), sum(map(ticks, spans)))
        _, paths = stacks_of(ask("chromium flame", "flame", path, "trace_event", 0, 100))
        names = {event["name"] for event in spans}
        self.assertEqual(paths, {()} | {(name,) for name in names})
        ours = paths_of(flicker.fold(TRACE, "event=trace weight=value"))
        self.assertLess(names, {name for stack in ours for name in stack})
        self.assertTrue(any(len(set(stack) & names) > 1 for stack in ours))  # one in another


class Perf(Differences):
    """Wrong there: comm ends at its first digit; a name ends at its first '+'; the last sample counts
    even if it is idle; the descendants of a path that is new have no difference. A line that is cut
    before its module is no frame there. Of the JVM's names it takes the L away, and leaves the rest;
    what it has split at "->" is ours with transform=java."""

    # The ends of perf-node.txt and perf-java.txt.
    CUT = {("node", "v8::internal::BasicMemoryChunk::BasicM"): ("node",), ("java", "[unknown]"): ("java",)}

    @staticmethod
    def as_theirs(fold):
        result = collections.Counter()
        for (thread, *frames), weight in fold.items():
            whole = [frame for frame in frames if not re.search(r" \([^)]*$", frame)]
            names = [re.sub(r"(?<=.)\+.*", "", name) for frame in whole for name in frame.split("->")]
            if thread == "java":
                names = [name.removeprefix("L") for name in names]
            stack = (re.match(r"^ *([^0-9]+)", thread)[1].rstrip(), *names)
            result[Perf.CUT.get(stack, stack)] += weight
        return result

    def check(self, name, path, last_is_idle=False, rows=(50, 49, 10)):
        for rows in rows:
            values = ask(f"{name} heatmap {rows}", "heatmap", path, "perf", rows)
            self.assertEqual(flicker.cells(path, f"rows={rows}"), columns_of(values))
        tree, _ = stacks_of(ask(f"{name} flame", "flame", path, "perf", None, None))
        ours = self.as_theirs(flicker.fold(path, "weight=samples"))
        if last_is_idle:
            self.assertEqual(sum(tree.values()), sum(ours.values()) + 1)
            tree = collections.Counter({stack: n for stack, n in tree.items() if stack[0] != "swapper"})
        self.assert_same(ours, tree, name)

    def test_heatmap_and_flame_graph(self):
        for name in ("perf-node.txt", "perf-java.txt"):
            self.check(name, f"{FIXTURES}/{name}")

    def test_corpus(self):
        path = corpus(self, "flamescope/perf.test01")
        self.check(path, path, last_is_idle=True, rows=(49, 7))  # one lies on a fiftieth

    def test_differential(self):
        a, b = flicker.convert(NEW, "new.perf"), flicker.convert(OLD, "old.perf")
        tree = ask("perf differential", "differential", "perf", a, b)
        values, paths = stacks_of(tree)
        deltas, _ = stacks_of(tree, "d")
        all_a = sum(values.values())
        ours = flicker.flame(f"diff {a} {b} as=svg transform=none idle=on")
        before = self.as_theirs(flicker.fold(b, "weight=samples idle=on"))
        known = paths_of(before)
        for path in paths - {()}:
            found = re.search(r"([+-][\d.]+) pp of its own", ours[("all",) + path].title)
            points = float(found[1]) if found else 0.0
            if path[:-1] in known:  # the top of a new subtree is the last that has a difference there
                self.assertAlmostEqual(points, 100 * deltas[path] / all_a, delta=50 / all_a + 0.051, msg=path)
            else:
                self.assertEqual(deltas[path], 0, path)
                self.assertAlmostEqual(points, 100 * values[path] / all_a, delta=0.051, msg=path)

    def test_elided(self):
        for name, a, b in (("new", NEW, OLD), ("old", OLD, NEW)):
            a, b = flicker.convert(a, "a.perf"), flicker.convert(b, "b.perf")
            tree, _ = stacks_of(ask("perf elided " + name, "elided", "perf", a, b))
            ours = {path: frame.total for path, frame in
                    flicker.flame(f"diff {a} {b} elided=on as=svg transform=none idle=on").items()}
            own = collections.Counter(ours)
            for path, total in ours.items():
                if path[:-1] in ours:
                    own[path[:-1]] -= total
            self.assert_same({path[1:]: count for path, count in own.items() if count}, tree)


if __name__ == "__main__":
    done = unittest.main(verbosity=1, exit=False)
    if UPDATE:
        with open(KEPT, "wb") as file:
            file.write(gzip.compress(json.dumps(kept, sort_keys=True).encode(), 9, mtime=0))
    sys.exit(not done.result.wasSuccessful())
