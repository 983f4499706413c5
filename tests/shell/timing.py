# Every command of the table tells its time: with `set timing=on`, and as JSON. A command that is new
# needs a line here.
import json
import re
import subprocess
import sys

flicker, recording = sys.argv[1:]
ARGUMENTS = {
    "record": "--dry-run", "open": recording, "save": "a.fks", "keep": "5s", "export": "a.json",
    "convert": recording + " b.folded", "slice": "0 0.1", "filter": "comm~.", "undo": "",
    "mark": "one", "why": "", "diff": "all all", "wait": "10ms", "source": "/dev/null", "set": "rows",
    "help": "top", "flame": "> a.svg",
}
BEFORE = {"undo": ["slice 0 0.1"], "why": ["slice 0 0.05"]}
ANSWERS = {"spikes", "heatmap", "top", "threads", "fold", "why", "diff", "status"}


def run(command, *options):
    words = [flicker, "--set", "timing=on", *options, recording]
    for line in [*BEFORE.get(command, ()), f"{command} {ARGUMENTS.get(command, '')}"]:
        words += ["-c", line]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if command == "record" and done.returncode == 3:
        return None  # no collector can record here: others say so
    assert done.returncode == 0, (command, done)
    return done


listed = subprocess.run([flicker, "-c", "help"], capture_output=True, text=True, check=True).stdout
commands = re.findall(r"^  ([a-z]+)  +\S", listed, re.MULTILINE)
assert len(commands) > 25, listed
for command in commands:
    done = run(command)
    if not done:
        continue
    assert re.search(rf"^{command} took [0-9.]+ (ns|us|ms|s)$", done.stderr, re.MULTILINE), done
    done = run(command, "--json")
    lines = [line for line in done.stderr.splitlines() if line.startswith('{"command":"' + command + '"')]
    assert lines and json.loads(lines[-1])["elapsed_ms"] >= 0, (command, done)
    if command in ANSWERS:
        answer = json.loads(done.stdout.splitlines()[-1])
        assert answer["command"] == command and answer["elapsed_ms"] >= 0, done
