#!/usr/bin/env python3
"""The demo as a script, live on this host: it finds its own stall, and the function that made it.
A host may starve one run; two in a row are the demo's fault."""
import json, os, subprocess, sys

flicker = sys.argv[1]
STALL = "rebuild_index"


def skip(reason):
    if os.environ.get("FLICKER_REQUIRE_LIVE") == "1":
        sys.exit(f"not ok - {reason}, and FLICKER_REQUIRE_LIVE=1")
    print(f"ok - skipped: {reason}")
    sys.exit(77)


def shares(rows):
    for row in rows:
        if row["frame"] == STALL:
            return row["share_in"], row["share_out"]
    return 0, 1


def play():
    run = subprocess.run([flicker, "--json", "--demo"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         timeout=120)
    if run.returncode:
        sys.exit(f"not ok - exit code {run.returncode}: {run.stderr}")
    answers = {answer["command"]: answer for answer in map(json.loads, run.stdout.splitlines())}
    if set(answers) != {"heatmap", "top", "why", "fold"}:
        sys.exit(f"not ok - answers: {sorted(answers)}")
    share, rest = shares(answers["why"]["rows"])
    print(f"{answers['heatmap']['samples']} samples, {answers['why']['samples']} in the slice: {STALL} has "
          f"{share:.0%} of it and {rest:.0%} of the rest")
    return share >= 0.60 and rest <= 0.10


if os.geteuid() != 0:
    skip("recording needs root")
if not (play() or play()):
    sys.exit(f"not ok - {STALL} has less than 60 % of the slice, or more than 10 % of the rest")
print("ok - the demo finds its stall")
