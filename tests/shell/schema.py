# What `export` wrote as CSV and as JSON: the columns, and that all of it speaks of the same samples.
import csv
import json

SAMPLES = 43

top = list(csv.DictReader(open("t.csv")))
fold = list(csv.DictReader(open("f.csv")))
heat = list(csv.DictReader(open("h.csv")))
threads = list(csv.DictReader(open("th.csv")))
assert sum(int(row["self"]) for row in top) == SAMPLES
assert sum(int(row["weight"]) for row in fold) == SAMPLES
assert sum(int(row["weight"] or 0) for row in heat) == SAMPLES
assert sum(int(row["samples"]) for row in threads) == SAMPLES
assert sum(int(row["value"]) for row in threads) == 288590587
assert [float(row["offset_s"]) for row in heat[:5]] == [0, 0.025, 0.05, 0.075, 0]
assert abs(sum(float(row["share"]) for row in threads) - 1) < 1e-5

answers = {name: json.load(open(name + ".json")) for name in ("t", "h", "f", "th")}
assert [a["command"] for a in answers.values()] == ["top", "heatmap", "fold", "threads"]
assert all(a["samples"] == SAMPLES and a["unit"] == "samples" for a in answers.values())
assert [row["frame"] for row in answers["t"]["rows"]] == [row["frame"] for row in top]
assert sum(stack["weight"] for stack in answers["f"]["stacks"]) == SAMPLES
assert sum(cell or 0 for column in answers["h"]["columns"] for cell in column) == SAMPLES
assert len(answers["h"]["columns"][0]) == 50  # rows, as FlameScope has
assert len(answers["th"]["rows"]) == answers["th"]["threads"] == len(threads)
