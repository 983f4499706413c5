// What of `perf script` text was seen before.
#include "proto/perf_known.h"

#include <string.h>

enum { // slots of 24 bytes
    HEADS_MAX = 1 << 14,
    CHAINS_MAX = 1 << 17,
    CALLERS_MAX = 1 << 16,
    LINES_MAX = 1 << 16,
};

void perf_known_init(struct perf_known *known, struct dict *dict)
{
    known->dict = dict;
    known->generation = dict->generation;
    known->event_len = SIZE_MAX;
    memo_init(&known->heads, HEADS_MAX);
    memo_init(&known->chains, CHAINS_MAX);
    memo_init(&known->callers, CALLERS_MAX);
    memo_init(&known->lines, LINES_MAX);
}

void perf_known_dispose(struct perf_known *known)
{
    memo_dispose(&known->heads);
    memo_dispose(&known->chains);
    memo_dispose(&known->callers);
    memo_dispose(&known->lines);
}

void perf_known_check(struct perf_known *known)
{
    if (known->generation == known->dict->generation)
        return;
    known->generation = known->dict->generation;
    known->event_len = SIZE_MAX;
    memo_clear(&known->heads);
    memo_clear(&known->chains);
    memo_clear(&known->callers);
    memo_clear(&known->lines);
}

static bool counts_ns(struct span event)
{
    const char *colon = memchr(event.at, ':', event.len);
    if (colon)
        event.len = (size_t)(colon - event.at);
    return span_is(event, "cpu-clock") || span_is(event, "task-clock");
}

uint32_t perf_event_id(struct dict *dict, struct span name, bool has_period)
{
    struct event event = {.name = dict_string(dict, name.at, name.len)};
    if (has_period && counts_ns(name))
        event.unit = dict_string_z(dict, "ns");
    return dict_event(dict, &event);
}

bool perf_frame_intern(struct dict *dict, struct frame *out, const struct perf_frame *parsed)
{
    static const enum frame_kind kinds[] = {
        [PERF_FRAME_USER] = FRAME_USER,
        [PERF_FRAME_KERNEL] = FRAME_KERNEL,
        [PERF_FRAME_JIT] = FRAME_JIT,
        [PERF_FRAME_INLINED] = FRAME_INLINED,
    };
    bool split = parsed->where == PERF_FRAME_JIT &&
                 memmem(parsed->name.at, parsed->name.len, "->", 2) != NULL;
    *out = (struct frame){
        .name = split ? DICT_EMPTY : dict_string(dict, parsed->name.at, parsed->name.len),
        .module = dict_string(dict, parsed->module.at, parsed->module.len),
        .address = parsed->name.len ? 0 : parsed->address,
        .kind = (uint8_t)kinds[parsed->where],
    };
    return !split && parsed->where != PERF_FRAME_INLINED;
}

// A head's value: thread, CPU. A line's: frame, whether it is unresolved.
static uint64_t pack(uint32_t id, uint16_t small)
{
    return (uint64_t)id << 32 | small;
}

static uint64_t pack_path(const struct perf_path *path)
{
    return (uint64_t)path->node << 32 | (uint32_t)path->frames << 16 | path->unresolved;
}

static struct perf_path unpack_path(uint64_t value)
{
    return (struct perf_path){
        .node = (uint32_t)(value >> 32),
        .frames = (uint16_t)(value >> 16),
        .unresolved = (uint16_t)value,
    };
}

// The same chain under another comm is another path. Only `high` tells them apart, so that the slot
// can be fetched before the thread is known.
static struct hash128 under_comm(struct hash128 key, uint32_t comm)
{
    key.high ^= hash_mix(comm, 0x2545f4914f6cdd1dull);
    return key;
}

// Reads a header that was not seen before. The line must be what the scan took it for.
static bool learn_head(struct perf_known *known, uint64_t *value, const char *text,
                       const struct perf_token *token)
{
    struct perf_header header;
    size_t len = token->chain_at - 1u;
    if (!perf_header_parse(&header, text, len) || !header.padded ||
        header.time_at != token->head_len || header.time_ns != token->time_ns ||
        header.event.at != text + token->event_at || header.event.len != token->event_len ||
        header.period != token->period || header.rest.len)
        return false;
    struct dict *dict = known->dict;
    struct thread thread = {.pid = header.pid, .tid = header.tid};
    thread.comm = dict_string(dict, header.comm.at, header.comm.len);
    dict_comm_node(dict, thread.comm);
    *value = pack(dict_thread(dict, &thread), header.cpu);
    memo_put(&known->heads, token->head, *value);
    return true;
}

static uint32_t event_of(struct perf_known *known, const char *text, const struct perf_token *token)
{
    const char *name = text + token->event_at;
    if (token->event_len != known->event_len || token->has_period != known->event_has_period ||
        memcmp(name, known->event, token->event_len) != 0) {
        known->event_len = token->event_len;
        known->event_has_period = token->has_period;
        memcpy(known->event, name, token->event_len);
        struct span span = {name, token->event_len};
        known->event_id = perf_event_id(known->dict, span, token->has_period);
    }
    return known->event_id;
}

// The frame of a line, newline included; MEMO_EMPTY when it does not stand for itself.
static uint64_t line_frame(struct perf_known *known, const char *line, size_t len,
                           struct hash128 key)
{
    uint64_t value = memo_get(&known->lines, key);
    if (value != MEMO_EMPTY)
        return value;
    struct perf_frame parsed;
    struct frame frame;
    if (*line != '\t' || !perf_frame_parse(&parsed, line, len - 1) ||
        parsed.where == PERF_FRAME_INLINED || !perf_frame_intern(known->dict, &frame, &parsed))
        return MEMO_EMPTY;
    value = pack(dict_frame(known->dict, &frame), frame_is_unresolved(&frame));
    memo_put(&known->lines, key, value);
    return value;
}

// The path of a chain without its leaf, line by line.
static bool read_callers(struct perf_known *known, struct perf_path *out, const char *text,
                         size_t len, uint32_t comm)
{
    size_t count = 0, unresolved = 0;
    for (const char *at = text, *end = text + len; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t line_len = (size_t)(newline + 1 - at);
        struct hash128 key = hash128_bytes(known->dict->seed, at, line_len);
        uint64_t frame = line_frame(known, at, line_len, key);
        if (frame == MEMO_EMPTY || count == PERF_STACK_MAX - 1)
            return false;
        known->frames[count++] = (uint32_t)(frame >> 32);
        unresolved += frame & 1;
        at += line_len;
    }
    uint32_t node = dict_comm_node(known->dict, comm);
    for (size_t i = count; i-- > 0;)
        node = dict_node(known->dict, node, known->frames[i]);
    *out = (struct perf_path){node, (uint16_t)count, (uint16_t)unresolved};
    return true;
}

// A chain not seen before under this comm.
static bool read_chain(struct perf_known *known, struct perf_path *out, const char *text,
                       const struct perf_token *token, uint32_t comm)
{
    const char *chain = text + token->chain_at;
    uint64_t leaf = line_frame(known, chain, token->leaf_len, token->leaf);
    if (leaf == MEMO_EMPTY)
        return false;
    struct hash128 key = under_comm(token->callers, comm);
    uint64_t value = memo_get(&known->callers, key);
    if (value != MEMO_EMPTY) {
        *out = unpack_path(value);
    } else {
        if (!read_callers(known, out, chain + token->leaf_len, token->chain_len - token->leaf_len,
                          comm))
            return false;
        memo_put(&known->callers, key, pack_path(out));
    }
    out->node = dict_node(known->dict, out->node, (uint32_t)(leaf >> 32));
    out->frames++;
    out->unresolved = (uint16_t)(out->unresolved + (leaf & 1));
    return true;
}

enum perf_known_result perf_known_sample(struct perf_known *known, struct sample *sample,
                                         struct perf_path *path, const char *text,
                                         const struct perf_token *token)
{
    uint64_t head = memo_get(&known->heads, token->head);
    if (head == MEMO_EMPTY && !learn_head(known, &head, text, token))
        return PERF_ODD_HEADER;
    uint32_t event = event_of(known, text, token);
    if (event > UINT16_MAX)
        return PERF_ODD_HEADER;
    *sample = (struct sample){
        .time_ns = token->time_ns,
        .value = token->period,
        .thread = (uint32_t)(head >> 32),
        .cpu = (uint16_t)head,
        .event = (uint16_t)event,
    };
    uint32_t comm = known->dict->threads[sample->thread].comm;
    struct hash128 key = under_comm(hash128_join(token->leaf, token->callers), comm);
    uint64_t value = memo_get(&known->chains, key);
    if (value != MEMO_EMPTY) {
        *path = unpack_path(value);
    } else {
        if (!read_chain(known, path, text, token, comm))
            return PERF_ODD_CHAIN;
        memo_put(&known->chains, key, pack_path(path));
    }
    sample->node = path->node;
    return PERF_KNOWN;
}

void perf_known_learn(struct perf_known *known, const struct perf_token *token, uint32_t thread,
                      const struct perf_path *path)
{
    uint32_t comm = known->dict->threads[thread].comm;
    struct hash128 key = under_comm(hash128_join(token->leaf, token->callers), comm);
    if (memo_get(&known->chains, key) == MEMO_EMPTY)
        memo_put(&known->chains, key, pack_path(path));
}
