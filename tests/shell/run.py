#!/usr/bin/env python3
"""Runs sessions written as text against the real program.

    NAME what it shows
    COVERS command            (read by a unit test: every command has a session)
    RUN shell command         ($flicker, $fixtures; runs in an empty directory)
    CODE 2                    exit code, 0 when not said
    EXPECT text               a line of standard output holds it
    EXPECT~ regex             standard output matches it
    MESSAGE text / MESSAGE~   the same of standard error
    ABSENT text               in neither

RUN goes on in lines that begin with two spaces.
"""
import os, re, subprocess, sys, tempfile


def parse(path):
    cases, last = [], None
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        line = line.rstrip("\n")
        if line.startswith("  ") and last == "RUN":
            cases[-1]["RUN"] += "\n" + line[2:]
            continue
        if not line or line.startswith("#"):
            continue
        word, _, text = line.partition(" ")
        last = word
        if word == "NAME":
            cases.append({"NAME": text, "line": number, "checks": [], "CODE": "0"})
        elif word in ("RUN", "CODE"):
            cases[-1][word] = text
        elif word in ("EXPECT", "EXPECT~", "MESSAGE", "MESSAGE~", "ABSENT"):
            cases[-1]["checks"].append((word, text))
        elif word != "COVERS":
            sys.exit(f"{path}:{number}: '{word}' is no word of a session")
    return cases


def failures(case, done):
    out, err = done.stdout, done.stderr
    if str(done.returncode) != case["CODE"]:
        yield f"exit code {done.returncode}, expected {case['CODE']}"
    for word, text in case["checks"]:
        where = err if word.startswith("MESSAGE") else out
        if word == "ABSENT":
            if text in out or text in err:
                yield f"'{text}' should not be there"
        elif word.endswith("~"):
            if not re.search(text, where, re.MULTILINE):
                yield f"{word} {text}: not found"
        elif text not in where:
            yield f"{word} {text}: not found"


def main():
    flicker, path = map(os.path.abspath, sys.argv[1:3])
    tests = os.path.dirname(os.path.dirname(path))
    bad = 0
    for case in parse(path):
        with tempfile.TemporaryDirectory() as scratch:
            environment = dict(os.environ, flicker=flicker, fixtures=tests + "/fixtures",
                               HOME=scratch, XDG_STATE_HOME=scratch + "/state", TZ="UTC",
                               LC_ALL="C.UTF-8", TERM="dumb")
            environment.pop("COLUMNS", None)
            try:
                done = subprocess.run(["/bin/sh", "-c", case["RUN"]], cwd=scratch, env=environment,
                                      stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                      errors="replace", timeout=60)
            except subprocess.TimeoutExpired:
                print(f"not ok - {case['NAME']}\n  {path}:{case['line']}: not done after 60 s")
                bad += 1
                continue
        found = list(failures(case, done))
        print(("not ok" if found else "ok"), "-", case["NAME"])
        if found:
            bad += 1
            print(f"  {path}:{case['line']}: {case['RUN']}")
            for one in found:
                print("  " + one)
            print("  --- stdout\n" + done.stdout + "  --- stderr\n" + done.stderr)
    sys.exit(1 if bad else 0)


main()
