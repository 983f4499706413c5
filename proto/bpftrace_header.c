// Makes out the fields of a header line.
#include "proto/bpftrace_header.h"

#include "proto/sample.h"

#include <ctype.h>
#include <string.h>

enum { PID_MAX = 4194304, CPU_MAX = 4096 };
#define TIME_MIN_NS 1000000000u // ten digits: more than a second after boot, and no pid

bool bpftrace_number(const char *text, size_t len, uint64_t *out)
{
    uint64_t value = 0;
    if (!len || len > 20)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)text[i]) ||
            __builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}

static void header_clear(struct bpftrace_header *out)
{
    *out = (struct bpftrace_header){
        .time_ns = SAMPLE_NO_TIME, .pid = -1, .tid = -1, .cpu = SAMPLE_NO_CPU};
}

bool bpftrace_header_own(struct bpftrace_header *out, const char *line, size_t len)
{
    if (len < 2 || (line[0] != 'S' && line[0] != 'V') || line[1] != ' ')
        return false;
    uint64_t fields[5]; // nsecs pid tid cpu [value]
    size_t wanted = line[0] == 'V' ? 5 : 4, at = 2;
    for (size_t i = 0; i < wanted; i++) {
        const char *space = memchr(line + at, ' ', len - at);
        if (!space || !bpftrace_number(line + at, (size_t)(space - line) - at, &fields[i]))
            return false;
        at = (size_t)(space - line) + 1;
    }
    if (fields[0] > INT64_MAX || fields[1] > INT32_MAX || fields[2] > INT32_MAX ||
        fields[3] >= CPU_MAX)
        return false;
    *out = (struct bpftrace_header){
        .time_ns = (int64_t)fields[0],
        .pid = (int32_t)fields[1],
        .tid = (int32_t)fields[2],
        .cpu = (uint16_t)fields[3],
        .value = wanted == 5 ? fields[4] : 1,
        .has_value = wanted == 5,
        .comm = line + at,
        .comm_len = len - at,
    };
    return true;
}

enum { TOKENS_MAX = 64 };

enum token_kind { TOKEN_WORD, TOKEN_NUMBER, TOKEN_NAMED };

struct token {
    const char *text;
    size_t len;
    uint64_t number;
    enum token_kind kind;
};

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

static void take_number(struct bpftrace_header *out, uint64_t value, int64_t near_ns)
{
    if (value >= TIME_MIN_NS) {
        uint64_t near = near_ns == SAMPLE_NO_TIME ? INT64_MAX : (uint64_t)near_ns;
        if (value <= INT64_MAX && (out->time_ns == SAMPLE_NO_TIME ||
                                   distance(value, near) < distance((uint64_t)out->time_ns, near)))
            out->time_ns = (int64_t)value;
    } else if (value > PID_MAX) {
        return;
    } else if (out->pid < 0) {
        out->pid = (int32_t)value;
    } else if (out->tid < 0 && value >= (uint64_t)out->pid) {
        out->tid = (int32_t)value;
    } else if (out->cpu == SAMPLE_NO_CPU && value < CPU_MAX) {
        out->cpu = (uint16_t)value;
    }
}

// "pid=12". True when the name is one of ours.
static bool take_named(struct bpftrace_header *out, const char *word, size_t len)
{
    size_t name = 0;
    while (name < len && word[name] != '=' && word[name] != ':')
        name++;
    if (name == len)
        return false;
    const char *text = word + name + 1;
    size_t text_len = len - name - 1;
#define NAMED(literal) (name == sizeof literal - 1 && !memcmp(word, literal, sizeof literal - 1))
    if (NAMED("comm") && text_len) {
        out->comm = text;
        out->comm_len = text_len;
        return true;
    }
    uint64_t value;
    if (!bpftrace_number(text, text_len, &value))
        return false;
    if ((NAMED("pid") || NAMED("tid")) && value <= PID_MAX)
        *(word[0] == 'p' ? &out->pid : &out->tid) = (int32_t)value;
    else if (NAMED("cpu") && value < CPU_MAX)
        out->cpu = (uint16_t)value;
    else if ((NAMED("nsecs") || NAMED("time") || NAMED("ts")) && value <= INT64_MAX)
        out->time_ns = (int64_t)value;
    else if (NAMED("value") || NAMED("bytes") || NAMED("ns"))
        out->value = value, out->has_value = true;
    else
        return false;
#undef NAMED
    return true;
}

static size_t split(struct token *tokens, const char *line, size_t len)
{
    static const char SEPARATORS[] = " \t\n,;";
    size_t count = 0;
    for (size_t at = 0; at < len && count < TOKENS_MAX;) {
        if (memchr(SEPARATORS, line[at], sizeof SEPARATORS - 1)) {
            at++;
            continue;
        }
        size_t end = at;
        while (end < len && !memchr(SEPARATORS, line[end], sizeof SEPARATORS - 1))
            end++;
        tokens[count++] = (struct token){.text = line + at, .len = end - at};
        at = end;
    }
    return count;
}

// "[12]": a CPU, as perf and many scripts print it.
static bool is_cpu(const struct token *token, uint64_t *out)
{
    return token->len > 2 && token->text[0] == '[' && token->text[token->len - 1] == ']' &&
           bpftrace_number(token->text + 1, token->len - 2, out) && *out < CPU_MAX;
}

// "12", "[12]", "(12)", "12:".
static bool is_number(const struct token *token, uint64_t *out)
{
    const char *text = token->text;
    size_t len = token->len;
    if (len > 1 && (text[0] == '[' || text[0] == '('))
        text++, len--;
    if (len > 1 && strchr("]):", text[len - 1]))
        len--;
    return bpftrace_number(text, len, out);
}

// The comm: from the first word to the last before a time or a name=value, numbers between them
// included. Returns the token after it.
static size_t comm_end(const struct token *tokens, size_t first, size_t count)
{
    size_t end = first;
    for (size_t i = first; i < count; i++) {
        bool stops = tokens[i].kind == TOKEN_NAMED ||
                     (tokens[i].kind == TOKEN_NUMBER && tokens[i].number >= TIME_MIN_NS);
        if (stops)
            break;
        if (tokens[i].kind == TOKEN_WORD)
            end = i + 1;
    }
    return end;
}

void bpftrace_header_guess(struct bpftrace_header *out, const char *line, size_t len,
                           int64_t near_ns)
{
    struct token tokens[TOKENS_MAX];
    header_clear(out);
    size_t skip = len > 2 && isupper((unsigned char)line[0]) && line[1] == ' ' ? 2 : 0;
    size_t count = split(tokens, line + skip, len - skip), first = count;
    for (size_t i = count; i-- > 0;) {
        struct token *token = tokens + i;
        uint64_t cpu;
        if (is_cpu(token, &cpu)) {
            out->cpu = (uint16_t)cpu;
            token->kind = TOKEN_NAMED;
            continue;
        }
        token->kind = is_number(token, &token->number)           ? TOKEN_NUMBER
                      : take_named(out, token->text, token->len) ? TOKEN_NAMED
                                                                 : TOKEN_WORD;
        if (token->kind == TOKEN_WORD)
            first = i;
    }
    size_t end = comm_end(tokens, first, count);
    if (!out->comm && first < end) {
        out->comm = tokens[first].text;
        out->comm_len = (size_t)(tokens[end - 1].text + tokens[end - 1].len - out->comm);
    }
    for (size_t i = 0; i < count; i++) {
        if (tokens[i].kind == TOKEN_NUMBER && (i < first || i >= end))
            take_number(out, tokens[i].number, near_ns);
    }
    if (out->tid < 0)
        out->tid = out->pid;
}
