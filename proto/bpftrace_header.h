// The line that a bpftrace program prints before a stack, or the keys of a map around one: who ran,
// and when.
//
// Our own program prints "S NSECS PID TID CPU COMM", or "V NSECS PID TID CPU VALUE COMM" where a
// sample has a value; the comm is last and may hold anything. Of any other program's line these are
// recognised, in any order, between blanks, commas or semicolons:
// - name=value and name:value with the names pid, tid, cpu, comm, nsecs, time, ts, value, bytes, ns
// - [N]: the CPU
// - an integer of 10 or more digits: the time; of several, the one nearest to the last time seen
// - words: the comm, from the first to the last before a time or a name=value, with what is between
//   them ("web 7 [x]"); a single capital at the start of the line ("S 123 ...") is a tag
// - the other integers up to 4194304: pid, then tid (when not below the pid), then CPU (below 4096)
#ifndef FLICKER_PROTO_BPFTRACE_HEADER_H
#define FLICKER_PROTO_BPFTRACE_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpftrace_header {
    int64_t time_ns;  // SAMPLE_NO_TIME: none
    int32_t pid, tid; // -1: none
    uint16_t cpu;     // SAMPLE_NO_CPU: none
    uint64_t value;   // valid when has_value
    bool has_value;
    const char *comm; // borrowed from the line; NULL: none
    size_t comm_len;
};

// A line of our own program. False: it is not one.
bool bpftrace_header_own(struct bpftrace_header *out, const char *line, size_t len);
// Any other line; near_ns: the last time seen, SAMPLE_NO_TIME when none.
void bpftrace_header_guess(struct bpftrace_header *out, const char *line, size_t len,
                           int64_t near_ns);
// A whole text that is a decimal number; false: it is not one, or does not fit.
bool bpftrace_number(const char *text, size_t len, uint64_t *out);

#endif
