// The grammar of single lines of `perf script` output, perf 3.x to 6.x. No state, no memory.
#ifndef FLICKER_PROTO_PERF_LINE_H
#define FLICKER_PROTO_PERF_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Part of a line; borrowed.
struct span {
    const char *at;
    size_t len;
};

static inline bool span_is(struct span span, const char *text)
{
    return span.len == __builtin_strlen(text) && !__builtin_memcmp(span.at, text, span.len);
}

// The first line of a sample: "comm pid/tid [cpu] time: period event: rest". `-F` can leave out
// each of them; with the ids, the CPU goes too.
struct perf_header {
    struct span comm;
    int32_t pid, tid; // -1 when absent: perf prints the tid alone by default
    int64_t time_ns;  // SAMPLE_NO_TIME when absent
    uint64_t period;  // 1 when absent
    bool has_period;
    bool padded;       // the pid is as wide as perf makes it: it cannot be a part of the comm
    uint16_t cpu;      // SAMPLE_NO_CPU when absent
    struct span event; // without its colon; empty when absent
    struct span rest; // what follows on the line: "ip sym (dso)" without -g, or a tracepoint's text
    size_t time_at;   // where the time begins in the line and where it ends (at its colon);
    size_t time_end;  // both 0 when there is none
};

// False: the line is no header. A line that begins with white space is one only when it has a time
// (perf pads the comm when it prints no call chains).
bool perf_header_parse(struct perf_header *out, const char *line, size_t len);

enum perf_frame_where { PERF_FRAME_USER, PERF_FRAME_KERNEL, PERF_FRAME_JIT, PERF_FRAME_INLINED };

// A line of a call chain: "ip symbol+0xoffset (dso)".
struct perf_frame {
    uint64_t address;
    struct span name;   // without the offset; empty: "[unknown]" or not printed
    struct span module; // empty: "[unknown]", "inlined", or not printed
    enum perf_frame_where where;
};

bool perf_frame_parse(struct perf_frame *out, const char *line, size_t len);

// Whether a line, with its newline, ends as one of which nothing but the address is known:
// "\t  7f299e25ea00 [unknown] ([unknown])".
bool perf_frame_ends_unknown(const char *line, size_t len);
// The same as perf_frame_parse for such a line. False: it is of another form.
bool perf_frame_parse_unknown(struct perf_frame *out, const char *line, size_t len);

// "  file.c:123", the line that `-F +srcline` prints below a frame. *file is empty where perf did
// not know ("??:0", "libc.so.6[2724a]"). *inlined: "(inlined)", which then stands here and not
// behind the frame, follows.
bool perf_srcline_parse(struct span *file, uint32_t *number, bool *inlined, const char *line,
                        size_t len);

// Whether the line belongs to branch output (brstack, brstackinsn), which flicker leaves out.
bool perf_is_branch_line(const char *line, size_t len);

// A record that is no sample ("comm pid [cpu] time: PERF_RECORD_LOST lost 12"): true with the
// number of lost samples, 0 for records of another type.
bool perf_record_parse(uint64_t *lost, const struct perf_header *header);

// What perf itself says on stderr, which ends up in the file with 2>&1. True: *lost is the number
// of samples that it says are missing, 0 where it says none or counts something else.
bool perf_message_parse(uint64_t *lost, const char *line, size_t len);

// "123.456789" in ns; -1 when it is not such a number. Takes 1 to 9 digits after the dot.
int64_t perf_time_parse(const char *text, size_t len);

#endif
