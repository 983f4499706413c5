# What `status --json` says: everything that `status` shows, in its units. Reads lines of JSON on
# standard input: a file's first, then that of a recording that runs and of one that has ended.
import json
import sys

NUMBER = (int, float)
BUFFER = {
    "budget_bytes": int, "used_bytes": int, "column_bytes": int, "table_bytes": int, "names": int,
    "frames": int, "call_paths": int, "threads": int, "samples": int, "evicted_samples": int,
    "evicted_to_s": (*NUMBER, type(None)), "hours_at_this_rate": (*NUMBER, type(None)),
}
SOURCE = {
    "number": int, "name": str, "collector": str, "command": str, "host": str, "kernel": str,
    "events": list, "rate_hz": NUMBER, "cpus": int, "samples": int, "lost": int,
    "lost_kernel": int, "lost_ring": int, "lost_here": int, "unresolved": int, "one_frame": int,
    "late": int, "evicted": int, "first_s": (*NUMBER, type(None)),
    "last_s": (*NUMBER, type(None)), "own_clock": bool, "uneven_rows": (dict, type(None)),
    "recording": (dict, type(None)),
}
RECORDING = {
    "number": int, "state": str, "pid": int, "samples_per_s": NUMBER, "collector_cpu": NUMBER,
    "own_cpu": NUMBER,
}


def check(value, schema, where):
    assert set(value) == set(schema), (where, set(value) ^ set(schema))
    for key, kind in schema.items():
        assert isinstance(value[key], kind), (where, key, value[key])


answers = [json.loads(line) for line in sys.stdin]
for answer in answers:
    assert answer["command"] == "status"
    check(answer["buffer"], BUFFER, "buffer")
    for source in answer["sources"]:
        check(source, SOURCE, "source")
        assert source["lost"] == source["lost_kernel"] + source["lost_ring"] + source["lost_here"]
        if source["recording"]:
            check(source["recording"], RECORDING, "recording")
file = answers[0]["sources"][0]
assert file["recording"] is None and file["samples"] == 43 and file["events"] == ["cpu-clock"]
for answer in answers[1:2]:
    [source] = answer["sources"]
    assert answer["recording"] == 1 and source["recording"]["state"] == "recording"
    assert source["recording"]["samples_per_s"] > 0 and source["rate_hz"] == 99
    assert answer["buffer"]["hours_at_this_rate"] > 0
    # 99 Hz on the 50 rows that are set.
    assert source["uneven_rows"]["even_rows"] == [33, 99], source["uneven_rows"]
for answer in answers[2:]:
    assert answer["recording"] == 0 and answer["sources"][0]["recording"] is None
print(len(answers), "answers as they should be")
