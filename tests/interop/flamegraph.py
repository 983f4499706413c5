#!/usr/bin/env python3
"""Our answers beside those of flamegraph.pl, difffolded.pl and stackcollapse-perf.pl, value by value.

    flamegraph.py FLICKER [--update]

What the scripts made of what we write is kept in fixtures/flamegraph/. Where FLICKER_PEERS names a
folder that has the scripts, they are asked anew, and must still say what is kept; --update keeps it.
"""
import os, re, shutil, subprocess, sys, unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ours import FIXTURES, Flicker, folded, totals

UPDATE = "--update" in sys.argv
if UPDATE:
    sys.argv.remove("--update")
flicker = Flicker(sys.argv.pop(1))
KEPT = os.path.join(FIXTURES, "flamegraph")
NODE, JAVA = FIXTURES + "/perf-node.txt", FIXTURES + "/perf-java.txt"
OLD, NEW = FIXTURES + "/words-old.fks", FIXTURES + "/words-new.fks"


def script(name, *arguments):
    """What a script of FlameGraph prints, or None where there is none."""
    path = shutil.which(name, path=os.environ.get("FLICKER_PEERS", ""))
    if not path:
        if UPDATE:
            sys.exit(f"FLICKER_PEERS names no folder with {name}")
        return None
    return subprocess.run(["perl", path, *arguments], check=True, timeout=120, capture_output=True,
                          text=True).stdout


def kept(name, answer):
    """The answer that is kept, which a script that is here must give again."""
    path = os.path.join(KEPT, name)
    if UPDATE:
        with open(path, "w", encoding="utf-8") as file:
            file.write(answer)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if answer is not None and answer != text:
        raise AssertionError(f"{name}: the script says something else now")
    return text


def rectangles(svg):
    """A picture of flamegraph.pl as lines: row from the root, x, width, name, what is said of it."""
    if svg is None:
        return None
    pattern = r'<title>(.*?) \(([^()]*)\)</title><rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"'
    found = [(float(y), float(x), float(width), name, said)
             for name, said, x, y, width in re.findall(pattern, svg)]
    rows = sorted({y for y, *_ in found}, reverse=True)
    unescape = lambda text: text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")
    lines = sorted((rows.index(y), x, width, unescape(name), said) for y, x, width, name, said in found)
    return "".join(f"{row}\t{x}\t{width}\t{name}\t{said}\n" for row, x, width, name, said in lines)


def frames(text):
    """{(root, caller, callee): (width, what is said)}"""
    result, above, row_above = {}, [], -1
    here = []
    for line in text.splitlines():
        row, x, width, name, said = line.split("\t")
        if int(row) != row_above:
            above, here, row_above = here, [], int(row)
        x, width = float(x), float(width)
        middle = x + width / 2
        callers = [path for start, size, path in above if start <= middle <= start + size]
        path = (callers[0] if callers else ()) + (name,)
        here.append((x, width, path))
        result[path] = (width, said)
    return result


class FlameGraph(unittest.TestCase):
    def picture(self, name, *arguments):
        return frames(kept(name, rectangles(script("flamegraph.pl", *arguments))))

    def assert_same_picture(self, theirs, ours):
        """Every frame, its count, and how wide it is, to a tenth of theirs and half a pixel of ours."""
        said = {path: int(text.split(" samples")[0].replace(",", "")) for path, (_, text) in theirs.items()}
        ours_said = {path: frame.total for path, frame in ours.items()}
        different = [path for path in said.keys() | ours_said.keys() if said.get(path) != ours_said.get(path)]
        self.assertEqual([(path, said.get(path), ours_said.get(path)) for path in sorted(different)[:3]], [])
        their_all, our_all = theirs[("all",)][0], ours[("all",)].width + 0.5
        for path, frame in ours.items():
            share = theirs[path][0] / their_all
            self.assertAlmostEqual((frame.width + 0.5) / our_all, share, delta=0.0015, msg=path)

    def test_frames_of_a_node_server(self):
        text = flicker.run("fold", file=NODE)
        path = flicker.write("node.folded", text)
        theirs = self.picture("perf-node.frames", path)
        self.assertGreater(len(theirs), 400)
        self.assert_same_picture(theirs, flicker.flame("flame as=svg transform=none", file=path))
        self.assertEqual(totals(folded(text)),
                         {path: frame.total for path, frame in
                          flicker.flame("flame as=svg transform=none", file=path).items()})

    def test_frames_of_the_jvm(self):
        path = flicker.write("java.folded", flicker.run("fold", file=JAVA))
        self.assert_same_picture(self.picture("perf-java.frames", path),
                                 flicker.flame("flame as=svg transform=none", file=path))

    def test_an_icicle_of_callers(self):
        # --reverse: leaves first. The thread's name is a frame to it, so that it is ours of the file.
        path = flicker.write("java.folded", flicker.run("fold", file=JAVA))
        theirs = self.picture("perf-java-reverse.frames", "--reverse", path)
        ours = flicker.flame("flame as=svg transform=none invert=on", file=path)
        self.assert_same_picture(theirs, ours)

    def differential(self):
        old = flicker.write("old.folded", flicker.run("fold", file=OLD))
        new = flicker.write("new.folded", flicker.run("fold", file=NEW))
        text = script("difffolded.pl", old, new)  # in no order: a hash of Perl's
        return kept("words.diff", text and "".join(sorted(text.splitlines(True))))

    def test_two_counts_of_difffolded(self):
        before, after = {}, {}
        for line in self.differential().splitlines():
            stack, a, b = line.rsplit(" ", 2)
            before[tuple(stack.split(";"))], after[tuple(stack.split(";"))] = int(a), int(b)
        path = flicker.write("words.folded", self.differential())
        for event, theirs, recording in (("before", before, OLD), ("after", after, NEW)):
            ours = flicker.fold(path, f"weight=value event={event}")
            self.assertEqual(ours, {stack: n for stack, n in theirs.items() if n})
            self.assertEqual(ours, dict(folded(flicker.run("fold", file=recording))))

    def test_a_differential_flame_graph(self):
        # flamegraph.pl tells the difference of a frame's own counts as a share of all, without making
        # both totals one. A stack that is gone has no width and takes a frame of the same name and
        # row that ends where it stands out of their picture: they are left out.
        still = [line for line in self.differential().splitlines(True) if not line.endswith(" 0\n")]
        path = flicker.write("words.diff", "".join(still))
        theirs = self.picture("words-diff.frames", path)
        old = flicker.write("old.folded", flicker.run("fold", file=OLD))
        new = flicker.write("new.folded", flicker.run("fold", file=NEW))
        ours = flicker.flame(f"diff {new} {old} as=svg transform=none")
        self.assert_same_picture(theirs, ours)
        a, b = folded(flicker.run("fold", file=NEW)), folded(flicker.run("fold", file=OLD))
        scale = sum(a.values()) / sum(b.values())
        for key, (_, said) in theirs.items():
            stack = key[1:]
            delta = re.search(r"; ([+-]?[\d.]+)%", said)
            own = a[stack] - b[stack] if a[stack] else 0
            self.assertAlmostEqual(float(delta[1]) if delta else 0, 100 * own / sum(a.values()), delta=0.01)
            found = re.search(r"([+-][\d.]+) pp of its own", ours[key].title)
            normalised = 100 * (a[stack] - b[stack] * scale) / sum(a.values())
            self.assertAlmostEqual(float(found[1]) if found else 0, normalised, delta=0.051, msg=key)

    def test_stackcollapse_reads_what_we_export(self):
        for source, name in ((NODE, "perf-node"), (JAVA, "perf-java"), (NEW, "words-new")):
            export = flicker.convert(source, name + ".perf")
            theirs = kept(name + ".collapsed", script("stackcollapse-perf.pl", export))
            self.assertEqual(sorted(flicker.run("fold", file=export).splitlines()),
                             sorted(theirs.splitlines()), name)


if __name__ == "__main__":
    if UPDATE:
        os.makedirs(KEPT, exist_ok=True)
    unittest.main(verbosity=1)
