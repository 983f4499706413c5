"""What flicker answers, as values that can be compared with a peer's."""
import collections, json, os, subprocess, sys, tempfile
import xml.etree.ElementTree as ElementTree

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FIXTURES = os.path.join(TESTS, "fixtures")


class Flicker:
    def __init__(self, program):
        self.program = os.path.abspath(program)
        self.scratch = tempfile.TemporaryDirectory()

    def path(self, name):
        return os.path.join(self.scratch.name, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def run(self, *commands, file=None):
        words = [word for command in commands for word in ("-c", command)]
        environment = dict(os.environ, HOME=self.scratch.name, XDG_STATE_HOME=self.scratch.name,
                           LC_ALL="C.UTF-8")
        done = subprocess.run([self.program, "-q", *([file] if file else []), *words], timeout=120,
                              capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
        if done.returncode:
            sys.exit(f"{file} {commands}: exit {done.returncode}: {done.stderr}")
        return done.stdout

    def convert(self, source, name):
        self.run(f"convert '{source}' '{self.path(name)}'")
        return self.path(name)

    def fold(self, file, words="", *before):
        """{(thread, caller, callee): weight}"""
        if "transform=" not in words:
            words += " transform=none"
        answer = json.loads(self.run(*before, f"fold --json {words}", file=file))
        return {tuple(row["stack"]): row["weight"] for row in answer["stacks"]}

    def cells(self, file, words=""):
        answer = json.loads(self.run(f"heatmap --json clock=own {words}", file=file))
        return [[cell or 0 for cell in column] for column in answer["columns"]]

    def flame(self, command, file=None):
        """What an SVG shows: {("all", thread, function): Frame}."""
        return frames_of_svg(self.run(command, file=file))


Frame = collections.namedtuple("Frame", "total x width title")


def frames_of_svg(text):
    """An SVG of ours has a rectangle a frame, callers above what they call."""
    rows = collections.defaultdict(list)
    for group in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}g"):
        if "frame" in group.get("class", "").split():
            title, rect = group[0].text, group[1]
            rows[float(rect.get("y"))].append((int(group.get("data-left")), int(group.get("data-total")),
                                               float(rect.get("x")), float(rect.get("width")), title))
    frames, above = {}, []
    for _, row in sorted(rows.items()):
        here = []
        for left, total, x, width, title in row:
            callers = [path for start, size, path in above if start <= left < start + size]
            path = (callers[0] if callers else ()) + (title.split("\n")[0],)
            here.append((left, total, path))
            frames[path] = Frame(total, x, width, title)
        above = here
    return frames


def totals(fold, root="all"):
    """A fold's weights, added up into every caller."""
    result = collections.Counter()
    for stack, weight in fold.items():
        for depth in range(len(stack) + 1):
            result[(root,) + tuple(stack[:depth])] += weight
    return result


def folded(text):
    """Lines of folded stacks with one count: {(thread, caller, callee): count}."""
    result = collections.Counter()
    for line in text.splitlines():
        stack, count = line.rsplit(" ", 1)
        result[tuple(stack.split(";"))] += int(count)
    return result
