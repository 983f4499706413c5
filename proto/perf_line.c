// The grammar of single lines of `perf script` output.
//
// The forms are those of perf's tools/perf/builtin-script.c (perf_sample__fprintf_start,
// process_event) and util/evsel_fprintf.c (sample__fprintf_callchain), as they changed from 3.x to
// 6.x. A comm may hold anything, so the header is anchored at what follows it.
#include "proto/perf_line.h"

#include "proto/sample.h"

#include <string.h>

enum { COMM_MAX = 15 }; // of the kernel; longer names come from other tools' imitations

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static int hex_value(char c)
{
    static const signed char values[256] = {
        ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
        ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
        ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
        ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
    };
    return values[(unsigned char)c] - 1;
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

static const char *token_end(const char *at, const char *end)
{
    while (at < end && !is_blank(*at))
        at++;
    return at;
}

// Reads decimal digits into *value, which saturates. Returns where they end.
static const char *read_number(uint64_t *value, const char *at, const char *end)
{
    *value = 0;
    for (; at < end && is_digit(*at); at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        *value = *value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *value * 10 + digit;
    }
    return at;
}

// A pid or tid, "-1" included. NULL when there is none.
static const char *read_id(int32_t *id, const char *at, const char *end)
{
    if (end - at >= 2 && at[0] == '-' && at[1] == '1') {
        *id = -1;
        return at + 2;
    }
    uint64_t value;
    const char *after = read_number(&value, at, end);
    if (after == at || value > INT32_MAX)
        return NULL;
    *id = (int32_t)value;
    return after;
}

int64_t perf_time_parse(const char *text, size_t len)
{
    const char *end = text + len;
    uint64_t seconds, fraction;
    const char *dot = read_number(&seconds, text, end);
    if (dot == text || dot == end || *dot != '.' || seconds > INT64_MAX / 1000000000 - 1)
        return -1;
    const char *after = read_number(&fraction, dot + 1, end);
    long digits = after - dot - 1;
    if (after != end || digits < 1 || digits > 9)
        return -1;
    for (; digits < 9; digits++)
        fraction *= 10;
    return (int64_t)(seconds * 1000000000 + fraction);
}

// "[003] ": the CPU.
static const char *read_cpu(uint16_t *cpu, const char *at, const char *end)
{
    if (at == end || *at != '[')
        return NULL;
    uint64_t value;
    const char *after = read_number(&value, at + 1, end);
    if (after == at + 1 || after == end || *after != ']')
        return NULL;
    *cpu = value < SAMPLE_NO_CPU ? (uint16_t)value : SAMPLE_NO_CPU;
    return after + 1;
}

// The flags of `-F +misc`: "U", "K", "UE".
static bool is_misc(const char *at, const char *end)
{
    static const char flags[] = "KUHGgMEST";
    if (at == end || end - at > 4)
        return false;
    for (; at < end; at++) {
        if (!strchr(flags, *at) || !*at)
            return false;
    }
    return true;
}

// "2241.989313: ", the word from at to after. Returns what follows; at itself where it is no time.
static const char *read_time(struct perf_header *out, const char *at, const char *after,
                             const char *end, const char *line)
{
    if (after - at < 2 || after[-1] != ':')
        return at;
    int64_t time_ns = perf_time_parse(at, (size_t)(after - 1 - at));
    if (time_ns < 0)
        return at;
    out->time_ns = time_ns;
    out->time_at = (size_t)(at - line);
    out->time_end = (size_t)(after - 1 - line);
    return skip_blanks(after, end);
}

// What follows the comm up to the time's colon: "pid/tid [cpu] misc time:". Returns where it ends,
// NULL when it does not fit. *has_time, *has_cpu tell what was there.
static const char *read_ids(struct perf_header *out, const char *at, const char *end,
                            const char *line)
{
    out->pid = -1;
    out->cpu = SAMPLE_NO_CPU;
    out->time_ns = SAMPLE_NO_TIME;
    out->time_at = out->time_end = 0;
    const char *start = at, *after;
    at = read_id(&out->tid, at, end);
    if (!at)
        return NULL;
    if (at < end && *at == '.') { // of `-F comm,time`: no ids at all
        out->tid = -1;
        after = read_time(out, start, token_end(start, end), end, line);
        return after == start ? NULL : after;
    }
    if (at < end && *at == '/') {
        out->pid = out->tid;
        at = read_id(&out->tid, at + 1, end);
        if (!at)
            return NULL;
    }
    if (at == end || !is_blank(*at))
        return NULL;
    at = skip_blanks(at, end);
    after = read_cpu(&out->cpu, at, end);
    if (after)
        at = skip_blanks(after, end);
    after = token_end(at, end);
    if (is_misc(at, after)) {
        const char *next = skip_blanks(after, end);
        if (next < end && is_digit(*next)) {
            at = next;
            after = token_end(at, end);
        }
    }
    return read_time(out, at, after, end, line);
}

// "period event: rest" from at.
static void read_event(struct perf_header *out, const char *at, const char *end)
{
    out->period = 1;
    out->has_period = false;
    out->event = (struct span){at, 0};
    const char *after = token_end(at, end);
    uint64_t period;
    if (after < end && read_number(&period, at, after) == after && after > at) {
        const char *name = skip_blanks(after, end);
        const char *name_end = token_end(name, end);
        if (name_end > name && name_end[-1] == ':') {
            out->period = period;
            out->has_period = true;
            at = name;
            after = name_end;
        }
    }
    if (after > at + 1 && after[-1] == ':') {
        out->event = (struct span){at, (size_t)(after - 1 - at)};
        at = skip_blanks(after, end);
    }
    while (end > at && is_blank(end[-1]))
        end--;
    out->rest = (struct span){at, (size_t)(end - at)};
}

// One try: the comm ends at comm_end, ids are the rest. Without a time the line must end with the
// event, or anything could be a header.
static bool header_fits(struct perf_header *out, const char *line, const char *ids, const char *end,
                        bool needs_time)
{
    const char *at = read_ids(out, ids, end, line);
    if (!at)
        return false;
    read_event(out, at, end);
    if (out->time_ns != SAMPLE_NO_TIME)
        return true;
    return !needs_time && out->event.len && !out->rest.len;
}

// How likely it is that this reading is the right one: perf prints a pid at least 5 wide, and a
// header without a time or without an id is rare.
static int plausibility(struct perf_header *header, const char *line, const char *comm_end,
                        const char *ids)
{
    header->padded = false;
    if (header->time_ns != SAMPLE_NO_TIME && ids == line + header->time_at)
        return 0;
    while (*ids == '-' || is_digit(*ids))
        ids++;
    header->padded = ids - comm_end >= 6;
    // Two ids are ids; one alone could be a period, where there is no time.
    return 1 + 4 * header->padded + 2 * (header->time_ns != SAMPLE_NO_TIME) + (*ids == '/');
}

bool perf_header_parse(struct perf_header *out, const char *line, size_t len)
{
    static const char unknown[] = "[unknown]";
    const char *end = line + len;
    const char *start = skip_blanks(line, end);
    bool padded = start > line;
    int best = -1;
    struct perf_header attempt;
    // A comm may itself look like "x 1 2.5:"; the kernel's limit of 15 bytes says where the real
    // one ends, so the longest of the most plausible wins within it. Beyond, the shortest.
    for (const char *at = start; at < end; at++) {
        if ((at > start && !is_blank(at[-1])) || (!is_digit(*at) && *at != '-'))
            continue;
        const char *comm_end = at;
        while (comm_end > start && is_blank(comm_end[-1]))
            comm_end--;
        bool within = comm_end - start <= COMM_MAX;
        if (!within && best >= 0)
            break;
        if (!header_fits(&attempt, line, at, end, padded))
            continue;
        int score = plausibility(&attempt, line, comm_end, at);
        if (score < best)
            continue;
        best = score;
        attempt.comm = (struct span){start, (size_t)(comm_end - start)};
        *out = attempt;
    }
    if (best >= 0 && !out->comm.len && out->tid == -1) // of `-F time`
        out->comm = (struct span){unknown, sizeof unknown - 1};
    return best >= 0;
}

// Cuts "+0x1f" off the end.
static struct span without_offset(struct span text)
{
    size_t at = text.len;
    while (at > 0 && hex_value(text.at[at - 1]) >= 0)
        at--;
    if (at < text.len && at >= 3 && !memcmp(text.at + at - 3, "+0x", 3))
        text.len = at - 3;
    return text;
}

// Where the last "(...)" begins: its balanced parenthesis, else the last " (". -1: none.
static ptrdiff_t last_group(const char *text, size_t len)
{
    const char *open = memrchr(text, '(', len); // most have but one pair
    if (open && open > text && is_blank(open[-1]) &&
        memchr(open, ')', len - (size_t)(open - text)) == text + len - 1)
        return open - text;
    size_t depth = 0;
    for (size_t i = len; i-- > 0;) {
        if (text[i] == ')') {
            depth++;
        } else if (text[i] == '(' && --depth == 0) {
            if (i == 0 || is_blank(text[i - 1]))
                return (ptrdiff_t)i;
            break;
        }
    }
    for (size_t i = len; i-- > 1;) {
        if (text[i] == '(' && is_blank(text[i - 1]))
            return (ptrdiff_t)i;
    }
    return -1;
}

// Where a module begins whose line was cut, as the end of a file may be: " (/lib/x86_6". -1: it was
// not. Names do not go on so.
static ptrdiff_t cut_group(const char *text, size_t len)
{
    static const char inlined[] = "inlined";
    for (size_t i = len; i-- > 0;) {
        if (text[i] != '(' || (i > 0 && !is_blank(text[i - 1])))
            continue;
        size_t rest = len - i - 1;
        bool is_module = !rest || text[i + 1] == '/' || text[i + 1] == '[' ||
                         (rest < sizeof inlined && !memcmp(text + i + 1, inlined, rest));
        return is_module ? (ptrdiff_t)i : -1;
    }
    return -1;
}

static bool ends_with(struct span text, const char *tail)
{
    size_t len = strlen(tail);
    return text.len >= len && !memcmp(text.at + text.len - len, tail, len);
}

static bool starts_with(struct span text, const char *head)
{
    size_t len = strlen(head);
    return text.len >= len && !memcmp(text.at, head, len);
}

// ".../perf-123.map", ".../jitted-123-4.so": code that a JIT compiler made.
static bool is_jit_module(struct span module)
{
    const char *slash = memrchr(module.at, '/', module.len);
    struct span base = module;
    if (slash) {
        base.at = slash + 1;
        base.len = (size_t)(module.at + module.len - base.at);
    }
    if (starts_with(base, "jitted-") && ends_with(base, ".so"))
        return true;
    if (!starts_with(base, "perf-") || !ends_with(base, ".map"))
        return false;
    for (size_t i = 5; i < base.len - 4; i++) {
        if (!is_digit(base.at[i]))
            return false;
    }
    return base.len > 9;
}

static bool is_kernel_module(struct span module)
{
    static const char *const user[] = {"[vdso]", "[vdso32]", "[vsyscall]", "[heap]", "[uprobes]"};
    if (module.len && module.at[0] == '[') {
        for (size_t i = 0; i < sizeof user / sizeof *user; i++) {
            if (span_is(module, user[i]))
                return false;
        }
        return !starts_with(module, "[stack") && !starts_with(module, "[anon");
    }
    if (starts_with(module, "bpf_prog_"))
        return true;
    if (!module.len || !strchr("xotz", module.at[module.len - 1]))
        return false; // most
    return ends_with(module, "vmlinux") || ends_with(module, ".ko") ||
           ends_with(module, ".ko.xz") || ends_with(module, ".ko.zst") ||
           ends_with(module, ".ko.gz");
}

static enum perf_frame_where where_of(const struct perf_frame *frame)
{
    if (!frame->module.len)
        return frame->address >> 63 ? PERF_FRAME_KERNEL : PERF_FRAME_USER;
    if (is_kernel_module(frame->module))
        return PERF_FRAME_KERNEL;
    return is_jit_module(frame->module) ? PERF_FRAME_JIT : PERF_FRAME_USER;
}

bool perf_frame_parse(struct perf_frame *out, const char *line, size_t len)
{
    const char *end = line + len;
    const char *at = skip_blanks(line, end);
    while (end > at && is_blank(end[-1]))
        end--;
    *out = (struct perf_frame){.name = {"", 0}, .module = {"", 0}};
    const char *digits = at;
    for (; at < end && hex_value(*at) >= 0; at++)
        out->address = out->address << 4 | (uint64_t)hex_value(*at);
    if (at == digits || at - digits > 16 || (at < end && !is_blank(*at)))
        return false;
    at = skip_blanks(at, end);
    struct span text = {at, (size_t)(end - at)};
    bool inlined = false;
    if (text.len && end[-1] == ')') {
        ptrdiff_t group = last_group(text.at, text.len);
        if (group >= 0) {
            struct span module = {text.at + group + 1, text.len - (size_t)group - 2};
            text.len = (size_t)group;
            inlined = span_is(module, "inlined");
            module = without_offset(module);
            if (!inlined && !span_is(module, "[unknown]"))
                out->module = module;
        }
    } else if (text.len) {
        ptrdiff_t group = cut_group(text.at, text.len);
        text.len = group >= 0 ? (size_t)group : text.len;
    }
    while (text.len && is_blank(text.at[text.len - 1]))
        text.len--;
    text = without_offset(text);
    if (!span_is(text, "[unknown]"))
        out->name = text;
    out->where = inlined ? PERF_FRAME_INLINED : where_of(out);
    return true;
}

static const char unknown_tail[] = " [unknown] ([unknown])\n";
enum { UNKNOWN_TAIL = sizeof unknown_tail - 1, ADDRESS_DIGITS = 16 };

bool perf_frame_ends_unknown(const char *line, size_t len)
{
    return len > UNKNOWN_TAIL && *line == '\t' &&
           !memcmp(line + len - UNKNOWN_TAIL, unknown_tail, UNKNOWN_TAIL);
}

bool perf_frame_parse_unknown(struct perf_frame *out, const char *line, size_t len)
{
    if (!perf_frame_ends_unknown(line, len))
        return false;
    const char *end = line + len - UNKNOWN_TAIL, *at = skip_blanks(line, end);
    if (at == end || end - at > ADDRESS_DIGITS)
        return false;
    uint64_t address = 0;
    for (; at < end; at++) {
        int value = hex_value(*at);
        if (value < 0)
            return false;
        address = address << 4 | (uint64_t)value;
    }
    *out = (struct perf_frame){.address = address, .name = {"", 0}, .module = {"", 0}};
    out->where = where_of(out);
    return true;
}

bool perf_srcline_parse(struct span *file, uint32_t *number, bool *inlined, const char *line,
                        size_t len)
{
    static const char note_inlined[] = " (inlined)";
    struct span text = {line, len};
    while (text.len && is_blank(text.at[text.len - 1]))
        text.len--;
    *inlined = ends_with(text, note_inlined);
    if (*inlined)
        text.len -= sizeof note_inlined - 1;
    const char *start = skip_blanks(text.at, text.at + text.len);
    text.len -= (size_t)(start - text.at);
    text.at = start;
    *file = (struct span){start, 0};
    *number = 0;
    if (!text.len || start == line)
        return false;
    const char *note = memmem(text.at, text.len, " (discriminator ", 16);
    if (note)
        text.len = (size_t)(note - text.at);
    if (text.at[text.len - 1] == ']' && memrchr(text.at, '[', text.len))
        return true; // "libc.so.6[2724a]"
    size_t at = text.len;
    while (at > 0 && is_digit(text.at[at - 1]))
        at--;
    if (at == text.len || at < 2 || text.at[at - 1] != ':')
        return false;
    uint64_t value;
    read_number(&value, text.at + at, text.at + text.len);
    if (starts_with(text, "??"))
        return true;
    *file = (struct span){text.at, at - 1};
    *number = value > UINT32_MAX ? 0 : (uint32_t)value;
    return true;
}

// "0x4005b1/0x400577/P/-/-/0", with symbols instead of addresses for brstacksym.
static bool is_branch_token(const char *at, const char *end)
{
    size_t slashes = 0;
    for (const char *c = at; c < end; c++)
        slashes += *c == '/';
    if (slashes < 4)
        return false;
    const char *flag = memmem(at, (size_t)(end - at), "/P/", 3);
    flag = flag ? flag : memmem(at, (size_t)(end - at), "/M/", 3);
    flag = flag ? flag : memmem(at, (size_t)(end - at), "/-/", 3);
    return flag && (*at == '0' || is_digit(end[-1]) || end[-1] == '-');
}

bool perf_is_branch_line(const char *line, size_t len)
{
    const char *end = line + len;
    const char *at = skip_blanks(line, end);
    const char *after = token_end(at, end);
    if (at == after)
        return false;
    if (is_branch_token(at, after))
        return true;
    return memmem(line, len, "\tinsn: ", 7) || memmem(line, len, " insn: ", 7) ||
           memmem(line, len, "# PRED", 6) || memmem(line, len, "# MISPRED", 9);
}

bool perf_record_parse(uint64_t *lost, const struct perf_header *header)
{
    struct span rest = header->rest;
    *lost = 0;
    if (starts_with(header->event, "PERF_RECORD_")) // "PERF_RECORD_COMM: sh:12/12"
        return true;
    if (header->event.len || !starts_with(rest, "PERF_RECORD_"))
        return false;
    if (!starts_with(rest, "PERF_RECORD_LOST"))
        return true;
    const char *number = memmem(rest.at, rest.len, " lost ", 6);
    if (number)
        read_number(lost, skip_blanks(number + 6, rest.at + rest.len), rest.at + rest.len);
    return true;
}

bool perf_message_parse(uint64_t *lost, const char *line, size_t len)
{
    static const char *const heads[] = {
        "Warning:",       "Check IO/CPU overload", "Processed ",
        "[ perf record:", "Kernel address maps",   "Couldn't record kernel",
        "addr2line",      "cmd__addr2line"};
    struct span text = {line, len};
    *lost = 0;
    bool known = false;
    for (size_t i = 0; i < sizeof heads / sizeof *heads && !known; i++)
        known = starts_with(text, heads[i]);
    if (!known)
        return false;
    // "Processed 1000 samples and lost 33.60%!": a share of all that there were.
    const char *share = memmem(line, len, " samples and lost ", 18);
    if (share && starts_with(text, "Processed ")) {
        uint64_t all, whole, hundredths = 0;
        read_number(&all, line + 10, line + len);
        const char *dot = read_number(&whole, share + 18, line + len);
        if (dot + 2 < line + len && *dot == '.')
            read_number(&hundredths, dot + 1, dot + 3);
        uint64_t share_e4 = whole * 100 + hundredths; // of 10000
        if (whole < 100 && share_e4 && all < UINT64_MAX / 10000)
            *lost = all * share_e4 / 10000;
    }
    return true;
}
