#!/usr/bin/env python3
"""perf script text of 20 s: a sample every 40 ms, and a stall of 300 ms with nine every 10 ms."""
for ms in range(0, 20000, 10):
    stall = 7200 <= ms < 7500
    for _ in range(9 if stall else ms % 40 == 0):
        print(f"demo 7/7 [000] {100 + ms / 1000:.6f}: 10101010 cpu-clock:")
        print(f"\t1234 {'stall' if stall else 'work'}+0x1 (/bin/demo)\n")
