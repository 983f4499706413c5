#!/usr/bin/env python3
"""What other programs read of our files, and we of theirs, value by value.

    interop.py FLICKER      runs all; a peer that is not installed is skipped, with its name
                            (FLICKER_REQUIRE_INTEROP=1: fails instead)

The peers: `go tool pprof`, protobuf for Python, protoc, Node.js, librsvg. What they say of a file is compared
with what flicker says of the recording that the file was made from.
"""
import collections, gzip, json, os, re, shutil, struct, subprocess, sys, tempfile, unittest, zlib

FLICKER = os.path.abspath(sys.argv.pop(1))
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FIXTURES = TESTS + "/fixtures"
PERF = FIXTURES + "/perf-collector.txt"


def needs(program):
    missing = shutil.which(program) is None
    if missing and os.environ.get("FLICKER_REQUIRE_INTEROP"):
        sys.exit(f"FLICKER_REQUIRE_INTEROP is set, and there is no '{program}'")
    return unittest.skipIf(missing, f"there is no '{program}'")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def perf_samples(path):
    """The samples of perf script text: (comm, pid, tid, cpu, ns, period, [frames, leaf first])."""
    header = re.compile(r"^(.*?)\s+(\d+)/(\d+)\s+\[(\d+)\]\s+(\d+)\.(\d{9}):\s+(\d+) (\S+):\s*$")
    samples = []
    for line in read(path).decode().splitlines():
        found = header.match(line)
        if found:
            comm, pid, tid, cpu, seconds, fraction, period, _ = found.groups()
            samples.append((comm.strip(), int(pid), int(tid), int(cpu),
                            int(seconds) * 10**9 + int(fraction), int(period), []))
        elif line.strip() and not line.startswith("#"):
            name = re.split(r" \((?=/|\[|inlined)", line.strip().split(" ", 1)[1])[0]
            samples[-1][-1].append(name)
    return samples


def stackcollapse(samples):
    """As stackcollapse-perf.pl has it: comm and frames, root first, without offsets."""
    counts = collections.Counter()
    for comm, _, _, _, _, _, frames in samples:
        names = [re.sub(r"\+0x[0-9a-f]+$", "", frame) for frame in frames]
        counts[";".join([comm.replace(" ", "_")] + names[::-1])] += 1
    return counts


def pixels(png):
    """(width, rows of pixels as 3 bytes) of a PNG of 8 bits RGB or RGBA."""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    assert depth == 8 and kind in (2, 6), (depth, kind)
    data, at, size = b"", 8, 4 if kind == 6 else 3
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at:at + 8])
        data += png[at + 8:at + 8 + length] if name == b"IDAT" else b""
        at += length + 12
    data, rows, above = zlib.decompress(data), [], bytearray(width * size)
    for start in range(0, len(data), width * size + 1):
        row = bytearray(data[start + 1:start + 1 + width * size])
        for i in range(len(row)):
            left, up = row[i - size] if i >= size else 0, above[i]
            corner = above[i - size] if i >= size else 0
            guess = left + up - corner
            nearest = min((left, up, corner), key=lambda value: abs(guess - value))
            row[i] = row[i] + (0, left, up, (left + up) // 2, nearest)[data[start]] & 255
        rows.append([bytes(row[i:i + 3]) for i in range(0, len(row), size)])
        above = row
    return width, rows


class Interop(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)

    def path(self, name):
        return os.path.join(self.scratch.name, name)

    def run_in(self, *command, **more):
        environment = dict(os.environ, HOME=self.scratch.name, LC_ALL="C.UTF-8",
                           XDG_STATE_HOME=self.scratch.name)
        if "input" not in more:
            more["stdin"] = subprocess.DEVNULL
        done = subprocess.run(command, cwd=self.scratch.name, env=environment, timeout=120,
                              capture_output=True, **more)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stderr}")
        return done.stdout

    def flicker(self, *commands, files=()):
        args = [word for command in commands for word in ("-c", command)]
        return self.run_in(FLICKER, "-q", *files, *args, text=True)

    def convert(self, source, name):
        self.flicker(f"convert '{source}' '{self.path(name)}'")
        return self.path(name)

    def top(self, path, *more):
        """{function: (self, total)} as flicker has it."""
        answer = json.loads(self.flicker("top 100000 --json " + " ".join(more), files=[path]))
        rows = collections.defaultdict(lambda: [0, 0])
        for row in answer["rows"]:
            rows[row["frame"]][0] += row["self"]
            rows[row["frame"]][1] += row["total"]
        return answer, rows

    # --- perf script text ---------------------------------------------------------------------

    def test_perf_script_text_is_what_was_recorded(self):
        before = perf_samples(PERF)
        after = perf_samples(self.convert(PERF, "x.perf"))
        self.assertEqual(len(before), 43)
        key = lambda sample: (sample[4], sample[2])
        strip = lambda frames: [re.sub(r"\+0x[0-9a-f]+$", "", frame) for frame in frames]
        for x, y in zip(sorted(before, key=key), sorted(after, key=key)):
            self.assertEqual(x[:6], y[:6])
            self.assertEqual(strip(x[6]), y[6])
        self.assertEqual(stackcollapse(before), stackcollapse(after))

    # --- pprof --------------------------------------------------------------------------------

    def pprof_raw(self, path):
        """(sample types, [(values, names leaf first, labels)])"""
        text = self.run_in("go", "tool", "pprof", "-raw", path, text=True)
        samples, locations = [], {}
        part = None
        for line in text.splitlines():
            if line in ("Samples:", "Locations", "Mappings"):
                part = line
            elif part == "Samples:":
                found = re.match(r"^\s*([\d\s]+):([ \d]*)$", line)
                if found:
                    samples.append([[int(v) for v in found[1].split()],
                                    [int(v) for v in found[2].split()], {}])
                elif samples:
                    for name, value in re.findall(r"(\w+):\[(.*?)\](?= \w+:\[|\s*$)", line):
                        samples[-1][2][name] = value
                else:
                    types = line.split()
            elif part == "Locations":
                found = re.match(r"^\s*(\d+): 0x[0-9a-f]+ (?:M=\d+ )?(.*?) \S*:\d+(?::\d+)? s=\d+", line)
                if found:
                    locations[int(found[1])] = found[2]
        return types, [(values, [locations.get(i) for i in stack], labels)
                       for values, stack, labels in samples]

    @needs("go")
    def test_pprof_reads_every_value_of_ours(self):
        types, theirs = self.pprof_raw(self.convert(PERF, "x.pb.gz"))
        ours = sorted(perf_samples(PERF), key=lambda sample: (sample[4], sample[2]))
        theirs.sort(key=lambda sample: (int(sample[2]["timestamp_ns"].split()[0]),
                                        int(sample[2]["tid"].split()[0])))
        self.assertEqual(types, ["samples/count", "cpu-clock/nanoseconds"])
        self.assertEqual(len(ours), len(theirs))
        for (comm, pid, tid, cpu, ns, period, frames), (values, names, labels) in zip(ours, theirs):
            self.assertEqual(values, [1, period])
            self.assertEqual(labels["comm"], comm)
            number = lambda label: int(labels[label].split()[0])
            self.assertEqual((number("pid"), number("tid"), number("cpu")), (pid, tid, cpu))
            self.assertEqual(labels["timestamp_ns"], f"{ns} nanoseconds")
            expected = [re.sub(r"\+0x[0-9a-f]+$", "", frame) for frame in frames]
            self.assertEqual([name or "[unknown]" for name in names], expected)

    def pprof_top(self, path, kind, *flags):
        text = self.run_in("go", "tool", "pprof", "-top", "-nodecount=100000", "-nodefraction=0",
                           "-sample_index=" + kind, "-unit=ns", *flags, path, text=True)
        rows = {}
        for line in text.splitlines():
            found = re.match(r"^\s*(\d+)(?:ns)?\s+\S+%\s+\S+%\s+(\d+)(?:ns)?\s+\S+%\s+(.*?)(?: \(inline\))?$",
                             line)
            if found:
                rows[found[3]] = [int(found[1]), int(found[2])]
        return rows

    @needs("go")
    def test_pprof_top_is_our_top(self):
        theirs = self.pprof_top(self.convert(PERF, "x.pb.gz"), "samples")
        _, ours = self.top(PERF, "transform=none")
        named = lambda rows: {name: row for name, row in rows.items() if not name.startswith("[") and row}
        self.assertEqual(named(ours), named(theirs))
        self.assertGreater(len(named(theirs)), 50)

    # Ours and pprof's word for it, and patterns that look at names, files and modules.
    PATTERNS = (("focus", "focus"), ("ignore", "ignore"), ("hide", "hide"), ("from", "show_from"),
                ("prune", "prune_from"))

    def assert_patterns_as_pprof(self, recording, patterns, event=""):
        """Every function's own and total samples, under every setting with every pattern."""
        path = self.convert(recording, "patterns.pb.gz")
        named = lambda rows: {name: row for name, row in rows.items()
                              if not name.startswith("[") and name != "<unknown>" and any(row)}
        before = named(self.pprof_top(path, "samples"))
        changed = collections.Counter()
        for setting, flag in self.PATTERNS:
            for pattern in patterns:
                theirs = named(self.pprof_top(path, "samples", f"-{flag}={pattern}"))
                ours = named(self.top(recording, "transform=none idle=on", event, f"{setting}~'{pattern}'")[1])
                different = {name: (ours.get(name), theirs.get(name)) for name in ours.keys() | theirs.keys()
                             if ours.get(name) != theirs.get(name)}
                self.assertEqual(different, {}, f"{setting}~{pattern}")
                changed[setting] += theirs != before
        self.assertEqual(len(changed), len(self.PATTERNS), changed)
        self.assertTrue(all(changed.values()), changed)

    @needs("go")
    def test_patterns_mean_what_they_mean_to_pprof(self):
        self.assert_patterns_as_pprof(PERF, ("touch_pages", "^exc_", "libc", "kernel", "spin|main", "no such"))

    @needs("go")
    def test_patterns_mean_so_of_deep_stacks_too(self):
        self.assert_patterns_as_pprof(FIXTURES + "/perf-node.txt",
                                      ("^fib", "v8::internal", "fib|RegExp", "node$", "Builtins_"))

    @needs("go")
    def test_profiles_of_go_are_read_as_pprof_reads_them(self):
        for name, kind, event in (("go-cpu.pb.gz", "cpu", "cpu"),
                                  ("go-heap.pb.gz", "alloc_space", "alloc_space")):
            path = f"{FIXTURES}/{name}"
            types, samples = self.pprof_raw(path)
            column = [t.split("/")[0] for t in types].index(kind)
            answer, ours = self.top(path, "event=" + event, "transform=none")
            self.assertEqual(answer["value"], sum(values[column] for values, _, _ in samples))
            flat = collections.Counter()
            for values, stack, _ in samples:
                flat[stack[0]] += values[column]
            theirs = {n: v for n, v in flat.items() if v}
            self.assertEqual({n: row[0] for n, row in ours.items() if row[0]}, theirs, name)

    # --- nflxprofile --------------------------------------------------------------------------

    def nflxprofile(self):
        self.run_in("protoc", "--python_out=" + self.scratch.name, "-I" + TESTS + "/../proto",
                    "nflxprofile.proto")
        sys.path.insert(0, self.scratch.name)
        try:
            sys.modules.pop("nflxprofile_pb2", None)
            from google.protobuf import descriptor_pool  # noqa: a file is known to one pool once
            import importlib
            if not hasattr(Interop, "pb2"):
                Interop.pb2 = importlib.import_module("nflxprofile_pb2")
            return Interop.pb2
        except ImportError:
            if os.environ.get("FLICKER_REQUIRE_INTEROP"):
                raise
            self.skipTest("there is no protobuf for Python")
        finally:
            sys.path.remove(self.scratch.name)

    @needs("protoc")
    def test_python_reads_every_value_of_our_nflxprofile(self):
        profile = self.nflxprofile().Profile()
        profile.ParseFromString(read(self.convert(PERF, "x.nflxprofile")))
        ours = sorted(perf_samples(PERF), key=lambda sample: sample[4])
        self.assertEqual(len(profile.samples), len(ours))
        self.assertEqual(profile.params["has_node_stack"], "true")
        time_s, seen = profile.start_time, []
        for i, node_id in enumerate(profile.samples):
            time_s += profile.time_deltas[i]
            node = profile.nodes[node_id]
            seen.append((node.function_name, profile.samples_pid[i], profile.samples_tid[i],
                         profile.samples_cpu[i], round(time_s * 1e9), profile.samples_value[i],
                         [frame.function_name for frame in node.stack][::-1]))
        hits = collections.Counter(profile.samples)
        self.assertTrue(all(profile.nodes[i].hit_count == hits[i] for i in hits))
        self.assertEqual(round(profile.end_time * 1e9), ours[-1][4])
        key = lambda sample: (sample[4], sample[2])
        for x, y in zip(sorted(ours, key=key), sorted(seen, key=key)):
            self.assertEqual(x[:6], y[:6])
            names = [re.sub(r"\+0x[0-9a-f]+$", "", frame) for frame in x[6]]
            for name, shown in zip(names, y[6], strict=True):
                self.assertTrue(name == shown or name == "[unknown]", (name, shown))

    @needs("protoc")
    def test_protoc_decodes_our_nflxprofile(self):
        text = self.run_in("protoc", "--decode=nflxprofile.Profile", "-I" + TESTS + "/../proto",
                           "nflxprofile.proto", input=read(self.convert(PERF, "x.nflxprofile"))).decode()
        self.assertEqual(len(re.findall(r"^samples: ", text, re.M)), 43)
        self.assertEqual(len(re.findall(r"^samples_value: 6711409$", text, re.M)), 43)
        self.assertIn('key: "hasValues"\n  value: "true"', text)
        self.assertIn('function_name: "touch_pages"', text)

    @needs("protoc")
    def test_what_python_writes_is_read_in_all_encodings(self):
        pb2 = self.nflxprofile()
        stacks = [("root;a;b", 3, 10, 11, 0, 5), ("root;a", 1, 20, 21, 1, 7),
                  ("root;a;b", 2, 10, 12, 3, 11)]
        for encoding in ("stack", "parent", "children"):
            for switches in ("", "cpu pid tid value", "pid", "value cpu", "node"):
                profile = pb2.Profile(start_time=100.5, end_time=103.5)
                switches = switches.split()
                profile.params["has_node_stack"] = str(encoding == "stack").lower()
                profile.params["has_parent"] = str(encoding == "parent").lower()
                for name in ("cpu", "pid", "tid"):
                    profile.params["has_samples_" + name] = str(name in switches).lower()
                profile.params["has_node_pid"] = str("node" in switches).lower()
                profile.params["hasValues"] = str("value" in switches).lower()
                for number, name in enumerate(("root", "a", "b")):
                    node = profile.nodes[number]
                    node.function_name = name if encoding != "stack" else "root"
                    node.hit_count = 1
                    node.libtype = "user"
                    if "node" in switches:
                        node.pid, node.tid, node.cpu = 77, 78, 2
                    if encoding == "parent" and number:
                        node.parent = number - 1
                    elif encoding == "children" and number < 2:
                        node.children.append(number + 1)
                    elif encoding == "stack":
                        for below in ("a", "b")[:number]:
                            node.stack.add(function_name=below, libtype="user")
                for i, (stack, delta, pid, tid, cpu, value) in enumerate(stacks):
                    profile.samples.append(2 if stack.endswith("b") else 1)
                    profile.time_deltas.append(0.25 * i)
                    for name, column, number in (("cpu", profile.samples_cpu, cpu),
                                                 ("pid", profile.samples_pid, pid),
                                                 ("tid", profile.samples_tid, tid),
                                                 ("value", profile.samples_value, value)):
                        if name in switches:
                            column.append(number)
                path = self.path("x.nflxprofile")
                write(path, profile.SerializeToString())
                what = f"{encoding} {switches}"
                weight = {"a;b": 16, "a": 7} if "value" in switches else {"a;b": 2, "a": 1}
                fold = {}
                for line in self.flicker("fold", files=[path]).splitlines():
                    stack, count = line.rsplit(" ", 1)
                    fold[stack] = int(count)
                self.assertEqual({s.split("root;")[-1]: n for s, n in fold.items()}, weight, what)
                threads = json.loads(self.flicker("threads --json", files=[path]))["rows"]
                pids = sorted(row["pid"] for row in threads)
                if "pid" in switches and "tid" in switches:
                    self.assertEqual(pids, [10, 10, 20], what)
                elif "pid" in switches:
                    self.assertEqual(pids, [10, 20], what)
                elif "node" in switches:
                    self.assertEqual(pids, [77], what)
                if "cpu" in switches:
                    one = json.loads(self.flicker("top --json cpu=0", files=[path]))
                    self.assertEqual(one["samples"], 1, what)

    # --- V8 -----------------------------------------------------------------------------------

    PROGRAM = """
function busy(n) { let x = 0; for (let i = 0; i < n; i++) x += Math.sqrt(i); return x; }
function outer() { return busy(3e6); }
globalThis.keep = []; // alive until the end: a heap profile has only what is
function allocate() { for (let i = 0; i < 2e4; i++) keep.push(new Array(50).fill(i)); }
const end = Date.now() + 700;
while (Date.now() < end) outer();
allocate();
"""

    def node(self, *options):
        write(self.path("program.js"), self.PROGRAM.encode())
        self.run_in("node", *options, "--diagnostic-dir=" + self.scratch.name, "program.js")

    @staticmethod
    def v8_self(profile):
        """{function: [samples, ns]} of a .cpuprofile, as DevTools counts."""
        names = {n["id"]: n["callFrame"]["functionName"] or "(anonymous)" for n in profile["nodes"]}
        now, times = profile["startTime"], []
        for sample, delta in zip(profile["samples"], profile["timeDeltas"]):
            now += delta
            times.append((now, sample))
        times.sort(key=lambda pair: pair[0])
        rows = collections.defaultdict(lambda: [0, 0])
        for i, (at, sample) in enumerate(times):
            until = times[i + 1][0] if i + 1 < len(times) else profile["endTime"]
            rows[names[sample]][0] += 1
            rows[names[sample]][1] += max(0, until - at) * 1000
        return {name: row for name, row in rows.items()}

    @needs("node")
    def test_a_cpu_profile_of_node(self):
        self.node("--cpu-prof", "--cpu-prof-name=x.cpuprofile")
        theirs = self.v8_self(json.loads(read(self.path("x.cpuprofile"))))
        answer, ours = self.top(self.path("x.cpuprofile"), "transform=none", "idle=on")
        self.assertEqual(answer["samples"], sum(row[0] for row in theirs.values()))
        self.assertEqual(answer["value"], sum(row[1] for row in theirs.values()))
        theirs.pop("(root)", None)
        self.assertEqual({n: r[0] for n, r in ours.items() if r[0] and n != "(root)"},
                         {n: r[0] for n, r in theirs.items()})
        self.assertGreater(ours["busy"][0], answer["samples"] / 2)
        # What we write of it, V8's own way of counting finds the same.
        again = self.v8_self(json.loads(read(self.convert(self.path("x.cpuprofile"), "y.cpuprofile"))))
        self.assertEqual({n: r for n, r in again.items() if n != "(root)"}, theirs)

    @needs("node")
    def test_a_heap_profile_of_node(self):
        self.node("--heap-prof", "--heap-prof-interval=65536", "--heap-prof-name=x.heapprofile")
        sizes = collections.Counter()

        def walk(node):
            sizes[node["callFrame"]["functionName"] or "(anonymous)"] += node["selfSize"]
            for child in node["children"]:
                walk(child)

        walk(json.loads(read(self.path("x.heapprofile")))["head"])
        answer, ours = self.top(self.path("x.heapprofile"), "transform=none")
        self.assertEqual(answer["value"], sum(sizes.values()))
        self.assertEqual(answer["unit"], "bytes")
        self.assertEqual({n: r[0] for n, r in ours.items() if r[0]}, {n: s for n, s in sizes.items() if s})
        self.assertGreater(answer["value"], 0)

    # --- Chrome -------------------------------------------------------------------------------

    def test_a_trace_of_chromium(self):
        path = FIXTURES + "/chromium.trace.json.gz"
        events = json.loads(gzip.decompress(read(path)))["traceEvents"]
        profiles, spans = {}, collections.defaultdict(list)
        for event in events:
            if event["name"] in ("Profile", "ProfileChunk"):
                data = event["args"]["data"]
                profile = profiles.setdefault((event["pid"], event["id"]), {
                    "nodes": [], "samples": [], "timeDeltas": [], "startTime": 0, "endTime": 0})
                profile["startTime"] = data.get("startTime", profile["startTime"])
                profile["endTime"] = data.get("endTime", profile["endTime"])
                profile["timeDeltas"] += data.get("timeDeltas", [])
                for key in ("nodes", "samples"):
                    profile[key] += data.get("cpuProfile", {}).get(key, [])
                profile["endTime"] = data.get("cpuProfile", {}).get("endTime", profile["endTime"])
            elif event["ph"] == "X":
                spans[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
            self.assertNotIn(event["ph"], "BE")  # this one has none
        theirs = collections.defaultdict(lambda: [0, 0])
        for profile in profiles.values():
            for name, (samples, ns) in self.v8_self(profile).items():
                theirs[name][0] += samples
                theirs[name][1] += ns
        answer, ours = self.top(path, "transform=none", "idle=on", "event=cpu-profile")
        self.assertEqual(answer["samples"], sum(row[0] for row in theirs.values()))
        self.assertEqual(answer["value"], sum(row[1] for row in theirs.values()))
        self.assertEqual({n: r[0] for n, r in ours.items() if r[0] and n != "(root)"},
                         {n: r[0] for n, r in theirs.items() if n != "(root)"})
        self.assertGreater(ours["spin"][0], 100)
        open_us = 0
        for intervals in spans.values():
            until = 0
            for start, end in sorted(intervals):
                open_us += max(0, end - max(start, until))
                until = max(until, end)
        answer, _ = self.top(path, "event=trace")
        self.assertEqual(answer["value"], open_us * 1000)

    # --- SVG ----------------------------------------------------------------------------------

    @needs("rsvg-convert")
    def test_a_renderer_without_scripts_draws_our_svg(self):
        """librsvg, as file managers and converters have it; Inkscape draws the same."""
        write(self.path("x.folded"), b"demo;main;parse 25\ndemo;main;render 75\n")
        write(self.path("x.svg"), self.flicker("flame as=svg", files=[self.path("x.folded")]).encode())
        width, rows = pixels(self.run_in("rsvg-convert", self.path("x.svg")))
        self.assertEqual(width, 1200)
        text = read(self.path("x.svg")).decode()
        fill = bytes.fromhex(re.search(r"\.user rect\{fill:#(\w{6})\}", text)[1])
        for name, share in (("parse", 0.25), ("render", 0.75)):
            x, y, wide = map(float, re.search(rf'<title>{name}\n[^<]*</title><rect x="([\d.]+)" y="([\d.]+)" '
                                              r'width="([\d.]+)"', text).groups())
            self.assertAlmostEqual(wide / 1168, share, delta=0.01)
            inside = [rows[row][at] for row in range(int(y) + 2, int(y) + 15)
                      for at in range(int(x) + 2, int(x + wide) - 2)]
            self.assertGreater(inside.count(fill), len(inside) * 0.8)
            dark = sum(sum(pixel) < 200 for pixel in inside)  # its name
            self.assertGreater(dark, 20)

    # --- gzip ---------------------------------------------------------------------------------

    def test_gzip_of_ours_is_the_plain_file(self):
        plain = read(self.convert(PERF, "x.perf"))
        self.assertEqual(gzip.decompress(read(self.convert(PERF, "y.perf.gz"))), plain)


if __name__ == "__main__":
    unittest.main(verbosity=1)
